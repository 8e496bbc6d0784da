/*-------------------------------------------------------------------------
 *
 * pulse.c
 *		The governor's pulse: how others wake it, and what it tells of itself.
 *
 * Owns: GovPulse in shared memory.
 * Runs in: the governor (writes), every process (wakes, reads).
 *
 * Locking: GOV_LOCK_PULSE guards everything but `dormant` and `calls`.  The
 * latch is set under it in shared mode, so that it cannot vanish meanwhile.
 *
 * IDENTIFICATION
 *	  src/state/pulse.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "state/pulse.h"
#include "state/shmem.h"

#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/latch.h"

typedef struct GovPulse
{
	pg_atomic_uint32 dormant;
	pg_atomic_uint32 calls;		/* how often the governor was woken */

	/* under GOV_LOCK_PULSE */
	Latch	   *latch;			/* NULL: no governor */
	GovPulseInfo info;
} GovPulse;

static GovPulse *pulse = NULL;

Size
gov_pulse_shmem_size(void)
{
	return sizeof(GovPulse);
}

void
gov_pulse_shmem_attach(void *memory, bool is_new)
{
	pulse = memory;
	if (!is_new)
		return;
	memset(memory, 0, sizeof(GovPulse));
	pg_atomic_init_u32(&pulse->dormant, 0);
	pg_atomic_init_u32(&pulse->calls, 0);
}

static void
stop(int code, Datum arg)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_PULSE), LW_EXCLUSIVE);
	if (pulse->info.governor_pid == MyProcPid)
	{
		pulse->latch = NULL;
		pulse->info.governor_pid = 0;
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_PULSE));
}

bool
gov_pulse_start(void)
{
	bool		mine;

	before_shmem_exit(stop, (Datum) 0);

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_PULSE), LW_EXCLUSIVE);
	mine = pulse->latch == NULL;
	if (mine)
	{
		pulse->latch = MyLatch;
		pulse->info.governor_pid = MyProcPid;
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_PULSE));
	return mine;
}

void
gov_pulse_wake(void)
{
	pg_atomic_fetch_add_u32(&pulse->calls, 1);
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_PULSE), LW_SHARED);
	if (pulse->latch)
		SetLatch(pulse->latch);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_PULSE));
}

uint32
gov_pulse_calls(void)
{
	return pg_atomic_read_u32(&pulse->calls);
}

bool
gov_pulse_beats(void)
{
	GovPulseInfo info;

	gov_pulse_info(&info);
	return info.governor_pid != 0;
}

void
gov_pulse_set_dormant(bool dormant)
{
	/* the exchange is a full barrier */
	(void) pg_atomic_exchange_u32(&pulse->dormant, dormant ? 1 : 0);
}

void
gov_pulse_wake_if_dormant(void)
{
	pg_memory_barrier();
	if (pg_atomic_read_u32(&pulse->dormant) != 0)
		gov_pulse_wake();
}

void
gov_pulse_note_sweep(GovTime at, GovTime duration)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_PULSE), LW_EXCLUSIVE);
	pulse->info.last_sweep = at;
	pulse->info.sweep_duration = duration;
	pulse->info.sweeps++;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_PULSE));
}

void
gov_pulse_note_repairs(int repairs)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_PULSE), LW_EXCLUSIVE);
	pulse->info.repairs += repairs;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_PULSE));
}

void
gov_pulse_info(GovPulseInfo *info)
{
	LWLockAcquire(gov_shmem_lock(GOV_LOCK_PULSE), LW_SHARED);
	*info = pulse->info;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_PULSE));
}
