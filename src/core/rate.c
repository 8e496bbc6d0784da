/*-------------------------------------------------------------------------
 *
 * rate.c
 *		So many a second, evenly.
 *
 * Owns: nothing; pure.                   Runs in: governor.
 *
 * IDENTIFICATION
 *	  src/core/rate.c
 *-------------------------------------------------------------------------
 */
#include "core/rate.h"

/* The longest pause a rate may ask for; keeps arithmetic away from overflow. */
#define LONGEST_PAUSE	(INT64_C(86400) * GOV_SECOND)

static GovTime
pause_between(double per_second)
{
	double		pause = (double) GOV_SECOND / per_second;

	return pause > (double) LONGEST_PAUSE ? LONGEST_PAUSE : (GovTime) pause;
}

/* How far ahead of the even schedule places may be taken. */
static GovTime
tolerance(double per_second)
{
	GovTime		burst = GOV_SECOND / 10 - pause_between(per_second);

	return burst > 0 ? burst : 0;
}

GovTime
gov_pace_ready_at(const GovPace *pace, double per_second)
{
	if (per_second <= 0)
		return 0;
	return pace->next - tolerance(per_second);
}

bool
gov_pace_take(GovPace *pace, double per_second, GovTime now)
{
	if (per_second <= 0)
		return true;
	if (now < gov_pace_ready_at(pace, per_second))
		return false;
	pace->next = (pace->next > now ? pace->next : now) + pause_between(per_second);
	return true;
}
