-- What the views show.
\pset null '(null)'
SELECT current_user AS superuser \gset
-- the sessions of earlier tests may still be on their way out
SELECT wait_for('(SELECT count(*) = 1 FROM governor.sessions)');

-- status: one row.
SELECT count(*) FROM governor.status;
SELECT mode, version = (SELECT extversion FROM pg_extension WHERE extname = 'pg_governor') AS version,
	   policy_generation > 0 AS generation, policy_loaded_at BETWEEN pg_postmaster_start_time() AND clock_timestamp() AS loaded_at,
	   policy_error, repairs
FROM governor.status;
SELECT backend_type FROM pg_stat_activity WHERE pid = (SELECT governor_pid FROM governor.status);
SELECT last_sweep BETWEEN pg_postmaster_start_time() AND clock_timestamp() AS last_sweep,
	   sweep_duration BETWEEN '0' AND '1 min' AS sweep_duration, sweeps > 0 AS sweeps, logins > 0 AS logins,
	   login_time > '0' AS login_time, stats_reset < clock_timestamp() AS stats_reset
FROM governor.status;

-- sessions: a superuser is exempt, and shown.
SELECT pid = pg_backend_pid() AS me, datname = current_database() AS here, usename = current_user AS by_me,
	   application_name = current_setting('application_name') AS name, client_addr, client_port, class, rule,
	   platform, function, version, instance
FROM governor.sessions;
SELECT s.backend_start = a.backend_start AS backend_start, s.state, s.state_since = a.state_change AS state_since, s.idle_for,
	   s.transaction_for < '1 min' AS transaction_for, s.waiting, s.peer, s.verdict, s.stale_at, s.lease_until, s.blocks, s.snapshot_age >= 0 AS snapshot_age
FROM governor.sessions s JOIN pg_stat_activity a USING (pid);

-- Classes that show what counts: caps, modes, and what pressure does to an idle timeout.
CREATE ROLE regress_gov_app LOGIN;
INSERT INTO governor.classes (name, mode, max_sessions, idle_timeout, idle_timeout_floor) VALUES
	('tight', 'observe', 1, '60 s', '3 s'), ('roomy', 'enforce', 10, '60 s', '3 s'),
	('stiff', NULL, 1, '60 s', NULL), ('timeless', 'off', NULL, NULL, NULL);
INSERT INTO governor.rules (position, class, application_name) VALUES
	(1, 'tight', 'tight'), (2, 'roomy', 'roomy'), (3, 'stiff', 'stiff');
SELECT governor.reload() > 0 AS loaded;
SELECT class, mode, max_sessions, sessions, active, idle, queued, gate_waiting, headroom, pressure > 0 AND pressure < 0.5 AS pressure,
	   oldest_wait, idle_timeout, max_active, decision
FROM governor.admission WHERE class <> 'function' ORDER BY class;
SELECT mode, max_sessions = current_setting('max_connections')::integer * 6 / 10 AS max_sessions, sessions, headroom = max_sessions AS headroom, idle_timeout
FROM governor.admission WHERE class = 'function';

-- One session of a governed class fills it.
SELECT governor.reset_stats();
SELECT stats_reset AS reset_at FROM governor.status \gset
\set admission 'SELECT class, mode, max_sessions, sessions, active, idle, headroom, round(pressure::numeric, 1) AS pressure, idle_timeout FROM governor.admission WHERE sessions > 0;'
\set session 'SELECT datname = current_database() AS here, usename, application_name, client_addr, client_port, class, rule, state, idle_for, peer, verdict, stale_at FROM governor.sessions WHERE pid = pg_backend_pid();'
\c -reuse-previous=on "user=regress_gov_app application_name=tight"
SELECT wait_for('(SELECT count(*) = 1 FROM governor.sessions)');
:session
:admission
-- a name that is given later is shown, and moves a session that has no identity
SET application_name = 'roomy';
SELECT application_name, class, rule FROM governor.sessions WHERE pid = pg_backend_pid();
RESET application_name;
\c -reuse-previous=on "application_name=roomy"
SELECT wait_for('(SELECT count(*) = 1 FROM governor.sessions)');
:session
:admission
\c -reuse-previous=on "application_name=stiff"
SELECT wait_for('(SELECT count(*) = 1 FROM governor.sessions)');
:admission
\c -reuse-previous=on "application_name=other"
SELECT wait_for('(SELECT count(*) = 1 FROM governor.sessions)');
:session
:admission

-- stat_classes: who came in since the reset.
\c - :superuser
SELECT class, admitted, evicted, queued, queue_time, refused, reclaimed, reclaimed_idle, reclaimed_idle_in_transaction AS reclaimed_idle_in_trans,
	   reclaimed_lifetime, reclaimed_requested
FROM governor.stat_classes ORDER BY class;
SELECT class, would_reclaim, declined, regrets, gate_waits, gate_time, gate_passes, stats_reset = :'reset_at' AS stats_reset
FROM governor.stat_classes ORDER BY class;
SELECT logins, login_time > '0' AS login_time, stats_reset = :'reset_at' AS stats_reset FROM governor.status;
SELECT governor.reset_stats();
SELECT class, admitted FROM governor.stat_classes ORDER BY class;
SELECT logins, login_time, stats_reset > :'reset_at' AS later FROM governor.status;

-- events: in the order in which things happened.
SELECT kind, class, pid, usename, datname, application_name, client_addr, reason, detail
FROM governor.events WHERE kind = 'governor';
SELECT bool_and(in_order) AS in_order, bool_and(at BETWEEN pg_postmaster_start_time() AND clock_timestamp()) AS at
FROM (SELECT at, coalesce(at >= lag(at) OVER (), true) AS in_order FROM governor.events) AS e;
DELETE FROM governor.rules WHERE position < 1000;
DELETE FROM governor.classes WHERE name NOT IN ('default', 'function');
SELECT governor.reload() AS generation \gset
SELECT kind, class, pid, usename = session_user AS by_me, datname, application_name, client_addr, reason,
	   detail ~ format('^generation %s: .*removed', :generation) AS detail
FROM governor.events ORDER BY at DESC LIMIT 1;
-- a reload that changes nothing is no event
SELECT count(*) AS events FROM governor.events \gset
SELECT governor.reload() = :generation AS same_generation;
SELECT count(*) = :events AS same_events FROM governor.events;
DROP ROLE regress_gov_app;
