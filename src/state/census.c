/*-------------------------------------------------------------------------
 *
 * census.c
 *		All sessions at one moment: what they do, and the verdict on each.
 *
 * Owns: nothing in shared memory; reads the registry, the policy, and the
 * activity that each backend reports.
 * Runs in: the governor, views.
 *
 * A slot knows where its backend's entry in the server's own activity table
 * is, so a census reads the few fields that it needs there.  The server's
 * functions for this copy the whole entry of every backend, with its query
 * text, which costs many times as much.
 *
 * IDENTIFICATION
 *	  src/state/census.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "clock.h"
#include "core/pressure.h"
#include "settings.h"
#include "state/census.h"
#include "state/gate.h"
#include "state/kinship.h"
#include "state/locks.h"
#include "state/peers.h"
#include "state/policy.h"
#include "state/shmem.h"
#include "state/waits.h"

/*
 * How often to read an entry again that changes while it is read.  A backend
 * changes it in a few instructions, so a handful of tries is plenty; whoever
 * is still unlucky is kept this time.
 */
#define READ_TRIES	1000

/* After so many looks that a governor missed, what it has seen of a peer is evidence no more. */
#define PEER_LOOKS_KEPT	3

GovCensus *
gov_census_create(void)
{
	GovCensus  *census;

	census = palloc0(offsetof(GovCensus, rows) +
					 gov_registry_slots() * sizeof(GovCensusRow));
	census->policy = palloc0(sizeof(GovPolicy));
	census->some = palloc(gov_registry_slots() * sizeof(GovCensusRow *));
	census->slots = palloc(gov_registry_slots() * sizeof(int));
	census->holds = palloc(gov_registry_slots() * sizeof(bool));
	census->kin = gov_kinship_create();
	census->blocks = palloc(gov_registry_slots() * sizeof(int));
	census->waits = gov_waits_create();
	gov_policy_make_empty(census->policy);
	return census;
}

static GovActivityState
state_of(BackendState state)
{
	switch (state)
	{
		case STATE_IDLE:
			return GOV_ACTIVITY_IDLE;
		case STATE_IDLEINTRANSACTION:
		case STATE_IDLEINTRANSACTION_ABORTED:
			return GOV_ACTIVITY_IDLE_IN_TRANSACTION;
		case STATE_RUNNING:
		case STATE_FASTPATH:
			return GOV_ACTIVITY_ACTIVE;
		case STATE_DISABLED:
			return GOV_ACTIVITY_UNKNOWN;
		default:				/* undefined, and "starting" from 18 on */
			return GOV_ACTIVITY_STARTING;
	}
}

/* The protocol of backend_status.h: the count is even and the same before and after. */
static GovActivity
read_report(const PgBackendStatus *entry, int pid)
{
	GovActivity activity = {
		.state = GOV_ACTIVITY_UNKNOWN,
		.transaction_start = GOV_NEVER,
	};
	const volatile PgBackendStatus *shared = entry;

	if (entry == NULL)
		return activity;

	for (int i = 0; i < READ_TRIES; i++)
	{
		int			before;
		int			after;
		int			reported_pid;
		BackendState state;
		GovTime		transaction_start;

		pgstat_begin_read_activity(shared, before);
		reported_pid = shared->st_procpid;
		state = shared->st_state;
		activity.state_since = shared->st_state_start_timestamp;
		activity.session_start = shared->st_proc_start_timestamp;
		transaction_start = shared->st_xact_start_timestamp;
		pgstat_end_read_activity(shared, after);

		if (pgstat_read_activity_complete(before, after))
		{
			/* until the backend has filled its entry, that is its predecessor's */
			if (reported_pid != pid)
			{
				activity.state = GOV_ACTIVITY_STARTING;
				activity.state_since = activity.session_start = 0;
				return activity;
			}
			activity.state = state_of(state);
			activity.transaction_start = transaction_start != 0 ? transaction_start : GOV_NEVER;
			return activity;
		}
	}
	activity.state = GOV_ACTIVITY_UNKNOWN;
	return activity;
}

/*
 * The report says when a transaction began, but several in one query string
 * share that moment, and nothing in it tells them apart.  The number that the
 * process gives to each does, if it is the same before and after; and none
 * began before the last one ended.
 */
GovActivity
gov_census_read_activity(GovSessionSlot *slot)
{
	int			number = slot - gov_registry_slot(0);
	LocalTransactionId before = gov_proc_transaction(number);
	uint32		traits = pg_atomic_read_u32(&slot->traits);
	GovActivity activity;

	pg_read_barrier();
	activity = read_report(slot->activity, slot->pid);
	pg_read_barrier();
	if (activity.transaction_start != GOV_NEVER && before != 0 &&
		before == gov_proc_transaction(number))
	{
		activity.transaction = before;
		activity.transaction_start = Max(activity.transaction_start,
										 (GovTime) pg_atomic_read_u64(&slot->transaction_end));
	}
	activity.overdue = (traits & GOV_TRAIT_OVERDUE) != 0 &&
		activity.state == GOV_ACTIVITY_IDLE_IN_TRANSACTION &&
		activity.transaction_start == GOV_NEVER;
	if (traits & GOV_TRAIT_LISTENS)
		activity.keep = GOV_KEEP_LISTENING;
	activity.lease_until = (GovTime) pg_atomic_read_u64(&slot->lease_until);
	return activity;
}

bool
gov_census_read_session(const GovSession *session, GovActivity *activity)
{
	GovSessionSlot *slot = gov_registry_slot(session->slot);
	bool		here;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	here = slot->pid == session->pid && slot->generation == session->generation;
	if (here)
		*activity = gov_census_read_activity(slot);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return here;
}

void
gov_census_read_application_name(const GovSession *session, char *name)
{
	const GovSessionSlot *slot = gov_registry_slot(session->slot);

	strlcpy(name, session->facts.application_name, GOV_NAME_SIZE);

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	if (slot->pid == session->pid && slot->generation == session->generation)
	{
		const volatile PgBackendStatus *entry = slot->activity;

		for (int i = 0; i < READ_TRIES; i++)
		{
			char		copy[GOV_NAME_SIZE];
			int			before;
			int			after;
			bool		filled;

			pgstat_begin_read_activity(entry, before);
			filled = entry->st_procpid == slot->pid;
			if (filled)
				strlcpy(copy, entry->st_appname, GOV_NAME_SIZE);
			pgstat_end_read_activity(entry, after);

			if (pgstat_read_activity_complete(before, after))
			{
				if (filled)
					strlcpy(name, copy, GOV_NAME_SIZE);
				break;
			}
		}
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

bool
gov_census_waits_for_client(int slot)
{
	uint32		event = *(volatile uint32 *) &ProcGlobal->allProcs[slot].wait_event_info;

	return event == WAIT_EVENT_CLIENT_READ || event == WAIT_EVENT_CLIENT_WRITE;
}

/* The class of a row, or NULL if it is exempt or its class has just gone. */
static const GovClass *
class_of(const GovCensus *census, const GovCensusRow *row)
{
	if (row->class_id == GOV_NO_CLASS || !census->policy->classes[row->class_id].used)
		return NULL;
	return &census->policy->classes[row->class_id];
}

/* Reads every slot in use, and checks the registry's counters on the way. */
static int
read_slots(GovCensus *census)
{
	GovSessionCounts counts = {0};

	census->nrows = 0;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	for (int i = 0; i < gov_registry_slots(); i++)
	{
		GovSessionSlot *slot = gov_registry_slot(i);
		GovCensusRow *row = &census->rows[census->nrows];

		if (slot->pid == 0)
			continue;
		row->slot = i;
		row->pid = slot->pid;
		row->generation = slot->generation;
		row->exemption = slot->exemption;
		row->class_id = slot->class_id;
		row->rule = slot->rule;
		row->activity = gov_census_read_activity(slot);
		row->traits = pg_atomic_read_u32(&slot->traits);
		row->keys = slot->keys;
		row->waits = slot->waits;
		row->waits_at_gate = gov_gate_waits(i);
		row->holds_ticket = gov_gate_holds(i);
		row->was_asked = pg_atomic_read_u64(&slot->request_subject) == (uint64) row->activity.state_since;
		census->nrows++;

		gov_registry_tally(slot, &counts);
	}
	census->counters_wrong = !gov_registry_counts_are(&counts);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));

	return counts.clients;
}

/* By a threshold of its class, or by a lease of its own, which needs none. */
static bool
is_governed(const GovCensus *census, const GovCensusRow *row)
{
	const GovClass *class = class_of(census, row);

	if (class == NULL)
		return false;
	return gov_policy_class_is_governed(class) ||
		(row->activity.lease_until != 0 && census->classes[row->class_id].mode != GOV_MODE_OFF);
}

static void
judge(const GovCensus *census, GovCensusRow *row)
{
	const GovClass *class = class_of(census, row);

	row->verdict.reason = GOV_REASON_NONE;
	row->verdict.stale_at = GOV_NEVER;
	if (is_governed(census, row))
	{
		row->verdict = gov_staleness_judge(&row->activity, class,
										   census->classes[row->class_id].idle_timeout,
										   row->kept_warm, row->surplus);
		row->verdict = gov_staleness_with_peer(row->verdict,
											   gov_staleness_judge_peer(&row->activity, class),
											   census->taken_at);
	}
}

GovEvidence
gov_census_evidence(const GovCensusRow *row, GovTime now)
{
	const GovActivity *activity = &row->activity;
	GovEvidence evidence = {
		.state = activity->state,
		.superseded = activity->superseded,
		.unresponsive = row->unresponsive,
		.lease_is_over = activity->lease_until != 0 && activity->lease_until <= now,
		.retired = activity->retired_at != 0 && activity->retired_at <= now,
		.blocks = activity->blocks > 0,
	};

	return evidence;
}

static int
more_recent_first(const void *a, const void *b)
{
	GovTime		left = (*(GovCensusRow *const *) a)->activity.state_since;
	GovTime		right = (*(GovCensusRow *const *) b)->activity.state_since;

	return left > right ? -1 : left < right;
}

/*
 * Whoever was asked in this rest and is here still would be asked in vain again
 * and again, at the head of every list, if it were not put last.
 */
static int
last_choice_first(const void *a, const void *b)
{
	const GovCensusRow *left = *(GovCensusRow *const *) a;
	const GovCensusRow *right = *(GovCensusRow *const *) b;

	if (left->was_asked != right->was_asked)
		return left->was_asked ? -1 : 1;
	if (left->rank != right->rank)
		return left->rank > right->rank ? -1 : 1;
	return more_recent_first(a, b);
}

/* Whether more is known of a session than that it rests, or in what it rests. */
static bool
is_known_useless(const GovCensus *census, const GovCensusRow *row)
{
	GovEvidence evidence = gov_census_evidence(row, census->taken_at);

	return gov_evidence_rank(&evidence) <= GOV_EVIDENCE_RETIRED;
}

/* Puts the idle sessions of a class into census->some, those used last first; returns how many. */
static int
idle_of(GovCensus *census, int class_id)
{
	int			idle = 0;

	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];

		if (row->class_id == class_id && row->activity.state == GOV_ACTIVITY_IDLE)
			census->some[idle++] = row;
	}
	qsort(census->some, idle, sizeof(GovCensusRow *), more_recent_first);
	return idle;
}

/*
 * Of each class with keep_warm, marks those idle sessions that were used last.
 * Whoever is known to be useless takes no seat from one that is not.
 */
static void
mark_kept_warm(GovCensus *census)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &census->policy->classes[id];
		int			idle;

		if (!class->used || class->keep_warm == 0 || census->classes[id].idle == 0)
			continue;
		idle = idle_of(census, id);
		for (int i = 0, seats = class->keep_warm; i < idle && seats > 0; i++)
		{
			if (is_known_useless(census, census->some[i]))
				continue;
			census->some[i]->kept_warm = true;
			seats--;
		}
	}
}

/* How many of a class end in any case by what is known of them; marks them. */
static int
find_those_that_end(GovCensus *census, int class_id)
{
	int			n = 0;

	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];

		if (row->class_id != class_id || row->waits || !is_known_useless(census, row))
			continue;
		judge(census, row);
		row->ends_anyway = gov_verdict_is_stale(row->verdict, census->taken_at);
		n += row->ends_anyway;
	}
	return n;
}

/*
 * A class may have more sessions than its cap, after the cap was lowered or
 * sessions moved into it.  Those that end by what is known of them go first.
 * Of the others at rest marks as many as are too many still, the longest first;
 * whoever works is let be until he rests.
 */
static void
mark_surplus(GovCensus *census)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &census->policy->classes[id];
		int			too_many = census->classes[id].sessions - class->max_sessions;
		int			idle;

		if (!class->used || class->max_sessions == 0 || too_many <= 0 || census->classes[id].idle == 0)
			continue;
		too_many -= find_those_that_end(census, id);
		idle = idle_of(census, id);
		for (int i = idle - 1; i >= 0 && too_many > 0; i--)
		{
			if (census->some[i]->activity.keep != GOV_KEEP_NOT || census->some[i]->ends_anyway)
				continue;
			census->some[i]->surplus = true;
			too_many--;
		}
	}
}

/* What the governor has lately seen of its peer, if its class asks for that. */
static void
find_peer(const GovCensus *census, GovCensusRow *row)
{
	const GovClass *class = class_of(census, row);
	GovTime		oldest = census->taken_at - PEER_LOOKS_KEPT * gov_settings_sweep_interval * GOV_MSEC - GOV_SECOND;

	if (class != NULL && class->unresponsive_timeout != GOV_NEVER && !row->waits &&
		gov_policy_class_is_governed(class))
		row->activity.peer = gov_peers_read(row->slot, row->generation, oldest);
	row->unresponsive = class != NULL &&
		gov_verdict_is_stale(gov_staleness_judge_peer(&row->activity, class), census->taken_at);
}

/*
 * Whether an advisory lock that the session holds is one of the session, and
 * not of its transaction.  Outside a transaction there are no others.  Within
 * one it may be, if the session has ever asked for one.
 */
static bool
is_of_session(const GovCensusRow *row)
{
	return row->activity.state == GOV_ACTIVITY_IDLE || (row->traits & GOV_TRAIT_LOCKS) != 0;
}

/*
 * Looks up who holds advisory locks, and judges those sessions again.  Whoever
 * takes one after the look does so in a statement, and so is in another rest
 * than the one that a request names.
 */
static void
find_advisory_locks(GovCensus *census, bool whole)
{
	int			n = 0;

	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];

		if (row->exemption != GOV_EXEMPT_NOT || row->activity.keep != GOV_KEEP_NOT ||
			!is_of_session(row) ||
			!(whole || gov_verdict_is_stale(row->verdict, census->taken_at)))
			continue;
		census->some[n] = row;
		census->slots[n++] = row->slot;
	}
	gov_locks_find_advisory(census->slots, n, census->holds);
	for (int i = 0; i < n; i++)
	{
		if (!census->holds[i])
			continue;
		census->some[i]->activity.keep = GOV_KEEP_ADVISORY_LOCK;
		judge(census, census->some[i]);
	}
}

/* Of the idle sessions in census->some, says in what order they may be evicted. */
static void
rank_to_evict(GovCensus *census, int idle, GovTime evict_after)
{
	for (int i = 0; i < idle; i++)
	{
		GovCensusRow *row = census->some[i];
		GovEvidence evidence = gov_census_evidence(row, census->taken_at);

		row->rank = gov_evidence_rank_to_evict(&evidence, row->activity.state_since, evict_after,
											   census->taken_at);
	}
}

/*
 * Looks up how many wait on a session, where it matters.  Comes before the
 * verdicts.
 */
static void
count_waiters(GovCensus *census, bool whole)
{
	int			n = 0;

	census->look_again_at = GOV_NEVER;
	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];
		const GovClass *class = class_of(census, row);
		bool		matters = whole;

		if (class != NULL && gov_policy_class_is_governed(class))
		{
			matters = matters || gov_staleness_waiters_matter(&row->activity, class, census->taken_at);
			census->look_again_at = Min(census->look_again_at,
										gov_staleness_next_look(&row->activity, class, census->taken_at));
		}
		if (!matters)
			continue;
		census->some[n] = row;
		census->slots[n++] = row->slot;
	}
	gov_waits_count(census->waits, census->slots, n, census->blocks);
	for (int i = 0; i < n; i++)
		census->some[i]->activity.blocks = census->blocks[i];
}

int
gov_census_snapshot_age(const GovCensusRow *row, TransactionId next)
{
	TransactionId oldest = gov_proc_oldest_transaction(row->slot);

	/* it may have begun after the caller asked */
	return TransactionIdIsNormal(oldest) ? Max((int) (next - oldest), 0) : -1;
}

int
gov_census_victims(GovCensus *census, int class_id, GovVictim *victims, int limit)
{
	int			idle = idle_of(census, class_id);
	int			looked_at = 0;
	int			found = 0;

	/* the first choice is at the end */
	rank_to_evict(census, idle, census->policy->classes[class_id].evict_after);
	qsort(census->some, idle, sizeof(GovCensusRow *), last_choice_first);
	for (int i = idle - 1; i >= 0 && looked_at < 2 * limit; i--)
	{
		if (census->some[i]->activity.keep == GOV_KEEP_NOT)
			census->slots[looked_at++] = census->some[i]->slot;
	}
	gov_locks_find_advisory(census->slots, looked_at, census->holds);

	looked_at = 0;
	for (int i = idle - 1; i >= 0 && found < limit && looked_at < 2 * limit; i--)
	{
		const GovCensusRow *row = census->some[i];

		if (row->activity.keep != GOV_KEEP_NOT || census->holds[looked_at++])
			continue;
		victims[found].slot = row->slot;
		victims[found].generation = row->generation;
		victims[found++].rests_since = row->activity.state_since;
	}
	return found;
}

void
gov_census_take(GovCensus *census, bool whole)
{
	if (census->policy->generation != gov_policy_generation())
		gov_policy_copy_into(census->policy);

	census->taken_at = gov_clock_now();
	census->usable_slots = MaxConnections - gov_reserved_slots();
	census->clients = read_slots(census);

	memset(census->classes, 0, sizeof(census->classes));
	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];
		GovClassCensus *class;

		row->kept_warm = row->surplus = row->ends_anyway = false;
		find_peer(census, row);
		if (row->class_id == GOV_NO_CLASS)
			continue;
		class = &census->classes[row->class_id];
		if (row->waits)
		{
			class->waiting++;
			continue;
		}
		class->sessions++;
		if (row->activity.state == GOV_ACTIVITY_IDLE)
			class->idle++;
		else if (row->activity.state == GOV_ACTIVITY_IDLE_IN_TRANSACTION)
			class->idle_in_transaction++;
		else if (row->activity.state == GOV_ACTIVITY_ACTIVE)
			class->active++;
	}

	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &census->policy->classes[id];
		GovClassCensus *now = &census->classes[id];

		if (!class->used)
			continue;
		now->mode = gov_settings_mode_of(class);
		now->pressure = gov_pressure(now->sessions, class->max_sessions,
									 census->clients, census->usable_slots);
		now->idle_timeout = gov_pressure_scale(class->idle_timeout, class->idle_timeout_floor,
											   now->pressure,
											   GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH);
	}

	/* what is known of sessions comes before what is decided by it */
	gov_kinship_mark_superseded(census);
	gov_kinship_mark_retired(census);
	mark_kept_warm(census);
	mark_surplus(census);
	count_waiters(census, whole);

	census->governed = 0;
	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];

		if (is_governed(census, row))
			census->governed++;
		judge(census, row);
	}
	find_advisory_locks(census, whole);
}
