/*-------------------------------------------------------------------------
 *
 * admit.h
 *		What becomes of a login: admit, evict, queue or refuse.
 *
 * IDENTIFICATION
 *	  src/core/admit.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_ADMIT_H
#define GOV_ADMIT_H

#include "core/core.h"

typedef enum GovDecision
{
	GOV_DECISION_ADMIT,
	GOV_DECISION_EVICT,			/* end one session at rest, then decide again */
	GOV_DECISION_QUEUE,
	GOV_DECISION_REFUSE,
} GovDecision;

/* Why a login is not admitted at once.  Words and columns are made of these names. */
typedef enum GovCause
{
	GOV_CAUSE_NONE,
	GOV_CAUSE_PAUSED,			/* the class is paused */
	GOV_CAUSE_ORDER,			/* others came before and wait still */
	GOV_CAUSE_RATE,				/* connect_rate */
	GOV_CAUSE_MAX_SESSIONS,		/* the class is full */
	GOV_CAUSE_RESERVE,			/* the places that are left are other classes' */
	GOV_CAUSE_SERVER,			/* the server is nearly out of slots */
	GOV_CAUSE_BREAKER,			/* the circuit breaker of the class lets nobody through */
} GovCause;

#define GOV_CAUSE_COUNT	(GOV_CAUSE_BREAKER + 1)

/* All that a decision is made of; counts are without the login itself. */
typedef struct GovAdmitFacts
{
	GovTime		now;

	/* the login */
	bool		is_queued;		/* it has its place in the queue */
	int			ahead;			/* how many wait before it; everybody who waits, if it is not queued */
	GovTime		queued_at;		/* if it is queued */
	bool		only_evicts;	/* it is in the queue to evict; to wait there was no room for it */

	/* its class */
	int			sessions;
	int			max_sessions;	/* 0: no cap */
	int			queue_limit;
	GovTime		queue_timeout;
	bool		paused;
	GovTime		rate_ready_at;	/* when connect_rate admits one */
	GovTime		breaker_ready_at;	/* until when its breaker refuses everybody; 0: it does not */
	GovTime		victim_ready_at;	/* when a session may be ended for it; GOV_NEVER: none is known */

	/* the server */
	int			free_places;	/* usable ones that no session has */
	int			kept_places;	/* more of them, kept for roles like this one's */
	int			reserved_by_others; /* places that other classes keep and do not use now */
	bool		slots_run_short;	/* of process slots there are hardly more than the reserved ones */
} GovAdmitFacts;

typedef struct GovAdmission
{
	GovDecision decision;
	GovCause	cause;			/* of anything but a plain admission */
	bool		timed_out;		/* a refusal: it has waited for queue_timeout */
	GovTime		look_at;		/* queued: when to decide again, if nothing happens before */
} GovAdmission;

/*
 * Decides, in this order: breaker -> others before it -> paused -> pace -> place
 * under the cap and beside the reserves -> evict -> queue -> refuse.  Whoever
 * gets a place that is kept for its like passes those before it.  Nothing is
 * spent by it.  Whoever is queued is refused only when his time is over, or, if he
 * is there just to evict, once nobody is left whom he might.
 */
extern GovAdmission gov_admit_decide(const GovAdmitFacts *facts);

/* The word for a cause, as views and messages show it; "" for none. */
extern const char *gov_cause_name(GovCause cause);

/*
 * After how long to come again: when all who wait would have had a place, at
 * the pace at which sessions have left of late (mean time between two of them,
 * 0: not known).  Between 100 ms and a minute.
 */
extern GovTime gov_admit_retry_after(int waiting, GovTime between_departures);

#endif							/* GOV_ADMIT_H */
