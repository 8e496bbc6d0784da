/*-------------------------------------------------------------------------
 *
 * unit.h
 *		The runner of the unit tests: named tests, checks, TAP.
 *
 * A test is a function that makes checks.  A check that fails prints where it
 * stands and what it compared, and the test goes on, so that a table shows all
 * its bad rows at once.  unit_row() names the row in hand.
 *
 * Exactly one file defines UNIT_MAIN before including this one; it gets the
 * runner's state and unit_run().
 *
 * IDENTIFICATION
 *	  test/unit/unit.h
 *-------------------------------------------------------------------------
 */
#ifndef UNIT_H
#define UNIT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

/* A list of tests ends with a name of NULL. */
typedef struct UnitTest
{
	const char *name;
	void		(*run) (void);
} UnitTest;

#define UNIT_END	{NULL, NULL}
#define lengthof(array)	(sizeof(array) / sizeof((array)[0]))

/* Names the case in hand; diagnostics show it until the next call or test. */
extern void unit_row(const char *format,...) __attribute__((format(printf, 1, 2)));

/* Counts a check; prints the diagnosis of one that failed.  Returns ok. */
extern bool unit_check(bool ok, const char *file, int line, const char *format,...)
			__attribute__((format(printf, 4, 5)));

/* Compare strings that may be NULL. */
extern bool unit_same(const char *a, const char *b);

/*
 * Random numbers, the same in every run; the environment variable UNIT_SEED
 * gives another sequence.  unit_random_below(0) is not allowed.
 */
extern uint64_t unit_random(void);
extern uint64_t unit_random_below(uint64_t limit);
extern double unit_random_fraction(void);	/* 0 <= x < 1 */

#define CHECK(condition) \
	unit_check((condition), __FILE__, __LINE__, "%s", #condition)

#define CHECK_BOOL(actual, expected) \
	do { \
		bool		check_a = (actual); \
		bool		check_e = (expected); \
		unit_check(check_a == check_e, __FILE__, __LINE__, "%s: got %s, expected %s", \
				   #actual, check_a ? "true" : "false", check_e ? "true" : "false"); \
	} while (0)

#define CHECK_INT(actual, expected) \
	do { \
		int64_t		check_a = (int64_t) (actual); \
		int64_t		check_e = (int64_t) (expected); \
		unit_check(check_a == check_e, __FILE__, __LINE__, \
				   "%s: got %" PRId64 ", expected %" PRId64, #actual, check_a, check_e); \
	} while (0)

/* low <= actual <= high */
#define CHECK_RANGE(actual, low, high) \
	do { \
		double		check_a = (double) (actual); \
		double		check_l = (double) (low); \
		double		check_h = (double) (high); \
		unit_check(check_a >= check_l && check_a <= check_h, __FILE__, __LINE__, \
				   "%s: got %.9g, expected %.9g to %.9g", #actual, check_a, check_l, check_h); \
	} while (0)

#define CHECK_STR(actual, expected) \
	do { \
		const char *check_a = (actual); \
		const char *check_e = (expected); \
		unit_check(unit_same(check_a, check_e), __FILE__, __LINE__, \
				   "%s: got \"%s\", expected \"%s\"", #actual, \
				   check_a ? check_a : "(null)", check_e ? check_e : "(null)"); \
	} while (0)


#ifdef UNIT_MAIN

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Seconds for all tests together: one that never ends is a failure, not a job that hangs. */
#define UNIT_TIME_LIMIT		60

/* A random test that fails may fail thousands of times; a few lines tell enough. */
#define UNIT_MAX_DIAGNOSES	10

static struct
{
	unsigned	failures;		/* of the test that runs */
	char		row[256];		/* empty: no row named */
	uint64_t	random;			/* never 0 */
}			unit = {.random = 1};

/* TAP is made of lines: no byte of a compared value may break or hide one. */
static void
make_printable(char *text)
{
	for (char *c = text; *c; c++)
	{
		if ((unsigned char) *c < ' ' || (unsigned char) *c >= 0x7F)
			*c = '?';
	}
}

void
unit_row(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(unit.row, sizeof(unit.row), format, args);
	va_end(args);
}

bool
unit_check(bool ok, const char *file, int line, const char *format,...)
{
	char		text[1024];
	va_list		args;

	if (ok)
		return true;
	if (++unit.failures > UNIT_MAX_DIAGNOSES)
		return false;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	make_printable(text);
	make_printable(unit.row);
	printf("# %s:%d: %s%s%s%s\n", file, line, text,
		   unit.row[0] ? " [" : "", unit.row, unit.row[0] ? "]" : "");
	return false;
}

bool
unit_same(const char *a, const char *b)
{
	return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0;
}

/* xorshift64*, by Marsaglia and Vigna */
uint64_t
unit_random(void)
{
	unit.random ^= unit.random >> 12;
	unit.random ^= unit.random << 25;
	unit.random ^= unit.random >> 27;
	return unit.random * UINT64_C(0x2545F4914F6CDD1D);
}

uint64_t
unit_random_below(uint64_t limit)
{
	return unit_random() % limit;
}

double
unit_random_fraction(void)
{
	return (double) (unit_random() >> 11) / (double) (UINT64_C(1) << 53);
}

/* Runs all tests of all lists; returns the exit status of the program. */
static int
unit_run(const UnitTest *const *lists, size_t nlists)
{
	const char *seed_text = getenv("UNIT_SEED");
	uint64_t	seed = seed_text ? strtoull(seed_text, NULL, 0) : 1;
	unsigned	count = 0;
	unsigned	number = 0;
	unsigned	failed = 0;

	/* a sanitizer ends the program at once; what was found until then is to be seen */
	setvbuf(stdout, NULL, _IOLBF, 0);
	alarm(UNIT_TIME_LIMIT);

	for (size_t i = 0; i < nlists; i++)
		for (const UnitTest *test = lists[i]; test->name; test++)
			count++;
	printf("1..%u\n# UNIT_SEED=%" PRIu64 "\n", count, seed);

	for (size_t i = 0; i < nlists; i++)
	{
		for (const UnitTest *test = lists[i]; test->name; test++)
		{
			/* each test has its own sequence, whichever ran before it */
			unit.random = seed ? seed * UINT64_C(0x9E3779B97F4A7C15) : 1;
			if (unit.random == 0)
				unit.random = 1;
			unit.failures = 0;
			unit.row[0] = '\0';

			test->run();

			if (unit.failures > UNIT_MAX_DIAGNOSES)
				printf("# ... and %u more\n", unit.failures - UNIT_MAX_DIAGNOSES);
			printf("%sok %u - %s\n", unit.failures ? "not " : "", ++number, test->name);
			failed += unit.failures > 0;
		}
	}
	if (failed)
		printf("# failed %u of %u tests\n", failed, count);
	return failed ? 1 : 0;
}

#endif							/* UNIT_MAIN */

#endif							/* UNIT_H */
