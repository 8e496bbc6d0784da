/*-------------------------------------------------------------------------
 *
 * sweep.h
 *		One look at all sessions, and what is done about it.
 *
 * IDENTIFICATION
 *	  src/actors/sweep.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_SWEEP_H
#define GOV_SWEEP_H

#include "core/core.h"

/* What the governor remembers between two sweeps; lives in its own memory. */
typedef struct GovSweep GovSweep;

typedef struct GovSweepResult
{
	bool		anything_governed;	/* some session can become stale by the thresholds in force */
	GovTime		next_deadline;	/* when the next one does, or may be asked; GOV_NEVER: none */
} GovSweepResult;

/* Allocated in the current memory context, for the life of the governor. */
extern GovSweep *gov_sweep_create(void);

/*
 * Takes a census; asks every session that is stale to end, or, where the mode
 * in force is observe, notes that it would.  Never waits for a victim.  Does
 * nothing but look while another policy is in force than the one of generation
 * `classified_by`: sessions are still in the classes of the one before.
 */
extern GovSweepResult gov_sweep_run(GovSweep *sweep, uint64_t classified_by);

/* Whether there are sessions that could become stale; takes no census. */
extern bool gov_sweep_has_work(GovSweep *sweep);

#endif							/* GOV_SWEEP_H */
