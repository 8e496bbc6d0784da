/*-------------------------------------------------------------------------
 *
 * queue.c
 *		Who waits to be admitted, and what admissions are held against.
 *
 * Owns: GovQueue in shared memory.       Runs in: backends, governor, views.
 *
 * Locking: GOV_LOCK_SESSIONS guards all of it, as the registry's counts are
 * part of every decision.  Latches of those who wait are set under it: they
 * stay in place, since whoever waits takes itself out under the same lock.
 *
 * Invariants:
 * (1) A slot is in at most one queue, that of its class, and then it waits.
 * (2) Rates and victims are spent only with the place, or by the first.
 * (3) The first of every queue has been woken since the last change that
 *	   could give it a place, or has not decided yet.
 *
 * IDENTIFICATION
 *	  src/state/queue.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "clock.h"
#include "core/rate.h"
#include "settings.h"
#include "state/breakers.h"
#include "state/queue.h"
#include "state/shmem.h"

#include "storage/latch.h"
#include "storage/proc.h"

#define NOBODY	(-1)

/* How much the latest time between two departures counts in their mean. */
#define DEPARTURE_WEIGHT	8

/* Process slots beside the reserved ones that are never filled by waiting. */
#define SLOT_MARGIN			3

/* For those who wait in a class that is gone: the governor moves them in a moment. */
#define GONE_CLASS_TIMEOUT	(60 * GOV_SECOND)

/* One who waits, by slot. */
typedef struct Waiter
{
	int			next;			/* behind it; NOBODY: it is the last */
	int			previous;
	GovTime		since;			/* 0: does not wait in a queue */
	bool		only_evicts;	/* and is refused if it cannot */
} Waiter;

typedef struct ClassQueue
{
	/* what the policy says */
	GovMode		mode;			/* the class's own */
	int			max_sessions;
	int			queue_limit;
	GovTime		queue_timeout;
	GovTime		evict_after;
	bool		paused;
	GovLimits	connect_rate;

	/* what was taken and who waits */
	GovWindows	taken;
	GovPace		pace;
	int			first;
	int			last;
	int			length;

	/* whom newcomers may evict */
	int			nvictims;
	int			next_victim;
	GovVictim	victims[GOV_MAX_VICTIMS];

	/* how fast sessions leave */
	GovTime		last_departure;
	GovTime		between_departures;
} ClassQueue;

typedef struct GovQueue
{
	GovMode		mode;			/* of the whole server, as the governor has read it */
	bool		victims_wanted;
	int			waiting;		/* in all classes */
	int			reserved_sessions[GOV_MAX_CLASSES]; /* what the policy says; every login reads all of them */
	ClassQueue	classes[GOV_MAX_CLASSES];
	Waiter		waiters[FLEXIBLE_ARRAY_MEMBER];
} GovQueue;

static GovQueue *queue = NULL;

Size
gov_queue_shmem_size(void)
{
	return add_size(offsetof(GovQueue, waiters), mul_size(MaxBackends, sizeof(Waiter)));
}

void
gov_queue_shmem_attach(void *memory, bool is_new)
{
	queue = memory;
	if (!is_new)
		return;

	memset(memory, 0, gov_queue_shmem_size());
	queue->mode = gov_settings_mode;
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		queue->classes[id].first = queue->classes[id].last = NOBODY;
		queue->classes[id].evict_after = GOV_NEVER;
	}
}

/* Caller holds the sessions lock, as for all that follows here. */
static void
wake_first(const ClassQueue *class)
{
	if (class->first != NOBODY)
		SetLatch(&ProcGlobal->allProcs[class->first].procLatch);
}

static void
wake_first_of_all(void)
{
	for (int id = 0; id < GOV_MAX_CLASSES && queue->waiting > 0; id++)
		wake_first(&queue->classes[id]);
}

/*
 * Puts a slot into its place by the time since when it waits.  A newcomer
 * passes none that is before the last one's: whoever is first stays so until
 * he is gone or in, since nobody would wake one that came before him.
 */
static void
enqueue(ClassQueue *class, int slot, GovTime since)
{
	Waiter	   *waiter = &queue->waiters[slot];
	int			before = class->last;

	while (before != NOBODY && queue->waiters[before].since > since)
		before = queue->waiters[before].previous;

	waiter->since = since;
	waiter->previous = before;
	waiter->next = before == NOBODY ? class->first : queue->waiters[before].next;
	if (waiter->next == NOBODY)
		class->last = slot;
	else
		queue->waiters[waiter->next].previous = slot;
	if (before == NOBODY)
		class->first = slot;
	else
		queue->waiters[before].next = slot;
	class->length++;
	queue->waiting++;
}

static void
dequeue(ClassQueue *class, int slot)
{
	Waiter	   *waiter = &queue->waiters[slot];

	if (waiter->previous == NOBODY)
		class->first = waiter->next;
	else
		queue->waiters[waiter->previous].next = waiter->next;
	if (waiter->next == NOBODY)
		class->last = waiter->previous;
	else
		queue->waiters[waiter->next].previous = waiter->previous;
	waiter->since = 0;
	class->length--;
	queue->waiting--;
}

void
gov_queue_set_limits(const GovPolicy *policy, GovMode mode)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	queue->mode = mode;
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *limits = &policy->classes[id];
		ClassQueue *class = &queue->classes[id];

		if (memcmp(&class->connect_rate, &limits->connect_rate, sizeof(GovLimits)) != 0)
		{
			memset(&class->taken, 0, sizeof(class->taken));
			memset(&class->pace, 0, sizeof(class->pace));
		}
		class->mode = limits->mode;
		class->max_sessions = limits->max_sessions;
		queue->reserved_sessions[id] = limits->used ? limits->reserved_sessions : 0;
		class->queue_limit = limits->queue_limit;
		class->queue_timeout = limits->queue_timeout;
		class->evict_after = limits->evict_after;
		class->paused = limits->paused;
		class->connect_rate = limits->connect_rate;

		/* of a class that is gone nobody gets in until he is moved into another one, which is next */
		if (!limits->used && class->length > 0)
		{
			class->mode = GOV_MODE_ENFORCE;
			class->paused = true;
			class->queue_limit = 1;
			class->queue_timeout = GONE_CLASS_TIMEOUT;
		}
		if (class->evict_after == GOV_NEVER)
			class->nvictims = class->next_victim = 0;
	}
	for (int slot = 0; slot < gov_registry_slots() && queue->waiting > 0; slot++)
	{
		if (queue->waiters[slot].since != 0)
			SetLatch(&ProcGlobal->allProcs[slot].procLatch);
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

GovMode
gov_queue_mode_of(int class_id)
{
	GovMode		mode;

	if (class_id == GOV_NO_CLASS)
		return GOV_MODE_OFF;
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	mode = Min(queue->mode, queue->classes[class_id].mode);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return mode;
}

/* When connect_rate lets one in. */
static GovTime
rate_ready_at(ClassQueue *class, GovTime now)
{
	GovTime		by_windows = gov_window_ready_at(&class->taken, &class->connect_rate, 1, now);
	double		pace = gov_window_pace(&class->connect_rate);

	gov_pace_ease(&class->pace, pace, now);
	return Max(by_windows, gov_pace_ready_at(&class->pace, pace));
}

/* Places that other classes keep for themselves and do not use. */
static int
reserved_by_others(const GovSessionCounts *counts, int class_id)
{
	int			reserved = 0;

	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		int			unused = queue->reserved_sessions[id] - counts->of_class[id];

		if (id != class_id && unused > 0)
			reserved += unused;
	}
	return reserved;
}

/* Leaves out victims that are gone, or in another class since they were found. */
static void
skip_lost_victims(ClassQueue *class, int class_id)
{
	while (class->next_victim < class->nvictims)
	{
		const GovVictim *victim = &class->victims[class->next_victim];
		const GovSessionSlot *slot = gov_registry_slot(victim->slot);

		if (slot->pid != 0 && slot->generation == victim->generation && slot->class_id == class_id)
			break;
		class->next_victim++;
	}
}

static GovAdmitFacts
facts_of(int class_id, GovTime now)
{
	const GovSessionCounts *counts = gov_registry_counts_in_place();
	ClassQueue *class = &queue->classes[class_id];
	GovAdmitFacts facts = {
		.now = now,
		.ahead = class->length,
		.sessions = counts->of_class[class_id],
		.max_sessions = class->max_sessions,
		.queue_limit = class->queue_limit,
		.queue_timeout = class->queue_timeout,
		.paused = class->paused,
		.rate_ready_at = rate_ready_at(class, now),
		.breaker_ready_at = gov_breakers_refuses_until(class_id),
		.victim_ready_at = GOV_NEVER,
		.free_places = MaxConnections - gov_reserved_slots() - counts->clients,
		.reserved_by_others = reserved_by_others(counts, class_id),
	};

	skip_lost_victims(class, class_id);
	if (class->next_victim < class->nvictims)
		facts.victim_ready_at = gov_time_after(class->victims[class->next_victim].rests_since,
											   class->evict_after);
	return facts;
}

/*
 * Decides.  Whether free process slots come near what is reserved, the server's
 * and the classes', is looked at only for whoever would begin to wait: the list
 * of free ones is all over shared memory, and most logins get in.
 */
static GovAdmission
decide(GovAdmitFacts *facts)
{
	GovAdmission admission = gov_admit_decide(facts);

	if (admission.decision == GOV_DECISION_ADMIT || facts->is_queued)
		return admission;
	facts->slots_run_short = !gov_have_free_slots(gov_reserved_slots() + SLOT_MARGIN +
												  reserved_by_others(gov_registry_counts_in_place(), GOV_NO_CLASS));
	return gov_admit_decide(facts);
}

/* Spends what an admission costs, and lets the next one decide. */
static void
admit(ClassQueue *class, int slot, GovTime now)
{
	(void) gov_window_take(&class->taken, &class->connect_rate, 1, now);
	(void) gov_pace_take(&class->pace, gov_window_pace(&class->connect_rate), now);
	if (queue->waiters[slot].since != 0)
		dequeue(class, slot);
	gov_registry_admit(slot);
	wake_first(class);
}

void
gov_queue_try(bool enforce, int kept_places, GovTry *result)
{
	GovSessionSlot *mine = gov_registry_mine();
	int			slot = mine - gov_registry_slot(0);
	Waiter	   *waiter = &queue->waiters[slot];
	GovTime		now;
	ClassQueue *class;
	GovAdmitFacts facts;

	memset(result, 0, sizeof(*result));

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	now = gov_clock_now();
	if (!mine->waits)
	{
		/* somebody has let it in meanwhile */
		result->class_id = mine->class_id;
		LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
		return;
	}
	class = &queue->classes[mine->class_id];
	facts = facts_of(mine->class_id, now);
	facts.kept_places = kept_places;
	if (waiter->since != 0)
	{
		/* a clock that was set back must not make it wait for as much longer */
		waiter->since = Min(waiter->since, now);
		facts.is_queued = true;
		facts.queued_at = waiter->since;
		facts.only_evicts = waiter->only_evicts;
		facts.ahead = class->first == slot ? 0 : 1;
		result->was_queued = true;
		result->waited = Max(now - waiter->since, 0);
	}

	result->admission = decide(&facts);
	result->class_id = mine->class_id;
	result->sessions = facts.sessions;
	result->max_sessions = facts.max_sessions;

	if (!enforce || result->admission.decision == GOV_DECISION_ADMIT)
		admit(class, slot, now);
	else if (result->admission.decision == GOV_DECISION_REFUSE)
	{
		if (waiter->since != 0)
		{
			dequeue(class, slot);
			wake_first(class);
		}
		result->retry_after = gov_admit_retry_after(class->length, class->between_departures);
	}
	else
	{
		/* whoever evicts is first in the queue: nobody may come before him meanwhile */
		if (waiter->since == 0)
		{
			enqueue(class, slot, class->last == NOBODY ? now : Max(now, queue->waiters[class->last].since));
			waiter->only_evicts = result->admission.decision == GOV_DECISION_EVICT &&
				(facts.slots_run_short || class->queue_limit == 0);
			result->was_queued = result->newly_queued = true;
		}
		if (result->admission.decision == GOV_DECISION_EVICT)
			result->victim = class->victims[class->next_victim++];
		else
			result->wants_victims = class->first == slot && class->evict_after != GOV_NEVER &&
				(result->admission.cause == GOV_CAUSE_MAX_SESSIONS ||
				 result->admission.cause == GOV_CAUSE_RESERVE) &&
				class->next_victim == class->nvictims;
		if (result->wants_victims)
			queue->victims_wanted = true;
	}
	result->waiting = class->length - (waiter->since != 0 ? 1 : 0);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

void
gov_queue_let_in(void)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	/* the governor may have done so already */
	if (gov_registry_mine()->waits)
		gov_registry_admit(gov_registry_mine() - gov_registry_slot(0));
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

void
gov_queue_forget(int slot, int class_id)
{
	if (class_id == GOV_NO_CLASS || queue->waiters[slot].since == 0)
		return;
	dequeue(&queue->classes[class_id], slot);
	wake_first(&queue->classes[class_id]);
}

void
gov_queue_place_is_free(int class_id)
{
	if (class_id != GOV_NO_CLASS)
	{
		ClassQueue *class = &queue->classes[class_id];
		GovTime		now = gov_clock_now();

		if (class->last_departure != 0 && now > class->last_departure)
		{
			GovTime		between = now - class->last_departure;

			class->between_departures += class->between_departures == 0 ? between :
				(between - class->between_departures) / DEPARTURE_WEIGHT;
		}
		class->last_departure = now;
	}

	/* the place may be one that another class was kept from by a reserve */
	wake_first_of_all();
}

void
gov_queue_change_class(int slot, int from, int to)
{
	GovTime		since = queue->waiters[slot].since;

	if (since == 0)
		return;
	dequeue(&queue->classes[from], slot);
	wake_first(&queue->classes[from]);
	enqueue(&queue->classes[to], slot, since);
	SetLatch(&ProcGlobal->allProcs[slot].procLatch);
}

void
gov_queue_publish_victims(int class_id, const GovVictim *victims, int n)
{
	ClassQueue *class = &queue->classes[class_id];

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	memcpy(class->victims, victims, n * sizeof(GovVictim));
	class->nvictims = n;
	class->next_victim = 0;
	if (n > 0)
		wake_first(class);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

bool
gov_queue_victims_wanted(void)
{
	bool		wanted;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	wanted = queue->victims_wanted;
	queue->victims_wanted = false;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return wanted;
}

bool
gov_queue_is_used(void)
{
	bool		used;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	used = queue->waiting > 0;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return used;
}

void
gov_queue_info(int class_id, GovQueueInfo *info)
{
	ClassQueue *class = &queue->classes[class_id];
	GovAdmitFacts facts;

	/* exclusively, as windows move on when they are looked at */
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	facts = facts_of(class_id, gov_clock_now());
	info->waiting = class->length;
	info->oldest = class->first == NOBODY ? 0 : queue->waiters[class->first].since;
	info->newcomer = decide(&facts);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

GovTime
gov_queue_waits_since(int slot)
{
	GovTime		since;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	since = queue->waiters[slot].since;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return since;
}
