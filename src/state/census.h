/*-------------------------------------------------------------------------
 *
 * census.h
 *		All sessions at one moment: what they do, and the verdict on each.
 *
 * A sweep takes a census and acts on it; the views take one and show it.  So
 * what governor.sessions says is what the governor would decide now.
 *
 * IDENTIFICATION
 *	  src/state/census.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_CENSUS_H
#define GOV_CENSUS_H

#include "core/evidence.h"
#include "core/policy_data.h"
#include "core/staleness.h"
#include "state/queue.h"
#include "state/registry.h"
#include "state/waits.h"

typedef struct GovCensusRow
{
	int			slot;
	int			pid;
	uint32		generation;
	GovExemption exemption;
	int			class_id;		/* GOV_NO_CLASS if exempt */
	int			rule;
	bool		kept_warm;
	bool		surplus;		/* one too many in its class */
	bool		unresponsive;	/* its peer answers no probe */
	bool		ends_anyway;	/* working space: by what is known of it */
	bool		waits;			/* to be admitted */
	bool		waits_at_gate;
	bool		holds_ticket;
	bool		was_asked;		/* to end this rest, and is still here */
	uint32		traits;			/* GovTrait bits */
	GovSessionKeys keys;		/* what it belongs to: see state/kinship.h */
	GovEvidenceRank rank;		/* working space of gov_census_victims() */
	GovActivity activity;
	GovVerdict	verdict;		/* GOV_REASON_NONE where the mode in force is off */
} GovCensusRow;

typedef struct GovClassCensus
{
	GovMode		mode;			/* in force */
	int			sessions;
	int			active;
	int			idle;
	int			idle_in_transaction;
	int			waiting;		/* logins; not among the sessions */
	double		pressure;
	GovTime		idle_timeout;	/* in force under this pressure */
} GovClassCensus;

typedef struct GovCensus
{
	GovTime		taken_at;
	GovTime		look_again_at;	/* whether somebody waits on a session; no verdict tells */
	int			governed;		/* sessions that some threshold in force could end */
	bool		counters_wrong; /* the registry's counters did not match its slots */
	int			clients;		/* sessions of the server, those that are exempt too */
	int			usable_slots;
	GovPolicy  *policy;			/* by which it was judged */
	GovClassCensus classes[GOV_MAX_CLASSES];
	/* working space */
	GovCensusRow **some;
	int		   *slots;
	bool	   *holds;
	struct GovKin *kin;
	int		   *blocks;
	GovWaits   *waits;

	int			nrows;
	GovCensusRow rows[FLEXIBLE_ARRAY_MEMBER];
} GovCensus;

/* Room for a census of all slots, in the current memory context. */
extern GovCensus *gov_census_create(void);

/*
 * Takes a census.  Takes the policy lock shared if there is a new policy, and
 * then the sessions lock shared for as long as it takes to read all slots.
 * Advisory locks are looked up only for sessions that should end, and who
 * waits on a session only if it has been idle in transaction for
 * idle_blocker_timeout; or, with `whole`, both for all.
 */
extern void gov_census_take(GovCensus *census, bool whole);

/* What is known of a session beside how long it has rested. */
extern GovEvidence gov_census_evidence(const GovCensusRow *row, GovTime now);

/*
 * The sessions of a class that may be ended for a newcomer, best first: those
 * that have rested for evict_after, by what is known of them, then the others;
 * within each the longest rest first, but those that were asked already last.
 * At most so many, returns how many.  Looks up advisory locks.
 */
extern int	gov_census_victims(GovCensus *census, int class_id, GovVictim *victims, int limit);

/*
 * What the backend in a slot reports now.  Takes no lock: the caller holds the
 * sessions lock, or is that backend.  Safe in signal handlers.
 */
extern GovActivity gov_census_read_activity(GovSessionSlot *slot);

/* The same for a session that was read from the registry; false if it is gone. */
extern bool gov_census_read_session(const GovSession *session, GovActivity *activity);

/*
 * The session's application_name now, which may differ from the one it logged
 * in with; GOV_NAME_SIZE bytes.  The latter if the session is gone.
 */
extern void gov_census_read_application_name(const GovSession *session, char *name);

/* Whether the process in a slot waits for its client just now, to read or to write: also in the middle of its work. */
extern bool gov_census_waits_for_client(int slot);
/*
 * How many transactions have begun since the oldest that the session in a slot
 * holds on to, by its snapshot or its own; -1: none.  `next` is the one that
 * comes next.
 */
extern int	gov_census_snapshot_age(const GovCensusRow *row, TransactionId next);

#endif							/* GOV_CENSUS_H */
