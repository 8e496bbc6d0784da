/*-------------------------------------------------------------------------
 *
 * policy_tables.h
 *		From the tables to a policy.
 *
 * IDENTIFICATION
 *	  src/actors/policy_tables.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_POLICY_TABLES_H
#define GOV_POLICY_TABLES_H

#include "core/policy_data.h"

/*
 * Compiles the policy tables of the current database, as the current snapshot
 * of this transaction sees them.  Without the extension the policy is empty.
 * `problem` (size bytes) receives what is wrong and harmless, as a rule for a
 * role that does not exist, or ''; NULL: nobody wants to know, and it is for
 * classification alone: breakers and rate limits are left out.  Raises an error for rows that no policy
 * can be made of.  Needs a transaction; connects to SPI itself.
 */
extern void gov_policy_compile(GovPolicy *policy, char *problem, size_t size);

/*
 * Says which role a rule, a breaker or a rate limit names that does not exist; '' if all do.  A part of
 * what gov_policy_compile() finds; looks at shared catalogs only, and needs a
 * transaction.
 */
extern void gov_policy_missing_role(const GovPolicy *policy, char *problem, size_t size);

#endif							/* GOV_POLICY_TABLES_H */
