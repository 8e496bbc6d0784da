/*-------------------------------------------------------------------------
 *
 * basics.c
 *		What every module needs: time, memory, chance, giving up.
 *
 * IDENTIFICATION
 *	  bench/hammer/basics.c
 *-------------------------------------------------------------------------
 */
#include "basics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const char *program = "hammer";

static uint64_t chance_state = 1;

Usec
clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * USEC_PER_S + now.tv_nsec / 1000;
}

static void
complain(const char *format, va_list arguments)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", program);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
}

void
die(const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
	exit(EXIT_NOT_SHOWN);
}

void
bad_usage(const char *format,...)
{
	va_list		arguments;

	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
	fprintf(stderr, "Try \"%s --help\".\n", program);
	exit(EXIT_BAD_USAGE);
}

void *
allocate(size_t count, size_t size)
{
	void	   *memory = calloc(count > 0 ? count : 1, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

long
parse_count(const char *option, const char *text, long least, long most)
{
	char	   *end;
	long		number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || number < least || number > most)
		bad_usage("--%s takes a number from %ld to %ld, not \"%s\"", option, least, most, text);
	return number;
}

Usec
parse_duration(const char *option, const char *text, Usec unit)
{
	char	   *end;
	double		number;

	errno = 0;
	number = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' || !(number >= 0 && number <= 1e6))
		bad_usage("--%s takes a number from 0 to 1000000, not \"%s\"", option, text);
	return (Usec) (number * (double) unit + 0.5);
}

void
chance_seed(uint64_t seed)
{
	chance_state = seed;
}

/* splitmix64: tiny, and good enough to spread load. */
static uint64_t
chance_next(void)
{
	uint64_t	z = (chance_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t
chance_between(int64_t low, int64_t high)
{
	if (high <= low)
		return low;
	return low + (int64_t) (chance_next() % ((uint64_t) (high - low) + 1));
}
