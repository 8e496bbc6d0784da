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

GovVerdict
gov_staleness_judge(const GovActivity *activity, const GovClass *limits,
					GovTime idle_timeout, bool kept_warm, bool surplus)
{
	GovVerdict	verdict = {GOV_REASON_NONE, GOV_NEVER};

	switch (activity->state)
	{
		case GOV_ACTIVITY_IDLE:
			if (activity->keep != GOV_KEEP_NOT)
				break;
			if (limits->paused)
				consider(&verdict, GOV_REASON_PAUSED, activity->state_since);
			if (surplus)
				consider(&verdict, GOV_REASON_SURPLUS, activity->state_since);
			if (!kept_warm)
				consider(&verdict, GOV_REASON_IDLE,
						 gov_time_after(activity->state_since, idle_timeout));
			if (limits->max_lifetime != GOV_NEVER)
			{
				GovTime		end = gov_time_after(activity->session_start, limits->max_lifetime);

				/* old age is no reason before the session has come to rest */
				consider(&verdict, GOV_REASON_LIFETIME,
						 end > activity->state_since ? end : activity->state_since);
			}
			break;

		case GOV_ACTIVITY_IDLE_IN_TRANSACTION:
			if (activity->keep == GOV_KEEP_NOT)
				consider(&verdict, GOV_REASON_IDLE_IN_TRANSACTION,
						 gov_time_after(activity->state_since, limits->idle_in_transaction_timeout));
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
