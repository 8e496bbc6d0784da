/*-------------------------------------------------------------------------
 *
 * locks.h
 *		Who holds advisory locks, as the server's lock table says.
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

#endif							/* GOV_LOCKS_H */
