/*-------------------------------------------------------------------------
 *
 * gate.c
 *		The tickets of each class: who holds one, and who waits for one.
 *
 * Owns: GovGate in shared memory.        Runs in: backends, governor, views.
 *
 * Locking: how many tickets of a class are held and how many wait for one are
 * one atomic, so that taking and giving back where nobody waits are one
 * exchange each, and no lock.  The class's lock guards its queue.  Whoever
 * changes the number of those who wait holds it, and so does whoever changes
 * the limit; the number that are held may change without it.
 *
 * Invariants:
 * (1) held of a class is the number of slots that HOLD one of its tickets, but
 *	   for a slot that is about to say so or has just said that it does not.
 * (2) waiting of a class is the length of its queue, whenever its lock is free.
 * (3) A newcomer takes a ticket below the limit only, and so does the first
 *	   who waits; held is above the limit only by passes, by what was observed
 *	   only, and since the limit was lowered.
 * (4) Nobody waits while a ticket is free, whenever the class's lock is free:
 *	   whoever gives one back sees, in the exchange by which he does, whether
 *	   somebody waits, and hands it over; whoever begins to wait sees, in the
 *	   exchange by which he does, that none is free.  Whoever drops a ticket
 *	   above the limit looks at the limit again after it, and whoever raises
 *	   the limit looks at what is held after it: one of both sees the other.
 *	   A ticket that is kept is not free: see (6).
 * (5) A ticket belongs to a living process, from the moment it is handed over.
 *	   Between an exchange and the note in the slot nothing can interrupt a
 *	   process but its death by a signal, after which the postmaster makes all
 *	   shared memory anew.  A process that exits drops what it has, after its
 *	   transaction has ended, and leaves the queue.
 * (6) A ticket is kept only while somebody waits and somebody watches, whenever
 *	   the class's lock is free and whoever keeps it has looked again.  He counts
 *	   it as kept, says so in his slot, and looks then whether both are there;
 *	   whoever takes one of them away looks then at what is kept, and takes it
 *	   away or has somebody watch: one of both sees the other.  So nobody waits
 *	   with a ticket kept for longer than GOV_GATE_KEEP and the time until
 *	   the watcher looks; and if that process is stopped, until any other that
 *	   waits looks by itself, which each does now and then.
 * (7) Whoever changes a slot from KEPT, by an exchange, has the ticket: it is
 *	   one of two, the backend itself or one with the class's lock.
 *
 * IDENTIFICATION
 *	  src/state/gate.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "clock.h"
#include "settings.h"
#include "state/gate.h"

#include <unistd.h>

#include "port/atomics.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#define TRANCHE			"pg_governor_gate"
#define NOBODY			(-1)

/* How much the latest wait counts in their mean. */
#define WAIT_WEIGHT		8

/* Bits of ClassGate.gate: the limit, 0 for none; and that it is only observed. */
#define GATE_LIMIT(gate)	((gate) & ~GATE_OBSERVED)
#define GATE_OBSERVED		((uint32) 1 << 31)

/* The parts of ClassGate.count: each is at most MaxBackends, which has 18 bits.  Those that are kept are held too. */
#define HELD(count)			((uint32) ((count) & PART))
#define KEPT(count)			((uint32) (((count) >> 21) & PART))
#define WAITING(count)		((uint32) ((count) >> 42))
#define ONE_HELD			((uint64) 1)
#define ONE_KEPT			((uint64) 1 << 21)
#define ONE_WAITING			((uint64) 1 << 42)
#define PART				(ONE_KEPT - 1)

typedef enum TicketState
{
	TICKET_NONE,
	TICKET_WAITS,
	TICKET_HOLDS,
	TICKET_KEPT,
} TicketState;

/* A ticket's word: its state, and with TICKET_KEPT of which class, so that whoever takes it away knows what he got. */
#define STATE(word)			((TicketState) ((word) & 3))
#define KEPT_OF(class_id)	((uint32) TICKET_KEPT | (uint32) (class_id) << 2)

/* What a backend has.  Written by itself, or under the class's lock while it waits; see also state/gate.h. */
typedef struct Ticket
{
	pg_atomic_uint32 state;		/* STATE(), and see above */
	int			class_id;		/* of its ticket, or of the queue that it is in */
	int			next;			/* behind it in the queue; NOBODY: it is the last */
	int			previous;
	pg_atomic_uint64 kept_since;	/* a GovTime, if it is kept */
	GovGateTurn turn;			/* its own; the rest is too, of one who watches */
	int			idle_looks;
} Ticket;

typedef struct ClassGate
{
	pg_atomic_uint64 count;		/* HELD() and WAITING() */
	pg_atomic_uint32 gate;		/* GATE_LIMIT() and GATE_OBSERVED; written under the lock */
	pg_atomic_uint64 timeout;	/* a GovTime */
	pg_atomic_uint64 recent_wait;	/* the same; a mean, in which a wait may be lost */
	LWLock	   *lock;			/* of what follows, and see above */
	int			first;
	int			last;
	pg_atomic_uint32 watcher;	/* who of them looks after tickets that are kept; written under the lock */
	pg_atomic_uint64 watched_at;	/* a GovTime: when somebody did */
} ClassGate;

/* Each in cache lines of its own: all backends of a class write to one. */
typedef union PaddedGate
{
	ClassGate	class;
	char		padding[PG_CACHE_LINE_SIZE];
} PaddedGate;

/* The same: each backend writes to one, and reads no other's. */
typedef union PaddedTicket
{
	Ticket		ticket;
	char		padding[PG_CACHE_LINE_SIZE];
} PaddedTicket;

typedef struct GovGate
{
	PaddedGate	classes[GOV_MAX_CLASSES];
	uint32		processors;
	PaddedTicket tickets[FLEXIBLE_ARRAY_MEMBER];
} GovGate;

static GovGate *gates = NULL;

/* Whether a ticket may be kept for this backend; if not, it need not look. */
static bool may_be_kept = false;

static Ticket *
ticket_of(int slot)
{
	return &gates->tickets[slot].ticket;
}

Size
gov_gate_shmem_size(void)
{
	return add_size(offsetof(GovGate, tickets), mul_size(MaxBackends, sizeof(PaddedTicket)));
}

void
gov_gate_request_locks(void)
{
	RequestNamedLWLockTranche(TRANCHE, GOV_MAX_CLASSES);
}

void
gov_gate_shmem_attach(void *memory, bool is_new)
{
	LWLockPadded *locks;

	gates = memory;
	if (!is_new)
		return;

	memset(memory, 0, gov_gate_shmem_size());
	locks = GetNamedLWLockTranche(TRANCHE);
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		ClassGate  *class = &gates->classes[id].class;

		pg_atomic_init_u64(&class->count, 0);
		pg_atomic_init_u32(&class->gate, 0);
		pg_atomic_init_u64(&class->timeout, 0);
		pg_atomic_init_u64(&class->recent_wait, 0);
		class->lock = &locks[id].lock;
		class->first = class->last = NOBODY;
		pg_atomic_init_u32(&class->watcher, (uint32) NOBODY);
		pg_atomic_init_u64(&class->watched_at, 0);
	}
	gates->processors = (uint32) Max(sysconf(_SC_NPROCESSORS_ONLN), 1);
	for (int slot = 0; slot < MaxBackends; slot++)
	{
		pg_atomic_init_u32(&ticket_of(slot)->state, TICKET_NONE);
		pg_atomic_init_u64(&ticket_of(slot)->kept_since, 0);
		ticket_of(slot)->next = ticket_of(slot)->previous = NOBODY;
	}
}

static ClassGate *
class_gate(int class_id)
{
	return &gates->classes[class_id].class;
}

static uint32
limit_of(ClassGate *class)
{
	return GATE_LIMIT(pg_atomic_read_u32(&class->gate));
}

static int
watcher_of(ClassGate *class)
{
	return (int) pg_atomic_read_u32(&class->watcher);
}

static Ticket *
my_ticket(void)
{
	return ticket_of(gov_my_proc_number());
}

static TicketState
state_of(const Ticket *ticket)
{
	return STATE(pg_atomic_read_u32(unconstify(pg_atomic_uint32 *, &ticket->state)));
}

static void
hold(Ticket *ticket, int class_id)
{
	ticket->class_id = class_id;
	pg_atomic_write_u32(&ticket->state, TICKET_HOLDS);
}

/* Caller holds the class's lock, as for all that follows here. */
static void
enqueue(ClassGate *class, int slot)
{
	Ticket	   *ticket = ticket_of(slot);

	ticket->next = NOBODY;
	ticket->previous = class->last;
	if (class->last == NOBODY)
		class->first = slot;
	else
		ticket_of(class->last)->next = slot;
	class->last = slot;
}

static void
dequeue(ClassGate *class, int slot)
{
	Ticket	   *ticket = ticket_of(slot);

	if (ticket->previous == NOBODY)
		class->first = ticket->next;
	else
		ticket_of(ticket->previous)->next = ticket->next;
	if (ticket->next == NOBODY)
		class->last = ticket->previous;
	else
		ticket_of(ticket->next)->previous = ticket->previous;
	ticket->next = ticket->previous = NOBODY;
	if (watcher_of(class) == slot)
		pg_atomic_write_u32(&class->watcher, (uint32) NOBODY);
}

static void
wake(int slot)
{
	if (slot != NOBODY)
		SetLatch(&ProcGlobal->allProcs[slot].procLatch);
}

/* The first who waits has a ticket now, which the caller has counted; returns who it is. */
static int
serve_first(ClassGate *class)
{
	int			slot = class->first;

	Assert(slot != NOBODY);
	dequeue(class, slot);
	pg_write_barrier();			/* once he sees it he may enter a queue again */
	pg_atomic_write_u32(&ticket_of(slot)->state, TICKET_HOLDS);
	return slot;
}

/*
 * Whether a ticket of a class was kept for too long, and is the caller's now:
 * he gives it to somebody, or drops it.  GOV_NEVER: however long it was.
 */
static bool
take_away(Ticket *ticket, int class_id, GovTime now)
{
	uint32		kept = KEPT_OF(class_id);

	if (pg_atomic_read_u32(&ticket->state) != kept)
		return false;
	pg_read_barrier();			/* since when, it says before it says that it is kept */
	return gov_gate_kept_too_long((GovTime) pg_atomic_read_u64(&ticket->kept_since), now) &&
		pg_atomic_compare_exchange_u32(&ticket->state, &kept, TICKET_NONE);
}

/*
 * A ticket that is nobody's and still counted, `also` as that: makes it the
 * first one's, or drops it if nobody waits any more.  Returns whom to wake.
 */
static int
hand_over(ClassGate *class, uint64 also)
{
	uint64		count = pg_atomic_read_u64(&class->count);
	bool		hands_over;

	do
	{
		hands_over = gov_gate_hands_over(HELD(count), WAITING(count), limit_of(class));
	} while (!pg_atomic_compare_exchange_u64(&class->count, &count,
											 count - also - (hands_over ? ONE_WAITING : ONE_HELD)));
	return hands_over ? serve_first(class) : NOBODY;
}

/* Hands over all tickets that were kept for too long; GOV_NEVER: all that are kept. */
static void
take_away_all(ClassGate *class, GovTime now)
{
	int			class_id = (int) ((PaddedGate *) class - gates->classes);

	for (int slot = 0; slot < MaxBackends && KEPT(pg_atomic_read_u64(&class->count)) > 0; slot++)
	{
		if (take_away(ticket_of(slot), class_id, now))
			wake(hand_over(class, ONE_KEPT));
	}
}

static void
appoint_watcher(ClassGate *class)
{
	if (class->last != NOBODY && watcher_of(class) == NOBODY)
	{
		pg_atomic_write_u32(&class->watcher, (uint32) class->last);
		ticket_of(class->last)->idle_looks = 0;
		wake(class->last);
	}
}

/*
 * Somebody waits no more, or watches no more.  Tickets may be kept only while
 * there is one who does both.
 */
static void
settle(ClassGate *class)
{
	uint64		count;

	pg_memory_barrier();		/* see invariant (6) */
	count = pg_atomic_read_u64(&class->count);
	if (KEPT(count) == 0)
		return;
	if (WAITING(count) == 0)
		take_away_all(class, GOV_NEVER);
	else
		appoint_watcher(class);
}

/* Lets in those who need not wait any more: below the limit, or all if none is enforced. */
static void
let_in(ClassGate *class)
{
	uint32		gate = pg_atomic_read_u32(&class->gate);
	uint32		limit = GATE_LIMIT(gate);
	bool		enforced = limit > 0 && (gate & GATE_OBSERVED) == 0;
	uint64		count = pg_atomic_read_u64(&class->count);

	while (WAITING(count) > 0 &&
		   (!enforced || gov_gate_lets_in(HELD(count), WAITING(count), limit)))
	{
		if (!pg_atomic_compare_exchange_u64(&class->count, &count, count + ONE_HELD - ONE_WAITING))
			continue;
		wake(serve_first(class));
		count = pg_atomic_read_u64(&class->count);
	}
	settle(class);
}

void
gov_gate_set_limits(const GovPolicy *policy, GovMode mode)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		ClassGate  *class = class_gate(id);
		const GovClass *limits = &policy->classes[id];
		GovMode		in_force = Min(mode, limits->mode);
		uint32		gate = in_force == GOV_MODE_OFF ? 0 : (uint32) gov_gate_limit(limits);

		if (gate != 0 && in_force == GOV_MODE_OBSERVE)
			gate |= GATE_OBSERVED;

		LWLockAcquire(class->lock, LW_EXCLUSIVE);
		pg_atomic_write_u64(&class->timeout, (uint64) limits->gate_timeout);
		pg_atomic_write_u32(&class->gate, gate);
		pg_memory_barrier();	/* see invariant (4) */
		let_in(class);
		LWLockRelease(class->lock);
	}
}

/* What is kept for this backend is so no more. */
static void
drop_kept(Ticket *mine)
{
	ClassGate  *class = class_gate(mine->class_id);
	int			next;

	if (!take_away(mine, mine->class_id, GOV_NEVER))
		return;
	LWLockAcquire(class->lock, LW_EXCLUSIVE);
	next = hand_over(class, ONE_KEPT);
	settle(class);
	LWLockRelease(class->lock);
	wake(next);
}

/* Goes on with the ticket that was kept, unless it was taken away or things have changed. */
static bool
go_on(Ticket *mine, int class_id, uint32 gate, GovMode mode)
{
	ClassGate  *class = class_gate(mine->class_id);
	uint32		kept = KEPT_OF(class_id);

	if (mine->class_id != class_id || mode != GOV_MODE_ENFORCE || (gate & GATE_OBSERVED) != 0 ||
		!gov_gate_goes_on(HELD(pg_atomic_read_u64(&class->count)), GATE_LIMIT(gate)))
	{
		drop_kept(mine);
		return false;
	}
	if (!pg_atomic_compare_exchange_u32(&mine->state, &kept, TICKET_HOLDS))
		return false;
	pg_atomic_fetch_sub_u64(&class->count, ONE_KEPT);
	gov_gate_turn_goes_on(&mine->turn, true, gov_clock_now());
	return true;
}

GovGateTake
gov_gate_take(int class_id, GovMode mode)
{
	ClassGate  *class = class_gate(class_id);
	uint32		gate = pg_atomic_read_u32(&class->gate);
	bool		observed = (gate & GATE_OBSERVED) != 0 || mode == GOV_MODE_OBSERVE;
	bool		may_take;
	uint64		count;

	if (may_be_kept)
	{
		may_be_kept = false;
		if (state_of(my_ticket()) == TICKET_KEPT && go_on(my_ticket(), class_id, gate, mode))
			return GOV_GATE_TAKEN;
	}
	if (gate == 0 || mode == GOV_MODE_OFF)
		return GOV_GATE_OPEN;

	Assert(state_of(my_ticket()) == TICKET_NONE);
	count = pg_atomic_read_u64(&class->count);
	do
	{
		may_take = gov_gate_may_take(HELD(count), WAITING(count), GATE_LIMIT(gate));
		if (!may_take && !observed)
			return GOV_GATE_FULL;
	} while (!pg_atomic_compare_exchange_u64(&class->count, &count, count + ONE_HELD));
	hold(my_ticket(), class_id);
	gov_gate_turn_is_over(&my_ticket()->turn);
	return may_take ? GOV_GATE_TAKEN : GOV_GATE_TAKEN_ABOVE;
}

GovGateTake
gov_gate_enter(int class_id, GovTime now)
{
	ClassGate  *class = class_gate(class_id);
	Ticket	   *mine = my_ticket();
	GovGateTake taken = GOV_GATE_FULL;
	uint32		gate;
	uint64		count;
	uint64		then;

	Assert(state_of(mine) == TICKET_NONE);
	LWLockAcquire(class->lock, LW_EXCLUSIVE);
	gate = pg_atomic_read_u32(&class->gate);
	count = pg_atomic_read_u64(&class->count);
	do
	{
		if (gate == 0 || (gate & GATE_OBSERVED) != 0)
		{
			/* since a moment ago */
			taken = GOV_GATE_OPEN;
			break;
		}
		taken = gov_gate_may_take(HELD(count), WAITING(count), GATE_LIMIT(gate)) ?
			GOV_GATE_TAKEN : GOV_GATE_FULL;
		then = count + (taken == GOV_GATE_TAKEN ? ONE_HELD : ONE_WAITING);
	} while (!pg_atomic_compare_exchange_u64(&class->count, &count, then));

	if (taken == GOV_GATE_TAKEN)
	{
		hold(mine, class_id);
		gov_gate_turn_is_over(&mine->turn);
	}
	else if (taken == GOV_GATE_FULL)
	{
		gov_gate_turn_goes_on(&mine->turn, false, now);
		mine->class_id = class_id;
		pg_atomic_write_u32(&mine->state, TICKET_WAITS);
		enqueue(class, gov_my_proc_number());
	}
	LWLockRelease(class->lock);
	return taken;
}

bool
gov_gate_i_wait(void)
{
	bool		waits = state_of(my_ticket()) == TICKET_WAITS;

	pg_read_barrier();
	return waits;
}

bool
gov_gate_leave(void)
{
	Ticket	   *mine = my_ticket();

	if (state_of(mine) == TICKET_WAITS)
	{
		ClassGate  *class = class_gate(mine->class_id);

		LWLockAcquire(class->lock, LW_EXCLUSIVE);
		if (state_of(mine) == TICKET_WAITS)
		{
			dequeue(class, gov_my_proc_number());
			pg_atomic_fetch_sub_u64(&class->count, ONE_WAITING);
			pg_atomic_write_u32(&mine->state, TICKET_NONE);
			settle(class);
		}
		LWLockRelease(class->lock);
	}
	return state_of(mine) == TICKET_HOLDS;
}

bool
gov_gate_pass(void)
{
	Ticket	   *mine = my_ticket();
	ClassGate  *class = class_gate(mine->class_id);
	bool		passes;

	LWLockAcquire(class->lock, LW_EXCLUSIVE);
	passes = state_of(mine) == TICKET_WAITS;
	if (passes)
	{
		dequeue(class, gov_my_proc_number());
		pg_atomic_fetch_add_u64(&class->count, ONE_HELD - ONE_WAITING);
		pg_atomic_write_u32(&mine->state, TICKET_HOLDS);
		settle(class);
	}
	LWLockRelease(class->lock);
	return passes;
}

/*
 * Keeps the ticket for this backend's next transaction, if it may.  `wanted`:
 * it may, but nobody watches.
 */
static bool
keep(ClassGate *class, Ticket *mine, GovTime now, bool *wanted)
{
	uint64		count = pg_atomic_read_u64(&class->count);

	*wanted = false;
	do
	{
		GovGateLoad load = {
			.held = HELD(count),
			.kept = KEPT(count),
			.waiting = WAITING(count),
			.limit = limit_of(class),
			.processors = gates->processors,
			.recent_wait = (GovTime) pg_atomic_read_u64(&class->recent_wait),
			.timeout = (GovTime) pg_atomic_read_u64(&class->timeout),
		};

		if (!gov_gate_keeps(&load, &mine->turn, now))
			return false;
		if (watcher_of(class) == NOBODY)
		{
			*wanted = true;
			return false;
		}
	} while (!pg_atomic_compare_exchange_u64(&class->count, &count, count + ONE_KEPT));

	may_be_kept = true;
	pg_atomic_write_u64(&mine->kept_since, (uint64) now);
	pg_write_barrier();
	pg_atomic_write_u32(&mine->state, KEPT_OF(mine->class_id));
	pg_memory_barrier();		/* see invariant (6) */
	if (WAITING(pg_atomic_read_u64(&class->count)) == 0 || watcher_of(class) == NOBODY)
		drop_kept(mine);
	return true;
}

/* Others wait: keeps this backend's ticket, or hands it over. */
static void
keep_or_hand_over(ClassGate *class, Ticket *mine)
{
	GovTime		now = gov_clock_now();
	bool		wanted;
	int			next;

	gov_gate_turn_pauses(&mine->turn, now);
	if (keep(class, mine, now, &wanted))
		return;

	pg_atomic_write_u32(&mine->state, TICKET_NONE);
	LWLockAcquire(class->lock, LW_EXCLUSIVE);
	next = hand_over(class, 0);
	if (wanted)
		appoint_watcher(class);
	settle(class);
	LWLockRelease(class->lock);
	wake(next);
}

void
gov_gate_give_back(void)
{
	Ticket	   *mine = my_ticket();
	ClassGate  *class = class_gate(mine->class_id);
	uint64		count;

	Assert(state_of(mine) == TICKET_HOLDS);
	count = pg_atomic_read_u64(&class->count);
	do
	{
		if (gov_gate_hands_over(HELD(count), WAITING(count), limit_of(class)))
		{
			keep_or_hand_over(class, mine);
			return;
		}
		pg_atomic_write_u32(&mine->state, TICKET_NONE);
	} while (!pg_atomic_compare_exchange_u64(&class->count, &count, count - ONE_HELD));

	/* it was above the limit; if that was raised meanwhile, nobody else may know that it is free: see invariant (4) */
	if (WAITING(count) > 0)
	{
		LWLockAcquire(class->lock, LW_EXCLUSIVE);
		let_in(class);
		LWLockRelease(class->lock);
	}
}

void
gov_gate_drop(void)
{
	Ticket	   *mine = my_ticket();

	memset(&mine->turn, 0, sizeof(mine->turn)); /* nothing is kept for whoever exits */
	if (gov_gate_leave())
		gov_gate_give_back();
	drop_kept(mine);
}

GovTime
gov_gate_watch_kept(GovTime now)
{
	Ticket	   *mine = my_ticket();
	ClassGate  *class = class_gate(mine->class_id);
	int			me = gov_my_proc_number();
	bool		idle = KEPT(pg_atomic_read_u64(&class->count)) == 0;

	if (state_of(mine) != TICKET_WAITS ||
		(watcher_of(class) != me &&
		 (idle || !gov_gate_is_unwatched((GovTime) pg_atomic_read_u64(&class->watched_at), now))))
		return GOV_NEVER;

	LWLockAcquire(class->lock, LW_EXCLUSIVE);
	pg_atomic_write_u64(&class->watched_at, (uint64) now);
	take_away_all(class, now);
	if (watcher_of(class) != me && state_of(mine) == TICKET_WAITS)
	{
		/* whoever should have looked is stopped */
		pg_atomic_write_u32(&class->watcher, (uint32) me);
	}
	mine->idle_looks = idle ? mine->idle_looks + 1 : 0;
	if (watcher_of(class) == me && mine->idle_looks >= GOV_GATE_IDLE_LOOKS)
		pg_atomic_write_u32(&class->watcher, (uint32) NOBODY);
	settle(class);
	LWLockRelease(class->lock);
	return watcher_of(class) == me ? now + GOV_GATE_WATCH_EVERY : GOV_NEVER;
}

void
gov_gate_note_wait(int class_id, GovTime waited, GovTime now)
{
	ClassGate  *class = class_gate(class_id);
	GovTime		mean = (GovTime) pg_atomic_read_u64(&class->recent_wait);

	mean += mean == 0 ? waited : (waited - mean) / WAIT_WEIGHT;
	pg_atomic_write_u64(&class->recent_wait, (uint64) Max(mean, 0));
	gov_gate_turn_begins(&my_ticket()->turn, now);
}

bool
gov_gate_holds(int slot)
{
	return state_of(ticket_of(slot)) == TICKET_HOLDS;
}

bool
gov_gate_waits(int slot)
{
	return state_of(ticket_of(slot)) == TICKET_WAITS;
}

void
gov_gate_info(int class_id, GovGateInfo *info)
{
	ClassGate  *class = class_gate(class_id);
	uint64		count = pg_atomic_read_u64(&class->count);

	info->limit = (int) GATE_LIMIT(pg_atomic_read_u32(&class->gate));
	info->held = (int) (HELD(count) - KEPT(count));
	info->kept = (int) KEPT(count);
	info->waiting = (int) WAITING(count);
	info->timeout = (GovTime) pg_atomic_read_u64(&class->timeout);
	info->recent_wait = (GovTime) pg_atomic_read_u64(&class->recent_wait);
}
