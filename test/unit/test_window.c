/*-------------------------------------------------------------------------
 *
 * test_window.c
 *		Limits on a rate: how they are written, and that they hold.
 *
 * IDENTIFICATION
 *	  test/unit/test_window.c
 *-------------------------------------------------------------------------
 */
#include "core/window.h"

#include "unit.h"

#include <string.h>

extern const UnitTest window_tests[];

#define START	(INT64_C(800000000) * GOV_SECOND)

static void
texts(void)
{
	static const struct
	{
		const char *text;
		int			n;			/* 0: it is refused */
		GovLimit	last;
	}			rows[] =
	{
		{"150/1s", 1, {150, GOV_SECOND}},
		{"1/1ms", 1, {1, GOV_MSEC}},
		{"150/s", 1, {150, GOV_SECOND}},
		{" 150 / 1 s ", 1, {150, GOV_SECOND}},
		{"500/1s, 300/60s, 200/10m", 3, {200, 600 * GOV_SECOND}},
		{"1/1s,2/2s,3/3s,4/4h", 4, {4, 4 * 3600 * GOV_SECOND}},
		{"7/5min", 1, {7, 300 * GOV_SECOND}},
		{"1000000/99999h", 1, {1000000, INT64_C(99999) * 3600 * GOV_SECOND}},
		{"", 0, {0, 0}},
		{"150", 0, {0, 0}},
		{"150/", 0, {0, 0}},
		{"/1s", 0, {0, 0}},
		{"0/1s", 0, {0, 0}},
		{"-1/1s", 0, {0, 0}},
		{"1.5/1s", 0, {0, 0}},
		{"1000001/1s", 0, {0, 0}},
		{"99999999999999999999/1s", 0, {0, 0}},
		{"1/0s", 0, {0, 0}},
		{"1/100000s", 0, {0, 0}},
		{"1/1", 0, {0, 0}},
		{"1/1d", 0, {0, 0}},
		{"1/1sec", 0, {0, 0}},
		{"1/1s,", 0, {0, 0}},
		{"1/1s 2/2s", 0, {0, 0}},
		{"1/1s,2/2s,3/3s,4/4s,5/5s", 0, {0, 0}},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovLimits	limits;
		const char *problem;

		unit_row("\"%s\"", rows[i].text);
		memset(&limits, 0xA5, sizeof(limits));
		problem = gov_window_parse(rows[i].text, &limits);
		CHECK((problem == NULL) == (rows[i].n > 0));
		if (problem == NULL && rows[i].n > 0)
		{
			CHECK_INT(limits.n, rows[i].n);
			CHECK_INT(limits.limits[limits.n - 1].count, rows[i].last.count);
			CHECK_INT(limits.limits[limits.n - 1].period, rows[i].last.period);
		}
	}
}

static GovLimits
limits_of(const char *text)
{
	GovLimits	limits;

	CHECK(gov_window_parse(text, &limits) == NULL);
	return limits;
}

static void
no_limit(void)
{
	GovLimits	limits = {0};
	GovWindows	taken = {0};

	CHECK(gov_window_take(&taken, &limits, 1000000, START));
	CHECK_INT(gov_window_ready_at(&taken, &limits, 1, START), START);
	CHECK_INT(gov_window_remaining(&taken, &limits, START), INT64_MAX);
	CHECK(gov_window_pace(&limits) == 0);
}

static void
boundaries(void)
{
	GovLimits	limits = limits_of("3/32s");	/* a bucket is a second */
	GovWindows	taken = {0};
	GovTime		ready_at;

	for (int i = 0; i < 3; i++)
	{
		CHECK_INT(gov_window_remaining(&taken, &limits, START), 3 - i);
		CHECK(gov_window_take(&taken, &limits, 1, START));
	}
	CHECK(!gov_window_take(&taken, &limits, 1, START));
	CHECK_INT(gov_window_remaining(&taken, &limits, START), 0);

	/* not within 32 s, and not more than a bucket later */
	ready_at = gov_window_ready_at(&taken, &limits, 1, START);
	CHECK(ready_at >= START + 32 * GOV_SECOND);
	CHECK(ready_at <= START + 33 * GOV_SECOND);
	CHECK(!gov_window_take(&taken, &limits, 1, ready_at - 1));
	CHECK(gov_window_take(&taken, &limits, 3, ready_at));

	/* more than the limit has never room */
	CHECK_INT(gov_window_ready_at(&taken, &limits, 4, ready_at), GOV_NEVER);
	CHECK(!gov_window_take(&taken, &limits, 4, ready_at + 1000 * GOV_SECOND));

	/* a clock set back a little grants nothing, one set back far begins anew */
	CHECK(!gov_window_take(&taken, &limits, 1, ready_at - 5 * GOV_SECOND));
	CHECK(gov_window_take(&taken, &limits, 1, ready_at - 1000 * GOV_SECOND));
}

static void
paces(void)
{
	GovLimits	limits = limits_of("150/1s, 6000/60s");

	CHECK(gov_window_pace(&limits) == 150);
	limits = limits_of("10/60s");
	CHECK(gov_window_pace(&limits) == 0);
	limits = limits_of("10/100ms, 90/1s");
	CHECK(gov_window_pace(&limits) == 90);
}

#define TAKES	4000

/* Against every take there was: a period that ends with this one may hold no more than its count. */
static void
against_a_list(void)
{
	static const char *const lists[] = {"1/1s", "7/1s", "33/1s", "150/1s, 400/5s", "5/100ms, 20/1s, 60/7s", "2/3s"};

	for (size_t list = 0; list < lengthof(lists); list++)
	{
		const GovLimits limits = limits_of(lists[list]);
		GovWindows	taken = {0};
		static GovTime times[TAKES];
		int			n = 0;
		GovTime		now = START + (GovTime) unit_random_below(10 * GOV_SECOND);
		int64_t		asked = 0;

		while (n < TAKES && asked < 20 * TAKES)
		{
			GovTime		ready_at = gov_window_ready_at(&taken, &limits, 1, now);
			bool		granted = gov_window_take(&taken, &limits, 1, now);

			asked++;
			unit_row("%s, take %d", lists[list], n);
			CHECK((ready_at <= now) == granted);
			if (granted)
			{
				times[n++] = now;
				for (int i = 0; i < limits.n; i++)
				{
					int			within = 0;

					for (int k = n - 1; k >= 0 && times[k] > now - limits.limits[i].period; k--)
						within++;
					CHECK(within <= limits.limits[i].count);
				}
				now += unit_random_below(4) == 0 ? (GovTime) unit_random_below(30 * GOV_MSEC) : 0;
			}
			else
			{
				/* it keeps its word, and does not promise too late: 1/32 of the longest period */
				CHECK(!gov_window_take(&taken, &limits, 1, ready_at - 1));
				now = unit_random_below(2) == 0 ? ready_at : now + (GovTime) unit_random_below(ready_at - now + 1);
			}
		}
	}
}

/* A saturated limit grants nearly all of its count. */
static void
saturated(void)
{
	const GovLimits limits = limits_of("150/1s");
	GovWindows	taken = {0};
	int			granted = 0;

	for (GovTime now = START; now < START + 100 * GOV_SECOND; now += 5 * GOV_MSEC)
	{
		while (gov_window_take(&taken, &limits, 1, now))
			granted++;
	}
	CHECK_RANGE(granted, 150 * 100 * 32 / 33 - 150, 150 * 101);
}

const UnitTest window_tests[] = {
	{"window: how limits are written", texts},
	{"window: no limit", no_limit},
	{"window: boundaries, and a clock set back", boundaries},
	{"window: paces within a second", paces},
	{"window: never more than its count in any period", against_a_list},
	{"window: a saturated limit", saturated},
	UNIT_END
};
