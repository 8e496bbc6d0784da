-- Circuit breakers and rate limits, as callers and those who edit them see them.
\pset null '(null)'
CREATE ROLE regress_gov_plain;
CREATE ROLE regress_gov_payer;

-- An unknown one is an error that shows how to make it.
SELECT governor.breaker_allow('payments');
SELECT governor.breaker_check('it''s');
SELECT governor.breaker_acquire(repeat('x', 100));
SELECT governor.breaker_record('payments', true);
SELECT governor.breaker_force('payments', 'open');
SELECT governor.breaker_reset('payments');
SELECT * FROM governor.rate_take('mails', 1);

-- Defaults.
BEGIN;
INSERT INTO governor.breaker_settings (name) VALUES ('payments');
INSERT INTO governor.rate_settings (name, rate) VALUES ('mails', '3/1h');
COMMIT;
TABLE governor.breaker_settings;
TABLE governor.rate_settings;
SELECT governor.reload() > 0 AS loaded;
SELECT * FROM governor.breakers;

-- Closed: calls are allowed, and counted.  Without minimum_calls there is no rate.
SELECT governor.breaker_allow('payments');
SELECT governor.breaker_record('payments', true, '20 ms');
SELECT governor.breaker_record('payments', false);
SELECT governor.breaker_check('payments');
SELECT * FROM governor.breakers;

-- A row of results opens it: 18 more make minimum_calls, and half of all failed.
UPDATE governor.breaker_settings SET open_for = '1 h' WHERE name = 'payments';
SELECT governor.reload() > 0 AS loaded;
SELECT count(governor.breaker_record('payments', i > 9, '5 ms')) FROM generate_series(1, 18) AS i;
SELECT name, state, calls, opened_at < clock_timestamp() AS opened_at, retry_after BETWEEN '59 min' AND '1 h' AS retry_after,
	   permits_left, not_permitted FROM governor.breakers;
SELECT governor.breaker_allow('payments'), governor.breaker_acquire('payments');
\set VERBOSITY sqlstate
SELECT governor.breaker_check('payments');
\set VERBOSITY default
DO $$
DECLARE
	m text; h text;
BEGIN
	PERFORM governor.breaker_check('payments');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, h = PG_EXCEPTION_HINT;
	RAISE NOTICE '% %', m, regexp_replace(h, '\d+', 'N');
END $$;
SELECT not_permitted FROM governor.breakers;

-- Nothing of it is undone by a rollback.
SELECT governor.breaker_reset('payments');
BEGIN;
SELECT governor.breaker_record('payments', false);
SAVEPOINT s;
SELECT governor.breaker_record('payments', false);
ROLLBACK TO s;
ROLLBACK;
SELECT state, calls FROM governor.breakers;

-- By hand.
SELECT governor.breaker_force('payments', 'forced_open');
SELECT governor.breaker_allow('payments');
SELECT governor.breaker_check('payments');
SELECT state, opened_at IS NOT NULL AS opened_at, retry_after FROM governor.breakers;
SELECT governor.breaker_force('payments', 'disabled');
SELECT governor.breaker_allow('payments');
SELECT count(governor.breaker_record('payments', false)) FROM generate_series(1, 30);
SELECT state, calls FROM governor.breakers;
SELECT governor.breaker_force('payments', 'metrics_only');
SELECT count(governor.breaker_record('payments', false)) FROM generate_series(1, 30);
SELECT state, calls, failure_rate, slow_rate FROM governor.breakers;
SELECT governor.breaker_force('payments', 'half_open');
SELECT state, permits_left FROM governor.breakers;
SELECT governor.breaker_force('payments', 'HALF');
SELECT governor.breaker_force('payments', NULL);

-- Half open: so many permits, numbered; whoever reports, once.
SELECT governor.breaker_acquire('payments') AS one \gset
SELECT governor.breaker_acquire('payments') AS two \gset
SELECT governor.breaker_acquire('payments') AS three \gset
SELECT :one < :two AND :two < :three AS numbered, governor.breaker_acquire('payments') AS fourth;
SELECT governor.breaker_record('payments', true, NULL, :two);
SELECT governor.breaker_record('payments', true, NULL, :two);
SELECT state, calls, permits_left FROM governor.breakers;
SELECT governor.breaker_record('payments', true, '1 s', :one), governor.breaker_record('payments', false, NULL, :three);
SELECT state, calls FROM governor.breakers;
-- a result of an earlier period does not count
SELECT governor.breaker_record('payments', false, NULL, :one);
SELECT state, calls FROM governor.breakers;
-- what this session was allowed last is what it reports
SELECT governor.breaker_force('payments', 'half_open');
SELECT governor.breaker_allow('payments');
SELECT governor.breaker_record('payments', false), governor.breaker_record('payments', false);
SELECT state, calls, permits_left FROM governor.breakers;

-- Slow calls open it too.
UPDATE governor.breaker_settings SET slow_call_duration = '100 ms', slow_call_rate = 50, minimum_calls = 2 WHERE name = 'payments';
SELECT governor.reload() > 0 AS loaded;
SELECT governor.breaker_reset('payments');
SELECT governor.breaker_record('payments', true, '-1 ms');
SELECT governor.breaker_record('payments', true, '1 month');
SELECT governor.breaker_record('payments', true, NULL, 0);
SELECT governor.breaker_record('payments', true, '100 ms');
SELECT governor.breaker_record('payments', true, '100.001 ms');
SELECT state FROM governor.breakers;

-- Events say why.
SELECT kind, detail FROM governor.events WHERE kind = 'breaker' ORDER BY at;

-- Other settings keep the counts; another name is another breaker.
SELECT governor.breaker_reset('payments');
SELECT governor.breaker_record('payments', true);
BEGIN;
UPDATE governor.breaker_settings SET failure_rate = 75, window_size = 50 WHERE name = 'payments';
INSERT INTO governor.breaker_settings (name, window_type, role) VALUES ('mailer', 'time', 'regress_gov_payer');
COMMIT;
SELECT governor.reload() > 0 AS loaded;
SELECT name, state, calls FROM governor.breakers ORDER BY name;
UPDATE governor.breaker_settings SET name = 'payments 2' WHERE name = 'payments';
SELECT governor.reload() > 0 AS loaded;
SELECT name, state, calls FROM governor.breakers ORDER BY name;
SELECT governor.breaker_allow('payments');
SELECT regexp_replace(detail, 'generation \d+', 'generation N') AS detail FROM governor.events
WHERE kind = 'policy' AND detail LIKE '%breaker%' ORDER BY at;

-- Rate limits: all or none.
SELECT * FROM governor.rate_take('mails', 2);
SELECT granted, remaining, retry_after BETWEEN '59 min' AND '62 min' AS retry_after FROM governor.rate_take('mails', 2);
SELECT * FROM governor.rate_take('mails', 0);
SELECT * FROM governor.rate_take('mails');
SELECT granted, remaining FROM governor.rate_take('mails');
SELECT * FROM governor.rate_take('mails', 4);
SELECT * FROM governor.rate_take('mails', -1);
SELECT * FROM governor.rate_take('mails', NULL);
-- a rollback gives nothing back; other limits begin anew
UPDATE governor.rate_settings SET rate = '2/1h, 1/1ms' WHERE name = 'mails';
SELECT governor.reload() > 0 AS loaded;
BEGIN;
SELECT granted FROM governor.rate_take('mails');
ROLLBACK;
SELECT wait_for($$(SELECT granted FROM governor.rate_take('mails'))$$);
SELECT granted, remaining FROM governor.rate_take('mails');

-- Who may.
INSERT INTO governor.rate_settings (name, rate, role) VALUES ('texts', '3/1h', 'regress_gov_payer'), ('nobody', '1/s', 'regress_gov_none');
SELECT governor.reload() > 0 AS loaded;
SELECT policy_error FROM governor.status;
SET ROLE regress_gov_plain;
SELECT governor.breaker_allow('payments 2');
SELECT governor.breaker_allow('mailer');
SELECT governor.breaker_record('mailer', true);
SELECT governor.breaker_acquire('mailer');
SELECT granted FROM governor.rate_take('texts');
SELECT granted FROM governor.rate_take('nobody');
SELECT governor.breaker_force('payments 2', 'disabled');
SELECT governor.breaker_reset('payments 2');
SELECT name, state FROM governor.breakers ORDER BY name;
SET ROLE regress_gov_payer;
SELECT governor.breaker_allow('mailer'), granted FROM governor.rate_take('texts');
RESET ROLE;
SELECT granted FROM governor.rate_take('nobody');

-- Settings that cannot be.
\set VERBOSITY terse
INSERT INTO governor.breaker_settings (name) VALUES ('');
INSERT INTO governor.breaker_settings (name) VALUES (E'a\nb');
INSERT INTO governor.breaker_settings (name) VALUES (repeat('x', 64));
INSERT INTO governor.breaker_settings (name, window_type) VALUES ('x', 'calls');
INSERT INTO governor.breaker_settings (name, window_size) VALUES ('x', 0);
INSERT INTO governor.breaker_settings (name, window_size) VALUES ('x', 10001);
INSERT INTO governor.breaker_settings (name, window_type, window_size) VALUES ('x', 'time', 3601);
INSERT INTO governor.breaker_settings (name, minimum_calls) VALUES ('x', 0);
INSERT INTO governor.breaker_settings (name, failure_rate) VALUES ('x', 0.0009);
INSERT INTO governor.breaker_settings (name, failure_rate) VALUES ('x', 100.5);
INSERT INTO governor.breaker_settings (name, failure_rate) VALUES ('x', 'NaN');
INSERT INTO governor.breaker_settings (name, slow_call_rate) VALUES ('x', 0);
INSERT INTO governor.breaker_settings (name, slow_call_duration) VALUES ('x', '0');
INSERT INTO governor.breaker_settings (name, open_for) VALUES ('x', '1 month');
INSERT INTO governor.breaker_settings (name, open_for) VALUES ('x', NULL);
INSERT INTO governor.breaker_settings (name, half_open_calls) VALUES ('x', 101);
INSERT INTO governor.breaker_settings (name, half_open_timeout) VALUES ('x', '-1 s');
INSERT INTO governor.breaker_settings (name, failure_sqlstates) VALUES ('x', '{}');
INSERT INTO governor.breaker_settings (name, failure_sqlstates) VALUES ('x', '{5,53}');
INSERT INTO governor.breaker_settings (name, failure_sqlstates) VALUES ('x', '{53,NULL}');
INSERT INTO governor.breaker_settings (name, failure_sqlstates) VALUES ('x', '{{53,58}}');
INSERT INTO governor.rate_settings (name, rate) VALUES ('x', '0/1s');
INSERT INTO governor.rate_settings (name, rate) VALUES ('x', NULL);
INSERT INTO governor.classes (name, breaker) VALUES ('guarded', 'none');
\set VERBOSITY default
-- one that guards a class stays
INSERT INTO governor.classes (name, breaker) VALUES ('guarded', 'mailer');
DELETE FROM governor.breaker_settings WHERE name = 'mailer';
TRUNCATE governor.breaker_settings CASCADE;
SELECT governor.reload() > 0 AS loaded;
BEGIN;
UPDATE governor.breaker_settings SET name = 'post', failure_sqlstates = '{53,40001}' WHERE name = 'mailer';
SELECT breaker FROM governor.classes WHERE name = 'guarded';
-- and is nobody's whom it does not name
UPDATE governor.breaker_settings SET role = NULL WHERE name = 'post';
COMMIT;
SELECT governor.reload() > 0 AS loaded;
SELECT regexp_replace(detail, 'generation \d+', 'generation N') AS detail FROM governor.events WHERE kind = 'policy' ORDER BY at DESC LIMIT 1;
SET ROLE regress_gov_plain;
SELECT governor.breaker_record('post', false);
SELECT governor.breaker_allow('post');
RESET ROLE;
SELECT governor.breaker_allow('post');
DELETE FROM governor.classes WHERE name = 'guarded';
DELETE FROM governor.rate_settings WHERE name = 'nobody';

-- More than there is room for.
INSERT INTO governor.breaker_settings (name) SELECT 'many ' || i FROM generate_series(1, 127) AS i;
SELECT governor.reload() > 0 AS loaded;
SELECT policy_error FROM governor.status;
SELECT count(*) FROM governor.breakers;
INSERT INTO governor.breaker_settings (name) SELECT 'too many ' || i FROM generate_series(1, 128) AS i;
DELETE FROM governor.breaker_settings;
TRUNCATE governor.rate_settings;
SELECT governor.reload() > 0 AS loaded;
SELECT count(*) FROM governor.breakers;
SELECT policy_error FROM governor.status;
DROP ROLE regress_gov_plain, regress_gov_payer;
