/*-------------------------------------------------------------------------
 *
 * victim.h
 *		The victim's side of a reclaim: the only place where a session ends.
 *
 * IDENTIFICATION
 *	  src/actors/victim.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_VICTIM_H
#define GOV_VICTIM_H

#include "state/registry.h"

/* Hooks into the log, to put the reason into the last message.  Called once by _PG_init. */
extern void gov_victim_install(void);

/* Lets this session be asked.  Called once, at login, after the slot was claimed. */
extern void gov_victim_prepare(void);

/* How far the end of a transaction has come. */
typedef enum GovTransactionEnd
{
	GOV_TRANSACTION_ENDING,		/* it is about to commit or to be prepared, and can still fail */
	GOV_TRANSACTION_COMMITTED,	/* or prepared */
	GOV_TRANSACTION_ROLLED_BACK,
} GovTransactionEnd;

/*
 * Keeps what this session has accepted about a transaction from reaching the
 * next one.  Called by the transaction hook.  Raises an error, or ends the
 * session, if a statement of a transaction that is about to commit was told
 * to stop and has not yet.
 */
extern void gov_victim_at_transaction_end(GovTransactionEnd end);

/* Counts and notes this session's end if it was reclaimed.  Given to gov_registry_claim(). */
extern void gov_victim_on_exit(GovSessionSlot *slot);

#endif							/* GOV_VICTIM_H */
