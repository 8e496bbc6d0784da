/*-------------------------------------------------------------------------
 *
 * latency.h
 *		A histogram of durations, for percentiles without keeping samples.
 *
 * Buckets are 64 to every power of two: a percentile is off by less than
 * one percent, from a microsecond to nineteen hours; count and max are exact.
 *
 * IDENTIFICATION
 *	  bench/fleet/latency.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_LATENCY_H
#define FLEET_LATENCY_H

#include "basics.h"

#define LATENCY_LINEAR_BITS	6		/* below 2^6 us every value has its bucket */
#define LATENCY_MAX_BITS	36		/* longer is counted as 2^36 us */
#define LATENCY_BUCKETS \
	((LATENCY_MAX_BITS - LATENCY_LINEAR_BITS + 1) << LATENCY_LINEAR_BITS)

typedef struct Latency
{
	uint64_t	count;
	Usec		max;
	uint32_t	buckets[LATENCY_BUCKETS];
} Latency;

extern void latency_add(Latency *latency, Usec duration);
/* share is 0..1; 0 if nothing was added. */
extern Usec latency_percentile(const Latency *latency, double share);
extern void latency_clear(Latency *latency);

#endif							/* FLEET_LATENCY_H */
