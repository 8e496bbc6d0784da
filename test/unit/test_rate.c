/*-------------------------------------------------------------------------
 *
 * test_rate.c
 *		A pace, by a clock of its own: never too much, and not too little.
 *
 * IDENTIFICATION
 *	  test/unit/test_rate.c
 *-------------------------------------------------------------------------
 */
#include "core/rate.h"

#include "unit.h"

extern const UnitTest rate_tests[];

#define START		(INT64_C(800000000) * GOV_SECOND)
#define DAY			(INT64_C(86400) * GOV_SECOND)

static const double rates[] = {0.1, 1, 4, 9, 10, 11, 15, 33.3, 100, 300, 700, 1000};

/* What a pace may grant at one instant. */
static double
burst_of(double rate)
{
	return rate / 10 > 1 ? rate / 10 : 1;
}

/*
 * Looks at one pace as a caller does, and holds each grant against every
 * earlier one: the period between grants i and j may hold no more than
 *
 *		burst + rate * (t[j] - t[i]) + 1
 *
 * of them.  The 1 is for the ends: both i and j lie in the period, and a grant
 * is whole where rate * t is not.  Grant n stands rate * t[n] places ahead or
 * behind an even schedule; the bound holds for all pairs when it holds against
 * the grant that was furthest behind, so one pass is enough.
 */
typedef struct Watch
{
	GovPace		pace;
	double		rate;
	GovTime		start;
	int64_t		grants;
	double		furthest_behind;	/* least n - rate * t[n] */
} Watch;

static Watch
watch(double rate, GovTime start)
{
	Watch		w = {.rate = rate, .start = start};

	return w;
}

/* Takes all there is now; returns how many it was. */
static int64_t
take_all(Watch *w, GovTime now)
{
	const double elapsed = (double) (now - w->start) / (double) GOV_SECOND;
	int64_t		taken = 0;

	/* twice the burst is wrong already; do not take for ever */
	while (taken < (int64_t) (2 * burst_of(w->rate)) + 2 && gov_pace_take(&w->pace, w->rate, now))
	{
		double		ahead = (double) w->grants - w->rate * elapsed;

		if (w->grants == 0 || ahead < w->furthest_behind)
			w->furthest_behind = ahead;
		unit_check(ahead - w->furthest_behind + 1 <= burst_of(w->rate) + 1 + 1e-6, __FILE__, __LINE__,
				   "%g/s: grant %" PRId64 " at %.6f s is %.3f more than evenly, burst %g",
				   w->rate, w->grants, elapsed, ahead - w->furthest_behind + 1, burst_of(w->rate));
		w->grants++;
		taken++;
	}
	return taken;
}

/* Below ten a second a tenth of a second's places are less than one: never two at once. */
static void
at_once(void)
{
	for (size_t i = 0; i < lengthof(rates); i++)
	{
		Watch		w = watch(rates[i], START);
		int64_t		taken;

		unit_row("%g/s", rates[i]);
		taken = take_all(&w, START);
		if (rates[i] < 10)
			CHECK_INT(taken, 1);
		else
			CHECK_RANGE(taken, (int64_t) (rates[i] / 10), (int64_t) (rates[i] / 10) + 1);

		/* a rest does not save up */
		unit_row("%g/s, after a day", rates[i]);
		CHECK_INT(take_all(&w, START + DAY), taken);
		unit_row("%g/s, at the same instant", rates[i]);
		CHECK_INT(take_all(&w, START + DAY), 0);
	}
}

/* Callers that look often, seldom, and at random, with rests between. */
static void
never_too_much(void)
{
	static const GovTime steps[] = {
		1 * GOV_MSEC, 7 * GOV_MSEC, 20 * GOV_MSEC, 99 * GOV_MSEC, 100 * GOV_MSEC,
		101 * GOV_MSEC, 333 * GOV_MSEC, 1000 * GOV_MSEC,
	};

	for (size_t i = 0; i < lengthof(rates); i++)
	{
		for (size_t k = 0; k < lengthof(steps); k++)
		{
			Watch		w = watch(rates[i], START);

			unit_row("%g/s, looked at every %" PRId64 " us", rates[i], steps[k]);
			for (int n = 0; n < 4000; n++)
				take_all(&w, START + n * steps[k]);
		}

		/* by the microsecond, where the first few places fall due */
		{
			Watch		w = watch(rates[i], START);

			unit_row("%g/s, looked at every us", rates[i]);
			for (GovTime now = START; now < START + 30 * GOV_MSEC; now++)
				take_all(&w, now);
		}

		{
			Watch		w = watch(rates[i], START);
			GovTime		now = START;

			unit_row("%g/s, looked at at random", rates[i]);
			for (int n = 0; n < 20000; n++)
			{
				/* from a microsecond to a minute, each order of magnitude as likely */
				GovTime		most = INT64_C(1) << unit_random_below(26);

				now += 1 + (GovTime) unit_random_below((uint64_t) most);
				take_all(&w, now);
			}
		}
	}
}

/* One who looks ten times a second gets what the rate promises, in the long run. */
static void
not_too_little(void)
{
	static const GovTime polls[] = {
		20 * GOV_MSEC, 100 * GOV_MSEC,
	};

	for (size_t i = 0; i < lengthof(rates); i++)
	{
		for (size_t k = 0; k < lengthof(polls); k++)
		{
			/* long enough for two hundred places, so that one more or less is half a per cent */
			const double seconds = 200 / rates[i] > 50 ? 200 / rates[i] : 50;
			const GovTime end = START + (GovTime) (seconds * (double) GOV_SECOND);
			Watch		w = watch(rates[i], START);

			for (GovTime now = START; now < end; now += polls[k])
				take_all(&w, now);
			unit_row("%g/s, looked at every %" PRId64 " us for %g s", rates[i], polls[k], seconds);
			CHECK_RANGE((double) w.grants / seconds, 0.98 * rates[i], 1.02 * rates[i]);
		}
	}
}

/*
 * The moment that ready_at names is the first at which a place is given; a
 * refusal changes nothing, so it may be asked again at once.
 */
static void
ready_at_is_the_boundary(void)
{
	for (size_t i = 0; i < lengthof(rates); i++)
	{
		GovPace		pace = {0};
		GovTime		now = START;

		unit_row("%g/s, fresh", rates[i]);
		CHECK(gov_pace_ready_at(&pace, rates[i]) <= now);

		for (int n = 0; n < 1000; n++)
		{
			GovTime		ready_at;
			int			taken = 0;

			unit_row("%g/s, round %d", rates[i], n);

			/* empty it; the fastest one has a hundred places or so */
			while (taken <= 200 && gov_pace_take(&pace, rates[i], now))
				taken++;
			if (!CHECK(taken <= 200))
				return;
			ready_at = gov_pace_ready_at(&pace, rates[i]);

			/* one place is never further away than 1/rate, rounded up to a microsecond */
			CHECK(ready_at > now);
			CHECK((double) (ready_at - now) <= (double) GOV_SECOND / rates[i] + 1);
			CHECK_BOOL(gov_pace_take(&pace, rates[i], ready_at - 1), false);
			CHECK_INT(gov_pace_ready_at(&pace, rates[i]), ready_at);

			/* at it, after it, or much later */
			now = ready_at + (n % 3 == 0 ? 0 : n % 3 == 1 ? 1 : (GovTime) unit_random_below(1000000));
			CHECK_BOOL(gov_pace_take(&pace, rates[i], now), true);
		}
	}
}

/*
 * The first places, one by one.  A pace may give a place up to a tenth of a
 * second ahead of the even schedule, and never behind it.
 */
static void
even_schedule(void)
{
	for (size_t i = 0; i < lengthof(rates); i++)
	{
		const double pause = (double) GOV_SECOND / rates[i];
		GovPace		pace = {0};

		for (int n = 0; n < 500; n++)
		{
			const double due = (double) START + n * pause;
			GovTime		ready_at = gov_pace_ready_at(&pace, rates[i]);

			unit_row("%g/s, place %d", rates[i], n);
			if (n > 0)
				CHECK_RANGE((double) ready_at, due - (double) (GOV_SECOND / 10) - n, due);

			/* whoever is there at the even moment gets it */
			CHECK_BOOL(gov_pace_take(&pace, rates[i], n == 0 ? START : (GovTime) due), true);
		}
	}
}

/* A rate of 0 grants all and leaves the pace as it is for a rate that comes later. */
static void
no_limit(void)
{
	static const double none[] = {0, -0.0, -1, -1e300};

	for (size_t i = 0; i < lengthof(none); i++)
	{
		GovPace		pace = {0};

		unit_row("%g/s", none[i]);
		for (int n = 0; n < 1000; n++)
			CHECK_BOOL(gov_pace_take(&pace, none[i], START), true);
		CHECK(gov_pace_ready_at(&pace, none[i]) <= START);
		CHECK_BOOL(gov_pace_take(&pace, 1, START), true);
		CHECK_BOOL(gov_pace_take(&pace, 1, START), false);

		/* full by the other rate, and still no limit by this one */
		CHECK(gov_pace_ready_at(&pace, none[i]) <= START);
		for (int n = 0; n < 1000; n++)
			CHECK_BOOL(gov_pace_take(&pace, none[i], START), true);
		CHECK_BOOL(gov_pace_take(&pace, 1, START), false);
		CHECK_BOOL(gov_pace_take(&pace, 1, START + GOV_SECOND), true);
	}
}

/* Rates that hardly move do not overflow; the longest pause ends after 10000 days. */
static void
slowest_rates(void)
{
	static const double slow[] = {1e-9, 1e-12, 1e-300};
	const GovTime longest = 10000 * DAY;

	for (size_t i = 0; i < lengthof(slow); i++)
	{
		GovPace		pace = {0};

		unit_row("%g/s", slow[i]);
		CHECK_BOOL(gov_pace_take(&pace, slow[i], START), true);
		CHECK_INT(gov_pace_ready_at(&pace, slow[i]), START + longest - GOV_SECOND / 10);
		CHECK_BOOL(gov_pace_take(&pace, slow[i], START + longest - GOV_SECOND), false);
		CHECK_BOOL(gov_pace_take(&pace, slow[i], START + longest), true);
		CHECK_BOOL(gov_pace_take(&pace, slow[i], START + longest), false);
	}

	/* once in a day is still exact */
	{
		GovPace		pace = {0};
		const double daily = 1.0 / 86400;

		unit_row("once a day");
		CHECK_BOOL(gov_pace_take(&pace, daily, START), true);
		CHECK_BOOL(gov_pace_take(&pace, daily, START + DAY - GOV_SECOND), false);
		CHECK_BOOL(gov_pace_take(&pace, daily, START + DAY), true);
	}
}

/* Each class has its own pace. */
static void
paces_are_apart(void)
{
	GovPace		one = {0};
	GovPace		other = {0};

	CHECK_BOOL(gov_pace_take(&one, 1, START), true);
	CHECK_BOOL(gov_pace_take(&one, 1, START), false);
	CHECK_BOOL(gov_pace_take(&other, 1, START), true);
	CHECK_BOOL(gov_pace_take(&other, 1, START), false);
}

/* Neither a rate that is raised nor a clock that is set back blocks for long. */
static void
changes_do_not_block(void)
{
	GovPace		pace = {0};

	CHECK_BOOL(gov_pace_take(&pace, 1e-5, START), true);
	CHECK_BOOL(gov_pace_take(&pace, 1e-5, START + GOV_SECOND), false);
	CHECK_BOOL(gov_pace_take(&pace, 100, START + GOV_SECOND), false);
	CHECK_BOOL(gov_pace_take(&pace, 100, START + GOV_SECOND + 10 * GOV_MSEC), true);

	pace.next = 0;
	CHECK_BOOL(gov_pace_take(&pace, 1, START), true);
	CHECK_BOOL(gov_pace_take(&pace, 1, START - DAY), false);
	CHECK_BOOL(gov_pace_take(&pace, 1, START - DAY + GOV_SECOND), true);

	/* whoever only looks must not be told a day either */
	pace.next = 0;
	CHECK_BOOL(gov_pace_take(&pace, 1, START), true);
	gov_pace_ease(&pace, 1, START);
	CHECK_INT(gov_pace_ready_at(&pace, 1), START + GOV_SECOND - GOV_SECOND / 10);
	gov_pace_ease(&pace, 1, START - DAY);
	CHECK_INT(gov_pace_ready_at(&pace, 1), START - DAY + GOV_SECOND);
	gov_pace_ease(&pace, 0, START - 2 * DAY);
	CHECK_INT(gov_pace_ready_at(&pace, 1), START - DAY + GOV_SECOND);
}

const UnitTest rate_tests[] = {
	{"rate: places at once", at_once},
	{"rate: never too much in any period", never_too_much},
	{"rate: in the long run the whole rate", not_too_little},
	{"rate: ready_at is the first moment", ready_at_is_the_boundary},
	{"rate: an even schedule", even_schedule},
	{"rate: 0 is no limit", no_limit},
	{"rate: slowest rates", slowest_rates},
	{"rate: changes do not block", changes_do_not_block},
	{"rate: paces are independent", paces_are_apart},
	UNIT_END
};
