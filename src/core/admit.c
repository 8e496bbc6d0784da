/*-------------------------------------------------------------------------
 *
 * admit.c
 *		What becomes of a login: admit, evict, queue or refuse.
 *
 * Owns: nothing; pure.                   Runs in: backends, under a lock.
 *
 * IDENTIFICATION
 *	  src/core/admit.c
 *-------------------------------------------------------------------------
 */
#include "core/admit.h"

#define SHORTEST_RETRY	(100 * GOV_MSEC)
#define LONGEST_RETRY	(60 * GOV_SECOND)

static const char *const cause_names[GOV_CAUSE_COUNT] =
{
	[GOV_CAUSE_NONE] = "",
	[GOV_CAUSE_PAUSED] = "paused",
	[GOV_CAUSE_ORDER] = "order",
	[GOV_CAUSE_RATE] = "rate",
	[GOV_CAUSE_MAX_SESSIONS] = "max_sessions",
	[GOV_CAUSE_RESERVE] = "reserve",
	[GOV_CAUSE_SERVER] = "server",
	[GOV_CAUSE_BREAKER] = "breaker",
};

const char *
gov_cause_name(GovCause cause)
{
	return cause_names[cause];
}

static int
places(const GovAdmitFacts *facts)
{
	return facts->free_places + facts->kept_places - facts->reserved_by_others;
}

static bool
is_full(const GovAdmitFacts *facts)
{
	return facts->max_sessions > 0 && facts->sessions >= facts->max_sessions;
}

/* Whether it gets a place that none of those before it could have. */
static bool
passes_others(const GovAdmitFacts *facts)
{
	return facts->free_places <= facts->reserved_by_others && places(facts) > 0 &&
		!facts->paused && facts->rate_ready_at <= facts->now && !is_full(facts);
}

/* Why there is no place for it now; *look_at: when there may be one by the clock alone. */
static GovCause
obstacle(const GovAdmitFacts *facts, GovTime *look_at)
{
	*look_at = GOV_NEVER;
	if (facts->ahead > 0 && !passes_others(facts))
		return GOV_CAUSE_ORDER;
	if (facts->paused)
		return GOV_CAUSE_PAUSED;
	if (facts->rate_ready_at > facts->now)
	{
		*look_at = facts->rate_ready_at;
		return GOV_CAUSE_RATE;
	}
	if (is_full(facts))
	{
		*look_at = facts->victim_ready_at;
		return GOV_CAUSE_MAX_SESSIONS;
	}
	if (places(facts) <= 0)
	{
		*look_at = facts->victim_ready_at;
		return GOV_CAUSE_RESERVE;
	}
	return GOV_CAUSE_NONE;
}

/* Whether ending a session of the class would make the place that is missing. */
static bool
helps_to_evict(const GovAdmitFacts *facts, GovCause cause)
{
	if (facts->victim_ready_at > facts->now)
		return false;

	/* above its cap a class needs more than one to go; the surplus ends by itself */
	if (cause == GOV_CAUSE_MAX_SESSIONS)
		return facts->sessions == facts->max_sessions && places(facts) + 1 > 0;
	return cause == GOV_CAUSE_RESERVE && places(facts) == 0;
}

/* What is to be done about an obstacle: wait, or be refused. */
static GovAdmission
wait_or_refuse(const GovAdmitFacts *facts, GovCause cause, GovTime look_at)
{
	GovAdmission result = {GOV_DECISION_QUEUE, cause, false, look_at};

	if (facts->is_queued)
	{
		GovTime		end = gov_time_after(facts->queued_at, facts->queue_timeout);

		result.timed_out = facts->now >= end;
		if (result.timed_out || facts->only_evicts)
			result.decision = GOV_DECISION_REFUSE;
		if (end < result.look_at)
			result.look_at = end;
		return result;
	}

	if (facts->slots_run_short)
		result.cause = GOV_CAUSE_SERVER;
	if (facts->slots_run_short || facts->ahead >= facts->queue_limit || facts->queue_timeout == 0)
		result.decision = GOV_DECISION_REFUSE;
	return result;
}

GovAdmission
gov_admit_decide(const GovAdmitFacts *facts)
{
	GovAdmission admit = {GOV_DECISION_ADMIT, GOV_CAUSE_NONE, false, GOV_NEVER};
	GovAdmission evict = {GOV_DECISION_EVICT, GOV_CAUSE_NONE, false, GOV_NEVER};
	GovAdmission refuse = {GOV_DECISION_REFUSE, GOV_CAUSE_BREAKER, false, GOV_NEVER};
	GovTime		look_at;
	GovCause	cause;

	/* waiting does not heal what is broken */
	if (facts->now < facts->breaker_ready_at)
		return refuse;
	cause = obstacle(facts, &look_at);
	if (cause == GOV_CAUSE_NONE)
		return admit;
	if (helps_to_evict(facts, cause))
	{
		evict.cause = cause;
		return evict;
	}
	return wait_or_refuse(facts, cause, look_at);
}

GovTime
gov_admit_retry_after(int waiting, GovTime between_departures)
{
	GovTime		after;

	if (between_departures <= 0)
		return GOV_SECOND;
	if (between_departures >= LONGEST_RETRY / (waiting + 1))
		return LONGEST_RETRY;
	after = (waiting + 1) * between_departures;
	return after < SHORTEST_RETRY ? SHORTEST_RETRY : after;
}
