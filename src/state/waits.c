/*-------------------------------------------------------------------------
 *
 * waits.c
 *		How many wait on a session, as the server's lock table says.
 *
 * Owns: nothing; reads the server's lock table.
 * Runs in: the governor, for sessions that are idle in transaction; views.
 *
 * Locking: the partitions of the lock table, one after the other, in shared
 * mode; what is found there is taken down into memory that was reserved before,
 * and looked at without a lock.  A process is believed to wait for a lock only
 * where that lock is in its own list for a partition, which the partition's
 * lock guards.
 *
 * Relation locks that conflict with few others are not in the table but with
 * their process.  Whoever wants a lock that conflicts with them puts them into
 * the table before he waits, so a lock that anybody waits for is there.
 *
 * IDENTIFICATION
 *	  src/state/waits.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "state/waits.h"

#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

/* How many steps a chain of those who wait for each other may have. */
#define LONGEST_CHAIN	16

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

struct GovWaits
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

static PGPROC *
process(int slot)
{
	return &ProcGlobal->allProcs[slot];
}

GovWaits *
gov_waits_create(void)
{
	GovWaits *room = palloc0(sizeof(GovWaits));

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
slot_of(const GovWaits *room, const PGPROC *proc)
{
	int			slot = proc - ProcGlobal->allProcs;

	return slot < room->nprocs ? slot : -1;
}

/* A glance at who waits, without a lock; true if anybody does. */
static bool
find_waiting(GovWaits *room)
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
take_down(GovWaits *room, const LOCK *lock)
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
take_down_all(GovWaits *room)
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
reach_waiters(GovWaits *room, const WaitedLock *lock)
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
count_waiters_of(GovWaits *room, int slot)
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
gov_waits_count(GovWaits *room, const int *slots, int nslots, int *blocks)
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
	{
		/* a view asks about all, which may take long where many wait; no lock is held here */
		CHECK_FOR_INTERRUPTS();
		blocks[i] = count_waiters_of(room, slots[i]);
	}
}
