/*-------------------------------------------------------------------------
 *
 * spread.h
 *		How a set of measured times is spread.
 *
 * IDENTIFICATION
 *	  bench/hammer/spread.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_SPREAD_H
#define HAMMER_SPREAD_H

#include "basics.h"

typedef struct Spread
{
	Usec	   *values;
	size_t		count;
	size_t		capacity;
} Spread;

extern void spread_add(Spread *spread, Usec value);

/* One line: count, minimum, quantiles, maximum, in milliseconds. */
extern void spread_print(Spread *spread, const char *what);

extern void spread_free(Spread *spread);

#endif							/* HAMMER_SPREAD_H */
