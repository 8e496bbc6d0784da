/*-------------------------------------------------------------------------
 *
 * test_admit.c
 *		What becomes of a login.
 *
 * IDENTIFICATION
 *	  test/unit/test_admit.c
 *-------------------------------------------------------------------------
 */
#include "core/admit.h"

#include "unit.h"

extern const UnitTest admit_tests[];

#define NOW		(INT64_C(800000000) * GOV_SECOND)

/* A login to a class with 5 of 10 sessions, on a server with room. */
static GovAdmitFacts
plain(void)
{
	GovAdmitFacts facts = {
		.now = NOW,
		.sessions = 5,
		.max_sessions = 10,
		.queue_limit = 3,
		.queue_timeout = 5 * GOV_SECOND,
		.rate_ready_at = NOW,
		.victim_ready_at = GOV_NEVER,
		.free_places = 50,
	};

	return facts;
}

static void
check(const char *what, GovAdmitFacts facts, GovDecision decision, GovCause cause, GovTime look_at)
{
	GovAdmission admission = gov_admit_decide(&facts);

	unit_row("%s", what);
	CHECK_INT(admission.decision, decision);
	CHECK_STR(gov_cause_name(admission.cause), gov_cause_name(cause));
	if (decision == GOV_DECISION_QUEUE)
		CHECK_INT(admission.look_at, look_at);
}

static void
order_of_decisions(void)
{
	GovAdmitFacts f = plain();

	check("room", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);

	f.sessions = 9;
	check("the last place", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f.sessions = 10;
	check("full", f, GOV_DECISION_QUEUE, GOV_CAUSE_MAX_SESSIONS, GOV_NEVER);
	f.max_sessions = 0;
	check("no cap", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);

	/* each obstacle hides those behind it */
	f = plain();
	f.free_places = f.reserved_by_others = 4;
	check("a reserve", f, GOV_DECISION_QUEUE, GOV_CAUSE_RESERVE, GOV_NEVER);
	f.free_places = 5;
	check("one beside the reserve", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f.free_places = 4;
	f.sessions = 10;
	check("full, and a reserve", f, GOV_DECISION_QUEUE, GOV_CAUSE_MAX_SESSIONS, GOV_NEVER);
	f.rate_ready_at = NOW + 7;
	check("pace before both", f, GOV_DECISION_QUEUE, GOV_CAUSE_RATE, NOW + 7);
	f.paused = true;
	check("paused before pace", f, GOV_DECISION_QUEUE, GOV_CAUSE_PAUSED, GOV_NEVER);
	f.ahead = 1;
	check("others before all", f, GOV_DECISION_QUEUE, GOV_CAUSE_ORDER, GOV_NEVER);

	f = plain();
	f.rate_ready_at = NOW;
	check("pace at this very moment", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f.rate_ready_at = NOW + 1;
	check("pace 1 us ahead", f, GOV_DECISION_QUEUE, GOV_CAUSE_RATE, NOW + 1);
	f = plain();
	f.ahead = 1;
	f.paused = true;
	f.breaker_ready_at = NOW + 1;
	check("an open breaker before all", f, GOV_DECISION_REFUSE, GOV_CAUSE_BREAKER, 0);
	f.is_queued = true;
	f.queued_at = NOW;
	check("also for whoever waits", f, GOV_DECISION_REFUSE, GOV_CAUSE_BREAKER, 0);
	f = plain();
	f.breaker_ready_at = NOW;
	check("a breaker at this very moment", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f = plain();
	f.slots_run_short = true;
	check("whoever gets in needs no queue", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
}

static void
kept_places(void)
{
	GovAdmitFacts f = plain();

	f.free_places = f.reserved_by_others = 4;
	f.kept_places = 2;
	check("a kept place", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f.ahead = 3;
	check("past those who cannot have it", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f.slots_run_short = true;
	check("also with few slots", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f.slots_run_short = false;
	f.ahead = 1;
	f.free_places = 5;
	check("behind those whose turn it is", f, GOV_DECISION_QUEUE, GOV_CAUSE_ORDER, GOV_NEVER);
	f.free_places = 3;
	check("the last one", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f.free_places = 2;
	check("none is left", f, GOV_DECISION_QUEUE, GOV_CAUSE_ORDER, GOV_NEVER);
	f.ahead = 0;
	check("none is left, first", f, GOV_DECISION_QUEUE, GOV_CAUSE_RESERVE, GOV_NEVER);
	f.victim_ready_at = NOW;
	check("none is left, and one rests", f, GOV_DECISION_EVICT, GOV_CAUSE_RESERVE, 0);
	f.ahead = 1;
	check("none is left, and it is not first", f, GOV_DECISION_QUEUE, GOV_CAUSE_ORDER, GOV_NEVER);

	/* of all other limits it is free of none */
	f = plain();
	f.free_places = 0;
	f.kept_places = 2;
	f.sessions = 10;
	check("full", f, GOV_DECISION_QUEUE, GOV_CAUSE_MAX_SESSIONS, GOV_NEVER);
	f.ahead = 1;
	check("full, not first", f, GOV_DECISION_QUEUE, GOV_CAUSE_ORDER, GOV_NEVER);
	f.sessions = 9;
	f.rate_ready_at = NOW + 1;
	check("pace, not first", f, GOV_DECISION_QUEUE, GOV_CAUSE_ORDER, GOV_NEVER);
	f.rate_ready_at = NOW;
	f.paused = true;
	check("paused, not first", f, GOV_DECISION_QUEUE, GOV_CAUSE_ORDER, GOV_NEVER);
}

static void
evictions(void)
{
	GovAdmitFacts f = plain();

	f.sessions = 10;
	f.victim_ready_at = NOW;
	check("full, and one rests", f, GOV_DECISION_EVICT, GOV_CAUSE_MAX_SESSIONS, 0);
	f.victim_ready_at = NOW + 1;
	check("full, and one soon rests enough", f, GOV_DECISION_QUEUE, GOV_CAUSE_MAX_SESSIONS, NOW + 1);
	f.victim_ready_at = NOW;
	f.sessions = 9;
	check("room: nobody is evicted", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f.sessions = 11;
	check("above the cap one would not help", f, GOV_DECISION_QUEUE, GOV_CAUSE_MAX_SESSIONS, NOW);
	f.sessions = 10;
	f.free_places = 0;
	check("full, and the server too: its own place", f, GOV_DECISION_EVICT, GOV_CAUSE_MAX_SESSIONS, 0);
	f.reserved_by_others = 1;
	check("the place would be another class's", f, GOV_DECISION_QUEUE, GOV_CAUSE_MAX_SESSIONS, NOW);
	f = plain();
	f.victim_ready_at = NOW;
	f.free_places = f.reserved_by_others = 2;
	check("a reserve, and one rests", f, GOV_DECISION_EVICT, GOV_CAUSE_RESERVE, 0);
	f.reserved_by_others = 3;
	check("a reserve that is short of two", f, GOV_DECISION_QUEUE, GOV_CAUSE_RESERVE, NOW);
	f = plain();
	f.sessions = 10;
	f.victim_ready_at = NOW;
	f.rate_ready_at = NOW + 1;
	check("evictions keep the pace", f, GOV_DECISION_QUEUE, GOV_CAUSE_RATE, NOW + 1);
	f.rate_ready_at = NOW;
	f.ahead = 1;
	check("only the first evicts", f, GOV_DECISION_QUEUE, GOV_CAUSE_ORDER, GOV_NEVER);
	f.ahead = 0;
	f.queue_limit = 0;
	check("also without a queue", f, GOV_DECISION_EVICT, GOV_CAUSE_MAX_SESSIONS, 0);

	/* that one does not become one who waits when its victim declines */
	f.is_queued = f.only_evicts = true;
	f.queued_at = NOW;
	check("another victim", f, GOV_DECISION_EVICT, GOV_CAUSE_MAX_SESSIONS, 0);
	f.victim_ready_at = NOW + 1;
	check("none is left", f, GOV_DECISION_REFUSE, GOV_CAUSE_MAX_SESSIONS, 0);
	CHECK(!gov_admit_decide(&f).timed_out);
}

static void
refusals(void)
{
	GovAdmitFacts f = plain();

	f.sessions = 10;
	f.ahead = 2;
	check("the last place in the queue", f, GOV_DECISION_QUEUE, GOV_CAUSE_ORDER, GOV_NEVER);
	f.ahead = 3;
	check("a full queue", f, GOV_DECISION_REFUSE, GOV_CAUSE_ORDER, 0);
	f.ahead = 0;
	f.queue_limit = 0;
	check("no queue", f, GOV_DECISION_REFUSE, GOV_CAUSE_MAX_SESSIONS, 0);
	f = plain();
	f.sessions = 10;
	f.queue_timeout = 0;
	check("no time to wait", f, GOV_DECISION_REFUSE, GOV_CAUSE_MAX_SESSIONS, 0);
	f = plain();
	f.sessions = 10;
	f.slots_run_short = true;
	check("the server runs out of slots", f, GOV_DECISION_REFUSE, GOV_CAUSE_SERVER, 0);

	/* whoever waits stays, whatever the queue is now, until his time is over */
	f.is_queued = true;
	f.queued_at = NOW - 5 * GOV_SECOND + 1;
	f.queue_limit = 0;
	check("1 us left", f, GOV_DECISION_QUEUE, GOV_CAUSE_MAX_SESSIONS, NOW + 1);
	CHECK(!gov_admit_decide(&f).timed_out);
	f.queued_at--;
	check("time over", f, GOV_DECISION_REFUSE, GOV_CAUSE_MAX_SESSIONS, 0);
	CHECK(gov_admit_decide(&f).timed_out);
	f.sessions = 9;
	check("time over, and a place", f, GOV_DECISION_ADMIT, GOV_CAUSE_NONE, 0);
	f.sessions = 10;
	f.queued_at = NOW;
	f.rate_ready_at = NOW + 3 * GOV_SECOND;
	check("pace before the end of time", f, GOV_DECISION_QUEUE, GOV_CAUSE_RATE, NOW + 3 * GOV_SECOND);
	f.rate_ready_at = NOW + 30 * GOV_SECOND;
	check("pace behind the end of time", f, GOV_DECISION_QUEUE, GOV_CAUSE_RATE, NOW + 5 * GOV_SECOND);
}

static void
retry_after(void)
{
	CHECK_INT(gov_admit_retry_after(0, 0), GOV_SECOND);
	CHECK_INT(gov_admit_retry_after(10, -5), GOV_SECOND);
	CHECK_INT(gov_admit_retry_after(0, 1), 100 * GOV_MSEC);
	CHECK_INT(gov_admit_retry_after(0, 250 * GOV_MSEC), 250 * GOV_MSEC);
	CHECK_INT(gov_admit_retry_after(9, 250 * GOV_MSEC), 2500 * GOV_MSEC);
	CHECK_INT(gov_admit_retry_after(1000, 10 * GOV_SECOND), 60 * GOV_SECOND);
	CHECK_INT(gov_admit_retry_after(262143, GOV_NEVER - 1), 60 * GOV_SECOND);
}

/* Whatever the facts, some things never happen. */
static void
properties(void)
{
	for (int i = 0; i < 200000; i++)
	{
		GovAdmitFacts f = {
			.now = NOW,
			.is_queued = unit_random_below(2) == 0,
			.ahead = (int) unit_random_below(4),
			.only_evicts = unit_random_below(4) == 0,
			.queued_at = NOW - (GovTime) unit_random_below(10),
			.sessions = (int) unit_random_below(5),
			.max_sessions = (int) unit_random_below(4),
			.queue_limit = (int) unit_random_below(4),
			.queue_timeout = (GovTime) unit_random_below(10),
			.paused = unit_random_below(4) == 0,
			.rate_ready_at = NOW - 2 + (GovTime) unit_random_below(5),
			.victim_ready_at = unit_random_below(2) == 0 ? GOV_NEVER : NOW - 2 + (GovTime) unit_random_below(5),
			.free_places = (int) unit_random_below(4) - 1,
			.kept_places = (int) unit_random_below(3),
			.reserved_by_others = (int) unit_random_below(3),
			.slots_run_short = unit_random_below(2) == 0,
		};
		GovAdmission a = gov_admit_decide(&f);
		bool		full = f.max_sessions > 0 && f.sessions >= f.max_sessions;
		bool		may = !f.paused && f.rate_ready_at <= NOW;
		bool		first = may && f.ahead == 0;
		bool		others_may = f.free_places > f.reserved_by_others;
		bool		has_place = f.free_places + f.kept_places > f.reserved_by_others;

		/* a place, and only then; before others only one that they cannot have */
		CHECK((a.decision == GOV_DECISION_ADMIT) ==
			  (may && !full && has_place && (f.ahead == 0 || !others_may)));
		CHECK((a.decision == GOV_DECISION_ADMIT) == (a.cause == GOV_CAUSE_NONE));

		/* nobody is evicted without need, nor before his time */
		if (a.decision == GOV_DECISION_EVICT)
			CHECK(first && f.victim_ready_at <= NOW && (full || !has_place));

		/* whoever waits is refused for his time alone, and wakes for it; who came to evict does not wait */
		if (f.is_queued && f.only_evicts)
			CHECK(a.decision != GOV_DECISION_QUEUE);
		else if (f.is_queued && a.decision == GOV_DECISION_REFUSE)
			CHECK(a.timed_out && f.queued_at + f.queue_timeout <= NOW);
		if (f.is_queued && a.decision == GOV_DECISION_QUEUE)
			CHECK(a.look_at > NOW - 3 && a.look_at <= f.queued_at + f.queue_timeout);
		if (!f.is_queued && a.decision == GOV_DECISION_QUEUE)
			CHECK(f.ahead < f.queue_limit && !f.slots_run_short);
	}
}

const UnitTest admit_tests[] = {
	{"admit: the order of decisions", order_of_decisions},
	{"admit: places that are kept", kept_places},
	{"admit: evictions", evictions},
	{"admit: refusals", refusals},
	{"admit: when to come again", retry_after},
	{"admit: whatever the facts", properties},
	UNIT_END
};
