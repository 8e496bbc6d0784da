-- What the policy tables refuse, and that a refused edit changes nothing.
--
-- Messages are shown without their details: those of a constraint show the
-- whole row, with the time of the edit in it.
\pset null '(null)'
CREATE TEMP TABLE classes_before AS TABLE governor.classes;
CREATE TEMP TABLE rules_before AS TABLE governor.rules;
SELECT governor.reload() AS generation_before \gset
\set VERBOSITY terse

-- Classes: names, modes, numbers.
INSERT INTO governor.classes (name) VALUES ('');
INSERT INTO governor.classes (name) VALUES ('Functions');
INSERT INTO governor.classes (name) VALUES ('my-functions');
INSERT INTO governor.classes (name) VALUES ('1st');
INSERT INTO governor.classes (name) VALUES (E'functions\n');
INSERT INTO governor.classes (name) VALUES (repeat('x', 64));
INSERT INTO governor.classes (name) VALUES (NULL);
INSERT INTO governor.classes (name, mode) VALUES ('workers', 'on');
INSERT INTO governor.classes (name, mode) VALUES ('workers', 'OFF');
INSERT INTO governor.classes (name, mode) VALUES ('workers', '');
INSERT INTO governor.classes (name, keep_warm) VALUES ('workers', -1);
INSERT INTO governor.classes (name, keep_warm) VALUES ('workers', 262144);
INSERT INTO governor.classes (name, keep_warm) VALUES ('workers', NULL);
INSERT INTO governor.classes (name, reclaim_rate) VALUES ('workers', 0);
INSERT INTO governor.classes (name, reclaim_rate) VALUES ('workers', -1);
INSERT INTO governor.classes (name, reclaim_rate) VALUES ('workers', 100001);
INSERT INTO governor.classes (name, reclaim_rate) VALUES ('workers', 'NaN');
INSERT INTO governor.classes (name, reclaim_rate) VALUES ('workers', 'Infinity');
SET client_min_messages = error;
INSERT INTO governor.classes (name, max_sessions) VALUES ('workers', 0);
INSERT INTO governor.classes (name, max_sessions) VALUES ('workers', 262144);
UPDATE governor.classes SET max_sessions = -1 WHERE name = 'default';
RESET client_min_messages;
-- A good one says what it does not do yet, when it is new.
BEGIN;
INSERT INTO governor.classes (name, max_sessions) VALUES ('workers', 1);
UPDATE governor.classes SET max_sessions = 262143 WHERE name = 'workers';
UPDATE governor.classes SET max_sessions = 262143 WHERE name = 'workers';
UPDATE governor.classes SET max_sessions = NULL WHERE name = 'workers';
ROLLBACK;

-- Durations.  Only the newest servers know infinity; the longest that others write is as far.
SELECT CASE WHEN current_setting('server_version_num')::integer >= 170000 THEN 'infinity' ELSE '100000000 days' END AS infinity \gset
UPDATE governor.classes SET idle_timeout = '-1 s' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout = '0' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout = '1 month' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout = '1 year' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout = '1 month -29 days' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout = '10000 days 1 microsecond' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout = '100000 days' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout = :'infinity' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout = ('-' || :'infinity')::interval WHERE name = 'function';
UPDATE governor.classes SET idle_timeout_floor = '-1 s' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout_floor = '0' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout_floor = '1 month' WHERE name = 'function';
UPDATE governor.classes SET idle_timeout_floor = :'infinity' WHERE name = 'function';
UPDATE governor.classes SET idle_in_transaction_timeout = '-1 s' WHERE name = 'function';
UPDATE governor.classes SET idle_in_transaction_timeout = '0' WHERE name = 'function';
UPDATE governor.classes SET idle_in_transaction_timeout = '1 month' WHERE name = 'function';
UPDATE governor.classes SET idle_in_transaction_timeout = :'infinity' WHERE name = 'function';
UPDATE governor.classes SET transaction_timeout = '-1 s' WHERE name = 'function';
UPDATE governor.classes SET transaction_timeout = '0' WHERE name = 'function';
UPDATE governor.classes SET transaction_timeout = '1 month' WHERE name = 'function';
UPDATE governor.classes SET transaction_timeout = :'infinity' WHERE name = 'function';
UPDATE governor.classes SET max_lifetime = '-1 s' WHERE name = 'function';
UPDATE governor.classes SET max_lifetime = '0' WHERE name = 'function';
UPDATE governor.classes SET max_lifetime = '1 month' WHERE name = 'function';
UPDATE governor.classes SET max_lifetime = :'infinity' WHERE name = 'function';

-- Admission.
UPDATE governor.classes SET reserved_sessions = -1 WHERE name = 'function';
UPDATE governor.classes SET reserved_sessions = 262144 WHERE name = 'function';
UPDATE governor.classes SET reserved_sessions = NULL WHERE name = 'function';
UPDATE governor.classes SET queue_limit = -1 WHERE name = 'function';
UPDATE governor.classes SET queue_limit = NULL WHERE name = 'function';
UPDATE governor.classes SET queue_timeout = '-1 s' WHERE name = 'function';
UPDATE governor.classes SET queue_timeout = '25 h' WHERE name = 'function';
UPDATE governor.classes SET queue_timeout = '1 month -30 days' WHERE name = 'function';
UPDATE governor.classes SET queue_timeout = NULL WHERE name = 'function';
UPDATE governor.classes SET max_active = 0 WHERE name = 'function';
UPDATE governor.classes SET max_active = 262144 WHERE name = 'function';
UPDATE governor.classes SET gate_timeout = '-1 s' WHERE name = 'function';
UPDATE governor.classes SET gate_timeout = '25 h' WHERE name = 'function';
UPDATE governor.classes SET gate_timeout = '1 month -30 days' WHERE name = 'function';
UPDATE governor.classes SET gate_timeout = NULL WHERE name = 'function';
UPDATE governor.classes SET evict_after = '-1 s' WHERE name = 'function';
UPDATE governor.classes SET evict_after = :'infinity' WHERE name = 'function';
UPDATE governor.classes SET paused = NULL WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = 'fast' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '150' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '0/1s' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '1000001/1s' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '1/100000s' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '1/1d' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '1/1s,' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '1/1s,2/2s,3/3s,4/4s,5/5s' WHERE name = 'function';
BEGIN;
SET LOCAL client_min_messages = warning;
UPDATE governor.classes SET connect_rate = '150/1s, 6000 / 60s,1000000/99999h,1/ms', queue_limit = 0, queue_timeout = '0',
	evict_after = '0', reserved_sessions = 7, paused = true,
	max_active = 262143, gate_timeout = '1 day' WHERE name = 'function';
SELECT connect_rate, queue_limit, queue_timeout, evict_after, reserved_sessions, paused, max_active, gate_timeout FROM governor.classes WHERE name = 'function';
-- what this server cannot give is warned about
UPDATE governor.classes SET reserved_sessions = 200000 WHERE name = 'function';
ROLLBACK;

-- Rules.
\set VERBOSITY default
INSERT INTO governor.rules (position, class) VALUES (1, 'nosuch');
UPDATE governor.rules SET class = 'nosuch' WHERE position = 1000;
INSERT INTO governor.rules (position, class) VALUES (1, 'function'), (1, 'default');
\set VERBOSITY terse
INSERT INTO governor.rules (position, class) VALUES (1, NULL);
INSERT INTO governor.rules (position, class) VALUES (NULL, 'function');
INSERT INTO governor.rules (position, class) VALUES (-1, 'function');
SET client_min_messages = error;
INSERT INTO governor.rules (position, class, role) VALUES (1, 'function', '');
INSERT INTO governor.rules (position, class, role) VALUES (1, 'function', '+');
INSERT INTO governor.rules (position, class, role) VALUES (1, 'function', repeat('x', 64));
INSERT INTO governor.rules (position, class, role) VALUES (1, 'function', '+' || repeat('x', 64));
RESET client_min_messages;
INSERT INTO governor.rules (position, class, database) VALUES (1, 'function', '');
INSERT INTO governor.rules (position, class, database) VALUES (1, 'function', repeat('x', 64));
INSERT INTO governor.rules (position, class, client_addr) VALUES (1, 'function', '10.1.2.3/8');
INSERT INTO governor.rules (position, class, platform) VALUES (1, 'function', 'Lambda');
INSERT INTO governor.rules (position, class, platform) VALUES (1, 'function', repeat('x', 64));
INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'function', repeat('x', 128));
INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'function', E'\303\251' || repeat('x', 126));
INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'function', 'cron\');
INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'function', '\');
INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'function', 'cron\\\');
INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'function', E'a\nb\\');
INSERT INTO governor.rules (position, class, function) VALUES (1, 'function', repeat('x', 128));
INSERT INTO governor.rules (position, class, function) VALUES (1, 'function', 'check\');
UPDATE governor.rules SET enabled = NULL WHERE position = 1000;

-- A class that rules lead to.
BEGIN;
INSERT INTO governor.classes (name) VALUES ('workers');
INSERT INTO governor.rules (position, class) VALUES (1, 'workers');
DELETE FROM governor.classes WHERE name = 'workers';
ROLLBACK;

-- Limits.
\set VERBOSITY default
INSERT INTO governor.classes (name) SELECT 'class_' || i FROM generate_series(1, 63) AS i;
INSERT INTO governor.rules (position, class) SELECT 2000 + i, 'function' FROM generate_series(1, 255) AS i;
BEGIN;
INSERT INTO governor.classes (name) SELECT 'class_' || i FROM generate_series(1, 62) AS i;
INSERT INTO governor.rules (position, class, enabled) SELECT 2000 + i, 'function', false FROM generate_series(1, 254) AS i;
SELECT (SELECT count(*) FROM governor.classes) AS classes, (SELECT count(*) FROM governor.rules) AS rules;
SAVEPOINT is_full;
INSERT INTO governor.classes (name) VALUES ('class_63');
ROLLBACK TO is_full;
INSERT INTO governor.rules (position, class) VALUES (3000, 'class_62');
ROLLBACK TO is_full;
-- full it works as any other
UPDATE governor.rules SET class = 'class_62', application_name = 'last', enabled = true WHERE position = 2254;
SELECT class, rule FROM governor.classify(NULL, NULL, 'last', NULL);
ROLLBACK;

-- All of this was refused or rolled back: nothing has changed.
(TABLE governor.classes EXCEPT TABLE classes_before) UNION ALL (TABLE classes_before EXCEPT TABLE governor.classes);
(TABLE governor.rules EXCEPT TABLE rules_before) UNION ALL (TABLE rules_before EXCEPT TABLE governor.rules);
SELECT governor.reload() = :generation_before AS same_generation;
SELECT policy_error FROM governor.status;

-- What is still good, at the edge of it.
BEGIN;
INSERT INTO governor.classes (name, idle_timeout, idle_timeout_floor, idle_in_transaction_timeout, max_lifetime, keep_warm, reclaim_rate) VALUES
	('x', '1 microsecond', '1 microsecond', '1 microsecond', '1 microsecond', 0, 0.001),
	(repeat('x', 63), '10000 days', '10000 days', '9999 days 24:00:00', '10000 days', 262143, 100000),
	('a_1_', '-1 day +25 hours', '1 min', '01:00', 'PT1M', 1, 0.5);
INSERT INTO governor.rules (position, class, database, application_name, platform, function) VALUES
	(0, 'x', repeat('x', 63), repeat('x', 127), repeat('x', 63), repeat('x', 127)),
	(1, 'x', NULL, 'cron\\', '', 'check\%');
INSERT INTO governor.rules (position, class) VALUES (2147483647, 'x');
SELECT count(*) FROM governor.rules;
SELECT class, rule FROM governor.classify(NULL, NULL, NULL, NULL);
SELECT class, rule FROM governor.classify(NULL, NULL, 'cron\', NULL);
ROLLBACK;

-- A class with sessions in it stays.
CREATE ROLE regress_gov_admin LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON governor.classes, governor.rules TO regress_gov_admin;
INSERT INTO governor.classes (name) VALUES ('admins');
INSERT INTO governor.rules (position, class, role) VALUES (1, 'admins', 'regress_gov_admin');
SELECT governor.reload() > 0 AS loaded;
SELECT current_user AS superuser \gset
\c - regress_gov_admin
SELECT class FROM governor.sessions WHERE pid = pg_backend_pid();
DELETE FROM governor.classes WHERE name = 'admins';
-- not even with its rules, in one transaction: until that commits the session is in it
BEGIN;
DELETE FROM governor.rules WHERE position = 1;
DELETE FROM governor.classes WHERE name = 'admins';
ROLLBACK;
SELECT name FROM governor.classes WHERE name = 'admins';
SELECT position, class FROM governor.rules WHERE position = 1;
-- as the hint says; a commit loads the policy by itself, and moves the session
UPDATE governor.rules SET class = 'function' WHERE position = 1;
SELECT wait_for($$(SELECT class = 'function' FROM governor.sessions WHERE pid = pg_backend_pid())$$);
DELETE FROM governor.classes WHERE name = 'admins';
DELETE FROM governor.rules WHERE position = 1;
SELECT wait_for($$(SELECT class = 'default' FROM governor.sessions WHERE pid = pg_backend_pid())$$);
SELECT name FROM governor.classes ORDER BY name;

-- A class that gets another name takes its sessions along.
INSERT INTO governor.classes (name) VALUES ('admins');
INSERT INTO governor.rules (position, class, role) VALUES (1, 'admins', 'regress_gov_admin');
SELECT wait_for($$(SELECT class = 'admins' FROM governor.sessions WHERE pid = pg_backend_pid())$$);
UPDATE governor.classes SET name = 'operators' WHERE name = 'admins';
SELECT wait_for($$(SELECT class = 'operators' FROM governor.sessions WHERE pid = pg_backend_pid())$$);
SELECT class, rule FROM governor.sessions WHERE pid = pg_backend_pid();

\c - :superuser
DELETE FROM governor.rules WHERE position = 1;
SELECT governor.reload() > 0 AS loaded;
DELETE FROM governor.classes WHERE name = 'operators';
REVOKE ALL ON governor.classes, governor.rules FROM regress_gov_admin;
DROP ROLE regress_gov_admin;
SELECT governor.reload() > 0 AS loaded;
