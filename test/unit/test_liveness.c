/*-------------------------------------------------------------------------
 *
 * test_liveness.c
 *		Whether the peer of a connection still answers.
 *
 * IDENTIFICATION
 *	  test/unit/test_liveness.c
 *-------------------------------------------------------------------------
 */
#include "core/liveness.h"
#include "core/staleness.h"

#include "unit.h"

extern const UnitTest liveness_tests[];

#define START		(INT64_C(800000000) * GOV_SECOND)
#define TIMEOUT		(20 * GOV_SECOND)

/* A peer that is probed every second, and was heard half a second before START. */
static const GovPeer answering = {
	.looked_at = START,
	.heard_at = START - 500 * GOV_MSEC,
	.is_probed = true,
	.answers = true,
};

static void
how_to_probe(void)
{
	static const struct
	{
		GovTime		timeout,
					sweep_interval;
		int			interval,
					count;
	}			rows[] =
	{
		{20 * GOV_SECOND, GOV_SECOND, 1, 22},
		{2 * GOV_SECOND, 50 * GOV_MSEC, 1, 3},
		{2 * GOV_SECOND, 60 * GOV_SECOND, 1, 122},
		{2500 * GOV_MSEC, GOV_SECOND, 1, 5},
		{125 * GOV_SECOND, GOV_SECOND, 1, 127},
		{125 * GOV_SECOND + 1, GOV_SECOND, 2, 64},	/* the kernel counts to 127 */
		{252 * GOV_SECOND, GOV_SECOND, 2, 127},
		{86400 * GOV_SECOND, GOV_SECOND, 681, 127},
		{86400 * GOV_SECOND, 60 * GOV_SECOND, 682, 127},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovProbing	probing = gov_liveness_probing(rows[i].timeout, rows[i].sweep_interval);

		unit_row("timeout %" PRId64 ", sweeps %" PRId64, rows[i].timeout, rows[i].sweep_interval);
		CHECK_INT(probing.interval, rows[i].interval);
		CHECK_INT(probing.count, rows[i].count);
		CHECK(probing.count * probing.interval * GOV_SECOND >= rows[i].timeout + 2 * rows[i].sweep_interval);
		CHECK(probing.count <= 127);
	}
}

/* With nothing unanswered a peer is never silent, however long it was not heard. */
static void
who_answers(void)
{
	static const struct
	{
		GovPeerTimer timer;
		GovTime		timer_left,
					heard_ago;
		bool		is_probed,
					answers;
	}			rows[] =
	{
		{GOV_PEER_TIMER_KEEPALIVE, GOV_SECOND, 0, true, true},
		{GOV_PEER_TIMER_KEEPALIVE, 1100 * GOV_MSEC, 3 * GOV_SECOND, true, true},
		{GOV_PEER_TIMER_KEEPALIVE, 1100 * GOV_MSEC + 1, 3 * GOV_SECOND + 1, false, false},
		{GOV_PEER_TIMER_KEEPALIVE, 7200 * GOV_SECOND, 3600 * GOV_SECOND, false, false},
		{GOV_PEER_TIMER_NONE, 0, GOV_SECOND, false, true},
		{GOV_PEER_TIMER_NONE, 0, 86400 * GOV_SECOND, false, false},
		{GOV_PEER_TIMER_DATA, GOV_SECOND, 0, true, true},	/* hides the timer of keepalive probes */
		{GOV_PEER_TIMER_WINDOW, 100 * GOV_SECOND, 20 * GOV_SECOND, true, true}, /* said that it takes no data */
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovPeerReport report = {
			.timer = rows[i].timer,
			.timer_left = rows[i].timer_left,
			.heard_ago = rows[i].heard_ago,
		};
		GovPeer		peer = gov_liveness_look(&answering, &report, GOV_SECOND, START + GOV_SECOND);

		unit_row("timer %d, %" PRId64 " left, heard %" PRId64 " ago", rows[i].timer, rows[i].timer_left, rows[i].heard_ago);
		CHECK_INT(peer.looked_at, START + GOV_SECOND);
		CHECK_INT(peer.heard_at, START + GOV_SECOND - rows[i].heard_ago);
		CHECK_INT(peer.silent_since, 0);
		CHECK_INT(peer.is_probed, rows[i].is_probed);
		CHECK_INT(peer.answers, rows[i].answers);
		CHECK_INT(gov_liveness_ends_at(&peer, 0), GOV_NEVER);
		CHECK_INT(gov_liveness_state(&peer, START + GOV_SECOND),
				  rows[i].answers ? GOV_PEER_RESPONSIVE : GOV_PEER_UNKNOWN);
	}
}

/* When a silence began, at the look that first sees it. */
static void
when_silence_begins(void)
{
	GovPeer		nothing = {0};
	GovPeer		unprobed = answering;
	GovPeer		later = answering;
	GovPeerReport one = {.probes = 1, .timer = GOV_PEER_TIMER_KEEPALIVE, .timer_left = GOV_SECOND / 2};
	GovTime		now = START + GOV_SECOND;

	/* a second after it was last heard */
	one.heard_ago = 1200 * GOV_MSEC;
	CHECK_INT(gov_liveness_look(&answering, &one, GOV_SECOND, now).silent_since, START + 800 * GOV_MSEC);

	/* but not before the last look, nor in the future */
	later.looked_at = START + 900 * GOV_MSEC;
	CHECK_INT(gov_liveness_look(&later, &one, GOV_SECOND, now).silent_since, START + 900 * GOV_MSEC);
	one.heard_ago = 300 * GOV_MSEC;
	CHECK_INT(gov_liveness_look(&answering, &one, GOV_SECOND, now).silent_since, now);

	/* not known before now: the first look, a peer that nobody probed, one that is asked at growing distances */
	one.heard_ago = 1200 * GOV_MSEC;
	CHECK_INT(gov_liveness_look(&nothing, &one, GOV_SECOND, now).silent_since, now);
	unprobed.is_probed = false;
	one.timer = GOV_PEER_TIMER_DATA;
	CHECK_INT(gov_liveness_look(&unprobed, &one, GOV_SECOND, now).silent_since, now);
	one.timer = GOV_PEER_TIMER_WINDOW;
	CHECK_INT(gov_liveness_look(&answering, &one, GOV_SECOND, now).silent_since, now);

	/* hidden by the timer for data, probing goes on */
	one.timer = GOV_PEER_TIMER_DATA;
	CHECK_INT(gov_liveness_look(&answering, &one, GOV_SECOND, now).silent_since, START + 800 * GOV_MSEC);
}

/*
 * Between looks far apart somebody may have been probed otherwise than he
 * seems to be: a timer for keepalive probes nearly runs down now and then at
 * any distance.
 */
static void
looks_far_apart(void)
{
	GovPeerReport two = {.probes = 2, .timer = GOV_PEER_TIMER_KEEPALIVE, .timer_left = GOV_SECOND};
	GovTime		now = START + 3 * GOV_SECOND;

	two.heard_ago = 3500 * GOV_MSEC;
	CHECK_INT(gov_liveness_look(&answering, &two, GOV_SECOND, now).silent_since, START + 500 * GOV_MSEC);
	now++;
	CHECK_INT(gov_liveness_look(&answering, &two, GOV_SECOND, now).silent_since, now);

	/* a clock that was set back meanwhile */
	now = START - 1;
	CHECK_INT(gov_liveness_look(&answering, &two, GOV_SECOND, now).silent_since, now);
}

/*
 * Somebody who has himself probed after 30 s, and twice then, looked at once
 * in a minute: right after the last of the second two it is not yet silent
 * for 20 s, whenever it is looked at.
 */
static void
probed_otherwise(void)
{
	for (GovTime looked_at = 0; looked_at < 60 * GOV_SECOND; looked_at += 50 * GOV_MSEC)
	{
		/* heard at START and, asked, half a minute later; then it is asked again and again */
		GovTime		first_unanswered = START + 60 * GOV_SECOND;
		GovTime		first_look = START + looked_at;
		GovTime		look = first_look + 60 * GOV_SECOND;
		bool		answered = first_look >= START + 30 * GOV_SECOND;
		GovPeerReport report = {.timer = GOV_PEER_TIMER_KEEPALIVE};
		GovPeer		nothing = {0};
		GovPeer		peer;

		report.heard_ago = first_look - START - (answered ? 30 * GOV_SECOND : 0);
		report.timer_left = 30 * GOV_SECOND - report.heard_ago;
		peer = gov_liveness_look(&nothing, &report, GOV_SECOND, first_look);

		unit_row("first look after %" PRId64, looked_at);
		report.heard_ago = look - (START + 30 * GOV_SECOND);
		report.probes = look < first_unanswered ? 0 : 1 + (uint32_t) ((look - first_unanswered) / GOV_SECOND);
		report.timer_left = GOV_SECOND - (look - first_unanswered) % GOV_SECOND;
		peer = gov_liveness_look(&peer, &report, GOV_SECOND, look);
		if (report.probes > 0)
			CHECK(gov_liveness_ends_at(&peer, TIMEOUT) >= first_unanswered + TIMEOUT);
	}
}

/* From look to look. */
static void
how_silence_goes_on(void)
{
	GovPeerReport report = {.probes = 1, .timer = GOV_PEER_TIMER_KEEPALIVE, .timer_left = GOV_SECOND, .heard_ago = 1500 * GOV_MSEC};
	GovPeer		peer = gov_liveness_look(&answering, &report, GOV_SECOND, START + GOV_SECOND);
	GovPeer		before;
	GovTime		since = peer.silent_since;

	CHECK_INT(since, START + 500 * GOV_MSEC);
	CHECK_INT(peer.probed_at, START + GOV_SECOND);

	/* the same silence, also if the kernel's clock is a little off */
	report.probes = 2;
	report.heard_ago = 2480 * GOV_MSEC;
	peer = gov_liveness_look(&peer, &report, GOV_SECOND, START + 2 * GOV_SECOND);
	CHECK_INT(peer.silent_since, since);
	CHECK_INT(peer.probed_at, START + 2 * GOV_SECOND);
	CHECK_INT(peer.unanswered, 2);
	before = peer;

	/* no further probe */
	report.heard_ago = 2980 * GOV_MSEC;
	peer = gov_liveness_look(&before, &report, GOV_SECOND, START + 2500 * GOV_MSEC);
	CHECK_INT(peer.probed_at, START + 2 * GOV_SECOND);

	/* data says itself when it was sent */
	report.retransmits = 3;
	report.sent_ago = 70 * GOV_MSEC;
	peer = gov_liveness_look(&before, &report, GOV_SECOND, START + 2500 * GOV_MSEC);
	CHECK_INT(peer.silent_since, since);
	CHECK_INT(peer.probed_at, START + 2430 * GOV_MSEC);
	CHECK_INT(peer.unanswered, 5);

	/* heard of in between, and silent again */
	report.retransmits = 0;
	report.heard_ago = 300 * GOV_MSEC;
	peer = gov_liveness_look(&before, &report, GOV_SECOND, START + 4 * GOV_SECOND);
	CHECK_INT(peer.silent_since, START + 4 * GOV_SECOND);

	/* the clock was set forward by an hour: it is not an hour longer, but counted anew */
	report.heard_ago = 3500 * GOV_MSEC;
	peer = gov_liveness_look(&before, &report, GOV_SECOND, START + 3603 * GOV_SECOND);
	CHECK_INT(peer.silent_since, START + 3603 * GOV_SECOND);

	/* and back: counted anew */
	peer = gov_liveness_look(&before, &report, GOV_SECOND, START - 3600 * GOV_SECOND);
	CHECK_INT(peer.silent_since, START - 3600 * GOV_SECOND);

	/* it answers again */
	report.probes = 0;
	peer = gov_liveness_look(&before, &report, GOV_SECOND, START + 3 * GOV_SECOND);
	CHECK_INT(peer.silent_since, 0);
}

static void
when_it_ends(void)
{
	GovPeer		peer = {
		.looked_at = START + 19 * GOV_SECOND,
		.silent_since = START,
		.unanswered = 2,
		.probed_at = START + 18 * GOV_SECOND,
		.distance = GOV_SECOND,
	};

	CHECK_INT(gov_liveness_ends_at(&peer, TIMEOUT), START + TIMEOUT);
	CHECK_INT(gov_liveness_ends_at(&peer, GOV_NEVER), GOV_NEVER);

	/* the last probe is too old: whoever came back after it had nothing to answer */
	peer.probed_at--;
	CHECK_INT(gov_liveness_ends_at(&peer, TIMEOUT), GOV_NEVER);
	peer.probed_at = START + 40 * GOV_SECOND;
	CHECK_INT(gov_liveness_ends_at(&peer, TIMEOUT), START + TIMEOUT);

	/* one lost packet is no silence */
	peer.unanswered = 1;
	CHECK_INT(gov_liveness_ends_at(&peer, TIMEOUT), GOV_NEVER);
}

static void
states(void)
{
	GovPeer		peer = answering;

	CHECK_INT(gov_liveness_state(&peer, START), GOV_PEER_RESPONSIVE);
	peer.silent_since = START;
	CHECK_INT(gov_liveness_state(&peer, START + GOV_SECOND - 1), GOV_PEER_RESPONSIVE);
	CHECK_INT(gov_liveness_state(&peer, START + GOV_SECOND), GOV_PEER_UNRESPONSIVE);
	peer.answers = false;
	CHECK_INT(gov_liveness_state(&peer, START), GOV_PEER_UNKNOWN);
	peer = (GovPeer) {0};
	CHECK_INT(gov_liveness_state(&peer, START), GOV_PEER_UNKNOWN);

	CHECK_STR(gov_liveness_state_name(GOV_PEER_UNKNOWN), "unknown");
	CHECK_STR(gov_liveness_state_name(GOV_PEER_RESPONSIVE), "responsive");
	CHECK_STR(gov_liveness_state_name(GOV_PEER_UNRESPONSIVE), "unresponsive");
}

/* With a timeout that is longer than the kernel can count to in seconds, everything takes its time. */
static void
long_distances(void)
{
	GovTime		distance = 10 * GOV_SECOND;
	GovPeerReport report = {.timer = GOV_PEER_TIMER_KEEPALIVE, .timer_left = 9 * GOV_SECOND, .heard_ago = 12 * GOV_SECOND};
	GovPeer		peer = gov_liveness_look(&answering, &report, distance, START);

	CHECK(peer.is_probed);
	CHECK(peer.answers);
	report.heard_ago++;
	CHECK(!gov_liveness_look(&answering, &report, distance, START).answers);
	report.timer_left = distance + 100 * GOV_MSEC + 1;
	CHECK(!gov_liveness_look(&answering, &report, distance, START).is_probed);

	report.probes = 2;
	report.timer_left = 9 * GOV_SECOND;
	report.heard_ago = 31 * GOV_SECOND;
	peer = gov_liveness_look(&answering, &report, distance, START + 30500 * GOV_MSEC);
	CHECK_INT(peer.silent_since, START + 30500 * GOV_MSEC);
	report.heard_ago = 11 * GOV_SECOND;
	peer = gov_liveness_look(&answering, &report, distance, START + 2500 * GOV_MSEC);
	CHECK_INT(peer.silent_since, START + 1500 * GOV_MSEC);

	peer.probed_at = peer.silent_since + 1000 * GOV_SECOND - 11 * GOV_SECOND;
	CHECK_INT(gov_liveness_ends_at(&peer, 1000 * GOV_SECOND), peer.silent_since + 1000 * GOV_SECOND);
	peer.probed_at--;
	CHECK_INT(gov_liveness_ends_at(&peer, 1000 * GOV_SECOND), GOV_NEVER);
}

/* The last look, by the session itself. */
static void
still_silent(void)
{
	GovPeerReport report = {.probes = 1, .heard_ago = 20 * GOV_SECOND};

	CHECK(gov_liveness_is_silent_since(&report, START, START + 20 * GOV_SECOND));
	CHECK(gov_liveness_is_silent_since(&report, START, START + 20 * GOV_SECOND + 100 * GOV_MSEC));
	CHECK(!gov_liveness_is_silent_since(&report, START, START + 20 * GOV_SECOND + 100 * GOV_MSEC + 1));
	report.probes = 0;
	CHECK(!gov_liveness_is_silent_since(&report, START, START + 20 * GOV_SECOND));
	report.retransmits = 1;
	CHECK(gov_liveness_is_silent_since(&report, START, START + 20 * GOV_SECOND));
}

/* The verdict on a session. */
static void
verdicts(void)
{
	GovClass	limits = {.used = true, .unresponsive_timeout = TIMEOUT};
	GovVerdict	none = {GOV_REASON_NONE, GOV_NEVER};
	GovVerdict	idle = {GOV_REASON_IDLE, START + TIMEOUT - 1};
	GovVerdict	silent = {GOV_REASON_UNRESPONSIVE, START + TIMEOUT};

	for (int state = 0; state <= GOV_ACTIVITY_IDLE_IN_TRANSACTION; state++)
	{
		GovActivity activity = {
			.state = (GovActivityState) state,
			.state_since = START - 1,
			.keep = GOV_KEEP_LISTENING,
			.peer = {
				.heard_at = START - GOV_SECOND,
				.silent_since = START,
				.unanswered = 20,
				.probed_at = START + TIMEOUT,
			},
		};
		GovVerdict	verdict = gov_staleness_judge_peer(&activity, &limits);

		unit_row("state %d", state);
		if (state == GOV_ACTIVITY_STARTING)
			CHECK_INT(verdict.reason, GOV_REASON_NONE);
		else
		{
			CHECK_INT(verdict.reason, GOV_REASON_UNRESPONSIVE);
			CHECK_INT(verdict.stale_at, START + TIMEOUT);
		}
		CHECK_INT(gov_staleness_subject(&activity, GOV_REASON_UNRESPONSIVE), START);
		CHECK_INT(gov_staleness_lasted(&activity, GOV_REASON_UNRESPONSIVE, START + TIMEOUT), TIMEOUT + GOV_SECOND);

		activity.peer = (GovPeer) {0};
		CHECK_INT(gov_staleness_judge_peer(&activity, &limits).reason, GOV_REASON_NONE);
	}

	/* the earlier one, until that on the peer is true */
	CHECK_INT(gov_staleness_with_peer(none, silent, START).reason, GOV_REASON_UNRESPONSIVE);
	CHECK_INT(gov_staleness_with_peer(idle, none, START + TIMEOUT).reason, GOV_REASON_IDLE);
	CHECK_INT(gov_staleness_with_peer(idle, silent, START + TIMEOUT - 1).reason, GOV_REASON_IDLE);
	CHECK_INT(gov_staleness_with_peer(idle, silent, START + TIMEOUT).reason, GOV_REASON_UNRESPONSIVE);
	idle.stale_at = START + TIMEOUT + 1;
	CHECK_INT(gov_staleness_with_peer(idle, silent, START).reason, GOV_REASON_UNRESPONSIVE);
}

/*
 * A connection as Linux has it: keepalive probes one distance after the last
 * answer and at that distance from then on, or data that is sent again at
 * doubling distances, of two minutes at most.  The peer is frozen at one moment and back at another.
 */
typedef struct Link
{
	GovTime		frozen_at;
	GovTime		back_at;
	GovTime		heard_at;
	GovTime		first_unanswered;	/* 0: none */
	GovTime		sent_at;
	GovTime		next_at;		/* when the kernel acts next */
	GovTime		distance;
	GovTime		of_probes;		/* the distance that was asked for */
	uint32_t	probes;
	uint32_t	retransmits;
	bool		has_data;
} Link;

static void
send_one(Link *link)
{
	GovTime		now = link->next_at;
	bool		answered = now < link->frozen_at || now >= link->back_at;

	if (link->has_data)
		link->sent_at = now;
	if (answered)
	{
		link->heard_at = now;
		link->first_unanswered = 0;
		link->probes = link->retransmits = 0;
		link->has_data = false;
		link->distance = link->of_probes;
	}
	else
	{
		if (link->first_unanswered == 0)
			link->first_unanswered = now;
		if (!link->has_data)
			link->probes++;
		else if (link->first_unanswered != now)
		{
			link->retransmits++;
			link->distance = 2 * link->distance < 120 * GOV_SECOND ? 2 * link->distance : 120 * GOV_SECOND;
		}
	}
	link->next_at = now + link->distance;
}

static GovPeerReport
report_of(const Link *link, GovTime now)
{
	GovPeerReport report = {
		.probes = link->probes,
		.retransmits = link->retransmits,
		.timer = link->has_data ? GOV_PEER_TIMER_DATA : GOV_PEER_TIMER_KEEPALIVE,
		.timer_left = link->next_at - now,
		.heard_ago = now - link->heard_at,
		.sent_ago = now - link->sent_at,
	};

	return report;
}

/* Runs it until the verdict, or for a while; returns when that was, GOV_NEVER: it lives. */
static GovTime
run(Link *link, GovTime data_at, GovTime timeout, GovTime first_look, GovTime step)
{
	GovPeer		peer = {0};
	GovTime		look_at = first_look;

	for (GovTime now = START; now < START + 3 * timeout + 200 * GOV_SECOND; now += step)
	{
		GovTime		end = gov_liveness_ends_at(&peer, timeout);
		GovPeerReport report;

		if (now >= data_at)
		{
			data_at = GOV_NEVER;
			link->has_data = true;
			link->distance = 200 * GOV_MSEC;
			link->next_at = now;
		}
		while (link->next_at <= now)
			send_one(link);
		report = report_of(link, now);
		if (end <= now && gov_liveness_is_silent_since(&report, peer.silent_since, now))
			return now;
		if (now >= look_at)
		{
			peer = gov_liveness_look(&peer, &report, link->of_probes, now);
			look_at += GOV_SECOND + (GovTime) (unit_random() % 20) * GOV_MSEC;
		}
	}
	return GOV_NEVER;
}

static GovTime
some_ms(int most)
{
	return (GovTime) (unit_random() % (uint64_t) most) * GOV_MSEC;
}

/* One that freezes, and half of the time thaws, with this timeout. */
static void
freeze_one(int round, GovTime timeout, GovTime step)
{
	GovTime		distance = gov_liveness_probing(timeout, GOV_SECOND).interval * GOV_SECOND;
	GovTime		frozen_at = START + 5 * distance + some_ms(3000);
	bool		with_data = unit_random() % 3 == 0;
	bool		comes_back = unit_random() % 2 == 0;
	Link		link = {
		.frozen_at = frozen_at,
		.back_at = comes_back ? frozen_at + some_ms((int) (2 * timeout / GOV_MSEC)) : GOV_NEVER,
		.heard_at = START,
		.next_at = START + some_ms((int) (distance / GOV_MSEC)),
		.distance = distance,
		.of_probes = distance,
	};
	GovTime		data_at = with_data ? frozen_at + some_ms(1000) : GOV_NEVER;
	GovTime		end = run(&link, data_at, timeout, START + some_ms(1000), step);
	GovTime		heard_at = link.heard_at;

	unit_row("round %d: timeout %" PRId64 ", frozen at %" PRId64 " for %" PRId64 ", %s data", round, timeout,
			 frozen_at - START, comes_back ? link.back_at - frozen_at : -1, with_data ? "with" : "without");
	if (end == GOV_NEVER)
	{
		CHECK(comes_back);
		return;
	}

	/* silent for the timeout since the first probe, and frozen until a moment ago */
	CHECK(end >= link.first_unanswered + timeout);
	CHECK(end >= heard_at + timeout);
	CHECK(link.back_at > end - 3 * distance - GOV_SECOND);
	if (!with_data)
	{
		CHECK(link.back_at > end - 2 * distance - GOV_SECOND);
		CHECK(end <= heard_at + timeout + distance + GOV_SECOND + 2 * step);
	}
	else
		CHECK(end <= heard_at + 2 * timeout + 6 * GOV_SECOND);
}

static void
frozen_links(void)
{
	for (int i = 0; i < 300; i++)
		freeze_one(i, 2 * GOV_SECOND + some_ms(20000), GOV_MSEC);
}

/* Timeouts for which the probes are further apart. */
static void
frozen_for_long(void)
{
	for (int i = 0; i < 60; i++)
		freeze_one(i, 126 * GOV_SECOND + some_ms(3000000), 50 * GOV_MSEC);
}

const UnitTest liveness_tests[] = {
	{"liveness: how a peer is probed", how_to_probe},
	{"liveness: peers that answer", who_answers},
	{"liveness: when a silence begins", when_silence_begins},
	{"liveness: looks far apart", looks_far_apart},
	{"liveness: a peer that is probed otherwise", probed_otherwise},
	{"liveness: how a silence goes on", how_silence_goes_on},
	{"liveness: when a silence ends the session", when_it_ends},
	{"liveness: a peer in one word", states},
	{"liveness: probes at long distances", long_distances},
	{"liveness: the last look", still_silent},
	{"liveness: the verdict on a session", verdicts},
	{"liveness: links that freeze and thaw", frozen_links},
	{"liveness: links that freeze for long", frozen_for_long},
	UNIT_END
};
