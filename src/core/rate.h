/*-------------------------------------------------------------------------
 *
 * rate.h
 *		So many a second, evenly.
 *
 * IDENTIFICATION
 *	  src/core/rate.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_RATE_H
#define GOV_RATE_H

#include "core/core.h"

/*
 * A pace: one place every 1/rate seconds, with up to a tenth of a second's
 * places at once, so that a caller that looks ten times a second reaches the
 * full rate.  Over any period t it grants at most 1 + rate/10 + rate * t.
 * The algorithm is the generic cell rate algorithm in its virtual scheduling
 * form (ITU-T I.371); all zero is a fresh pace.
 */
typedef struct GovPace
{
	GovTime		next;			/* when the next place falls due if all went evenly */
} GovPace;

/* Takes one place if there is one now.  A rate of 0 or less grants all. */
extern bool gov_pace_take(GovPace *pace, double per_second, GovTime now);

/*
 * After it, the next place is at most one pause away: a rate that was raised,
 * or a clock set back, must not block for long.  gov_pace_take() does this;
 * whoever asks gov_pace_ready_at() instead of taking calls it before.
 */
extern void gov_pace_ease(GovPace *pace, double per_second, GovTime now);

/* When the next place can be taken; `now` or earlier if at once. */
extern GovTime gov_pace_ready_at(const GovPace *pace, double per_second);

#endif							/* GOV_RATE_H */
