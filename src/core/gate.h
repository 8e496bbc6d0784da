/*-------------------------------------------------------------------------
 *
 * gate.h
 *		How many transactions of a class may run, and what one does that may
 *		not run yet.
 *
 * IDENTIFICATION
 *	  src/core/gate.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_GATE_CORE_H
#define GOV_GATE_CORE_H

#include "core/policy_data.h"

/*
 * The limit in force for a class; 0: there is no gate.  The one place that
 * says so: a limit that adapts itself goes here.
 */
static inline int
gov_gate_limit(const GovClass *class)
{
	return class->used ? class->max_active : 0;
}

/*
 * Whether a newcomer may take a ticket at once.  Not while others wait, also
 * if one is free: they came before it.
 */
static inline bool
gov_gate_may_take(uint32_t held, uint32_t waiting, uint32_t limit)
{
	return waiting == 0 && held < limit;
}

/*
 * Whether a ticket that is given back goes to the first who waits.  One that
 * is above the limit, after a pass or since the limit was lowered, is gone.
 */
static inline bool
gov_gate_hands_over(uint32_t held, uint32_t waiting, uint32_t limit)
{
	return waiting > 0 && held <= limit;
}

/* Whether the first who waits gets a ticket that is free. */
static inline bool
gov_gate_lets_in(uint32_t held, uint32_t waiting, uint32_t limit)
{
	return waiting > 0 && held < limit;
}

/* What somebody who waits does next. */
typedef enum GovGateStep
{
	GOV_GATE_WAIT,				/* until look_at, or until somebody wakes it */
	GOV_GATE_SEARCH,			/* look whether it blocks one who holds a ticket */
	GOV_GATE_TIME_OUT,			/* gate_timeout is over */
} GovGateStep;

/* How one waits. */
typedef struct GovGateWait
{
	GovTime		began;
	GovTime		timeout;		/* 0: it does not wait at all */
	GovTime		first_search;	/* after how long; then at doubling distances */
	int			searches;		/* made so far */
} GovGateWait;

/* The longest time between two searches. */
#define GOV_GATE_SEARCH_EVERY	(2 * GOV_SECOND)

/* What to do now; look_at says when to ask again if nothing else happens. */
extern GovGateStep gov_gate_wait(const GovGateWait *wait, GovTime now, GovTime *look_at);

/* When to come again, given how long those wait who wait now: 100 ms to a minute. */
extern GovTime gov_gate_retry_after(GovTime recent_wait);

#endif							/* GOV_GATE_CORE_H */
