/*-------------------------------------------------------------------------
 *
 * reason.c
 *		Why a session is ended: the fixed list.
 *
 * Owns: nothing; pure.                   Runs in: every process, and in
 * signal handlers: no function here may allocate or fail.
 *
 * IDENTIFICATION
 *	  src/core/reason.c
 *-------------------------------------------------------------------------
 */
#include "core/reason.h"

static const struct
{
	const char *name;
	GovActivityState state;
}			reasons[GOV_REASON_COUNT] =
{
	[GOV_REASON_NONE] = {"keep", GOV_ACTIVITY_UNKNOWN},
	[GOV_REASON_IDLE] = {"idle", GOV_ACTIVITY_IDLE},
	[GOV_REASON_IDLE_IN_TRANSACTION] = {"idle_in_transaction", GOV_ACTIVITY_IDLE_IN_TRANSACTION},
	[GOV_REASON_LIFETIME] = {"lifetime", GOV_ACTIVITY_IDLE},
	[GOV_REASON_TRANSACTION_TIMEOUT] = {"transaction_timeout", GOV_ACTIVITY_UNKNOWN},
	[GOV_REASON_EVICTED] = {"evicted", GOV_ACTIVITY_IDLE},
	[GOV_REASON_SURPLUS] = {"surplus", GOV_ACTIVITY_IDLE},
	[GOV_REASON_PAUSED] = {"paused", GOV_ACTIVITY_IDLE},
	[GOV_REASON_IDLE_BLOCKER] = {"idle_blocker", GOV_ACTIVITY_IDLE_IN_TRANSACTION},
	[GOV_REASON_UNRESPONSIVE] = {"unresponsive", GOV_ACTIVITY_UNKNOWN},
	[GOV_REASON_SUPERSEDED] = {"superseded", GOV_ACTIVITY_IDLE},
	[GOV_REASON_LEASE_EXPIRED] = {"lease_expired", GOV_ACTIVITY_IDLE},
	[GOV_REASON_RETIRED] = {"retired", GOV_ACTIVITY_IDLE},
	[GOV_REASON_REQUESTED] = {"requested", GOV_ACTIVITY_IDLE},
};

const char *
gov_activity_name(GovActivityState state)
{
	switch (state)
	{
		case GOV_ACTIVITY_STARTING:
			return "starting";
		case GOV_ACTIVITY_ACTIVE:
			return "active";
		case GOV_ACTIVITY_IDLE:
			return "idle";
		case GOV_ACTIVITY_IDLE_IN_TRANSACTION:
			return "idle in transaction";
		case GOV_ACTIVITY_UNKNOWN:
			break;
	}
	return "";
}

const char *
gov_reason_name(GovReason reason)
{
	return reasons[reason].name;
}

bool
gov_reason_is_about_transaction(GovReason reason)
{
	return reason == GOV_REASON_TRANSACTION_TIMEOUT;
}

const char *
gov_keep_name(GovKeep keep)
{
	switch (keep)
	{
		case GOV_KEEP_LISTENING:
			return "listening";
		case GOV_KEEP_ADVISORY_LOCK:
			return "advisory_lock";
		case GOV_KEEP_NOT:
			break;
	}
	return "keep";
}

GovActivityState
gov_reason_state(GovReason reason)
{
	return reasons[reason].state;
}

bool
gov_reason_allows(GovReason reason, GovActivityState state)
{
	if (reason == GOV_REASON_LEASE_EXPIRED && state == GOV_ACTIVITY_IDLE_IN_TRANSACTION)
		return true;
	return state != GOV_ACTIVITY_UNKNOWN && state == gov_reason_state(reason);
}
