/*-------------------------------------------------------------------------
 *
 * basics.h
 *		What every module of fleet needs: time, memory, chance, giving up.
 *
 * IDENTIFICATION
 *	  bench/fleet/basics.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_BASICS_H
#define FLEET_BASICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All times are microseconds; points in time are on the monotonic clock. */
typedef int64_t Usec;

#define USEC_PER_MS	((Usec) 1000)
#define USEC_PER_S	((Usec) 1000000)

#define EXIT_COULD_NOT_RUN	1		/* the run itself failed or was cut short */
#define EXIT_BAD_USAGE		2

extern Usec clock_now(void);

/* Says why on stderr and exits with EXIT_COULD_NOT_RUN. */
extern void die(const char *format,...)
			__attribute__((noreturn, format(printf, 1, 2)));

/* Memory is zeroed and never NULL: a simulator short of memory measures nothing. */
extern void *allocate(size_t count, size_t size);
extern void *resize(void *old, size_t count, size_t size);
extern char *duplicate(const char *text);

/*
 * Chance.  Each environment draws from a stream of its own, so that with the
 * same seed it makes the same choices whatever the order of network events.
 */
typedef struct Chance
{
	uint64_t	state;
} Chance;

extern Chance chance_stream(uint64_t seed, uint64_t stream);
extern uint64_t chance_next(Chance *chance);
/* Uniform in low..high, both included. */
extern int64_t chance_between(Chance *chance, int64_t low, int64_t high);

/*
 * The pause after so many failures: doubles from min up to max.  Its lower half
 * is certain and its upper half chance, so that those who failed together do
 * not come back together.
 */
extern Usec chance_backoff(Chance *chance, Usec min, Usec max, int failures);

#endif							/* FLEET_BASICS_H */
