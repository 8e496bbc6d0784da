/*-------------------------------------------------------------------------
 *
 * eligible.h
 *		Whether core would let a login in, were it not for us.
 *
 * IDENTIFICATION
 *	  src/actors/eligible.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_ELIGIBLE_H
#define GOV_ELIGIBLE_H

#include "state/registry.h"

/* What the entry of a role says. */
typedef struct GovRoleEntry
{
	bool		is_superuser;
	bool		can_login;
	int			connection_limit;	/* -1: none */
} GovRoleEntry;

/*
 * Looks a role up by its name, as core does, in the cache: with the changes
 * that this process has taken note of.  False if there is none.  Reads shared
 * catalogs only; needs a transaction, may raise what core's own look-up would
 * raise.
 */
extern bool gov_eligible_role(const char *name, GovRoleEntry *role);

/*
 * Whether role and database exist, let clients in, and have room for one more,
 * and the role may connect to the database.  Core checks all this after us; a
 * login that it will refuse must not wait for, take or free a place.  Where
 * it cannot be known here the answer is yes.  Reads shared catalogs only;
 * needs a transaction, may raise what core's own look-ups would raise.
 */
extern bool gov_eligible(const GovSessionFacts *facts, const GovRoleEntry *role);

/* How many places core keeps for roles of which this one is, superusers aside.  As for gov_eligible(). */
extern int	gov_eligible_kept_places(const GovSessionFacts *facts);

#endif							/* GOV_ELIGIBLE_H */
