/*-------------------------------------------------------------------------
 *
 * registry.h
 *		Who is connected: a slot for every backend.
 *
 * IDENTIFICATION
 *	  src/state/registry.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_REGISTRY_H
#define GOV_REGISTRY_H

#include "core/identity.h"
#include "core/policy_data.h"
#include "core/reason.h"
#include "core/rules.h"
#include "core/staleness.h"

#include "port/atomics.h"
#include "storage/latch.h"
#include "utils/backend_status.h"

#define GOV_DETAIL_SIZE		128		/* the words of whoever asked for a reclaim */

/* Why a session is in no class. */
typedef enum GovExemption
{
	GOV_EXEMPT_NOT,
	GOV_EXEMPT_SUPERUSER,
	GOV_EXEMPT_REPLICATION,
} GovExemption;

/*
 * Who it is, which hardly changes while the session lives.  Kept apart from
 * what a sweep reads, so that a sweep touches little memory.
 */
typedef struct GovSessionFacts
{
	Oid			role_oid;
	GovAddress	client_addr;	/* family 0: unix socket */
	int32_t		client_port;	/* -1: unix socket */
	char		role[GOV_NAME_SIZE];	/* follows a RENAME */
	char		database[GOV_NAME_SIZE];
	char		application_name[GOV_NAME_SIZE];	/* by which it is classified */
	GovIdentity identity;
} GovSessionFacts;

/*
 * Which sessions belong together, as hashes of their role, database and
 * identity; 0 for what has no name.  Compare sessions by state/kinship.h.
 */
typedef struct GovSessionKeys
{
	uint64		function;		/* role, database, platform, function; 0 unless the version is known */
	uint64		version;		/* the same, and the version */
	uint64		instance;		/* the same, and address and instance */
} GovSessionKeys;

/* What a session says of itself as it works, see actors/work.c.  Bits of GovSessionSlot.traits. */
typedef enum GovTrait
{
	GOV_TRAIT_LISTENS = 1 << 0, /* it has executed LISTEN */
	GOV_TRAIT_LOCKS = 1 << 1,	/* it has once asked for an advisory lock of its session */
	GOV_TRAIT_OVERDUE = 1 << 2, /* transaction_timeout has made its last transaction fail */
} GovTrait;

/*
 * The hot half of a slot, indexed by the backend's process number.
 *
 * A session is identified by (pid, generation): a pid alone may be reused.
 * Under GOV_LOCK_SESSIONS: pid, generation, exemption, class_id, rule,
 * activity, has_moved, has_new_name, keys, and the facts beside it.  request,
 * request_subject and asker: see actors/reclaim.h.  traits, transaction_end and
 * lease_until are written by the session itself.
 */
typedef struct GovSessionSlot
{
	int			pid;			/* 0: free */
	uint32		generation;		/* how often this slot was claimed */
	int8		exemption;		/* a GovExemption */
	int8		class_id;		/* GOV_NO_CLASS if exempt */
	bool		has_moved;		/* by a name that came after the login: it does so once */
	bool		waits;			/* to be admitted: see state/queue.h */
	bool		has_new_name;	/* which the governor is to classify: see gov_registry_take_name() */
	int32		rule;			/* position of the rule that matched, or GOV_NO_RULE */
	PgBackendStatus *activity;	/* the backend's own report, in shared memory */
	pg_atomic_uint64 request;	/* the reclaim request, see actors/reclaim.h */
	pg_atomic_uint64 request_subject;	/* the rest or the transaction that the request is about */
	pg_atomic_uint64 transaction_end;	/* when the last transaction ended, a GovTime; 0: none has */
	pg_atomic_uint32 traits;	/* GovTrait bits */
	Latch	   *asker;			/* set when the request is answered or moot; NULL: nobody waits */
	GovSessionKeys keys;
	pg_atomic_uint64 lease_until;	/* a GovTime; 0: it has given no lease */
} GovSessionSlot;

/* A slot by value, with everything about its session. */
typedef struct GovSession
{
	int			slot;
	int			pid;
	uint32		generation;
	GovExemption exemption;
	int			class_id;
	int			rule;
	bool		has_moved;
	GovSessionFacts facts;
} GovSession;

/* How many sessions there are. */
typedef struct GovSessionCounts
{
	int			clients;		/* client backends that were admitted, of all kinds but replication */
	int			of_class[GOV_MAX_CLASSES];
} GovSessionCounts;

extern Size gov_registry_shmem_size(void);
extern void gov_registry_shmem_attach(void *memory, bool is_new);
extern Size gov_registry_slots_shmem_size(void);
extern void gov_registry_slots_shmem_attach(void *memory, bool is_new);

/* How many slots there are; slot numbers run from 0. */
extern int	gov_registry_slots(void);

/* The slot itself.  Readers of more than the atomics must hold GOV_LOCK_SESSIONS. */
extern GovSessionSlot *gov_registry_slot(int slot);

/* The facts beside it.  Readers must hold GOV_LOCK_SESSIONS. */
extern const GovSessionFacts *gov_registry_facts(int slot);

/* The slot of this backend, or NULL if it has none.  Safe in signal handlers. */
extern GovSessionSlot *gov_registry_mine(void);

/*
 * Claims this backend's slot and counts the session in its class.  Returns
 * false, and claims nothing, if another policy than `generation` has come into
 * force: classify again.  The slot is released when the backend exits, however
 * it does; the release is registered before the slot is taken.  on_exit, if
 * given, runs just before the release, with the slot still ours and no lock
 * held.  With `waits` the session is not counted until gov_queue_try() admits
 * it.  Called once per backend, in the login hook.
 */
extern bool gov_registry_claim(const GovSessionFacts *facts, GovExemption exemption,
							   int class_id, int rule, uint64_t generation, bool waits,
							   void (*on_exit) (GovSessionSlot *slot));

/*
 * Announces that sessions are now classified by this generation: no claim by
 * an older one succeeds from here on.  Called by the governor before it moves
 * living sessions.
 */
extern void gov_registry_begin_generation(uint64_t generation);

/*
 * Moves a session, as it was read before, into the class where it belongs now,
 * with the name that its role has now; into none if it has become exempt.
 * Returns false, and moves nothing, if it is gone or has got another name or
 * class meanwhile.  Called by the governor.
 */
extern bool gov_registry_move(const GovSession *before, const GovSession *now);

/* How an attempt to rename a session went. */
typedef enum GovRenaming
{
	GOV_RENAMING_DONE,
	GOV_RENAMING_GONE,			/* the session is gone, or was renamed meanwhile */
	GOV_RENAMING_OUTDATED,		/* another generation is in force: classify again */
} GovRenaming;

/*
 * Gives a session, as it was read, another name, identity and class.  Nothing
 * changes unless it is still as it was read, and `generation` is the policy by
 * which sessions are classified.  A move into another class is its only one.
 * Called by the session itself and by the governor.
 */
extern GovRenaming gov_registry_rename(const GovSession *session, const char *application_name,
									   const GovIdentity *identity, GovClassification now,
									   uint64_t generation);

/*
 * Leaves a name that came after the login to the governor, which can ask the
 * catalog.  Called by the session itself; wakes nobody.
 */
extern void gov_registry_leave_name(const char *application_name);

/* Takes it back, because there is a later one.  Called by the session itself. */
extern void gov_registry_drop_name(void);

/*
 * Takes such a name, of GOV_NAME_SIZE bytes, out of a slot, with the session;
 * false if there is none.  gov_registry_names_left() says whether there were
 * any since it was asked last.  Called by the governor.
 */
extern bool gov_registry_take_name(int slot, GovSession *session, char *application_name);
extern bool gov_registry_names_left(void);

/* Sets or clears a trait of this session.  Called by the session itself, which has a slot. */
extern void gov_registry_set_trait(GovTrait trait, bool on);

/* Gives this session a lease, or, with 0, ends it.  Called by the session itself, which has a slot. */
extern void gov_registry_set_lease(GovTime until);

/*
 * Whether a session of these classes, a bit for each id, has a lease.  Takes the
 * sessions lock shared, unless nobody ever had one.
 */
extern bool gov_registry_has_lease(uint64 classes);

/* What sessions with these facts belong to. */
extern GovSessionKeys gov_registry_keys(const GovSessionFacts *facts);

/*
 * Whether two sessions, by slot and generation, are here and of the very same
 * instance: role, database, address and every part of the identity.  Caller holds the
 * sessions lock.
 */
extern bool gov_registry_same_instance(int one, uint32 one_generation, int other, uint32 other_generation);

/* Copies a slot with its facts; false if the slot is free. */
extern bool gov_registry_read(int slot, GovSession *session);

/* The slot of a pid, or -1. */
extern int	gov_registry_find(int pid);

extern void gov_registry_counts(GovSessionCounts *counts);

/* The counters themselves, and the admission of a slot that waits.  Caller holds the sessions lock, exclusively to admit. */
extern const GovSessionCounts *gov_registry_counts_in_place(void);
extern void gov_registry_admit(int slot);

/*
 * Counts a slot into counts of the caller's, as the registry's own counters
 * do; and compares such counts of all slots with those counters.  Caller holds
 * GOV_LOCK_SESSIONS, for both together.
 */
extern void gov_registry_tally(const GovSessionSlot *slot, GovSessionCounts *counts);
extern bool gov_registry_counts_are(const GovSessionCounts *counts);

/*
 * The words of whoever asked this session to end; GOV_DETAIL_SIZE bytes.
 * Written by the asker with the request, read by the victim once it accepted.
 */
extern char *gov_registry_detail(int slot);

/* Recounts sessions per class; returns how many counters were wrong and are now right. */
extern int	gov_registry_repair(void);

/* How many living sessions are in the class. */
extern int	gov_registry_class_sessions(int class_id);

#endif							/* GOV_REGISTRY_H */
