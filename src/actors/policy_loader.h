/*-------------------------------------------------------------------------
 *
 * policy_loader.h
 *		The worker that reads the tables and puts the policy into force.
 *
 * IDENTIFICATION
 *	  src/actors/policy_loader.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_POLICY_LOADER_H
#define GOV_POLICY_LOADER_H

#include "core/policy_data.h"

#include "postmaster/bgworker.h"

/*
 * Puts a policy that was made for all load requests up to this one into force,
 * says in an event and in the log what it changes, if anything, and saves it.
 * `problem` ('' if none) is what governor.status shows.  Called by the loader,
 * and by the governor where there is no database to load from.
 */
extern void gov_policy_enforce(GovPolicy *policy, uint64 request, const char *problem);

/*
 * Starts a loader for all load requests up to this one; false if there is no
 * free worker slot.  Called by the governor.
 */
extern bool gov_policy_loader_start(uint64 request, BackgroundWorkerHandle **handle);

/* The loader itself. */
extern PGDLLEXPORT void gov_policy_loader_main(Datum argument);

#endif							/* GOV_POLICY_LOADER_H */
