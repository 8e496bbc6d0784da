/*-------------------------------------------------------------------------
 *
 * governor.h
 *		The worker that looks at all sessions and asks the stale ones to end.
 *
 * IDENTIFICATION
 *	  src/actors/governor.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_GOVERNOR_H
#define GOV_GOVERNOR_H

/* Registers the worker with the postmaster.  Called once by _PG_init. */
extern void gov_governor_install(void);

/* The worker itself. */
extern PGDLLEXPORT void gov_governor_main(Datum argument);

#endif							/* GOV_GOVERNOR_H */
