/*-------------------------------------------------------------------------
 *
 * liveness.h
 *		Whether the peer of a connection still answers.
 *
 * The server's kernel knows: it repeats what was not acknowledged, and asks a
 * silent peer whether it is there.  All of that is called a probe here.  Any
 * kernel that lives answers it, whatever its processes do.
 *
 * IDENTIFICATION
 *	  src/core/liveness.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_LIVENESS_H
#define GOV_LIVENESS_H

#include "core/core.h"

/* What the kernel will do next about a connection by itself. */
typedef enum GovPeerTimer
{
	GOV_PEER_TIMER_NONE,
	GOV_PEER_TIMER_DATA,		/* send data again that was not acknowledged */
	GOV_PEER_TIMER_KEEPALIVE,	/* ask a peer to whom nothing was sent lately */
	GOV_PEER_TIMER_WINDOW,		/* ask a peer who takes no more data for now */
} GovPeerTimer;

/* What the kernel says of one connection. */
typedef struct GovPeerReport
{
	uint32_t	probes;			/* unanswered ones that carried no data */
	uint32_t	retransmits;	/* unanswered, of data */
	GovPeerTimer timer;
	GovTime		timer_left;		/* until it does that */
	GovTime		heard_ago;		/* since anything came from the peer */
	GovTime		sent_ago;		/* since data was sent to it, for the first time or again */
} GovPeerReport;

/* What is known of a peer after such a look; all 0: nothing. */
typedef struct GovPeer
{
	GovTime		looked_at;		/* 0: never */
	GovTime		heard_at;		/* its last sign of life */
	GovTime		silent_since;	/* the first probe that it has not answered; 0: it owes no answer */
	GovTime		probed_at;		/* the last such probe, or when it was first seen */
	uint32_t	unanswered;		/* how many there are */
	GovTime		distance;		/* that probes of it should have */
	bool		is_probed;		/* at that distance, whenever there is nothing else to answer */
	bool		answers;		/* it was heard a moment ago */
} GovPeer;

typedef enum GovPeerState
{
	GOV_PEER_UNKNOWN,			/* nobody has asked it lately */
	GOV_PEER_RESPONSIVE,
	GOV_PEER_UNRESPONSIVE,
} GovPeerState;

/* How a peer to whom nothing is sent is probed, as the options of its socket have it. */
typedef struct GovProbing
{
	int			interval;		/* seconds, from its last sign of life and between two probes */
	int			count;			/* unanswered ones after which the kernel gives up */
} GovProbing;

/*
 * How to have a peer probed so that the kernel gives it up not before
 * `timeout` and two sweeps after the first probe that it does not answer: every
 * second, unless that takes more probes than the kernel counts.
 */
extern GovProbing gov_liveness_probing(GovTime timeout, GovTime sweep_interval);

/*
 * What is known of a peer after one more look.  `distance` is that of its
 * probes.
 *
 * When its silence began is not in the report.  A peer that is probed has got
 * the first probe that it does not answer one distance after its last sign of life,
 * or before, and after any look that saw none unanswered.  Of one that is not,
 * or that was not looked at for some seconds, only this look knows of a silence,
 * and it is counted from here: a timer seen once that is about to run down may
 * have been set for longer.  So no silence is shorter, by more than the distance
 * of two such looks, than it is thought to be.  Nothing but the report says when the
 * peer was last heard of, so a clock that is set makes no silence longer.
 */
extern GovPeer gov_liveness_look(const GovPeer *before, const GovPeerReport *report,
								 GovTime distance, GovTime now);

/*
 * When the peer's silence is long enough to end its session; GOV_NEVER while
 * that cannot be said.  Asks for two probes at least, and for one at the end of
 * the timeout: after many the kernel takes its time before it sends another,
 * and a peer that is back has nothing to answer until then.
 */
extern GovTime gov_liveness_ends_at(const GovPeer *peer, GovTime timeout);

/* The same peer in one word, for the views. */
extern GovPeerState gov_liveness_state(const GovPeer *peer, GovTime now);
extern const char *gov_liveness_state_name(GovPeerState state);

/*
 * Whether the peer has been silent since the moment that gov_liveness_look()
 * gave as silent_since, as a new report has it.
 */
extern bool gov_liveness_is_silent_since(const GovPeerReport *report, GovTime silent_since, GovTime now);

#endif							/* GOV_LIVENESS_H */
