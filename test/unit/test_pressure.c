/*-------------------------------------------------------------------------
 *
 * test_pressure.c
 *		How full it is, and the idle timeout that follows from it.
 *
 * IDENTIFICATION
 *	  test/unit/test_pressure.c
 *-------------------------------------------------------------------------
 */
#include "core/pressure.h"

#include <math.h>

#include "unit.h"

extern const UnitTest pressure_tests[];

static void
pressure_of_class_and_server(void)
{
	static const struct
	{
		int			class_sessions,
					class_cap,
					server_sessions,
					usable_slots;
		double		expected;
	}			rows[] =
	{
		{0, 0, 0, 0, 0.0},
		{0, 60, 0, 97, 0.0},
		{30, 60, 0, 0, 0.5},	/* the class alone */
		{0, 0, 50, 100, 0.5},	/* the server alone */
		{30, 60, 25, 100, 0.5}, /* the larger one: the class */
		{15, 60, 75, 100, 0.75},	/* the larger one: the server */
		{50, 100, 25, 50, 0.5}, /* equal */
		{60, 60, 10, 100, 1.0}, /* full */
		{90, 60, 10, 100, 1.5}, /* the cap was lowered below what is there */
		{10, 60, 150, 100, 1.5},
		{1000, 0, 25, 100, 0.25},	/* no cap presses nobody */
		{1000, 0, 0, 100, 0.0},
		{30, 60, 1000, 0, 0.5}, /* no slots known */
		{1, 1, 0, 1, 1.0},		/* the smallest cap and server */
		{0, 2, 1, 1, 1.0},
		{INT32_MAX, INT32_MAX, 0, INT32_MAX, 1.0},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		unit_row("%d/%d, %d/%d", rows[i].class_sessions, rows[i].class_cap,
				 rows[i].server_sessions, rows[i].usable_slots);
		CHECK_RANGE(gov_pressure(rows[i].class_sessions, rows[i].class_cap,
								 rows[i].server_sessions, rows[i].usable_slots),
					rows[i].expected, rows[i].expected);
	}
}

/* Fractions are not cut: 1/3 is neither 0 nor 0.33. */
static void
pressure_is_a_fraction(void)
{
	CHECK_RANGE(gov_pressure(1, 3, 0, 0), 0.33333333333, 0.33333333334);
	CHECK_RANGE(gov_pressure(0, 0, 2, 3), 0.66666666666, 0.66666666667);
}

static void
the_marks(void)
{
	CHECK_RANGE(GOV_PRESSURE_LOW, 0.80, 0.80);
	CHECK_RANGE(GOV_PRESSURE_HIGH, 0.95, 0.95);
}

static void
scale_table(void)
{
	const GovTime full = 600 * GOV_SECOND;
	const GovTime floor = 2 * GOV_SECOND;
	const struct
	{
		const char *what;
		GovTime		full;
		GovTime		floor;
		double		pressure,
					low,
					high;
		GovTime		expected;
	}			rows[] =
	{
		{"published vector", full, floor, 0.92, 0.85, 0.95, INT64_C(181400000)},
		{"empty", full, floor, 0.0, 0.85, 0.95, full},
		{"below low", full, floor, 0.84, 0.85, 0.95, full},
		{"at low", full, floor, 0.85, 0.85, 0.95, full},
		{"half way", full, floor, 0.90, 0.85, 0.95, 301 * GOV_SECOND},
		{"at high", full, floor, 0.95, 0.85, 0.95, floor},
		{"above high", full, floor, 0.96, 0.85, 0.95, floor},
		{"full", full, floor, 1.0, 0.85, 0.95, floor},
		{"over full", full, floor, 7.5, 0.85, 0.95, floor},

		{"shipped class, below low", 60 * GOV_SECOND, 3 * GOV_SECOND, 0.79, GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH, 60 * GOV_SECOND},
		{"shipped class, half way", 60 * GOV_SECOND, 3 * GOV_SECOND, 0.875, GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH, 31500 * GOV_MSEC},
		{"shipped class, at 0.90", 60 * GOV_SECOND, 3 * GOV_SECOND, 0.90, GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH, 22 * GOV_SECOND},
		{"shipped class, full", 60 * GOV_SECOND, 3 * GOV_SECOND, 1.0, GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH, 3 * GOV_SECOND},

		{"floor 0, half way", full, 0, 0.5, 0.0, 1.0, 300 * GOV_SECOND},
		{"floor 0, above high", full, 0, 1.0, 0.0, 1.0, 0},

		/* a floor that is no floor */
		{"floor is full, above high", full, full, 1.0, 0.85, 0.95, full},
		{"floor is full, half way", full, full, 0.90, 0.85, 0.95, full},
		{"floor above full, above high", full, 900 * GOV_SECOND, 1.0, 0.85, 0.95, full},
		{"floor above full, half way", full, 900 * GOV_SECOND, 0.90, 0.85, 0.95, full},
		{"floor 1 us above full", full, full + 1, 1.0, 0.85, 0.95, full},
		{"floor 1 us below full", full, full - 1, 1.0, 0.85, 0.95, full - 1},
		{"no floor, above high", full, GOV_NEVER, 1.0, 0.85, 0.95, full},
		{"no floor, half way", full, GOV_NEVER, 0.90, 0.85, 0.95, full},

		/* no timeout */
		{"never, below low", GOV_NEVER, floor, 0.5, 0.85, 0.95, GOV_NEVER},
		{"never, half way", GOV_NEVER, floor, 0.90, 0.85, 0.95, GOV_NEVER},
		{"never, above high", GOV_NEVER, floor, 1.0, 0.85, 0.95, GOV_NEVER},
		{"never, floor 0", GOV_NEVER, 0, 1.0, 0.85, 0.95, GOV_NEVER},
		{"both never", GOV_NEVER, GOV_NEVER, 1.0, 0.85, 0.95, GOV_NEVER},

		{"zero", 0, 0, 0.90, 0.85, 0.95, 0},
		{"zero, with a floor", 0, floor, 1.0, 0.85, 0.95, 0},

		/* to the nearest microsecond */
		{"rounds down", 10, 0, 0.26, 0.0, 1.0, 7},
		{"rounds up", 10, 0, 0.24, 0.0, 1.0, 8},

		/* both marks the same: a step, not a division by zero */
		{"step, below", full, floor, 0.89, 0.90, 0.90, full},
		{"step, at", full, floor, 0.90, 0.90, 0.90, full},
		{"step, above", full, floor, 0.91, 0.90, 0.90, floor},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		unit_row("%s", rows[i].what);
		CHECK_INT(gov_pressure_scale(rows[i].full, rows[i].floor, rows[i].pressure,
									 rows[i].low, rows[i].high),
				  rows[i].expected);
	}
}

/* No jump at the marks: just inside them the timeout is just inside its range. */
static void
scale_is_continuous(void)
{
	const GovTime full = 600 * GOV_SECOND;
	const GovTime floor = 2 * GOV_SECOND;

	CHECK_RANGE(gov_pressure_scale(full, floor, nextafter(0.80, 1), 0.80, 0.95), full - 1, full);
	CHECK_RANGE(gov_pressure_scale(full, floor, nextafter(0.95, 0), 0.80, 0.95), floor, floor + 1);

	/* one per mille of the way is one per mille of the range, at either end */
	CHECK_INT(gov_pressure_scale(full, floor, 0.80 + 0.15 / 1000, 0.80, 0.95), full - 598 * GOV_MSEC);
	CHECK_INT(gov_pressure_scale(full, floor, 0.95 - 0.15 / 1000, 0.80, 0.95), floor + 598 * GOV_MSEC);
}

/*
 * For any timeout and floor, however long: never outside them, and more
 * pressure never gives more time.
 */
static void
scale_is_monotone(void)
{
	for (int i = 0; i < 20000; i++)
	{
		GovTime		full = (GovTime) (unit_random() >> (1 + unit_random_below(63)));
		GovTime		floor = (GovTime) (unit_random() >> (1 + unit_random_below(63)));
		double		less = unit_random_fraction() * 1.2;
		double		more = less + unit_random_fraction() * 0.2;
		GovTime		at_less = gov_pressure_scale(full, floor, less, GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH);
		GovTime		at_more = gov_pressure_scale(full, floor, more, GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH);

		unit_row("full %" PRId64 ", floor %" PRId64 ", pressure %.9g and %.9g", full, floor, less, more);
		CHECK(at_more <= at_less);
		CHECK(at_less <= full);
		CHECK(at_more >= (floor < full ? floor : full));
	}
}

/* The longest timeout there is does not overflow on its way through floating point. */
static void
scale_of_the_longest(void)
{
	const GovTime full = GOV_NEVER - 1;

	CHECK_INT(gov_pressure_scale(full, 0, 0.80, GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH), full);
	CHECK_RANGE(gov_pressure_scale(full, 0, nextafter(0.80, 1), GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH),
				(double) (full / 2), (double) full);
	CHECK_RANGE(gov_pressure_scale(full, full - 1, 0.9, GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH),
				(double) (full - 1), (double) full);
	CHECK_INT(gov_pressure_scale(full, 0, 0.95, GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH), 0);
}

const UnitTest pressure_tests[] = {
	{"pressure: the larger of class and server", pressure_of_class_and_server},
	{"pressure: a fraction, not a whole number", pressure_is_a_fraction},
	{"pressure: the marks are 0.80 and 0.95", the_marks},
	{"pressure: the idle timeout in force", scale_table},
	{"pressure: the timeout does not jump at the marks", scale_is_continuous},
	{"pressure: more pressure never gives more time", scale_is_monotone},
	{"pressure: the longest timeout", scale_of_the_longest},
	UNIT_END
};
