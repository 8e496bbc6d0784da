/*-------------------------------------------------------------------------
 *
 * evidence.h
 *		How sure it is that a session is of no use any more: who goes first.
 *
 * Idle time alone cannot tell a frozen function from one that rests.  Where
 * not all can go, or only one must, those go first of whom more is known.
 *
 * IDENTIFICATION
 *	  src/core/evidence.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_EVIDENCE_H
#define GOV_EVIDENCE_H

#include "core/staleness.h"

/* What is known of a session beside how long it has rested. */
typedef struct GovEvidence
{
	GovActivityState state;
	bool		superseded;		/* its instance has newer sessions, and more than it may */
	bool		unresponsive;	/* its peer answers no probe */
	bool		lease_is_over;
	bool		retired;		/* a newer version of its function serves */
	bool		blocks;			/* others wait for it */
} GovEvidence;

/* Strongest first. */
typedef enum GovEvidenceRank
{
	GOV_EVIDENCE_SUPERSEDED,
	GOV_EVIDENCE_UNRESPONSIVE,
	GOV_EVIDENCE_LEASE_IS_OVER,
	GOV_EVIDENCE_RETIRED,
	GOV_EVIDENCE_BLOCKS,		/* in a transaction for which others wait */
	GOV_EVIDENCE_IN_TRANSACTION,
	GOV_EVIDENCE_REST,			/* nothing but its rest: the longest goes first */
	GOV_EVIDENCE_TOO_SOON,		/* it must not be evicted yet */
} GovEvidenceRank;

extern GovEvidenceRank gov_evidence_rank(const GovEvidence *evidence);

/*
 * The same for a session that may be evicted once it has rested for
 * evict_after: until then it comes behind all that have, whatever is known of
 * it.  Else it would keep a newcomer waiting who could have another's place.
 */
extern GovEvidenceRank gov_evidence_rank_to_evict(const GovEvidence *evidence, GovTime rests_since,
												  GovTime evict_after, GovTime now);

/* A version of a function, as this server has seen it. */
typedef struct GovVersionSeen
{
	uint64_t	order;			/* its place among all versions as they came; 0: nothing is known of it */
	GovTime		last_login;
} GovVersionSeen;

/* Which versions of a function serve: the place of the one that came last. */
typedef struct GovVersionsServing
{
	bool		any;
	uint64_t	newest;
} GovVersionsServing;

/*
 * Whether a version serves, so that it may replace others, by what one of its
 * sessions does: it works, or has rested for less than idle_timeout, in a
 * transaction or not.  With nothing but sessions that were left behind, as
 * after a way back to the version before, it does not; nor with a login that
 * may fail yet, or with a session that does not say what it does.
 */
extern bool gov_version_serves(const GovActivity *activity, GovTime idle_timeout, GovTime now);

/* Notes one that serves. */
extern void gov_version_note_serving(GovVersionsServing *serving, const GovVersionSeen *version);

/*
 * When a session was used last: now, and for ever, while it works, and also
 * while it is not known to rest.
 */
static inline GovTime
gov_activity_used_at(const GovActivity *activity)
{
	return activity->state == GOV_ACTIVITY_IDLE || activity->state == GOV_ACTIVITY_IDLE_IN_TRANSACTION ?
		activity->state_since : GOV_NEVER;
}

/*
 * When a version is, or becomes, retired, if nobody logs in with it or uses it
 * until then: where one serves that came later than it, idle_timeout after its
 * last login, but not before all of its sessions have rested for the floor,
 * or, without one, for idle_timeout.  used_at is when the last of them was
 * used.  So a version that serves beside a newer one, as in a canary, keeps
 * its sessions, whichever of them is used.  0: it is not retired.
 */
extern GovTime gov_version_retired_at(const GovVersionSeen *version, const GovVersionsServing *serving,
									  GovTime used_at, const GovClass *limits);

#endif							/* GOV_EVIDENCE_H */
