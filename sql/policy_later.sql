-- Columns whose effect comes in a later version: nothing is silently ignored.
\pset null '(null)'
\set VERBOSITY terse
CREATE TEMP TABLE before AS TABLE governor.classes;

-- Refused, by a message that says so.
UPDATE governor.classes SET reserved_sessions = 1 WHERE name = 'function';
UPDATE governor.classes SET reserved_sessions = 5 WHERE name = 'function';
UPDATE governor.classes SET reserved_sessions = 6 WHERE name = 'default';
UPDATE governor.classes SET queue_limit = 1 WHERE name = 'function';
UPDATE governor.classes SET queue_limit = -1 WHERE name = 'function';
UPDATE governor.classes SET queue_timeout = '1 s' WHERE name = 'function';
UPDATE governor.classes SET queue_timeout = '1 month -30 days' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '10/1s' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '150/1s, 6000/60s' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = 'fast' WHERE name = 'function';
UPDATE governor.classes SET connect_rate = '' WHERE name = 'function';
UPDATE governor.classes SET evict_after = '2 s' WHERE name = 'function';
UPDATE governor.classes SET evict_after = '-1 s' WHERE name = 'function';
UPDATE governor.classes SET max_active = 1 WHERE name = 'function';
UPDATE governor.classes SET max_active = -1 WHERE name = 'function';
UPDATE governor.classes SET gate_timeout = '1 s' WHERE name = 'function';
UPDATE governor.classes SET idle_blocker_timeout = '3 s' WHERE name = 'function';
UPDATE governor.classes SET unresponsive_timeout = '10 s' WHERE name = 'function';
UPDATE governor.classes SET sessions_per_instance = 1 WHERE name = 'function';
UPDATE governor.classes SET paused = true WHERE name = 'function';
UPDATE governor.classes SET breaker = 'downstream' WHERE name = 'function';
UPDATE governor.classes SET breaker = '' WHERE name = 'function';
-- and with a new row
INSERT INTO governor.classes (name, max_active) VALUES ('workers', 8);
INSERT INTO governor.classes (name, reserved_sessions) VALUES ('workers', 5);
-- those that are not null
UPDATE governor.classes SET reserved_sessions = NULL WHERE name = 'function';
UPDATE governor.classes SET queue_limit = NULL WHERE name = 'function';
UPDATE governor.classes SET queue_timeout = NULL WHERE name = 'function';
UPDATE governor.classes SET gate_timeout = NULL WHERE name = 'function';
UPDATE governor.classes SET paused = NULL WHERE name = 'function';

(TABLE governor.classes EXCEPT TABLE before) UNION ALL (TABLE before EXCEPT TABLE governor.classes);

-- Accepted: nothing at all, and what is shipped.
BEGIN;
UPDATE governor.classes SET reserved_sessions = 0, queue_limit = 0, queue_timeout = '0', connect_rate = NULL,
	evict_after = NULL, max_active = NULL, gate_timeout = '0', idle_blocker_timeout = NULL,
	unresponsive_timeout = NULL, sessions_per_instance = NULL, paused = false, breaker = NULL;
UPDATE governor.classes SET evict_after = '0', max_active = 0, idle_blocker_timeout = '0',
	unresponsive_timeout = '0', sessions_per_instance = 0;
UPDATE governor.classes SET reserved_sessions = 5 WHERE name = 'default';
-- the pace that another machine's size gave it, as a dump brings it
UPDATE governor.classes SET queue_limit = 1000, queue_timeout = '5 s', connect_rate = '300/1s', evict_after = '1 s',
	gate_timeout = '5 s', idle_blocker_timeout = '2 s', unresponsive_timeout = '20 s' WHERE name = 'function';
INSERT INTO governor.classes (name) VALUES ('workers');
SELECT name, reserved_sessions, queue_limit, queue_timeout, connect_rate, evict_after, max_active, gate_timeout
FROM governor.classes ORDER BY name;
ROLLBACK;
