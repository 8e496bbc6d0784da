/*-------------------------------------------------------------------------
 *
 * gate.c
 *		How many transactions of a class may run, and what one does that may
 *		not run yet.
 *
 * Owns: nothing; pure.                   Runs in: backends.
 *
 * IDENTIFICATION
 *	  src/core/gate.c
 *-------------------------------------------------------------------------
 */
#include "core/gate.h"

#define SHORTEST_RETRY	(100 * GOV_MSEC)
#define LONGEST_RETRY	(60 * GOV_SECOND)

/* When the next search is due: after 1, 3, 7, ... times the first distance, until that is long enough. */
static GovTime
search_at(const GovGateWait *wait)
{
	GovTime		distance = wait->first_search;
	GovTime		at = wait->began;

	for (int i = 0; i < wait->searches; i++)
	{
		at = gov_time_after(at, distance);
		if (distance < GOV_GATE_SEARCH_EVERY / 2)
			distance *= 2;
		else
			distance = GOV_GATE_SEARCH_EVERY;
	}
	return gov_time_after(at, distance);
}

GovGateStep
gov_gate_wait(const GovGateWait *wait, GovTime now, GovTime *look_at)
{
	GovTime		end = gov_time_after(wait->began, wait->timeout);
	GovTime		search = search_at(wait);

	*look_at = now;
	if (now >= end)
		return GOV_GATE_TIME_OUT;
	if (now >= search)
		return GOV_GATE_SEARCH;
	*look_at = search < end ? search : end;
	return GOV_GATE_WAIT;
}

GovTime
gov_gate_retry_after(GovTime recent_wait)
{
	if (recent_wait < SHORTEST_RETRY)
		return SHORTEST_RETRY;
	return recent_wait > LONGEST_RETRY ? LONGEST_RETRY : recent_wait;
}
