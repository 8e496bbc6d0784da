/*-------------------------------------------------------------------------
 *
 * window.h
 *		So many in any period: limits on a rate, several at once.
 *
 * A limit of count/period holds for every period of that length, wherever it
 * begins.  The algorithm is a sliding window over buckets: a period is cut
 * into GOV_WINDOW_BUCKETS of equal length, and what was taken in the present
 * bucket and in as many as can reach into the period before it counts.  So a
 * take counts until its whole bucket has left the period, at most 1/32 of the
 * period too long: never too much is granted, and a saturated limit grants at
 * least 32/33 of its count.
 *
 * IDENTIFICATION
 *	  src/core/window.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_WINDOW_H
#define GOV_WINDOW_H

#include "core/core.h"

#define GOV_WINDOW_LIMITS	4	/* in one list */
#define GOV_WINDOW_BUCKETS	32

/* The longest text of a list, with its NUL. */
#define GOV_WINDOW_TEXT_SIZE	128

/* At most count in any period. */
typedef struct GovLimit
{
	int64_t		count;
	GovTime		period;
} GovLimit;

/* All of them hold; none: no limit. */
typedef struct GovLimits
{
	int64_t		n;
	GovLimit	limits[GOV_WINDOW_LIMITS];
} GovLimits;

/* What was taken; all zero: nothing yet. */
typedef struct GovWindow
{
	int64_t		last;			/* number of the present bucket, counted from time 0 */
	int64_t		used[GOV_WINDOW_BUCKETS + 1];	/* by bucket number, modulo */
} GovWindow;

typedef struct GovWindows
{
	GovWindow	windows[GOV_WINDOW_LIMITS];
} GovWindows;

/*
 * Reads a list such as "150/1s, 6000/60s, 200/10m": counts from 1 to
 * 1,000,000, periods of 1 to 99999 ms, s, m (or min) or h; without a number it
 * is one.  Returns NULL, or what
 * is wrong, in words.
 */
extern const char *gov_window_parse(const char *text, GovLimits *limits);

/*
 * When so many can be taken: at `now` or earlier if at once, GOV_NEVER if the
 * amount is more than some limit's count.
 */
extern GovTime gov_window_ready_at(GovWindows *taken, const GovLimits *limits, int64_t amount,
								   GovTime now);

/* Takes so many if that is possible now. */
extern bool gov_window_take(GovWindows *taken, const GovLimits *limits, int64_t amount, GovTime now);

/* How many could be taken now; INT64_MAX without a limit. */
extern int64_t gov_window_remaining(GovWindows *taken, const GovLimits *limits, GovTime now);

/*
 * Of the limits within a second, the slowest pace, in takes per second; 0 if
 * there is none.  For callers that spread a second's takes evenly.
 */
extern double gov_window_pace(const GovLimits *limits);

#endif							/* GOV_WINDOW_H */
