-- Settings: what is refused, and that a refused value changes nothing.
\pset null '(null)'
SELECT current_user AS superuser \gset
CREATE TEMP TABLE before AS
	SELECT name, setting, source, pending_restart FROM pg_settings WHERE name LIKE 'governor.%';
PREPARE changed AS
	SELECT name, setting, source, pending_restart FROM pg_settings WHERE name LIKE 'governor.%'
	EXCEPT SELECT * FROM before
	UNION ALL
	SELECT name, setting, sourcefile, error IS NOT NULL FROM pg_file_settings
	WHERE name LIKE 'governor.%' AND sourcefile LIKE '%postgresql.auto.conf';

-- governor.mode
ALTER SYSTEM SET governor.mode = 'strict';
ALTER SYSTEM SET governor.mode = '';
ALTER SYSTEM SET governor.mode = 1;
ALTER SYSTEM SET governor.mode = true;

-- governor.log_decisions
ALTER SYSTEM SET governor.log_decisions = 'everything';
ALTER SYSTEM SET governor.log_decisions = on;

-- governor.database
ALTER SYSTEM SET governor.database = '';
ALTER SYSTEM SET governor.database = 'a_name_of_sixty_four_bytes_a_name_of_sixty_four_bytes_a_name_of_s';

-- Numbers: the server's own words differ between versions, the codes do not.
\set VERBOSITY sqlstate
ALTER SYSTEM SET governor.sweep_interval = 49;
ALTER SYSTEM SET governor.sweep_interval = 60001;
ALTER SYSTEM SET governor.sweep_interval = 0;
ALTER SYSTEM SET governor.sweep_interval = -1;
ALTER SYSTEM SET governor.sweep_interval = '2 min';
ALTER SYSTEM SET governor.sweep_interval = '1 month';
ALTER SYSTEM SET governor.sweep_interval = 'often';
ALTER SYSTEM SET governor.sweep_interval = '';
ALTER SYSTEM SET governor.event_buffer = 15;
ALTER SYSTEM SET governor.event_buffer = 1000001;
ALTER SYSTEM SET governor.event_buffer = '1MB';
ALTER SYSTEM SET governor.max_breakers = -1;
ALTER SYSTEM SET governor.max_breakers = 257;

-- The prefix is ours: a misspelt name is no setting.
SET governor.modus = 'off';
\set VERBOSITY terse
SET governor.sweep_intervall = '1 s';

-- No session changes what is done to it, not even a superuser's.
\set VERBOSITY sqlstate
SET governor.mode = 'off';
SET governor.database = 'postgres';
SET governor.sweep_interval = '1 s';
SET governor.log_decisions = 'all';
SET governor.max_breakers = 128;
SET governor.event_buffer = 1000;
SELECT set_config('governor.mode', 'off', false);
ALTER ROLE :"superuser" SET governor.mode = 'off';
\set VERBOSITY default
SELECT count(*) AS role_settings FROM pg_db_role_setting WHERE setconfig::text LIKE '%governor.%';

-- All that was refused, and nothing came of it.
EXECUTE changed;

-- Good values are taken, and written down.
ALTER SYSTEM SET governor.mode = 'off';
ALTER SYSTEM SET governor.sweep_interval = '250 ms';
ALTER SYSTEM SET governor.log_decisions = 'refusals';
ALTER SYSTEM SET governor.event_buffer = 16;
ALTER SYSTEM SET governor.max_breakers = 128;
ALTER SYSTEM SET governor.database = 'a_name_of_sixty_three_bytes_a_name_of_sixty_three_bytes_a_name_';
SELECT name, setting FROM pg_file_settings
WHERE name LIKE 'governor.%' AND sourcefile LIKE '%postgresql.auto.conf' ORDER BY name;

ALTER SYSTEM RESET governor.event_buffer;
ALTER SYSTEM RESET governor.max_breakers;

-- A reload takes those that need no restart.  The governor has it when it says that this database is not there.
SELECT pg_reload_conf();
SELECT wait_for($$(SELECT policy_error LIKE '%a_name_of%' FROM governor.status)$$);
SELECT policy_error FROM governor.status;
\c -
SELECT mode FROM governor.status;
SELECT name, setting, source FROM pg_settings WHERE name LIKE 'governor.%' ORDER BY name;
-- without its database there is no policy but the empty one, and nobody is governed
SELECT governor.reload() > 0 AS loaded;
SELECT * FROM governor.classify(NULL, NULL, 'faas:lambda:checkout', NULL);
SELECT class, mode FROM governor.admission;

-- And back.
ALTER SYSTEM RESET governor.mode;
ALTER SYSTEM RESET governor.sweep_interval;
ALTER SYSTEM RESET governor.log_decisions;
ALTER SYSTEM RESET governor.database;
SELECT pg_reload_conf();
SELECT wait_for('(SELECT policy_error IS NULL FROM governor.status)');
\c -
SELECT name, setting FROM pg_settings WHERE name LIKE 'governor.%' AND name <> 'governor.database' ORDER BY name;
SELECT class, mode FROM governor.admission ORDER BY class;
