/*-------------------------------------------------------------------------
 *
 * locks.c
 *		Who holds locks, and whom that keeps waiting, as the server's lock table
 *		says.
 *
 * Owns: nothing; reads the server's lock table.
 * Runs in: the governor, for sessions that should end; views; backends that
 * wait at the gate.
 *
 * A process has a list of its locks for each partition of the table, which
 * the partition's lock guards.  The server's own function for this,
 * GetLockStatusData(), copies every lock of every process.
 *
 * Relation locks that conflict with few others are not in the table but with
 * their process.  Whoever wants a lock that conflicts with them puts them into
 * the table before he waits, so a lock that anybody waits for is there.
 *
 * IDENTIFICATION
 *	  src/state/locks.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "state/locks.h"

#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/memutils.h"

/* How many steps a chain of those who wait for each other may have. */
#define LONGEST_CHAIN	16

static bool
holds_advisory(int slot, int partition)
{
	for (const PROCLOCK *lock = gov_proc_first_lock(slot, partition); lock != NULL;
		 lock = gov_proc_next_lock(slot, partition, lock))
	{
		if (lock->holdMask != 0 && lock->tag.myLock->tag.locktag_type == LOCKTAG_ADVISORY)
			return true;
	}
	return false;
}

void
gov_locks_find_advisory(const int *slots, int nslots, bool *holds)
{
	memset(holds, 0, nslots * sizeof(bool));
	if (nslots == 0)
		return;

	for (int partition = 0; partition < NUM_LOCK_PARTITIONS; partition++)
	{
		LWLock	   *lock = LockHashPartitionLockByIndex(partition);

		LWLockAcquire(lock, LW_SHARED);
		for (int i = 0; i < nslots; i++)
		{
			if (!holds[i])
				holds[i] = holds_advisory(slots[i], partition);
		}
		LWLockRelease(lock);
	}
}

/* Whether anybody waits for a lock that this process holds, whatever the mode. */
static bool
somebody_waits(int mine)
{
	bool		found = false;

	for (int partition = 0; partition < NUM_LOCK_PARTITIONS && !found; partition++)
	{
		LWLock	   *partition_lock = LockHashPartitionLockByIndex(partition);

		LWLockAcquire(partition_lock, LW_SHARED);
		for (const PROCLOCK *lock = gov_proc_first_lock(mine, partition); lock != NULL && !found;
			 lock = gov_proc_next_lock(mine, partition, lock))
			found = lock->holdMask != 0 && lock->tag.myLock->nRequested > lock->tag.myLock->nGranted;
		LWLockRelease(partition_lock);
	}
	return found;
}

/* What follows is called with all partitions of the table locked. */

static PGPROC *
process(int slot)
{
	return &ProcGlobal->allProcs[slot];
}

/* The locks that a process holds of those that another one waits for; 0: none. */
static LOCKMASK
held_of(int slot, const LOCK *lock)
{
	int			partition = LockHashPartition(LockTagHashCode(&lock->tag));

	for (const PROCLOCK *held = gov_proc_first_lock(slot, partition); held != NULL;
		 held = gov_proc_next_lock(slot, partition, held))
	{
		if (held->tag.myLock == lock)
			return held->holdMask;
	}
	return 0;
}

/*
 * Whether a process that waits does so for another one: for a lock that this
 * one holds, or wants too.  Which of the two who want it comes first is not
 * asked, so a chain may be found that is none.
 */
static bool
waits_for(int waiter, int other)
{
	const LOCK *lock = process(waiter)->waitLock;
	LOCKMASK	conflicts = GetLockTagsMethodTable(&lock->tag)->conflictTab[process(waiter)->waitLockMode];
	LOCKMASK	has = held_of(other, lock);

	if (process(other)->waitLock == lock)
		has |= LOCKBIT_ON(process(other)->waitLockMode);
	return (has & conflicts) != 0;
}

/* Puts a process onto the list of those that wait for us, and whoever it works for. */
static void
reach(int slot, int *reached, int *nreached, bool *is_reached)
{
	PGPROC	   *leader = process(slot)->lockGroupLeader;

	if (!is_reached[slot])
	{
		is_reached[slot] = true;
		reached[(*nreached)++] = slot;
	}
	if (leader != NULL && leader != process(slot))
	{
		slot = leader - ProcGlobal->allProcs;
		if (slot < MaxBackends && !is_reached[slot])
		{
			is_reached[slot] = true;
			reached[(*nreached)++] = slot;
		}
	}
}

/* From us to those who wait for us, to those who wait for them, and so on. */
static bool
search(int mine, bool (*matters) (int slot), int *waiters, int *reached, bool *is_reached)
{
	int			nwaiters = 0;
	int			nreached = 0;
	int			from = 0;

	for (int slot = 0; slot < MaxBackends; slot++)
	{
		is_reached[slot] = false;
		if (process(slot)->waitLock != NULL)
			waiters[nwaiters++] = slot;
	}
	is_reached[mine] = true;
	reached[nreached++] = mine;

	for (int step = 0; step < LONGEST_CHAIN && from < nreached; step++)
	{
		int			until = nreached;

		for (; from < until; from++)
		{
			int			before = nreached;

			for (int i = 0; i < nwaiters; i++)
			{
				if (!is_reached[waiters[i]] && waits_for(waiters[i], reached[from]))
					reach(waiters[i], reached, &nreached, is_reached);
			}
			for (int i = before; i < nreached; i++)
			{
				if (matters(reached[i]))
					return true;
			}
		}
	}
	return false;
}

bool
gov_locks_keep_waiting(bool (*matters) (int slot))
{
	static int *waiters = NULL;
	static int *reached = NULL;
	static bool *is_reached = NULL;
	int			mine = gov_my_proc_number();
	bool		found;

	if (!somebody_waits(mine))
		return false;

	if (waiters == NULL)
		waiters = MemoryContextAlloc(TopMemoryContext, MaxBackends * sizeof(int));
	if (reached == NULL)
		reached = MemoryContextAlloc(TopMemoryContext, MaxBackends * sizeof(int));
	if (is_reached == NULL)
		is_reached = MemoryContextAlloc(TopMemoryContext, MaxBackends * sizeof(bool));

	/* in order, as the server does where it looks at all of them */
	for (int partition = 0; partition < NUM_LOCK_PARTITIONS; partition++)
		LWLockAcquire(LockHashPartitionLockByIndex(partition), LW_SHARED);
	found = search(mine, matters, waiters, reached, is_reached);
	for (int partition = NUM_LOCK_PARTITIONS - 1; partition >= 0; partition--)
		LWLockRelease(LockHashPartitionLockByIndex(partition));
	return found;
}
