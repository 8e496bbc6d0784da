/*-------------------------------------------------------------------------
 *
 * locks.h
 *		Who holds locks, and whom that keeps waiting, as the server's lock table
 *		says.
 *
 * IDENTIFICATION
 *	  src/state/locks.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_LOCKS_H
#define GOV_LOCKS_H

/*
 * Says of each of these slots whether its process holds an advisory lock, of
 * its session or of its transaction: the lock table does not tell them apart.
 * Takes each partition of the server's lock table once in shared mode, none of
 * our locks may be held.  A slot whose process has just changed gets either
 * answer.
 */
extern void gov_locks_find_advisory(const int *slots, int nslots, bool *holds);

/*
 * Whether somebody of whom `matters` is true waits for a lock that this
 * process holds, or for somebody who does, and so on.  Its locks are those of
 * relations, objects, transactions, and advisory ones: any that the table has.
 * Takes the partitions of the table in shared mode: one after the other if
 * nobody waits for this process, else all of them for one look.  May raise an
 * error for want of memory, once.  `matters` is called under those locks, and
 * takes none.
 */
extern bool gov_locks_keep_waiting(bool (*matters) (int slot));

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
typedef struct GovLockWaits GovLockWaits;

extern GovLockWaits *gov_locks_create_waits(void);
extern void gov_locks_count_waiters(GovLockWaits *room, const int *slots, int nslots, int *blocks);

#endif							/* GOV_LOCKS_H */
