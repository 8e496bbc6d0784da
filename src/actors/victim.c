/*-------------------------------------------------------------------------
 *
 * victim.c
 *		The victim's side of a reclaim: the only place where a session ends.
 *
 * The way of a reclaim, from here on:
 *
 *		asked		SIGUSR2 arrives; the word in the slot says why	[on_asked]
 *		answered	still in that rest, and no byte has come?		[is_in_rest]
 *		ending		core's own pending-die flag is set, so that core ends the
 *					session at its next safe point
 *		told		the FATAL gets reason, SQLSTATE, detail and hint [on_log]
 *		counted		while the process exits							[gov_victim_on_exit]
 *
 * Owns: nothing in shared memory.        Runs in: backends; on_asked in a
 * signal handler, where it takes no lock, allocates nothing and only reads
 * this backend's own state.
 *
 * Why nothing that works can be hit: the handler runs in the very process
 * that would do the work, so nothing moves while it looks.  A session waiting
 * for its client with an empty protocol buffer and an empty socket has not
 * begun a statement; if one arrives after the look, core handles the pending
 * flag before it takes that message up, so the statement never begins.
 *
 * IDENTIFICATION
 *	  src/actors/victim.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/reclaim.h"
#include "actors/victim.h"
#include "clock.h"
#include "state/census.h"
#include "state/ledger.h"
#include "state/policy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include "libpq/pqsignal.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

/* More than the kernel's clock of a socket may be off by. */
#define KERNEL_TICKS	(50 * GOV_MSEC)

/* A client that has not sent a further part for so long does not work at it any more. */
#define SENDING_PAUSE	(5 * GOV_SECOND)

static emit_log_hook_type previous_log_hook = NULL;

/* The request that this session has accepted; 0: none. */
static volatile uint64 accepted = 0;

/*
 * Whether the client is sending a long message, as far as the kernel knows:
 * something has come since the rest began, and not long ago.  Core has taken
 * it out of both buffers already while it waits for the remainder.  Only TCP
 * on Linux can tell; elsewhere such a message counts as one that has not
 * arrived, as it does for core's own idle_session_timeout.
 *
 * The kernel counts by another clock than the rest is measured by.  The bound
 * on the pause keeps their difference, after the clock was set or over a long
 * rest, from keeping a session for ever.
 */
static bool
is_sending(GovTime rest)
{
#if defined(__linux__) && defined(TCP_INFO)
	struct tcp_info info;
	socklen_t	length = sizeof(info);
	GovTime		silence;
	GovTime		rested;

	if (MyProcPort->raddr.addr.ss_family == AF_UNIX ||
		getsockopt(MyProcPort->sock, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
		length < offsetof(struct tcp_info, tcpi_last_data_recv) + sizeof(info.tcpi_last_data_recv))
		return false;

	/* what the rest followed came before it; the kernel counts in ticks of some milliseconds */
	silence = (GovTime) info.tcpi_last_data_recv * GOV_MSEC;
	rested = gov_clock_now() - rest;
	return silence + KERNEL_TICKS < Min(rested, SENDING_PAUSE);
#else
	return false;
#endif
}

/*
 * Whether this session is still in the rest that the request is about, and
 * nothing has arrived from the client.  Called in a signal handler.
 */
static bool
is_in_rest(GovSessionSlot *slot, GovReason reason)
{
	GovActivity activity;
	char		byte;

	/* blocked in reading the client's next message, of which nothing is here */
	if (*my_wait_event_info != WAIT_EVENT_CLIENT_READ || gov_protocol_bytes_waiting())
		return false;

	/* the same state, since the same moment */
	activity = gov_census_read_activity(MyBEEntry, MyProcPid);
	if (activity.state != gov_reason_state(reason) ||
		(uint64) activity.state_since != pg_atomic_read_u64(&slot->request_rest))
		return false;

	/* a closed connection (0) is core's to find */
	if (recv(MyProcPort->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
		(errno != EAGAIN && errno != EWOULDBLOCK))
		return false;

	return !is_sending(activity.state_since);
}

/* Gives the one answer to the request, if there is one. */
static void
answer(GovSessionSlot *slot)
{
	uint64		word = pg_atomic_read_u64(&slot->request);
	uint64		sequence = gov_request_sequence(word);
	GovReason	reason = gov_request_reason(word);
	uint64		reply;
	Latch	   *asker;

	if (gov_request_state(word) != GOV_REQUEST_ASKED)
		return;

	pg_read_barrier();
	asker = slot->asker;
	if (!is_in_rest(slot, reason))
	{
		reply = gov_request_word(sequence, GOV_REQUEST_DECLINED, reason);
		if (pg_atomic_compare_exchange_u64(&slot->request, &word, reply))
		{
			gov_ledger_count_declined(slot->class_id);
			if (asker)
				SetLatch(asker);
		}
		return;
	}

	reply = gov_request_word(sequence, GOV_REQUEST_ACCEPTED, reason);
	if (pg_atomic_compare_exchange_u64(&slot->request, &word, reply))
	{
		accepted = reply;
		ProcDiePending = true;
		InterruptPending = true;
	}
}

static void
on_asked(SIGNAL_ARGS)
{
	int			saved_errno = errno;
	GovSessionSlot *slot = gov_registry_mine();

	if (slot != NULL && !proc_exit_inprogress)
		answer(slot);

	/* wakes a session that is blocked in reading, so that core sees the flags */
	SetLatch(MyLatch);
	errno = saved_errno;
}

void
gov_victim_prepare(void)
{
	pqsignal(SIGUSR2, on_asked);
}

/* How long the session had been in its rest, for people. */
static double
rest_in_seconds(GovSessionSlot *slot)
{
	return (double) (gov_clock_now() - (GovTime) pg_atomic_read_u64(&slot->request_rest)) / GOV_SECOND;
}

/* "reason "idle", at rest for 61.2 s", and what the asker said. */
static void
describe(GovSessionSlot *slot, char *text, size_t size)
{
	const char *detail = gov_registry_detail(slot - gov_registry_slot(0));

	snprintf(text, size, "%s for %.1f s%s%s",
			 gov_reason_state(gov_request_reason(accepted)) == GOV_ACTIVITY_IDLE ?
			 "at rest" : "idle in transaction",
			 rest_in_seconds(slot), detail[0] ? "; " : "", detail);
}

/*
 * Core is about to say that an administrator ended the session: says why
 * instead, in core's own words for such an end.  Everything is allocated where
 * core will free it.
 */
static void
on_log(ErrorData *edata)
{
	GovSessionSlot *slot = gov_registry_mine();

	if (accepted != 0 && slot != NULL && edata->elevel == FATAL &&
		edata->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
	{
		MemoryContext context = edata->assoc_context;
		GovReason	reason = gov_request_reason(accepted);
		char		class_name[GOV_NAME_SIZE];
		char		rest[GOV_EVENT_DETAIL_SIZE];
		char		detail[2 * GOV_EVENT_DETAIL_SIZE];

		gov_policy_class_name(slot->class_id, class_name);
		describe(slot, rest, sizeof(rest));
		snprintf(detail, sizeof(detail),
				 _("Reason \"%s\", class \"%s\": %s."),
				 gov_reason_name(reason), class_name[0] ? class_name : "none", rest);

		if (gov_reason_state(reason) == GOV_ACTIVITY_IDLE)
		{
			edata->sqlerrcode = ERRCODE_IDLE_SESSION_TIMEOUT;
			edata->message = MemoryContextStrdup(context,
												 _("terminating connection due to idle-session timeout"));
			edata->hint = MemoryContextStrdup(context,
											  _("Nothing was running.  Reconnect and retry."));
		}
		else
		{
			edata->sqlerrcode = ERRCODE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT;
			edata->message = MemoryContextStrdup(context,
												 _("terminating connection due to idle-in-transaction timeout"));
			edata->hint = MemoryContextStrdup(context,
											  _("The transaction was rolled back.  Reconnect and run it again from its beginning."));
		}
		edata->detail = MemoryContextStrdup(context, detail);
	}

	if (previous_log_hook)
		previous_log_hook(edata);
}

void
gov_victim_install(void)
{
	previous_log_hook = emit_log_hook;
	emit_log_hook = on_log;
}

void
gov_victim_on_exit(GovSessionSlot *slot)
{
	GovReason	reason;
	GovSession	session;
	char		detail[GOV_EVENT_DETAIL_SIZE];

	if (accepted == 0)
		return;
	reason = gov_request_reason(accepted);
	describe(slot, detail, sizeof(detail));
	if (gov_registry_read(slot - gov_registry_slot(0), &session))
		gov_ledger_note(GOV_EVENT_RECLAIMED, &session, reason, detail);
	gov_ledger_count_reclaimed(slot->class_id, reason);
}
