/*-------------------------------------------------------------------------
 *
 * shmem.h
 *		Shared memory as a whole: its sizes, its locks and their order.
 *
 * Each module of src/state owns what it has in shared memory:
 *
 *		struct				file		lock					lock guards
 *		GovPolicyStore		policy.c	GOV_LOCK_POLICY			the policy in force, the load protocol
 *										GOV_LOCK_POLICY_FILE	the file of the policy
 *		GovRegistry, slots	registry.c	GOV_LOCK_SESSIONS		who is in which slot, counts per class
 *		GovQueue			queue.c		GOV_LOCK_SESSIONS		who waits, what admissions are held against
 *		GovVersions			versions.c	GOV_LOCK_VERSIONS		which versions of functions have logged in
 *		GovCounters			ledger.c	none					(atomics)
 *		GovEventRing		ledger.c	GOV_LOCK_EVENTS			the ring of events
 *		GovGuards			breakers.c	none					which breaker guards a class (atomics)
 *		BreakerSlot, RateSlot	breakers.c	one of its own for each	that breaker, that rate limit
 *		GovGate				gate.c		one of its own for each	who waits at that class's gate (tickets are atomics)
 *		GovPeers			peers.c		none					what is known of each peer; the governor alone writes
 *		GovPulse			pulse.c		GOV_LOCK_PULSE			the governor's latch and its statistics
 *
 * Lock order: file -> policy -> sessions -> a breaker's -> a gate's -> versions
 * -> events, and pulse is last.  A new policy is given to the breakers under the
 * policy lock; else no code holds two of the last seven today, and whoever needs
 * to must keep this order.
 * Nothing sleeps, allocates, raises or reads a catalog while it holds one.  Two
 * things are done under a lock that are not memory alone: actors/reclaim.c sends
 * a signal under the sessions lock, and a latch is set under the lock that keeps
 * it in place.  The file lock is for whoever writes the file, which is done
 * under it: only a policy loader and the governor ever wait for it.
 *
 * After a crash the postmaster builds everything anew, so no pointer into
 * shared memory outlives a shmem_startup_hook.
 *
 * IDENTIFICATION
 *	  src/state/shmem.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_SHMEM_H
#define GOV_SHMEM_H

#include "storage/lwlock.h"

typedef enum GovLock
{
	GOV_LOCK_POLICY,
	GOV_LOCK_SESSIONS,
	GOV_LOCK_EVENTS,
	GOV_LOCK_PULSE,
	GOV_LOCK_POLICY_FILE,
	GOV_LOCK_VERSIONS,
} GovLock;

#define GOV_LOCK_COUNT	(GOV_LOCK_VERSIONS + 1)

/*
 * Hooks into the reservation and the start of shared memory.  Called once by
 * _PG_init in the postmaster.
 */
extern void gov_shmem_install(void);

/* Whether this server has our shared memory: it does if we were preloaded. */
extern bool gov_shmem_ready(void);

/* Raises 55000, with the line to add, unless gov_shmem_ready(). */
extern void gov_shmem_require(void);

extern LWLock *gov_shmem_lock(GovLock lock);

#endif							/* GOV_SHMEM_H */
