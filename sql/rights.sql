-- Who may do what: every function, view and table, tried by one role of each kind.
\pset null '(null)'
CREATE ROLE regress_gov_plain;
CREATE ROLE regress_gov_monitor IN ROLE pg_monitor;
CREATE ROLE regress_gov_stats IN ROLE pg_read_all_stats;
CREATE ROLE regress_gov_signal IN ROLE pg_signal_backend;
CREATE ROLE regress_gov_read IN ROLE pg_read_all_data;
CREATE ROLE regress_gov_write IN ROLE pg_write_all_data;
CREATE ROLE regress_gov_admin;
INSERT INTO governor.breaker_settings (name) VALUES ('shared');
INSERT INTO governor.rate_settings (name, rate) VALUES ('shared', '1000/1s');
SELECT governor.reload() > 0 AS loaded;
GRANT SELECT, INSERT, UPDATE, DELETE ON governor.classes, governor.rules, governor.breaker_settings, governor.rate_settings
	TO regress_gov_admin;
GRANT EXECUTE ON FUNCTION governor.reload(), governor.reset_stats() TO regress_gov_admin;

-- What becomes of a statement, of which nothing stays: yes, no (42501), or another SQLSTATE.
CREATE FUNCTION pg_temp.try(role name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
BEGIN
	EXECUTE pg_catalog.format('SET LOCAL ROLE %I', role);
	EXECUTE statement;
	RAISE EXCEPTION SQLSTATE 'GV000';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
	RETURN CASE state WHEN 'GV000' THEN 'yes' WHEN '42501' THEN 'no' ELSE state END;
END$$;
CREATE TEMP TABLE tried (number serial, object text, statement text);
\set try 'SELECT object, pg_temp.try(''regress_gov_plain'', statement) AS plain, pg_temp.try(''regress_gov_monitor'', statement) AS monitor, pg_temp.try(''regress_gov_stats'', statement) AS stats, pg_temp.try(''regress_gov_signal'', statement) AS signal, pg_temp.try(''regress_gov_read'', statement) AS read, pg_temp.try(''regress_gov_write'', statement) AS write, pg_temp.try(''regress_gov_admin'', statement) AS admin, pg_temp.try(current_user, statement) AS super FROM tried ORDER BY number;'

-- Functions.  One that is new must be added here.  reclaim() is tried on this session, which is a
-- superuser's; on others see reclaim.sql.  A trigger function that may be called says 39P01.
INSERT INTO tried (object, statement) VALUES
	('classify(name,name,text,inet)', 'SELECT governor.classify(''regress_gov_plain'', NULL, NULL, NULL)'),
	('reclaim(integer,text)', 'SELECT governor.reclaim(pg_backend_pid(), ''rights'')'),
	('headroom(text)', 'SELECT governor.headroom(''function'')'),
	('register(text,text,text,text,interval)', 'SELECT governor.register(''lambda'', ''checkout'')'),
	('lease(interval)', 'SELECT governor.lease(''1 min'')'),
	('reload()', 'SELECT governor.reload()'),
	('reset_stats()', 'SELECT governor.reset_stats()'),
	('breaker_allow(text)', 'SELECT governor.breaker_allow(''shared'')'),
	('breaker_record(text,boolean,interval,bigint)', 'SELECT governor.breaker_record(''shared'', true)'),
	('breaker_check(text)', 'SELECT governor.breaker_check(''shared'')'),
	('breaker_acquire(text)', 'SELECT governor.breaker_acquire(''shared'')'),
	('breaker_force(text,text)', 'SELECT governor.breaker_force(''shared'', ''closed'')'),
	('breaker_reset(text)', 'SELECT governor.breaker_reset(''shared'')'),
	('rate_take(text,bigint)', 'SELECT governor.rate_take(''shared'')'),
	('breakers()', 'SELECT governor.breakers()'),
	('sessions()', 'SELECT governor.sessions()'),
	('admission()', 'SELECT governor.admission()'),
	('stat_classes()', 'SELECT governor.stat_classes()'),
	('events()', 'SELECT governor.events()'),
	('status()', 'SELECT governor.status()'),
	('policy_row()', 'SELECT governor.policy_row()'),
	('policy_changed()', 'SELECT governor.policy_changed()');
SET client_min_messages = warning;	-- register() and lease() have nothing to do for a superuser's session
:try
RESET client_min_messages;
SELECT oid::regprocedure AS not_tried FROM pg_proc
WHERE pronamespace = 'governor'::regnamespace
	AND NOT EXISTS (SELECT FROM tried WHERE 'governor.' || object = oid::regprocedure::text)
ORDER BY 1;
TRUNCATE tried;

-- Views: reading, and writing, which nobody can (55000).
INSERT INTO tried (object, statement)
	SELECT relname || ': ' || what, format(statement, relname) FROM pg_class,
		(VALUES (1, 'SELECT', 'SELECT * FROM governor.%I'), (2, 'DELETE', 'DELETE FROM governor.%I')) AS w (n, what, statement)
	WHERE relnamespace = 'governor'::regnamespace AND relkind = 'v'
	ORDER BY relname COLLATE "C", n;
:try
TRUNCATE tried;

-- What is shown of another's session (this one, a superuser's): its state.
INSERT INTO tried (object, statement) VALUES
	('state of another''s session', 'DO $d$ BEGIN IF (SELECT state IS NULL FROM governor.sessions WHERE pid = pg_backend_pid()) THEN RAISE EXCEPTION SQLSTATE ''42501''; END IF; END $d$'),
	('detail of an event about none', 'DO $d$ BEGIN IF (SELECT bool_and(detail IS NULL) FROM governor.events WHERE pid IS NULL) THEN RAISE EXCEPTION SQLSTATE ''42501''; END IF; END $d$');
:try
TRUNCATE tried;

-- Tables.  55000: the right is there, and the trigger refuses.  What only the owner of a table may is not granted with it.
INSERT INTO tried (object, statement)
	SELECT relname || ': ' || what, format(statement, relname) FROM pg_class,
		(VALUES (1, 'SELECT', 'SELECT * FROM governor.%I'),
				(2, 'INSERT', NULL),
				(3, 'UPDATE', 'UPDATE governor.%I SET shipped = false'),
				(4, 'DELETE', 'DELETE FROM governor.%I'),
				(5, 'TRUNCATE', 'TRUNCATE governor.%I CASCADE'),
				(6, 'disable a trigger', 'ALTER TABLE governor.%I DISABLE TRIGGER policy_row'),
				(7, 'drop a trigger', 'DROP TRIGGER policy_changed ON governor.%I'),
				(8, 'add a trigger', 'CREATE TRIGGER mine BEFORE UPDATE ON governor.%I FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()'),
				(9, 'row level security', 'ALTER TABLE governor.%I ENABLE ROW LEVEL SECURITY'),
				(10, 'take over', 'ALTER TABLE governor.%I OWNER TO CURRENT_USER'),
				(11, 'drop', 'DROP TABLE governor.%I')) AS w (n, what, statement)
	WHERE relnamespace = 'governor'::regnamespace AND relkind = 'r'
	ORDER BY relname COLLATE "C", n;
UPDATE tried SET statement = 'INSERT INTO governor.classes (name) VALUES (''mine'')' WHERE object = 'classes: INSERT';
UPDATE tried SET statement = 'INSERT INTO governor.rules (position, class) VALUES (1, ''function'')' WHERE object = 'rules: INSERT';
UPDATE tried SET statement = 'INSERT INTO governor.breaker_settings (name) VALUES (''mine'')' WHERE object = 'breaker_settings: INSERT';
UPDATE tried SET statement = 'INSERT INTO governor.rate_settings (name, rate) VALUES (''mine'', ''1/1s'')' WHERE object = 'rate_settings: INSERT';
SELECT object AS without_statement FROM tried WHERE statement IS NULL;
SET client_min_messages = warning;
:try
TRUNCATE tried;

-- Around them.
INSERT INTO tried (object, statement) VALUES
	('CREATE in the schema', 'CREATE TABLE governor.mine (i integer)'),
	('DROP SCHEMA', 'DROP SCHEMA governor CASCADE'),
	('DROP EXTENSION', 'DROP EXTENSION pg_governor'),
	('ALTER EXTENSION', 'ALTER EXTENSION pg_governor UPDATE'),
	('SET governor.mode', 'SET governor.mode = off'),
	('ALTER ROLE SET governor.mode', 'ALTER ROLE CURRENT_USER SET governor.mode = off'),
	('SET session_replication_role', 'SET session_replication_role = replica');
:try
TRUNCATE tried;

RESET client_min_messages;
REVOKE ALL ON governor.classes, governor.rules, governor.breaker_settings, governor.rate_settings FROM regress_gov_admin;
DELETE FROM governor.breaker_settings;
DELETE FROM governor.rate_settings;
REVOKE ALL ON FUNCTION governor.reload(), governor.reset_stats() FROM regress_gov_admin;
DROP ROLE regress_gov_plain, regress_gov_monitor, regress_gov_stats, regress_gov_signal, regress_gov_read, regress_gov_write, regress_gov_admin;
