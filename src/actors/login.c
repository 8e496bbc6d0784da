/*-------------------------------------------------------------------------
 *
 * login.c
 *		What happens to a login.
 *
 * The way of a login, top to bottom:
 *
 *		authenticated	core has accepted the client	[login_hook]
 *		facts			who it is and from where		[gov_classify_facts]
 *		exemption		superusers, replication			[exemption_of]
 *		class			by one generation of the policy	[gov_classify]
 *		slot			claimed and counted				[gov_registry_claim]
 *		victim			able to be asked to end			[gov_victim_prepare]
 *
 * Owns: nothing.                         Runs in: backends, once each.
 *
 * Nothing here refuses a login.  An error on the way is logged, and the
 * session is let in as one of class `default`.
 *
 * IDENTIFICATION
 *	  src/actors/login.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/classify.h"
#include "actors/login.h"
#include "actors/victim.h"
#include "settings.h"
#include "state/census.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/shmem.h"

#include "access/xact.h"
#include "libpq/auth.h"
#include "portability/instr_time.h"
#include "replication/walsender.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

static ClientAuthentication_hook_type previous_hook = NULL;

/* Before the catalog was asked. */
static GovExemption
exemption_at_first(void)
{
	return am_walsender ? GOV_EXEMPT_REPLICATION : GOV_EXEMPT_NOT;
}

static GovExemption
exemption_of(const GovSessionFacts *facts)
{
	if (am_walsender)
		return GOV_EXEMPT_REPLICATION;
	if (superuser_arg(facts->role_oid))
		return GOV_EXEMPT_SUPERUSER;
	return GOV_EXEMPT_NOT;
}

/* Gives the session its class and its slot. */
static void
enter(const GovSessionFacts *facts, GovExemption exemption)
{
	GovClassification classification = {GOV_NO_CLASS, GOV_NO_RULE};
	const GovPolicy *policy;

	/* again if another policy comes into force meanwhile: one generation only */
	do
	{
		policy = gov_policy_copy();
		if (exemption == GOV_EXEMPT_NOT)
			classification = gov_classify(policy, facts);
	} while (!gov_registry_claim(facts, exemption, classification.class_id,
								 classification.position, policy->generation,
								 gov_victim_on_exit));

	if (exemption == GOV_EXEMPT_NOT)
	{
		gov_ledger_count_admitted(classification.class_id);
		if (gov_census_class_is_governed(&policy->classes[classification.class_id]))
			gov_pulse_wake_if_dormant();
	}
}

/*
 * Something went wrong before the session had its slot.  It is let in, as one
 * of class `default` until a policy comes into force by which it can be
 * classified, and one line says why.
 */
static void
enter_after_error(const GovSessionFacts *facts, GovExemption exemption, const char *message)
{
	while (!gov_registry_claim(facts, exemption,
							   exemption == GOV_EXEMPT_NOT ? GOV_DEFAULT_CLASS : GOV_NO_CLASS,
							   GOV_NO_RULE, gov_policy_generation(), gov_victim_on_exit))
		;
	if (gov_policy_first_complaint())
		ereport(LOG,
				(errmsg("pg_governor could not classify a login: %s", message),
				 errdetail("The session is let in as one of class \"default\".  "
						   "This is said once for each generation of the policy.")));
}

/*
 * Never fails.  The work is done in a subtransaction, so that an error leaves
 * no lock, pin or half-finished read behind in the transaction in which core
 * goes on with the login.
 */
static void
register_session(Port *port)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext context = AllocSetContextCreate(caller, "pg_governor login",
												  ALLOCSET_DEFAULT_SIZES);
	volatile GovExemption exemption = exemption_at_first();
	GovSessionFacts facts;

	memset(&facts, 0, sizeof(facts));
	BeginInternalSubTransaction("pg_governor login");
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		gov_classify_facts(&facts, port);

		/* a role that does not exist gets no further; core says so */
		if (OidIsValid(facts.role_oid))
		{
			exemption = exemption_of(&facts);
			enter(&facts, exemption);
		}
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		if (gov_registry_mine() == NULL)
			enter_after_error(&facts, exemption, error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	MemoryContextDelete(context);

	if (!am_walsender && gov_registry_mine() != NULL)
		gov_victim_prepare();
}

static void
login_hook(Port *port, int status)
{
	instr_time	start;
	instr_time	end;

	if (previous_hook)
		previous_hook(port, status);
	if (status != STATUS_OK || !gov_shmem_ready())
		return;

	INSTR_TIME_SET_CURRENT(start);
	register_session(port);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	gov_ledger_count_login((uint64) (INSTR_TIME_GET_DOUBLE(end) * 1e9));
}

void
gov_login_install(void)
{
	previous_hook = ClientAuthentication_hook;
	ClientAuthentication_hook = login_hook;
}
