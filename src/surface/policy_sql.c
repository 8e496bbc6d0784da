/*-------------------------------------------------------------------------
 *
 * policy_sql.c
 *		SQL functions about the policy: classify, reload, reset_stats.
 *
 * Owns: nothing.                         Runs in: backends.
 *
 * Entry points carry the version of the SQL script that first used their
 * signature, so that an old script goes on working with a newer library.
 *
 * IDENTIFICATION
 *	  src/surface/policy_sql.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/classify.h"
#include "actors/policy_tables.h"
#include "clock.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/shmem.h"
#include "surface/policy_edit.h"

#include <unistd.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "storage/condition_variable.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/snapmgr.h"

/* How long reload() waits for a governor that does nothing. */
#define RELOAD_PATIENCE		(30 * GOV_SECOND)

PG_FUNCTION_INFO_V1(gov_classify_0_1);
PG_FUNCTION_INFO_V1(gov_headroom_0_1);
PG_FUNCTION_INFO_V1(gov_reload_0_1);
PG_FUNCTION_INFO_V1(gov_reset_stats_0_1);
PG_FUNCTION_INFO_V1(gov_processors_0_1);

/* An SQL address as rules see it. */
static void
address_of(GovAddress *into, inet *address)
{
	memset(into, 0, sizeof(*into));
	into->family = ip_family(address) == PGSQL_AF_INET ? 4 : 6;
	into->bits = into->family == 4 ? 32 : 128;
	memcpy(into->bytes, ip_addr(address), ip_addrsize(address));
}

/*
 * The policy that this transaction sees: the one in force, or, if the
 * transaction has changed the tables itself, theirs.
 */
static GovPolicy *
policy_to_try(void)
{
	GovPolicy  *policy;

	if (!gov_policy_edit_in_progress())
		return gov_policy_copy();

	policy = palloc(sizeof(GovPolicy));
	PushActiveSnapshot(GetLatestSnapshot());
	gov_policy_compile(policy, NULL, 0);
	PopActiveSnapshot();
	return policy;
}

/*
 * classify(role, database, application_name, client_addr) -> (class, rule, reason)
 *
 * What class a login with these facts would get.  A NULL fact is one that is
 * absent: no name, a unix socket.
 */
Datum
gov_classify_0_1(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	Datum		values[3] = {0};
	bool		nulls[3] = {false, false, false};
	GovSessionFacts facts;
	GovClassification result;
	GovPolicy  *policy;

	gov_shmem_require();
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	memset(&facts, 0, sizeof(facts));
	if (!PG_ARGISNULL(0))
	{
		strlcpy(facts.role, NameStr(*PG_GETARG_NAME(0)), sizeof(facts.role));
		facts.role_oid = get_role_oid(facts.role, true);
	}
	if (!PG_ARGISNULL(1))
		strlcpy(facts.database, NameStr(*PG_GETARG_NAME(1)), sizeof(facts.database));
	if (!PG_ARGISNULL(2))
	{
		gov_classify_application_name(facts.application_name,
									  text_to_cstring(PG_GETARG_TEXT_PP(2)));
		gov_identity_parse(facts.application_name, &facts.identity);
	}
	if (!PG_ARGISNULL(3))
		address_of(&facts.client_addr, PG_GETARG_INET_PP(3));

	if (OidIsValid(facts.role_oid) && superuser_arg(facts.role_oid))
	{
		nulls[0] = nulls[1] = true;
		values[2] = CStringGetTextDatum("superusers are exempt");
		PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
	}

	policy = policy_to_try();
	result = gov_classify(policy, &facts);
	values[0] = CStringGetTextDatum(policy->classes[result.class_id].name);
	if (result.position == GOV_NO_RULE)
	{
		nulls[1] = true;
		values[2] = CStringGetTextDatum("no rule matches");
	}
	else
	{
		values[1] = Int32GetDatum(result.position);
		values[2] = CStringGetTextDatum(psprintf("rule %d matches", result.position));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/* headroom(class) -> places left under its cap; NULL without one */
Datum
gov_headroom_0_1(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	GovPolicy  *policy;

	gov_shmem_require();
	policy = gov_policy_copy();
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &policy->classes[id];

		if (!class->used || strcmp(class->name, name) != 0)
			continue;
		if (class->max_sessions == 0)
			PG_RETURN_NULL();
		PG_RETURN_INT32(Max(class->max_sessions - gov_registry_class_sessions(id), 0));
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("class \"%s\" does not exist", name),
			 errhint("See governor.admission for the classes in force.")));
}

static void
raise_load_failed(void)
{
	GovPolicyInfo info;

	gov_policy_info(&info);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the policy could not be loaded"),
			 errdetail("The error was: %s.", info.error),
			 errhint("The policy of generation " UINT64_FORMAT " stays in force.  See governor.status.",
					 (uint64) info.generation)));
}

/* reload() -> the generation in force after a load that began after the call. */
Datum
gov_reload_0_1(PG_FUNCTION_ARGS)
{
	GovTime		give_up;
	uint64		request;
	GovLoadState state;

	gov_shmem_require();
	if (gov_policy_edit_in_progress())
		ereport(WARNING,
				(errmsg("this transaction's own changes of the policy are not committed yet, and not loaded"),
				 errhint("A commit loads them by itself.")));

	give_up = gov_time_after(gov_clock_now(), RELOAD_PATIENCE);
	request = gov_policy_request_load();
	gov_pulse_wake();
	while ((state = gov_policy_load_state(request)) == GOV_LOAD_PENDING)
	{
		GovTime		now = gov_clock_now();

		if (now >= give_up)
		{
			ConditionVariableCancelSleep();
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 gov_pulse_beats() ?
					 errmsg("the policy was not loaded in time") :
					 errmsg("the governor is not running"),
					 errdetail("The load was asked for and is not finished after %d s.",
							   (int) (RELOAD_PATIENCE / GOV_SECOND)),
					 errhint("See governor.status and the server log; \"max_worker_processes\" must leave room for two workers.")));
		}
		gov_policy_await_load(gov_clock_ms_until(give_up, now, 1000));
	}
	ConditionVariableCancelSleep();

	if (state == GOV_LOAD_FAILED)
		raise_load_failed();
	PG_RETURN_INT64((int64) gov_policy_generation());
}

/* reset_stats(): all counters to zero. */
Datum
gov_reset_stats_0_1(PG_FUNCTION_ARGS)
{
	gov_shmem_require();
	gov_ledger_reset();
	PG_RETURN_VOID();
}

/* How many processors the server's machine has online; the install script sizes defaults by it. */
Datum
gov_processors_0_1(PG_FUNCTION_ARGS)
{
	long		processors = sysconf(_SC_NPROCESSORS_ONLN);

	PG_RETURN_INT32(processors > 0 ? (int32) processors : 1);
}
