/*-------------------------------------------------------------------------
 *
 * latency.c
 *		A histogram of durations.
 *
 * IDENTIFICATION
 *	  bench/fleet/latency.c
 *
 *-------------------------------------------------------------------------
 */
#include "latency.h"

#include <string.h>

#define LINEAR	(UINT64_C(1) << LATENCY_LINEAR_BITS)

static size_t
bucket_of(uint64_t value)
{
	int			shift;

	if (value < LINEAR)
		return value;
	if (value >= UINT64_C(1) << LATENCY_MAX_BITS)
		value = (UINT64_C(1) << LATENCY_MAX_BITS) - 1;
	shift = 63 - __builtin_clzll(value) - LATENCY_LINEAR_BITS;
	return ((size_t) shift + 1) * LINEAR + ((value >> shift) - LINEAR);
}

/* The value in the middle of a bucket. */
static Usec
bucket_middle(size_t bucket)
{
	size_t		shift;

	if (bucket < LINEAR)
		return (Usec) bucket;
	shift = bucket / LINEAR - 1;
	return (Usec) (((LINEAR + bucket % LINEAR) << shift) + ((UINT64_C(1) << shift) >> 1));
}

void
latency_add(Latency *latency, Usec duration)
{
	if (duration < 0)
		duration = 0;
	latency->count++;
	if (duration > latency->max)
		latency->max = duration;
	latency->buckets[bucket_of((uint64_t) duration)]++;
}

Usec
latency_percentile(const Latency *latency, double share)
{
	uint64_t	rank = (uint64_t) (share * (double) latency->count);
	uint64_t	seen = 0;

	if (latency->count == 0)
		return 0;
	for (size_t bucket = 0; bucket < LATENCY_BUCKETS; bucket++)
	{
		seen += latency->buckets[bucket];
		if (seen > rank)
		{
			Usec		middle = bucket_middle(bucket);

			return middle < latency->max ? middle : latency->max;
		}
	}
	return latency->max;
}

void
latency_clear(Latency *latency)
{
	/* Mostly called every second with nothing in it. */
	if (latency->count > 0)
		memset(latency, 0, sizeof(*latency));
}
