/*-------------------------------------------------------------------------
 *
 * rules.h
 *		Which class a session belongs to.
 *
 * IDENTIFICATION
 *	  src/core/rules.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_RULES_H
#define GOV_RULES_H

#include "core/identity.h"
#include "core/policy_data.h"

/*
 * Says whether the session's role is a member of the named role.  Only the
 * catalog knows, so the caller brings the answer; it is asked only for rules
 * whose other columns match.
 */
typedef bool (*GovIsMember) (const char *role, void *context);

/* What rules look at.  A NULL name matches only rules that do not ask for it. */
typedef struct GovFacts
{
	const char *role;
	const char *database;
	const char *application_name;
	GovAddress	client_addr;	/* family 0: a unix socket */
	const GovIdentity *identity;
	GovIsMember is_member;
	void	   *is_member_context;
} GovFacts;

typedef struct GovClassification
{
	int			class_id;
	int			position;		/* of the rule; GOV_NO_RULE: none matched */
} GovClassification;

/*
 * The rule with the lowest position that matches names the class; without one
 * it is the default class.  Cost: one pass over the rules.
 */
extern GovClassification gov_rules_classify(const GovPolicy *policy, const GovFacts *facts);

/*
 * The index of the first rule, from this one on, that matches in every column
 * that can be judged here; GOV_NO_RULE if there is none.  It matches for good
 * unless gov_rules_asks_membership() of it: then whoever can ask must, and go
 * on with the next one if the answer is no.  For callers that may not ask
 * while they hold the rules.
 */
extern int	gov_rules_next(const GovPolicy *policy, int from, const GovFacts *facts);

/*
 * Names that come after the login.  A session may be given another name or an
 * identity while it is in the default class or has no identity, and until it
 * has moved by one: gov_rules_may_rename().  It then moves into the class that
 * the new facts lead to, but never out of one into the default class, by
 * which a governed session could set itself free: gov_rules_accepts().
 */
extern bool gov_rules_may_rename(int class_id, bool has_identity, bool has_moved);
extern bool gov_rules_accepts(int from_class, int to_class);

/* The role of which the session must be a member, or NULL. */
extern const char *gov_rules_asks_membership(const GovRule *rule);

/*
 * SQL's LIKE over bytes, with backslash as its escape character.  Bytes, not
 * characters: at login the encoding of the database is not known yet, and a
 * name must match the same in SQL.
 */
extern bool gov_rules_like(const char *text, const char *pattern);

/* Whether the address lies in the network; addresses of other families never do. */
extern bool gov_rules_address_in(const GovAddress *address, const GovAddress *network);

#endif							/* GOV_RULES_H */
