/*-------------------------------------------------------------------------
 *
 * policy_loader.h
 *		From the tables to a policy.
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
 * Compiles the policy tables of the current database, as the current snapshot
 * of this transaction sees them.  Without the extension the policy is empty.
 * `problem` (size bytes) receives what is wrong and harmless, as a rule for a
 * role that does not exist, or ''; NULL: nobody wants to know.  Raises an error for rows that no policy
 * can be made of.  Needs a transaction; connects to SPI itself.
 */
extern void gov_policy_compile(GovPolicy *policy, char *problem, size_t size);

/*
 * Says which role a rule names that does not exist; '' if all do.  A part of
 * what gov_policy_compile() finds; looks at shared catalogs only, and needs a
 * transaction.
 */
extern void gov_policy_missing_role(const GovPolicy *policy, char *problem, size_t size);

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
