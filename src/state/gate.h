/*-------------------------------------------------------------------------
 *
 * gate.h
 *		The tickets of each class: who holds one, and who waits for one.
 *
 * A ticket lets one transaction run.  Each backend has one state here:
 *
 *				  take: one is free				  give back
 *		  NONE ---------------------------> HOLDS ----------> NONE
 *		   |   take: the class only observes  ^ ^
 *		   |								  | |  take		  give back
 *		   | enter: none is free			  | +------ KEPT <------- HOLDS
 *		   +----------------> WAITS ----------+			  |
 *								|  handed over,			  | taken away
 *								|  let in, pass			  v
 *								+-------------------------> NONE
 *								   leave
 *
 * Transition and the function that performs it:
 *	  NONE -> HOLDS			[gov_gate_take, or gov_gate_enter; itself]
 *	  NONE -> WAITS			[gov_gate_enter; itself]
 *	  WAITS -> HOLDS		[gov_gate_give_back; whoever had the ticket before]
 *							[gov_gate_watch_kept; somebody else who waits, with a
 *							 ticket that was kept for too long]
 *							[gov_gate_set_limits; the governor, when the limit
 *							 was raised or is gone]
 *							[gov_gate_pass; itself, above the limit]
 *	  WAITS -> NONE			[gov_gate_leave; itself, on an error]
 *	  HOLDS -> NONE			[gov_gate_give_back; itself]
 *	  HOLDS -> KEPT			[gov_gate_give_back; itself]
 *	  KEPT -> HOLDS			[gov_gate_take; itself]
 *	  KEPT -> NONE			[gov_gate_watch_kept; somebody who waits]
 *							[settle(); whoever is the last to wait, as he does
 *							 so no more]
 *							[gov_gate_take; itself, if things have changed]
 *	  any -> NONE			[gov_gate_drop; itself, as it exits]
 *
 * First come, first served, by direct hand-over: whoever gives a ticket back
 * makes it the first one's before it wakes him, so one process is woken for
 * each ticket and has nothing left to do.  No newcomer passes those who wait.
 *
 * Whoever has waited has a turn: see core/gate.h.  A ticket that is kept for a
 * backend is not free, and counts as held.  It is kept only while somebody
 * watches: one of those who wait, who looks every few milliseconds and hands
 * over what was kept for too long.  Where he would be needed and is not there,
 * the last in the queue becomes it, who waits longest from now on.
 *
 * IDENTIFICATION
 *	  src/state/gate.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_GATE_STATE_H
#define GOV_GATE_STATE_H

#include "core/gate.h"

/* What became of an attempt to take a ticket. */
typedef enum GovGateTake
{
	GOV_GATE_OPEN,				/* there is no gate, and no ticket */
	GOV_GATE_TAKEN,
	GOV_GATE_TAKEN_ABOVE,		/* taken, and in enforce it would have had to wait */
	GOV_GATE_FULL,				/* none is free; from gov_gate_enter: and now it waits */
} GovGateTake;

/* How a class's gate stands. */
typedef struct GovGateInfo
{
	int			limit;			/* 0: there is none */
	int			held;			/* without those that are kept */
	int			kept;
	int			waiting;
	GovTime		timeout;
	GovTime		recent_wait;	/* how long those waited who waited lately */
} GovGateInfo;

extern Size gov_gate_shmem_size(void);
extern void gov_gate_request_locks(void);
extern void gov_gate_shmem_attach(void *memory, bool is_new);

/*
 * Puts the limits of a policy into force, with the mode of the whole server;
 * whoever waits and need not any more is let in.  Called by the governor.
 */
extern void gov_gate_set_limits(const GovPolicy *policy, GovMode mode);

/*
 * Takes a ticket for this backend, which has none but perhaps one that is kept
 * for it, if one is free; mode: that of the whole server as this process knows
 * it.  Takes no lock unless things have changed since the ticket was kept.
 * Never errors.
 */
extern GovGateTake gov_gate_take(int class_id, GovMode mode);

/* The same, and waits behind those who wait if none is free. */
extern GovGateTake gov_gate_enter(int class_id, GovTime now);

/* Whether this backend still waits.  Takes no lock. */
extern bool gov_gate_i_wait(void);

/* This backend waits no more; returns whether it has a ticket: it may have got one meanwhile. */
extern bool gov_gate_leave(void);

/* Takes a ticket above the limit for this backend, if it still waits; returns whether it did. */
extern bool gov_gate_pass(void);

/*
 * Looks after tickets that are kept, for this backend's class, while it waits;
 * returns when to look again at the latest.
 */
extern GovTime gov_gate_watch_kept(GovTime now);

/*
 * Gives this backend's ticket back, to the first who waits if there is one, or
 * keeps it if its turn goes on.  Never errors.
 */
extern void gov_gate_give_back(void);

/* Both: for whatever this backend has as it exits. */
extern void gov_gate_drop(void);

/* This backend has waited: remembers for how long, for others to be told, and begins its turn. */
extern void gov_gate_note_wait(int class_id, GovTime waited, GovTime now);

/* Whether the backend in a slot holds a ticket, of any class; and whether it waits for one.  Takes no lock. */
extern bool gov_gate_holds(int slot);
extern bool gov_gate_waits(int slot);

extern void gov_gate_info(int class_id, GovGateInfo *info);

#endif							/* GOV_GATE_STATE_H */
