/*-------------------------------------------------------------------------
 *
 * classify.h
 *		The facts of a session, and the class they lead to.
 *
 * core/rules.c decides; this brings what it needs from the outside: the
 * startup packet, the client's address, and the catalog's word on who is a
 * member of what.
 *
 * IDENTIFICATION
 *	  src/actors/classify.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_CLASSIFY_H
#define GOV_CLASSIFY_H

#include "state/registry.h"

#include "libpq/libpq-be.h"

/*
 * Fills the facts of the login at this port.  Needs a transaction, for the
 * role's OID.  May raise an error.
 */
extern void gov_classify_facts(GovSessionFacts *facts, Port *port);

/* application_name as rules see it, at login and in SQL: cleaned, cut to 63 bytes. */
extern void gov_classify_application_name(char *into, const char *name);

/* An address of the operating system as rules see it; IPv4 within IPv6 is IPv4. */
extern void gov_classify_address(GovAddress *into, const struct sockaddr_storage *from);

/*
 * The class of a session by this policy.  Looks into shared catalogs only, and
 * only if a rule asks for membership: needs a transaction, no database.  May
 * raise an error; no lock may be held.
 */
extern GovClassification gov_classify(const GovPolicy *policy, const GovSessionFacts *facts);

/*
 * The same by the policy in force, without a copy of it; *generation says
 * which one that was, and *may_become_stale whether the class's own mode and
 * thresholds can make its sessions so; governor.mode, of which a process that is
 * logging in may have an old copy, is for the governor to judge.  gov_classify_without_catalog() never errors, and returns false
 * if it would have to ask for membership.
 */
extern bool gov_classify_without_catalog(const GovSessionFacts *facts, uint64_t *generation,
										 bool *may_become_stale, GovClassification *classification);
extern GovClassification gov_classify_by_policy_in_force(const GovSessionFacts *facts,
														 uint64_t *generation, bool *may_become_stale);

/*
 * Has core forget what it has looked up of the role's memberships, as they
 * stand while nobody is connected to a database.  Called after such look-ups in
 * the login hook; may raise an error.
 */
extern void gov_classify_forget_memberships(void);

#endif							/* GOV_CLASSIFY_H */
