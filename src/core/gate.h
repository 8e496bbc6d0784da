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

/*
 * A backend's turn.  A process that has slept for long finds nothing of its own
 * in the processor's caches, and waking it costs a switch; so whoever has waited
 * for a ticket may run several transactions with it, one after the other, while
 * others wait.  Between them the ticket is kept for it, if its client is one
 * that sends the next one soon.
 */
typedef struct GovGateTurn
{
	GovTime		began;			/* when it got its ticket after a wait */
	GovTime		left;			/* when it ended a transaction, and others waited */
	bool		prompt;			/* the next one came soon after it */
} GovGateTurn;

/* How long a turn is: of equal clients each waits as many of them as there are before it for each ticket. */
#define GOV_GATE_TURN		(10 * GOV_MSEC)

/* How long a ticket is kept, and how soon the next transaction of a client comes that has one kept. */
#define GOV_GATE_KEEP		(4 * GOV_MSEC)

/* How often the one who watches looks for tickets that were kept for that long, and after how many looks at nothing he stops. */
#define GOV_GATE_WATCH_EVERY	(GOV_GATE_KEEP / 2)
#define GOV_GATE_IDLE_LOOKS		8

/*
 * Whether a ticket that would be handed over is kept for the next transaction
 * of the same backend.  Never more than half of the tickets are: the others
 * are for those who run.  So a limit of one always hands over.
 */
static inline bool
gov_gate_keeps(uint32_t held, uint32_t kept, uint32_t waiting, uint32_t limit,
			   const GovGateTurn *turn, GovTime now)
{
	return gov_gate_hands_over(held, waiting, limit) && kept < limit / 2 &&
		turn->prompt && now >= turn->began && now - turn->began < GOV_GATE_TURN;
}

/* Whether a backend goes on with the ticket that was kept for it: not with one above the limit. */
static inline bool
gov_gate_goes_on(uint32_t held, uint32_t limit)
{
	return held <= limit;
}

/* A transaction comes that finds no ticket: whether it came soon after the one before. */
static inline bool
gov_gate_is_prompt(const GovGateTurn *turn, GovTime now)
{
	return now >= turn->left && now - turn->left < GOV_GATE_KEEP;
}

/* Whether he who should watch has not done so for long, so that another one who waits does. */
static inline bool
gov_gate_is_unwatched(GovTime watched_at, GovTime now)
{
	return now < watched_at || now - watched_at > 4 * GOV_GATE_KEEP;
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
