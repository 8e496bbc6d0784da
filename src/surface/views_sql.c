/*-------------------------------------------------------------------------
 *
 * views_sql.c
 *		The rows of the governance views.
 *
 * Owns: nothing.                         Runs in: backends.
 *
 * Masking: of sessions that are not its own a plain role sees who is there and
 * in which class, and nothing else, as in pg_stat_activity.  Members of
 * pg_read_all_stats (so of pg_monitor) see everything.
 *
 * IDENTIFICATION
 *	  src/surface/views_sql.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/admission.h"
#include "clock.h"
#include "settings.h"
#include "state/breakers.h"
#include "state/census.h"
#include "state/gate.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/queue.h"
#include "state/registry.h"
#include "state/shmem.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(gov_sessions_0_1);
PG_FUNCTION_INFO_V1(gov_admission_0_1);
PG_FUNCTION_INFO_V1(gov_stat_classes_0_1);
PG_FUNCTION_INFO_V1(gov_events_0_1);
PG_FUNCTION_INFO_V1(gov_status_0_1);
PG_FUNCTION_INFO_V1(gov_breakers_0_1);

/* The widest view. */
#define MAX_COLUMNS		48

/* A row that is filled from left to right; a column that is skipped is NULL. */
typedef struct Row
{
	int			next;
	Datum		values[MAX_COLUMNS];
	bool		nulls[MAX_COLUMNS];
} Row;

static void
begin_row(Row *row)
{
	row->next = 0;
	memset(row->nulls, true, sizeof(row->nulls));
	memset(row->values, 0, sizeof(row->values));
}

static void
put(Row *row, Datum value)
{
	Assert(row->next < MAX_COLUMNS);
	row->nulls[row->next] = false;
	row->values[row->next++] = value;
}

static void
put_null(Row *row)
{
	row->next++;
}

/* An empty string is NULL. */
static void
put_text(Row *row, const char *text)
{
	if (text[0] == '\0')
		put_null(row);
	else
		put(row, CStringGetTextDatum(text));
}

static void
put_name(Row *row, const char *name)
{
	if (name[0] == '\0')
		put_null(row);
	else
		put(row, DirectFunctionCall1(namein, CStringGetDatum(name)));
}

static void
put_int(Row *row, int value)
{
	put(row, Int32GetDatum(value));
}

static void
put_bigint(Row *row, uint64 value)
{
	put(row, Int64GetDatum((int64) value));
}

/* A point in time that is 0 or never comes is NULL. */
static void
put_time(Row *row, GovTime at)
{
	if (at == 0 || at == GOV_NEVER)
		put_null(row);
	else
		put(row, TimestampTzGetDatum(at));
}

static void
put_duration(Row *row, GovTime duration)
{
	Interval   *interval;

	if (duration == GOV_NEVER)
	{
		put_null(row);
		return;
	}
	interval = palloc0(sizeof(Interval));
	interval->time = duration;
	put(row, IntervalPGetDatum(interval));
}

static void
put_address(Row *row, const GovAddress *address)
{
	inet	   *value;

	if (address->family == 0)
	{
		put_null(row);
		return;
	}
	value = palloc0(sizeof(inet));
	ip_family(value) = address->family == 4 ? PGSQL_AF_INET : PGSQL_AF_INET6;
	ip_bits(value) = address->bits;
	memcpy(ip_addr(value), address->bytes, ip_addrsize(value));
	SET_INET_VARSIZE(value);
	put(row, InetPGetDatum(value));
}

static void
store(FunctionCallInfo fcinfo, Row *row)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	Assert(row->next == result->setDesc->natts);
	tuplestore_putvalues(result->setResult, result->setDesc, row->values, row->nulls);
}

/* Of a session that is not its own a plain role sees the `shown` columns only. */
static void
mask(Row *row, uint64 shown)
{
	for (int i = 0; i < row->next; i++)
	{
		if ((shown & (UINT64CONST(1) << i)) == 0)
			row->nulls[i] = true;
	}
}

static bool
sees_all(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

static bool
is_own(Oid role)
{
	return OidIsValid(role) && has_privs_of_role(GetUserId(), role);
}

/* The reason is shown once it is true; until then the session is kept, and stale_at says how long. */
static const char *
verdict_name(const GovCensusRow *row, GovTime now)
{
	if (row->exemption != GOV_EXEMPT_NOT)
		return "exempt";
	if (gov_verdict_is_stale(row->verdict, now))
		return gov_reason_name(row->verdict.reason);
	return gov_keep_name(row->activity.keep);
}

/* Why the verdict is what it is, where the verdict alone does not say. */
static const char *
verdict_detail(const GovCensus *census, const GovCensusRow *row)
{
	const GovClass *class;

	if (row->exemption == GOV_EXEMPT_SUPERUSER)
		return "superuser";
	if (row->exemption == GOV_EXEMPT_REPLICATION)
		return "replication";
	if (gov_verdict_is_stale(row->verdict, census->taken_at))
		return "";
	class = &census->policy->classes[row->class_id];
	if (!class->used || census->classes[row->class_id].mode == GOV_MODE_OFF)
		return "the class's mode in force is off";
	if (row->holds_ticket && row->activity.state == GOV_ACTIVITY_IDLE_IN_TRANSACTION)
		return "it holds a ticket of the gate";
	if (row->holds_ticket && row->activity.state == GOV_ACTIVITY_ACTIVE && gov_census_waits_for_client(row->slot))
		return "it holds a ticket of the gate, and waits for its client";
	if (!gov_policy_class_is_governed(class) && row->activity.lease_until == 0)
		return "the class has no timeout";
	if (row->activity.keep == GOV_KEEP_LISTENING)
		return "it has executed LISTEN";
	if (row->activity.keep == GOV_KEEP_ADVISORY_LOCK)
		return "it holds an advisory lock of its session";
	if (row->activity.state == GOV_ACTIVITY_UNKNOWN)
		return "track_activities is off";
	if (row->kept_warm)
		return "keep_warm";
	return "";
}

/* pid, datname, usename, application_name, class */
#define SESSIONS_SHOWN	((1 << 0) | (1 << 1) | (1 << 2) | (1 << 3) | (1 << 6))

static void
put_snapshot_age(Row *row, const GovCensusRow *seen, TransactionId next)
{
	int			age = gov_census_snapshot_age(seen, next);

	if (age < 0)
		put_null(row);
	else
		put_int(row, age);
}

static void
fill_session(Row *row, const GovCensus *census, const GovCensusRow *seen, const GovSession *session,
			 TransactionId next)
{
	const GovSessionFacts *facts = &session->facts;
	const GovActivity *activity = &seen->activity;
	bool		rests = activity->state == GOV_ACTIVITY_IDLE ||
		activity->state == GOV_ACTIVITY_IDLE_IN_TRANSACTION;
	GovTime		now = census->taken_at;
	char		application_name[GOV_NAME_SIZE];

	gov_census_read_application_name(session, application_name);
	put_int(row, session->pid);
	put_name(row, facts->database);
	put_name(row, facts->role);
	put_text(row, application_name);
	put_address(row, &facts->client_addr);
	put_int(row, facts->client_port);
	put_text(row, seen->class_id == GOV_NO_CLASS ? "" :
			 census->policy->classes[seen->class_id].name);
	if (seen->rule == GOV_NO_RULE)
		put_null(row);
	else
		put_int(row, seen->rule);
	put_text(row, facts->identity.platform);
	put_text(row, facts->identity.function);
	put_text(row, facts->identity.version);
	put_text(row, facts->identity.instance);
	put_time(row, activity->session_start);
	put_text(row, gov_activity_name(activity->state));
	put_time(row, activity->state_since);
	put_duration(row, rests ? Max(now - activity->state_since, 0) : GOV_NEVER);
	put_duration(row, activity->transaction_start == GOV_NEVER ? GOV_NEVER :
				 Max(now - activity->transaction_start, 0));
	put_text(row, seen->waits ? "admission" : seen->waits_at_gate ? "gate" : "");
	put_text(row, facts->client_addr.family == 0 ? "local" :
			 gov_liveness_state_name(gov_liveness_state(&activity->peer, now)));
	put_text(row, verdict_name(seen, now));
	put_time(row, seen->verdict.stale_at);
	put_time(row, activity->lease_until);
	put_int(row, activity->blocks);
	put_snapshot_age(row, seen, next);
	put_text(row, verdict_detail(census, seen));
}

/* governor.sessions: what the governor would decide if it looked now */
Datum
gov_sessions_0_1(PG_FUNCTION_ARGS)
{
	bool		all = sees_all();
	TransactionId next;
	GovCensus  *census;

	gov_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	census = gov_census_create();
	gov_census_take(census, true);
	next = ReadNextTransactionId();

	for (int i = 0; i < census->nrows; i++)
	{
		const GovCensusRow *seen = &census->rows[i];
		GovSession	session;
		Row			row;

		/* gone since the census */
		if (!gov_registry_read(seen->slot, &session) || session.generation != seen->generation)
			continue;

		begin_row(&row);
		fill_session(&row, census, seen, &session, next);
		if (!all && !is_own(session.facts.role_oid))
			mask(&row, SESSIONS_SHOWN);
		store(fcinfo, &row);
	}
	return (Datum) 0;
}

static const char *
decision_name(GovDecision decision)
{
	static const char *const names[] = {
		[GOV_DECISION_ADMIT] = "admit",
		[GOV_DECISION_EVICT] = "evict",
		[GOV_DECISION_QUEUE] = "queue",
		[GOV_DECISION_REFUSE] = "refuse",
	};

	return names[decision];
}

/* governor.admission: how full each class is */
Datum
gov_admission_0_1(PG_FUNCTION_ARGS)
{
	GovCensus  *census;

	gov_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	census = gov_census_create();
	gov_census_take(census, false);

	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &census->policy->classes[id];
		const GovClassCensus *now = &census->classes[id];
		GovQueueInfo queue;
		GovGateInfo gate;
		Row			row;

		if (!class->used)
			continue;
		begin_row(&row);
		put_text(&row, class->name);
		put_text(&row, gov_settings_mode_name(now->mode));
		if (class->max_sessions > 0)
			put_int(&row, class->max_sessions);
		else
			put_null(&row);
		put_int(&row, now->sessions);
		put_int(&row, now->active);
		put_int(&row, now->idle);
		gov_queue_info(id, &queue);
		put_int(&row, queue.waiting);
		gov_gate_info(id, &gate);
		put_int(&row, gate.waiting);
		if (class->max_sessions > 0)
			put_int(&row, Max(class->max_sessions - now->sessions, 0));
		else
			put_null(&row);
		put(&row, Float8GetDatum(now->pressure));
		put_duration(&row, queue.oldest == 0 ? GOV_NEVER : Max(census->taken_at - queue.oldest, 0));
		put_duration(&row, now->idle_timeout);
		if (gate.limit > 0)
			put_int(&row, gate.limit);
		else
			put_null(&row);
		put_text(&row, decision_name(now->mode == GOV_MODE_ENFORCE ?
									 queue.newcomer.decision : GOV_DECISION_ADMIT));
		put_int(&row, gate.held);
		store(fcinfo, &row);
	}
	return (Datum) 0;
}

/* The sum, then each cause up to the last one that can come to pass. */
static void
put_causes(Row *row, const uint64 *counts, GovCause last)
{
	uint64		sum = 0;

	for (int cause = GOV_CAUSE_NONE + 1; cause <= (int) last; cause++)
		sum += counts[cause];
	put_bigint(row, sum);
	for (int cause = GOV_CAUSE_NONE + 1; cause <= (int) last; cause++)
		put_bigint(row, counts[cause]);
}

/* governor.stat_classes: what was decided since stats_reset */
Datum
gov_stat_classes_0_1(PG_FUNCTION_ARGS)
{
	GovPolicy  *policy;

	gov_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	policy = gov_policy_copy();

	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		GovClassStats stats;
		uint64		reclaimed = 0;
		Row			row;

		if (!policy->classes[id].used)
			continue;
		gov_ledger_class_stats(id, &stats);
		for (int reason = 0; reason < GOV_REASON_COUNT; reason++)
			reclaimed += reason == GOV_REASON_EVICTED ? 0 : stats.reclaimed[reason];

		begin_row(&row);
		put_text(&row, policy->classes[id].name);
		put_bigint(&row, stats.admitted);
		put_bigint(&row, stats.reclaimed[GOV_REASON_EVICTED]);
		put_causes(&row, stats.queued, GOV_CAUSE_RESERVE);
		put_duration(&row, (GovTime) stats.queue_microseconds);
		put_causes(&row, stats.refused, GOV_CAUSE_BREAKER);
		put_bigint(&row, stats.would[GOV_DECISION_QUEUE]);
		put_bigint(&row, stats.would[GOV_DECISION_EVICT]);
		put_bigint(&row, stats.would[GOV_DECISION_REFUSE]);
		put_bigint(&row, reclaimed);
		put_bigint(&row, stats.reclaimed[GOV_REASON_IDLE]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_IDLE_IN_TRANSACTION]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_LIFETIME]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_TRANSACTION_TIMEOUT]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_SURPLUS]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_PAUSED]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_IDLE_BLOCKER]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_UNRESPONSIVE]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_SUPERSEDED]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_LEASE_EXPIRED]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_RETIRED]);
		put_bigint(&row, stats.reclaimed[GOV_REASON_REQUESTED]);
		put_bigint(&row, stats.cancelled);
		put_bigint(&row, stats.would_reclaim);
		put_bigint(&row, stats.declined);
		put_bigint(&row, 0);	/* regrets */
		put_bigint(&row, stats.gate_waits);
		put_duration(&row, (GovTime) stats.gate_microseconds);
		put_bigint(&row, stats.gate_passes);
		put_bigint(&row, stats.would_wait);
		put_time(&row, gov_ledger_stats_reset());
		store(fcinfo, &row);
	}
	return (Datum) 0;
}

/* at, kind, class, pid, usename, datname, application_name */
#define EVENTS_SHOWN	((1 << 0) | (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6))

/* governor.events: the latest events, oldest first */
Datum
gov_events_0_1(PG_FUNCTION_ARGS)
{
	bool		all = sees_all();
	uint64		number;
	uint64		next;

	gov_shmem_require();
	InitMaterializedSRF(fcinfo, 0);

	gov_ledger_range(&number, &next);
	for (; number < next; number++)
	{
		GovEvent	event;
		Row			row;

		if (!gov_ledger_read(number, &event))
			continue;
		begin_row(&row);
		put_time(&row, event.at);
		put_text(&row, gov_event_kind_name(event.kind));
		put_text(&row, event.class_name);
		if (event.pid != 0)
			put_int(&row, event.pid);
		else
			put_null(&row);
		put_name(&row, event.role);
		put_name(&row, event.database);
		put_text(&row, event.application_name);
		put_address(&row, &event.client_addr);
		put_text(&row, gov_event_reason(&event));
		put_text(&row, event.detail);
		if (!all && !is_own(event.role_oid))
			mask(&row, EVENTS_SHOWN);
		store(fcinfo, &row);
	}
	return (Datum) 0;
}

/* governor.status: one row about pg_governor itself */
Datum
gov_status_0_1(PG_FUNCTION_ARGS)
{
	GovPolicyInfo policy;
	GovPulseInfo pulse;
	GovLoginStats logins;
	Row			row;

	gov_shmem_require();
	InitMaterializedSRF(fcinfo, 0);
	gov_policy_info(&policy);
	gov_pulse_info(&pulse);
	gov_ledger_login_stats(&logins);

	begin_row(&row);
	put_text(&row, gov_settings_mode_name(gov_settings_mode));
	put_text(&row, EXT_VERSION);
	put_bigint(&row, policy.generation);
	put_time(&row, policy.loaded_at);
	put_text(&row, policy.error);
	if (pulse.governor_pid != 0)
		put_int(&row, pulse.governor_pid);
	else
		put_null(&row);
	put_time(&row, pulse.last_sweep);
	put_duration(&row, pulse.sweep_duration);
	put_bigint(&row, pulse.sweeps);
	put_bigint(&row, pulse.repairs);
	put_bigint(&row, logins.logins);
	put_duration(&row, (GovTime) (logins.nanoseconds / 1000));
	put_time(&row, gov_ledger_stats_reset());
	store(fcinfo, &row);
	return (Datum) 0;
}

static void
put_percentage(Row *row, double percentage)
{
	if (percentage < 0)
		put_null(row);
	else
		put(row, Float8GetDatum(percentage));
}

/* governor.breakers: circuit breakers, as they are now */
Datum
gov_breakers_0_1(PG_FUNCTION_ARGS)
{
	gov_shmem_require();
	InitMaterializedSRF(fcinfo, 0);

	for (int number = 0; number < gov_breakers_count(); number++)
	{
		GovBreakerReport report;
		char		name[GOV_NAME_SIZE];
		Row			row;

		if (!gov_breakers_report(number, name, &report))
			continue;
		begin_row(&row);
		put_text(&row, name);
		put_text(&row, gov_breaker_state_name(report.state));
		put_int(&row, report.calls);
		put_percentage(&row, report.failure_rate);
		put_percentage(&row, report.slow_rate);
		put_time(&row, report.opened_at == GOV_NEVER ? 0 : report.opened_at);
		if (report.retry_after == 0 || report.retry_after == GOV_NEVER)
			put_null(&row);
		else
			put_duration(&row, report.retry_after);
		if (report.permits_left < 0)
			put_null(&row);
		else
			put_int(&row, report.permits_left);
		put_bigint(&row, (uint64) report.not_permitted);
		store(fcinfo, &row);
	}
	return (Datum) 0;
}
