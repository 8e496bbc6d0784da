/*-------------------------------------------------------------------------
 *
 * work.h
 *		What is seen of a session's statements and transactions.
 *
 * IDENTIFICATION
 *	  src/actors/work.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_WORK_H
#define GOV_WORK_H

/* Hooks into utility statements and function calls.  Called once by _PG_init. */
extern void gov_work_install(void);

/*
 * Watches this session from here on; application_name is what it logged in
 * with.  Called once, at login, after the slot was claimed.
 */
extern void gov_work_watch(const char *application_name);

/* How often this session was told to forget everything (DISCARD ALL). */
extern uint32 gov_work_discards(void);

#endif							/* GOV_WORK_H */
