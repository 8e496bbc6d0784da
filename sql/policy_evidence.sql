-- The thresholds that ask for more than idle time: what they may be.
\pset null '(null)'
\set VERBOSITY terse
CREATE TEMP TABLE before AS TABLE governor.classes;

-- Refused, by a message that says what is allowed.
UPDATE governor.classes SET idle_blocker_timeout = '0' WHERE name = 'function';
UPDATE governor.classes SET idle_blocker_timeout = '1 month' WHERE name = 'function';
UPDATE governor.classes SET unresponsive_timeout = '1.9 s' WHERE name = 'function';
UPDATE governor.classes SET unresponsive_timeout = '2 days' WHERE name = 'function';
UPDATE governor.classes SET sessions_per_instance = 0 WHERE name = 'function';
-- and with a new row
INSERT INTO governor.classes (name, sessions_per_instance) VALUES ('workers', -1);

(TABLE governor.classes EXCEPT TABLE before) UNION ALL (TABLE before EXCEPT TABLE governor.classes);

-- Accepted.
BEGIN;
UPDATE governor.classes SET idle_blocker_timeout = NULL, unresponsive_timeout = NULL, sessions_per_instance = NULL;
INSERT INTO governor.classes (name, idle_blocker_timeout, unresponsive_timeout, sessions_per_instance)
	VALUES ('workers', '500 ms', '2 s', 1), ('patient', '1 day', '1 day', 262143);
SELECT name, idle_blocker_timeout, unresponsive_timeout, sessions_per_instance
FROM governor.classes ORDER BY name;
ROLLBACK;
