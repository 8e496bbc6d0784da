/*-------------------------------------------------------------------------
 *
 * reclaim.c
 *		Asking a session to end; the asker's side of the protocol.
 *
 * Owns: nothing.  The word and its subject are in the slot (state/registry.h).
 * Runs in: the governor, and backends that call governor.reclaim().
 *
 * Locking: the sessions lock is held exclusively around the check of the
 * slot, the write of the request and the signal.  Askers therefore never mix
 * their requests, and the pid cannot be reused between the check and the
 * signal, because the owner clears it under the same lock while it exits.
 * The victim's handler takes no lock: it reads the word, then the subject, and
 * answers by a compare-and-exchange of the word.  A request is taken back
 * before another is written, and no word ever comes twice, so an answer that
 * succeeds was given to that very rest or transaction.
 *
 * IDENTIFICATION
 *	  src/actors/reclaim.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/reclaim.h"
#include "clock.h"
#include "state/registry.h"
#include "state/shmem.h"

#include <signal.h>

#include "storage/procarray.h"

/*
 * Takes back the last request, so that a new one can be written; false if the
 * victim has accepted it: then it is on its way out, for the reason it accepted.
 */
static bool
withdraw(GovSessionSlot *slot, uint64 *sequence)
{
	uint64		word = pg_atomic_read_u64(&slot->request);

	do
	{
		if (gov_request_state(word) == GOV_REQUEST_ACCEPTED)
			return false;
		*sequence = gov_request_sequence(word) + 1;
	} while (!pg_atomic_compare_exchange_u64(&slot->request, &word,
											 gov_request_word(*sequence, GOV_REQUEST_NONE,
															  GOV_REASON_NONE)));
	return true;
}

uint64_t
gov_reclaim_ask(int number, uint32_t generation, GovReason reason, uint64_t subject,
				const char *detail, Latch *asker)
{
	GovSessionSlot *slot = gov_registry_slot(number);
	uint64		sequence = 0;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	if (slot->pid == 0 || slot->generation != generation)
		sequence = 0;
	else if (!withdraw(slot, &sequence))
		sequence = gov_request_sequence(pg_atomic_read_u64(&slot->request));
	else
	{
		pg_atomic_write_u64(&slot->request_subject, subject);
		strlcpy(gov_registry_detail(number), detail ? detail : "", GOV_DETAIL_SIZE);

		/* somebody who waits hears of the end also if it is not by his request */
		if (asker != NULL && slot->asker != NULL && slot->asker != asker)
			SetLatch(slot->asker);
		if (asker != NULL)
			slot->asker = asker;
		pg_write_barrier();
		pg_atomic_write_u64(&slot->request,
							gov_request_word(sequence, GOV_REQUEST_ASKED, reason));

		/* fails only for a process that is gone, and this one has yet to pass our lock */
		(void) kill(slot->pid, SIGUSR2);
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return sequence;
}

bool
gov_reclaim_take_back(int number, uint32_t generation, uint64_t request)
{
	GovSessionSlot *slot = gov_registry_slot(number);
	uint64		sequence;
	bool		taken_back = true;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_EXCLUSIVE);
	if (slot->pid != 0 && slot->generation == generation &&
		gov_request_sequence(pg_atomic_read_u64(&slot->request)) == request)
		taken_back = withdraw(slot, &sequence);
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return taken_back;
}

GovReclaimOutcome
gov_reclaim_outcome(int number, uint32_t generation, uint64_t request)
{
	GovSessionSlot *slot = gov_registry_slot(number);
	uint64		word;
	GovReclaimOutcome outcome;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	word = pg_atomic_read_u64(&slot->request);
	if (slot->pid == 0 || slot->generation != generation)
		outcome = GOV_RECLAIM_GONE;
	else if (gov_request_state(word) == GOV_REQUEST_ACCEPTED)
		outcome = GOV_RECLAIM_PENDING;
	else if (gov_request_state(word) == GOV_REQUEST_DECLINED ||
			 gov_request_state(word) == GOV_REQUEST_CANCELLED ||
			 gov_request_sequence(word) != request)
		outcome = GOV_RECLAIM_DECLINED;
	else
		outcome = GOV_RECLAIM_PENDING;
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
	return outcome;
}

/* Sleeps until this process's latch is set, at most so long. */
static void
wait_on_latch(long timeout_ms)
{
	static uint32 wait_event = 0;

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout_ms,
					 gov_wait_event(&wait_event, "GovernorReclaim"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

GovReclaimOutcome
gov_reclaim_await(int number, uint32_t generation, uint64_t request, GovTime patience)
{
	GovTime		give_up = gov_time_after(gov_clock_now(), patience);

	for (;;)
	{
		GovReclaimOutcome outcome = gov_reclaim_outcome(number, generation, request);
		GovTime		now = gov_clock_now();

		if (outcome != GOV_RECLAIM_PENDING || now >= give_up)
			return outcome;
		wait_on_latch(gov_clock_ms_until(give_up, now, 100));
	}
}

bool
gov_reclaim_await_exit(int pid, GovTime give_up)
{
	/* nobody tells us, so look again and again for the few milliseconds that it takes */
	while (BackendPidGetProc(pid) != NULL)
	{
		if (gov_clock_now() >= give_up)
			return false;
		gov_reclaim_pause();
	}
	return true;
}

void
gov_reclaim_pause(void)
{
	wait_on_latch(1);
}

void
gov_reclaim_describe(GovReason reason, GovActivityState state, GovTime lasted, const char *words,
					 char *text, size_t size)
{
	const char *how = "in a transaction";

	if (reason == GOV_REASON_UNRESPONSIVE)
		how = "silent";
	else if (!gov_reason_is_about_transaction(reason))
		how = state == GOV_ACTIVITY_IDLE ? "at rest" : "idle in transaction";
	snprintf(text, size, "%s for %.1f s%s%s", how, (double) lasted / GOV_SECOND,
			 words[0] ? "; " : "", words);
}
