/*-------------------------------------------------------------------------
 *
 * options.h
 *		The command line of callers.
 *
 * IDENTIFICATION
 *	  bench/breaker/options.h
 *-------------------------------------------------------------------------
 */
#ifndef CALLERS_OPTIONS_H
#define CALLERS_OPTIONS_H

#include "basics.h"

typedef struct Options
{
	const char *dsn;
	const char *breaker;		/* NULL: none is asked */
	long		functions;
	Usec		think;			/* between two calls of a function, on average */
	Usec		timeout;		/* of a call */
	Usec		up;				/* before it fails */
	Usec		down;
	Usec		give_up;		/* waiting for the breaker to close */
	bool		freeze;			/* the first function that gets a permit once it is healed */
	uint64_t	seed;
} Options;

extern Options options;

extern void options_parse(int argc, char **argv);

#endif							/* CALLERS_OPTIONS_H */
