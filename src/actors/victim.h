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

/* Counts and notes this session's end if it was reclaimed.  Given to gov_registry_claim(). */
extern void gov_victim_on_exit(GovSessionSlot *slot);

#endif							/* GOV_VICTIM_H */
