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
 * others wait.  Between them the ticket is kept for it, if its client is prompt.
 *
 * All zero: it has had none.
 */
typedef struct GovGateTurn
{
	GovTime		began;			/* when it got its ticket after a wait */
	uint32_t	transactions;	/* since then */
	GovTime		runs_since;		/* the transaction that runs; 0: not known */
	GovTime		left;			/* when it ended one, and others waited; 0: the next one has come */
	GovTime		runs_for;		/* how long its transactions take, a mean; 0: not known */
	GovTime		away_for;		/* how long its client takes for the next one, the same */
} GovGateTurn;

/* How long a turn is, at most. */
#define GOV_GATE_TURN				(60 * GOV_MSEC)
#define GOV_GATE_TURN_TRANSACTIONS	32

/* How long a ticket is kept at most. */
#define GOV_GATE_KEEP		(4 * GOV_MSEC)

/* A client that is away for no longer is prompt, however short its transactions are. */
#define GOV_GATE_AT_ONCE	(1 * GOV_MSEC)

/* How often the one who watches looks for tickets that were kept for that long, and after how many looks at nothing he stops. */
#define GOV_GATE_WATCH_EVERY	(GOV_GATE_KEEP / 2)
#define GOV_GATE_IDLE_LOOKS		8

/* It has got a ticket after a wait. */
extern void gov_gate_turn_begins(GovGateTurn *turn, GovTime now);

/* It has got a ticket without a wait: what is between two transactions of a turn is not known any more. */
extern void gov_gate_turn_is_over(GovGateTurn *turn);

/* A transaction has ended, and others wait. */
extern void gov_gate_turn_pauses(GovGateTurn *turn, GovTime now);

/* The next one comes; has_ticket: and goes on with the ticket that was kept. */
extern void gov_gate_turn_goes_on(GovGateTurn *turn, bool has_ticket, GovTime now);

/*
 * Whether its client is prompt: it is away for no longer than its transactions
 * run, so that tickets which are kept for such clients are in use half of the
 * time; or it comes back at once.
 */
static inline bool
gov_gate_is_prompt(const GovGateTurn *turn)
{
	return turn->away_for > 0 && turn->away_for < GOV_GATE_KEEP &&
		(turn->away_for <= turn->runs_for || turn->away_for <= GOV_GATE_AT_ONCE);
}

/* How it stands with a gate. */
typedef struct GovGateLoad
{
	uint32_t	held;			/* those that are kept too */
	uint32_t	kept;
	uint32_t	waiting;
	uint32_t	limit;
	uint32_t	processors;		/* of the machine */
	GovTime		recent_wait;	/* how long those waited who waited lately */
	GovTime		timeout;		/* how long one may wait */
} GovGateLoad;

/*
 * How many tickets may be kept at once.  The others are for those who run: a
 * quarter, and as many as there are processors, so that none is idle while
 * clients think.  A limit of one always hands over.
 */
static inline uint32_t
gov_gate_most_kept(uint32_t limit, uint32_t processors)
{
	uint32_t	run = (limit + 3) / 4 > processors ? (limit + 3) / 4 : processors;

	return limit > run ? limit - run : 0;
}

/*
 * How many transactions a turn has.  Where few wait nobody has slept for long,
 * and there is nothing to gain; and a turn is no reason to wait until the
 * timeout.
 */
static inline uint32_t
gov_gate_turn_length(const GovGateLoad *load)
{
	uint32_t	length = 1 + (load->limit > 0 ? load->waiting / load->limit : 0);

	if (load->recent_wait > load->timeout / 4)
		return 1;
	return length < GOV_GATE_TURN_TRANSACTIONS ? length : GOV_GATE_TURN_TRANSACTIONS;
}

/*
 * Whether a ticket that would be handed over is kept for the next transaction
 * of the same backend.
 */
static inline bool
gov_gate_keeps(const GovGateLoad *load, const GovGateTurn *turn, GovTime now)
{
	return gov_gate_hands_over(load->held, load->waiting, load->limit) &&
		load->kept < gov_gate_most_kept(load->limit, load->processors) &&
		gov_gate_is_prompt(turn) && turn->transactions < gov_gate_turn_length(load) &&
		now >= turn->began && now - turn->began < GOV_GATE_TURN;
}

/* Whether a ticket was kept for so long that somebody else gets it; or the clock was set back since. */
static inline bool
gov_gate_kept_too_long(GovTime kept_since, GovTime now)
{
	return kept_since <= now ? now - kept_since >= GOV_GATE_KEEP : kept_since - now > GOV_SECOND;
}

/* Whether a backend goes on with the ticket that was kept for it: not with one above the limit. */
static inline bool
gov_gate_goes_on(uint32_t held, uint32_t limit)
{
	return held <= limit;
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
