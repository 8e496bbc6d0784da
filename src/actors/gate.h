/*-------------------------------------------------------------------------
 *
 * gate.h
 *		The gate of a class: a transaction takes a ticket, and gives it back.
 *
 * IDENTIFICATION
 *	  src/actors/gate.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_GATE_ACTOR_H
#define GOV_GATE_ACTOR_H

#include "executor/execdesc.h"

/* Registers what gives a ticket back.  Called once by each backend, at its login, before it can take one. */
extern void gov_gate_watch(void);

/*
 * A statement begins that may be the first of a transaction, and is inside of
 * no other command: takes a ticket, and may wait for it.  Raises 53400 after
 * gate_timeout; whatever cancels or ends a statement ends the wait.  The breaker
 * of the class has been asked, and is asked again after a wait.  `query`
 * is what the executor is about to start, NULL before.  Does nothing inside a
 * transaction that has begun.
 */
extern void gov_gate_begin(QueryDesc *query);

/*
 * A transaction has ended, with `inside` as a part of a command that goes on,
 * which keeps its ticket.  Else it is given back as soon as the transaction's
 * locks are released.  Never errors.
 */
extern void gov_gate_end(bool inside);

#endif							/* GOV_GATE_ACTOR_H */
