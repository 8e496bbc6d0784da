/*-------------------------------------------------------------------------
 *
 * liveness.c
 *		Whether the peer of a connection still answers.
 *
 * Owns: nothing; pure.                   Runs in: governor, views, backends,
 * and signal handlers: no function here may allocate or fail.
 *
 * IDENTIFICATION
 *	  src/core/liveness.c
 *-------------------------------------------------------------------------
 */
#include "core/liveness.h"

/* The kernel takes no greater count of probes. */
#define MOST_PROBES		127

/* The kernel counts in ticks of some milliseconds; two answers are further apart. */
#define TICKS			(100 * GOV_MSEC)

/* A peer that lives was heard at most so long after it was to be probed. */
#define HEARD_LATELY	(2 * GOV_SECOND)

/* Between two looks that are further apart nobody knows when it was probed. */
#define LOOKS_APART		(3 * GOV_SECOND)

/* Shorter than this, a silence is a lost packet or a long way. */
#define SILENCE			GOV_SECOND

/*
 * A probe that was sent, or seen by a look, so long before the end of a
 * timeout, and the distance of two probes, stands for one at its end.
 */
#define PROBE_SLACK		GOV_SECOND

static int
seconds_up(GovTime duration)
{
	return (int) ((duration + GOV_SECOND - 1) / GOV_SECOND);
}

GovProbing
gov_liveness_probing(GovTime timeout, GovTime sweep_interval)
{
	int			cut_off = seconds_up(gov_time_after(timeout, 2 * sweep_interval));
	GovProbing	probing;

	probing.interval = (cut_off + MOST_PROBES - 1) / MOST_PROBES;
	probing.count = (cut_off + probing.interval - 1) / probing.interval;
	return probing;
}

static uint32_t
unanswered(const GovPeerReport *report)
{
	return report->probes + report->retransmits;
}

/*
 * Whether the kernel asks this peer by keepalive probes as often as it should.
 * Its timer for them is hidden by the others.
 */
static bool
is_probed(const GovPeer *before, const GovPeerReport *report, GovTime distance)
{
	switch (report->timer)
	{
		case GOV_PEER_TIMER_NONE:
			return false;
		case GOV_PEER_TIMER_KEEPALIVE:
			return report->timer_left <= distance + TICKS;
		case GOV_PEER_TIMER_DATA:
		case GOV_PEER_TIMER_WINDOW:
			break;
	}
	return before->is_probed;
}

/* The first probe that it has not answered, where the look before knew of none. */
static GovTime
silence_begins(const GovPeer *before, const GovPeer *peer, const GovPeerReport *report)
{
	GovTime		since = gov_time_after(peer->heard_at, peer->distance);

	/* who takes no data is asked at growing distances */
	if (!peer->is_probed || report->timer == GOV_PEER_TIMER_WINDOW)
		return peer->looked_at;
	if (before->looked_at < peer->looked_at - LOOKS_APART)
		return peer->looked_at;
	if (since < before->looked_at)
		since = before->looked_at;
	return since < peer->looked_at ? since : peer->looked_at;
}

GovPeer
gov_liveness_look(const GovPeer *before, const GovPeerReport *report, GovTime distance, GovTime now)
{
	GovPeer		peer = {
		.looked_at = now,
		.heard_at = now - report->heard_ago,
		.unanswered = unanswered(report),
		.distance = distance,
		.is_probed = is_probed(before, report, distance),
		.answers = report->heard_ago <= distance + HEARD_LATELY,
	};
	bool		goes_on = before->silent_since != 0 && peer.heard_at <= before->heard_at + TICKS &&
		before->looked_at <= now;

	if (peer.unanswered == 0)
	{
		/* the last time that it was asked whether it takes data again, it said that it does not */
		peer.answers = peer.answers || report->timer == GOV_PEER_TIMER_WINDOW;
		return peer;
	}

	peer.silent_since = goes_on ? before->silent_since : silence_begins(before, &peer, report);
	if (report->retransmits > 0)
		peer.probed_at = now - report->sent_ago;
	else
		peer.probed_at = goes_on && before->unanswered == peer.unanswered ? before->probed_at : now;
	return peer;
}

GovTime
gov_liveness_ends_at(const GovPeer *peer, GovTime timeout)
{
	GovTime		end;

	if (peer->silent_since == 0 || timeout == GOV_NEVER || peer->unanswered < 2)
		return GOV_NEVER;
	end = gov_time_after(peer->silent_since, timeout);
	return peer->probed_at < end - peer->distance - PROBE_SLACK ? GOV_NEVER : end;
}

GovPeerState
gov_liveness_state(const GovPeer *peer, GovTime now)
{
	if (peer->silent_since != 0 && now >= gov_time_after(peer->silent_since, SILENCE))
		return GOV_PEER_UNRESPONSIVE;
	return peer->answers ? GOV_PEER_RESPONSIVE : GOV_PEER_UNKNOWN;
}

const char *
gov_liveness_state_name(GovPeerState state)
{
	switch (state)
	{
		case GOV_PEER_RESPONSIVE:
			return "responsive";
		case GOV_PEER_UNRESPONSIVE:
			return "unresponsive";
		case GOV_PEER_UNKNOWN:
			break;
	}
	return "unknown";
}

bool
gov_liveness_is_silent_since(const GovPeerReport *report, GovTime silent_since, GovTime now)
{
	return unanswered(report) > 0 && now - report->heard_ago <= silent_since + TICKS;
}
