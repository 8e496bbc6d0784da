/*-------------------------------------------------------------------------
 *
 * breaker.h
 *		A circuit breaker: whether a call is worth making, by what became of the
 *		last ones.
 *
 *	   +--------+  rate >= threshold, after minimum_calls   +------+
 *	   | closed |------------------------------------------>| open |<---+
 *	   +--------+                                           +------+    |
 *		   ^                                                   |        |
 *		   |  enough good results      +-----------+  first    |        |
 *		   +---------------------------| half_open |<--request-+        |
 *									   +-----------+  after open_for    |
 *											 |   too many bad results   |
 *											 +--------------------------+
 *
 *	forced_open, disabled and metrics_only are entered and left by hand alone.
 *
 * The words and rules are resilience4j's (CircuitBreakerStateMachine): the
 * rates of failed and of slow calls are measured over the last window_size
 * calls, or seconds, and count from minimum_calls on; failed and slow are
 * counted separately, a call may be both.  Half open lets half_open_calls
 * through and decides by their results.  Two rules are for callers that may
 * freeze: a permit that is not answered for half_open_timeout counts as a
 * failure, and results of an earlier period do not count.
 *
 * Nothing runs by itself: what time alone does (a permit expires, a bucket
 * leaves the window) is made up for by the next call of any function here, as
 * of the moment at which it was due.  Closed goes open by a result alone, not
 * because good ones have left the window or a threshold was lowered.
 *
 * A window by time is made of buckets of whole seconds that begin at multiples
 * of their length, as many as cover window_size: of 1 second up to 60, of 2 up
 * to 120, and so on.  It holds the present bucket and the ones before it, so
 * what happened within all of them but one counts, and what is as old as all
 * of them does not: with 10 seconds the last 9 to 10, with 3600 the last 3540
 * to 3600.
 *
 * The clock may be set back: then what lies in the future is taken to be of
 * now, and the window keeps the ages of its buckets, so that nothing lasts
 * longer than it should from now on.
 *
 * IDENTIFICATION
 *	  src/core/breaker.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_BREAKER_H
#define GOV_BREAKER_H

#include "core/core.h"

#define GOV_BREAKER_CALLS		10000	/* largest window_size by count */
#define GOV_BREAKER_SECONDS		3600	/* and by time */
#define GOV_BREAKER_BUCKETS		60		/* of a window by time: whole seconds each */
#define GOV_BREAKER_PERMITS		100		/* largest half_open_calls */
#define GOV_BREAKER_SQLSTATES	32
#define GOV_BREAKER_SQLSTATE_SIZE	6	/* five characters, or a class's two; and the NUL */

/* Numbers as gauges show them. */
typedef enum GovBreakerState
{
	GOV_BREAKER_CLOSED,
	GOV_BREAKER_OPEN,
	GOV_BREAKER_HALF_OPEN,
	GOV_BREAKER_DISABLED,
	GOV_BREAKER_FORCED_OPEN,
	GOV_BREAKER_METRICS_ONLY,
} GovBreakerState;

#define GOV_BREAKER_STATE_COUNT	(GOV_BREAKER_METRICS_ONLY + 1)

typedef enum GovBreakerWindow
{
	GOV_BREAKER_WINDOW_COUNT,
	GOV_BREAKER_WINDOW_TIME,
} GovBreakerWindow;

/*
 * A row of governor.breaker_settings; part of the policy, all unused bytes zero.
 * Sizes are from 1 to the limits above, minimum_calls from 1, durations not
 * negative; nothing here checks that again.
 */
typedef struct GovBreakerSettings
{
	bool		used;
	char		name[GOV_NAME_SIZE];
	char		role[GOV_NAME_SIZE];	/* who may use it; '': everyone */
	GovBreakerWindow window_type;
	int32_t		window_size;	/* calls or seconds */
	int32_t		minimum_calls;	/* by count: at most window_size is asked for */
	int32_t		half_open_calls;
	double		failure_rate;	/* percent, above 0 to 100 */
	GovTime		slow_call_duration; /* longer is slow; GOV_NEVER: none is */
	double		slow_call_rate; /* percent, above 0 to 100 */
	GovTime		open_for;
	GovTime		half_open_timeout;
	int32_t		nsqlstates;		/* 0: those that are failures by default */
	char		sqlstates[GOV_BREAKER_SQLSTATES][GOV_BREAKER_SQLSTATE_SIZE];
} GovBreakerSettings;

/* What was counted in a bucket of a window by time. */
typedef struct GovBreakerBucket
{
	uint32_t	calls;
	uint32_t	failed;
	uint32_t	slow;
} GovBreakerBucket;

typedef struct GovBreakerPermit
{
	uint32_t	serial;			/* that it was given with; 0: it is free */
	bool		settled;		/* its result is in, or it has expired */
	GovTime		given_at;
} GovBreakerPermit;

/* The state of one; made by gov_breaker_init(). */
typedef struct GovBreaker
{
	GovBreakerState state;
	uint32_t	period;			/* grows with each transition */
	uint32_t	serial;			/* of the last permit of this period */
	GovTime		since;			/* of the last transition */
	int64_t		not_permitted;	/* calls refused since init */

	/* the window, while closed or metrics_only */
	GovBreakerWindow window_type;	/* that it is laid out for */
	int32_t		window_size;
	int32_t		calls;			/* sums over it */
	int32_t		failed;
	int32_t		slow;
	int32_t		next;			/* by count: where the next outcome goes; by time: the present bucket */
	int64_t		last_bucket;	/* by time: number of the present one, from time 0 */
	uint8_t		outcomes[(GOV_BREAKER_CALLS + 3) / 4];	/* by count: two bits each */
	GovBreakerBucket buckets[GOV_BREAKER_BUCKETS];	/* by time: a ring that ends at `next` */

	/* while half open; a permit that is given back becomes free again */
	int32_t		results;
	int32_t		results_failed;
	int32_t		results_slow;
	GovBreakerPermit permits[GOV_BREAKER_PERMITS];
} GovBreaker;

/* Why a breaker went from one state into another. */
typedef enum GovBreakerCause
{
	GOV_BREAKER_BY_FAILURES,	/* failure_rate was reached */
	GOV_BREAKER_BY_SLOW_CALLS,	/* slow_call_rate was */
	GOV_BREAKER_BY_TIME,		/* open_for is over and somebody asks */
	GOV_BREAKER_BY_GOOD_RESULTS,
	GOV_BREAKER_BY_HAND,
} GovBreakerCause;

typedef struct GovBreakerChange
{
	GovBreakerState from;
	GovBreakerState to;
	GovBreakerCause cause;
	GovTime		at;				/* when it was due */
	int32_t		calls;			/* what it was decided by, where it was by calls */
	int32_t		failed;
	int32_t		slow;
} GovBreakerChange;

/* One call may find several that were due: half_open -> open -> half_open. */
#define GOV_BREAKER_CHANGES	3

typedef struct GovBreakerChanges
{
	int			n;
	GovBreakerChange changes[GOV_BREAKER_CHANGES];
} GovBreakerChanges;

/* What a view shows of one. */
typedef struct GovBreakerReport
{
	GovBreakerState state;
	int32_t		calls;			/* in the window; half open: results */
	double		failure_rate;	/* percent of them; below 0: not known, too few calls (so always, half open) */
	double		slow_rate;		/* the same */
	GovTime		opened_at;		/* open or forced_open: since when; else GOV_NEVER */
	GovTime		retry_after;	/* how long to wait before the next try; 0: none; GOV_NEVER: not known (forced_open) */
	int32_t		permits_left;	/* half open, or open with open_for over; else -1 */
	int64_t		not_permitted;
} GovBreakerReport;

/*
 * A breaker that is closed and has counted nothing.  Periods begin at the
 * present millisecond, so that permits given out before a restart match none.
 */
extern void gov_breaker_init(GovBreaker *breaker, GovTime now);

/*
 * Asks for a call.  Returns the number of the permit, above 0, which is unique
 * for weeks; or 0 if the call is refused, which is counted.  All functions
 * that take `changes` add to it the transitions that happened, in order; the
 * caller has set n to 0.  Settings may be others than at the last call: the
 * counts are kept where they mean the same (a window by count keeps its latest
 * calls; by time, if its buckets stay as long; otherwise it begins anew).
 */
extern int64_t gov_breaker_allow(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now,
								 GovBreakerChanges *changes);

/*
 * Reports a call.  `permit` is the number that it got; 0: it had none, which
 * counts while closed or metrics_only and else does not.  A permit of another
 * period counts nowhere, and half open neither does one whose result is in, or
 * that has expired or was given back; closed, permits are not kept, so that
 * each report counts.  Returns whether the result counts.
 */
extern bool gov_breaker_record(GovBreaker *breaker, const GovBreakerSettings *settings, int64_t permit,
							   bool success, GovTime duration, GovTime now, GovBreakerChanges *changes);

/*
 * Gives a permit back whose call was not made: half open, another may have it
 * at once.  Ignored where gov_breaker_record() would be.
 */
extern void gov_breaker_give_back(GovBreaker *breaker, const GovBreakerSettings *settings, int64_t permit,
								  GovTime now, GovBreakerChanges *changes);

/* Enters a state by hand, also the one that it is in: a new period, nothing counted. */
extern void gov_breaker_force(GovBreaker *breaker, const GovBreakerSettings *settings, GovBreakerState state,
							  GovTime now, GovBreakerChanges *changes);

/* What it is like now.  Changes nothing but what time has made due. */
extern void gov_breaker_report(GovBreaker *breaker, const GovBreakerSettings *settings, GovTime now,
							   GovBreakerReport *report, GovBreakerChanges *changes);

/*
 * Whether a transaction that failed with this SQLSTATE counts as a failure of
 * what the breaker guards.  By default: classes 53 (insufficient resources), 58
 * (system error), XX (internal error), and 57014 if statement_timeout caused
 * it.  A list of the settings' own replaces them; there 57014 is any cancel.
 */
extern bool gov_breaker_counts_sqlstate(const GovBreakerSettings *settings, const char *sqlstate,
										bool by_statement_timeout);

/* The word for a state; and the state of a word, or -1. */
extern const char *gov_breaker_state_name(GovBreakerState state);
extern int	gov_breaker_state_named(const char *name);

/* A line about a transition, as events show it: "closed -> open: 12 of 20 calls failed". */
extern void gov_breaker_describe(const GovBreakerChange *change, char *text, size_t size);

#endif							/* GOV_BREAKER_H */
