-- What becomes of rows: those that are shipped, who changed what, and where it counts.
\pset null '(null)'
SELECT current_user AS superuser, current_database() AS policy_database \gset

-- An edit makes a shipped row one's own, and says who did it when.
BEGIN;
UPDATE governor.classes SET idle_timeout = '2 min' WHERE name = 'function';
SELECT name, idle_timeout, shipped, changed_by = session_user AS changed_by_me, changed_at = now() AS changed_now FROM governor.classes ORDER BY name;
UPDATE governor.rules SET enabled = false WHERE position = 1010;
SELECT position, enabled, shipped FROM governor.rules ORDER BY position;
-- nobody writes these himself
INSERT INTO governor.classes (name, changed_by, changed_at, shipped) VALUES ('workers', 'somebody', 'epoch', true);
UPDATE governor.classes SET changed_by = NULL, changed_at = 'epoch', shipped = true WHERE name = 'function';
SELECT name, shipped, changed_by = session_user AS changed_by_me, changed_at = now() AS changed_now FROM governor.classes ORDER BY name;
INSERT INTO governor.rules (position, class, shipped) VALUES (1, 'workers', true);
UPDATE governor.rules SET shipped = true WHERE position = 1010;
SELECT position, shipped FROM governor.rules ORDER BY position;
ROLLBACK;

-- It is the login that is remembered, not the role it took on.
BEGIN;
CREATE ROLE regress_gov_editor;
GRANT SELECT, UPDATE ON governor.classes TO regress_gov_editor;
SET LOCAL ROLE regress_gov_editor;
UPDATE governor.classes SET description = 'edited' WHERE name = 'function';
SELECT changed_by = session_user AS login, changed_by = current_user AS role FROM governor.classes WHERE name = 'function';
ROLLBACK;

-- A shipped row stays, edited or not.
DELETE FROM governor.classes WHERE name = 'function';
DELETE FROM governor.classes WHERE name = 'default';
DELETE FROM governor.rules WHERE position = 1000;
DELETE FROM governor.rules;
BEGIN;
UPDATE governor.rules SET application_name = 'other' WHERE position = 1010;
DELETE FROM governor.rules WHERE position = 1010;
ROLLBACK;
\set VERBOSITY terse
TRUNCATE governor.rules;
TRUNCATE governor.classes, governor.rules;
TRUNCATE governor.classes CASCADE;
\set VERBOSITY default
UPDATE governor.classes SET name = 'lambda' WHERE name = 'function';
UPDATE governor.classes SET name = NULL WHERE name = 'default';
UPDATE governor.rules SET position = 10 WHERE position = 1000;
-- a row that is not shipped takes no shipped key
BEGIN;
INSERT INTO governor.classes (name) VALUES ('workers');
\set VERBOSITY terse
UPDATE governor.classes SET name = 'function' WHERE name = 'workers';
ROLLBACK;
BEGIN;
INSERT INTO governor.rules (position, class) VALUES (10, 'function');
UPDATE governor.rules SET position = 1000 WHERE position = 10;
\set VERBOSITY default
ROLLBACK;
SELECT name, shipped FROM governor.classes ORDER BY name;
SELECT position, shipped FROM governor.rules ORDER BY position;

-- What is not shipped comes, is renamed and goes; rules follow the name of their class.
BEGIN;
INSERT INTO governor.classes (name, idle_timeout) VALUES ('workers', '1 min');
INSERT INTO governor.rules (position, class, application_name) VALUES (10, 'workers', 'worker-%');
UPDATE governor.classes SET name = 'jobs' WHERE name = 'workers';
UPDATE governor.rules SET position = 11 WHERE position = 10;
SELECT class, rule FROM governor.classify(NULL, NULL, 'worker-7', NULL);
DELETE FROM governor.rules WHERE position = 11;
DELETE FROM governor.classes WHERE name = 'jobs';
SELECT class, rule FROM governor.classify(NULL, NULL, 'worker-7', NULL);
ROLLBACK;

-- A person who inserts a shipped key edits the row, and only where a value is given.
BEGIN;
INSERT INTO governor.classes (name, idle_timeout) VALUES ('function', '7 s')
	ON CONFLICT (name) DO UPDATE SET idle_timeout = excluded.idle_timeout;
SELECT mode, max_sessions > 0 AS capped, idle_timeout, idle_timeout_floor, idle_in_transaction_timeout, keep_warm, shipped
FROM governor.classes WHERE name = 'function';
INSERT INTO governor.rules (position, class, enabled) VALUES (1000, 'function', false) ON CONFLICT DO NOTHING;
SELECT position, class, application_name, function, enabled, shipped FROM governor.rules WHERE position = 1000;
ROLLBACK;

-- A dump brings edited shipped rows back: their key is there already, so they take the row over.
BEGIN;
SET LOCAL client_min_messages = warning;
INSERT INTO governor.classes (name, mode, max_sessions, reserved_sessions, queue_limit, queue_timeout, connect_rate,
	evict_after, max_active, gate_timeout, idle_timeout, idle_timeout_floor, idle_in_transaction_timeout,
	idle_blocker_timeout, transaction_timeout, max_lifetime, unresponsive_timeout, sessions_per_instance, keep_warm,
	reclaim_rate, paused, breaker, settings, description, changed_by, changed_at, shipped) VALUES
	('function', 'enforce', 7, 0, 0, '0', '75/1s',
	'0', 6, '0', '11 s', '12 s', '13 s',
	'500 ms', '13500 ms', '14 s', '15 s', 3, 15,
	16, false, NULL, '{work_mem=5MB,"DateStyle=ISO, DMY"}', 'restored', 'somebody', 'epoch', false);
SELECT name, mode, max_sessions, reserved_sessions, queue_limit, queue_timeout, connect_rate, evict_after, max_active,
	gate_timeout, idle_timeout, idle_timeout_floor, idle_in_transaction_timeout
FROM governor.classes WHERE name = 'function';
SELECT idle_blocker_timeout, transaction_timeout, max_lifetime, unresponsive_timeout, sessions_per_instance, keep_warm,
	reclaim_rate, paused, breaker, settings, description, changed_by = session_user AS changed_by_me, shipped
FROM governor.classes WHERE name = 'function';
INSERT INTO governor.rules (position, class, role, database, application_name, client_addr, platform, function, enabled, shipped) VALUES
	(1000, 'default', 'pg_monitor', 'shop', 'a%', '10.0.0.0/8', 'lambda', 'b%', false, false);
SELECT * FROM governor.rules ORDER BY position;
-- by COPY, as a dump has it
COPY governor.rules (position, class, application_name) FROM stdin;
1010	default	copied
20	function	new
\.
SELECT position, class, application_name, enabled, shipped FROM governor.rules ORDER BY position;
-- but no row is taken over twice: now it is one's own
\set VERBOSITY terse
SAVEPOINT own;
INSERT INTO governor.classes (name) VALUES ('function');
ROLLBACK TO own;
INSERT INTO governor.rules (position, class) VALUES (1010, 'function');
\set VERBOSITY default
ROLLBACK;

-- Triggers are on for replication and restores, too.
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE governor.classes SET description = 'replicated' WHERE name = 'function';
SELECT shipped FROM governor.classes WHERE name = 'function';
DELETE FROM governor.rules WHERE position = 1000;
ROLLBACK;

-- A prepared transaction would be committed by somebody else: refused.
BEGIN;
UPDATE governor.classes SET description = 'prepared' WHERE name = 'function';
PREPARE TRANSACTION 'regress_gov';
SELECT description, shipped FROM governor.classes WHERE name = 'function';
SELECT count(*) AS prepared FROM pg_prepared_xacts;
-- one that leaves the policy alone is none of ours
BEGIN;
CREATE TABLE regress_gov_prepared (i integer);
PREPARE TRANSACTION 'regress_gov';
ROLLBACK PREPARED 'regress_gov';

-- reload() inside a transaction that changes the policy loads what is committed, and says so.
BEGIN;
UPDATE governor.classes SET description = 'uncommitted' WHERE name = 'function';
SELECT governor.reload() > 0 AS loaded;
ROLLBACK;

-- The loader reads the tables as they are, whatever the database makes of a session.
SELECT format('ALTER DATABASE %I SET search_path = nowhere', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()) \gexec
SELECT governor.reload() > 0 AS loaded;
SELECT policy_error FROM governor.status;
SELECT format('ALTER DATABASE %I RESET search_path', current_database()) \gexec
SELECT format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()) \gexec

-- What the server does not have is a warning, and stands in status until it is mended.
INSERT INTO governor.rules (position, class, role) VALUES (10, 'function', 'regress_gov_absent');
SELECT governor.reload() > 0 AS loaded;
SELECT policy_error FROM governor.status;
CREATE ROLE regress_gov_absent;
SELECT governor.reload() > 0 AS loaded;
SELECT policy_error FROM governor.status;
SELECT class, rule FROM governor.classify('regress_gov_absent', NULL, NULL, NULL);
DELETE FROM governor.rules WHERE position = 10;
DROP ROLE regress_gov_absent;
SELECT governor.reload() > 0 AS loaded;

-- A policy that cannot be loaded leaves the last good one in force.
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO governor.rules (position, class, application_name) VALUES (10, 'nosuch', 'worker-%'), (11, 'function', 'worker-%');
SELECT class FROM governor.classify(NULL, NULL, 'worker-7', NULL);
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO governor.rules (position, class, application_name) VALUES (10, 'nosuch', 'worker-%'), (11, 'function', 'worker-%');
COMMIT;
DO $$
DECLARE
	details text;
	hints text;
BEGIN
	PERFORM governor.reload();
EXCEPTION WHEN object_not_in_prerequisite_state THEN
	GET STACKED DIAGNOSTICS details = PG_EXCEPTION_DETAIL, hints = PG_EXCEPTION_HINT;
	RAISE NOTICE '%', SQLERRM USING DETAIL = details, HINT = regexp_replace(hints, '\d+', 'N');
END $$;
SELECT policy_error FROM governor.status;
SELECT class, rule FROM governor.classify(NULL, NULL, 'worker-7', NULL);
DELETE FROM governor.rules WHERE position = 10;
SELECT governor.reload() > 0 AS loaded;
SELECT policy_error FROM governor.status;
SELECT class, rule FROM governor.classify(NULL, NULL, 'worker-7', NULL);
DELETE FROM governor.rules WHERE position = 11;
SELECT governor.reload() > 0 AS loaded;

-- In another database edits are kept, and are not in force.
CREATE DATABASE regress_gov_other;
\c regress_gov_other
CREATE EXTENSION pg_governor;
INSERT INTO governor.classes (name) VALUES ('workers');
INSERT INTO governor.rules (position, class, application_name) VALUES (10, 'workers', 'worker-%');
UPDATE governor.classes SET idle_timeout = '1 min' WHERE name = 'workers';
SELECT name, idle_timeout FROM governor.classes ORDER BY name;
SELECT class, rule FROM governor.classify(NULL, NULL, 'worker-7', NULL);
-- functions and views work everywhere
SELECT class, rule FROM governor.classify(NULL, NULL, 'faas:lambda', NULL);
SELECT class FROM governor.admission ORDER BY class;
SELECT governor.reload() > 0 AS loaded;
-- what is refused is refused here, too
DELETE FROM governor.rules WHERE position = 1000;
\c :policy_database
SELECT mode FROM governor.status;
DROP DATABASE regress_gov_other;
SELECT name, shipped FROM governor.classes ORDER BY name;
SELECT position, shipped FROM governor.rules ORDER BY position;
