/*-------------------------------------------------------------------------
 *
 * reason.h
 *		Why a session is ended: the fixed list.
 *
 * One table of names serves the views, the events, the messages to clients
 * and the columns reclaimed_<reason> of governor.stat_classes.
 *
 * IDENTIFICATION
 *	  src/core/reason.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_REASON_H
#define GOV_REASON_H

#include "core/core.h"

/* GOV_REASON_NONE is no reason at all: keep the session. */
typedef enum GovReason
{
	GOV_REASON_NONE,
	GOV_REASON_IDLE,			/* rested longer than idle_timeout */
	GOV_REASON_IDLE_IN_TRANSACTION, /* idle_in_transaction_timeout */
	GOV_REASON_LIFETIME,		/* older than max_lifetime, and at rest */
	GOV_REASON_TRANSACTION_TIMEOUT, /* its transaction is older than transaction_timeout */
	GOV_REASON_EVICTED,			/* a newcomer got its place */
	GOV_REASON_SURPLUS,			/* its class has more sessions than its cap */
	GOV_REASON_PAUSED,			/* its class is paused */
	GOV_REASON_IDLE_BLOCKER,	/* idle in transaction while others wait for it */
	GOV_REASON_UNRESPONSIVE,	/* its peer answers no probe */
	GOV_REASON_SUPERSEDED,		/* its instance has connected anew too often */
	GOV_REASON_LEASE_EXPIRED,	/* the time that it asked for is over */
	GOV_REASON_RETIRED,			/* a newer version of its function serves */
	GOV_REASON_REQUESTED,		/* governor.reclaim() */
} GovReason;

#define GOV_REASON_COUNT	(GOV_REASON_REQUESTED + 1)

/* The state a session must still be in when it is ended for a reason. */
typedef enum GovActivityState
{
	GOV_ACTIVITY_UNKNOWN,		/* not reported: track_activities is off */
	GOV_ACTIVITY_STARTING,		/* logging in */
	GOV_ACTIVITY_ACTIVE,
	GOV_ACTIVITY_IDLE,
	GOV_ACTIVITY_IDLE_IN_TRANSACTION,	/* aborted transactions too */
} GovActivityState;

/* The word for a state, as views and messages show it; '' for GOV_ACTIVITY_UNKNOWN. */
extern const char *gov_activity_name(GovActivityState state);

/* The word for a reason, as views and messages show it; "keep" for none. */
extern const char *gov_reason_name(GovReason reason);

/*
 * Whether the reason is about a transaction, at work or idle, and not about a
 * rest: then a request to end names the transaction.
 */
extern bool gov_reason_is_about_transaction(GovReason reason);

/*
 * The state in which a session may be ended for a reason that is about a
 * rest; GOV_ACTIVITY_UNKNOWN for the others.
 */
extern GovActivityState gov_reason_state(GovReason reason);

/*
 * Whether a session in this state may be ended for a reason that is about a
 * rest.  For most that is gov_reason_state() alone; a lease runs out at rest
 * and idle in transaction.
 */
extern bool gov_reason_allows(GovReason reason, GovActivityState state);

/*
 * Why idle rules leave a session alone, whatever their thresholds say: ending
 * it would lose what it is there for.
 */
typedef enum GovKeep
{
	GOV_KEEP_NOT,				/* they do not */
	GOV_KEEP_LISTENING,			/* it has executed LISTEN */
	GOV_KEEP_ADVISORY_LOCK,		/* it holds an advisory lock of its session */
} GovKeep;

/* The word for it, as views show it; "keep" for GOV_KEEP_NOT. */
extern const char *gov_keep_name(GovKeep keep);

#endif							/* GOV_REASON_H */
