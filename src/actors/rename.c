/*-------------------------------------------------------------------------
 *
 * rename.c
 *		Names and identities that a session is given after its login.
 *
 * Drivers that send application_name by SET, and functions that call
 * governor.register(), say who they are only when they are connected.  Such a
 * session moves once into the class that its new facts lead to (core/rules.h
 * says who may).  Nobody is admitted by that: what is then above a cap is
 * surplus.
 *
 * Owns: nothing.
 * Runs in: backends, at the end of a transaction and in governor.register();
 * the governor, for names by which only the catalog can classify.
 *
 * IDENTIFICATION
 *	  src/actors/rename.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/classify.h"
#include "actors/rename.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/registry.h"
#include "state/versions.h"

static bool
may_rename(const GovSession *session)
{
	return session->exemption == GOV_EXEMPT_NOT &&
		gov_rules_may_rename(session->class_id, session->facts.identity.present, session->has_moved);
}

/* The facts of a session under another name; an identity stays unless the name brings one. */
static GovSessionFacts
facts_by_name(const GovSession *session, const char *application_name)
{
	GovSessionFacts facts = session->facts;
	GovIdentity identity;

	strlcpy(facts.application_name, application_name, sizeof(facts.application_name));
	if (gov_identity_parse(application_name, &identity))
		facts.identity = identity;
	return facts;
}

static bool
reads_the_same(const GovIdentity *one, const GovIdentity *other)
{
	return strcmp(one->platform, other->platform) == 0 && strcmp(one->function, other->function) == 0 &&
		strcmp(one->version, other->version) == 0 && strcmp(one->instance, other->instance) == 0;
}

/*
 * Gives the session its new facts and the class that they lead to.  If that
 * would set it free it stays where it is; an identity is kept all the same.
 */
static GovRenaming
settle(const GovSession *session, const GovSessionFacts *facts, GovClassification found,
	   uint64_t generation)
{
	const char *name = facts->application_name;
	GovRenaming result;

	if (!gov_rules_accepts(session->class_id, found.class_id))
	{
		if (reads_the_same(&facts->identity, &session->facts.identity))
			return GOV_RENAMING_DONE;
		name = session->facts.application_name;
		found.class_id = session->class_id;
		found.position = session->rule;
	}
	result = gov_registry_rename(session, name, &facts->identity, found, generation);
	if (result == GOV_RENAMING_DONE &&
		(!session->facts.identity.present || found.class_id != session->class_id))
		gov_versions_note_login(gov_registry_keys(facts).version, found.class_id);
	return result;
}

/* The class that this session has left may have been one in which a lease does not count. */
static bool
has_lease(void)
{
	return pg_atomic_read_u64(&gov_registry_mine()->lease_until) != 0;
}

void
gov_rename_session(const char *application_name)
{
	int			slot = gov_registry_mine() - gov_registry_slot(0);
	GovSession	session;
	GovSessionFacts facts;
	GovClassification found;
	uint64_t	generation;
	bool		may_become_stale;

	/* again if another policy comes into force meanwhile, or the governor gives us an earlier name */
	do
	{
		if (!gov_registry_read(slot, &session) || !may_rename(&session))
			return;
		facts = facts_by_name(&session, application_name);
		if (!gov_classify_without_catalog(&facts, &generation, &may_become_stale, &found))
		{
			gov_registry_leave_name(application_name);
			gov_pulse_wake();
			return;
		}
	} while (settle(&session, &facts, found, generation) != GOV_RENAMING_DONE);
	gov_registry_drop_name();

	if (may_become_stale || has_lease())
		gov_pulse_wake_if_dormant();
}

GovRegistration
gov_rename_register(const GovIdentity *identity)
{
	GovSessionSlot *mine = gov_registry_mine();
	GovSession	session;
	GovSessionFacts facts;
	GovClassification found;
	uint64_t	generation;
	bool		may_become_stale;

	do
	{
		if (mine == NULL || !gov_registry_read(mine - gov_registry_slot(0), &session))
			return GOV_REGISTRATION_NO_SESSION;
		if (session.exemption != GOV_EXEMPT_NOT)
			return GOV_REGISTRATION_EXEMPT;
		if (!may_rename(&session))
			return reads_the_same(identity, &session.facts.identity) ?
				GOV_REGISTRATION_KNOWN : GOV_REGISTRATION_FIXED;
		facts = session.facts;
		facts.identity = *identity;
		found = gov_classify_by_policy_in_force(&facts, &generation, &may_become_stale);
	} while (settle(&session, &facts, found, generation) != GOV_RENAMING_DONE);

	if (may_become_stale || has_lease())
		gov_pulse_wake_if_dormant();
	return GOV_REGISTRATION_DONE;
}

bool
gov_rename_left_session(int slot)
{
	char		application_name[GOV_NAME_SIZE];
	GovSession	session;
	GovSessionFacts facts;
	GovClassification found;
	uint64_t	generation;
	bool		may_become_stale;
	uint32		who;

	if (!gov_registry_take_name(slot, &session, application_name))
		return false;
	who = session.generation;
	do
	{
		if (!may_rename(&session))
			return false;
		facts = facts_by_name(&session, application_name);
		found = gov_classify_by_policy_in_force(&facts, &generation, &may_become_stale);
	} while (settle(&session, &facts, found, generation) == GOV_RENAMING_OUTDATED &&
			 gov_registry_read(slot, &session) && session.generation == who);
	return true;
}
