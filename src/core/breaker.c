/*-------------------------------------------------------------------------
 *
 * breaker.c
 *		A circuit breaker: whether a call is worth making, by what became of the
 *		last ones.
 *
 * Owns: nothing; pure.                   Runs in: backends, under a lock.
 *
 * Transition and the function that performs it:
 *
 *	 closed    -> open       [open_by_window]    a result that counts
 *	 open      -> half_open  [try_again]         a request, open_for over
 *	 half_open -> open       [open_by_results]   enough results, or permits that expired
 *	 half_open -> closed     [close_by_results]  the same
 *	 any       -> any        [gov_breaker_force] somebody's wish
 *
 * Each begins a new period, in which nothing is counted yet [enter].
 *
 * Invariants, after every call:
 *
 * (1) since, given_at and the present bucket are not later than now.
 * (2) closed, metrics_only: calls, failed and slow are the sums over the
 *	   window; by count calls <= window_size, and what is not counted is never
 *	   read.  No permit is kept.
 * (3) half_open: results are fewer than half_open_calls; each has a permit that
 *	   is settled.  The permits given out, settled or not, are at most the
 *	   largest half_open_calls that was in force.  If none is left to give, one
 *	   is not settled, so that something will decide, at the latest when it
 *	   expires.  The window is empty.
 * (4) open, forced_open, disabled: the window is empty, no permit is kept.
 *
 * A permit's number is its period and, in the lower 31 bits, its serial.  A
 * period has the number of the millisecond in which it began, or, if that one
 * is taken, the next one; they come round after seven weeks.
 *
 * IDENTIFICATION
 *	  src/core/breaker.c
 *-------------------------------------------------------------------------
 */
#include "core/breaker.h"

#include <stdio.h>
#include <string.h>

#define SERIAL_BITS		31
#define LAST_SERIAL		((UINT32_C(1) << SERIAL_BITS) - 1)

/* The two bits of an outcome. */
#define FAILED			1
#define SLOW			2

/* What a decision is made of. */
typedef struct Tally
{
	int32_t		calls;
	int32_t		failed;
	int32_t		slow;
} Tally;

static const char *const state_names[GOV_BREAKER_STATE_COUNT] =
{
	[GOV_BREAKER_CLOSED] = "closed",
	[GOV_BREAKER_OPEN] = "open",
	[GOV_BREAKER_HALF_OPEN] = "half_open",
	[GOV_BREAKER_DISABLED] = "disabled",
	[GOV_BREAKER_FORCED_OPEN] = "forced_open",
	[GOV_BREAKER_METRICS_ONLY] = "metrics_only",
};

/*
 * The window
 */

static bool
counts_calls(const GovBreaker *breaker)
{
	return breaker->state == GOV_BREAKER_CLOSED || breaker->state == GOV_BREAKER_METRICS_ONLY;
}

/* The length of a bucket: the shortest with which there are enough of them. */
static int32_t
bucket_seconds(int32_t window_size)
{
	return (window_size + GOV_BREAKER_BUCKETS - 1) / GOV_BREAKER_BUCKETS;
}

static int32_t
bucket_count(int32_t window_size)
{
	int32_t		seconds = bucket_seconds(window_size);

	return (window_size + seconds - 1) / seconds;
}

/* The number of the bucket that is the present one; rounded down before time 0 too. */
static int64_t
bucket_at(int32_t window_size, GovTime now)
{
	GovTime		length = bucket_seconds(window_size) * GOV_SECOND;

	return now >= 0 ? now / length : -(-(now + 1) / length) - 1;
}

static unsigned
outcome_at(const uint8_t *outcomes, int32_t place)
{
	return outcomes[place / 4] >> (place % 4 * 2) & (FAILED | SLOW);
}

static void
put_outcome(uint8_t *outcomes, int32_t place, unsigned outcome)
{
	int			shift = place % 4 * 2;

	outcomes[place / 4] = (uint8_t) ((outcomes[place / 4] & ~((FAILED | SLOW) << shift)) | outcome << shift);
}

static void
empty_window(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now)
{
	breaker->window_type = settings->window_type;
	breaker->window_size = settings->window_size;
	breaker->calls = 0;
	breaker->failed = 0;
	breaker->slow = 0;
	breaker->next = 0;
	breaker->last_bucket = settings->window_type == GOV_BREAKER_WINDOW_TIME ?
		bucket_at(settings->window_size, now) : 0;
	memset(breaker->buckets, 0, sizeof(breaker->buckets));
}

/*
 * Lets go of the buckets that have left the window.  If the clock was set back,
 * the present bucket has an earlier number, and the ring stays as it is.
 */
static void
advance_window(GovBreaker *breaker, GovTime now)
{
	int64_t		bucket = bucket_at(breaker->window_size, now);
	int32_t		n = bucket_count(breaker->window_size);
	int64_t		gone = bucket - breaker->last_bucket;

	if (gone > n)
		gone = n;
	for (; gone > 0; gone--)
	{
		GovBreakerBucket *oldest;

		breaker->next = (breaker->next + 1) % n;
		oldest = &breaker->buckets[breaker->next];
		breaker->calls -= (int32_t) oldest->calls;
		breaker->failed -= (int32_t) oldest->failed;
		breaker->slow -= (int32_t) oldest->slow;
		memset(oldest, 0, sizeof(*oldest));
	}
	breaker->last_bucket = bucket;
}

/* Lays a window by count out anew, with the latest of its calls. */
static void
resize_by_count(GovBreaker *breaker, int32_t size)
{
	uint8_t		outcomes[sizeof(breaker->outcomes)] = {0};
	int32_t		kept = breaker->calls < size ? breaker->calls : size;
	int32_t		first = breaker->next - kept;

	if (first < 0)
		first += breaker->window_size;
	breaker->calls = kept;
	breaker->failed = 0;
	breaker->slow = 0;
	for (int32_t i = 0; i < kept; i++)
	{
		unsigned	outcome = outcome_at(breaker->outcomes, (first + i) % breaker->window_size);

		put_outcome(outcomes, i, outcome);
		breaker->failed += (outcome & FAILED) != 0;
		breaker->slow += (outcome & SLOW) != 0;
	}
	memcpy(breaker->outcomes, outcomes, sizeof(outcomes));
	breaker->next = kept % size;
	breaker->window_size = size;
}

/* Lays a window by time out anew, with the latest of its buckets, which stay as long. */
static void
resize_by_time(GovBreaker *breaker, int32_t size)
{
	GovBreakerBucket buckets[GOV_BREAKER_BUCKETS] = {0};
	int32_t		old_n = bucket_count(breaker->window_size);
	int32_t		n = bucket_count(size);
	int32_t		kept = n < old_n ? n : old_n;

	breaker->calls = 0;
	breaker->failed = 0;
	breaker->slow = 0;
	for (int32_t i = 0; i < kept; i++)
	{
		GovBreakerBucket bucket = breaker->buckets[(breaker->next - i + old_n) % old_n];

		buckets[kept - 1 - i] = bucket;
		breaker->calls += (int32_t) bucket.calls;
		breaker->failed += (int32_t) bucket.failed;
		breaker->slow += (int32_t) bucket.slow;
	}
	memcpy(breaker->buckets, buckets, sizeof(buckets));
	breaker->next = kept - 1;
	breaker->window_size = size;
}

/* Follows the settings, with what means the same under them. */
static void
adapt_window(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now)
{
	if (breaker->window_type != settings->window_type)
		empty_window(breaker, settings, now);
	else if (breaker->window_size == settings->window_size)
		return;
	else if (breaker->window_type == GOV_BREAKER_WINDOW_COUNT)
		resize_by_count(breaker, settings->window_size);
	else if (bucket_seconds(breaker->window_size) == bucket_seconds(settings->window_size))
		resize_by_time(breaker, settings->window_size);
	else
		empty_window(breaker, settings, now);
}

static void
count_by_count(GovBreaker *breaker, bool failed, bool slow)
{
	if (breaker->calls == breaker->window_size)
	{
		unsigned	oldest = outcome_at(breaker->outcomes, breaker->next);

		breaker->failed -= (oldest & FAILED) != 0;
		breaker->slow -= (oldest & SLOW) != 0;
	}
	else
		breaker->calls++;
	breaker->failed += failed;
	breaker->slow += slow;
	put_outcome(breaker->outcomes, breaker->next, (failed ? FAILED : 0) | (slow ? SLOW : 0));
	breaker->next = (breaker->next + 1) % breaker->window_size;
}

static void
count_by_time(GovBreaker *breaker, bool failed, bool slow)
{
	GovBreakerBucket *present = &breaker->buckets[breaker->next];

	/* more than anybody counts: the rates are right without the rest */
	if (breaker->calls == INT32_MAX)
		return;
	present->calls++;
	present->failed += failed;
	present->slow += slow;
	breaker->calls++;
	breaker->failed += failed;
	breaker->slow += slow;
}

/*
 * Decisions
 */

/*
 * The quotient of two whole numbers is the double that is nearest to it, and so
 * is a threshold as somebody wrote it: if both are the same number, they are
 * equal here.  As products 7 of 1250 would be less than 0.56 percent.
 */
static double
percent(int32_t part, int32_t calls)
{
	return part * 100.0 / calls;
}

/* How many calls a window holds before its rates mean something. */
static int32_t
minimum_calls(const GovBreakerSettings *settings)
{
	if (settings->window_type == GOV_BREAKER_WINDOW_COUNT && settings->window_size < settings->minimum_calls)
		return settings->window_size;
	return settings->minimum_calls;
}

/* Whether a threshold is reached, and which. */
static bool
too_bad(const GovBreakerSettings *settings, Tally tally, GovBreakerCause *cause)
{
	*cause = GOV_BREAKER_BY_FAILURES;
	if (percent(tally.failed, tally.calls) >= settings->failure_rate)
		return true;
	*cause = GOV_BREAKER_BY_SLOW_CALLS;
	return percent(tally.slow, tally.calls) >= settings->slow_call_rate;
}

/*
 * Transitions
 */

/*
 * Each period has another number, also if several begin at once or the
 * clock is set back; "later" is that of serial numbers, so that it may wrap,
 * and times before 2000 are no exception.
 */
static uint32_t
next_period(uint32_t period, GovTime now)
{
	uint32_t	present = (uint32_t) (now / GOV_MSEC);
	uint32_t	next = period + 1;

	return present - next < UINT32_C(1) << 31 ? present : next;
}

static void
enter(GovBreaker *breaker, const GovBreakerSettings *settings, GovBreakerState state,
	  GovBreakerCause cause, Tally tally, GovTime at, GovBreakerChanges *changes)
{
	if (changes->n < GOV_BREAKER_CHANGES)
		changes->changes[changes->n++] = (GovBreakerChange)
	{
		breaker->state, state, cause, at, tally.calls, tally.failed, tally.slow
	};

	breaker->state = state;
	breaker->since = at;
	breaker->period = next_period(breaker->period, at);
	breaker->serial = 0;
	breaker->results = 0;
	breaker->results_failed = 0;
	breaker->results_slow = 0;
	memset(breaker->permits, 0, sizeof(breaker->permits));
	empty_window(breaker, settings, at);
}

/* closed -> open, if enough calls are there and a threshold is reached. */
static void
open_by_window(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now, GovBreakerChanges *changes)
{
	Tally		tally = {breaker->calls, breaker->failed, breaker->slow};
	GovBreakerCause cause;

	if (tally.calls >= minimum_calls(settings) && too_bad(settings, tally, &cause))
		enter(breaker, settings, GOV_BREAKER_OPEN, cause, tally, now, changes);
}

/* open -> half_open */
static void
try_again(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now, GovBreakerChanges *changes)
{
	enter(breaker, settings, GOV_BREAKER_HALF_OPEN, GOV_BREAKER_BY_TIME, (Tally) {0}, now, changes);
}

/* half_open -> open */
static void
open_by_results(GovBreaker *breaker, const GovBreakerSettings *settings, GovBreakerCause cause,
				Tally tally, GovTime at, GovBreakerChanges *changes)
{
	enter(breaker, settings, GOV_BREAKER_OPEN, cause, tally, at, changes);
}

/* half_open -> closed */
static void
close_by_results(GovBreaker *breaker, const GovBreakerSettings *settings,
				 Tally tally, GovTime at, GovBreakerChanges *changes)
{
	enter(breaker, settings, GOV_BREAKER_CLOSED, GOV_BREAKER_BY_GOOD_RESULTS, tally, at, changes);
}

/*
 * Half open
 */

/* Leaves half_open, if enough results are in. */
static void
decide(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime at, GovBreakerChanges *changes)
{
	Tally		tally = {breaker->results, breaker->results_failed, breaker->results_slow};
	GovBreakerCause cause;

	if (tally.calls < settings->half_open_calls)
		return;
	if (too_bad(settings, tally, &cause))
		open_by_results(breaker, settings, cause, tally, at, changes);
	else
		close_by_results(breaker, settings, tally, at, changes);
}

static void
settle(GovBreaker *breaker, GovBreakerPermit *permit, bool failed, bool slow)
{
	permit->settled = true;
	breaker->results++;
	breaker->results_failed += failed;
	breaker->results_slow += slow;
}

static int32_t
permits_left(const GovBreaker *breaker, const GovBreakerSettings *settings)
{
	int32_t		left = settings->half_open_calls;

	for (int i = 0; i < GOV_BREAKER_PERMITS; i++)
		left -= breaker->permits[i].serial != 0;

	/* fewer may be allowed now than were given out */
	return left < 0 ? 0 : left;
}

/* The permit that expires first; NULL if all are settled. */
static GovBreakerPermit *
oldest_permit(GovBreaker *breaker)
{
	GovBreakerPermit *oldest = NULL;

	for (int i = 0; i < GOV_BREAKER_PERMITS; i++)
	{
		GovBreakerPermit *permit = &breaker->permits[i];

		if (permit->serial != 0 && !permit->settled &&
			(oldest == NULL || permit->given_at < oldest->given_at))
			oldest = permit;
	}
	return oldest;
}

/* Lets permits expire, one after the other, until that decides. */
static void
expire_permits(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now, GovBreakerChanges *changes)
{
	while (breaker->state == GOV_BREAKER_HALF_OPEN)
	{
		GovBreakerPermit *permit = oldest_permit(breaker);
		GovTime		expires_at;

		if (permit == NULL)
			return;
		expires_at = gov_time_after(permit->given_at, settings->half_open_timeout);
		if (expires_at > now)
			return;
		settle(breaker, permit, true, false);
		decide(breaker, settings, expires_at, changes);
	}
}

/*
 * Permits
 */

static int64_t
give_number(GovBreaker *breaker)
{
	breaker->serial = breaker->serial < LAST_SERIAL ? breaker->serial + 1 : 1;
	return (int64_t) breaker->period << SERIAL_BITS | breaker->serial;
}

/* The serial of a number of this period; 0 if it is none. */
static uint32_t
serial_of(const GovBreaker *breaker, int64_t number)
{
	if (number < 0 || number >> SERIAL_BITS != breaker->period)
		return 0;
	return (uint32_t) (number & LAST_SERIAL);
}

/* The permit of a number, if it is given out and has no result; else NULL. */
static GovBreakerPermit *
find_permit(GovBreaker *breaker, int64_t number)
{
	uint32_t	serial = serial_of(breaker, number);

	if (serial == 0)
		return NULL;
	for (int i = 0; i < GOV_BREAKER_PERMITS; i++)
	{
		GovBreakerPermit *permit = &breaker->permits[i];

		if (permit->serial == serial && !permit->settled)
			return permit;
	}
	return NULL;
}

/* One that is free: there is one, as no more are given out than fit. */
static GovBreakerPermit *
free_permit(GovBreaker *breaker)
{
	GovBreakerPermit *permit = breaker->permits;

	while (permit->serial != 0)
		permit++;
	return permit;
}

/*
 * What all calls begin with
 */

/* Whatever was set down by a clock that was ahead is of now. */
static void
pull_back(GovBreaker *breaker, GovTime now)
{
	if (breaker->since > now)
		breaker->since = now;
	if (breaker->state != GOV_BREAKER_HALF_OPEN)
		return;
	for (int i = 0; i < GOV_BREAKER_PERMITS; i++)
	{
		if (breaker->permits[i].given_at > now)
			breaker->permits[i].given_at = now;
	}
}

/* Makes up for what time and other settings have done since the last call. */
static void
catch_up(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now, GovBreakerChanges *changes)
{
	pull_back(breaker, now);

	if (breaker->state == GOV_BREAKER_HALF_OPEN)
	{
		/* fewer results may be asked for than are in */
		decide(breaker, settings, now, changes);
		expire_permits(breaker, settings, now, changes);
	}

	/* also if it was closed just now, as of some moment before */
	if (counts_calls(breaker))
	{
		/* first by the window as it was: a longer one brings nothing back */
		if (breaker->window_type == GOV_BREAKER_WINDOW_TIME)
			advance_window(breaker, now);
		adapt_window(breaker, settings, now);
	}
}

void
gov_breaker_init(GovBreaker *breaker, GovTime now)
{
	memset(breaker, 0, sizeof(*breaker));
	breaker->state = GOV_BREAKER_CLOSED;
	breaker->period = (uint32_t) (now / GOV_MSEC);
	breaker->since = now;
}

int64_t
gov_breaker_allow(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now,
				  GovBreakerChanges *changes)
{
	catch_up(breaker, settings, now, changes);

	if (breaker->state == GOV_BREAKER_OPEN && now >= gov_time_after(breaker->since, settings->open_for))
		try_again(breaker, settings, now, changes);

	switch (breaker->state)
	{
		case GOV_BREAKER_CLOSED:
		case GOV_BREAKER_DISABLED:
		case GOV_BREAKER_METRICS_ONLY:
			return give_number(breaker);

		case GOV_BREAKER_HALF_OPEN:
			if (permits_left(breaker, settings) > 0)
			{
				GovBreakerPermit *permit = free_permit(breaker);
				int64_t		number = give_number(breaker);

				*permit = (GovBreakerPermit) {breaker->serial, false, now};
				return number;
			}
			break;

		case GOV_BREAKER_OPEN:
		case GOV_BREAKER_FORCED_OPEN:
			break;
	}
	breaker->not_permitted++;
	return 0;
}

bool
gov_breaker_record(GovBreaker *breaker, const GovBreakerSettings *settings, int64_t permit,
				   bool success, GovTime duration, GovTime now, GovBreakerChanges *changes)
{
	bool		slow = duration > settings->slow_call_duration;
	GovBreakerPermit *probe;

	catch_up(breaker, settings, now, changes);

	switch (breaker->state)
	{
		case GOV_BREAKER_CLOSED:
		case GOV_BREAKER_METRICS_ONLY:
			if (permit != 0 && serial_of(breaker, permit) == 0)
				return false;
			if (breaker->window_type == GOV_BREAKER_WINDOW_COUNT)
				count_by_count(breaker, !success, slow);
			else
				count_by_time(breaker, !success, slow);
			if (breaker->state == GOV_BREAKER_CLOSED)
				open_by_window(breaker, settings, now, changes);
			return true;

		case GOV_BREAKER_HALF_OPEN:
			probe = find_permit(breaker, permit);
			if (probe == NULL)
				return false;
			settle(breaker, probe, !success, slow);
			decide(breaker, settings, now, changes);
			return true;

		case GOV_BREAKER_OPEN:
		case GOV_BREAKER_DISABLED:
		case GOV_BREAKER_FORCED_OPEN:
			break;
	}
	return false;
}

void
gov_breaker_give_back(GovBreaker *breaker, const GovBreakerSettings *settings, int64_t permit,
					  GovTime now, GovBreakerChanges *changes)
{
	GovBreakerPermit *probe;

	catch_up(breaker, settings, now, changes);

	if (breaker->state != GOV_BREAKER_HALF_OPEN)
		return;
	probe = find_permit(breaker, permit);
	if (probe != NULL)
		memset(probe, 0, sizeof(*probe));
}

void
gov_breaker_force(GovBreaker *breaker, const GovBreakerSettings *settings, GovBreakerState state,
				  GovTime now, GovBreakerChanges *changes)
{
	catch_up(breaker, settings, now, changes);
	enter(breaker, settings, state, GOV_BREAKER_BY_HAND, (Tally) {0}, now, changes);
}

/* How long it is until then. */
static GovTime
time_until(GovTime then, GovTime now)
{
	if (then == GOV_NEVER)
		return GOV_NEVER;
	return then > now ? then - now : 0;
}

void
gov_breaker_report(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now,
				   GovBreakerReport *report, GovBreakerChanges *changes)
{
	catch_up(breaker, settings, now, changes);

	*report = (GovBreakerReport)
	{
		.state = breaker->state,
		.failure_rate = -1,
		.slow_rate = -1,
		.opened_at = GOV_NEVER,
		.permits_left = -1,
		.not_permitted = breaker->not_permitted,
	};

	switch (breaker->state)
	{
		case GOV_BREAKER_CLOSED:
		case GOV_BREAKER_METRICS_ONLY:
			report->calls = breaker->calls;
			if (breaker->calls >= minimum_calls(settings))
			{
				report->failure_rate = percent(breaker->failed, breaker->calls);
				report->slow_rate = percent(breaker->slow, breaker->calls);
			}
			break;

		case GOV_BREAKER_OPEN:
			report->opened_at = breaker->since;
			report->retry_after = time_until(gov_time_after(breaker->since, settings->open_for), now);
			if (report->retry_after == 0)
				report->permits_left = settings->half_open_calls;
			break;

		case GOV_BREAKER_FORCED_OPEN:
			report->opened_at = breaker->since;
			report->retry_after = GOV_NEVER;
			break;

		case GOV_BREAKER_HALF_OPEN:
			report->calls = breaker->results;
			report->permits_left = permits_left(breaker, settings);
			if (report->permits_left == 0)
				report->retry_after = time_until(gov_time_after(oldest_permit(breaker)->given_at,
																settings->half_open_timeout), now);
			break;

		case GOV_BREAKER_DISABLED:
			break;
	}
}

bool
gov_breaker_counts_sqlstate(const GovBreakerSettings *settings, const char *sqlstate,
							bool by_statement_timeout)
{
	static const char *const classes[] = {"53", "58", "XX"};

	if (settings->nsqlstates > 0)
	{
		for (int i = 0; i < settings->nsqlstates; i++)
		{
			if (strncmp(sqlstate, settings->sqlstates[i], strlen(settings->sqlstates[i])) == 0)
				return true;
		}
		return false;
	}

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
	{
		if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0)
			return true;
	}
	return by_statement_timeout && strcmp(sqlstate, "57014") == 0;
}

const char *
gov_breaker_state_name(GovBreakerState state)
{
	return state_names[state];
}

int
gov_breaker_state_named(const char *name)
{
	for (int state = 0; state < GOV_BREAKER_STATE_COUNT; state++)
	{
		if (strcmp(name, state_names[state]) == 0)
			return state;
	}
	return -1;
}

void
gov_breaker_describe(const GovBreakerChange *change, char *text, size_t size)
{
	char		why[64] = "";

	switch (change->cause)
	{
		case GOV_BREAKER_BY_FAILURES:
		case GOV_BREAKER_BY_GOOD_RESULTS:
			snprintf(why, sizeof(why), "%d of %d calls failed", (int) change->failed, (int) change->calls);
			break;
		case GOV_BREAKER_BY_SLOW_CALLS:
			snprintf(why, sizeof(why), "%d of %d calls were slow", (int) change->slow, (int) change->calls);
			break;
		case GOV_BREAKER_BY_TIME:
			snprintf(why, sizeof(why), "open_for is over");
			break;
		case GOV_BREAKER_BY_HAND:
			snprintf(why, sizeof(why), "by hand");
			break;
	}
	snprintf(text, size, "%s -> %s: %s", state_names[change->from], state_names[change->to], why);
}
