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
#include "state/policy.h"
#include "state/shmem.h"

/*
 * How often to read an entry again that changes while it is read.  A backend
 * changes it in a few instructions, so a handful of tries is plenty; whoever
 * is still unlucky is kept this time.
 */
#define READ_TRIES	1000

GovCensus *
gov_census_create(void)
{
	GovCensus  *census;

	census = palloc0(offsetof(GovCensus, rows) +
					 gov_registry_slots() * sizeof(GovCensusRow));
	census->policy = palloc0(sizeof(GovPolicy));
	census->by_rest = palloc(gov_registry_slots() * sizeof(GovCensusRow *));
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
GovActivity
gov_census_read_activity(const PgBackendStatus *entry, int pid)
{
	GovActivity activity = {GOV_ACTIVITY_UNKNOWN, 0, GOV_NEVER, 0};
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

bool
gov_census_read_session(const GovSession *session, GovActivity *activity)
{
	const GovSessionSlot *slot = gov_registry_slot(session->slot);
	bool		here;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	here = slot->pid == session->pid && slot->generation == session->generation;
	if (here)
		*activity = gov_census_read_activity(slot->activity, slot->pid);
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
		const GovSessionSlot *slot = gov_registry_slot(i);
		GovCensusRow *row = &census->rows[census->nrows];

		if (slot->pid == 0)
			continue;
		row->slot = i;
		row->pid = slot->pid;
		row->generation = slot->generation;
		row->exemption = slot->exemption;
		row->class_id = slot->class_id;
		row->rule = slot->rule;
		row->activity = gov_census_read_activity(slot->activity, slot->pid);
		census->nrows++;

		gov_registry_tally(slot, &counts);
	}
	census->counters_wrong = !gov_registry_counts_are(&counts);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));

	return counts.clients;
}

static int
more_recent_first(const void *a, const void *b)
{
	GovTime		left = (*(GovCensusRow *const *) a)->activity.state_since;
	GovTime		right = (*(GovCensusRow *const *) b)->activity.state_since;

	return left > right ? -1 : left < right;
}

/* Of each class with keep_warm, marks those idle sessions that were used last. */
static void
mark_kept_warm(GovCensus *census)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &census->policy->classes[id];
		int			idle = 0;

		if (!class->used || class->keep_warm == 0 || census->classes[id].idle == 0)
			continue;
		for (int i = 0; i < census->nrows; i++)
		{
			GovCensusRow *row = &census->rows[i];

			if (row->class_id == id && row->activity.state == GOV_ACTIVITY_IDLE)
				census->by_rest[idle++] = row;
		}
		qsort(census->by_rest, idle, sizeof(GovCensusRow *), more_recent_first);
		for (int i = 0; i < idle && i < class->keep_warm; i++)
			census->by_rest[i]->kept_warm = true;
	}
}

void
gov_census_take(GovCensus *census)
{
	int			clients;
	int			usable_slots = MaxConnections - gov_reserved_slots();

	if (census->policy->generation != gov_policy_generation())
		gov_policy_copy_into(census->policy);

	census->taken_at = gov_clock_now();
	clients = read_slots(census);

	memset(census->classes, 0, sizeof(census->classes));
	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];
		GovClassCensus *class;

		row->kept_warm = false;
		if (row->class_id == GOV_NO_CLASS)
			continue;
		class = &census->classes[row->class_id];
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
		now->pressure = gov_pressure(now->sessions, class->max_sessions, clients, usable_slots);
		now->idle_timeout = gov_pressure_scale(class->idle_timeout, class->idle_timeout_floor,
											   now->pressure,
											   GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH);
	}

	mark_kept_warm(census);

	census->governed = 0;
	for (int i = 0; i < census->nrows; i++)
	{
		GovCensusRow *row = &census->rows[i];
		const GovClass *class = class_of(census, row);

		row->verdict.reason = GOV_REASON_NONE;
		row->verdict.stale_at = GOV_NEVER;
		if (class == NULL || !gov_policy_class_is_governed(class))
			continue;
		census->governed++;
		row->verdict = gov_staleness_judge(&row->activity, class,
										   census->classes[row->class_id].idle_timeout,
										   row->kept_warm);
	}
}
