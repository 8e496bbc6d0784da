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
#define LONGEST_PAUSE	(INT64_C(10000) * 86400 * GOV_SECOND)

/*
 * How far ahead of the even schedule places may be taken: so that a caller
 * that looks at it only so often still reaches the full rate.
 */
#define TOLERANCE		(GOV_SECOND / 10)

/* Rounded up: a rate is a limit. */
static GovTime
pause_between(double per_second)
{
	double		pause = (double) GOV_SECOND / per_second;
	GovTime		whole;

	if (pause >= (double) LONGEST_PAUSE)
		return LONGEST_PAUSE;
	whole = (GovTime) pause;
	return (double) whole < pause ? whole + 1 : whole;
}

GovTime
gov_pace_ready_at(const GovPace *pace, double per_second)
{
	if (per_second <= 0)
		return 0;
	return pace->next - TOLERANCE;
}

void
gov_pace_ease(GovPace *pace, double per_second, GovTime now)
{
	GovTime		latest;

	if (per_second <= 0)
		return;
	latest = now + pause_between(per_second) + TOLERANCE;
	if (pace->next > latest)
		pace->next = latest;
}

bool
gov_pace_take(GovPace *pace, double per_second, GovTime now)
{
	GovTime		pause;

	if (per_second <= 0)
		return true;

	pause = pause_between(per_second);
	gov_pace_ease(pace, per_second, now);
	if (now < gov_pace_ready_at(pace, per_second))
		return false;
	pace->next = (pace->next > now ? pace->next : now) + pause;
	return true;
}
