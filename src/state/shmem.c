/*-------------------------------------------------------------------------
 *
 * shmem.c
 *		Shared memory as a whole: its sizes, its locks and their order.
 *
 * Owns: the reservation and the locks; each module owns its own struct.
 * Runs in: the postmaster, at start and after every crash.
 *
 * IDENTIFICATION
 *	  src/state/shmem.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "settings.h"
#include "state/breakers.h"
#include "state/gate.h"
#include "state/ledger.h"
#include "state/peers.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/queue.h"
#include "state/registry.h"
#include "state/shmem.h"
#include "state/versions.h"

#include "storage/ipc.h"
#include "storage/shmem.h"

static const char *const lock_names[GOV_LOCK_COUNT] =
{
	[GOV_LOCK_POLICY] = "pg_governor_policy",
	[GOV_LOCK_SESSIONS] = "pg_governor_sessions",
	[GOV_LOCK_EVENTS] = "pg_governor_events",
	[GOV_LOCK_PULSE] = "pg_governor_pulse",
	[GOV_LOCK_POLICY_FILE] = "pg_governor_policy_file",
	[GOV_LOCK_VERSIONS] = "pg_governor_versions",
};

/*
 * Who has a struct in shared memory.  They lie there in this order.  A process
 * pays for each page that it is the first to touch, and the kernel maps its
 * neighbours with it: so what every login looks at comes together, and what is
 * long comes last.  The policy is of both kinds, and begins with what is looked at.
 */
static const struct
{
	const char *name;
	Size		(*size) (void);
	void		(*attach) (void *memory, bool is_new);
}			structs[] =
{
	{"pg_governor gate", gov_gate_shmem_size, gov_gate_shmem_attach},
	{"pg_governor pulse", gov_pulse_shmem_size, gov_pulse_shmem_attach},
	{"pg_governor guards", gov_breakers_guards_shmem_size, gov_breakers_guards_shmem_attach},
	{"pg_governor registry", gov_registry_shmem_size, gov_registry_shmem_attach},
	{"pg_governor counters", gov_ledger_counters_shmem_size, gov_ledger_counters_shmem_attach},
	{"pg_governor policy", gov_policy_shmem_size, gov_policy_shmem_attach},
	{"pg_governor queue", gov_queue_shmem_size, gov_queue_shmem_attach},
	{"pg_governor sessions", gov_registry_slots_shmem_size, gov_registry_slots_shmem_attach},
	{"pg_governor versions", gov_versions_shmem_size, gov_versions_shmem_attach},
	{"pg_governor peers", gov_peers_shmem_size, gov_peers_shmem_attach},
	{"pg_governor breakers", gov_breakers_shmem_size, gov_breakers_shmem_attach},
	{"pg_governor events", gov_ledger_events_shmem_size, gov_ledger_events_shmem_attach},
};

/* In shared memory too: where backends are started by exec, only the postmaster can look locks up. */
static LWLock **locks = NULL;
static bool ready = false;

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

static void
request(void)
{
	if (previous_request_hook)
		previous_request_hook();

	RequestAddinShmemSpace(sizeof(LWLock *) * GOV_LOCK_COUNT);
	for (int i = 0; i < (int) lengthof(structs); i++)
		RequestAddinShmemSpace(structs[i].size());
	for (int i = 0; i < GOV_LOCK_COUNT; i++)
		RequestNamedLWLockTranche(lock_names[i], 1);
	gov_breakers_request_locks();
	gov_gate_request_locks();
}

static void
restore_policy(void)
{
	uint64		generation = gov_policy_restore();
	char		detail[GOV_EVENT_DETAIL_SIZE];
	GovPolicy  *policy;

	if (generation == 0)
		return;
	policy = gov_policy_copy();
	gov_queue_set_limits(policy, gov_settings_mode);
	gov_gate_set_limits(policy, gov_settings_mode);
	pfree(policy);
	snprintf(detail, sizeof(detail), "generation " UINT64_FORMAT ": as before the start", generation);
	gov_ledger_note(GOV_EVENT_POLICY, NULL, GOV_REASON_NONE, detail);
}

static void
startup(void)
{
	bool		found;

	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	locks = ShmemInitStruct("pg_governor locks", sizeof(LWLock *) * GOV_LOCK_COUNT, &found);
	for (int i = 0; i < GOV_LOCK_COUNT && !found; i++)
		locks[i] = &GetNamedLWLockTranche(lock_names[i])->lock;

	for (int i = 0; i < (int) lengthof(structs); i++)
	{
		void	   *memory = ShmemInitStruct(structs[i].name, structs[i].size(), &found);

		structs[i].attach(memory, !found);
	}
	LWLockRelease(AddinShmemInitLock);
	ready = true;

	/* before anybody can log in */
	if (!found)
		restore_policy();
}

void
gov_shmem_install(void)
{
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup;
}

bool
gov_shmem_ready(void)
{
	return ready;
}

void
gov_shmem_require(void)
{
	if (!ready)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pg_governor is not loaded"),
				 errdetail("It governs logins and sessions, so the server must load it when it starts."),
				 errhint("Add this line to postgresql.conf and restart the server: "
						 "shared_preload_libraries = 'pg_governor'")));
}

LWLock *
gov_shmem_lock(GovLock lock)
{
	return locks[lock];
}
