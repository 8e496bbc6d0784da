/*-------------------------------------------------------------------------
 *
 * staleness.c
 *		Whether, why and when a session should end.
 *
 * Owns: nothing; pure.                   Runs in: governor, views.
 *
 * IDENTIFICATION
 *	  src/core/staleness.c
 *-------------------------------------------------------------------------
 */
#include "core/staleness.h"

/* Takes over a reason that comes true earlier than the one found so far. */
static void
consider(GovVerdict *verdict, GovReason reason, GovTime stale_at)
{
	if (stale_at < verdict->stale_at)
	{
		verdict->reason = reason;
		verdict->stale_at = stale_at;
	}
}

/*
 * A transaction that has no name cannot be told from the next one, so it is
 * left alone.  A block that has failed has no transaction any more, and only
 * waits for its end.
 */
static void
judge_transaction(GovVerdict *verdict, const GovActivity *activity, const GovClass *limits)
{
	if (limits->transaction_timeout == GOV_NEVER)
		return;
	if (activity->overdue)
		consider(verdict, GOV_REASON_TRANSACTION_TIMEOUT,
				 gov_time_after(activity->state_since, GOV_ROLLBACK_GRACE));
	else if (activity->transaction != 0)
		consider(verdict, GOV_REASON_TRANSACTION_TIMEOUT,
				 gov_time_after(activity->transaction_start, limits->transaction_timeout));
}

GovTime
gov_staleness_lasted(const GovActivity *activity, GovReason reason, GovTime now)
{
	GovTime		since = gov_reason_is_about_transaction(reason) && activity->transaction != 0 ?
		activity->transaction_start : activity->state_since;

	if (reason == GOV_REASON_UNRESPONSIVE)
		since = activity->peer.heard_at;
	return now > since ? now - since : 0;
}

/* Old age and an old promise are no reasons before the session has come to rest. */
static GovTime
once_at_rest(const GovActivity *activity, GovTime at)
{
	return at > activity->state_since ? at : activity->state_since;
}

/* The session has said how long it will be of use. */
static void
judge_lease(GovVerdict *verdict, const GovActivity *activity)
{
	if (activity->lease_until != 0)
		consider(verdict, GOV_REASON_LEASE_EXPIRED, once_at_rest(activity, activity->lease_until));
}

/* A newer version serves: it gets no more rest than under the highest pressure. */
static void
judge_version(GovVerdict *verdict, const GovActivity *activity, const GovClass *limits)
{
	GovTime		rested = gov_time_after(activity->state_since, limits->idle_timeout_floor);

	if (activity->retired_at != 0)
		consider(verdict, GOV_REASON_RETIRED,
				 rested > activity->retired_at ? rested : activity->retired_at);
}

bool
gov_staleness_waiters_matter(const GovActivity *activity, const GovClass *limits, GovTime now)
{
	return limits->idle_blocker_timeout != GOV_NEVER &&
		activity->state == GOV_ACTIVITY_IDLE_IN_TRANSACTION && activity->keep == GOV_KEEP_NOT &&
		gov_time_after(activity->state_since, limits->idle_blocker_timeout) <= now;
}

GovTime
gov_staleness_next_look(const GovActivity *activity, const GovClass *limits, GovTime now)
{
	GovTime		timeout = limits->idle_blocker_timeout;
	GovTime		pause = timeout;

	if (timeout == GOV_NEVER)
		return GOV_NEVER;
	if (gov_staleness_waiters_matter(activity, limits, now))
		pause = timeout / 4;
	else if (activity->state == GOV_ACTIVITY_IDLE_IN_TRANSACTION && activity->keep == GOV_KEEP_NOT)
		return gov_time_after(activity->state_since, timeout);
	return gov_time_after(now, pause > GOV_WAITERS_PAUSE ? pause : GOV_WAITERS_PAUSE);
}

GovVerdict
gov_staleness_judge(const GovActivity *activity, const GovClass *limits,
					GovTime idle_timeout, bool kept_warm, bool surplus)
{
	GovVerdict	verdict = {GOV_REASON_NONE, GOV_NEVER};

	switch (activity->state)
	{
		case GOV_ACTIVITY_IDLE:
			if (activity->superseded && activity->keep == GOV_KEEP_NOT)
				consider(&verdict, GOV_REASON_SUPERSEDED, activity->state_since);
			judge_lease(&verdict, activity);
			if (activity->keep != GOV_KEEP_NOT)
				break;
			if (limits->paused)
				consider(&verdict, GOV_REASON_PAUSED, activity->state_since);
			if (surplus)
				consider(&verdict, GOV_REASON_SURPLUS, activity->state_since);
			judge_version(&verdict, activity, limits);
			if (!kept_warm)
				consider(&verdict, GOV_REASON_IDLE,
						 gov_time_after(activity->state_since, idle_timeout));
			if (limits->max_lifetime != GOV_NEVER)
				consider(&verdict, GOV_REASON_LIFETIME,
						 once_at_rest(activity, gov_time_after(activity->session_start,
															   limits->max_lifetime)));
			break;

		case GOV_ACTIVITY_IDLE_IN_TRANSACTION:
			judge_lease(&verdict, activity);
			if (activity->keep == GOV_KEEP_NOT)
			{
				if (activity->blocks > 0)
					consider(&verdict, GOV_REASON_IDLE_BLOCKER,
							 gov_time_after(activity->state_since, limits->idle_blocker_timeout));
				consider(&verdict, GOV_REASON_IDLE_IN_TRANSACTION,
						 gov_time_after(activity->state_since, limits->idle_in_transaction_timeout));
			}
			judge_transaction(&verdict, activity, limits);
			break;

		case GOV_ACTIVITY_UNKNOWN:
		case GOV_ACTIVITY_STARTING:
			break;

		case GOV_ACTIVITY_ACTIVE:
			judge_transaction(&verdict, activity, limits);
			break;
	}
	return verdict;
}

GovVerdict
gov_staleness_judge_peer(const GovActivity *activity, const GovClass *limits)
{
	GovVerdict	verdict = {GOV_REASON_NONE, GOV_NEVER};

	if (activity->state != GOV_ACTIVITY_STARTING)
		consider(&verdict, GOV_REASON_UNRESPONSIVE,
				 gov_liveness_ends_at(&activity->peer, limits->unresponsive_timeout));
	return verdict;
}

GovVerdict
gov_staleness_with_peer(GovVerdict verdict, GovVerdict peer, GovTime now)
{
	return gov_verdict_is_stale(peer, now) || peer.stale_at < verdict.stale_at ? peer : verdict;
}
