/*-------------------------------------------------------------------------
 *
 * locks.c
 *		Who holds advisory locks, as the server's lock table says.
 *
 * Owns: nothing; reads the server's lock table.
 * Runs in: the governor, for sessions that should end; views.
 *
 * A process has a list of its locks for each partition of the table, which
 * the partition's lock guards.  The server's own function for this,
 * GetLockStatusData(), copies every lock of every process.
 *
 * IDENTIFICATION
 *	  src/state/locks.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "state/locks.h"

#include "storage/lock.h"
#include "storage/lwlock.h"

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
				holds[i] = gov_proc_holds_lock(slots[i], partition, LOCKTAG_ADVISORY);
		}
		LWLockRelease(lock);
	}
}
