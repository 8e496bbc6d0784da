/*-------------------------------------------------------------------------
 *
 * ledger.c
 *		What was decided: counters per class, and the latest events.
 *
 * Owns: GovCounters and GovEventRing in shared memory.   Runs in: every process.
 *
 * Locking: counters are atomics and are never read together with others.
 * GOV_LOCK_EVENTS guards the ring of events: exclusive to write one, shared to
 * copy one.
 *
 * Invariants:
 * (1) Event number n is in ring[n % size] while n >= next - size.
 * (2) Whoever makes a decision true counts it: a session that ends counts its
 *	   own end while it exits, so that no end is counted twice or not at all.
 *
 * IDENTIFICATION
 *	  src/state/ledger.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "clock.h"
#include "settings.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/shmem.h"

typedef struct ClassCounters
{
	pg_atomic_uint64 admitted;
	pg_atomic_uint64 queued[GOV_CAUSE_COUNT];
	pg_atomic_uint64 refused[GOV_CAUSE_COUNT];
	pg_atomic_uint64 queue_microseconds;
	pg_atomic_uint64 would[GOV_DECISION_REFUSE + 1];
	pg_atomic_uint64 reclaimed[GOV_REASON_COUNT];
	pg_atomic_uint64 cancelled;
	pg_atomic_uint64 would_reclaim;
	pg_atomic_uint64 declined;
	pg_atomic_uint64 gate_waits;
	pg_atomic_uint64 gate_microseconds;
	pg_atomic_uint64 gate_passes;
	pg_atomic_uint64 would_wait;
} ClassCounters;

typedef struct GovCounters
{
	pg_atomic_uint64 logins;
	pg_atomic_uint64 login_nanoseconds;
	pg_atomic_uint64 stats_reset;	/* a GovTime */
	ClassCounters classes[GOV_MAX_CLASSES];
} GovCounters;

/* Under GOV_LOCK_EVENTS. */
typedef struct GovEventRing
{
	uint64		next_event;
	GovEvent	ring[FLEXIBLE_ARRAY_MEMBER];
} GovEventRing;

static GovCounters *counts = NULL;
static GovEventRing *events = NULL;

static const char *const kind_names[] =
{
	[GOV_EVENT_ADMITTED_AFTER_WAIT] = "admitted_after_wait",
	[GOV_EVENT_REFUSED] = "refused",
	[GOV_EVENT_EVICTED] = "evicted",
	[GOV_EVENT_WOULD_QUEUE] = "would_queue",
	[GOV_EVENT_WOULD_EVICT] = "would_evict",
	[GOV_EVENT_WOULD_REFUSE] = "would_refuse",
	[GOV_EVENT_WOULD_WAIT] = "would_wait",
	[GOV_EVENT_RECLAIMED] = "reclaimed",
	[GOV_EVENT_CANCELLED] = "cancelled",
	[GOV_EVENT_WOULD_RECLAIM] = "would_reclaim",
	[GOV_EVENT_BREAKER] = "breaker",
	[GOV_EVENT_POLICY] = "policy",
	[GOV_EVENT_GOVERNOR] = "governor",
};

Size
gov_ledger_counters_shmem_size(void)
{
	return sizeof(GovCounters);
}

void
gov_ledger_counters_shmem_attach(void *memory, bool is_new)
{
	counts = memory;
	if (!is_new)
		return;

	memset(memory, 0, sizeof(GovCounters));
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		ClassCounters *counters = &counts->classes[id];

		pg_atomic_init_u64(&counters->admitted, 0);
		for (int cause = 0; cause < GOV_CAUSE_COUNT; cause++)
		{
			pg_atomic_init_u64(&counters->queued[cause], 0);
			pg_atomic_init_u64(&counters->refused[cause], 0);
		}
		pg_atomic_init_u64(&counters->queue_microseconds, 0);
		for (int decision = 0; decision <= GOV_DECISION_REFUSE; decision++)
			pg_atomic_init_u64(&counters->would[decision], 0);
		for (int reason = 0; reason < GOV_REASON_COUNT; reason++)
			pg_atomic_init_u64(&counters->reclaimed[reason], 0);
		pg_atomic_init_u64(&counters->cancelled, 0);
		pg_atomic_init_u64(&counters->would_reclaim, 0);
		pg_atomic_init_u64(&counters->declined, 0);
		pg_atomic_init_u64(&counters->gate_waits, 0);
		pg_atomic_init_u64(&counters->gate_microseconds, 0);
		pg_atomic_init_u64(&counters->gate_passes, 0);
		pg_atomic_init_u64(&counters->would_wait, 0);
	}
	pg_atomic_init_u64(&counts->logins, 0);
	pg_atomic_init_u64(&counts->login_nanoseconds, 0);
	pg_atomic_init_u64(&counts->stats_reset, (uint64) gov_clock_now());
}

Size
gov_ledger_events_shmem_size(void)
{
	return add_size(offsetof(GovEventRing, ring),
					mul_size(gov_settings_event_buffer, sizeof(GovEvent)));
}

void
gov_ledger_events_shmem_attach(void *memory, bool is_new)
{
	events = memory;
	if (is_new)
		memset(memory, 0, gov_ledger_events_shmem_size());
}

const char *
gov_event_kind_name(GovEventKind kind)
{
	return kind_names[kind];
}

/* Adds to a counter, named by its place in ClassCounters; a session that is exempt is in no class. */
static void
add(int class_id, size_t counter, uint64 by)
{
	if (class_id >= 0 && class_id < GOV_MAX_CLASSES)
		pg_atomic_fetch_add_u64((pg_atomic_uint64 *) ((char *) &counts->classes[class_id] + counter), by);
}

void
gov_ledger_count_admitted(int class_id)
{
	add(class_id, offsetof(ClassCounters, admitted), 1);
}

void
gov_ledger_count_queued(int class_id, GovCause cause)
{
	add(class_id, offsetof(ClassCounters, queued) + cause * sizeof(pg_atomic_uint64), 1);
}

void
gov_ledger_count_waited(int class_id, GovTime waited)
{
	add(class_id, offsetof(ClassCounters, queue_microseconds), (uint64) waited);
}

void
gov_ledger_count_refused(int class_id, GovCause cause)
{
	add(class_id, offsetof(ClassCounters, refused) + cause * sizeof(pg_atomic_uint64), 1);
}

void
gov_ledger_count_would(int class_id, GovDecision decision)
{
	add(class_id, offsetof(ClassCounters, would) + decision * sizeof(pg_atomic_uint64), 1);
}

void
gov_ledger_count_reclaimed(int class_id, GovReason reason)
{
	add(class_id, offsetof(ClassCounters, reclaimed) + reason * sizeof(pg_atomic_uint64), 1);
}

void
gov_ledger_count_cancelled(int class_id)
{
	add(class_id, offsetof(ClassCounters, cancelled), 1);
}

void
gov_ledger_count_would_reclaim(int class_id)
{
	add(class_id, offsetof(ClassCounters, would_reclaim), 1);
}

void
gov_ledger_count_declined(int class_id)
{
	add(class_id, offsetof(ClassCounters, declined), 1);
}

void
gov_ledger_count_gate_wait(int class_id, GovTime waited)
{
	add(class_id, offsetof(ClassCounters, gate_waits), 1);
	add(class_id, offsetof(ClassCounters, gate_microseconds), (uint64) waited);
}

void
gov_ledger_count_gate_pass(int class_id)
{
	add(class_id, offsetof(ClassCounters, gate_passes), 1);
}

void
gov_ledger_count_would_wait(int class_id)
{
	add(class_id, offsetof(ClassCounters, would_wait), 1);
}

void
gov_ledger_count_login(uint64 nanoseconds)
{
	pg_atomic_fetch_add_u64(&counts->logins, 1);
	gov_ledger_add_login_time(nanoseconds);
}

void
gov_ledger_add_login_time(uint64 nanoseconds)
{
	pg_atomic_fetch_add_u64(&counts->login_nanoseconds, nanoseconds);
}

void
gov_ledger_class_stats(int class_id, GovClassStats *stats)
{
	ClassCounters *counters = &counts->classes[class_id];

	stats->admitted = pg_atomic_read_u64(&counters->admitted);
	for (int cause = 0; cause < GOV_CAUSE_COUNT; cause++)
	{
		stats->queued[cause] = pg_atomic_read_u64(&counters->queued[cause]);
		stats->refused[cause] = pg_atomic_read_u64(&counters->refused[cause]);
	}
	stats->queue_microseconds = pg_atomic_read_u64(&counters->queue_microseconds);
	for (int decision = 0; decision <= GOV_DECISION_REFUSE; decision++)
		stats->would[decision] = pg_atomic_read_u64(&counters->would[decision]);
	for (int reason = 0; reason < GOV_REASON_COUNT; reason++)
		stats->reclaimed[reason] = pg_atomic_read_u64(&counters->reclaimed[reason]);
	stats->cancelled = pg_atomic_read_u64(&counters->cancelled);
	stats->would_reclaim = pg_atomic_read_u64(&counters->would_reclaim);
	stats->declined = pg_atomic_read_u64(&counters->declined);
	stats->gate_waits = pg_atomic_read_u64(&counters->gate_waits);
	stats->gate_microseconds = pg_atomic_read_u64(&counters->gate_microseconds);
	stats->gate_passes = pg_atomic_read_u64(&counters->gate_passes);
	stats->would_wait = pg_atomic_read_u64(&counters->would_wait);
}

void
gov_ledger_login_stats(GovLoginStats *stats)
{
	stats->logins = pg_atomic_read_u64(&counts->logins);
	stats->nanoseconds = pg_atomic_read_u64(&counts->login_nanoseconds);
}

GovTime
gov_ledger_stats_reset(void)
{
	return (GovTime) pg_atomic_read_u64(&counts->stats_reset);
}

void
gov_ledger_reset_class(int class_id)
{
	ClassCounters *counters = &counts->classes[class_id];

	pg_atomic_write_u64(&counters->admitted, 0);
	for (int cause = 0; cause < GOV_CAUSE_COUNT; cause++)
	{
		pg_atomic_write_u64(&counters->queued[cause], 0);
		pg_atomic_write_u64(&counters->refused[cause], 0);
	}
	pg_atomic_write_u64(&counters->queue_microseconds, 0);
	for (int decision = 0; decision <= GOV_DECISION_REFUSE; decision++)
		pg_atomic_write_u64(&counters->would[decision], 0);
	for (int reason = 0; reason < GOV_REASON_COUNT; reason++)
		pg_atomic_write_u64(&counters->reclaimed[reason], 0);
	pg_atomic_write_u64(&counters->cancelled, 0);
	pg_atomic_write_u64(&counters->would_reclaim, 0);
	pg_atomic_write_u64(&counters->declined, 0);
	pg_atomic_write_u64(&counters->gate_waits, 0);
	pg_atomic_write_u64(&counters->gate_microseconds, 0);
	pg_atomic_write_u64(&counters->gate_passes, 0);
	pg_atomic_write_u64(&counters->would_wait, 0);
}

void
gov_ledger_reset(void)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
		gov_ledger_reset_class(id);
	pg_atomic_write_u64(&counts->logins, 0);
	pg_atomic_write_u64(&counts->login_nanoseconds, 0);
	pg_atomic_write_u64(&counts->stats_reset, (uint64) gov_clock_now());
}

static void
append(const GovEvent *event)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_EVENTS), LW_EXCLUSIVE);
	memcpy(&events->ring[events->next_event % gov_settings_event_buffer], event, sizeof(*event));
	events->next_event++;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_EVENTS));
}

/* Whether the server log wants a line about it too. */
static bool
is_logged(GovEventKind kind)
{
	switch (gov_settings_log_decisions)
	{
		case GOV_LOG_DECISIONS_ALL:
			return true;
		case GOV_LOG_DECISIONS_REFUSALS:
			return kind == GOV_EVENT_REFUSED || kind == GOV_EVENT_WOULD_REFUSE || kind == GOV_EVENT_BREAKER;
		default:
			return false;
	}
}

static void
note(GovEventKind kind, const GovSession *session, GovReason reason, GovCause cause, const char *detail)
{
	GovEvent	event;

	memset(&event, 0, sizeof(event));
	event.at = gov_clock_now();
	event.kind = kind;
	event.reason = reason;
	event.cause = cause;
	strlcpy(event.detail, detail, sizeof(event.detail));
	if (session)
	{
		event.pid = session->pid;
		event.role_oid = session->facts.role_oid;
		event.client_addr = session->facts.client_addr;
		gov_policy_class_name(session->class_id, event.class_name);
		strlcpy(event.role, session->facts.role, sizeof(event.role));
		strlcpy(event.database, session->facts.database, sizeof(event.database));
		strlcpy(event.application_name, session->facts.application_name,
				sizeof(event.application_name));
	}

	append(&event);

	if (!is_logged(kind))
		return;
	if (session)
		ereport(LOG,
				(errmsg("pg_governor: %s session %d of class \"%s\"",
						kind_names[kind], event.pid, event.class_name),
				 errdetail("Reason: %s.  User \"%s\", database \"%s\", application_name \"%s\".  %s",
						   gov_event_reason(&event), event.role, event.database,
						   event.application_name, event.detail),
				 errhidestmt(true)));
	else
		ereport(LOG,
				(errmsg("pg_governor: %s: %s", kind_names[kind], event.detail),
				 errhidestmt(true)));
}

void
gov_ledger_note(GovEventKind kind, const GovSession *session, GovReason reason, const char *detail)
{
	note(kind, session, reason, GOV_CAUSE_NONE, detail);
}

void
gov_ledger_note_admission(GovEventKind kind, const GovSession *session, GovCause cause, const char *detail)
{
	note(kind, session, GOV_REASON_NONE, cause, detail);
}

const char *
gov_event_reason(const GovEvent *event)
{
	return event->reason != GOV_REASON_NONE ? gov_reason_name(event->reason) : gov_cause_name(event->cause);
}

void
gov_ledger_note_policy(const char *editor, const char *detail)
{
	GovEvent	event;

	memset(&event, 0, sizeof(event));
	event.at = gov_clock_now();
	event.kind = GOV_EVENT_POLICY;
	event.reason = GOV_REASON_NONE;
	strlcpy(event.role, editor, sizeof(event.role));
	strlcpy(event.detail, detail, sizeof(event.detail));
	append(&event);
}

void
gov_ledger_range(uint64 *oldest, uint64 *next)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_EVENTS), LW_SHARED);
	*next = events->next_event;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_EVENTS));
	*oldest = *next > (uint64) gov_settings_event_buffer ?
		*next - (uint64) gov_settings_event_buffer : 0;
}

bool
gov_ledger_read(uint64 number, GovEvent *event)
{
	bool		there;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_EVENTS), LW_SHARED);
	there = number < events->next_event &&
		number + (uint64) gov_settings_event_buffer >= events->next_event;
	if (there)
		memcpy(event, &events->ring[number % gov_settings_event_buffer], sizeof(*event));
	LWLockRelease(gov_shmem_lock(GOV_LOCK_EVENTS));
	return there;
}
