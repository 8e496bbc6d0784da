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

/* Who holds a lock that somebody waits for.  The slot is that of its lock group's leader, mostly itself. */
typedef struct Hold
{
	int			slot;
	LOCKMASK	modes;
} Hold;

/* Who waits for it. */
typedef struct Wait
{
	int			slot;
	LOCKMODE	mode;
} Wait;

/* A lock that somebody waits for. */
typedef struct WaitedLock
{
	const LOCKMASK *conflicts;	/* by mode */
	int			holds;			/* where those who hold it begin, and how many there are */
	int			nholds;
	int			waits;
	int			nwaits;
} WaitedLock;

/* What is known of a process.  Bits. */
typedef enum Mark
{
	MARK_MATTERS = 1 << 0,		/* it is asked about, or waits: what it holds may keep others waiting */
	MARK_SEEN = 1 << 1,			/* waiting, in the queue of a lock */
	MARK_IS_IN_WAY = 1 << 2,	/* it holds a lock that somebody waits for, or stands before somebody */
	MARK_REACHED = 1 << 3,		/* it waits for the one who is asked about */
} Mark;

struct GovLockWaits
{
	int			nprocs;			/* all that may wait: the server's own too, but no prepared transaction */
	int			max_holds;
	int			nlocks;
	int			nholds;
	int			nwaits;
	int			nwaiting;
	WaitedLock *locks;
	Hold	   *holds;			/* of the first lock, of the second, and so on */
	Wait	   *waits;			/* the same, in the order of the queue */
	int		   *waiting;		/* slots of those that waited at the first glance */
	uint8	   *marks;			/* Mark bits, by slot */
};

GovLockWaits *
gov_locks_create_waits(void)
{
	GovLockWaits *room = palloc0(sizeof(GovLockWaits));

	room->nprocs = ProcGlobal->allProcCount;
	room->max_holds = 4 * room->nprocs;
	room->locks = palloc(room->nprocs * sizeof(WaitedLock));
	room->holds = palloc(room->max_holds * sizeof(Hold));
	room->waits = palloc(room->nprocs * sizeof(Wait));
	room->waiting = palloc(room->nprocs * sizeof(int));
	room->marks = palloc(room->nprocs * sizeof(uint8));
	return room;
}

/* -1 for a prepared transaction, which holds locks and is no process. */
static int
slot_of(const GovLockWaits *room, const PGPROC *proc)
{
	int			slot = proc - ProcGlobal->allProcs;

	return slot < room->nprocs ? slot : -1;
}

/* A glance at who waits, without a lock; true if anybody does. */
static bool
find_waiting(GovLockWaits *room)
{
	room->nwaiting = 0;
	for (int slot = 0; slot < room->nprocs; slot++)
	{
		const volatile PGPROC *proc = process(slot);
		PGPROC	   *leader;

		if (proc->waitLock == NULL)
			continue;
		room->waiting[room->nwaiting++] = slot;
		leader = proc->lockGroupLeader;
		room->marks[leader != NULL ? slot_of(room, leader) : slot] |= MARK_MATTERS;
	}
	return room->nwaiting > 0;
}

/* The lock in this partition that a process waits for; NULL: none.  Caller holds the partition's lock. */
static const LOCK *
awaited_in(int slot, int partition)
{
	for (const PROCLOCK *share = gov_proc_first_lock(slot, partition); share != NULL;
		 share = gov_proc_next_lock(slot, partition, share))
	{
		if (share == process(slot)->waitProcLock)
			return share->tag.myLock;
	}
	return NULL;
}

/* Takes down who holds a lock and who waits for it.  Caller holds the lock of its partition. */
static void
take_down(GovLockWaits *room, const LOCK *lock)
{
	WaitedLock *waited = &room->locks[room->nlocks];

	waited->conflicts = GetLockTagsMethodTable(&lock->tag)->conflictTab;
	waited->holds = room->nholds;
	waited->waits = room->nwaits;

	for (const PROCLOCK *share = gov_lock_next_share(lock, NULL); share != NULL;
		 share = gov_lock_next_share(lock, share))
	{
		int			slot = slot_of(room, share->groupLeader);

		if (share->holdMask == 0 || slot < 0 || (room->marks[slot] & MARK_MATTERS) == 0 ||
			room->nholds == room->max_holds)
			continue;
		room->holds[room->nholds].slot = slot;
		room->holds[room->nholds++].modes = share->holdMask;
		room->marks[slot] |= MARK_IS_IN_WAY;
	}

	for (const PGPROC *waiter = gov_lock_next_waiter(lock, NULL); waiter != NULL;
		 waiter = gov_lock_next_waiter(lock, waiter))
	{
		int			slot = slot_of(room, waiter->waitProcLock->groupLeader);

		if (room->nwaits == room->nprocs)
			break;
		room->waits[room->nwaits].slot = slot;
		room->waits[room->nwaits++].mode = waiter->waitLockMode;
		room->marks[slot] |= MARK_IS_IN_WAY;
		room->marks[slot_of(room, waiter)] |= MARK_SEEN;
	}

	waited->nholds = room->nholds - waited->holds;
	waited->nwaits = room->nwaits - waited->waits;
	room->nlocks++;
}

/* Takes down every lock that somebody waits for, one partition of the table after the other. */
static void
take_down_all(GovLockWaits *room)
{
	room->nlocks = room->nholds = room->nwaits = 0;
	for (int partition = 0; partition < NUM_LOCK_PARTITIONS; partition++)
	{
		LWLock	   *partition_lock = LockHashPartitionLockByIndex(partition);

		LWLockAcquire(partition_lock, LW_SHARED);
		for (int i = 0; i < room->nwaiting && room->nlocks < room->nprocs; i++)
		{
			const LOCK *lock;

			if (room->marks[room->waiting[i]] & MARK_SEEN)
				continue;
			lock = awaited_in(room->waiting[i], partition);
			if (lock != NULL)
				take_down(room, lock);
		}
		LWLockRelease(partition_lock);
	}
}

/*
 * Reaches who waits for a lock because of somebody who is reached: one that
 * holds it, or stands before them in its queue.  Returns how many are new.
 */
static int
reach_waiters(GovLockWaits *room, const WaitedLock *lock)
{
	LOCKMASK	against = 0;
	int			n = 0;

	for (int i = lock->holds; i < lock->holds + lock->nholds; i++)
	{
		if (room->marks[room->holds[i].slot] & MARK_REACHED)
			against |= room->holds[i].modes;
	}
	for (int i = lock->waits; i < lock->waits + lock->nwaits; i++)
	{
		const Wait *wait = &room->waits[i];

		if ((room->marks[wait->slot] & MARK_REACHED) == 0)
		{
			if ((lock->conflicts[wait->mode] & against) == 0)
				continue;
			room->marks[wait->slot] |= MARK_REACHED;
			n++;
		}
		against |= LOCKBIT_ON(wait->mode);
	}
	return n;
}

/* How many wait for a process, or for somebody who does, and so on. */
static int
count_waiters_of(GovLockWaits *room, int slot)
{
	int			n = 0;
	int			before = -1;

	if ((room->marks[slot] & MARK_IS_IN_WAY) == 0)
		return 0;
	for (int i = 0; i < room->nprocs; i++)
		room->marks[i] &= ~MARK_REACHED;
	room->marks[slot] |= MARK_REACHED;

	for (int step = 0; step < LONGEST_CHAIN && n > before; step++)
	{
		before = n;
		for (int i = 0; i < room->nlocks; i++)
			n += reach_waiters(room, &room->locks[i]);
	}
	return n;
}

void
gov_locks_count_waiters(GovLockWaits *room, const int *slots, int nslots, int *blocks)
{
	memset(blocks, 0, nslots * sizeof(int));
	if (nslots == 0)
		return;

	memset(room->marks, 0, room->nprocs * sizeof(uint8));
	for (int i = 0; i < nslots; i++)
		room->marks[slots[i]] |= MARK_MATTERS;
	if (!find_waiting(room))
		return;
	take_down_all(room);
	for (int i = 0; i < nslots; i++)
		blocks[i] = count_waiters_of(room, slots[i]);
}
