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

#endif							/* GOV_LOCKS_H */
