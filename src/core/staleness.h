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

#include "core/liveness.h"
#include "core/policy_data.h"
#include "core/reason.h"

/* What a session does, as the server's activity report says; and what else is known of it. */
typedef struct GovActivity
{
	GovActivityState state;
	GovTime		state_since;	/* when it came into this state */
	GovTime		transaction_start;	/* GOV_NEVER: no transaction */
	GovTime		session_start;
	uint32_t	transaction;	/* the transaction's name within the session; 0: none */
	bool		overdue;		/* the block it is in failed by transaction_timeout, and is still open */
	GovKeep		keep;			/* why idle rules leave it alone */
	GovTime		lease_until;	/* the session's own word; 0: it has given none */
	bool		superseded;		/* its instance has newer sessions, and more than it may */
	GovTime		retired_at;		/* since when its version is, or will be; 0: never */
	int			blocks;			/* how many wait on it; 0 also where nobody has looked */
	GovPeer		peer;			/* all 0: nothing is known of it, or its class does not ask */
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

/* The least time between two looks at who waits on a session. */
#define GOV_WAITERS_PAUSE	(100 * GOV_MSEC)

/* So long a client has to end a transaction block that transaction_timeout has made fail. */
#define GOV_ROLLBACK_GRACE	GOV_SECOND

/*
 * What a reason is about: a silence, a transaction, or else the rest that began
 * at state_since.  The same session in another one is another case.
 */
static inline uint64_t
gov_staleness_subject(const GovActivity *activity, GovReason reason)
{
	if (reason == GOV_REASON_UNRESPONSIVE)
		return (uint64_t) activity->peer.silent_since;
	return gov_reason_is_about_transaction(reason) && activity->transaction != 0 ?
		activity->transaction : (uint64_t) activity->state_since;
}

/*
 * Whether a reason that was true of a rest may still be: a lease can have been
 * given anew meanwhile.
 */
static inline bool
gov_staleness_holds(const GovActivity *activity, GovReason reason, GovTime now)
{
	return reason != GOV_REASON_LEASE_EXPIRED ||
		(activity->lease_until != 0 && activity->lease_until <= now);
}

/* How long that has lasted: the time since the peer was heard, the transaction, or the rest. */
extern GovTime gov_staleness_lasted(const GovActivity *activity, GovReason reason, GovTime now);

/*
 * Judges one session by the thresholds of its class.  idle_timeout is the one
 * in force under the present pressure (gov_pressure_scale).  kept_warm: the
 * session is one of those that idle_timeout leaves alone (keep_warm); its
 * lifetime still ends.  surplus: it is one too many in its class.
 *
 * The verdict depends only on the activity, so it holds until the session
 * moves: callers may sleep until the smallest stale_at.  A timeout is over
 * once its full length has passed: at exactly state_since + timeout the
 * session is stale.  Of two reasons the one that comes true first wins; if at
 * the same instant, the one of which more is known: superseded, lease, then the
 * others at rest, idle_blocker before idle_in_transaction, and whatever is
 * about a rest before transaction_timeout.  idle_blocker_timeout counts from
 * the beginning of the rest too, and not from when somebody began to wait.
 * activity->keep stops all reasons but the last and the lease, which is the
 * session's own word.
 */
extern GovVerdict gov_staleness_judge(const GovActivity *activity, const GovClass *limits,
									  GovTime idle_timeout, bool kept_warm, bool surplus);

/*
 * Whether it matters who waits on a session: it has been idle in transaction
 * for idle_blocker_timeout, and no more is needed to make it stale.
 */
extern bool gov_staleness_waiters_matter(const GovActivity *activity, const GovClass *limits, GovTime now);

/*
 * When to look again at a session of a class with idle_blocker_timeout, as no
 * verdict says when somebody will begin to wait on it: once it may have been
 * idle in transaction for so long, and then again and again.
 */
extern GovTime gov_staleness_next_look(const GovActivity *activity, const GovClass *limits, GovTime now);

/*
 * Judges by the peer alone: whatever the session does, and whatever keeps idle
 * rules from ending it, is for nobody once its peer is gone.  Only one that is
 * logging in is left to its login.
 */
extern GovVerdict gov_staleness_judge_peer(const GovActivity *activity, const GovClass *limits);

/*
 * Of the two verdicts the one to act on.  That on the peer is the stronger once
 * it is true: other reasons may be declined because something has arrived.
 */
extern GovVerdict gov_staleness_with_peer(GovVerdict verdict, GovVerdict peer, GovTime now);

static inline bool
gov_verdict_is_stale(GovVerdict verdict, GovTime now)
{
	return verdict.reason != GOV_REASON_NONE && verdict.stale_at <= now;
}

#endif							/* GOV_STALENESS_H */
