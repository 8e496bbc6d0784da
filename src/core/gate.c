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

/* How much the latest counts in a mean, and the longest that does. */
#define LATEST_WEIGHT	4
#define LONGEST_SAMPLE	(2 * GOV_GATE_KEEP)

static void
take_into(GovTime *mean, GovTime sample)
{
	if (sample < 1)
		sample = 1;
	if (sample > LONGEST_SAMPLE)
		sample = LONGEST_SAMPLE;
	*mean = *mean == 0 ? sample : *mean + (sample - *mean) / LATEST_WEIGHT;
}

void
gov_gate_turn_begins(GovGateTurn *turn, GovTime now)
{
	turn->began = turn->runs_since = now;
	turn->transactions = 0;
}

void
gov_gate_turn_is_over(GovGateTurn *turn)
{
	turn->left = turn->runs_since = 0;
}

void
gov_gate_turn_pauses(GovGateTurn *turn, GovTime now)
{
	if (turn->runs_since != 0)
		take_into(&turn->runs_for, now - turn->runs_since);
	turn->runs_since = 0;
	turn->left = now;
	turn->transactions++;
}

void
gov_gate_turn_goes_on(GovGateTurn *turn, bool has_ticket, GovTime now)
{
	if (turn->left != 0)
		take_into(&turn->away_for, now - turn->left);
	turn->left = 0;
	turn->runs_since = has_ticket ? now : 0;
}

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
