-- The settings of a class: what is refused, what is warned of, and what stays as it was.
--
-- What becomes of them at a login is in test/t/013_settings.pl.
\pset null '(null)'
-- Warnings come before a constraint is asked; they are below.
SET client_min_messages = error;
CREATE TEMP TABLE classes_before AS TABLE governor.classes;
SELECT governor.reload() AS generation_before \gset
\set VERBOSITY terse

-- No list of name=value.
UPDATE governor.classes SET settings = '{work_mem}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{""}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{=4MB}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{NULL}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{work_mem=4MB,NULL}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{NULL,work_mem=4MB}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{{work_mem=4MB},{statement_timeout=1s}}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{" work_mem=4MB"}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{"work_mem =4MB"}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{work-mem=4MB}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{4mem=4MB}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{my..setting=on}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{"work_mem TO 4MB"}' WHERE name = 'function';

-- Control characters, also in a value.
UPDATE governor.classes SET settings = ARRAY[E'my.setting=a\nb'] WHERE name = 'function';
UPDATE governor.classes SET settings = ARRAY[E'my.setting=a\nmy.other=b'] WHERE name = 'function';
UPDATE governor.classes SET settings = ARRAY[E'my.setting=a\n'] WHERE name = 'function';
UPDATE governor.classes SET settings = ARRAY[E'my.setting=\t', 'my.other=b'] WHERE name = 'function';
UPDATE governor.classes SET settings = ARRAY[E'my.setting=\x7f'] WHERE name = 'function';

-- Too long, together with what separates them.
UPDATE governor.classes SET settings = ARRAY['my.setting=' || repeat('x', 990)] WHERE name = 'function';
UPDATE governor.classes SET settings = ARRAY['my.setting=' || repeat('x', 489), 'my.other=' || repeat('x', 491)] WHERE name = 'function';
UPDATE governor.classes SET settings = ARRAY['my.setting=' || repeat(E'\303\251', 495)] WHERE name = 'function';

-- Twice.
UPDATE governor.classes SET settings = '{work_mem=4MB,work_mem=8MB}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{jit=on,work_mem=4MB,my.setting=on,WORK_MEM=8MB,geqo=on}' WHERE name = 'function';

-- Who the session is, what it loads, how it reads its client, what has its own place.
UPDATE governor.classes SET settings = '{role=pg_monitor}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{jit=on,Role=none}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{SESSION_AUTHORIZATION=default}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{client_encoding=UTF8}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{CLIENT_ENCODING=UTF8}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{local_preload_libraries=}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{Session_Preload_Libraries=auto_explain}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{shared_preload_libraries=pg_governor}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{exit_on_error=on}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{transaction_isolation=serializable}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{transaction_read_only=on}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{Transaction_Deferrable=on}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{transaction_timeout=1min}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{governor.mode=off}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{GOVERNOR.Anything=1}' WHERE name = 'function';
INSERT INTO governor.classes (name, settings) VALUES ('workers', '{work_mem=4MB,role=postgres}');
RESET client_min_messages;

-- All of this was refused: nothing has changed.
(TABLE governor.classes EXCEPT TABLE classes_before) UNION ALL (TABLE classes_before EXCEPT TABLE governor.classes);
SELECT governor.reload() = :generation_before AS same_generation;

-- Good ones, at the edge of it.
BEGIN;
UPDATE governor.classes SET settings = '{}' WHERE name = 'function';
UPDATE governor.classes SET settings = ARRAY['my.setting=' || repeat('x', 989)] WHERE name = 'function';
UPDATE governor.classes SET settings = ARRAY['my.setting=' || repeat('x', 489), 'my.other=' || repeat('x', 490)] WHERE name = 'function';
-- the policy has room for it
SELECT class FROM governor.classify(NULL, NULL, 'faas:lambda', NULL);
UPDATE governor.classes SET settings = (SELECT array_agg(format('my.s%s=%s', i, i)) FROM generate_series(1, 90) AS i) WHERE name = 'function';
SELECT class FROM governor.classify(NULL, NULL, 'faas:lambda', NULL);
UPDATE governor.classes SET settings = '[5:6]={search_path=,Work_Mem=4MB}' WHERE name = 'function';
UPDATE governor.classes SET settings = '{"search_path=app, \"$user\", public",my.a$b.c=role=x,my.role=y,my.transaction_x=z,role_x.y=1,not_governor.z=1}' WHERE name = 'function';
SELECT settings FROM governor.classes WHERE name = 'function';
ROLLBACK;

-- What this server does not take is a warning, once for each edit of it, and the good ones are kept.
\set VERBOSITY default
BEGIN;
UPDATE governor.classes SET settings = '{work_mem=much,statement_timeout=10s,nosuch=1,enable_seqscan=,"TimeZone=INTERVAL ''rubbish''",governess.mode=1}' WHERE name = 'function';
UPDATE governor.classes SET description = 'the settings stay as they are' WHERE name = 'function';
-- what not every session may set for itself
UPDATE governor.classes SET settings = '{log_statement=all,max_connections=7,log_disconnections=on,post_auth_delay=1,server_version=14,autovacuum=off}' WHERE name = 'function';
-- as with ALTER ROLE, what another database may have is only noted
UPDATE governor.classes SET settings = '{default_tablespace=regress_gov_nowhere,default_text_search_config=regress_gov_none}' WHERE name = 'function';
INSERT INTO governor.classes (name, settings) VALUES ('workers', '{work_mem=little}');
UPDATE governor.classes SET settings = NULL;
-- with a change of settings in it this transaction classifies as any other
SELECT class, rule FROM governor.classify(NULL, NULL, 'faas:lambda', NULL);
ROLLBACK;
\set VERBOSITY terse

-- It stands in status until it is mended.
INSERT INTO governor.classes (name, settings) VALUES ('workers', '{statement_timeout=10s,work_mem=much}');
SELECT governor.reload() > 0 AS loaded;
SELECT policy_error FROM governor.status;
UPDATE governor.classes SET settings = '{statement_timeout=10s,log_statement=all}' WHERE name = 'workers';
SELECT governor.reload() > 0 AS loaded;
SELECT policy_error FROM governor.status;
-- a change of settings alone is a new generation, the same settings again are none
SELECT policy_generation AS before FROM governor.status \gset
UPDATE governor.classes SET settings = '{statement_timeout=10s}' WHERE name = 'workers';
SELECT governor.reload() - :before AS generations;
UPDATE governor.classes SET settings = '{statement_timeout=10s}' WHERE name = 'workers';
SELECT governor.reload() - :before AS generations;
UPDATE governor.classes SET settings = '{}' WHERE name = 'workers';
SELECT governor.reload() - :before AS generations;
SELECT policy_error FROM governor.status;

-- A person who inserts the key of a shipped row leaves the settings as they are.
BEGIN;
INSERT INTO governor.classes (name, settings) VALUES ('default', '{work_mem=little}');
SELECT settings, shipped FROM governor.classes WHERE name = 'default';
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
ALTER TABLE governor.classes DISABLE TRIGGER USER;
UPDATE governor.classes SET settings = '{work_mem=6MB}' WHERE name = 'default';
ALTER TABLE governor.classes ENABLE ALWAYS TRIGGER policy_row;
ALTER TABLE governor.classes ENABLE ALWAYS TRIGGER policy_changed;
SELECT settings, shipped FROM governor.classes WHERE name = 'default';
INSERT INTO governor.classes (name, description) VALUES ('default', 'only described');
SELECT settings, description, shipped FROM governor.classes WHERE name = 'default';
ROLLBACK;

DELETE FROM governor.classes WHERE name = 'workers';
SELECT governor.reload() > 0 AS loaded;
