/*-------------------------------------------------------------------------
 *
 * policy_edit.h
 *		Triggers on the policy tables: what an edit may do, and what follows.
 *
 * IDENTIFICATION
 *	  src/surface/policy_edit.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_POLICY_EDIT_H
#define GOV_POLICY_EDIT_H

/* Whether this transaction has changed the policy tables that count. */
extern bool gov_policy_edit_in_progress(void);

#endif							/* GOV_POLICY_EDIT_H */
