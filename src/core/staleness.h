/*-------------------------------------------------------------------------
 *
 * staleness.h
 *		Whether, why and when a session should end.
 *
 * IDENTIFICATION
 *	  src/core/staleness.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_STALENESS_H
#define GOV_STALENESS_H

#include "core/policy_data.h"
#include "core/reason.h"

/* What a session does, as the server's activity report says. */
typedef struct GovActivity
{
	GovActivityState state;
	GovTime		state_since;	/* when it came into this state */
	GovTime		transaction_start;	/* GOV_NEVER: no transaction */
	GovTime		session_start;
} GovActivity;

/*
 * reason is what the session would be ended for, now or at stale_at; it is
 * stale when stale_at <= now.  stale_at is GOV_NEVER, with GOV_REASON_NONE,
 * while nothing can make the state it is in stale.
 */
typedef struct GovVerdict
{
	GovReason	reason;
	GovTime		stale_at;
} GovVerdict;

/*
 * Judges one session by the thresholds of its class.  idle_timeout is the one
 * in force under the present pressure (gov_pressure_scale).  kept_warm: the
 * session is one of those that idle_timeout leaves alone (keep_warm); its
 * lifetime still ends.
 *
 * The verdict depends only on the activity, so it holds until the session
 * moves: callers may sleep until the smallest stale_at.  A timeout is over
 * once its full length has passed: at exactly state_since + timeout the
 * session is stale.  Of two reasons the one that comes true first wins, idle
 * before lifetime if at the same instant.
 */
extern GovVerdict gov_staleness_judge(const GovActivity *activity, const GovClass *limits,
									  GovTime idle_timeout, bool kept_warm);

static inline bool
gov_verdict_is_stale(GovVerdict verdict, GovTime now)
{
	return verdict.reason != GOV_REASON_NONE && verdict.stale_at <= now;
}

#endif							/* GOV_STALENESS_H */
