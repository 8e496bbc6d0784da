/*-------------------------------------------------------------------------
 *
 * clock.c
 *		Now, and how long until a deadline.
 *
 * Owns: nothing.                         Runs in: every process.
 *
 * IDENTIFICATION
 *	  src/clock.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "clock.h"

#include "utils/timestamp.h"

GovTime
gov_clock_now(void)
{
	return GetCurrentTimestamp();
}

long
gov_clock_ms_until(GovTime deadline, GovTime now, long limit_ms)
{
	GovTime		left;

	if (deadline == GOV_NEVER)
		return limit_ms;
	if (deadline <= now)
		return 0;
	left = (deadline - now + GOV_MSEC - 1) / GOV_MSEC;
	return left < limit_ms ? (long) left : limit_ms;
}
