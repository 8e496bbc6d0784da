/*-------------------------------------------------------------------------
 *
 * basics.c
 *		Time, memory, chance, giving up.
 *
 * IDENTIFICATION
 *	  bench/fleet/basics.c
 *
 *-------------------------------------------------------------------------
 */
#include "basics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

Usec
clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * USEC_PER_S + now.tv_nsec / 1000;
}

void
die(const char *format,...)
{
	va_list		arguments;

	fputs("fleet: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(EXIT_COULD_NOT_RUN);
}

void *
allocate(size_t count, size_t size)
{
	void	   *memory = calloc(count > 0 ? count : 1, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

/* Unlike allocate, what is added is not zeroed. */
void *
resize(void *old, size_t count, size_t size)
{
	void	   *memory = reallocarray(old, count > 0 ? count : 1, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

char *
duplicate(const char *text)
{
	size_t		size = strlen(text) + 1;

	return memcpy(allocate(size, 1), text, size);
}

Chance
chance_stream(uint64_t seed, uint64_t stream)
{
	Chance		chance = {seed ^ (stream * UINT64_C(0xd1342543de82ef95))};

	chance_next(&chance);
	return chance;
}

/* splitmix64: tiny, and good enough to spread load. */
uint64_t
chance_next(Chance *chance)
{
	uint64_t	z = (chance->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t
chance_between(Chance *chance, int64_t low, int64_t high)
{
	uint64_t	span = (uint64_t) high - (uint64_t) low + 1;

	if (high <= low)
		return low;
	if (span == 0)				/* the whole range of int64 */
		return (int64_t) chance_next(chance);
	return (int64_t) ((uint64_t) low + chance_next(chance) % span);
}

Usec
chance_backoff(Chance *chance, Usec min, Usec max, int failures)
{
	Usec		pause = min;

	for (int i = 1; i < failures && pause < max; i++)
		pause *= 2;
	if (pause > max)
		pause = max;
	return chance_between(chance, pause / 2, pause);
}
