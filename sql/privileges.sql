-- Who may see and do what.
\pset null '(null)'
SELECT current_user AS superuser, current_database() AS policy_database \gset
CREATE ROLE regress_gov_plain;
CREATE ROLE regress_gov_reader IN ROLE pg_monitor;
CREATE ROLE regress_gov_app LOGIN IN ROLE regress_gov_plain, regress_gov_reader;

-- A role without rights: functions.
SET ROLE regress_gov_plain;
SELECT class FROM governor.classify('regress_gov_plain', NULL, 'faas:lambda', NULL);
SELECT governor.reload();
SELECT governor.reset_stats();
SELECT governor.policy_row();
SELECT governor.policy_changed();
SELECT count(*) >= 1 AS sessions FROM governor.sessions();
SELECT count(*) AS classes FROM governor.admission();
SELECT count(*) AS classes FROM governor.stat_classes();
SELECT count(*) >= 1 AS events FROM governor.events();
SELECT count(*) AS status FROM governor.status();
-- tables
SELECT count(*) FROM governor.classes;
SELECT count(*) FROM governor.rules;
INSERT INTO governor.classes (name) VALUES ('mine');
UPDATE governor.classes SET mode = 'off';
DELETE FROM governor.classes;
TRUNCATE governor.classes;
INSERT INTO governor.rules (position, class) VALUES (1, 'function');
UPDATE governor.rules SET enabled = false;
DELETE FROM governor.rules;
TRUNCATE governor.rules;
-- views
SELECT class, mode FROM governor.admission ORDER BY class;
SELECT class, refused FROM governor.stat_classes ORDER BY class;
SELECT mode, policy_error FROM governor.status;
\set VERBOSITY terse
UPDATE governor.status SET mode = 'off';
\set VERBOSITY default
-- and nothing is put beside them
CREATE TABLE governor.mine (i integer);
CREATE FUNCTION governor.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1';
-- a trigger function is of no use on a table of one's own either
CREATE TEMP TABLE classes (LIKE pg_am);
CREATE TRIGGER mine BEFORE INSERT ON classes FOR EACH ROW EXECUTE FUNCTION governor.policy_row();
DROP TABLE classes;
RESET ROLE;

-- pg_monitor reads the policy, and changes nothing.
SET ROLE regress_gov_reader;
SELECT name FROM governor.classes ORDER BY name;
SELECT position, class FROM governor.rules ORDER BY position;
UPDATE governor.classes SET mode = 'off';
SELECT governor.reload();
SELECT governor.reset_stats();
RESET ROLE;

-- reload and reset_stats can be granted.
GRANT EXECUTE ON FUNCTION governor.reload(), governor.reset_stats() TO regress_gov_plain;
SET ROLE regress_gov_plain;
SELECT governor.reload() > 0 AS loaded;
SELECT governor.reset_stats();
RESET ROLE;
REVOKE EXECUTE ON FUNCTION governor.reload(), governor.reset_stats() FROM regress_gov_plain;

-- What a role sees of a session: its own whole, of another's these columns only.
\set session 'SELECT pid = pg_backend_pid() AS pid, datname = current_database() AS datname, usename, application_name, client_addr, client_port, class, rule, platform, function, version, instance FROM governor.sessions WHERE pid = pg_backend_pid();'
\set session_2 'SELECT backend_start IS NOT NULL AS backend_start, state, state_since IS NOT NULL AS state_since, idle_for, transaction_for IS NOT NULL AS transaction_for, waiting, peer, verdict, stale_at, lease_until, blocks, snapshot_age >= 0 AS snapshot_age FROM governor.sessions WHERE pid = pg_backend_pid();'
\c -reuse-previous=on "user=regress_gov_app application_name='faas:lambda:checkout:v7:i-1'"
:session
:session_2
SET ROLE regress_gov_plain;
:session
:session_2
SET ROLE regress_gov_reader;
:session
:session_2
RESET ROLE;
\c -reuse-previous=on "application_name=regress"
\c - :superuser
-- of a superuser's there is no class to be seen
SET ROLE regress_gov_plain;
SELECT usename = session_user AS superuser, client_port, class, rule, state, verdict FROM governor.sessions WHERE pid = pg_backend_pid();
RESET ROLE;

-- Policy can be given into other hands: rights on the tables are enough, for the triggers' own queries too.
CREATE ROLE regress_gov_admin LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON governor.classes, governor.rules TO regress_gov_admin;
CREATE ROLE regress_gov_writer LOGIN;
GRANT INSERT ON governor.rules TO regress_gov_writer;
\c - regress_gov_admin
BEGIN;
INSERT INTO governor.classes (name, idle_timeout) VALUES ('workers', '1 min');
INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'workers', 'worker-%');
SELECT class, rule FROM governor.classify(NULL, NULL, 'worker-7', NULL);
SELECT name, changed_by, shipped FROM governor.classes WHERE name = 'workers';
UPDATE governor.classes SET name = 'jobs' WHERE name = 'workers';
DELETE FROM governor.rules WHERE class = 'jobs';
DELETE FROM governor.classes WHERE name = 'jobs';
-- a shipped row taken over, as by a restore
INSERT INTO governor.rules (position, class, application_name) VALUES (1010, 'default', 'taken over');
SELECT position, class, application_name, shipped FROM governor.rules ORDER BY position;
SAVEPOINT here;
DELETE FROM governor.rules WHERE position = 1010;
ROLLBACK TO here;
INSERT INTO governor.rules (position, class) SELECT 2000 + i, 'function' FROM generate_series(1, 255) AS i;
ROLLBACK;
INSERT INTO governor.rules (position, class, role) VALUES (1, 'function', 'regress_gov_admin');
SELECT wait_for('(SELECT rule = 1 FROM governor.sessions WHERE pid = pg_backend_pid())');
DELETE FROM governor.rules WHERE position = 1;
SELECT wait_for('(SELECT rule IS NULL FROM governor.sessions WHERE pid = pg_backend_pid())');
-- that is all he may
TRUNCATE governor.rules;
ALTER TABLE governor.rules DISABLE TRIGGER ALL;
SET session_replication_role = replica;
SELECT governor.reload();

-- Whoever may only write need not read, but for trying what was written.
\c - regress_gov_writer
BEGIN;
INSERT INTO governor.rules (position, class) VALUES (1, 'function');
\set VERBOSITY terse
SAVEPOINT before;
SELECT class FROM governor.classify(NULL, NULL, NULL, NULL);
ROLLBACK TO before;
-- a shipped row is updated, which is another right
INSERT INTO governor.rules (position, class) VALUES (1010, 'function');
\set VERBOSITY default
ROLLBACK;
SELECT class FROM governor.classify(NULL, NULL, NULL, NULL);
\c - :superuser

-- A trigger that somebody may add to a policy table runs with nobody else's rights.
\c - :superuser
GRANT ALL ON governor.classes TO regress_gov_writer;
CREATE SCHEMA regress_gov_own AUTHORIZATION regress_gov_writer;
\c - regress_gov_writer
CREATE FUNCTION regress_gov_own.tell() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN RAISE NOTICE 'trigger runs as %', current_user; RETURN new; END$$;
CREATE TRIGGER tell BEFORE UPDATE ON governor.classes FOR EACH ROW EXECUTE FUNCTION regress_gov_own.tell();
BEGIN;
SET LOCAL client_min_messages = notice;
INSERT INTO governor.classes (name, idle_timeout) VALUES ('function', '7 s');
ROLLBACK;
\c - :superuser
DROP TRIGGER tell ON governor.classes;
DROP SCHEMA regress_gov_own CASCADE;
REVOKE ALL ON governor.classes FROM regress_gov_writer;

-- A policy admin without superuser: the recipe of SECURITY.md.
CREATE ROLE regress_gov_policy;
GRANT SELECT, INSERT, UPDATE, DELETE ON governor.classes, governor.rules TO regress_gov_policy;
GRANT EXECUTE ON FUNCTION governor.reload(), governor.reset_stats() TO regress_gov_policy;
GRANT ALTER SYSTEM ON PARAMETER governor.mode TO regress_gov_policy;
GRANT EXECUTE ON FUNCTION pg_reload_conf() TO regress_gov_policy;
CREATE ROLE regress_gov_eve LOGIN IN ROLE regress_gov_policy;
\c - regress_gov_eve
-- edits, tries, reloads
BEGIN;
INSERT INTO governor.classes (name, idle_timeout) VALUES ('workers', '1 min');
INSERT INTO governor.rules (position, class, role) VALUES (1, 'workers', 'regress_gov_eve');
SELECT * FROM governor.classify('regress_gov_eve', NULL, NULL, NULL);
COMMIT;
SELECT governor.reload() > 0 AS loaded;
SELECT class, rule FROM governor.sessions WHERE pid = pg_backend_pid();
SELECT changed_by FROM governor.classes WHERE name = 'workers';
DELETE FROM governor.rules WHERE position = 1;
SELECT governor.reload() > 0 AS loaded;
DELETE FROM governor.classes WHERE name = 'workers';
SELECT governor.reset_stats();
-- switches all of it off, and on
ALTER SYSTEM SET governor.mode = off;
SELECT pg_reload_conf();
\c -
SELECT mode FROM governor.status;
ALTER SYSTEM RESET governor.mode;
SELECT pg_reload_conf();
\c -
SELECT mode FROM governor.status;
-- and no more
\set VERBOSITY sqlstate
DELETE FROM governor.classes WHERE name = 'default';
TRUNCATE governor.classes CASCADE;
ALTER TABLE governor.classes DISABLE TRIGGER policy_row;
ALTER TABLE governor.classes DISABLE TRIGGER ALL;
DROP TRIGGER policy_row ON governor.classes;
CREATE TRIGGER mine BEFORE UPDATE ON governor.classes FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE governor.classes DROP CONSTRAINT "mode: off, observe, enforce, or NULL";
ALTER TABLE governor.classes ENABLE ROW LEVEL SECURITY;
DROP TABLE governor.rules;
DROP FUNCTION governor.reload();
CREATE TABLE governor.mine (i integer);
DROP EXTENSION pg_governor;
SET session_replication_role = replica;
ALTER SYSTEM SET governor.database = 'mine';
-- a session of another's: not ended, and masked
\c - :superuser
SET ROLE regress_gov_eve;
SELECT governor.reclaim(pg_backend_pid(), 'mine');
SELECT usename = session_user AS other, state, client_port, verdict FROM governor.sessions WHERE pid = pg_backend_pid();
SELECT count(*) > 0 AS events, count(detail) AS details FROM governor.events WHERE pid IS NULL;
RESET ROLE;
\set VERBOSITY default
REVOKE ALL ON governor.classes, governor.rules FROM regress_gov_policy;
REVOKE ALL ON FUNCTION governor.reload(), governor.reset_stats(), pg_reload_conf() FROM regress_gov_policy;
REVOKE ALL ON PARAMETER governor.mode FROM regress_gov_policy;
DROP ROLE regress_gov_eve, regress_gov_policy;

-- A search_path leads nobody astray: everything there that could be mistaken for the server's own raises an error.
CREATE SCHEMA regress_gov_trap;
DO $$
DECLARE
	one text;
	name text;
	number integer := 0;
BEGIN
	FOREACH one IN ARRAY ARRAY['text, text', 'name, name', 'name, text', 'text, name', 'integer, integer', 'bigint, bigint', 'bigint, integer',
		'numeric, numeric', 'numeric, integer', 'interval, interval', 'boolean, boolean', 'oid, oid', 'inet, inet', '"char", "char"'] LOOP
		FOREACH name IN ARRAY ARRAY['=', '<>', '<', '<=', '>', '>=', '~', '!~', '~~', '||', '+', '*'] LOOP
			number := number + 1;
			EXECUTE format('CREATE FUNCTION regress_gov_trap.trap_%s(%s) RETURNS boolean LANGUAGE plpgsql AS %L',
						   number, one, 'BEGIN RAISE EXCEPTION ''trapped''; END');
			EXECUTE format('CREATE OPERATOR regress_gov_trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = regress_gov_trap.trap_%s)',
						   name, split_part(one, ', ', 1), split_part(one, ', ', 2), number);
		END LOOP;
	END LOOP;
	FOREACH one IN ARRAY ARRAY['lower(text)', 'octet_length(text)', 'ltrim(text, text)', 'left(text, integer)', 'substr(text, integer)',
		'split_part(text, text, integer)', 'float8(numeric)', 'sessions()', 'admission()', 'stat_classes()', 'events()', 'status()', 'reload()',
		'policy_row()', 'policy_changed()'] LOOP
		EXECUTE format('CREATE FUNCTION regress_gov_trap.%s RETURNS boolean LANGUAGE plpgsql AS %L',
					   one, 'BEGIN RAISE EXCEPTION ''trapped''; END');
	END LOOP;
	CREATE FUNCTION regress_gov_trap.trap(bigint) RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
	CREATE AGGREGATE regress_gov_trap.count(*) (sfunc = regress_gov_trap.trap, stype = bigint, initcond = '0');
	CREATE TABLE regress_gov_trap.classes (name integer);
	CREATE TABLE regress_gov_trap.rules (position text);
END $$;
SET search_path = regress_gov_trap, pg_catalog, public;
\set VERBOSITY terse
SELECT 1 = 1;
SELECT count(*) FROM governor.rules;
\set VERBOSITY default
SELECT class, rule FROM governor.classify('regress_gov_app', 'shop', 'faas:lambda:checkout', '10.1.2.3');
BEGIN;
INSERT INTO governor.classes (name, connect_rate, idle_timeout, idle_timeout_floor, idle_in_transaction_timeout, max_lifetime, reclaim_rate, max_active) VALUES
	('workers', '75/1s', '60 s', '3 s', '1 s', '1 h', 1, 8);
INSERT INTO governor.rules (position, class, role, database, application_name, client_addr, platform, function) VALUES
	(1, 'workers', '+regress_gov_app', 'shop', 'faas:%', '10.0.0.0/8', 'lambda', 'check%');
SELECT class, rule FROM governor.classify('regress_gov_app', 'shop', 'faas:lambda:checkout', '10.1.2.3');
UPDATE governor.rules SET enabled = true;
UPDATE governor.classes SET name = 'jobs' WHERE name OPERATOR(pg_catalog.=) 'workers';
DELETE FROM governor.rules WHERE position OPERATOR(pg_catalog.=) 1;
DELETE FROM governor.classes WHERE name OPERATOR(pg_catalog.=) 'jobs';
ROLLBACK;
BEGIN;
SET LOCAL client_min_messages = warning;
INSERT INTO governor.classes (name, max_sessions) VALUES ('function', 7);
INSERT INTO governor.rules (position, class) VALUES (1000, 'default');
SELECT max_sessions FROM governor.classes ORDER BY name;
SELECT class FROM governor.rules ORDER BY position;
ROLLBACK;
SELECT governor.reclaim(pg_backend_pid(), 'trap');
SELECT verdict FROM governor.sessions WHERE pid OPERATOR(pg_catalog.=) pg_backend_pid();
SELECT class FROM governor.admission ORDER BY class;
SELECT class FROM governor.stat_classes ORDER BY class;
SELECT mode FROM governor.status;
-- the loader neither, when a database sets it for everybody
INSERT INTO governor.rules (position, class, application_name) VALUES (1, 'function', 'worker-%');
SELECT format('ALTER DATABASE %I SET search_path = regress_gov_trap, pg_catalog', pg_catalog.current_database()) \gexec
BEGIN;
SELECT pg_catalog.pg_typeof(governor.reload());
COMMIT;
SELECT policy_error FROM governor.status;
SELECT class, rule FROM governor.classify(NULL, NULL, 'worker-7', NULL);
SELECT format('ALTER DATABASE %I RESET search_path', pg_catalog.current_database()) \gexec
DELETE FROM governor.rules WHERE position OPERATOR(pg_catalog.=) 1;
RESET search_path;
SELECT governor.reload() > 0 AS loaded;
SET client_min_messages = warning;
DROP SCHEMA regress_gov_trap CASCADE;
RESET client_min_messages;

REVOKE ALL ON governor.classes, governor.rules FROM regress_gov_admin, regress_gov_writer;
DROP ROLE regress_gov_admin, regress_gov_writer, regress_gov_app, regress_gov_reader, regress_gov_plain;
