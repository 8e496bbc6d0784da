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
 * Many who wait at the gate may search at the same time, each of them now and
 * then.  So a search first reads what every process says that it waits for,
 * without a lock; where that can be no chain from the one who searches to one
 * who matters, it ends.  What is read so may be old: nothing follows from it
 * but which processes are looked at, and whether.  Of those that wait, each is
 * reached once, in a group with all who want the same lock in the same mode;
 * of those that are reached, each of their locks is looked at once.
 *
 * IDENTIFICATION
 *	  src/state/locks.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "state/locks.h"

#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/predicate_internals.h"
#include "storage/proc.h"
#include "utils/memutils.h"

/* Processes that may wait for a lock: backends, and on a standby the one that replays, which is none. */
#define PROCESSES		(MaxBackends + NUM_AUXILIARY_PROCS)

/* The parts of a wait event; for a lock, the second is the type of its tag. */
#define EVENT_CLASS(event)	((event) & 0xFF000000U)
#define EVENT_NUMBER(event)	((event) & 0x0000FFFFU)

/* One who waits, or at least did a moment ago. */
typedef struct Waiter
{
	const LOCK *lock;			/* sorted by this and the mode; NULL: it waits for none any more */
	LOCKMODE	mode;
	int			slot;
	int			group_end;		/* of the first of a group: where the next one begins */
	bool		is_reached;		/* the same: all of the group are */
} Waiter;

/* One waits until a transaction of the other one ends, for a snapshot that is safe. */
typedef struct SnapshotWait
{
	int			slot;
	int			pid_of_other;
} SnapshotWait;

/* A search, in memory that this process has needed once. */
static struct
{
	bool		(*matters) (int slot);
	bool		found;
	int			nwaiters;
	Waiter	   *waiters;
	int			nsnapshot_waits;
	SnapshotWait *snapshot_waits;	/* as many as fit */
	int		   *pids;
	int			nreached;
	int		   *reached;
	bool	   *is_reached;
}			chain;

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

static void *
make_room(void *room, Size count, Size size)
{
	return room != NULL ? room : MemoryContextAllocZero(TopMemoryContext, mul_size(count, size));
}

static PGPROC *
process(int slot)
{
	return &ProcGlobal->allProcs[slot];
}

/* Whom a parallel worker works for, or the process itself. */
static int
leader_of(int slot)
{
	const PGPROC *leader = *(PGPROC *volatile *) &process(slot)->lockGroupLeader;

	return leader != NULL ? leader - ProcGlobal->allProcs : slot;
}

static bool
matters(int slot)
{
	return slot < MaxBackends && chain.matters(slot);
}

/* Whether a process at the gate can hold what this one waits for: it has written nothing, and is in no access method. */
static bool
may_wait_for_us(uint32 event)
{
	if (event == WAIT_EVENT_SAFE_SNAPSHOT)
		return true;
	switch ((LockTagType) EVENT_NUMBER(event))
	{
		case LOCKTAG_TRANSACTION:
		case LOCKTAG_TUPLE:
		case LOCKTAG_SPECULATIVE_TOKEN:
		case LOCKTAG_RELATION_EXTEND:
		case LOCKTAG_PAGE:
			return false;
		default:
			return true;
	}
}

static void
note_snapshot_wait(int slot)
{
	int			room = MaxBackends - chain.nsnapshot_waits;
	int			count = GetSafeSnapshotBlockingPids(process(slot)->pid, chain.pids, room);

	for (int i = 0; i < count; i++)
		chain.snapshot_waits[chain.nsnapshot_waits++] = (SnapshotWait) {slot, chain.pids[i]};
}

/*
 * Notes who waits, by what each process says of itself.  Returns whether there
 * can be a chain: one who matters waits, and somebody for what we may hold.
 */
static bool
glance(void)
{
	bool		one_matters = false;
	bool		one_may_wait = false;

	chain.nwaiters = chain.nsnapshot_waits = 0;
	for (int slot = 0; slot < PROCESSES; slot++)
	{
		uint32		event = *(volatile uint32 *) &process(slot)->wait_event_info;

		if (EVENT_CLASS(event) != PG_WAIT_LOCK && event != WAIT_EVENT_SAFE_SNAPSHOT)
			continue;
		one_matters = one_matters || matters(slot) || matters(leader_of(slot));
		one_may_wait = one_may_wait || may_wait_for_us(event);
		if (event == WAIT_EVENT_SAFE_SNAPSHOT)
			note_snapshot_wait(slot);
		else
			chain.waiters[chain.nwaiters++].slot = slot;
	}
	return one_matters && one_may_wait;
}

static bool
waits_for_snapshot_of(int pid)
{
	for (int i = 0; i < chain.nsnapshot_waits; i++)
	{
		if (chain.snapshot_waits[i].pid_of_other == pid)
			return true;
	}
	return false;
}

/* What follows is called with all partitions of the table locked. */

static int
by_lock_and_mode(const void *a, const void *b)
{
	const Waiter *left = a;
	const Waiter *right = b;

	if (left->lock != right->lock)
		return (uintptr_t) left->lock < (uintptr_t) right->lock ? -1 : 1;
	return left->mode - right->mode;
}

static void
group_waiters(void)
{
	int			first = 0;

	for (int i = 0; i < chain.nwaiters; i++)
	{
		Waiter	   *waiter = &chain.waiters[i];

		waiter->lock = process(waiter->slot)->waitLock;
		waiter->mode = process(waiter->slot)->waitLockMode;
		waiter->is_reached = false;
	}
	qsort(chain.waiters, chain.nwaiters, sizeof(Waiter), by_lock_and_mode);
	for (int i = 1; i <= chain.nwaiters; i++)
	{
		if (i == chain.nwaiters || by_lock_and_mode(&chain.waiters[first], &chain.waiters[i]) != 0)
		{
			chain.waiters[first].group_end = i;
			first = i;
		}
	}
}

static void
reach_one(int slot)
{
	if (chain.is_reached[slot])
		return;
	chain.is_reached[slot] = true;
	chain.reached[chain.nreached++] = slot;
	chain.found = chain.found || matters(slot);
}

/* Puts a process onto the list of those that wait for us, and whoever it works for. */
static void
reach(int slot)
{
	reach_one(slot);
	reach_one(leader_of(slot));
}

/* The first of those who wait for a lock. */
static int
first_waiter(const LOCK *lock)
{
	int			low = 0;
	int			high = chain.nwaiters;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if ((uintptr_t) chain.waiters[middle].lock < (uintptr_t) lock)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Reaches all who wait for a lock in a mode that conflicts with one of these. */
static void
reach_waiters(const LOCK *lock, LOCKMASK modes)
{
	const LOCKMASK *conflicts = GetLockTagsMethodTable(&lock->tag)->conflictTab;
	int			next;

	for (int i = first_waiter(lock); i < chain.nwaiters && chain.waiters[i].lock == lock; i = next)
	{
		Waiter	   *group = &chain.waiters[i];

		next = group->group_end;
		if (group->is_reached || (conflicts[group->mode] & modes) == 0)
			continue;
		group->is_reached = true;
		for (int member = i; member < next; member++)
			reach(chain.waiters[member].slot);
	}
}

/*
 * Reaches all who wait for a process: for a lock that it holds, or wants too,
 * or for the end of its transaction.  Which of two who want a lock comes first
 * is not asked, so a chain may be found that is none.
 */
static void
follow(int slot)
{
	const LOCK *wanted = process(slot)->waitLock;

	for (int partition = 0; partition < NUM_LOCK_PARTITIONS; partition++)
	{
		for (const PROCLOCK *held = gov_proc_first_lock(slot, partition); held != NULL;
			 held = gov_proc_next_lock(slot, partition, held))
		{
			if (held->holdMask != 0)
				reach_waiters(held->tag.myLock, held->holdMask);
		}
	}
	if (wanted != NULL)
		reach_waiters(wanted, LOCKBIT_ON(process(slot)->waitLockMode));
	for (int i = 0; i < chain.nsnapshot_waits; i++)
	{
		if (chain.snapshot_waits[i].pid_of_other == process(slot)->pid)
			reach(chain.snapshot_waits[i].slot);
	}
}

/* From us to those who wait for us, to those who wait for them, and so on. */
static void
search(int mine)
{
	group_waiters();
	memset(chain.is_reached, 0, PROCESSES * sizeof(bool));
	chain.found = false;
	chain.is_reached[mine] = true;
	chain.reached[0] = mine;
	chain.nreached = 1;
	for (int i = 0; i < chain.nreached && !chain.found; i++)
		follow(chain.reached[i]);
}

bool
gov_locks_keep_waiting(bool (*matters_to_caller) (int slot))
{
	int			mine = gov_my_proc_number();

	chain.waiters = make_room(chain.waiters, PROCESSES, sizeof(Waiter));
	chain.snapshot_waits = make_room(chain.snapshot_waits, MaxBackends, sizeof(SnapshotWait));
	chain.pids = make_room(chain.pids, MaxBackends, sizeof(int));
	chain.reached = make_room(chain.reached, PROCESSES, sizeof(int));
	chain.is_reached = make_room(chain.is_reached, PROCESSES, sizeof(bool));
	chain.matters = matters_to_caller;

	if (!glance() || (!somebody_waits(mine) && !waits_for_snapshot_of(MyProcPid)))
		return false;

	/* in order, as the server does where it looks at all of them */
	for (int partition = 0; partition < NUM_LOCK_PARTITIONS; partition++)
		LWLockAcquire(LockHashPartitionLockByIndex(partition), LW_SHARED);
	search(mine);
	for (int partition = NUM_LOCK_PARTITIONS - 1; partition >= 0; partition--)
		LWLockRelease(LockHashPartitionLockByIndex(partition));
	return chain.found;
}
