-- Asking a session to end: rights, and answers that need no second session.
\pset null '(null)'
SELECT current_user AS superuser \gset
CREATE ROLE regress_gov_plain;
CREATE ROLE regress_gov_signaller IN ROLE pg_signal_backend;
CREATE ROLE regress_gov_app LOGIN IN ROLE regress_gov_plain, regress_gov_signaller;

-- Who asks is working, so he does not rest: false, and he works on.
SELECT governor.reclaim(pg_backend_pid(), 'myself');
SELECT governor.reclaim(pg_backend_pid(), '');
BEGIN;
SELECT governor.reclaim(pg_backend_pid(), 'in a transaction');
COMMIT;
SELECT count(*) FROM governor.events WHERE kind = 'reclaimed';

-- Without a pid or a reason there is no answer.
SELECT governor.reclaim(pg_backend_pid(), NULL);
SELECT governor.reclaim(NULL, 'nobody');

-- Not a client's session.
SELECT governor.reclaim(0, 'nobody');
SELECT governor.reclaim(-1, 'nobody');
SELECT governor.reclaim(2147483647, 'nobody');
SET client_min_messages = error;
SELECT backend_type, governor.reclaim(pid, 'not a client') FROM pg_stat_activity
WHERE backend_type IN ('checkpointer', 'pg_governor governor', 'walwriter') ORDER BY 1;
RESET client_min_messages;

-- A superuser's session is for superusers.
SET ROLE regress_gov_plain;
SELECT governor.reclaim(pg_backend_pid(), 'plain');
SET ROLE regress_gov_signaller;
SELECT governor.reclaim(pg_backend_pid(), 'signaller');
SET ROLE regress_gov_app;
SELECT governor.reclaim(pg_backend_pid(), 'app');
RESET ROLE;

-- Another role's session: with pg_signal_backend.
\c - regress_gov_app
SELECT governor.reclaim(pg_backend_pid(), 'my own');
SET ROLE regress_gov_plain;
SELECT governor.reclaim(pg_backend_pid(), 'plain');
SET ROLE regress_gov_signaller;
SELECT governor.reclaim(pg_backend_pid(), 'signaller');
RESET ROLE;
-- that there is no such session is no secret
SET ROLE regress_gov_plain;
SELECT governor.reclaim(2147483647, 'nobody');
RESET ROLE;

\c - :superuser
DROP ROLE regress_gov_app, regress_gov_signaller, regress_gov_plain;
