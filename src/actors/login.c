/*-------------------------------------------------------------------------
 *
 * login.c
 *		What happens to a login.
 *
 * The way of a login, top to bottom:
 *
 *		authenticated	core has accepted the client	[login_hook]
 *		facts			who it is and from where		[gov_classify_facts,
 *														 gov_eligible_role]
 *		exemption		superusers, replication			[exemption_of]
 *		class			by one generation of the policy	[gov_classify_without_catalog,
 *														 classify_with_catalog]
 *		slot			claimed							[gov_registry_claim]
 *		admission		at once, after a wait, or never	[gov_admission_pass]
 *		probes			of its peer, for later			[gov_probes_watch]
 *		settings		of its class, for later			[gov_login_settings_take]
 *		victim			able to be asked to end			[gov_victim_prepare]
 *		work			watched from here on			[gov_work_watch]
 *
 * Owns: nothing.                         Runs in: backends, once each.
 *
 * Only gov_admission_pass() refuses a login, or has it wait.  An error in
 * classification is logged, and the session is let in as one of class
 * `default`.
 *
 * IDENTIFICATION
 *	  src/actors/login.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/admission.h"
#include "actors/classify.h"
#include "actors/eligible.h"
#include "actors/guard.h"
#include "actors/login.h"
#include "actors/login_settings.h"
#include "actors/probes.h"
#include "actors/victim.h"
#include "actors/work.h"
#include "settings.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/shmem.h"
#include "state/versions.h"

#include "access/xact.h"
#include "libpq/auth.h"
#include "portability/instr_time.h"
#include "replication/walsender.h"
#include "utils/inval.h"
#include "utils/resowner.h"

static ClientAuthentication_hook_type previous_hook = NULL;

static GovExemption
exemption_of(const GovRoleEntry *role)
{
	if (am_walsender)
		return GOV_EXEMPT_REPLICATION;
	if (role->is_superuser)
		return GOV_EXEMPT_SUPERUSER;
	return GOV_EXEMPT_NOT;
}

/*
 * By a policy that asks for membership.  The work is done in a subtransaction,
 * so that an error leaves no lock, pin or half-finished read behind in the
 * transaction in which core goes on with the login.  After an error the
 * session is one of class `default` until a policy comes into force by which
 * it can be classified, and one line says why.
 */
static void
classify_with_catalog(const GovSessionFacts *facts, uint64_t *generation, bool *may_become_stale,
					  GovClassification *classification)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction("pg_governor login");
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		*classification = gov_classify_by_policy_in_force(facts, generation, may_become_stale);
		gov_classify_forget_memberships();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;

	if (error != NULL)
	{
		classification->class_id = GOV_DEFAULT_CLASS;
		classification->position = GOV_NO_RULE;
		*generation = gov_policy_generation();
		*may_become_stale = true;	/* perhaps: the governor will see */
		if (gov_policy_first_complaint(GOV_COMPLAINT_CLASSIFICATION))
			ereport(LOG,
					(errmsg("pg_governor could not classify a login: %s", error->message),
					 errdetail("The session is let in as one of class \"default\".  "
							   "This is said once for each generation of the policy.")));
	}
}

/* Callback of the server: a role or a membership has changed, and living sessions follow. */
static void
wake_for_role_change(Datum arg, GovCacheId cache, uint32 hash)
{
	gov_pulse_wake_if_dormant();
}

/*
 * A governor that is awake sees such changes by itself.  A dormant one is told
 * by the first backend that does, which is in most cases the one that made it.
 */
static void
watch_roles(void)
{
	CacheRegisterSyscacheCallback(AUTHOID, wake_for_role_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, wake_for_role_change, (Datum) 0);
}

/* The slot is this session's own still. */
static void
on_exit_of_mine(GovSessionSlot *slot)
{
	gov_guard_at_exit();
	gov_victim_on_exit(slot);
}

/*
 * Gives the session its class, its slot and its place; returns how long it has
 * waited for the latter.  The role is looked up without
 * any protection: core makes the same look-ups a moment later.
 */
static GovTime
register_session(Port *port)
{
	GovSessionFacts facts;
	GovRoleEntry role;
	GovTime		waited = 0;
	GovMode		mode = GOV_MODE_OFF;
	bool		eligible = true;
	GovExemption exemption;
	GovClassification classification = {GOV_NO_CLASS, GOV_NO_RULE};
	uint64_t	generation;
	bool		may_become_stale = false;

	/* the password may have taken a while: the role as it is now, which core looks at next */
	AcceptInvalidationMessages();
	gov_classify_facts(&facts, port);

	/* one that does not exist gets no further; core says so */
	if (!gov_eligible_role(port->user_name, &role))
		return 0;

	/* again if another policy comes into force meanwhile: one generation only */
	exemption = exemption_of(&role);
	do
	{
		generation = gov_policy_generation();
		if (exemption == GOV_EXEMPT_NOT &&
			!gov_classify_without_catalog(&facts, &generation, &may_become_stale, &classification))
			classify_with_catalog(&facts, &generation, &may_become_stale, &classification);
		/*
		 * Whoever core will refuse must not wait for, take or free a place: it
		 * is counted nowhere, unless core lets it in after all (gov_work_watch)
		 */
		if (exemption == GOV_EXEMPT_NOT)
		{
			mode = gov_admission_mode(classification.class_id);
			eligible = mode == GOV_MODE_OFF || gov_eligible(&facts, &role);
		}
	} while (!gov_registry_claim(&facts, exemption, classification.class_id, classification.position,
								 generation, mode != GOV_MODE_OFF, on_exit_of_mine));

	if (mode != GOV_MODE_OFF && eligible)
		waited = gov_admission_pass(port, gov_eligible_kept_places(&facts));
	if (exemption == GOV_EXEMPT_NOT && eligible)
	{
		gov_ledger_count_admitted(gov_registry_mine()->class_id);
		gov_versions_note_login(gov_registry_keys(&facts).version, gov_registry_mine()->class_id);
	}
	if (exemption == GOV_EXEMPT_NOT)
	{
		/* what is registered later is called first, and settings of the class come before */
		gov_probes_watch();
		gov_login_settings_take(gov_registry_mine()->class_id);
	}
	else if (exemption == GOV_EXEMPT_SUPERUSER)
		gov_probes_watch();		/* of one who may be none later */
	if (may_become_stale)
		gov_pulse_wake_if_dormant();
	if (exemption != GOV_EXEMPT_REPLICATION)
	{
		gov_victim_prepare();
		gov_work_watch(facts.application_name);
		watch_roles();
	}
	return waited;
}

static void
login_hook(Port *port, int status)
{
	instr_time	start;
	instr_time	end;
	GovTime		waited;

	if (previous_hook)
		previous_hook(port, status);
	if (status != STATUS_OK || !gov_shmem_ready())
		return;

	INSTR_TIME_SET_CURRENT(start);
	waited = register_session(port);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);

	/* what it costs, without what it has waited */
	gov_ledger_count_login((uint64) Max(INSTR_TIME_GET_DOUBLE(end) * 1e9 - (double) waited * 1000, 0));
}

void
gov_login_install(void)
{
	previous_hook = ClientAuthentication_hook;
	ClientAuthentication_hook = login_hook;
}
