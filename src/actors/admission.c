/*-------------------------------------------------------------------------
 *
 * admission.c
 *		The decision about a login, carried out.
 *
 * The way of a login, top to bottom; each step may lead to the next:
 *
 *		try			a place now?						[gov_queue_try]
 *		evict		a session at rest is asked to end	[evict]
 *		wait		until something has changed			[wait_a_while]
 *		refuse		with what to do instead				[refuse]
 *
 * Owns: nothing in shared memory; state/queue.c has who waits.
 * Runs in: backends, while core authenticates them.
 *
 * While it waits a login holds a process slot and nothing else: no snapshot, no
 * lock.  authentication_timeout does not run meanwhile, queue_timeout does.
 * Whatever ends the process takes it out of the queue, by the release of its
 * slot.
 *
 * IDENTIFICATION
 *	  src/actors/admission.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/admission.h"
#include "actors/guard.h"
#include "actors/reclaim.h"
#include "clock.h"
#include "settings.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/queue.h"
#include "state/registry.h"

#include "catalog/pg_authid.h"
#include "libpq/auth.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/ps_status.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

/* How long the answer of a session that was asked to make room is waited for, and its exit then. */
#define ANSWER_PATIENCE		(200 * GOV_MSEC)
#define EXIT_PATIENCE		(2 * GOV_SECOND)

/* What is waited for is announced; this is for a word that got lost. */
#define LONGEST_WAIT_MS		1000

GovMode
gov_admission_mode(int class_id)
{
	return Min((GovMode) gov_settings_mode, gov_queue_mode_of(class_id));
}

static void
session_of_mine(GovSession *session)
{
	(void) gov_registry_read(gov_registry_mine() - gov_registry_slot(0), session);
}

/* "class "function" has 80 of 80 sessions and 12 logins wait", for people. */
static void
describe(const GovTry *tried, char *text, size_t size)
{
	char		class_name[GOV_NAME_SIZE];

	gov_policy_class_name(tried->class_id, class_name);
	if (tried->max_sessions > 0)
		snprintf(text, size, "Class \"%s\" has %d of %d sessions and %d waiting",
				 class_name, tried->sessions, tried->max_sessions, tried->waiting);
	else
		snprintf(text, size, "Class \"%s\" has %d sessions and %d waiting",
				 class_name, tried->sessions, tried->waiting);
}

static void
refuse(const GovTry *tried)
{
	GovCause	cause = tried->admission.cause;
	GovSession	session;
	char		text[GOV_EVENT_DETAIL_SIZE];
	char		detail[GOV_EVENT_DETAIL_SIZE + 64];

	if (cause == GOV_CAUSE_BREAKER)
		gov_guard_refuse_login(tried->class_id);
	describe(tried, text, sizeof(text));
	snprintf(detail, sizeof(detail), "%s; cause: %s%s", text, gov_cause_name(cause),
			 tried->admission.timed_out ? ", and queue_timeout is over" : "");
	session_of_mine(&session);
	gov_ledger_count_refused(tried->class_id, cause);
	gov_ledger_note_admission(GOV_EVENT_REFUSED, &session, cause, detail);
	ereport(FATAL,
			(errcode(ERRCODE_TOO_MANY_CONNECTIONS),
			 errmsg("sorry, too many clients already"),
			 errdetail("%s.", detail),
			 errhint("Retry after %d ms.", (int) (tried->retry_after / GOV_MSEC))));
}

/* Notes, in observe, what enforce would have done. */
static void
observe(const GovTry *tried)
{
	static const GovEventKind kinds[] = {
		[GOV_DECISION_EVICT] = GOV_EVENT_WOULD_EVICT,
		[GOV_DECISION_QUEUE] = GOV_EVENT_WOULD_QUEUE,
		[GOV_DECISION_REFUSE] = GOV_EVENT_WOULD_REFUSE,
	};
	GovSession	session;
	char		text[GOV_EVENT_DETAIL_SIZE];

	if (tried->admission.decision == GOV_DECISION_ADMIT)
		return;
	describe(tried, text, sizeof(text));
	session_of_mine(&session);
	gov_ledger_count_would(tried->class_id, tried->admission.decision);
	gov_ledger_note_admission(kinds[tried->admission.decision], &session, tried->admission.cause, text);
}

/* Says what core would not: while it authenticates it speaks of a timeout, and to nobody. */
static void
obey_terminate(void)
{
	if (ProcDiePending)
	{
		ProcDiePending = false;
		ereport(FATAL,
				(errcode(ERRCODE_ADMIN_SHUTDOWN),
				 errmsg("terminating connection due to administrator command")));
	}
	CHECK_FOR_INTERRUPTS();
}

/* Sleeps until woken, until a moment, or until the client is gone: then this is the end. */
static void
wait_a_while(WaitEventSet *events, GovTime until)
{
	static uint32 wait_event = 0;
	WaitEvent	event;
	int			n;

	n = WaitEventSetWait(events, gov_clock_ms_until(until, gov_clock_now(), LONGEST_WAIT_MS),
						 &event, 1, gov_wait_event(&wait_event, "GovernorAdmission"));
	if (n > 0 && (event.events & WL_SOCKET_CLOSED))
		proc_exit(0);
	ResetLatch(MyLatch);
	obey_terminate();
}

static bool
has_answered(WaitEventSet *events, const GovVictim *victim, uint64 request, GovTime patience)
{
	GovTime		began = gov_clock_now();

	while (gov_reclaim_outcome(victim->slot, victim->generation, request) == GOV_RECLAIM_PENDING)
	{
		GovTime		now = gov_clock_now();

		/* before it began: the clock was set back */
		if (now < began || now >= began + patience)
			return false;
		wait_a_while(events, began + patience);
	}
	return true;
}

/*
 * Asks a session at rest to end.  If it is gone there is a place now; if it
 * has declined, or says nothing, the next try finds another one.  The request
 * is taken back then, lest it end somebody when there is room again; and who
 * has agreed is given time to go, lest another one ends for the same place.
 */
static void
evict(WaitEventSet *events, const GovVictim *victim)
{
	uint64		request = gov_reclaim_ask(victim->slot, victim->generation, GOV_REASON_EVICTED,
										  (uint64) victim->rests_since, NULL, MyLatch);

	if (request != 0 && !has_answered(events, victim, request, ANSWER_PATIENCE) &&
		!gov_reclaim_take_back(victim->slot, victim->generation, request))
		(void) has_answered(events, victim, request, EXIT_PATIENCE);
}

static WaitEventSet *
make_events(Port *port)
{
	WaitEventSet *events = gov_create_wait_event_set(3);

	AddWaitEventToSet(events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	if (WaitEventSetCanReportClosed())
		AddWaitEventToSet(events, WL_SOCKET_CLOSED, port->sock, NULL, NULL);
	return events;
}

/* Holds nothing that others could miss while this login waits. */
static void
settle_down(void)
{
	disable_timeout(STATEMENT_TIMEOUT, false);

	/* a snapshot from before would hold back VACUUM; to let go of one it must be the catalog's */
	(void) GetCatalogSnapshot(AuthIdRelationId);
	InvalidateCatalogSnapshot();
	set_ps_display("waiting for admission");
}

/* Waits until there is a place, or it is refused; returns how long. */
static GovTime
wait_for_place(Port *port, int kept_places, GovTry *tried)
{
	WaitEventSet *events = make_events(port);
	GovTime		began = gov_clock_now();
	GovTime		waited;
	GovSession	session;
	GovCause	cause = tried->admission.cause;
	char		detail[GOV_EVENT_DETAIL_SIZE];

	settle_down();
	gov_ledger_count_queued(tried->class_id, cause);
	while (tried->admission.decision != GOV_DECISION_ADMIT)
	{
		if (tried->admission.decision == GOV_DECISION_REFUSE)
			refuse(tried);
		if (tried->admission.decision == GOV_DECISION_EVICT)
			evict(events, &tried->victim);
		else
		{
			if (tried->wants_victims)
				gov_pulse_wake();
			wait_a_while(events, tried->admission.look_at);
		}
		obey_terminate();

		/* a mode that has become weaker lets everybody in */
		if (gov_admission_mode(gov_registry_mine()->class_id) != GOV_MODE_ENFORCE)
		{
			gov_queue_try(false, kept_places, tried);
			break;
		}
		gov_queue_try(true, kept_places, tried);
	}
	FreeWaitEventSet(events);
	enable_timeout_after(STATEMENT_TIMEOUT, AuthenticationTimeout * 1000);
	set_ps_display("authentication");

	waited = Max(gov_clock_now() - began, 0);
	session_of_mine(&session);
	snprintf(detail, sizeof(detail), "after %.3f s", (double) waited / GOV_SECOND);
	gov_ledger_count_waited(tried->class_id, waited);
	gov_ledger_note_admission(GOV_EVENT_ADMITTED_AFTER_WAIT, &session, cause, detail);
	return waited;
}

GovTime
gov_admission_pass(Port *port, int kept_places)
{
	bool		enforce = gov_admission_mode(gov_registry_mine()->class_id) == GOV_MODE_ENFORCE;
	GovTry		tried;

	gov_queue_try(enforce, kept_places, &tried);
	if (!enforce)
		observe(&tried);
	else if (tried.admission.decision == GOV_DECISION_REFUSE)
		refuse(&tried);
	else
	{
		GovTime		waited = tried.admission.decision == GOV_DECISION_ADMIT ? 0 :
			wait_for_place(port, kept_places, &tried);

		/* the mode may have become weaker while it waited */
		if (gov_admission_mode(gov_registry_mine()->class_id) == GOV_MODE_ENFORCE)
			gov_guard_login();
		return waited;
	}
	return 0;
}
