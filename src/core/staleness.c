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

GovVerdict
gov_staleness_judge(const GovActivity *activity, const GovClass *limits,
					GovTime idle_timeout, bool kept_warm)
{
	GovVerdict	verdict = {GOV_REASON_NONE, GOV_NEVER};

	switch (activity->state)
	{
		case GOV_ACTIVITY_IDLE:
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
			consider(&verdict, GOV_REASON_IDLE_IN_TRANSACTION,
					 gov_time_after(activity->state_since, limits->idle_in_transaction_timeout));
			break;

		case GOV_ACTIVITY_UNKNOWN:
		case GOV_ACTIVITY_STARTING:
		case GOV_ACTIVITY_ACTIVE:
			break;
	}
	return verdict;
}
