-- What CREATE EXTENSION makes.
\pset null '(null)'
CREATE EXTENSION pg_governor;

SELECT extversion = (SELECT version FROM governor.status) AS library_is_of_this_version,
	   extrelocatable, n.nspname AS schema, extconfig::regclass[], extcondition
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE extname = 'pg_governor';

-- Its objects.  Types are left out: older servers list the row types too.
SELECT pg_describe_object(classid, objid, objsubid) AS object
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid <> 'pg_type'::regclass
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_governor')
ORDER BY pg_describe_object(classid, objid, objsubid) COLLATE "C";

-- Functions: labels, and who may call them.
SELECT p.oid::regprocedure AS function, provolatile AS volatile, proisstrict AS strict,
	   proparallel AS parallel, prosecdef AS definer, has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM pg_proc p
WHERE pronamespace = 'governor'::regnamespace
ORDER BY p.oid::regprocedure::text COLLATE "C";

SELECT p.oid::regprocedure AS function, proargnames AS arguments, pg_get_function_result(p.oid) AS result
FROM pg_proc p
WHERE pronamespace = 'governor'::regnamespace AND NOT proretset
ORDER BY p.oid::regprocedure::text COLLATE "C";

-- Every C function says which version of the SQL script it serves.
SELECT proname, prosrc FROM pg_proc
WHERE pronamespace = 'governor'::regnamespace AND prosrc !~ '^gov_[a-z_]+_[0-9]+_[0-9]+$';

-- Columns.
SELECT c.relname AS view, a.attnum AS n, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'governor'::regnamespace AND c.relkind = 'v' AND a.attnum > 0
ORDER BY c.relname COLLATE "C", a.attnum;

SELECT c.relname AS table, a.attnum AS n, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
	   a.attnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS default
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'governor'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
ORDER BY c.relname COLLATE "C", a.attnum;

-- Constraints (18 and later list NOT NULL among them) and triggers.
SELECT conrelid::regclass AS table, contype AS type, conname AS constraint
FROM pg_constraint
WHERE connamespace = 'governor'::regnamespace AND contype <> 'n'
ORDER BY conrelid::regclass::text COLLATE "C", contype, conname COLLATE "C";

SELECT tgrelid::regclass AS table, tgname AS trigger, tgfoid::regprocedure AS function, tgenabled AS enabled
FROM pg_trigger
WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'governor'::regnamespace) AND NOT tgisinternal
ORDER BY 1, 2;

-- Who may do what with tables and views, besides their owner.
SELECT c.relname, CASE a.grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(a.grantee) END AS grantee, a.privilege_type
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'governor'::regnamespace AND c.relkind IN ('r', 'v') AND a.grantee <> c.relowner
ORDER BY 1, 2, 3;
SELECT has_schema_privilege('public', 'governor', 'USAGE') AS public_usage,
	   has_schema_privilege('public', 'governor', 'CREATE') AS public_create;

-- Everything that \d+ and tools show is explained: nothing comes here.
SELECT pg_describe_object(classid, objid, 0) AS without_comment
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_governor')
	AND (classid = 'pg_proc'::regclass
		 OR classid = 'pg_class'::regclass AND (SELECT relkind FROM pg_class WHERE oid = objid) IN ('r', 'v'))
	AND obj_description(objid, classid::regclass::name) IS NULL
UNION ALL
SELECT attrelid::regclass || '.' || attname
FROM pg_attribute
WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'governor'::regnamespace AND relkind = 'r') AND attnum > 0
	AND col_description(attrelid, attnum) IS NULL
UNION ALL
SELECT name FROM pg_settings
WHERE name LIKE 'governor.%' AND (short_desc !~ '\.$' OR coalesce(extra_desc, '') !~ '\.$');
SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'pg_governor';

-- What is shipped.  Two values depend on the machine.
SELECT name, mode, max_sessions, reserved_sessions, queue_limit, queue_timeout, max_active, gate_timeout
FROM governor.classes WHERE name = 'default';
SELECT name, mode, max_sessions = greatest(current_setting('max_connections')::integer * 6 / 10, 1) AS max_sessions,
	   reserved_sessions, queue_limit, queue_timeout, connect_rate ~ '^[0-9]+/1s$' AS connect_rate, evict_after,
	   max_active, gate_timeout
FROM governor.classes WHERE name = 'function';
SELECT name, idle_timeout, idle_timeout_floor, idle_in_transaction_timeout, idle_blocker_timeout, transaction_timeout,
	   max_lifetime, unresponsive_timeout
FROM governor.classes ORDER BY name;
SELECT name, sessions_per_instance, keep_warm, reclaim_rate, paused, breaker, settings, description, shipped
FROM governor.classes ORDER BY name;
SELECT * FROM governor.rules ORDER BY position;

-- It is in force.
SELECT governor.reload() > 0 AS loaded;
SELECT policy_error, governor_pid IS NOT NULL AS governor_runs FROM governor.status;
SELECT class FROM governor.admission ORDER BY class;

-- Every setting there is.  What a test build needs beyond them is not in a build for use.
SELECT name, vartype, context, unit, min_val, max_val, enumvals, boot_val
FROM pg_settings WHERE name LIKE 'governor.%' ORDER BY name;

-- DROP leaves nothing behind, and it can be created again.
DROP EXTENSION pg_governor;
SELECT nspname FROM pg_namespace WHERE nspname = 'governor';
CREATE EXTENSION pg_governor;
SELECT governor.reload() > 0 AS loaded;
SELECT class, rule FROM governor.classify(NULL, NULL, 'faas:lambda:checkout', NULL);
-- It goes nowhere but into its own schema, and into none that somebody has prepared.
DROP EXTENSION pg_governor;
CREATE EXTENSION pg_governor SCHEMA public;
CREATE SCHEMA governor;
\set SHOW_CONTEXT never
CREATE EXTENSION pg_governor;
\set SHOW_CONTEXT errors
DROP SCHEMA governor;
-- where it still can be switched off
DO $$ BEGIN SET standard_conforming_strings = off; EXCEPTION WHEN OTHERS THEN NULL; END $$;
CREATE EXTENSION pg_governor;
RESET standard_conforming_strings;

-- For the tests that follow: waits until a condition is true, and not for ever.
CREATE FUNCTION wait_for(condition text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	is_true boolean;
BEGIN
	FOR i IN 1 .. 3000 LOOP
		EXECUTE 'SELECT ' || condition INTO is_true;
		IF is_true THEN RETURN; END IF;
		PERFORM pg_sleep(0.01);
	END LOOP;
	RAISE EXCEPTION 'waited in vain for: %', condition;
END $$;
