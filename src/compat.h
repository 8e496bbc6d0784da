/*-------------------------------------------------------------------------
 *
 * compat.h
 *		Every difference between the supported majors of PostgreSQL, 15 to 19.
 *
 * No other file looks at PG_VERSION_NUM (scripts/lint checks it).  A macro or
 * function here has the shape of the newest major, and says what the older
 * ones had.
 *
 * Must be included after postgres.h and before any other server header: the
 * build flags below decide what libpq/libpq-be.h pulls in.
 *
 * IDENTIFICATION
 *	  src/compat.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_COMPAT_H
#define GOV_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "pg_governor needs PostgreSQL 15 or newer; point PG_CONFIG at the pg_config of such a server"
#endif

/*
 * libpq-be.h includes the headers of Kerberos and OpenSSL when the server was
 * built with them, and those need not be installed here.  It promises the same
 * layout of Port without them ("keep struct offsets the same, for extension
 * ABI compatibility"), and only members before them are used.
 */
#undef ENABLE_GSS
#undef ENABLE_SSPI
#undef USE_SSL
#undef USE_OPENSSL

#if PG_VERSION_NUM >= 160000
#include "varatt.h"				/* part of postgres.h before, and needed by utils/inet.h */
#endif

#include "access/transam.h"
#include "common/string.h"
#include "libpq/libpq.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "postmaster/postmaster.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/palloc.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

/*
 * This backend's number, from 0, below MaxBackends: the index of its slot.
 * 17 renamed it and dropped the BackendId beside it.
 */
#if PG_VERSION_NUM >= 170000
#define gov_my_proc_number()	((int) MyProcNumber)
#else
#define gov_my_proc_number()	(MyProc->pgprocno)
#endif

/* 17 has a transaction_timeout of its own, and the code for it. */
#if PG_VERSION_NUM >= 170000
#define GOV_ERRCODE_TRANSACTION_TIMEOUT		ERRCODE_TRANSACTION_TIMEOUT
#else
#define GOV_ERRCODE_TRANSACTION_TIMEOUT		MAKE_SQLSTATE('2', '5', 'P', '0', '4')
#endif

/* 18 lets a library say its name and version to pg_get_loaded_modules(). */
#if PG_VERSION_NUM >= 180000
#define GOV_MODULE_MAGIC		PG_MODULE_MAGIC_EXT(.name = "pg_governor", .version = EXT_VERSION)
#else
#define GOV_MODULE_MAGIC		PG_MODULE_MAGIC
#endif

/* What the hook behind parse analysis gets to count statements by.  19 made it const. */
#if PG_VERSION_NUM >= 190000
typedef const JumbleState GovJumbleState;
#else
typedef JumbleState GovJumbleState;
#endif

/* What a callback about a catalog cache is told of which cache it is.  19 gave the enum a name. */
#if PG_VERSION_NUM >= 190000
typedef SysCacheIdentifier GovCacheId;
#else
typedef int GovCacheId;
#endif

/*
 * A wait event of our own, remembered by the caller in a static that starts
 * as 0.  Named ones came in 17; before that all extensions share one name.
 */
static inline uint32
gov_wait_event(uint32 *remembered, const char *name)
{
#if PG_VERSION_NUM >= 170000
	if (*remembered == 0)
		*remembered = WaitEventExtensionNew(name);
#else
	(void) name;
	if (*remembered == 0)
		*remembered = PG_WAIT_EXTENSION;
#endif
	return *remembered;
}

/* Whether so many process slots for clients are free.  16 added how many there are. */
static inline bool
gov_have_free_slots(int n)
{
#if PG_VERSION_NUM >= 160000
	int			nfree;

	return HaveNFreeProcs(n, &nfree);
#else
	return HaveNFreeProcs(n);
#endif
}

/* 17 gives a set of wait events to a resource owner; before, it lives in a memory context. */
static inline WaitEventSet *
gov_create_wait_event_set(int nevents)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(CurrentResourceOwner, nevents);
#else
	return CreateWaitEventSet(CurrentMemoryContext, nevents);
#endif
}

/* Slots that only privileged roles may use.  16 renamed the setting and added a second kind. */
static inline int
gov_reserved_slots(void)
{
#if PG_VERSION_NUM >= 160000
	return SuperuserReservedConnections + ReservedConnections;
#else
	return ReservedBackends;
#endif
}

/*
 * Those of them that are for whoever has the privileges of a role, which 16
 * came with.  15 has neither, and asks for none.
 */
#if PG_VERSION_NUM >= 160000
#define gov_reserved_connections()			ReservedConnections
#define GOV_ROLE_USE_RESERVED_CONNECTIONS	ROLE_PG_USE_RESERVED_CONNECTIONS
#else
#define gov_reserved_connections()			0
#define GOV_ROLE_USE_RESERVED_CONNECTIONS	InvalidOid
#endif

/*
 * application_name as the server will show it: 16 writes other than printable
 * ASCII as \xNN, 15 as a question mark.  Returns a palloc'd string.
 */
static inline char *
gov_clean_ascii(const char *text)
{
#if PG_VERSION_NUM >= 160000
	return pg_clean_ascii(text, 0);
#else
	char	   *copy = pstrdup(text);

	pg_clean_ascii(copy);
	return copy;
#endif
}

/*
 * The transaction that a process is in, by its number within the process; 0:
 * none.  17 put it into a struct with the process number.
 */
static inline LocalTransactionId
gov_proc_transaction(int proc_number)
{
	const volatile PGPROC *proc = &ProcGlobal->allProcs[proc_number];

#if PG_VERSION_NUM >= 170000
	return proc->vxid.lxid;
#else
	return proc->lxid;
#endif
}

/*
 * The first lock that a process has in this partition of the lock table, and
 * the one behind it; NULL: there is none.  Caller holds the partition's lock.
 * 16 replaced SHM_QUEUE by dlist.
 */
static inline const PROCLOCK *
gov_proc_first_lock(int proc_number, int partition)
{
#if PG_VERSION_NUM >= 160000
	dlist_head *locks = &ProcGlobal->allProcs[proc_number].myProcLocks[partition];

	return dlist_is_empty(locks) ? NULL : dlist_container(PROCLOCK, procLink, dlist_head_node(locks));
#else
	SHM_QUEUE  *locks = &ProcGlobal->allProcs[proc_number].myProcLocks[partition];

	return (const PROCLOCK *) SHMQueueNext(locks, locks, offsetof(PROCLOCK, procLink));
#endif
}

static inline const PROCLOCK *
gov_proc_next_lock(int proc_number, int partition, const PROCLOCK *lock)
{
#if PG_VERSION_NUM >= 160000
	dlist_head *locks = &ProcGlobal->allProcs[proc_number].myProcLocks[partition];
	dlist_node *node = unconstify(dlist_node *, &lock->procLink);

	return dlist_has_next(locks, node) ? dlist_container(PROCLOCK, procLink, dlist_next_node(locks, node)) : NULL;
#else
	SHM_QUEUE  *locks = &ProcGlobal->allProcs[proc_number].myProcLocks[partition];

	return (const PROCLOCK *) SHMQueueNext(locks, &lock->procLink, offsetof(PROCLOCK, procLink));
#endif
}

/*
 * Who holds a lock, or wants it, and the one behind; NULL: the first, and there
 * is none.  Caller holds the lock of its partition.
 */
static inline const PROCLOCK *
gov_lock_next_share(const LOCK *lock, const PROCLOCK *share)
{
#if PG_VERSION_NUM >= 160000
	dlist_head *shares = unconstify(dlist_head *, &lock->procLocks);
	dlist_node *node;

	if (share == NULL)
		return dlist_is_empty(shares) ? NULL : dlist_container(PROCLOCK, lockLink, dlist_head_node(shares));
	node = unconstify(dlist_node *, &share->lockLink);
	return dlist_has_next(shares, node) ? dlist_container(PROCLOCK, lockLink, dlist_next_node(shares, node)) : NULL;
#else
	const SHM_QUEUE *shares = &lock->procLocks;

	return (const PROCLOCK *) SHMQueueNext(shares, share != NULL ? &share->lockLink : shares,
										   offsetof(PROCLOCK, lockLink));
#endif
}

/*
 * Who waits for a lock, in the order of its queue; the same.  16 replaced
 * PROC_QUEUE by dclist, 19 gave this queue a link of its own.
 */
#if PG_VERSION_NUM >= 190000
#define GOV_WAIT_LINK	waitLink
#else
#define GOV_WAIT_LINK	links
#endif

static inline const PGPROC *
gov_lock_next_waiter(const LOCK *lock, const PGPROC *waiter)
{
#if PG_VERSION_NUM >= 160000
	dlist_head *queue = unconstify(dlist_head *, &lock->waitProcs.dlist);
	dlist_node *node;

	if (waiter == NULL)
		return dlist_is_empty(queue) ? NULL : dlist_container(PGPROC, GOV_WAIT_LINK, dlist_head_node(queue));
	node = unconstify(dlist_node *, &waiter->GOV_WAIT_LINK);
	return dlist_has_next(queue, node) ? dlist_container(PGPROC, GOV_WAIT_LINK, dlist_next_node(queue, node)) : NULL;
#else
	const SHM_QUEUE *queue = &lock->waitProcs.links;

	return (const PGPROC *) SHMQueueNext(queue, waiter != NULL ? &waiter->GOV_WAIT_LINK : queue,
										 offsetof(PGPROC, GOV_WAIT_LINK));
#endif
}

/*
 * The oldest transaction that a process holds on to: that of its snapshot or
 * its own; InvalidTransactionId: none.
 */
static inline TransactionId
gov_proc_oldest_transaction(int proc_number)
{
	const volatile PGPROC *proc = &ProcGlobal->allProcs[proc_number];
	TransactionId own = proc->xid;
	TransactionId oldest = proc->xmin;

	if (!TransactionIdIsValid(oldest) ||
		(TransactionIdIsValid(own) && TransactionIdPrecedes(own, oldest)))
		oldest = own;
	return oldest;
}

/*
 * What the server knows of a parameter; NULL: nothing by this name.  16 lets
 * others search.  What 15 would find by one of its two obsolete names is not
 * found here, and harmless.
 */
static inline const struct config_generic *
gov_find_parameter(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, DEBUG5);
#else
	struct config_generic **all = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		if (pg_strcasecmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
#endif
}

/* Whether bytes of the client's next message were already read from the socket. */
static inline bool
gov_protocol_bytes_waiting(void)
{
#if PG_VERSION_NUM >= 170000
	return pq_buffer_remaining_data() > 0;
#else
	return pq_buffer_has_data();
#endif
}

#endif							/* GOV_COMPAT_H */
