/*-------------------------------------------------------------------------
 *
 * breaker_sql.c
 *		SQL functions about circuit breakers and rate limits.
 *
 * Owns: nothing in shared memory.        Runs in: backends.
 *
 * A session remembers, for each name that it has used, which number the policy
 * in force gives it, and the permit that it was given last.  What it remembers
 * is checked by the breaker's own lock, so it is never wrong, only old: then
 * it is looked up again.
 *
 * IDENTIFICATION
 *	  src/surface/breaker_sql.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/work.h"
#include "state/breakers.h"
#include "state/policy.h"
#include "state/shmem.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(gov_breaker_allow_0_1);
PG_FUNCTION_INFO_V1(gov_breaker_record_0_1);
PG_FUNCTION_INFO_V1(gov_breaker_check_0_1);
PG_FUNCTION_INFO_V1(gov_breaker_acquire_0_1);
PG_FUNCTION_INFO_V1(gov_breaker_force_0_1);
PG_FUNCTION_INFO_V1(gov_breaker_reset_0_1);
PG_FUNCTION_INFO_V1(gov_rate_take_0_1);

/* A call that took longer is as slow as one that took so long. */
#define LONGEST_DAYS	INT64CONST(100000)

/* What this session knows of a breaker or a rate limit. */
typedef struct Known
{
	char		name[GOV_NAME_SIZE];	/* the key */
	bool		found;			/* `named` was looked up */
	GovNamed	named;
	int64		permit;			/* that breaker_record() reports if none is said; 0: none */
	uint32		discards;		/* how often the session had been told to forget when it got it */
} Known;

/* The two kinds have names of their own. */
typedef struct Kind
{
	HTAB	   *known;
	bool		(*find) (const char *name, GovNamed *named);
	const char *what;
	const char *insert;			/* how to make one */
} Kind;

static Kind breakers = {
	NULL, gov_policy_find_breaker, "circuit breaker", "INSERT INTO governor.breaker_settings (name) VALUES (%s);"
};

static Kind rates = {
	NULL, gov_policy_find_rate, "rate limit", "INSERT INTO governor.rate_settings (name, rate) VALUES (%s, '100/1s');"
};

static void
raise_unknown(const Kind *kind, const char *name)
{
	char	   *insert = psprintf(kind->insert, quote_literal_cstr(name));

	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("%s \"%s\" does not exist", kind->what, name),
			 errhint("Make it in the database that governor.database names: %s", insert)));
}

static Known *
remember(Kind *kind, const char *name)
{
	Known	   *known;
	bool		found;

	if (kind->known == NULL)
	{
		HASHCTL		control = {.keysize = GOV_NAME_SIZE, .entrysize = sizeof(Known)};

		kind->known = hash_create("pg_governor names", 16, &control, HASH_ELEM | HASH_STRINGS);
	}
	known = hash_search(kind->known, name, HASH_ENTER, &found);
	if (!found)
	{
		known->found = false;
		known->permit = 0;
	}
	return known;
}

static bool
look_up(const Kind *kind, Known *known)
{
	known->found = kind->find(known->name, &known->named);
	return known->found;
}

/*
 * One that guards a class is nobody's whom it does not name: whoever could report
 * to it could keep the whole class out.
 */
static bool
may_use(const GovNamed *named)
{
	if (superuser())
		return true;
	if (named->role[0] == '\0')
		return !named->guards;
	return has_privs_of_role(GetUserId(), get_role_oid(named->role, true));
}

/* The one of that name, which this role may use; raises an error otherwise. */
static Known *
enter(Kind *kind, text *name_text)
{
	char	   *name = text_to_cstring(name_text);
	Known	   *known;

	gov_shmem_require();
	if (strlen(name) >= GOV_NAME_SIZE)
		raise_unknown(kind, name);
	known = remember(kind, name);
	if ((!known->found || known->named.generation != gov_policy_generation()) && !look_up(kind, known))
	{
		(void) hash_search(kind->known, name, HASH_REMOVE, NULL);
		raise_unknown(kind, name);
	}
	if (!may_use(&known->named))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for %s \"%s\"", kind->what, name),
				 known->named.role[0] != '\0' ?
				 errdetail("Only members of role \"%s\" may use it.", known->named.role) :
				 errdetail("It guards a class, and names no role that may use it.")));
	pfree(name);
	return known;
}

/* Its number is another one's by now: looks it up again, or says that it is gone. */
static void
again(const Kind *kind, Known *known)
{
	CHECK_FOR_INTERRUPTS();
	if (!look_up(kind, known))
		raise_unknown(kind, known->name);
}

/* Asks, and remembers the permit if that is wanted; 0: refused. */
static int64
allow(FunctionCallInfo fcinfo, bool remembers, Known **which, GovTime *retry_after)
{
	Known	   *known = enter(&breakers, PG_GETARG_TEXT_PP(0));
	int64		permit;

	while (!gov_breakers_allow(known->named.number, known->name, &permit, retry_after))
		again(&breakers, known);
	if (remembers)
	{
		known->permit = permit;
		known->discards = gov_work_discards();
	}
	*which = known;
	return permit;
}

/* breaker_allow(name): whether a call is worth making. */
Datum
gov_breaker_allow_0_1(PG_FUNCTION_ARGS)
{
	Known	   *known;
	GovTime		retry_after;

	PG_RETURN_BOOL(allow(fcinfo, true, &known, &retry_after) != 0);
}

/* breaker_check(name): the same, as an error. */
Datum
gov_breaker_check_0_1(PG_FUNCTION_ARGS)
{
	Known	   *known;
	GovTime		retry_after;

	if (allow(fcinfo, true, &known, &retry_after) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("circuit breaker \"%s\" is open", known->name),
				 retry_after == GOV_NEVER ?
				 errhint("It was opened by hand, and will be closed by hand.") :
				 errhint("Retry after %lld ms.",
						 (long long) Max((retry_after + GOV_MSEC - 1) / GOV_MSEC, 1))));
	PG_RETURN_VOID();
}

/* breaker_acquire(name): the permit's number, for a report by whichever session; NULL: refused. */
Datum
gov_breaker_acquire_0_1(PG_FUNCTION_ARGS)
{
	Known	   *known;
	GovTime		retry_after;
	int64		permit = allow(fcinfo, false, &known, &retry_after);

	if (permit == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(permit);
}

static GovTime
duration_argument(Interval *interval)
{
	int64		days = Max(Min(interval->day, LONGEST_DAYS), -LONGEST_DAYS) * USECS_PER_DAY;
	int64		time = Min(interval->time, PG_INT64_MAX - LONGEST_DAYS * USECS_PER_DAY);

	if (interval->month != 0 || days < -Max(time, 0) || time + days < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the duration of a call must be 0 or more, without months")));
	return time + days;
}

/* breaker_record(name, success, duration, permit): what became of a call. */
Datum
gov_breaker_record_0_1(PG_FUNCTION_ARGS)
{
	Known	   *known;
	GovTime		duration;
	int64		permit;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name and success of a call must not be NULL")));
	duration = PG_ARGISNULL(2) ? 0 : duration_argument(PG_GETARG_INTERVAL_P(2));
	if (!PG_ARGISNULL(3) && PG_GETARG_INT64(3) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a permit is a number above 0, as governor.breaker_acquire() returns it")));

	known = enter(&breakers, PG_GETARG_TEXT_PP(0));
	permit = known->discards == gov_work_discards() ? known->permit : 0;
	if (PG_ARGISNULL(3))
		known->permit = 0;
	else
		permit = PG_GETARG_INT64(3);
	while (!gov_breakers_record(known->named.number, known->name, permit, PG_GETARG_BOOL(1), duration))
		again(&breakers, known);
	PG_RETURN_VOID();
}

static void
force(Known *known, GovBreakerState state)
{
	while (!gov_breakers_force(known->named.number, known->name, state))
		again(&breakers, known);
}

/* breaker_force(name, state): enters a state by hand. */
Datum
gov_breaker_force_0_1(PG_FUNCTION_ARGS)
{
	char	   *word = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int			state = gov_breaker_state_named(word);

	if (state < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized state of a circuit breaker: \"%s\"", word),
				 errhint("States are closed, open, half_open, disabled, forced_open, metrics_only.")));
	force(enter(&breakers, PG_GETARG_TEXT_PP(0)), (GovBreakerState) state);
	PG_RETURN_VOID();
}

/* breaker_reset(name): closed, and nothing counted. */
Datum
gov_breaker_reset_0_1(PG_FUNCTION_ARGS)
{
	force(enter(&breakers, PG_GETARG_TEXT_PP(0)), GOV_BREAKER_CLOSED);
	PG_RETURN_VOID();
}

static Interval *
interval_of(GovTime duration)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = duration;
	return interval;
}

/* rate_take(name, amount) -> granted, remaining, retry_after */
Datum
gov_rate_take_0_1(PG_FUNCTION_ARGS)
{
	Known	   *known = enter(&rates, PG_GETARG_TEXT_PP(0));
	int64		amount = PG_GETARG_INT64(1);
	GovRateTaken taken;
	TupleDesc	descriptor;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (amount < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the amount to take must be 0 or more")));
	while (!gov_rates_take(known->named.number, known->name, amount, &taken))
		again(&rates, known);
	if (taken.retry_after == GOV_NEVER)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rate limit \"%s\" never grants " INT64_FORMAT " at once", known->name, amount),
				 errhint("Take less, in several calls.")));

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = BoolGetDatum(taken.granted);
	values[1] = Int64GetDatum(taken.remaining);
	values[2] = IntervalPGetDatum(interval_of(taken.retry_after));
	nulls[2] = taken.granted;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
