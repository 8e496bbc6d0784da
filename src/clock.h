/*-------------------------------------------------------------------------
 *
 * clock.h
 *		Now, and how long until a deadline.
 *
 * The one place that reads the time: decisions get it as an argument.
 *
 * IDENTIFICATION
 *	  src/clock.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_CLOCK_H
#define GOV_CLOCK_H

#include "core/core.h"

/* The time of day in microseconds, comparable to any TimestampTz. */
extern GovTime gov_clock_now(void);

/*
 * Milliseconds from now until a deadline, rounded up so that a wait of that
 * length does not end before it; 0 if it has passed, at most limit_ms.
 */
extern long gov_clock_ms_until(GovTime deadline, GovTime now, long limit_ms);

#endif							/* GOV_CLOCK_H */
