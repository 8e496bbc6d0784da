/* pg_governor 0.1.0 */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pg_governor" to load this file. \quit

-- Made here, so that a schema of that name which is there already, with whatever
-- its owner put into it, is refused.  The script runs with pg_catalog alone as
-- its search path for the same reason.
CREATE SCHEMA governor;

--
-- Policy: who is in which class, and what the class may do.
--
-- A column whose effect comes in a later version has a constraint that says
-- so, and takes only NULL, 0, false, or what is shipped here.
--

CREATE TABLE governor.breaker_settings (
	name text NOT NULL
		CONSTRAINT breaker_settings_pkey PRIMARY KEY,
	window_type text NOT NULL DEFAULT 'count',
	window_size integer,
	minimum_calls integer NOT NULL DEFAULT 20,
	failure_rate numeric NOT NULL DEFAULT 50,
	slow_call_duration interval,
	slow_call_rate numeric NOT NULL DEFAULT 100,
	open_for interval NOT NULL DEFAULT '5 s',
	half_open_calls integer NOT NULL DEFAULT 3,
	half_open_timeout interval NOT NULL DEFAULT '5 s',
	role text,
	failure_sqlstates text[],
	shipped boolean NOT NULL,

	CONSTRAINT "name: 1 to 63 bytes, no control characters"
		CHECK (octet_length(name) BETWEEN 1 AND 63 AND name !~ E'[\\u0001-\\u001f\\u007f]'),
	CONSTRAINT "window_type: count or time"
		CHECK (window_type IN ('count', 'time')),
	CONSTRAINT "window_size: 1 to 10000 calls, 1 to 3600 s; NULL: 100 or 10"
		CHECK (window_size BETWEEN 1 AND CASE window_type WHEN 'time' THEN 3600 ELSE 10000 END),
	CONSTRAINT "minimum_calls: 1 to 1000000"
		CHECK (minimum_calls BETWEEN 1 AND 1000000),
	CONSTRAINT "failure_rate: percent, 0.001 to 100"
		CHECK (failure_rate BETWEEN 0.001 AND 100),
	CONSTRAINT "slow_call_duration: positive, finite, without months"
		CHECK (slow_call_duration > '0' AND slow_call_duration <= '10000 days'
			   AND extract(month FROM slow_call_duration) = 0
			   AND extract(year FROM slow_call_duration) = 0),
	CONSTRAINT "slow_call_rate: percent, 0.001 to 100"
		CHECK (slow_call_rate BETWEEN 0.001 AND 100),
	CONSTRAINT "open_for: positive, finite, without months"
		CHECK (open_for > '0' AND open_for <= '10000 days'
			   AND extract(month FROM open_for) = 0 AND extract(year FROM open_for) = 0),
	CONSTRAINT "half_open_calls: 1 to 100"
		CHECK (half_open_calls BETWEEN 1 AND 100),
	CONSTRAINT "half_open_timeout: positive, finite, without months"
		CHECK (half_open_timeout > '0' AND half_open_timeout <= '10000 days'
			   AND extract(month FROM half_open_timeout) = 0
			   AND extract(year FROM half_open_timeout) = 0),
	CONSTRAINT "role: a name of 1 to 63 bytes"
		CHECK (octet_length(role) BETWEEN 1 AND 63),
	CONSTRAINT "failure_sqlstates: 1 to 32 SQLSTATEs or their classes"
		CHECK (array_ndims(failure_sqlstates) = 1 AND cardinality(failure_sqlstates) BETWEEN 1 AND 32
			   AND array_to_string(failure_sqlstates, ',', '?') ~ '^[0-9A-Z]{2}([0-9A-Z]{3})?(,[0-9A-Z]{2}([0-9A-Z]{3})?)*$')
);

COMMENT ON TABLE governor.breaker_settings IS 'Circuit breakers that all sessions share; in force in the database named by governor.database';
COMMENT ON COLUMN governor.breaker_settings.name IS 'What callers, classes and views call the breaker';
COMMENT ON COLUMN governor.breaker_settings.window_type IS 'Over what the rates are measured: the last window_size calls (count) or seconds (time)';
COMMENT ON COLUMN governor.breaker_settings.window_size IS 'Calls, or seconds; NULL: 100 calls, 10 seconds';
COMMENT ON COLUMN governor.breaker_settings.minimum_calls IS 'So many calls must be in the window before it can open';
COMMENT ON COLUMN governor.breaker_settings.failure_rate IS 'Percent of failed calls at which it opens';
COMMENT ON COLUMN governor.breaker_settings.slow_call_duration IS 'A call that took longer is slow; NULL: none is';
COMMENT ON COLUMN governor.breaker_settings.slow_call_rate IS 'Percent of slow calls at which it opens';
COMMENT ON COLUMN governor.breaker_settings.open_for IS 'How long it refuses everybody before it tries again';
COMMENT ON COLUMN governor.breaker_settings.half_open_calls IS 'So many calls are let through then, and decide by their results';
COMMENT ON COLUMN governor.breaker_settings.half_open_timeout IS 'A call of these that is not reported within it counts as failed';
COMMENT ON COLUMN governor.breaker_settings.role IS 'Only members of this role may use it; NULL: everyone';
COMMENT ON COLUMN governor.breaker_settings.failure_sqlstates IS 'For a breaker of a class: errors that count as failures; NULL: 53, 58, XX, and 57014 by statement_timeout';
COMMENT ON COLUMN governor.breaker_settings.shipped IS 'Always false: pg_governor ships no breaker';

CREATE TABLE governor.rate_settings (
	name text NOT NULL
		CONSTRAINT rate_settings_pkey PRIMARY KEY,
	rate text NOT NULL,
	role text,
	shipped boolean NOT NULL,

	CONSTRAINT "name: 1 to 63 bytes, no control characters"
		CHECK (octet_length(name) BETWEEN 1 AND 63 AND name !~ E'[\\u0001-\\u001f\\u007f]'),
	CONSTRAINT "rate: 1 to 4 of count/period, as 100/1s"
		CHECK (rate ~ '^([1-9][0-9]{0,5}|1000000) */ *([1-9][0-9]{0,4})? *(ms|s|m|min|h)( *, *([1-9][0-9]{0,5}|1000000) */ *([1-9][0-9]{0,4})? *(ms|s|m|min|h)){0,3}$'
			   AND octet_length(rate) <= 127),
	CONSTRAINT "role: a name of 1 to 63 bytes"
		CHECK (octet_length(role) BETWEEN 1 AND 63)
);

COMMENT ON TABLE governor.rate_settings IS 'Rate limits that all sessions share; in force in the database named by governor.database';
COMMENT ON COLUMN governor.rate_settings.name IS 'What callers call the limit';
COMMENT ON COLUMN governor.rate_settings.rate IS 'A list of count/period that all hold: never more than count in any period';
COMMENT ON COLUMN governor.rate_settings.role IS 'Only members of this role may take; NULL: everyone';
COMMENT ON COLUMN governor.rate_settings.shipped IS 'Always false: pg_governor ships no rate limit';

CREATE TABLE governor.classes (
	name text NOT NULL
		CONSTRAINT classes_pkey PRIMARY KEY,
	mode text,
	max_sessions integer,
	reserved_sessions integer NOT NULL DEFAULT 0,
	queue_limit integer NOT NULL DEFAULT 1000,
	queue_timeout interval NOT NULL DEFAULT '5 s',
	connect_rate text,
	evict_after interval,
	max_active integer,
	gate_timeout interval NOT NULL DEFAULT '5 s',
	idle_timeout interval,
	idle_timeout_floor interval,
	idle_in_transaction_timeout interval,
	idle_blocker_timeout interval,
	transaction_timeout interval,
	max_lifetime interval,
	unresponsive_timeout interval,
	sessions_per_instance integer,
	keep_warm integer NOT NULL DEFAULT 0,
	reclaim_rate numeric,
	paused boolean NOT NULL DEFAULT false,
	breaker text
		CONSTRAINT classes_breaker_fkey REFERENCES governor.breaker_settings (name) ON UPDATE CASCADE,
	settings text[],
	description text,
	changed_by name,
	changed_at timestamptz,
	shipped boolean NOT NULL,

	CONSTRAINT "name: lower-case letters, digits, underscores; at most 63 bytes"
		CHECK (name ~ '^[a-z][a-z0-9_]*$' AND octet_length(name) <= 63),
	CONSTRAINT "mode: off, observe, enforce, or NULL"
		CHECK (mode IN ('off', 'observe', 'enforce')),
	CONSTRAINT "max_sessions: 1 to 262143, or NULL for no cap"
		CHECK (max_sessions BETWEEN 1 AND 262143),
	CONSTRAINT "keep_warm: 0 to 262143"
		CHECK (keep_warm BETWEEN 0 AND 262143),
	CONSTRAINT "reclaim_rate: 0.001 to 100000, or NULL for no limit"
		CHECK (reclaim_rate BETWEEN 0.001 AND 100000),

	-- durations: longer than zero, without months (which have no fixed length), at most 10000 days
	CONSTRAINT "idle_timeout: positive, finite, without months"
		CHECK (idle_timeout > '0' AND idle_timeout <= '10000 days'
			   AND extract(month FROM idle_timeout) = 0 AND extract(year FROM idle_timeout) = 0),
	CONSTRAINT "idle_timeout_floor: positive, finite, without months"
		CHECK (idle_timeout_floor > '0' AND idle_timeout_floor <= '10000 days'
			   AND extract(month FROM idle_timeout_floor) = 0 AND extract(year FROM idle_timeout_floor) = 0),
	CONSTRAINT "idle_in_transaction_timeout: positive, finite, without months"
		CHECK (idle_in_transaction_timeout > '0' AND idle_in_transaction_timeout <= '10000 days'
			   AND extract(month FROM idle_in_transaction_timeout) = 0
			   AND extract(year FROM idle_in_transaction_timeout) = 0),
	CONSTRAINT "max_lifetime: positive, finite, without months"
		CHECK (max_lifetime > '0' AND max_lifetime <= '10000 days'
			   AND extract(month FROM max_lifetime) = 0 AND extract(year FROM max_lifetime) = 0),

	CONSTRAINT "transaction_timeout: positive, finite, without months"
		CHECK (transaction_timeout > '0' AND transaction_timeout <= '10000 days'
			   AND extract(month FROM transaction_timeout) = 0
			   AND extract(year FROM transaction_timeout) = 0),

	-- settings: joined by line feeds, which none of them may contain; the names as the server compares them
	CONSTRAINT "settings: a list of name=value, or NULL"
		CHECK (cardinality(settings) = 0
			   OR array_ndims(settings) = 1
			   AND array_to_string(settings, E'\n', '') || E'\n' ~
				   E'^([A-Za-z_][A-Za-z0-9_$]*(\\.[A-Za-z_][A-Za-z0-9_$]*)*=[^\\n]*\\n)+$'),
	CONSTRAINT "settings: at most 1000 bytes"
		CHECK (octet_length(array_to_string(settings, E'\n')) <= 1000),
	CONSTRAINT "settings: no control characters"
		CHECK (array_to_string(settings, '') !~ E'[\\u0001-\\u001f\\u007f]'),
	CONSTRAINT "settings: each parameter once"
		CHECK ((E'\n' || array_to_string(settings, E'\n')) COLLATE "C" !~* E'\\n([^=\\n]+)=[^\\n]*\\n(.*\\n)?\\1='),
	-- who a session is, what code it loads, how it reads its client; and what makes an error end it
	CONSTRAINT "settings: not role, session_authorization, client_encoding"
		CHECK ((E'\n' || array_to_string(settings, E'\n')) COLLATE "C" !~* E'\\n(role|session_authorization|client_encoding)='),
	CONSTRAINT "settings: not session_, local_ or shared_preload_libraries"
		CHECK ((E'\n' || array_to_string(settings, E'\n')) COLLATE "C" !~* E'\\n(session|local|shared)_preload_libraries='),
	CONSTRAINT "settings: not exit_on_error, transaction_*, governor.*"
		CHECK ((E'\n' || array_to_string(settings, E'\n')) COLLATE "C" !~* E'\\n(exit_on_error=|transaction_|governor\\.)'),

	CONSTRAINT "reserved_sessions: 0 to 262143"
		CHECK (reserved_sessions BETWEEN 0 AND 262143),
	CONSTRAINT "queue_limit: 0 to 262143"
		CHECK (queue_limit BETWEEN 0 AND 262143),
	CONSTRAINT "queue_timeout: 0 to 1 day, without months"
		CHECK (queue_timeout >= '0' AND queue_timeout <= '1 day'
			   AND extract(month FROM queue_timeout) = 0 AND extract(year FROM queue_timeout) = 0),
	CONSTRAINT "connect_rate: 1 to 4 of count/period, as 150/1s, or NULL"
		CHECK (connect_rate ~ '^([1-9][0-9]{0,5}|1000000) */ *([1-9][0-9]{0,4})? *(ms|s|m|min|h)( *, *([1-9][0-9]{0,5}|1000000) */ *([1-9][0-9]{0,4})? *(ms|s|m|min|h)){0,3}$'
			   AND octet_length(connect_rate) <= 127),
	CONSTRAINT "evict_after: 0 or more, finite, without months; NULL: never"
		CHECK (evict_after >= '0' AND evict_after <= '10000 days'
			   AND extract(month FROM evict_after) = 0 AND extract(year FROM evict_after) = 0),
	CONSTRAINT "max_active: 1 to 262143, or NULL for no gate"
		CHECK (max_active BETWEEN 1 AND 262143),
	CONSTRAINT "gate_timeout: 0 to 1 day, without months"
		CHECK (gate_timeout >= '0' AND gate_timeout <= '1 day'
			   AND extract(month FROM gate_timeout) = 0 AND extract(year FROM gate_timeout) = 0),
	CONSTRAINT "idle_blocker_timeout: positive, finite, without months"
		CHECK (idle_blocker_timeout > '0' AND idle_blocker_timeout <= '10000 days'
			   AND extract(month FROM idle_blocker_timeout) = 0 AND extract(year FROM idle_blocker_timeout) = 0),
	CONSTRAINT "unresponsive_timeout: 2 s to 1 day, without months"
		CHECK (unresponsive_timeout >= '2 s' AND unresponsive_timeout <= '1 day'
			   AND extract(month FROM unresponsive_timeout) = 0 AND extract(year FROM unresponsive_timeout) = 0),
	CONSTRAINT "sessions_per_instance: 1 to 262143, or NULL for no limit"
		CHECK (sessions_per_instance BETWEEN 1 AND 262143)
);

CREATE INDEX classes_breaker_idx ON governor.classes (breaker);

COMMENT ON TABLE governor.classes IS 'Thresholds of each class of sessions; in force in the database named by governor.database';
COMMENT ON COLUMN governor.classes.name IS 'What rules and views call the class';
COMMENT ON COLUMN governor.classes.mode IS 'off, observe or enforce; NULL: as governor.mode. The weaker of the two is in force';
COMMENT ON COLUMN governor.classes.max_sessions IS 'Cap on sessions, by which pressure is measured too; NULL: no cap';
COMMENT ON COLUMN governor.classes.reserved_sessions IS 'Places that newcomers of other classes cannot take';
COMMENT ON COLUMN governor.classes.queue_limit IS 'How many logins may wait; 0: none, they are refused at once';
COMMENT ON COLUMN governor.classes.queue_timeout IS 'How long a login may wait before it is refused';
COMMENT ON COLUMN governor.classes.connect_rate IS 'Pace of admissions, a list of count/period that all hold; newcomers wait for it. NULL: no limit';
COMMENT ON COLUMN governor.classes.evict_after IS 'Rest after which a session may be ended for a newcomer to a full class; NULL: never';
COMMENT ON COLUMN governor.classes.max_active IS 'How many transactions may run at once, others wait for one to end; NULL: no gate';
COMMENT ON COLUMN governor.classes.gate_timeout IS 'How long a transaction may wait to run before it is refused';
COMMENT ON COLUMN governor.classes.idle_timeout IS 'Ends sessions that rested this long; NULL: never';
COMMENT ON COLUMN governor.classes.idle_timeout_floor IS 'What idle_timeout shrinks to under full pressure; NULL: it does not shrink';
COMMENT ON COLUMN governor.classes.idle_in_transaction_timeout IS 'Ends sessions that did nothing inside a transaction this long; NULL: never';
COMMENT ON COLUMN governor.classes.idle_blocker_timeout IS 'Ends sessions that are idle in transaction this long while others wait for their locks; NULL: never';
COMMENT ON COLUMN governor.classes.transaction_timeout IS 'Cancels, then ends, transactions that run this long; NULL: never';
COMMENT ON COLUMN governor.classes.max_lifetime IS 'Ends sessions of this age once they rest; NULL: never';
COMMENT ON COLUMN governor.classes.unresponsive_timeout IS 'Ends sessions whose peer has answered no TCP probe for so long; NULL: never';
COMMENT ON COLUMN governor.classes.sessions_per_instance IS 'Sessions that one function instance may hold, from one role and address to one database; NULL: any number';
COMMENT ON COLUMN governor.classes.keep_warm IS 'So many idle sessions, those used last, are left alone by idle_timeout';
COMMENT ON COLUMN governor.classes.reclaim_rate IS 'Stale sessions that are ended per second at most; NULL: no limit';
COMMENT ON COLUMN governor.classes.paused IS 'Newcomers wait, resting sessions end: to drain the class';
COMMENT ON COLUMN governor.classes.breaker IS 'The circuit breaker that guards the class: its transactions feed it, and while it is open there are no new ones; NULL: none';
COMMENT ON COLUMN governor.classes.settings IS 'Defaults of parameters for sessions that log in, as name=value; NULL: none';
COMMENT ON COLUMN governor.classes.description IS 'For people';
COMMENT ON COLUMN governor.classes.changed_by IS 'Who changed the row last; kept by a trigger';
COMMENT ON COLUMN governor.classes.changed_at IS 'When the row was changed last; kept by a trigger';
COMMENT ON COLUMN governor.classes.shipped IS 'The row is as pg_governor ships it; cleared by an edit; a dump leaves such rows out';

CREATE TABLE governor.rules (
	position integer NOT NULL
		CONSTRAINT rules_pkey PRIMARY KEY,
	class text NOT NULL
		CONSTRAINT rules_class_fkey REFERENCES governor.classes (name) ON UPDATE CASCADE,
	role text,
	database text,
	application_name text,
	client_addr cidr,
	platform text,
	function text,
	enabled boolean NOT NULL DEFAULT true,
	shipped boolean NOT NULL,

	CONSTRAINT "position: 0 or more"
		CHECK (position >= 0),
	CONSTRAINT "role: a name, or + and a name; at most 63 bytes"
		CHECK (role <> '' AND role <> '+' AND octet_length(ltrim(left(role, 1), '+') || substr(role, 2)) <= 63),
	CONSTRAINT "database: a name of at most 63 bytes"
		CHECK (database <> '' AND octet_length(database) <= 63),
	CONSTRAINT "application_name: a LIKE pattern of at most 127 bytes"
		CHECK (octet_length(application_name) <= 127),
	CONSTRAINT "application_name: no LIKE pattern ends with its escape"
		CHECK (application_name !~ E'^([^\\\\]|\\\\.)*\\\\$'),
	CONSTRAINT "platform: in lower case, at most 63 bytes"
		CHECK (platform = lower(platform) AND octet_length(platform) <= 63),
	CONSTRAINT "function: a LIKE pattern of at most 127 bytes"
		CHECK (octet_length(function) <= 127),
	CONSTRAINT "function: no LIKE pattern ends with its escape"
		CHECK (function !~ E'^([^\\\\]|\\\\.)*\\\\$')
);

CREATE INDEX rules_class_idx ON governor.rules (class);

COMMENT ON TABLE governor.rules IS 'Maps sessions to classes: the lowest position that matches wins, NULL matches all; without a match the class is default';
COMMENT ON COLUMN governor.rules.position IS 'Order of the rules';
COMMENT ON COLUMN governor.rules.class IS 'The class of sessions that match';
COMMENT ON COLUMN governor.rules.role IS 'Login role, or + and a role of which it is a member';
COMMENT ON COLUMN governor.rules.database IS 'Database of the session';
COMMENT ON COLUMN governor.rules.application_name IS 'LIKE pattern, matched byte by byte against application_name at login';
COMMENT ON COLUMN governor.rules.client_addr IS 'Network of the client; a session on a unix socket is in none';
COMMENT ON COLUMN governor.rules.platform IS 'Platform in the session''s function identity';
COMMENT ON COLUMN governor.rules.function IS 'LIKE pattern for the function in the identity; % matches every session that has an identity';
COMMENT ON COLUMN governor.rules.enabled IS 'false: the rule is passed over';
COMMENT ON COLUMN governor.rules.shipped IS 'The row is as pg_governor ships it; cleared by an edit; a dump leaves such rows out';

-- Triggers, always on: logical replication and restores must not slip past them.

CREATE FUNCTION governor.policy_row() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_policy_row_0_1';
REVOKE ALL ON FUNCTION governor.policy_row() FROM PUBLIC;
COMMENT ON FUNCTION governor.policy_row() IS 'Trigger: keeps shipped rows and who changed what';

CREATE FUNCTION governor.policy_changed() RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_policy_changed_0_1';
REVOKE ALL ON FUNCTION governor.policy_changed() FROM PUBLIC;
COMMENT ON FUNCTION governor.policy_changed() IS 'Trigger: holds the limits, and has the policy loaded when the edit commits';

CREATE TRIGGER policy_row BEFORE INSERT OR UPDATE OR DELETE ON governor.classes
	FOR EACH ROW EXECUTE FUNCTION governor.policy_row();
CREATE TRIGGER policy_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON governor.classes
	FOR EACH STATEMENT EXECUTE FUNCTION governor.policy_changed();
CREATE TRIGGER policy_row BEFORE INSERT OR UPDATE OR DELETE ON governor.rules
	FOR EACH ROW EXECUTE FUNCTION governor.policy_row();
CREATE TRIGGER policy_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON governor.rules
	FOR EACH STATEMENT EXECUTE FUNCTION governor.policy_changed();
CREATE TRIGGER policy_row BEFORE INSERT OR UPDATE OR DELETE ON governor.breaker_settings
	FOR EACH ROW EXECUTE FUNCTION governor.policy_row();
CREATE TRIGGER policy_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON governor.breaker_settings
	FOR EACH STATEMENT EXECUTE FUNCTION governor.policy_changed();
CREATE TRIGGER policy_row BEFORE INSERT OR UPDATE OR DELETE ON governor.rate_settings
	FOR EACH ROW EXECUTE FUNCTION governor.policy_row();
CREATE TRIGGER policy_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON governor.rate_settings
	FOR EACH STATEMENT EXECUTE FUNCTION governor.policy_changed();
ALTER TABLE governor.classes ENABLE ALWAYS TRIGGER policy_row;
ALTER TABLE governor.classes ENABLE ALWAYS TRIGGER policy_changed;
ALTER TABLE governor.rules ENABLE ALWAYS TRIGGER policy_row;
ALTER TABLE governor.rules ENABLE ALWAYS TRIGGER policy_changed;
ALTER TABLE governor.breaker_settings ENABLE ALWAYS TRIGGER policy_row;
ALTER TABLE governor.breaker_settings ENABLE ALWAYS TRIGGER policy_changed;
ALTER TABLE governor.rate_settings ENABLE ALWAYS TRIGGER policy_row;
ALTER TABLE governor.rate_settings ENABLE ALWAYS TRIGGER policy_changed;

-- What is shipped.  Only for this script: how many processors there are.

CREATE FUNCTION governor.processors() RETURNS integer
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_processors_0_1';

INSERT INTO governor.classes (name, mode, reserved_sessions, description) VALUES
	('default', 'off', 5, 'Everybody whom no rule matches');

INSERT INTO governor.classes
	(name, max_sessions, connect_rate, evict_after,
	 idle_timeout, idle_timeout_floor, idle_in_transaction_timeout,
	 idle_blocker_timeout, unresponsive_timeout, description)
VALUES
	('function', greatest(current_setting('max_connections')::integer * 6 / 10, 1),
	 75 * governor.processors() || '/1s', '1 s',
	 '60 s', '3 s', '30 s',
	 '2 s', '20 s', 'Serverless functions');

DROP FUNCTION governor.processors();

INSERT INTO governor.rules (position, class, application_name, function) VALUES
	(1000, 'function', NULL, '%'),
	(1010, 'function', 'serverless_client', NULL);

SELECT pg_catalog.pg_extension_config_dump('governor.classes', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('governor.rules', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('governor.breaker_settings', 'WHERE NOT shipped');
SELECT pg_catalog.pg_extension_config_dump('governor.rate_settings', 'WHERE NOT shipped');

GRANT SELECT ON governor.classes, governor.rules, governor.breaker_settings, governor.rate_settings TO pg_monitor;

--
-- Functions
--

CREATE FUNCTION governor.classify(
	role name, database name, application_name text, client_addr inet,
	OUT class text, OUT rule integer, OUT reason text)
	LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'gov_classify_0_1';
COMMENT ON FUNCTION governor.classify(name, name, text, inet) IS
	'The class that a login with these facts would get, and by which rule; sees uncommitted edits of its own transaction';

CREATE FUNCTION governor.headroom(class text) RETURNS integer
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'gov_headroom_0_1';
COMMENT ON FUNCTION governor.headroom(text) IS
	'How many more sessions the class has room for under its max_sessions; NULL: it has no cap';

CREATE FUNCTION governor.reload() RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_reload_0_1';
REVOKE ALL ON FUNCTION governor.reload() FROM PUBLIC;
COMMENT ON FUNCTION governor.reload() IS
	'Loads the policy; returns its generation once it is in force and living sessions are classified by it';

CREATE FUNCTION governor.reset_stats() RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_reset_stats_0_1';
REVOKE ALL ON FUNCTION governor.reset_stats() FROM PUBLIC;
COMMENT ON FUNCTION governor.reset_stats() IS 'Sets the counters of governor.stat_classes and governor.status to zero';

CREATE FUNCTION governor.reclaim(pid integer, detail text) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_reclaim_0_1';
COMMENT ON FUNCTION governor.reclaim(integer, text) IS
	'Ends a session if it rests; true if it has ended within a second. Needs the rights of pg_terminate_backend()';

CREATE FUNCTION governor.register(
	platform text, function text, version text DEFAULT NULL, instance text DEFAULT NULL,
	lease interval DEFAULT NULL) RETURNS text
	LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_register_0_1';
COMMENT ON FUNCTION governor.register(text, text, text, text, interval) IS
	'Says which function this session belongs to, once, and takes a lease if one is given; returns the class it is in then';

CREATE FUNCTION governor.lease(duration interval) RETURNS timestamptz
	LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_lease_0_1';
COMMENT ON FUNCTION governor.lease(interval) IS
	'Says how long this session will be of use: after that it ends at rest or idle in transaction; returns until when. NULL ends the lease. Not undone by a rollback';

CREATE FUNCTION governor.breaker_allow(name text) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'gov_breaker_allow_0_1';
COMMENT ON FUNCTION governor.breaker_allow(text) IS
	'Whether a call is worth making; the session remembers its permit for breaker_record()';

CREATE FUNCTION governor.breaker_record(
	name text, success boolean, duration interval DEFAULT NULL, permit bigint DEFAULT NULL) RETURNS void
	LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'gov_breaker_record_0_1';
COMMENT ON FUNCTION governor.breaker_record(text, boolean, interval, bigint) IS
	'Reports what became of a call; not undone by a rollback. permit: a number of breaker_acquire(), in any session; NULL: what this session was allowed last';

CREATE FUNCTION governor.breaker_check(name text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'gov_breaker_check_0_1';
COMMENT ON FUNCTION governor.breaker_check(text) IS
	'As breaker_allow(), but raises 53400 with a time to retry where that is false';

CREATE FUNCTION governor.breaker_acquire(name text) RETURNS bigint
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'gov_breaker_acquire_0_1';
COMMENT ON FUNCTION governor.breaker_acquire(text) IS
	'As breaker_allow(), but returns the permit, for a report by any session; NULL: refused';

CREATE FUNCTION governor.breaker_force(name text, state text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_breaker_force_0_1';
REVOKE ALL ON FUNCTION governor.breaker_force(text, text) FROM PUBLIC;
COMMENT ON FUNCTION governor.breaker_force(text, text) IS
	'Enters a state by hand: closed, open, half_open, disabled, forced_open or metrics_only';

CREATE FUNCTION governor.breaker_reset(name text) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'gov_breaker_reset_0_1';
REVOKE ALL ON FUNCTION governor.breaker_reset(text) FROM PUBLIC;
COMMENT ON FUNCTION governor.breaker_reset(text) IS 'Closes a breaker and forgets what it has counted';

CREATE FUNCTION governor.rate_take(
	name text, amount bigint DEFAULT 1,
	OUT granted boolean, OUT remaining bigint, OUT retry_after interval)
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'gov_rate_take_0_1';
COMMENT ON FUNCTION governor.rate_take(text, bigint) IS
	'Takes so many of a rate limit, all or none; retry_after: when as many can be taken; NULL if they were. Not undone by a rollback';

CREATE FUNCTION governor.breakers(
	OUT name text, OUT state text, OUT calls integer, OUT failure_rate double precision,
	OUT slow_rate double precision, OUT opened_at timestamptz, OUT retry_after interval,
	OUT permits_left integer, OUT not_permitted bigint)
	RETURNS SETOF record
	LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'gov_breakers_0_1';
COMMENT ON FUNCTION governor.breakers() IS 'Rows of the view governor.breakers';

CREATE FUNCTION governor.sessions(
	OUT pid integer, OUT datname name, OUT usename name, OUT application_name text,
	OUT client_addr inet, OUT client_port integer, OUT class text, OUT rule integer,
	OUT platform text, OUT function text, OUT version text, OUT instance text,
	OUT backend_start timestamptz, OUT state text, OUT state_since timestamptz,
	OUT idle_for interval, OUT transaction_for interval, OUT waiting text, OUT peer text,
	OUT verdict text, OUT stale_at timestamptz, OUT lease_until timestamptz,
	OUT blocks integer, OUT snapshot_age integer, OUT verdict_detail text)
	RETURNS SETOF record
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'gov_sessions_0_1';
COMMENT ON FUNCTION governor.sessions() IS 'Rows of the view governor.sessions';

CREATE FUNCTION governor.admission(
	OUT class text, OUT mode text, OUT max_sessions integer, OUT sessions integer,
	OUT active integer, OUT idle integer, OUT queued integer, OUT gate_waiting integer,
	OUT headroom integer, OUT pressure double precision, OUT oldest_wait interval,
	OUT idle_timeout interval, OUT max_active integer, OUT decision text, OUT tickets integer)
	RETURNS SETOF record
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'gov_admission_0_1';
COMMENT ON FUNCTION governor.admission() IS 'Rows of the view governor.admission';

CREATE FUNCTION governor.stat_classes(
	OUT class text, OUT admitted bigint, OUT evicted bigint,
	OUT queued bigint, OUT queued_paused bigint, OUT queued_order bigint, OUT queued_rate bigint,
	OUT queued_max_sessions bigint, OUT queued_reserve bigint, OUT queue_time interval,
	OUT refused bigint, OUT refused_paused bigint, OUT refused_order bigint, OUT refused_rate bigint,
	OUT refused_max_sessions bigint, OUT refused_reserve bigint, OUT refused_server bigint, OUT refused_breaker bigint,
	OUT would_queue bigint, OUT would_evict bigint, OUT would_refuse bigint, OUT reclaimed bigint,
	OUT reclaimed_idle bigint, OUT reclaimed_idle_in_transaction bigint,
	OUT reclaimed_lifetime bigint, OUT reclaimed_transaction_timeout bigint,
	OUT reclaimed_surplus bigint, OUT reclaimed_paused bigint,
	OUT reclaimed_idle_blocker bigint, OUT reclaimed_unresponsive bigint, OUT reclaimed_superseded bigint,
	OUT reclaimed_lease_expired bigint, OUT reclaimed_retired bigint, OUT reclaimed_requested bigint, OUT cancelled bigint, OUT would_reclaim bigint,
	OUT declined bigint, OUT regrets bigint,
	OUT gate_waits bigint, OUT gate_time interval, OUT gate_passes bigint, OUT would_wait bigint,
	OUT stats_reset timestamptz)
	RETURNS SETOF record
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'gov_stat_classes_0_1';
COMMENT ON FUNCTION governor.stat_classes() IS 'Rows of the view governor.stat_classes';

CREATE FUNCTION governor.events(
	OUT at timestamptz, OUT kind text, OUT class text, OUT pid integer,
	OUT usename name, OUT datname name, OUT application_name text,
	OUT client_addr inet, OUT reason text, OUT detail text)
	RETURNS SETOF record
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'gov_events_0_1';
COMMENT ON FUNCTION governor.events() IS 'Rows of the view governor.events';

CREATE FUNCTION governor.status(
	OUT mode text, OUT version text, OUT policy_generation bigint,
	OUT policy_loaded_at timestamptz, OUT policy_error text, OUT governor_pid integer,
	OUT last_sweep timestamptz, OUT sweep_duration interval, OUT sweeps bigint,
	OUT repairs bigint, OUT logins bigint, OUT login_time interval,
	OUT stats_reset timestamptz)
	RETURNS SETOF record
	LANGUAGE c VOLATILE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'gov_status_0_1';
COMMENT ON FUNCTION governor.status() IS 'The row of the view governor.status';

--
-- Views
--

CREATE VIEW governor.sessions AS
	SELECT pid, datname, usename, application_name, client_addr, client_port, class, rule,
		   platform, function, version, instance, backend_start, state, state_since,
		   idle_for, transaction_for, waiting, peer, verdict, stale_at, lease_until,
		   blocks, snapshot_age, verdict_detail
	FROM governor.sessions();
COMMENT ON VIEW governor.sessions IS 'Every client session, its class, and the verdict on it';
COMMENT ON COLUMN governor.sessions.class IS 'NULL for superusers and replication, which are exempt';
COMMENT ON COLUMN governor.sessions.rule IS 'Position of the rule that matched; NULL: none';
COMMENT ON COLUMN governor.sessions.waiting IS 'admission: a login that waits for its place; gate: a transaction that waits to run; NULL: it does not wait';
COMMENT ON COLUMN governor.sessions.peer IS 'Whether the machine at the other end answers: local (a unix socket), responsive, unresponsive or unknown';
COMMENT ON COLUMN governor.sessions.verdict IS 'keep, exempt, listening, advisory_lock, or the reason for which the session should end now';
COMMENT ON COLUMN governor.sessions.stale_at IS 'When the session should end if it stays as it is; NULL: never';
COMMENT ON COLUMN governor.sessions.lease_until IS 'Until when the session will be of use, by its own word (governor.lease()); NULL: it has given none';
COMMENT ON COLUMN governor.sessions.blocks IS 'How many processes wait for its locks, or for somebody who does, and so on';
COMMENT ON COLUMN governor.sessions.snapshot_age IS 'Transactions begun since the oldest that its snapshot or its own transaction holds on to; NULL: none';
COMMENT ON COLUMN governor.sessions.verdict_detail IS 'Why the session is exempt or kept; NULL: it has not reached a threshold';

CREATE VIEW governor.admission AS
	SELECT class, mode, max_sessions, sessions, active, idle, queued, gate_waiting, headroom,
		   pressure, oldest_wait, idle_timeout, max_active, decision, tickets
	FROM governor.admission();
COMMENT ON VIEW governor.admission IS 'How full each class is, and what is in force there now';
COMMENT ON COLUMN governor.admission.mode IS 'In force: the weaker of governor.mode and the class''s own';
COMMENT ON COLUMN governor.admission.pressure IS 'The larger of class sessions / max_sessions and server sessions / usable slots';
COMMENT ON COLUMN governor.admission.gate_waiting IS 'Transactions that wait to run';
COMMENT ON COLUMN governor.admission.tickets IS 'Transactions that run, where a gate counts them';
COMMENT ON COLUMN governor.admission.max_active IS 'In force; NULL: no gate';
COMMENT ON COLUMN governor.admission.idle_timeout IS 'In force under the present pressure';
COMMENT ON COLUMN governor.admission.decision IS 'What a newcomer would meet now: admit, evict, queue or refuse';

CREATE VIEW governor.stat_classes AS
	SELECT class, admitted, evicted, queued, queued_paused, queued_order, queued_rate,
		   queued_max_sessions, queued_reserve, queue_time, refused, refused_paused, refused_order,
		   refused_rate, refused_max_sessions, refused_reserve, refused_server, refused_breaker,
		   would_queue, would_evict, would_refuse, reclaimed, reclaimed_idle,
		   reclaimed_idle_in_transaction, reclaimed_lifetime, reclaimed_transaction_timeout,
		   reclaimed_surplus, reclaimed_paused, reclaimed_idle_blocker, reclaimed_unresponsive,
		   reclaimed_superseded, reclaimed_lease_expired, reclaimed_retired, reclaimed_requested, cancelled, would_reclaim, declined, regrets, gate_waits, gate_time, gate_passes, would_wait, stats_reset
	FROM governor.stat_classes();
COMMENT ON VIEW governor.stat_classes IS 'What was decided in each class since stats_reset';
COMMENT ON COLUMN governor.stat_classes.cancelled IS 'Statements that transaction_timeout told to stop; their sessions went on';
COMMENT ON COLUMN governor.stat_classes.would_reclaim IS 'Sessions that enforce would have ended, counted in observe';
COMMENT ON COLUMN governor.stat_classes.declined IS 'Requests to end that a session declined, because it was no longer at rest';

CREATE VIEW governor.breakers AS
	SELECT name, state, calls, failure_rate, slow_rate, opened_at, retry_after, permits_left, not_permitted
	FROM governor.breakers();
COMMENT ON VIEW governor.breakers IS 'Circuit breakers, as they are now';
COMMENT ON COLUMN governor.breakers.state IS 'closed, open, half_open; by hand also disabled, forced_open, metrics_only';
COMMENT ON COLUMN governor.breakers.calls IS 'Calls in the window; while half_open, results that are in';
COMMENT ON COLUMN governor.breakers.failure_rate IS 'Percent of them that failed; NULL: fewer than minimum_calls';
COMMENT ON COLUMN governor.breakers.slow_rate IS 'Percent of them that were slow; NULL: fewer than minimum_calls';
COMMENT ON COLUMN governor.breakers.opened_at IS 'While it refuses everybody: since when';
COMMENT ON COLUMN governor.breakers.retry_after IS 'How long until it may let somebody through; NULL: it lets somebody through now, or (forced_open) only by hand';
COMMENT ON COLUMN governor.breakers.permits_left IS 'How many it will let through before it decides; NULL: it is not trying';
COMMENT ON COLUMN governor.breakers.not_permitted IS 'Calls that were refused since the server started';

CREATE VIEW governor.events AS
	SELECT at, kind, class, pid, usename, datname, application_name, client_addr, reason, detail
	FROM governor.events();
COMMENT ON VIEW governor.events IS 'The latest governor.event_buffer events, oldest first';

CREATE VIEW governor.status AS
	SELECT mode, version, policy_generation, policy_loaded_at, policy_error, governor_pid,
		   last_sweep, sweep_duration, sweeps, repairs, logins, login_time, stats_reset
	FROM governor.status();
COMMENT ON VIEW governor.status IS 'pg_governor itself: one row';
COMMENT ON COLUMN governor.status.policy_error IS 'Why the last load failed, or what in the policy has no effect; NULL: all is well';
COMMENT ON COLUMN governor.status.logins IS 'Logins that passed through the login hook since stats_reset';
COMMENT ON COLUMN governor.status.login_time IS 'Time that all of them spent in it';

GRANT USAGE ON SCHEMA governor TO PUBLIC;
GRANT SELECT ON governor.sessions, governor.admission, governor.stat_classes,
	governor.breakers, governor.events, governor.status TO PUBLIC;
