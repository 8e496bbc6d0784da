/*-------------------------------------------------------------------------
 *
 * liveness.h
 *		What the kernel knows of each peer.
 *
 * IDENTIFICATION
 *	  src/actors/liveness.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_ACTORS_LIVENESS_H
#define GOV_ACTORS_LIVENESS_H

#include "core/liveness.h"
#include "core/policy_data.h"

/* What the governor needs to look; lives in its own memory. */
typedef struct GovLiveness GovLiveness;

/* Allocated in the current memory context, for the life of the governor. */
extern GovLiveness *gov_liveness_create(void);

/*
 * Asks the kernel about the peers of all TCP sessions in classes whose
 * unresponsive_timeout is in force, at most once in a sweep_interval, and
 * writes what it says into state/peers.c.  Costs nothing while there are no
 * such sessions.  Never waits, never errors but for lack of memory: where the
 * kernel does not say, what is known of a peer stays as it is and grows old,
 * and the log says so once.
 * Returns when to look again; GOV_NEVER: there is nobody to look at.
 * Called by the governor.
 */
extern GovTime gov_liveness_run(GovLiveness *liveness, const GovPolicy *policy, GovTime now);

/*
 * What the kernel says of the peer of this backend's own socket; false if it
 * does not.  `is_over`, if not NULL: whether the connection has ended.
 * Safe in signal handlers.
 */
extern bool gov_liveness_of_mine(GovPeerReport *report, bool *is_over);

#endif							/* GOV_ACTORS_LIVENESS_H */
