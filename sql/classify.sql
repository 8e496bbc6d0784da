-- Who gets into which class.
\pset null '(null)'
CREATE ROLE regress_gov_app LOGIN;
CREATE ROLE regress_gov_dept;
CREATE ROLE regress_gov_team IN ROLE regress_gov_dept;
CREATE ROLE regress_gov_member LOGIN IN ROLE regress_gov_team;
CREATE ROLE regress_gov_quiet LOGIN NOINHERIT IN ROLE regress_gov_team;
CREATE ROLE regress_gov_boss SUPERUSER LOGIN IN ROLE regress_gov_team;

-- As shipped.
SELECT * FROM governor.classify('regress_gov_app', 'shop', 'faas:lambda:checkout', '10.1.2.3');
SELECT * FROM governor.classify('regress_gov_app', 'shop', 'serverless_client', NULL);
SELECT * FROM governor.classify('regress_gov_app', 'shop', 'psql', '10.1.2.3');
-- A fact that is NULL is absent.
SELECT * FROM governor.classify(NULL, NULL, NULL, NULL);
SELECT * FROM governor.classify(NULL, NULL, 'faas:lambda', NULL);
-- A role that does not exist can still be asked about.
SELECT * FROM governor.classify('regress_gov_nobody', NULL, 'faas:lambda', NULL);
-- Superusers are exempt, whatever a rule says.
SELECT * FROM governor.classify('regress_gov_boss', 'shop', 'faas:lambda:checkout', NULL);

-- Every column alone.  A transaction sees its own edits before they are committed.
BEGIN;
INSERT INTO governor.classes (name) VALUES
	('by_role'), ('by_group'), ('by_database'), ('by_name'), ('by_address'), ('by_platform'), ('by_function');
INSERT INTO governor.rules (position, class, role) VALUES
	(10, 'by_role', 'regress_gov_app'), (20, 'by_group', '+regress_gov_dept');
INSERT INTO governor.rules (position, class, database) VALUES (30, 'by_database', 'shop');
INSERT INTO governor.rules (position, class, application_name) VALUES (40, 'by_name', 'cron-%');
INSERT INTO governor.rules (position, class, client_addr) VALUES (50, 'by_address', '10.1.0.0/16');
INSERT INTO governor.rules (position, class, platform) VALUES (60, 'by_platform', 'azure');
INSERT INTO governor.rules (position, class, function) VALUES (70, 'by_function', 'check%');
SELECT r, d, a, c, class, rule FROM (VALUES
	('regress_gov_app'::name, NULL::name, NULL, NULL::inet),
	('regress_gov_dept', NULL, NULL, NULL),
	('regress_gov_team', NULL, NULL, NULL),
	('regress_gov_member', NULL, NULL, NULL),
	('regress_gov_quiet', NULL, NULL, NULL),
	('regress_gov_boss', NULL, NULL, NULL),
	(NULL, 'shop', NULL, NULL),
	(NULL, 'Shop', NULL, NULL),
	(NULL, 'shops', NULL, NULL),
	(NULL, NULL, 'cron-7', NULL),
	(NULL, NULL, 'cron', NULL),
	(NULL, NULL, NULL, '10.1.2.3'),
	(NULL, NULL, NULL, '10.2.2.3'),
	(NULL, NULL, 'faas:azure', NULL),
	(NULL, NULL, 'faas:Azure', NULL),
	(NULL, NULL, 'faas:gcp', NULL),
	(NULL, NULL, 'faas:gcp:checkout', NULL),
	(NULL, NULL, 'faas::checkout', NULL),
	-- the lowest position wins when several match
	('regress_gov_app', 'shop', 'faas:azure:checkout', '10.1.2.3'),
	('regress_gov_member', 'shop', 'faas:azure:checkout', '10.1.2.3'),
	(NULL, 'shop', 'faas:azure:checkout', '10.1.2.3'),
	(NULL, NULL, 'faas:azure:checkout', '10.1.2.3'),
	(NULL, NULL, 'faas:azure:checkout', NULL)
) AS facts(r, d, a, c), governor.classify(r, d, a, c);

-- A rule that is off is passed over; one that is moved takes its new place.
UPDATE governor.rules SET enabled = false WHERE position = 10;
SELECT class, rule FROM governor.classify('regress_gov_app', 'shop', NULL, NULL);
UPDATE governor.rules SET position = 5, enabled = true WHERE position = 30;
SELECT class, rule FROM governor.classify('regress_gov_app', 'shop', NULL, NULL);
UPDATE governor.rules SET enabled = false;
SELECT class, rule FROM governor.classify('regress_gov_app', 'shop', 'faas:azure:checkout', '10.1.2.3');
ROLLBACK;
-- Rolled back: the old answers.
SELECT class, rule FROM governor.classify('regress_gov_app', 'shop', NULL, NULL);
SELECT class, rule FROM governor.classify('regress_gov_app', 'shop', 'faas:azure:checkout', '10.1.2.3');

-- All columns together: one that does not match is enough.
BEGIN;
INSERT INTO governor.classes (name) VALUES ('exact');
INSERT INTO governor.rules (position, class, role, database, application_name, client_addr, platform, function) VALUES
	(1, 'exact', '+regress_gov_team', 'shop', 'faas:%', '10.0.0.0/8', 'lambda', 'check_ut');
SELECT r, d, a, c, class, rule FROM (VALUES
	('regress_gov_member'::name, 'shop'::name, 'faas:lambda:checkout:v1', '10.9.9.9'::inet),
	('regress_gov_app', 'shop', 'faas:lambda:checkout:v1', '10.9.9.9'),
	(NULL, 'shop', 'faas:lambda:checkout:v1', '10.9.9.9'),
	('regress_gov_member', 'other', 'faas:lambda:checkout:v1', '10.9.9.9'),
	('regress_gov_member', NULL, 'faas:lambda:checkout:v1', '10.9.9.9'),
	('regress_gov_member', 'shop', 'faas:gcp:checkout:v1', '10.9.9.9'),
	('regress_gov_member', 'shop', 'faas:lambda:check-out:v1', '10.9.9.9'),
	('regress_gov_member', 'shop', 'faas:lambda', '10.9.9.9'),
	('regress_gov_member', 'shop', NULL, '10.9.9.9'),
	('regress_gov_member', 'shop', 'faas:lambda:checkout:v1', '11.9.9.9'),
	('regress_gov_member', 'shop', 'faas:lambda:checkout:v1', NULL)
) AS facts(r, d, a, c), governor.classify(r, d, a, c);
ROLLBACK;

-- A rule with no column given matches everybody; a group that is not there, nobody.
BEGIN;
INSERT INTO governor.rules (position, class, role) VALUES (0, 'function', '+regress_gov_nosuch');
INSERT INTO governor.rules (position, class) VALUES (1, 'function');
SELECT class, rule FROM governor.classify(NULL, NULL, NULL, NULL);
SELECT class, rule FROM governor.classify('regress_gov_member', NULL, NULL, NULL);
-- after a savepoint, too
SAVEPOINT here;
DELETE FROM governor.rules WHERE position = 1;
SELECT class, rule FROM governor.classify(NULL, NULL, NULL, NULL);
ROLLBACK TO here;
SELECT class, rule FROM governor.classify(NULL, NULL, NULL, NULL);
ROLLBACK;

-- LIKE is the server's LIKE, byte by byte.
CREATE FUNCTION pg_temp.matches(name text, pattern text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	matched boolean;
BEGIN
	UPDATE governor.rules SET application_name = pattern WHERE position = 1;
	SELECT rule = 1 INTO matched FROM governor.classify(NULL, NULL, name, NULL);
	RETURN coalesce(matched, false);
END $$;
BEGIN;
INSERT INTO governor.rules (position, class) VALUES (1, 'function');
SELECT count(*) AS pairs, count(*) FILTER (WHERE matched) AS matched,
	   count(*) FILTER (WHERE matched <> (name LIKE pattern COLLATE "C")) AS wrong
FROM (
	SELECT name, pattern, pg_temp.matches(name, pattern) AS matched
	FROM unnest(ARRAY['', 'a', 'b', 'ab', 'abc', 'abcabc', 'aXb', 'a%b', 'a_b', 'a\b', '%', '_', '\', '\\', 'ABC', 'aaaaaaaab']) AS name,
		unnest(ARRAY['', '%', '_', '%%', '__', 'a', 'A', 'a%', '%b', '%b%', 'a_b', 'a\_b', 'a\%b', 'a\\b', '\%', '\_', '\\', '\\\\',
					 '\a', 'a%b%c', '%abc', '%abc%abc', 'ab_', '_%_', '%a%a%a%b', '%_\%']) AS pattern
) AS tried;
-- a byte at a time: the server shows other than ASCII as it shows application_name
SELECT pg_temp.matches(E'caf\303\251', 'caf%') AS matches, pg_temp.matches(E'caf\303\251', E'caf\303\251') AS as_written;
-- the server keeps 63 bytes of a name
SELECT pg_temp.matches(repeat('x', 64), repeat('x', 63)) AS cut, pg_temp.matches(repeat('x', 64), repeat('x', 64)) AS whole;
-- an empty name is a name, and so is an absent one
SELECT pg_temp.matches('', '') AS empty, pg_temp.matches(NULL, '') AS absent, pg_temp.matches(NULL, '_%') AS something;
ROLLBACK;

-- Networks.
BEGIN;
INSERT INTO governor.rules (position, class, client_addr) VALUES
	(1, 'function', '10.1.2.3'), (2, 'function', '10.1.0.0/17'), (3, 'function', '2001:db8::1'),
	(4, 'function', '2001:db8:8000::/33'), (5, 'function', '::/0'), (6, 'function', '0.0.0.0/0');
SELECT address, rule FROM unnest(ARRAY['10.1.2.3', '10.1.2.4', '10.1.127.255', '10.1.128.0', '10.1.2.3/8', '2001:db8::1',
	'2001:db8::2', '2001:db8:8000::', '2001:db8:ffff::ffff', '::1', '0.0.0.0', '255.255.255.255', NULL]::inet[]) AS address,
	governor.classify(NULL, NULL, NULL, address);
ROLLBACK;

-- In force for logins: the same answers from the policy that was committed.
INSERT INTO governor.classes (name) VALUES ('workers'), ('team');
INSERT INTO governor.rules (position, class, role, application_name) VALUES
	(10, 'workers', 'regress_gov_app', 'worker-%'), (20, 'team', '+regress_gov_team', NULL);
SELECT governor.reload() > 0 AS loaded;
SELECT current_user AS superuser \gset
\set me 'SELECT s.usename = session_user AS me, s.class, s.rule, s.verdict, s.class IS NOT DISTINCT FROM c.class AND s.rule IS NOT DISTINCT FROM c.rule AS as_foretold FROM governor.sessions s, governor.classify(s.usename, s.datname, s.application_name, s.client_addr) c WHERE s.pid = pg_backend_pid();'
\c -reuse-previous=on "user=regress_gov_app application_name=worker-1"
:me
\c -reuse-previous=on "user=regress_gov_app application_name=other"
:me
\c -reuse-previous=on "user=regress_gov_app application_name=serverless_client"
:me
\c -reuse-previous=on "user=regress_gov_member application_name=worker-1"
:me
\c -reuse-previous=on "user=regress_gov_boss application_name=worker-1"
:me

-- Identity, as application_name gives it at login.
\set identity 'SELECT class, platform, function, version, instance FROM governor.sessions WHERE pid = pg_backend_pid();'
\c -reuse-previous=on "user=regress_gov_app application_name='faas:lambda:checkout:v7:i-1'"
:identity
\c -reuse-previous=on "application_name='faas:lambda:checkout:v7'"
:identity
\c -reuse-previous=on "application_name='faas:lambda:checkout'"
:identity
\c -reuse-previous=on "application_name='faas:lambda'"
:identity
-- parts may be empty; with nothing in any of them it is no identity
\c -reuse-previous=on "application_name='faas:'"
:identity
\c -reuse-previous=on "application_name='faas::::'"
:identity
\c -reuse-previous=on "application_name='faas::checkout::i-1'"
:identity
\c -reuse-previous=on "application_name='faas:::v7:'"
:identity
-- the instance takes what is left
\c -reuse-previous=on "application_name='faas:lambda:checkout:v7:2026/11/23:[7]:0a1b'"
:identity
-- the platform is put into lower case, the rest is left alone
\c -reuse-previous=on "application_name='faas:CloudRun:CheckOut:V7:I-1'"
:identity
-- names that only look like it
\c -reuse-previous=on "application_name='FAAS:lambda:checkout'"
:identity
\c -reuse-previous=on "application_name=' faas:lambda:checkout'"
:identity
\c -reuse-previous=on "application_name='faas'"
:identity
\c -reuse-previous=on "application_name='faas;lambda'"
:identity
\c -reuse-previous=on "application_name=''"
:identity
-- 62 bytes are whole; of 63 and more nobody knows what was cut off: no instance
\set identity 'SELECT class, platform, function, version, instance, length(application_name) FROM governor.sessions WHERE pid = pg_backend_pid();'
\c -reuse-previous=on "application_name='faas:lambda:a_function_with_a_name_that_is_very_long:v1:123456'"
:identity
\c -reuse-previous=on "application_name='faas:lambda:a_function_with_a_name_that_is_very_long:v1:1234567'"
:identity
\c -reuse-previous=on "application_name='faas:lambda:a_function_with_a_name_that_is_very_long:v1:12345678'"
:identity
\c -reuse-previous=on "application_name='faas:lambda:a_function_with_a_name_that_is_so_very_long_that_even_it_is_cut:v1:1'"
:identity
-- even if nothing else is in it
\c -reuse-previous=on "application_name='faas::::an_instance_that_takes_all_the_room_there_is_in_the_nam'"
:identity
-- Odd bytes are as the server shows them in application_name; older servers show them in another way.
\set identity 'SELECT class, platform, regexp_replace(function, :odd, $$<odd>$$) AS function, regexp_replace(version, :odd, $$<odd>$$) AS version, instance FROM governor.sessions WHERE pid = pg_backend_pid();'
\set odd '$$([?]+|([\\\\]x[0-9a-f][0-9a-f])+)$$'
\c -reuse-previous=on "application_name='faas:lambda:café:v	7:a b\'\\1$'"
:identity

\c - :superuser
DELETE FROM governor.rules WHERE position < 1000;
DELETE FROM governor.classes WHERE name IN ('workers', 'team');
SELECT governor.reload() > 0 AS loaded;
DROP ROLE regress_gov_boss, regress_gov_quiet, regress_gov_member, regress_gov_team, regress_gov_dept, regress_gov_app;
