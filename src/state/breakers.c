/*-------------------------------------------------------------------------
 *
 * breakers.c
 *		The circuit breakers and rate limits that all sessions share.
 *
 * Owns: GovGuards in shared memory, and a slot for each breaker and rate limit.
 * Runs in: backends; the policy loader and the postmaster (install).
 *
 * Locking: one lock for each breaker and each rate limit, held for the few
 * instructions of one decision.  The clock is read under it, so that nobody
 * brings an older time than the one before.  Which breaker guards a class, and
 * until when a breaker is known to refuse, are atomics: hints that are read
 * without a lock.
 *
 * IDENTIFICATION
 *	  src/state/breakers.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "clock.h"
#include "settings.h"
#include "state/breakers.h"
#include "state/ledger.h"

#include "port/atomics.h"
#include "storage/lwlock.h"

#define TRANCHE		"pg_governor_breakers"
#define MODE_BITS	2

typedef struct BreakerSlot
{
	LWLock	   *lock;			/* of all but the atomics */
	pg_atomic_uint64 refuses_until; /* a GovTime; 0: not known */
	pg_atomic_uint32 state;		/* that the breaker is in */
	GovBreakerSettings settings;	/* not used: the number is nobody's */
	GovBreaker	breaker;
} BreakerSlot;

typedef struct RateSlot
{
	LWLock	   *lock;			/* of all */
	GovRate		rate;
	GovWindows	taken;
} RateSlot;

typedef struct GovGuards
{
	pg_atomic_uint32 of_class[GOV_MAX_CLASSES]; /* number of its breaker + 1, 0: none; shifted, and its mode */
} GovGuards;

static GovGuards *guards = NULL;

/* As many of each as governor.max_breakers says, in this order */
static BreakerSlot *breakers = NULL;
static RateSlot *rates = NULL;

static Size
breakers_size(void)
{
	return MAXALIGN(gov_settings_max_breakers * sizeof(BreakerSlot));
}

Size
gov_breakers_shmem_size(void)
{
	/* not nothing, where there are none */
	return Max(breakers_size() + gov_settings_max_breakers * sizeof(RateSlot), MAXIMUM_ALIGNOF);
}

void
gov_breakers_request_locks(void)
{
	if (gov_settings_max_breakers > 0)
		RequestNamedLWLockTranche(TRANCHE, 2 * gov_settings_max_breakers);
}

Size
gov_breakers_guards_shmem_size(void)
{
	return sizeof(GovGuards);
}

void
gov_breakers_guards_shmem_attach(void *memory, bool is_new)
{
	guards = memory;
	for (int id = 0; id < GOV_MAX_CLASSES && is_new; id++)
		pg_atomic_init_u32(&guards->of_class[id], 0);
}

void
gov_breakers_shmem_attach(void *memory, bool is_new)
{
	LWLockPadded *locks;

	breakers = memory;
	rates = (RateSlot *) ((char *) memory + breakers_size());
	if (!is_new)
		return;

	MemSet(memory, 0, gov_breakers_shmem_size());
	if (gov_settings_max_breakers == 0)
		return;
	locks = GetNamedLWLockTranche(TRANCHE);
	for (int i = 0; i < gov_settings_max_breakers; i++)
	{
		breakers[i].lock = &locks[2 * i].lock;
		pg_atomic_init_u64(&breakers[i].refuses_until, 0);
		pg_atomic_init_u32(&breakers[i].state, GOV_BREAKER_CLOSED);
		rates[i].lock = &locks[2 * i + 1].lock;
	}
}

int
gov_breakers_count(void)
{
	return gov_settings_max_breakers;
}

static void
install_breaker(BreakerSlot *slot, const GovBreakerSettings *settings)
{
	bool		stays = slot->settings.used && settings->used && strcmp(slot->settings.name, settings->name) == 0;

	LWLockAcquire(slot->lock, LW_EXCLUSIVE);
	slot->settings = *settings;
	if (settings->used && !stays)
		gov_breaker_init(&slot->breaker, gov_clock_now());
	pg_atomic_write_u64(&slot->refuses_until, 0);
	pg_atomic_write_u32(&slot->state, slot->breaker.state);
	LWLockRelease(slot->lock);
}

static void
install_rate(RateSlot *slot, const GovRate *rate)
{
	LWLockAcquire(slot->lock, LW_EXCLUSIVE);
	/* what was taken of other limits says nothing about these */
	if (!slot->rate.used || !rate->used || strcmp(slot->rate.name, rate->name) != 0 ||
		memcmp(&slot->rate.limits, &rate->limits, sizeof(GovLimits)) != 0)
		MemSet(&slot->taken, 0, sizeof(slot->taken));
	slot->rate = *rate;
	LWLockRelease(slot->lock);
}

void
gov_breakers_install(const GovPolicy *policy)
{
	for (int i = 0; i < gov_settings_max_breakers; i++)
	{
		install_breaker(&breakers[i], &policy->breakers[i]);
		install_rate(&rates[i], &policy->rates[i]);
	}
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &policy->classes[id];
		int			number = class->used && class->breaker[0] != '\0' ?
			gov_policy_breaker_named(policy, class->breaker) : GOV_NO_BREAKER;

		if (number >= gov_settings_max_breakers)
			number = GOV_NO_BREAKER;
		pg_atomic_write_u32(&guards->of_class[id], (uint32) (number + 1) << MODE_BITS | (uint32) class->mode);
	}
}

/* The breaker of that number with its lock held, or NULL if it is another one's.  A name of NULL is anybody's. */
static BreakerSlot *
enter(int number, const char *name)
{
	BreakerSlot *slot;

	if (number < 0 || number >= gov_settings_max_breakers)
		return NULL;
	slot = &breakers[number];
	LWLockAcquire(slot->lock, LW_EXCLUSIVE);
	if (slot->settings.used && (name == NULL || strcmp(slot->settings.name, name) == 0))
		return slot;
	LWLockRelease(slot->lock);
	return NULL;
}

/* Says what logins may know without asking, lets go of the lock, and tells of transitions. */
static void
leave(BreakerSlot *slot, GovTime now, GovBreakerChanges *changes)
{
	GovBreakerState state = slot->breaker.state;
	GovTime		refuses_until = 0;
	char		name[GOV_NAME_SIZE];

	if (state == GOV_BREAKER_OPEN || state == GOV_BREAKER_HALF_OPEN || state == GOV_BREAKER_FORCED_OPEN)
	{
		GovBreakerReport report;

		gov_breaker_report(&slot->breaker, &slot->settings, now, &report, changes);
		if (report.retry_after > 0)
			refuses_until = gov_time_after(now, report.retry_after);
	}
	pg_atomic_write_u64(&slot->refuses_until, (uint64) refuses_until);
	pg_atomic_write_u32(&slot->state, slot->breaker.state);
	if (changes->n > 0)
		strlcpy(name, slot->settings.name, sizeof(name));
	LWLockRelease(slot->lock);

	for (int i = 0; i < changes->n; i++)
	{
		char		text[GOV_EVENT_DETAIL_SIZE];
		char		detail[GOV_EVENT_DETAIL_SIZE];

		gov_breaker_describe(&changes->changes[i], text, sizeof(text) - GOV_NAME_SIZE - 4);
		snprintf(detail, sizeof(detail), "%s: %s", name, text);
		gov_ledger_note(GOV_EVENT_BREAKER, NULL, GOV_REASON_NONE, detail);
	}
}

static bool
allow(BreakerSlot *slot, int64 *permit, GovTime *retry_after)
{
	GovBreakerChanges changes = {0};
	GovBreakerReport report;
	GovTime		now = gov_clock_now();

	*retry_after = 0;
	*permit = gov_breaker_allow(&slot->breaker, &slot->settings, now, &changes);
	if (*permit == 0)
	{
		gov_breaker_report(&slot->breaker, &slot->settings, now, &report, &changes);
		*retry_after = report.retry_after;
	}
	leave(slot, now, &changes);
	return true;
}

bool
gov_breakers_allow(int number, const char *name, int64 *permit, GovTime *retry_after)
{
	BreakerSlot *slot = enter(number, name);

	return slot != NULL && allow(slot, permit, retry_after);
}

static void
record(BreakerSlot *slot, int64 permit, bool success, GovTime duration)
{
	GovBreakerChanges changes = {0};
	GovTime		now = gov_clock_now();

	(void) gov_breaker_record(&slot->breaker, &slot->settings, permit, success, duration, now, &changes);
	leave(slot, now, &changes);
}

static void
give_back(BreakerSlot *slot, int64 permit)
{
	GovBreakerChanges changes = {0};
	GovTime		now = gov_clock_now();

	gov_breaker_give_back(&slot->breaker, &slot->settings, permit, now, &changes);
	leave(slot, now, &changes);
}

bool
gov_breakers_record(int number, const char *name, int64 permit, bool success, GovTime duration)
{
	BreakerSlot *slot = enter(number, name);

	if (slot == NULL)
		return false;
	record(slot, permit, success, duration);
	return true;
}

bool
gov_breakers_force(int number, const char *name, GovBreakerState state)
{
	BreakerSlot *slot = enter(number, name);
	GovBreakerChanges changes = {0};
	GovTime		now;

	if (slot == NULL)
		return false;
	now = gov_clock_now();
	gov_breaker_force(&slot->breaker, &slot->settings, state, now, &changes);
	leave(slot, now, &changes);
	return true;
}

bool
gov_breakers_report(int number, char *name, GovBreakerReport *report)
{
	BreakerSlot *slot = enter(number, NULL);
	GovBreakerChanges changes = {0};
	GovTime		now;

	if (slot == NULL)
		return false;
	now = gov_clock_now();
	strlcpy(name, slot->settings.name, GOV_NAME_SIZE);
	gov_breaker_report(&slot->breaker, &slot->settings, now, report, &changes);
	leave(slot, now, &changes);
	return true;
}

int
gov_breakers_of_class(int class_id, GovMode *mode)
{
	uint32		word;

	Assert(class_id >= 0 && class_id < GOV_MAX_CLASSES);
	word = pg_atomic_read_u32(&guards->of_class[class_id]);
	*mode = (GovMode) (word & ((1 << MODE_BITS) - 1));
	return (int) (word >> MODE_BITS) - 1;
}

bool
gov_breakers_lets_all_through(int number)
{
	GovBreakerState state = (GovBreakerState) pg_atomic_read_u32(&breakers[number].state);

	return state == GOV_BREAKER_CLOSED || state == GOV_BREAKER_DISABLED || state == GOV_BREAKER_METRICS_ONLY;
}

GovTime
gov_breakers_refuses_until(int class_id)
{
	GovMode		mode;
	int			number = gov_breakers_of_class(class_id, &mode);

	return number == GOV_NO_BREAKER ? 0 : (GovTime) pg_atomic_read_u64(&breakers[number].refuses_until);
}

bool
gov_breakers_allow_work(int number, char *name, int64 *permit, GovTime *retry_after)
{
	BreakerSlot *slot = enter(number, NULL);

	if (slot == NULL)
		return false;
	strlcpy(name, slot->settings.name, GOV_NAME_SIZE);
	return allow(slot, permit, retry_after);
}

void
gov_breakers_record_work(int number, int64 permit, const char *sqlstate, bool by_statement_timeout,
						 bool cut, GovTime duration)
{
	BreakerSlot *slot = enter(number, NULL);
	bool		success;

	if (slot == NULL)
		return;
	success = sqlstate == NULL || !gov_breaker_counts_sqlstate(&slot->settings, sqlstate, by_statement_timeout);
	if (success && cut)
		give_back(slot, permit);
	else
		record(slot, permit, success, duration);
}

void
gov_breakers_give_back(int number, int64 permit)
{
	BreakerSlot *slot = enter(number, NULL);

	if (slot != NULL)
		give_back(slot, permit);
}

bool
gov_rates_take(int number, const char *name, int64 amount, GovRateTaken *taken)
{
	RateSlot   *slot;
	const GovLimits *limits;
	GovTime		now;
	GovTime		ready_at;
	bool		is_there;

	if (number < 0 || number >= gov_settings_max_breakers)
		return false;
	slot = &rates[number];
	limits = &slot->rate.limits;
	LWLockAcquire(slot->lock, LW_EXCLUSIVE);
	is_there = slot->rate.used && strcmp(slot->rate.name, name) == 0;
	if (is_there)
	{
		now = gov_clock_now();
		taken->granted = amount == 0 || gov_window_take(&slot->taken, limits, amount, now);
		taken->remaining = gov_window_remaining(&slot->taken, limits, now);
		ready_at = taken->granted ? now : gov_window_ready_at(&slot->taken, limits, amount, now);
		taken->retry_after = ready_at == GOV_NEVER ? GOV_NEVER : Max(ready_at - now, 0);
	}
	LWLockRelease(slot->lock);
	return is_there;
}
