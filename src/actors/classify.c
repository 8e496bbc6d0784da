/*-------------------------------------------------------------------------
 *
 * classify.c
 *		The facts of a session, and the class they lead to.
 *
 * Owns: nothing.
 * Runs in: backends at login and in governor.classify(), the governor.
 *
 * IDENTIFICATION
 *	  src/actors/classify.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/classify.h"
#include "state/policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "catalog/pg_authid.h"
#include "utils/acl.h"

void
gov_classify_application_name(char *into, const char *name)
{
	char	   *clean;

	into[0] = '\0';
	if (name == NULL)
		return;
	clean = gov_clean_ascii(name);
	strlcpy(into, clean, GOV_NAME_SIZE);
	pfree(clean);
}

void
gov_classify_address(GovAddress *into, const struct sockaddr_storage *from)
{
	memset(into, 0, sizeof(*into));
	if (from->ss_family == AF_INET)
	{
		into->family = 4;
		into->bits = 32;
		memcpy(into->bytes, &((const struct sockaddr_in *) from)->sin_addr, 4);
	}
	else if (from->ss_family == AF_INET6)
	{
		const struct in6_addr *address = &((const struct sockaddr_in6 *) from)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(address))
		{
			into->family = 4;
			into->bits = 32;
			memcpy(into->bytes, &address->s6_addr[12], 4);
		}
		else
		{
			into->family = 6;
			into->bits = 128;
			memcpy(into->bytes, address->s6_addr, 16);
		}
	}
}

static int
port_of(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *) address)->sin_port);
	if (address->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *) address)->sin6_port);
	return -1;
}

void
gov_classify_facts(GovSessionFacts *facts, Port *port)
{
	memset(facts, 0, sizeof(*facts));
	strlcpy(facts->role, port->user_name, sizeof(facts->role));
	strlcpy(facts->database, port->database_name, sizeof(facts->database));
	gov_classify_application_name(facts->application_name, port->application_name);
	gov_identity_parse(port->application_name ? facts->application_name : NULL, &facts->identity);
	gov_classify_address(&facts->client_addr, &port->raddr.addr);
	facts->client_port = port_of(&port->raddr.addr);

	/* last, because it may fail */
	facts->role_oid = get_role_oid(port->user_name, true);
}

/* A superuser is no member of anything by virtue of being one, as in pg_hba.conf. */
static bool
is_member(const char *role, void *context)
{
	const GovSessionFacts *facts = context;
	Oid			group = get_role_oid(role, true);

	return OidIsValid(group) && OidIsValid(facts->role_oid) &&
		is_member_of_role_nosuper(facts->role_oid, group);
}

/*
 * Core keeps the memberships of the role that it was asked about last, and
 * hears of changes only once the login is connected to its database.  So what
 * is looked up in the login hook would be the session's for good: without
 * pg_database_owner, and with what was revoked while it waited.  To ask about
 * another role is the only way to have it forget.
 */
void
gov_classify_forget_memberships(void)
{
	(void) has_privs_of_role(ROLE_PG_READ_ALL_STATS, ROLE_PG_MONITOR);
	(void) is_member_of_role_nosuper(ROLE_PG_READ_ALL_STATS, ROLE_PG_MONITOR);
}

/* What rules look at in these facts. */
static GovFacts
as_rules_see(const GovSessionFacts *facts)
{
	GovFacts	view = {
		.role = facts->role,
		.database = facts->database,
		.application_name = facts->application_name,
		.client_addr = facts->client_addr,
		.identity = &facts->identity,
		.is_member = is_member,
		.is_member_context = (void *) facts,
	};

	return view;
}

GovClassification
gov_classify(const GovPolicy *policy, const GovSessionFacts *facts)
{
	GovFacts	view = as_rules_see(facts);

	return gov_rules_classify(policy, &view);
}

bool
gov_classify_without_catalog(const GovSessionFacts *facts, uint64_t *generation,
							 bool *may_become_stale, GovClassification *classification)
{
	GovFacts	view = as_rules_see(facts);
	GovRuleFound found;
	int			next = 0;

	*generation = 0;
	gov_policy_find_rule(generation, &next, &view, &found);
	*may_become_stale = found.may_become_stale;
	*classification = found.classification;
	return found.group[0] == '\0';
}

GovClassification
gov_classify_by_policy_in_force(const GovSessionFacts *facts, uint64_t *generation, bool *may_become_stale)
{
	GovFacts	view = as_rules_see(facts);
	GovRuleFound found;
	int			next = 0;

	/* the catalog is asked between two looks, as no lock may be held then */
	*generation = 0;
	do
	{
		gov_policy_find_rule(generation, &next, &view, &found);
	} while (found.group[0] != '\0' && !is_member(found.group, (void *) facts));

	*may_become_stale = found.may_become_stale;
	return found.classification;
}
