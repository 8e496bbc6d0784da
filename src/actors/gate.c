/*-------------------------------------------------------------------------
 *
 * gate.c
 *		The gate of a class: a transaction takes a ticket, and gives it back.
 *
 *		its first statement begins	takes a ticket if one is free	[gov_gate_begin]
 *									or waits for one				[wait_for_ticket]
 *		its end						is noted						[gov_gate_end]
 *		its locks are released		gives the ticket back			[on_release]
 *		the process exits			the same						[on_exit]
 *
 * Owns: nothing in shared memory; state/gate.c has the tickets.
 * Runs in: backends.
 *
 * A ticket is for one transaction, or for one command that ends transactions
 * itself, as VACUUM and CALL do: from its beginning to the end of the
 * transaction in which the outermost command ends.  It is given back after the
 * locks: whoever gets it would otherwise wake up only to wait for them.
 *
 * Why none is lost, by the ways in which a process can leave:
 *	- an error while it waits: the handler in wait_for_ticket() takes it out
 *	  of the queue, and gives back what it may have got meanwhile;
 *	- an error with a ticket: the transaction aborts, which is its end;
 *	- a FATAL, in the wait or with a ticket: no handler runs, and perhaps no
 *	  callback of ours for the end of the transaction, but on_exit() does;
 *	- its death by a signal: the server makes all shared memory anew.
 *
 * Fresh after a wait: the snapshot by which a statement was analysed, or which
 * its executor was about to start with, is let go before the wait and taken
 * anew after it.  Where a transaction has one snapshot for all of its
 * statements this cannot be.  A portal that has to store its result keeps an
 * older one beside it, so that VACUUM waits with it although it is fresh.
 *
 * The breaker of the class is asked before the wait, so that what it refuses
 * does not wait, and again after it: a permit would grow old in the queue.
 *
 * IDENTIFICATION
 *	  src/actors/gate.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/gate.h"
#include "actors/guard.h"
#include "clock.h"
#include "settings.h"
#include "state/gate.h"
#include "state/ledger.h"
#include "state/locks.h"
#include "state/policy.h"
#include "state/registry.h"

#include "access/xact.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/pquery.h"
#include "utils/portal.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

/* What is waited for is announced; this is for a word that got lost. */
#define LONGEST_WAIT_MS		1000

/* The distance to the first search; the server's own search for deadlocks comes ten times as late. */
#define SHORTEST_SEARCH		(10 * GOV_MSEC)
#define LONGEST_SEARCH		(100 * GOV_MSEC)

/* Events about what would have waited are at least so far apart, in one session. */
#define OBSERVE_EVERY		(10 * GOV_SECOND)

/* The transaction that runs. */
static struct
{
	bool		asked;			/* its beginning was seen */
	bool		has_ticket;
	bool		ends;			/* and the ticket is to be given back */
	int			queue;			/* the class in whose queue it waits, or waited last */
}			work;

/* What was let go of for a wait. */
typedef struct Snapshots
{
	bool		active;			/* an active snapshot */
	bool		of_query;		/* and the same one of a query */
	bool		of_portal;		/* and the same one of the portal of a command */
} Snapshots;

static void
give_back(void)
{
	work.has_ticket = work.ends = false;
	gov_gate_give_back();
}

/* The locks of the transaction are gone by the last phase. */
static void
on_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *argument)
{
	if (phase == RESOURCE_RELEASE_AFTER_LOCKS && is_top_level && work.ends)
		give_back();
}

/* on_shmem_exit callback: the transaction is aborted by then. */
static void
on_exit_of_process(int code, Datum argument)
{
	work.has_ticket = work.ends = false;
	gov_gate_drop();
}

void
gov_gate_watch(void)
{
	on_shmem_exit(on_exit_of_process, (Datum) 0);
	RegisterResourceReleaseCallback(on_release, NULL);
}

/* Notes, in observe, a transaction that would have had to wait: once for as long as it goes on. */
static void
observe(int class_id)
{
	static GovTime noted_at = 0;
	GovTime		now = gov_clock_now();
	GovSession	session;
	GovGateInfo info;
	char		detail[GOV_EVENT_DETAIL_SIZE];

	gov_ledger_count_would_wait(class_id);
	if (now >= noted_at && now < gov_time_after(noted_at, OBSERVE_EVERY))
		return;
	noted_at = now;
	gov_gate_info(class_id, &info);
	snprintf(detail, sizeof(detail), "a transaction: all %d tickets are in use", info.limit);
	(void) gov_registry_read(gov_registry_mine() - gov_registry_slot(0), &session);
	gov_ledger_note(GOV_EVENT_WOULD_WAIT, &session, GOV_REASON_NONE, detail);
}

static void
refuse(int class_id)
{
	char		class_name[GOV_NAME_SIZE];
	GovGateInfo info;

	gov_gate_info(class_id, &info);
	gov_policy_class_name(class_id, class_name);
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("too many transactions run in class \"%s\"", class_name),
			 errdetail("%d of %d run, and %d wait.", info.held + info.kept, info.limit, info.waiting),
			 errhint("Retry after %lld ms.",
					 (long long) (gov_gate_retry_after(info.recent_wait) / GOV_MSEC))));
}

/*
 * Whether what the executor starts is the statement that the client has sent,
 * with the snapshot that was taken for it just now: core has not stored it
 * anywhere but in the query and on the stack.  (What a portal with a result
 * to store keeps is another one, taken at the same time.)
 */
static bool
is_outermost(const QueryDesc *query)
{
	if (ActivePortal == NULL || query->snapshot != GetActiveSnapshot())
		return false;
	switch (ActivePortal->strategy)
	{
		case PORTAL_ONE_SELECT:
			return ActivePortal->status == PORTAL_DEFINED;
		case PORTAL_ONE_RETURNING:
		case PORTAL_ONE_MOD_WITH:
		case PORTAL_MULTI_QUERY:
			return ActivePortal->status == PORTAL_ACTIVE;
		default:
			return false;
	}
}

/*
 * Lets go of snapshots for as long as we wait, so that VACUUM need not wait
 * with us.  Only where all are known: one active snapshot and no more, outside
 * of savepoints, in a transaction in which each statement has its own.
 */
static Snapshots
let_go(QueryDesc *query)
{
	Snapshots	gone = {false, false, false};

	if (ActiveSnapshotSet() && !IsolationUsesXactSnapshot() && GetCurrentTransactionNestLevel() == 1 &&
		(query == NULL || is_outermost(query)))
	{
		Snapshot	snapshot = RegisterSnapshot(GetActiveSnapshot());

		PopActiveSnapshot();
		if (ActiveSnapshotSet())
			PushActiveSnapshot(snapshot);
		else
		{
			gone.active = true;
			if (ActivePortal != NULL && ActivePortal->portalSnapshot == snapshot)
			{
				ActivePortal->portalSnapshot = NULL;
				gone.of_portal = true;
			}
			if (query != NULL)
			{
				UnregisterSnapshot(query->snapshot);
				query->snapshot = InvalidSnapshot;
				gone.of_query = true;
			}
		}
		UnregisterSnapshot(snapshot);
	}
	InvalidateCatalogSnapshot();
	return gone;
}

static void
take_anew(QueryDesc *query, Snapshots gone)
{
	/* core may want to count commands in it, so it must be its own */
	if (gone.active)
		PushCopiedSnapshot(GetTransactionSnapshot());
	if (gone.of_portal)
		ActivePortal->portalSnapshot = GetActiveSnapshot();
	if (gone.of_query)
		query->snapshot = RegisterSnapshot(GetActiveSnapshot());
}

/*
 * What may have changed meanwhile: the timeout, which counts from the same
 * beginning, and the class, in whose queue it goes on waiting if it must.
 */
static void
look_again(GovGateWait *wait)
{
	int			class_id = gov_registry_mine()->class_id;
	GovGateInfo info;

	if (class_id != work.queue)
	{
		if (gov_gate_leave() || class_id == GOV_NO_CLASS)
			return;
		work.queue = class_id;
		if (gov_gate_enter(class_id, gov_clock_now()) != GOV_GATE_FULL)
			return;
	}
	gov_gate_info(class_id, &info);
	wait->timeout = info.timeout;
}

/* Until it has a ticket, needs none any more, or is refused. */
static void
wait_in_queue(GovGateWait *wait)
{
	static uint32 wait_event = 0;

	for (;;)
	{
		GovTime		now = gov_clock_now();
		GovTime		look_at;
		GovTime		watch_at;

		look_again(wait);
		watch_at = gov_gate_watch_kept(now);
		if (!gov_gate_i_wait())
			break;

		/* a clock that was set back must not make it wait for as much longer */
		wait->began = Min(wait->began, now);

		switch (gov_gate_wait(wait, now, &look_at))
		{
			case GOV_GATE_TIME_OUT:
				if (!gov_gate_leave())
					refuse(work.queue);
				break;
			case GOV_GATE_SEARCH:
				wait->searches++;
				if (gov_locks_keep_waiting(gov_gate_holds) && gov_gate_pass())
					gov_ledger_count_gate_pass(work.queue);
				break;
			case GOV_GATE_WAIT:
				(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								 gov_clock_ms_until(Min(look_at, watch_at), now, LONGEST_WAIT_MS),
								 gov_wait_event(&wait_event, "GovernorGate"));
				ResetLatch(MyLatch);
				break;
		}
		CHECK_FOR_INTERRUPTS();
	}
}

static void
note_wait(GovTime began)
{
	GovTime		now = gov_clock_now();
	GovTime		waited = Max(now - began, 0);

	gov_ledger_count_gate_wait(work.queue, waited);
	gov_gate_note_wait(work.queue, waited, now);
}

/* None is free.  Returns with a ticket, or without because none is needed any more. */
static void
wait_for_ticket(int class_id, QueryDesc *query)
{
	GovGateWait wait = {
		.began = gov_clock_now(),
		.first_search = Min(Max(DeadlockTimeout * GOV_MSEC / 10, SHORTEST_SEARCH), LONGEST_SEARCH),
	};
	const GovTime began = wait.began;
	GovGateInfo info;

	gov_gate_info(class_id, &info);
	if (info.timeout == 0)
	{
		gov_guard_withdraw();
		refuse(class_id);
	}
	work.queue = class_id;
	if (gov_gate_enter(class_id, began) == GOV_GATE_FULL)
	{
		gov_guard_withdraw();
		PG_TRY();
		{
			Snapshots	gone = let_go(query);

			wait_in_queue(&wait);
			take_anew(query, gone);
		}
		PG_CATCH();
		{
			gov_gate_drop();
			note_wait(began);
			PG_RE_THROW();
		}
		PG_END_TRY();
		note_wait(began);
	}
	work.has_ticket = gov_gate_holds(gov_my_proc_number());
}

void
gov_gate_begin(QueryDesc *query)
{
	int			class_id;

	if (work.asked)
		return;

	/* cannot happen: the end of a transaction releases its resources */
	if (unlikely(work.has_ticket))
		give_back();

	/* statements of a login itself, as an event trigger may run, take none: they could not fail without ending it */
	class_id = MyBEEntry->st_state < STATE_IDLE ? GOV_NO_CLASS : gov_registry_mine()->class_id;
	if (class_id != GOV_NO_CLASS)
	{
		switch (gov_gate_take(class_id, (GovMode) gov_settings_mode))
		{
			case GOV_GATE_OPEN:
				break;
			case GOV_GATE_TAKEN:
				work.has_ticket = true;
				break;
			case GOV_GATE_TAKEN_ABOVE:
				work.has_ticket = true;
				observe(class_id);
				break;
			case GOV_GATE_FULL:
				wait_for_ticket(class_id, query);
				break;
		}
	}
	work.asked = true;

	/* last, as it may refuse: then the end of the transaction gives the ticket back */
	gov_guard_begin();
}

void
gov_gate_end(bool inside)
{
	if (inside)
		return;
	work.asked = false;
	work.ends = work.has_ticket;
}
