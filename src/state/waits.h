/*-------------------------------------------------------------------------
 *
 * waits.h
 *		How many wait on a session, as the server's lock table says.
 *
 * IDENTIFICATION
 *	  src/state/waits.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_WAITS_H
#define GOV_WAITS_H

/* Room for one look. */
typedef struct GovWaits GovWaits;

/*
 * Says of each of these slots how many wait for its process: for a lock that
 * it holds, behind it in the queue for one, or for somebody who does, and so
 * on.  All that wait count, sessions or not; a parallel query is one.  Takes
 * no lock if nobody in the server waits for one, else each partition of the
 * server's lock table once in shared mode, one after the other; none of our
 * locks may be held.  So whoever waits directly did so at the moment of the
 * look; of chains across several locks the steps are of moments that differ a
 * little.  The number may be too small where very many hold a lock that others
 * wait for, or a chain is very long.  The room for one look is allocated once,
 * in the current memory context.
 */
extern GovWaits *gov_waits_create(void);
extern void gov_waits_count(GovWaits *room, const int *slots, int nslots, int *blocks);

#endif							/* GOV_WAITS_H */
