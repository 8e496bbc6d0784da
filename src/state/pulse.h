/*-------------------------------------------------------------------------
 *
 * pulse.h
 *		The governor's pulse: how others wake it, and what it tells of itself.
 *
 * IDENTIFICATION
 *	  src/state/pulse.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_PULSE_H
#define GOV_PULSE_H

#include "core/core.h"

typedef struct GovPulseInfo
{
	int			governor_pid;	/* 0: not running */
	GovTime		last_sweep;		/* 0: none yet */
	GovTime		sweep_duration; /* of the last sweep, microseconds */
	uint64		sweeps;
	uint64		repairs;
} GovPulseInfo;

extern Size gov_pulse_shmem_size(void);
extern void gov_pulse_shmem_attach(void *memory, bool is_new);

/* Says that this process is the governor, until it exits; returns false if another one is. */
extern bool gov_pulse_start(void);

/* Wakes the governor if it runs.  Any process; takes the pulse lock shared. */
extern void gov_pulse_wake(void);

/*
 * How often it was woken.  A governor that has seen its latch cannot rely on
 * it until it sleeps: whatever waits in between, for a lock or a page, resets
 * it.  So it takes this number before it looks around, and again before it sleeps.
 */
extern uint32 gov_pulse_calls(void);

/* Whether a governor runs. */
extern bool gov_pulse_beats(void);

/*
 * A dormant governor has nothing to look at and sleeps without a deadline.
 * It says so, looks once more, and sleeps; whoever gives it something to look
 * at does that first and then calls gov_pulse_wake_if_dormant().  Each has a
 * barrier between the two steps, so one of them sees the other.
 */
extern void gov_pulse_set_dormant(bool dormant);
extern void gov_pulse_wake_if_dormant(void);

extern void gov_pulse_note_sweep(GovTime at, GovTime duration);
extern void gov_pulse_note_repairs(int repairs);
extern void gov_pulse_info(GovPulseInfo *info);

#endif							/* GOV_PULSE_H */
