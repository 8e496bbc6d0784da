/*-------------------------------------------------------------------------
 *
 * victim.c
 *		The victim's side of a reclaim: the only place where a session ends.
 *
 * The way of a reclaim, from here on:
 *
 *		asked		SIGUSR2 arrives; the word in the slot says why	[on_asked]
 *		answered	still in that rest, and no byte has come?		[is_in_rest]
 *					or still in that transaction?					[judge_transaction]
 *					or is the peer still silent?					[judge_peer]
 *		ending		core's own pending flag is set, so that core ends the
 *					session, or cancels its statement, at its next safe point
 *		told		the error gets reason, SQLSTATE, detail and hint [on_log]
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
 * Why transaction_timeout never hits another transaction than the one named:
 * the handler declines once the end of a transaction has begun
 * (gov_victim_at_transaction_end, and core's own count of holdoffs), and what
 * it has accepted before that takes effect before the end, or is forgotten.
 * A silent peer ends nothing in that time either (is_ending_transaction): the
 * session is asked again.
 *
 * IDENTIFICATION
 *	  src/actors/victim.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/liveness.h"
#include "actors/probes.h"
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

/* How long the rest or transaction had lasted then, and what the session did. */
static volatile GovTime accepted_after = 0;
static volatile GovActivityState accepted_state = GOV_ACTIVITY_UNKNOWN;

/* The transaction whose statement was told to stop; 0: none.  And after how long, and whether that was noted. */
static volatile LocalTransactionId cancelled = 0;
static volatile GovTime cancelled_after = 0;
static volatile bool cancel_noted = false;

/* Whether the present transaction has begun to end. */
static volatile bool transaction_ends = false;

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
 * Whether this session waits for its client since then, and nothing has
 * arrived.  Called in a signal handler.
 */
static bool
hears_nothing(GovTime since)
{
	char		byte;

	/* blocked in reading the client's next message, of which nothing is here */
	if (*my_wait_event_info != WAIT_EVENT_CLIENT_READ || gov_protocol_bytes_waiting())
		return false;

	/*
	 * A closed connection (0) is core's to find.
	 *
	 * Over TLS these are bytes of records.  A message that has arrived whole is
	 * not in OpenSSL's own buffer while the backend waits here: SSL_read() asks
	 * to wait only after it has handed out all records that it had read, and
	 * without read-ahead, which the server does not switch on, it takes from
	 * the socket no more than the record that it needs.  So OpenSSL holds a
	 * part of one record at most, and what follows is still in the socket.
	 * Bytes that are no data (a key update, a farewell) make us decline until
	 * core has read them.  GSSAPI encryption works alike, packet by packet.
	 */
	if (recv(MyProcPort->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
		(errno != EAGAIN && errno != EWOULDBLOCK))
		return false;

	return !is_sending(since);
}

/*
 * Whether this session is still in the rest that the request is about: the
 * same state, since the same moment.  Called in a signal handler.
 */
static bool
is_in_rest(GovSessionSlot *slot, GovReason reason)
{
	GovActivity activity = gov_census_read_activity(slot);

	return gov_reason_allows(reason, activity.state) &&
		gov_staleness_subject(&activity, reason) == pg_atomic_read_u64(&slot->request_subject) &&
		gov_staleness_holds(&activity, reason, gov_clock_now()) &&
		hears_nothing(activity.state_since);
}

/*
 * The answer to a request about a transaction.  Declined if it is another one
 * now, or if this one has begun to end: then a pending flag could outlive it.
 * A statement is told to stop once; idle, or asked again, the session ends.
 * So does one that has not ended its failed block.
 * Called in a signal handler.
 */
static GovRequestState
judge_transaction(GovSessionSlot *slot)
{
	GovActivity activity = gov_census_read_activity(slot);

	if (gov_staleness_subject(&activity, GOV_REASON_TRANSACTION_TIMEOUT) !=
		pg_atomic_read_u64(&slot->request_subject) ||
		transaction_ends || InterruptHoldoffCount > 0 || CritSectionCount > 0)
		return GOV_REQUEST_DECLINED;
	if (activity.transaction == 0)
		return activity.overdue && hears_nothing(activity.state_since) ?
			GOV_REQUEST_ACCEPTED : GOV_REQUEST_DECLINED;
	if (activity.state == GOV_ACTIVITY_IDLE_IN_TRANSACTION)
		return GOV_REQUEST_ACCEPTED;
	if (activity.state != GOV_ACTIVITY_ACTIVE)
		return GOV_REQUEST_DECLINED;
	return cancelled == activity.transaction ? GOV_REQUEST_ACCEPTED : GOV_REQUEST_CANCELLED;
}

/*
 * Whether a transaction is being committed or rolled back.  An end would take
 * effect where a commit waits for a synchronous standby, and show to others
 * what is not replicated.  Interrupts are held off also while an error is
 * reported, which a peer who takes nothing can hold up for ever.
 * Called in a signal handler.
 */
static bool
is_ending_transaction(void)
{
	uint32		wait = *my_wait_event_info;

	return transaction_ends || wait == WAIT_EVENT_SYNC_REP ||
		((InterruptHoldoffCount > 0 || CritSectionCount > 0) && wait != WAIT_EVENT_CLIENT_WRITE);
}

/*
 * The answer to a request about a silent peer: declined if anything has come
 * from it since.  The state does not matter, but for the end of a transaction:
 * nobody is there for whom a statement could run.  Called in a signal handler.
 */
static GovRequestState
judge_peer(GovSessionSlot *slot)
{
	GovTime		silent_since = (GovTime) pg_atomic_read_u64(&slot->request_subject);
	GovPeerReport report;

	return !is_ending_transaction() && gov_liveness_of_mine(&report, NULL) &&
		gov_liveness_is_silent_since(&report, silent_since, gov_clock_now()) ?
		GOV_REQUEST_ACCEPTED : GOV_REQUEST_DECLINED;
}

/* How long what the request is about has lasted; a failed block goes on from where it failed. */
static GovTime
lasted_for(GovSessionSlot *slot, GovReason reason)
{
	GovActivity activity = gov_census_read_activity(slot);
	GovTime		lasted = gov_staleness_lasted(&activity, reason, gov_clock_now());
	GovPeerReport report;

	if (reason == GOV_REASON_UNRESPONSIVE)
		return gov_liveness_of_mine(&report, NULL) ? report.heard_ago : 0;
	return activity.overdue ? cancelled_after + lasted : lasted;
}

/*
 * Nothing can be sent any more from here on: a write fails at once, also one
 * that is blocked where core attends to no interrupt, as in the report of an
 * error.  Called in a signal handler.
 */
static void
let_go_of_peer(void)
{
	ClientConnectionLost = true;
	(void) shutdown(MyProcPort->sock, SHUT_WR);
}

/* Does as was answered: core ends the session or the statement. */
static void
obey(GovSessionSlot *slot, uint64 reply)
{
	GovReason	reason = gov_request_reason(reply);

	if (gov_request_state(reply) == GOV_REQUEST_ACCEPTED)
	{
		accepted_after = lasted_for(slot, reason);
		accepted_state = gov_census_read_activity(slot).state;
		accepted = reply;
		if (reason == GOV_REASON_UNRESPONSIVE)
			let_go_of_peer();
		ProcDiePending = true;
	}
	else
	{
		cancelled_after = lasted_for(slot, reason);
		cancelled = (LocalTransactionId) pg_atomic_read_u64(&slot->request_subject);
		cancel_noted = false;
		QueryCancelPending = true;
	}
	InterruptPending = true;
}

/* Gives the one answer to the request, if there is one. */
static void
answer(GovSessionSlot *slot)
{
	uint64		word = pg_atomic_read_u64(&slot->request);
	uint64		reply;
	GovReason	reason = gov_request_reason(word);
	GovRequestState state;
	Latch	   *asker;

	if (gov_request_state(word) != GOV_REQUEST_ASKED)
		return;

	pg_read_barrier();
	asker = slot->asker;
	if (gov_reason_is_about_transaction(reason))
		state = judge_transaction(slot);
	else if (reason == GOV_REASON_UNRESPONSIVE)
		state = judge_peer(slot);
	else
		state = is_in_rest(slot, reason) ? GOV_REQUEST_ACCEPTED : GOV_REQUEST_DECLINED;

	reply = gov_request_word(gov_request_sequence(word), state, reason);
	if (!pg_atomic_compare_exchange_u64(&slot->request, &word, reply))
		return;					/* it was taken back meanwhile */

	if (state == GOV_REQUEST_DECLINED)
		gov_ledger_count_declined(slot->class_id);
	else
		obey(slot, reply);
	if (state == GOV_REQUEST_CANCELLED)
		gov_ledger_count_cancelled(slot->class_id);
	if (state != GOV_REQUEST_ACCEPTED && asker)
		SetLatch(asker);
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

/* "at rest for 61.2 s", and what the asker said. */
static void
describe(GovSessionSlot *slot, char *text, size_t size)
{
	gov_reclaim_describe(gov_request_reason(accepted), accepted_state, accepted_after,
						 gov_registry_detail(slot - gov_registry_slot(0)), text, size);
}

/* Puts other words into an error, allocated where core will free them. */
static void
say(ErrorData *edata, GovSessionSlot *slot, int sqlstate, const char *message, const char *hint,
	GovReason reason, const char *lasted)
{
	char		class_name[GOV_NAME_SIZE];
	char		detail[2 * GOV_EVENT_DETAIL_SIZE];

	gov_policy_class_name(slot->class_id, class_name);
	snprintf(detail, sizeof(detail), _("Reason \"%s\", class \"%s\": %s."),
			 gov_reason_name(reason), class_name[0] ? class_name : "none", lasted);
	edata->sqlerrcode = sqlstate;
	edata->message = MemoryContextStrdup(edata->assoc_context, message);
	edata->detail = MemoryContextStrdup(edata->assoc_context, detail);
	edata->hint = MemoryContextStrdup(edata->assoc_context, hint);
}

static void
say_why_session_ends(ErrorData *edata, GovSessionSlot *slot)
{
	GovReason	reason = gov_request_reason(accepted);
	char		lasted[GOV_EVENT_DETAIL_SIZE];

	describe(slot, lasted, sizeof(lasted));
	if (reason == GOV_REASON_UNRESPONSIVE)
	{
		/* nobody is there to hear it, and a socket that is full would hold us up */
		edata->output_to_client = false;
		say(edata, slot, ERRCODE_CONNECTION_FAILURE,
			_("connection to client lost"),
			_("The client's machine is frozen or gone, or cut off from the network."),
			reason, lasted);
	}
	else if (gov_reason_is_about_transaction(reason))
		say(edata, slot, GOV_ERRCODE_TRANSACTION_TIMEOUT,
			_("terminating connection due to transaction timeout"),
			_("The transaction was rolled back.  Reconnect and run it again in smaller parts."),
			reason, lasted);
	else if (accepted_state == GOV_ACTIVITY_IDLE)
		say(edata, slot, ERRCODE_IDLE_SESSION_TIMEOUT,
			_("terminating connection due to idle-session timeout"),
			_("Nothing was running.  Reconnect and retry."),
			reason, lasted);
	else
		say(edata, slot, ERRCODE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
			_("terminating connection due to idle-in-transaction timeout"),
			_("The transaction was rolled back.  Reconnect and run it again from its beginning."),
			reason, lasted);
}

static void
say_why_statement_stops(ErrorData *edata, GovSessionSlot *slot)
{
	char		lasted[GOV_EVENT_DETAIL_SIZE];

	gov_reclaim_describe(GOV_REASON_TRANSACTION_TIMEOUT, GOV_ACTIVITY_ACTIVE, cancelled_after, "",
						 lasted, sizeof(lasted));
	say(edata, slot, ERRCODE_QUERY_CANCELED,
		_("canceling statement due to transaction timeout"),
		_("The transaction has failed.  Roll it back, and run it again in smaller parts."),
		GOV_REASON_TRANSACTION_TIMEOUT, lasted);
}

/*
 * Core is about to say that an administrator ended the session, or that a user
 * cancelled the statement: says why instead, in core's own words for such an
 * end.
 */
static void
on_log(ErrorData *edata)
{
	GovSessionSlot *slot = gov_registry_mine();

	if (slot != NULL && accepted != 0 && edata->elevel == FATAL &&
		(edata->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		 (gov_request_reason(accepted) == GOV_REASON_UNRESPONSIVE &&
		  edata->sqlerrcode == ERRCODE_CONNECTION_FAILURE)))
		say_why_session_ends(edata, slot);
	else if (slot != NULL && cancelled != 0 && edata->elevel == ERROR &&
			 edata->sqlerrcode == ERRCODE_QUERY_CANCELED &&
			 cancelled == gov_proc_transaction(gov_my_proc_number()) &&
			 edata->message_id != NULL &&
			 strcmp(edata->message_id, "canceling statement due to user request") == 0)
		say_why_statement_stops(edata, slot);

	if (previous_log_hook)
		previous_log_hook(edata);
}

/* Notes, once and outside of the signal handler, that a statement was told to stop. */
static void
note_cancel(GovSessionSlot *slot)
{
	GovSession	session;
	char		detail[GOV_EVENT_DETAIL_SIZE];

	if (cancelled == 0 || cancel_noted)
		return;
	cancel_noted = true;
	gov_reclaim_describe(GOV_REASON_TRANSACTION_TIMEOUT, GOV_ACTIVITY_ACTIVE, cancelled_after, "",
						 detail, sizeof(detail));
	if (gov_registry_read(slot - gov_registry_slot(0), &session))
		gov_ledger_note(GOV_EVENT_CANCELLED, &session, GOV_REASON_TRANSACTION_TIMEOUT, detail);
}

void
gov_victim_at_transaction_end(GovTransactionEnd end)
{
	GovSessionSlot *slot = gov_registry_mine();

	if (slot == NULL)
		return;
	switch (end)
	{
		case GOV_TRANSACTION_ENDING:

			/* first the flag: whatever is accepted after it would be too late for the next line */
			transaction_ends = true;
			pg_compiler_barrier();
			note_cancel(slot);
			CHECK_FOR_INTERRUPTS();
			break;

		case GOV_TRANSACTION_ROLLED_BACK:

			/* it came too late to stop anything, and must not stop what comes next */
			note_cancel(slot);
			if (cancelled != 0)
				QueryCancelPending = false;
			gov_registry_set_trait(GOV_TRAIT_OVERDUE, cancelled != 0);
			cancelled = 0;
			transaction_ends = false;
			break;

		case GOV_TRANSACTION_COMMITTED:
			gov_registry_set_trait(GOV_TRAIT_OVERDUE, false);
			cancelled = 0;
			transaction_ends = false;
			break;
	}
}

void
gov_victim_install(void)
{
	previous_log_hook = emit_log_hook;
	emit_log_hook = on_log;
}

/* The kernel was first, with nothing to say but that the connection is gone. */
static void
note_cut_off(GovSessionSlot *slot)
{
	GovTime		silence;
	GovSession	session;
	char		detail[GOV_EVENT_DETAIL_SIZE];

	if (!gov_probes_cut_off(&silence))
		return;
	gov_reclaim_describe(GOV_REASON_UNRESPONSIVE, GOV_ACTIVITY_UNKNOWN, silence, "given up by the kernel",
						 detail, sizeof(detail));
	if (gov_registry_read(slot - gov_registry_slot(0), &session))
		gov_ledger_note(GOV_EVENT_RECLAIMED, &session, GOV_REASON_UNRESPONSIVE, detail);
	gov_ledger_count_reclaimed(slot->class_id, GOV_REASON_UNRESPONSIVE);
}

void
gov_victim_on_exit(GovSessionSlot *slot)
{
	GovReason	reason;
	GovSession	session;
	char		detail[GOV_EVENT_DETAIL_SIZE];

	note_cancel(slot);
	if (accepted == 0)
	{
		note_cut_off(slot);
		return;
	}
	reason = gov_request_reason(accepted);
	describe(slot, detail, sizeof(detail));
	if (gov_registry_read(slot - gov_registry_slot(0), &session))
		gov_ledger_note(reason == GOV_REASON_EVICTED ? GOV_EVENT_EVICTED : GOV_EVENT_RECLAIMED,
						&session, reason, detail);
	gov_ledger_count_reclaimed(slot->class_id, reason);
}
