-- Columns whose effect comes in a later version: nothing is silently ignored.
\pset null '(null)'
\set VERBOSITY terse
CREATE TEMP TABLE before AS TABLE governor.classes;

-- Refused, by a message that says so.
UPDATE governor.classes SET idle_blocker_timeout = '3 s' WHERE name = 'function';
UPDATE governor.classes SET unresponsive_timeout = '10 s' WHERE name = 'function';
UPDATE governor.classes SET sessions_per_instance = 1 WHERE name = 'function';
-- and with a new row
INSERT INTO governor.classes (name, sessions_per_instance) VALUES ('workers', 8);

(TABLE governor.classes EXCEPT TABLE before) UNION ALL (TABLE before EXCEPT TABLE governor.classes);

-- Accepted: nothing at all, and what is shipped.
BEGIN;
UPDATE governor.classes SET idle_blocker_timeout = NULL,
	unresponsive_timeout = NULL, sessions_per_instance = NULL;
UPDATE governor.classes SET idle_blocker_timeout = '0', unresponsive_timeout = '0', sessions_per_instance = 0;
UPDATE governor.classes SET idle_blocker_timeout = '2 s', unresponsive_timeout = '20 s' WHERE name = 'function';
INSERT INTO governor.classes (name) VALUES ('workers');
SELECT name, idle_blocker_timeout, unresponsive_timeout, sessions_per_instance
FROM governor.classes ORDER BY name;
ROLLBACK;
