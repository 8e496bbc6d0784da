/*-------------------------------------------------------------------------
 *
 * basics.h
 *		What every module needs: time, memory, chance, giving up.
 *
 * IDENTIFICATION
 *	  bench/hammer/basics.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_BASICS_H
#define HAMMER_BASICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All times are microseconds; points in time are on the monotonic clock. */
typedef int64_t Usec;

#define USEC_PER_MS	((Usec) 1000)
#define USEC_PER_S	((Usec) 1000000)
#define NEVER		INT64_MAX

#define EXIT_NOT_SHOWN		1		/* the run failed, or did not show what it should */
#define EXIT_BAD_USAGE		2

extern Usec clock_now(void);

/* The name under which die() speaks. */
extern const char *program;

/* Says why on stderr and exits with EXIT_NOT_SHOWN. */
extern void die(const char *format,...)
			__attribute__((noreturn, format(printf, 1, 2)));

/* Says what is wrong with the command line and exits with EXIT_BAD_USAGE. */
extern void bad_usage(const char *format,...)
			__attribute__((noreturn, format(printf, 1, 2)));

/* Zeroed, never NULL. */
extern void *allocate(size_t count, size_t size);

/* Numbers of the command line; they exit with EXIT_BAD_USAGE for anything else. */
extern long parse_count(const char *option, const char *text, long least, long most);
extern Usec parse_duration(const char *option, const char *text, Usec unit);

/* Uniform in low..high, both included. */
extern int64_t chance_between(int64_t low, int64_t high);
extern void chance_seed(uint64_t seed);

#endif							/* HAMMER_BASICS_H */
