/*-------------------------------------------------------------------------
 *
 * policy_diff.h
 *		What differs between two policies, in words.
 *
 * IDENTIFICATION
 *	  src/core/policy_diff.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_POLICY_DIFF_H
#define GOV_POLICY_DIFF_H

#include "core/policy_data.h"

/*
 * Writes what differs, as
 *
 *		class "function": idle_timeout 60 s -> 5 s, keep_warm 0 -> 3; rule 20 added
 *
 * into `text` of size bytes, as many differences as fit, and then how many
 * more there are; '' if there is none.  Printable ASCII only, as names may be
 * in any encoding.  Classes are the same if their names are, rules if their
 * positions are.  With `values` what was added is written with its values.
 */
extern void gov_policy_diff(const GovPolicy *before, const GovPolicy *after, bool values,
							char *text, size_t size);

/* Room for all differences that two policies can have. */
#define GOV_POLICY_DIFF_SIZE	(2 * 1024 * 1024)

#endif							/* GOV_POLICY_DIFF_H */
