/*-------------------------------------------------------------------------
 *
 * test_breaker.c
 *		Circuit breakers: each rule at its boundary.  Random events are in
 *		test_breaker_model.c.
 *
 * IDENTIFICATION
 *	  test/unit/test_breaker.c
 *-------------------------------------------------------------------------
 */
#include "core/breaker.h"

#include "unit.h"

#include <string.h>

extern const UnitTest breaker_tests[];

#define START	(INT64_C(800000000) * GOV_SECOND)
#define SEC		GOV_SECOND
#define FIRST	((START / GOV_MSEC) & UINT32_MAX)	/* the period that begins there */
#define NONE	INT64_C(0)

/* The breaker in hand, its settings, and what the last call changed. */
static GovBreaker breaker;
static GovBreakerSettings settings;
static GovBreakerChanges changes;

/* The defaults, with a window of 10 calls of which 4 must be there. */
static void
begin(void)
{
	settings = (GovBreakerSettings)
	{
		.used = true,
		.window_type = GOV_BREAKER_WINDOW_COUNT,
		.window_size = 10,
		.minimum_calls = 4,
		.half_open_calls = 3,
		.failure_rate = 50,
		.slow_call_duration = GOV_NEVER,
		.slow_call_rate = 100,
		.open_for = 5 * SEC,
		.half_open_timeout = 10 * SEC,
	};
	/* whatever was there */
	memset(&breaker, 0xA5, sizeof(breaker));
	gov_breaker_init(&breaker, START);
}

static void
begin_by_time(int32_t seconds)
{
	begin();
	settings.window_type = GOV_BREAKER_WINDOW_TIME;
	settings.window_size = seconds;
}

static int64_t
allow(GovTime now)
{
	changes.n = 0;
	return gov_breaker_allow(&breaker, &settings, now, &changes);
}

static bool
record_for(int64_t permit, bool success, GovTime duration, GovTime now)
{
	changes.n = 0;
	return gov_breaker_record(&breaker, &settings, permit, success, duration, now, &changes);
}

static bool
record(int64_t permit, bool success, GovTime now)
{
	return record_for(permit, success, 0, now);
}

static void
record_many(int n, bool success, GovTime now)
{
	for (int i = 0; i < n; i++)
		CHECK(record(NONE, success, now));
}

static void
give_back(int64_t permit, GovTime now)
{
	changes.n = 0;
	gov_breaker_give_back(&breaker, &settings, permit, now, &changes);
}

static void
force(GovBreakerState state, GovTime now)
{
	changes.n = 0;
	gov_breaker_force(&breaker, &settings, state, now, &changes);
}

static GovBreakerReport
report(GovTime now)
{
	GovBreakerReport result;

	memset(&result, 0xA5, sizeof(result));
	changes.n = 0;
	gov_breaker_report(&breaker, &settings, now, &result, &changes);
	return result;
}

static void
check_state(GovTime now, GovBreakerState state, int32_t calls, int32_t permits_left, GovTime retry_after)
{
	GovBreakerReport r = report(now);

	CHECK_STR(gov_breaker_state_name(r.state), gov_breaker_state_name(state));
	CHECK_INT(r.calls, calls);
	CHECK_INT(r.permits_left, permits_left);
	CHECK_INT(r.retry_after, retry_after);
}

/* The one at `i` of the last call's changes, as an event shows it, and when it was due. */
static void
check_change(int i, const char *text, GovTime at)
{
	char		actual[128] = "none";

	if (i < changes.n)
	{
		gov_breaker_describe(&changes.changes[i], actual, sizeof(actual));
		CHECK_INT(changes.changes[i].at, at);
	}
	CHECK_STR(actual, text);
}

/* Open since `at`. */
static void
open_at(GovTime at)
{
	begin();
	record_many(4, false, at);
	CHECK_INT(changes.n, 1);
}

/*
 * Closed
 */

static void
minimum_and_threshold(void)
{
	begin();
	check_state(START, GOV_BREAKER_CLOSED, 0, -1, 0);

	/* all three failed: too few; the fourth opens */
	record_many(3, false, START);
	CHECK(report(START).failure_rate < 0);
	CHECK(report(START).slow_rate < 0);
	CHECK_INT(report(START).opened_at, GOV_NEVER);
	record_many(1, false, START + 1);
	CHECK_INT(changes.n, 1);
	check_change(0, "closed -> open: 4 of 4 calls failed", START + 1);
	check_state(START + 1, GOV_BREAKER_OPEN, 0, -1, 5 * SEC);
	CHECK_INT(report(START + 1).opened_at, START + 1);
	CHECK(report(START + 1).failure_rate < 0);

	/* at the threshold, by a call that succeeds */
	begin();
	record_many(2, false, START);
	record_many(2, true, START);
	check_change(0, "closed -> open: 2 of 4 calls failed", START);

	/* and just below it */
	begin();
	record_many(1, false, START);
	record_many(3, true, START);
	CHECK_INT(changes.n, 0);
	CHECK(report(START).failure_rate == 25);
	CHECK(report(START).slow_rate == 0);

	/* a window of fewer calls than the minimum is asked for no more than it holds */
	begin();
	settings.minimum_calls = 1000;
	record_many(9, false, START);
	CHECK_INT(changes.n, 0);
	record_many(1, false, START);
	check_change(0, "closed -> open: 10 of 10 calls failed", START);

	/* by time it has no such bound */
	begin_by_time(10);
	settings.minimum_calls = 12;
	record_many(11, false, START);
	CHECK_INT(changes.n, 0);
	record_many(1, false, START);
	check_change(0, "closed -> open: 12 of 12 calls failed", START);
}

/* Shares that are no binary fractions reach their threshold all the same. */
static void
no_rounding(void)
{
	static const struct
	{
		double		rate;
		int			calls;
		int			failed;
	}			rows[] =
	{
		{0.56, 1250, 7}, {0.07, 10000, 7}, {0.28, 2500, 7}, {33.4, 500, 167}, {4.35, 2000, 87}, {100, 10000, 10000},
		{0.01, 10000, 1},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		for (int less = 0; less <= 1; less++)
		{
			unit_row("%.2f of %d, %d less", rows[i].rate, rows[i].calls, less);
			begin();
			settings.window_size = GOV_BREAKER_CALLS;
			settings.minimum_calls = rows[i].calls;
			settings.failure_rate = rows[i].rate;
			record_many(rows[i].failed - less, false, START);
			record_many(rows[i].calls - rows[i].failed + less, true, START);
			CHECK_INT(changes.n, 1 - less);
		}
	}
}

static void
slow_calls(void)
{
	begin();
	settings.slow_call_duration = 7;
	settings.slow_call_rate = 75;

	/* longer is slow, as long is not; and slow is not failed */
	CHECK(record_for(NONE, true, 7, START));
	for (int i = 0; i < 2; i++)
		CHECK(record_for(NONE, true, 8, START));
	CHECK(record_for(NONE, false, 7, START));
	CHECK_INT(changes.n, 0);
	CHECK(report(START).slow_rate == 50);
	CHECK(report(START).failure_rate == 25);
	for (int i = 0; i < 3; i++)
		CHECK(record_for(NONE, true, 8, START));
	CHECK_INT(changes.n, 0);
	CHECK(record_for(NONE, true, 8, START));
	check_change(0, "closed -> open: 6 of 8 calls were slow", START);

	/* both at once: a call may be both, and the failures are named */
	begin();
	settings.slow_call_duration = 7;
	for (int i = 0; i < 4; i++)
		CHECK(record_for(NONE, false, 8, START));
	CHECK_INT(changes.n, 1);
	check_change(0, "closed -> open: 4 of 4 calls failed", START);
	CHECK_INT(changes.changes[0].slow, 4);

	/* none is slow */
	begin();
	for (int i = 0; i < 4; i++)
		CHECK(record_for(NONE, true, GOV_NEVER, START));
	CHECK_INT(changes.n, 0);
}

/* The largest window, against plain arrays. */
static void
ring(void)
{
	static bool failed[3 * GOV_BREAKER_CALLS];
	static bool slow[3 * GOV_BREAKER_CALLS];
	int			sum_failed = 0;
	int			sum_slow = 0;

	begin();
	settings.window_size = GOV_BREAKER_CALLS;
	settings.slow_call_duration = 0;
	force(GOV_BREAKER_METRICS_ONLY, START);
	for (int i = 0; i < (int) lengthof(failed); i++)
	{
		int			gone = i - GOV_BREAKER_CALLS;

		failed[i] = unit_random_below(3) == 0;
		slow[i] = unit_random_below(2) == 0;
		sum_failed += failed[i] - (gone >= 0 && failed[gone]);
		sum_slow += slow[i] - (gone >= 0 && slow[gone]);
		CHECK(record_for(NONE, !failed[i], slow[i], START));
		CHECK_INT(breaker.calls, gone >= 0 ? GOV_BREAKER_CALLS : i + 1);
		CHECK_INT(breaker.failed, sum_failed);
		CHECK_INT(breaker.slow, sum_slow);
	}
	CHECK_INT(changes.n, 0);
}

static void
buckets(void)
{
	static const struct
	{
		int32_t		size;
		GovTime		length;
		int			n;
	}			rows[] =
	{
		{1, SEC, 1}, {10, SEC, 10}, {60, SEC, 60}, {61, 2 * SEC, 31}, {119, 2 * SEC, 60}, {120, 2 * SEC, 60},
		{121, 3 * SEC, 41}, {3599, 60 * SEC, 60}, {3600, 60 * SEC, 60},
	};
	static const GovTime starts[] = {START, 0, -1000000 * SEC};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		for (size_t j = 0; j < lengthof(starts); j++)
		{
			/* a bucket's first moment, and the one at which it leaves the window */
			GovTime		first = starts[j] / (rows[i].length * 60) * (rows[i].length * 60);
			GovTime		gone = first + rows[i].n * rows[i].length;

			unit_row("%d seconds from %" PRId64, (int) rows[i].size, first);
			begin_by_time(rows[i].size);
			gov_breaker_init(&breaker, first - SEC);
			CHECK(record(NONE, false, first - 1));
			CHECK(record(NONE, true, first));
			CHECK(record(NONE, false, first + rows[i].length - 1));
			if (rows[i].n > 1)
				CHECK_INT(report(gone - rows[i].length - 1).calls, 3);
			CHECK_INT(report(rows[i].n > 1 ? gone - rows[i].length : gone - 1).calls, 2);
			CHECK_INT(report(gone - 1).calls, 2);
			CHECK_INT(breaker.failed, 1);
			CHECK_INT(report(gone).calls, 0);
			CHECK_INT(breaker.failed, 0);
		}
	}

	/* a pause of any length */
	for (int pause = 9; pause < 40; pause++)
	{
		begin_by_time(10);
		record_many(3, false, START);
		CHECK_INT(report(START + pause * SEC).calls, pause < 10 ? 3 : 0);
		record_many(1, false, START + pause * SEC);
		CHECK_INT(changes.n, pause < 10);
	}

	/* more calls than a number holds are not counted, and those there are leave */
	begin_by_time(10);
	force(GOV_BREAKER_METRICS_ONLY, START);
	breaker.calls = INT32_MAX - 1;
	breaker.buckets[breaker.next].calls = INT32_MAX - 1;
	record_many(2, false, START);
	CHECK_INT(report(START + 9 * SEC).calls, INT32_MAX);
	CHECK_INT(report(START + 10 * SEC).calls, 0);
}

/*
 * Open and half open
 */

static void
open_for(void)
{
	open_at(START);
	CHECK_INT(allow(START), 0);
	CHECK_INT(allow(START + 5 * SEC - 1), 0);
	check_state(START + 5 * SEC - 1, GOV_BREAKER_OPEN, 0, -1, 1);
	CHECK_INT(report(START + 5 * SEC - 1).not_permitted, 2);

	/* time is over, and nobody has asked */
	CHECK(!record(NONE, true, START + 5 * SEC));
	check_state(START + 5 * SEC, GOV_BREAKER_OPEN, 0, 3, 0);
	CHECK_INT(changes.n, 0);

	CHECK(allow(START + 5 * SEC) > 0);
	CHECK_INT(changes.n, 1);
	check_change(0, "open -> half_open: open_for is over", START + 5 * SEC);
	check_state(START + 5 * SEC, GOV_BREAKER_HALF_OPEN, 0, 2, 0);
	CHECK_INT(report(START + 5 * SEC).opened_at, GOV_NEVER);
	CHECK_INT(report(START + 5 * SEC).not_permitted, 2);

	/* long after it the moment is that of the request */
	open_at(START);
	CHECK(allow(START + 50 * SEC) > 0);
	check_change(0, "open -> half_open: open_for is over", START + 50 * SEC);

	/* for ever; for no time */
	open_at(START);
	settings.open_for = GOV_NEVER;
	CHECK_INT(allow(START + INT64_C(1000000000) * SEC), 0);
	check_state(START + INT64_C(1000000000) * SEC, GOV_BREAKER_OPEN, 0, -1, GOV_NEVER);
	settings.open_for = 0;
	CHECK(allow(START + INT64_C(1000000000) * SEC) > 0);
}

/* A breaker that is half open since START, with three permits given out a second apart. */
static void
three_permits(int64_t permits[3])
{
	open_at(START - 5 * SEC);
	for (int i = 0; i < 3; i++)
		permits[i] = allow(START + i * SEC);
}

static void
half_open(void)
{
	int64_t		permits[3];
	int64_t		closed;

	begin();
	closed = allow(START - 5 * SEC);
	three_permits(permits);
	CHECK(permits[0] > 0 && permits[1] > permits[0] && permits[2] > permits[1]);
	CHECK_INT(permits[2] - permits[0], 2);
	CHECK_INT(allow(START + 3 * SEC), 0);
	check_state(START + 3 * SEC, GOV_BREAKER_HALF_OPEN, 0, 0, 7 * SEC);
	CHECK_INT(report(START + 3 * SEC).not_permitted, 1);

	/* none, a foreign, an old one, and one that cannot be; then one twice */
	CHECK(!record(NONE, true, START + 3 * SEC));
	CHECK(!record(permits[2] + 1, true, START + 3 * SEC));
	CHECK(!record(closed, true, START + 3 * SEC));
	CHECK(!record(permits[0] - 1, true, START + 3 * SEC));
	CHECK(!record(permits[0] + (INT64_C(1) << 31), true, START + 3 * SEC));
	CHECK(!record(permits[0] - (INT64_C(1) << 31), true, START + 3 * SEC));
	CHECK(!record(permits[0] | INT64_MIN, true, START + 3 * SEC));
	CHECK(!record(-permits[0], true, START + 3 * SEC));
	CHECK(record(permits[0], true, START + 3 * SEC));
	CHECK(!record(permits[0], true, START + 3 * SEC));
	check_state(START + 3 * SEC, GOV_BREAKER_HALF_OPEN, 1, 0, 8 * SEC);
	CHECK(report(START + 3 * SEC).failure_rate < 0);

	/* one of three failed: closed, and nothing is counted */
	CHECK(record(permits[1], false, START + 3 * SEC));
	CHECK_INT(changes.n, 0);
	CHECK(record(permits[2], true, START + 4 * SEC));
	CHECK_INT(changes.n, 1);
	check_change(0, "half_open -> closed: 1 of 3 calls failed", START + 4 * SEC);
	check_state(START + 4 * SEC, GOV_BREAKER_CLOSED, 0, -1, 0);
	CHECK(!record(permits[2], true, START + 4 * SEC));
	CHECK_INT(report(START + 4 * SEC).not_permitted, 1);

	/* two of three: open again */
	three_permits(permits);
	CHECK(record(permits[1], false, START + 3 * SEC));
	CHECK(record(permits[0], false, START + 3 * SEC));
	CHECK_INT(changes.n, 0);
	CHECK(record(permits[2], true, START + 4 * SEC));
	CHECK_INT(changes.n, 1);
	check_change(0, "half_open -> open: 2 of 3 calls failed", START + 4 * SEC);
	check_state(START + 4 * SEC, GOV_BREAKER_OPEN, 0, -1, 5 * SEC);

	/* slow ones do the same */
	three_permits(permits);
	settings.slow_call_duration = 7;
	CHECK(record_for(permits[0], true, 8, START + 3 * SEC));
	CHECK(record_for(permits[1], true, 8, START + 3 * SEC));
	CHECK(record_for(permits[2], true, 8, START + 3 * SEC));
	check_change(0, "half_open -> open: 3 of 3 calls were slow", START + 3 * SEC);
	three_permits(permits);
	settings.slow_call_duration = 7;
	CHECK(record_for(permits[0], true, 8, START + 3 * SEC));
	CHECK(record_for(permits[1], true, 8, START + 3 * SEC));
	CHECK(record_for(permits[2], true, 7, START + 3 * SEC));
	check_change(0, "half_open -> closed: 0 of 3 calls failed", START + 3 * SEC);
}

static void
expiry(void)
{
	int64_t		permits[3];

	/* to the last moment it counts */
	three_permits(permits);
	CHECK(record(permits[0], true, START + 10 * SEC - 1));
	check_state(START + 11 * SEC - 1, GOV_BREAKER_HALF_OPEN, 1, 0, 1);

	/* and then it is a failure, which is not slow */
	CHECK(!record(permits[1], true, START + 11 * SEC));
	check_state(START + 11 * SEC, GOV_BREAKER_HALF_OPEN, 2, 0, SEC);
	CHECK_INT(breaker.results_failed, 1);
	CHECK_INT(breaker.results_slow, 0);
	check_state(START + 12 * SEC - 1, GOV_BREAKER_HALF_OPEN, 2, 0, 1);
	check_state(START + 12 * SEC, GOV_BREAKER_OPEN, 0, -1, 5 * SEC);
	CHECK_INT(changes.n, 1);
	check_change(0, "half_open -> open: 2 of 3 calls failed", START + 12 * SEC);

	/* found late: open since the moment that decided */
	three_permits(permits);
	check_state(START + 14 * SEC, GOV_BREAKER_OPEN, 0, -1, 3 * SEC);
	check_change(0, "half_open -> open: 3 of 3 calls failed", START + 12 * SEC);
	CHECK_INT(report(START + 14 * SEC).opened_at, START + 12 * SEC);

	/* and half open at once again, if somebody asks after open_for */
	three_permits(permits);
	CHECK_INT(allow(START + 17 * SEC - 1), 0);
	CHECK_INT(changes.n, 1);
	three_permits(permits);
	CHECK(allow(START + 17 * SEC) > 0);
	CHECK_INT(changes.n, 2);
	check_change(0, "half_open -> open: 3 of 3 calls failed", START + 12 * SEC);
	check_change(1, "open -> half_open: open_for is over", START + 17 * SEC);
	check_state(START + 17 * SEC, GOV_BREAKER_HALF_OPEN, 0, 2, 0);
	CHECK(!record(permits[0], true, START + 17 * SEC));

	/* an expiry that closes; and the same call opens */
	three_permits(permits);
	settings.minimum_calls = 1;
	CHECK(record(permits[0], true, START + 3 * SEC));
	CHECK(record(permits[2], true, START + 3 * SEC));
	CHECK(record(NONE, false, START + 20 * SEC));
	CHECK_INT(changes.n, 2);
	check_change(0, "half_open -> closed: 1 of 3 calls failed", START + 11 * SEC);
	check_change(1, "closed -> open: 1 of 1 calls failed", START + 20 * SEC);

	/* what is reported then is of now, not of when it closed */
	three_permits(permits);
	settings.window_type = GOV_BREAKER_WINDOW_TIME;
	CHECK(record(permits[0], true, START + 3 * SEC));
	CHECK(record(permits[2], true, START + 3 * SEC));
	CHECK(record(NONE, true, START + 20 * SEC));
	check_state(START + 29 * SEC, GOV_BREAKER_CLOSED, 1, -1, 0);

	/* before a hand does something, time has */
	three_permits(permits);
	force(GOV_BREAKER_DISABLED, START + 20 * SEC);
	CHECK_INT(changes.n, 2);
	check_change(0, "half_open -> open: 3 of 3 calls failed", START + 12 * SEC);
	check_change(1, "open -> disabled: by hand", START + 20 * SEC);

	/* never */
	three_permits(permits);
	settings.half_open_timeout = GOV_NEVER;
	check_state(START + INT64_C(1000000000) * SEC, GOV_BREAKER_HALF_OPEN, 0, 0, GOV_NEVER);
}

static void
given_back(void)
{
	int64_t		permits[3];
	int64_t		next;

	three_permits(permits);
	CHECK(record(permits[0], true, START + 3 * SEC));
	give_back(permits[0], START + 3 * SEC); /* its result is in */
	give_back(NONE, START + 3 * SEC);
	give_back(permits[2] + 1, START + 3 * SEC);
	CHECK_INT(allow(START + 3 * SEC), 0);
	give_back(permits[1], START + 3 * SEC);
	check_state(START + 3 * SEC, GOV_BREAKER_HALF_OPEN, 1, 1, 0);
	CHECK(!record(permits[1], true, START + 3 * SEC));
	give_back(permits[1], START + 3 * SEC);
	check_state(START + 3 * SEC, GOV_BREAKER_HALF_OPEN, 1, 1, 0);
	next = allow(START + 4 * SEC);
	CHECK_INT(next, permits[2] + 1);
	CHECK_INT(allow(START + 4 * SEC), 0);

	/* it does not expire; the new one does, when it is due */
	check_state(START + 11 * SEC, GOV_BREAKER_HALF_OPEN, 1, 0, SEC);
	check_state(START + 12 * SEC, GOV_BREAKER_HALF_OPEN, 2, 0, 2 * SEC);
	check_state(START + 14 * SEC, GOV_BREAKER_OPEN, 0, -1, 5 * SEC);

	/* too late */
	three_permits(permits);
	give_back(permits[0], START + 10 * SEC);
	check_state(START + 10 * SEC, GOV_BREAKER_HALF_OPEN, 1, 0, SEC);

	/* closed it does nothing */
	begin();
	next = allow(START);
	give_back(next, START);
	check_state(START, GOV_BREAKER_CLOSED, 0, -1, 0);
}

/*
 * By hand
 */

static void
by_hand(void)
{
	int64_t		permit;

	begin();
	record_many(3, false, START);
	force(GOV_BREAKER_CLOSED, START + 1);
	CHECK_INT(changes.n, 1);
	check_change(0, "closed -> closed: by hand", START + 1);
	check_state(START + 1, GOV_BREAKER_CLOSED, 0, -1, 0);

	permit = allow(START + 1);
	force(GOV_BREAKER_FORCED_OPEN, START + 2);
	CHECK_INT(allow(START + 100 * SEC), 0);
	CHECK(!record(NONE, true, START + 100 * SEC));
	check_state(START + 100 * SEC, GOV_BREAKER_FORCED_OPEN, 0, -1, GOV_NEVER);
	CHECK_INT(report(START + 100 * SEC).opened_at, START + 2);
	CHECK_INT(report(START + 100 * SEC).not_permitted, 1);

	force(GOV_BREAKER_DISABLED, START + 100 * SEC);
	check_change(0, "forced_open -> disabled: by hand", START + 100 * SEC);
	permit = allow(START + 100 * SEC);
	CHECK(permit > 0);
	CHECK(!record(permit, false, START + 100 * SEC));
	CHECK(!record(NONE, false, START + 100 * SEC));
	check_state(START + 100 * SEC, GOV_BREAKER_DISABLED, 0, -1, 0);
	CHECK(report(START + 100 * SEC).failure_rate < 0);
	CHECK_INT(report(START + 100 * SEC).opened_at, GOV_NEVER);

	/* counts, and does not open */
	force(GOV_BREAKER_METRICS_ONLY, START + 100 * SEC);
	CHECK(!record(permit, false, START + 100 * SEC));
	CHECK(record(allow(START + 100 * SEC), false, START + 100 * SEC));
	record_many(9, false, START + 100 * SEC);
	CHECK_INT(changes.n, 0);
	check_state(START + 100 * SEC, GOV_BREAKER_METRICS_ONLY, 10, -1, 0);
	CHECK(report(START + 100 * SEC).failure_rate == 100);

	/* open by hand is open */
	force(GOV_BREAKER_OPEN, START + 100 * SEC);
	check_state(START + 101 * SEC, GOV_BREAKER_OPEN, 0, -1, 4 * SEC);
	CHECK(allow(START + 105 * SEC) > 0);

	/* and half open begins anew */
	permit = allow(START + 105 * SEC);
	force(GOV_BREAKER_HALF_OPEN, START + 105 * SEC);
	check_state(START + 105 * SEC, GOV_BREAKER_HALF_OPEN, 0, 3, 0);
	CHECK(!record(permit, false, START + 105 * SEC));
	CHECK_INT(report(START + 105 * SEC).not_permitted, 1);
}

/*
 * Other settings, another clock, numbers
 */

static void
other_settings(void)
{
	int64_t		permits[3];

	/* the latest calls of a window by count */
	begin();
	force(GOV_BREAKER_METRICS_ONLY, START);
	record_many(6, false, START);
	record_many(7, true, START);
	CHECK_INT(breaker.failed, 3);
	settings.window_size = 8;
	check_state(START, GOV_BREAKER_METRICS_ONLY, 8, -1, 0);
	CHECK_INT(breaker.failed, 1);
	settings.window_size = 9;
	check_state(START, GOV_BREAKER_METRICS_ONLY, 8, -1, 0);
	record_many(2, true, START);
	CHECK_INT(breaker.calls, 9);
	CHECK_INT(breaker.failed, 0);

	/* by time those that stay as long */
	begin_by_time(60);
	force(GOV_BREAKER_METRICS_ONLY, START);
	record_many(1, false, START);
	record_many(2, true, START + 4 * SEC);
	record_many(4, true, START + 9 * SEC);
	settings.window_size = 6;
	CHECK_INT(report(START + 9 * SEC).calls, 6);
	CHECK_INT(breaker.failed, 0);
	settings.window_size = 60;
	CHECK_INT(report(START + 9 * SEC).calls, 6);
	CHECK_INT(report(START + 64 * SEC - 1).calls, 6);
	CHECK_INT(report(START + 64 * SEC).calls, 4);
	record_many(1, true, START + 64 * SEC);
	settings.window_size = 61;
	CHECK_INT(report(START + 64 * SEC).calls, 0);

	/* each at its age */
	begin_by_time(60);
	record_many(1, true, START);
	record_many(2, true, START + 4 * SEC);
	settings.window_size = 6;
	CHECK_INT(report(START + 5 * SEC).calls, 3);
	CHECK_INT(report(START + 6 * SEC).calls, 2);
	CHECK_INT(report(START + 10 * SEC - 1).calls, 2);
	CHECK_INT(report(START + 10 * SEC).calls, 0);

	/* another window begins anew */
	record_many(3, false, START + 64 * SEC);
	settings.window_type = GOV_BREAKER_WINDOW_COUNT;
	CHECK_INT(report(START + 64 * SEC).calls, 0);
	record_many(3, false, START + 64 * SEC);
	settings.window_type = GOV_BREAKER_WINDOW_TIME;
	CHECK_INT(report(START + 64 * SEC).calls, 0);

	/* what has left the window before does not come back with a longer one */
	begin_by_time(5);
	record_many(1, true, START);
	settings.window_size = 50;
	CHECK_INT(report(START + 5 * SEC).calls, 0);

	/* a threshold that was lowered opens by the next result */
	begin();
	record_many(1, false, START);
	record_many(3, true, START);
	settings.failure_rate = 20;
	check_state(START, GOV_BREAKER_CLOSED, 4, -1, 0);
	record_many(1, true, START);
	check_change(0, "closed -> open: 1 of 5 calls failed", START);

	/* fewer results than are in: decided by those, when somebody comes */
	three_permits(permits);
	CHECK(record(permits[0], true, START + 3 * SEC));
	CHECK(record(permits[1], true, START + 3 * SEC));
	settings.half_open_calls = 1;
	CHECK(!record(permits[2], true, START + 4 * SEC));
	check_change(0, "half_open -> closed: 0 of 2 calls failed", START + 4 * SEC);

	/* fewer than were given out */
	three_permits(permits);
	settings.half_open_calls = 2;
	check_state(START + 3 * SEC, GOV_BREAKER_HALF_OPEN, 0, 0, 7 * SEC);
	CHECK(record(permits[2], true, START + 3 * SEC));
	CHECK(record(permits[1], false, START + 3 * SEC));
	check_change(0, "half_open -> open: 1 of 2 calls failed", START + 3 * SEC);

	/* and more: all there can be */
	three_permits(permits);
	settings.half_open_calls = GOV_BREAKER_PERMITS;
	for (int i = 3; i < GOV_BREAKER_PERMITS; i++)
		CHECK(allow(START + 3 * SEC) > 0);
	CHECK_INT(allow(START + 3 * SEC), 0);
	for (int i = 0; i < GOV_BREAKER_PERMITS; i++)
		CHECK(record(permits[0] + i, true, START + 3 * SEC));
	check_change(0, "half_open -> closed: 0 of 100 calls failed", START + 3 * SEC);
}

static void
clock_set_back(void)
{
	const GovTime day = 86400 * SEC;
	int64_t		permits[3];

	/* open no longer than open_for */
	open_at(START);
	CHECK_INT(allow(START - day), 0);
	check_state(START - day, GOV_BREAKER_OPEN, 0, -1, 5 * SEC);
	CHECK(allow(START - day + 5 * SEC) > 0);

	/* half open no longer than half_open_timeout */
	three_permits(permits);
	check_state(START - day, GOV_BREAKER_HALF_OPEN, 0, 0, 10 * SEC);
	CHECK(record(permits[1], true, START - day));
	check_state(START - day + 10 * SEC, GOV_BREAKER_OPEN, 0, -1, 5 * SEC);

	/* a bucket keeps its age */
	begin_by_time(10);
	record_many(1, false, START);
	record_many(2, true, START + 4 * SEC);
	CHECK_INT(report(START - day).calls, 3);
	CHECK_INT(report(START - day + 6 * SEC - 1).calls, 3);
	CHECK_INT(report(START - day + 6 * SEC).calls, 2);
	CHECK_INT(report(START - day + 10 * SEC - 1).calls, 2);
	CHECK_INT(report(START - day + 10 * SEC).calls, 0);
}

static void
numbers(void)
{
	static const GovTime starts[] = {
		0, -1, -SEC, -100000000 * SEC, START, UINT32_MAX * SEC, (UINT32_MAX + INT64_C(1)) * SEC,
		INT64_C(100000000000) * SEC, INT64_C(-9000000000000000000), GOV_NEVER - 1000 * SEC,
	};

	/* whenever it is, and if the clock goes back: no number twice */
	for (size_t i = 0; i < lengthof(starts); i++)
	{
		int64_t		given[40];
		int			n = 0;

		unit_row("from %" PRId64, starts[i]);
		begin();
		gov_breaker_init(&breaker, starts[i]);
		for (int j = 0; j < 20; j++)
		{
			GovTime		now = starts[i] + (j % 7 - 3) * SEC / 2;

			given[n++] = allow(now);
			given[n++] = allow(now);
			force(GOV_BREAKER_CLOSED, now);
			CHECK(!record(given[n - 1], false, now));
		}
		for (int j = 0; j < n; j++)
		{
			CHECK(given[j] > 0);
			for (int k = 0; k < j; k++)
				CHECK(given[k] != given[j]);
		}
	}

	/* one made after a restart knows none of those before */
	unit_row("numbers as such");
	begin();
	CHECK_INT(allow(START), FIRST << 31 | 1);
	CHECK_INT(allow(START), FIRST << 31 | 2);
	force(GOV_BREAKER_CLOSED, START);
	CHECK_INT(allow(START), (FIRST + 1) << 31 | 1);
	force(GOV_BREAKER_CLOSED, START + 7 * GOV_MSEC);
	CHECK_INT(allow(START), (FIRST + 7) << 31 | 1);

	/* the largest serial, and the one after it; and no permit has serial 0 */
	breaker.serial = INT32_MAX - 1;
	CHECK_INT(allow(START), (FIRST + 7) << 31 | INT32_MAX);
	CHECK_INT(allow(START), (FIRST + 7) << 31 | 1);
	CHECK(!record((FIRST + 7) << 31, true, START));
	CHECK(record((FIRST + 7) << 31 | INT32_MAX, true, START));

	/* the largest period, and the one after it */
	breaker.period = UINT32_MAX;
	CHECK_INT(allow(START), (int64_t) UINT32_MAX << 31 | 2);
	CHECK(record((int64_t) UINT32_MAX << 31 | 2, true, START));
	CHECK(!record(-1, true, START));
	breaker.period = UINT32_MAX;
	force(GOV_BREAKER_CLOSED, -2 * GOV_MSEC);
	CHECK_INT(allow(START), 1);
}

static void
sqlstates(void)
{
	static const struct
	{
		const char *own;		/* the settings' own list, in commas; NULL: none */
		const char *sqlstate;
		bool		by_timeout;
		bool		counts;
	}			rows[] =
	{
		{NULL, "53300", false, true}, {NULL, "53000", false, true}, {NULL, "58030", false, true},
		{NULL, "XX000", false, true}, {NULL, "57014", true, true}, {NULL, "57014", false, false},
		{NULL, "57P01", true, false}, {NULL, "23505", false, false}, {NULL, "42601", false, false},
		{NULL, "40001", true, false}, {NULL, "00000", false, false}, {NULL, "25P02", false, false},
		{"40001", "40001", false, true}, {"40001", "40P01", false, false}, {"40001", "53300", false, false},
		{"40,23505", "40P01", false, true}, {"40,23505", "23505", false, true}, {"40,23505", "23503", false, false},
		{"57014", "57014", false, true}, {"57014", "57014", true, true}, {"57", "57014", false, true},
		{"40", "57014", true, false}, {"53", "53300", false, true}, {"53", "XX000", false, false},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		unit_row("%s: %s", rows[i].own ? rows[i].own : "default", rows[i].sqlstate);
		begin();
		for (const char *c = rows[i].own; c; c = strchr(c, ',') ? strchr(c, ',') + 1 : NULL)
			memcpy(settings.sqlstates[settings.nsqlstates++], c, strcspn(c, ","));
		CHECK_BOOL(gov_breaker_counts_sqlstate(&settings, rows[i].sqlstate, rows[i].by_timeout), rows[i].counts);
	}
}

static void
words(void)
{
	static const char *const names[] = {"closed", "open", "half_open", "disabled", "forced_open", "metrics_only"};
	GovBreakerChange change = {GOV_BREAKER_CLOSED, GOV_BREAKER_OPEN, GOV_BREAKER_BY_FAILURES, 0, 20, 12, 0};
	char		text[16];

	CHECK_INT(lengthof(names), GOV_BREAKER_STATE_COUNT);
	for (int i = 0; i < (int) lengthof(names); i++)
	{
		CHECK_STR(gov_breaker_state_name((GovBreakerState) i), names[i]);
		CHECK_INT(gov_breaker_state_named(names[i]), i);
	}
	CHECK_INT(gov_breaker_state_named(""), -1);
	CHECK_INT(gov_breaker_state_named("Open"), -1);
	CHECK_INT(gov_breaker_state_named("half"), -1);
	gov_breaker_describe(&change, text, sizeof(text));
	CHECK_STR(text, "closed -> open:");
}

const UnitTest breaker_tests[] = {
	{"breaker: minimum and threshold", minimum_and_threshold},
	{"breaker: rates without rounding", no_rounding},
	{"breaker: slow calls", slow_calls},
	{"breaker: the window by count", ring},
	{"breaker: the window by time", buckets},
	{"breaker: open", open_for},
	{"breaker: half open", half_open},
	{"breaker: permits that expire", expiry},
	{"breaker: permits that are given back", given_back},
	{"breaker: by hand", by_hand},
	{"breaker: other settings", other_settings},
	{"breaker: a clock set back", clock_set_back},
	{"breaker: numbers of permits", numbers},
	{"breaker: what is a failure", sqlstates},
	{"breaker: words", words},
	UNIT_END
};
