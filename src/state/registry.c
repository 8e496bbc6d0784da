/*-------------------------------------------------------------------------
 *
 * registry.c
 *		Who is connected: a slot for every backend.
 *
 * Owns: GovRegistry in shared memory, and beside it what there is for each backend.
 * Runs in: backends (claim, release), governor (move, sweep), views.
 *
 * Locking: GOV_LOCK_SESSIONS, exclusive to change who is in a slot or in which
 * class it is, shared to read.  It is held for straight-line code only; a
 * whole sweep reads under it in shared mode, which takes well under a
 * millisecond for thousands of sessions.
 *
 * Invariants:
 * (1) pid != 0 iff a living backend owns the slot.
 * (2) of_class[c] is the number of slots with pid != 0 and class_id = c; it is
 *	   a cache that gov_registry_repair() checks.
 * (3) A slot is released by its owner only, before its process is gone; its
 *	   pid cannot be reused before that.
 *
 * IDENTIFICATION
 *	  src/state/registry.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "clock.h"
#include "state/queue.h"
#include "state/registry.h"
#include "state/shmem.h"

#include "common/hashfn.h"
#include "storage/ipc.h"

typedef struct GovRegistry
{
	uint64_t	generation;		/* of the policy by which sessions are classified */
	uint64		seed;			/* of the keys: which names share one cannot be known outside */
	pg_atomic_uint32 leases_used;	/* whether a session ever had a lease */
	GovSessionCounts counts;
	pg_atomic_uint32 names_left;	/* whether some slot has a new name for the governor */
} GovRegistry;

static GovRegistry *registry = NULL;

/* One of each per backend, in this order */
static GovSessionSlot *slots = NULL;
static GovSessionFacts *all_facts = NULL;
static char (*details)[GOV_DETAIL_SIZE] = NULL;
static char (*new_names)[GOV_NAME_SIZE] = NULL;

/* Of this backend */
static GovSessionSlot *my_slot = NULL;
static void (*my_on_exit) (GovSessionSlot *slot) = NULL;

/*
 * Ordinary backends, walsenders and background workers all have process
 * numbers below MaxBackends; auxiliary processes have no client.
 */
int
gov_registry_slots(void)
{
	return MaxBackends;
}

static Size
facts_offset(void)
{
	return MAXALIGN(mul_size(MaxBackends, sizeof(GovSessionSlot)));
}

static Size
details_offset(void)
{
	return add_size(facts_offset(),
					MAXALIGN(mul_size(MaxBackends, sizeof(GovSessionFacts))));
}

static Size
new_names_offset(void)
{
	return add_size(details_offset(), mul_size(MaxBackends, GOV_DETAIL_SIZE));
}

Size
gov_registry_shmem_size(void)
{
	return sizeof(GovRegistry);
}

void
gov_registry_shmem_attach(void *memory, bool is_new)
{
	registry = memory;
	if (!is_new)
		return;

	memset(memory, 0, sizeof(GovRegistry));
	pg_atomic_init_u32(&registry->names_left, 0);
	pg_atomic_init_u32(&registry->leases_used, 0);
	if (!pg_strong_random(&registry->seed, sizeof(registry->seed)))
		registry->seed = (uint64) gov_clock_now();
}

Size
gov_registry_slots_shmem_size(void)
{
	return add_size(new_names_offset(), mul_size(MaxBackends, GOV_NAME_SIZE));
}

void
gov_registry_slots_shmem_attach(void *memory, bool is_new)
{
	slots = memory;
	all_facts = (GovSessionFacts *) ((char *) memory + facts_offset());
	details = (char (*)[GOV_DETAIL_SIZE]) ((char *) memory + details_offset());
	new_names = (char (*)[GOV_NAME_SIZE]) ((char *) memory + new_names_offset());
	if (!is_new)
		return;

	memset(memory, 0, gov_registry_slots_shmem_size());
	for (int i = 0; i < MaxBackends; i++)
	{
		slots[i].class_id = GOV_NO_CLASS;
		pg_atomic_init_u64(&slots[i].request, 0);
		pg_atomic_init_u64(&slots[i].request_subject, 0);
		pg_atomic_init_u64(&slots[i].transaction_end, 0);
		pg_atomic_init_u32(&slots[i].traits, 0);
		pg_atomic_init_u64(&slots[i].lease_until, 0);
	}
}

GovSessionSlot *
gov_registry_slot(int slot)
{
	return &slots[slot];
}

const GovSessionFacts *
gov_registry_facts(int slot)
{
	return &all_facts[slot];
}

GovSessionSlot *
gov_registry_mine(void)
{
	return my_slot;
}

char *
gov_registry_detail(int slot)
{
	return details[slot];
}

/* Counts a session in or out. */
static void
count(const GovSessionSlot *slot, GovSessionCounts *counts, int by)
{
	if (slot->waits)
		return;
	if (slot->exemption != GOV_EXEMPT_REPLICATION)
		counts->clients += by;
	if (slot->class_id != GOV_NO_CLASS)
		counts->of_class[slot->class_id] += by;
}

void
gov_registry_tally(const GovSessionSlot *slot, GovSessionCounts *counts)
{
	count(slot, counts, 1);
}

bool
gov_registry_counts_are(const GovSessionCounts *counts)
{
	return memcmp(counts, &registry->counts, sizeof(*counts)) == 0;
}

/* before_shmem_exit callback; runs however the backend ends, and does nothing without a slot. */
static void
release(int code, Datum arg)
{
	GovSessionSlot *slot = my_slot;

	if (slot == NULL)
		return;
	if (my_on_exit)
		my_on_exit(slot);
	my_slot = NULL;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	count(slot, &registry->counts, -1);
	if (slot->waits)
		gov_queue_forget(slot - slots, slot->class_id);
	else
		gov_queue_place_is_free(slot->class_id);
	slot->pid = 0;
	slot->waits = false;
	slot->class_id = GOV_NO_CLASS;
	slot->activity = NULL;
	slot->has_new_name = false;
	pg_atomic_write_u64(&slot->request, 0);
	if (slot->asker)
		SetLatch(slot->asker);
	slot->asker = NULL;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

static uint64
hash(const void *bytes, int length, uint64 seed)
{
	uint64		key = hash_bytes_extended(bytes, length, seed);

	return key != 0 ? key : 1;
}

static uint64
hash_text(const char *text, uint64 seed)
{
	/* with its end, so that no two parts run into each other */
	return hash((const void *) text, strlen(text) + 1, seed);
}

/*
 * An identity that was cut may have lost a part of its version, too, which
 * would then be compared with whole ones.
 */
GovSessionKeys
gov_registry_keys(const GovSessionFacts *facts)
{
	const GovIdentity *identity = &facts->identity;
	GovSessionKeys keys = {0};
	uint64		function;
	uint64		version;

	if (!identity->present)
		return keys;
	function = hash(&facts->role_oid, sizeof(facts->role_oid), registry->seed);
	function = hash_text(facts->database, function);
	function = hash_text(identity->platform, function);
	function = hash_text(identity->function, function);
	version = hash_text(identity->version, function);
	if (identity->function[0] && identity->version[0] && !identity->cut)
	{
		keys.function = function;
		keys.version = version;
	}
	if (identity->instance[0])
		keys.instance = hash_text(identity->instance,
								  hash(&facts->client_addr, sizeof(facts->client_addr), version));
	return keys;
}

bool
gov_registry_claim(const GovSessionFacts *facts, GovExemption exemption, int class_id, int rule,
				   uint64_t generation, bool waits, void (*on_exit) (GovSessionSlot *slot))
{
	static bool registered = false;
	int			number = gov_my_proc_number();
	GovSessionSlot *slot = &slots[number];
	GovSessionKeys keys = gov_registry_keys(facts);
	bool		current;

	Assert(my_slot == NULL);
	Assert(number >= 0 && number < MaxBackends);

	if (!registered)
	{
		before_shmem_exit(release, (Datum) 0);
		registered = true;
	}

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	current = registry->generation <= generation;
	if (current)
	{
		memcpy(&all_facts[number], facts, sizeof(GovSessionFacts));
		slot->pid = MyProcPid;
		slot->generation++;
		slot->exemption = exemption;
		slot->class_id = class_id;
		slot->rule = rule;
		slot->waits = waits;
		slot->has_moved = false;
		slot->has_new_name = false;
		slot->activity = MyBEEntry;
		slot->keys = keys;
		pg_atomic_write_u64(&slot->lease_until, 0);
		pg_atomic_write_u64(&slot->request, 0);
		pg_atomic_write_u64(&slot->transaction_end, 0);
		pg_atomic_write_u32(&slot->traits, 0);
		count(slot, &registry->counts, 1);
		my_on_exit = on_exit;
		my_slot = slot;
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return current;
}

void
gov_registry_begin_generation(uint64_t generation)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	registry->generation = generation;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

/* Puts a session into another class.  Caller holds the sessions lock exclusively. */
static void
move(GovSessionSlot *slot, int class_id, int rule)
{
	count(slot, &registry->counts, -1);
	if (slot->class_id != class_id && !slot->waits)
		gov_queue_place_is_free(slot->class_id);
	else if (slot->class_id != class_id && class_id != GOV_NO_CLASS)
		gov_queue_change_class(slot - slots, slot->class_id, class_id);
	else if (slot->class_id != class_id)
	{
		/* its role has become a superuser: it needs no place */
		gov_queue_forget(slot - slots, slot->class_id);
		slot->waits = false;
		SetLatch(&ProcGlobal->allProcs[slot - slots].procLatch);
	}
	slot->class_id = class_id;
	slot->rule = rule;
	count(slot, &registry->counts, 1);
}

/*
 * Whether a slot still has the session that was read from it, and what it has
 * said of itself.  Caller holds the sessions lock.
 */
static bool
is_as_read(const GovSession *session)
{
	const GovSessionSlot *slot = &slots[session->slot];
	const GovSessionFacts *facts = &all_facts[session->slot];

	return slot->pid != 0 && slot->generation == session->generation &&
		slot->has_moved == session->has_moved &&
		strcmp(facts->application_name, session->facts.application_name) == 0 &&
		memcmp(&facts->identity, &session->facts.identity, sizeof(GovIdentity)) == 0;
}

bool
gov_registry_move(const GovSession *before, const GovSession *now)
{
	GovSessionSlot *slot = &slots[before->slot];
	bool		here;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	here = is_as_read(before) && slot->class_id == before->class_id;
	if (here)
	{
		strlcpy(all_facts[before->slot].role, now->facts.role, GOV_NAME_SIZE);
		slot->exemption = now->exemption;
		move(slot, now->class_id, now->rule);
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return here;
}

GovRenaming
gov_registry_rename(const GovSession *session, const char *application_name,
					const GovIdentity *identity, GovClassification now, uint64_t generation)
{
	GovSessionSlot *slot = &slots[session->slot];
	GovSessionFacts *facts = &all_facts[session->slot];
	GovSessionFacts renamed = session->facts;
	GovSessionKeys keys;
	GovRenaming result = GOV_RENAMING_DONE;

	renamed.identity = *identity;
	keys = gov_registry_keys(&renamed);

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	if (!is_as_read(session) || slot->exemption != (int8) session->exemption)
		result = GOV_RENAMING_GONE;
	else if (registry->generation > generation || slot->class_id != session->class_id)
		result = GOV_RENAMING_OUTDATED;
	else
	{
		strlcpy(facts->application_name, application_name, GOV_NAME_SIZE);
		memcpy(&facts->identity, identity, sizeof(GovIdentity));
		slot->keys = keys;
		if (now.class_id != slot->class_id)
			slot->has_moved = true;
		move(slot, now.class_id, now.position);
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return result;
}

/* Nobody else writes them, so no update can be lost. */
void
gov_registry_set_trait(GovTrait trait, bool on)
{
	uint32		traits = pg_atomic_read_u32(&my_slot->traits);

	pg_atomic_write_u32(&my_slot->traits, on ? traits | trait : traits & ~(uint32) trait);
}

/*
 * The flag comes after the lease, so that whoever sees none of the two is one
 * whom we then see dormant (gov_pulse_wake_if_dormant).
 */
void
gov_registry_set_lease(GovTime until)
{
	pg_atomic_write_u64(&my_slot->lease_until, (uint64) until);
	if (until != 0)
		(void) pg_atomic_exchange_u32(&registry->leases_used, 1);
}

bool
gov_registry_has_lease(uint64 classes)
{
	bool		found = false;

	if (pg_atomic_read_u32(&registry->leases_used) == 0)
		return false;
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	for (int i = 0; i < MaxBackends && !found; i++)
	{
		found = slots[i].pid != 0 && slots[i].class_id != GOV_NO_CLASS &&
			(classes & (UINT64CONST(1) << slots[i].class_id)) != 0 &&
			pg_atomic_read_u64(&slots[i].lease_until) != 0;
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return found;
}

bool
gov_registry_same_instance(int one, uint32 one_generation, int other, uint32 other_generation)
{
	const GovSessionFacts *left = &all_facts[one];
	const GovSessionFacts *right = &all_facts[other];

	return slots[one].pid != 0 && slots[one].generation == one_generation &&
		slots[other].pid != 0 && slots[other].generation == other_generation &&
		left->role_oid == right->role_oid &&
		strcmp(left->database, right->database) == 0 &&
		memcmp(&left->client_addr, &right->client_addr, sizeof(GovAddress)) == 0 &&
		left->identity.instance[0] != '\0' &&
		strcmp(left->identity.platform, right->identity.platform) == 0 &&
		strcmp(left->identity.function, right->identity.function) == 0 &&
		strcmp(left->identity.version, right->identity.version) == 0 &&
		strcmp(left->identity.instance, right->identity.instance) == 0;
}

void
gov_registry_leave_name(const char *application_name)
{
	GovSessionSlot *slot = my_slot;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	strlcpy(new_names[slot - slots], application_name, GOV_NAME_SIZE);
	slot->has_new_name = true;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	pg_atomic_write_u32(&registry->names_left, 1);
}

/* Only its owner sets the flag, so without it there is nothing to lock for. */
void
gov_registry_drop_name(void)
{
	if (!my_slot->has_new_name)
		return;
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	my_slot->has_new_name = false;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

bool
gov_registry_names_left(void)
{
	return pg_atomic_exchange_u32(&registry->names_left, 0) != 0;
}

/* Copies a slot with its facts.  Caller holds the sessions lock. */
static void
copy_session(int number, GovSession *session)
{
	const GovSessionSlot *slot = &slots[number];

	session->slot = number;
	session->pid = slot->pid;
	if (slot->pid == 0)
		return;
	session->generation = slot->generation;
	session->exemption = slot->exemption;
	session->class_id = slot->class_id;
	session->rule = slot->rule;
	session->has_moved = slot->has_moved;
	memcpy(&session->facts, &all_facts[number], sizeof(GovSessionFacts));
}

bool
gov_registry_take_name(int number, GovSession *session, char *application_name)
{
	GovSessionSlot *slot = &slots[number];
	bool		has_new_name;

	/* most have none; one that comes just now is announced, so another look follows */
	if (!((volatile GovSessionSlot *) slot)->has_new_name)
		return false;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	has_new_name = slot->has_new_name;
	if (has_new_name)
	{
		copy_session(number, session);
		strlcpy(application_name, new_names[number], GOV_NAME_SIZE);
		slot->has_new_name = false;
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return has_new_name;
}

bool
gov_registry_read(int number, GovSession *session)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	copy_session(number, session);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return session->pid != 0;
}

int
gov_registry_find(int pid)
{
	int			found = -1;

	if (pid == 0)
		return -1;
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	for (int i = 0; i < MaxBackends && found < 0; i++)
	{
		if (slots[i].pid == pid)
			found = i;
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return found;
}

void
gov_registry_counts(GovSessionCounts *counts)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	*counts = registry->counts;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

const GovSessionCounts *
gov_registry_counts_in_place(void)
{
	return &registry->counts;
}

void
gov_registry_admit(int number)
{
	Assert(slots[number].waits);
	slots[number].waits = false;
	count(&slots[number], &registry->counts, 1);
}

int
gov_registry_class_sessions(int class_id)
{
	int			sessions;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	sessions = registry->counts.of_class[class_id];
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return sessions;
}

int
gov_registry_repair(void)
{
	GovSessionCounts counted = {0};
	int			repaired = 0;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	for (int i = 0; i < MaxBackends; i++)
	{
		if (slots[i].pid != 0)
			count(&slots[i], &counted, 1);
	}
	if (counted.clients != registry->counts.clients)
		repaired++;
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		if (counted.of_class[id] != registry->counts.of_class[id])
			repaired++;
	}
	registry->counts = counted;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return repaired;
}
