/*-------------------------------------------------------------------------
 *
 * spread.c
 *		How a set of measured times is spread.
 *
 * IDENTIFICATION
 *	  bench/hammer/spread.c
 *-------------------------------------------------------------------------
 */
#include "spread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void
spread_add(Spread *spread, Usec value)
{
	if (spread->count == spread->capacity)
	{
		spread->capacity = spread->capacity > 0 ? spread->capacity * 2 : 256;
		spread->values = reallocarray(spread->values, spread->capacity, sizeof(Usec));
		if (spread->values == NULL)
			die("out of memory");
	}
	spread->values[spread->count++] = value;
}

static int
by_value(const void *a, const void *b)
{
	Usec		left = *(const Usec *) a;
	Usec		right = *(const Usec *) b;

	return left < right ? -1 : left > right;
}

/* The least value that so large a share of all does not exceed. */
static double
quantile_ms(const Spread *spread, double share)
{
	size_t		rank = (size_t) ceil(share * (double) spread->count);

	return (double) spread->values[rank > 0 ? rank - 1 : 0] / USEC_PER_MS;
}

void
spread_print(Spread *spread, const char *what)
{
	if (spread->count == 0)
		return;
	qsort(spread->values, spread->count, sizeof(Usec), by_value);
	printf("%s: n %zu min %.1f p25 %.1f median %.1f p75 %.1f p95 %.1f p99 %.1f max %.1f ms\n",
		   what, spread->count, quantile_ms(spread, 0), quantile_ms(spread, 0.25),
		   quantile_ms(spread, 0.5), quantile_ms(spread, 0.75), quantile_ms(spread, 0.95),
		   quantile_ms(spread, 0.99), quantile_ms(spread, 1));
}

void
spread_free(Spread *spread)
{
	free(spread->values);
	spread->values = NULL;
	spread->count = spread->capacity = 0;
}
