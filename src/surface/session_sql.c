/*-------------------------------------------------------------------------
 *
 * session_sql.c
 *		SQL functions about single sessions: reclaim, register, lease.
 *
 * Owns: nothing.                         Runs in: backends.
 *
 * IDENTIFICATION
 *	  src/surface/session_sql.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/reclaim.h"
#include "actors/rename.h"
#include "clock.h"
#include "state/census.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/registry.h"
#include "state/shmem.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "postmaster/interrupt.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* How long reclaim() waits for a session that accepted to be gone. */
#define RECLAIM_PATIENCE	GOV_SECOND

PG_FUNCTION_INFO_V1(gov_reclaim_0_1);
PG_FUNCTION_INFO_V1(gov_register_0_1);
PG_FUNCTION_INFO_V1(gov_lease_0_1);

/* Longer than any function runs; what is longer is milliseconds taken for seconds. */
#define LONGEST_LEASE	(INT64CONST(86400) * GOV_SECOND)

/* The same test as pg_terminate_backend(): see pg_signal_backend() in core. */
static void
check_right(const GovSession *session)
{
	Oid			owner = session->facts.role_oid;

	if (superuser_arg(owner) && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to reclaim a session"),
				 errdetail("Only superusers may end sessions of superusers.")));

	if (!has_privs_of_role(GetUserId(), owner) &&
		!has_privs_of_role(GetUserId(), ROLE_PG_SIGNAL_BACKEND))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to reclaim a session"),
				 errdetail("Only members of the session's role, and of \"pg_signal_backend\", may end it.")));
}

/*
 * Who asks and why, for the event and the session's last message.  One line: a
 * name may have control characters as well as the words.
 */
static void
signature(char *into, const char *detail)
{
	int			length = pg_mbcliplen(detail, strlen(detail), GOV_DETAIL_SIZE - GOV_NAME_SIZE - 8);

	snprintf(into, GOV_DETAIL_SIZE, "by %s%s%.*s", GetUserNameFromId(GetSessionUserId(), false),
			 length > 0 ? ": " : "", length, detail);
	for (char *c = into; *c; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7F)
			*c = ' ';
	}
}

/*
 * A session that has just come to rest declines until it waits for its client,
 * a moment later: as long as it is in the same rest it is asked again.
 */
static bool
reclaim(const GovSession *session, const char *detail)
{
	GovTime		give_up = gov_time_after(gov_clock_now(), RECLAIM_PATIENCE);
	GovActivity first;
	GovActivity activity;

	if (!gov_census_read_session(session, &first) || first.state != GOV_ACTIVITY_IDLE)
		return false;

	for (;;)
	{
		GovTime		now = gov_clock_now();
		GovReclaimOutcome outcome;
		uint64		request;

		request = gov_reclaim_ask(session->slot, session->generation, GOV_REASON_REQUESTED,
								  gov_staleness_subject(&first, GOV_REASON_REQUESTED), detail, MyLatch);
		if (request == 0)
			return true;		/* it has ended by itself */

		outcome = gov_reclaim_await(session->slot, session->generation, request, give_up - now);
		if (outcome == GOV_RECLAIM_GONE)
			return gov_reclaim_await_exit(session->pid, give_up);
		if (outcome == GOV_RECLAIM_PENDING || gov_clock_now() >= give_up)
			return false;

		if (!gov_census_read_session(session, &activity))
			return true;
		if (activity.state != GOV_ACTIVITY_IDLE || activity.state_since != first.state_since)
			return false;
		gov_reclaim_pause();
	}
}

/*
 * reclaim(pid, detail) -> true if the session rested and has ended.
 *
 * An administrator's own request: it is carried out in every mode.
 */
Datum
gov_reclaim_0_1(PG_FUNCTION_ARGS)
{
	int			pid = PG_GETARG_INT32(0);
	char		detail[GOV_DETAIL_SIZE];
	GovSession	session;
	int			slot;

	gov_shmem_require();

	slot = gov_registry_find(pid);
	if (slot < 0 || !gov_registry_read(slot, &session) || session.pid != pid)
	{
		ereport(WARNING,
				(errmsg("PID %d is not a client session", pid)));
		PG_RETURN_BOOL(false);
	}
	check_right(&session);
	if (session.exemption == GOV_EXEMPT_REPLICATION)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot reclaim a replication connection"),
				 errhint("Use pg_terminate_backend().")));

	signature(detail, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	PG_RETURN_BOOL(reclaim(&session, detail));
}

/*
 * A part of an identity, cleaned as application_name is; NULL if it is absent.
 * Too long is an error: cut, two instances could look like one.
 */
static char *
identity_part(FunctionCallInfo fcinfo, int number, const char *name)
{
	char	   *part;

	if (PG_ARGISNULL(number))
		return NULL;
	part = gov_clean_ascii(text_to_cstring(PG_GETARG_TEXT_PP(number)));
	if (strlen(part) >= GOV_NAME_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("the %s of a function identity is too long", name),
				 errdetail("It has %zu bytes, and may have at most %d.", strlen(part), GOV_NAME_SIZE - 1),
				 errhint("Use a shorter one, for example its last 12 characters.")));
	return part[0] ? part : NULL;
}

/* The lease in argument `number`, which is not NULL, as a duration. */
static GovTime
lease_argument(FunctionCallInfo fcinfo, int number)
{
	Interval   *lease = PG_GETARG_INTERVAL_P(number);
	GovTime		duration = 0;

	/* days too many for any lease would overflow; infinity has months */
	if (lease->month == 0 && lease->day >= -1000 && lease->day <= 1000 &&
		lease->time >= -1000 * LONGEST_LEASE && lease->time <= 1000 * LONGEST_LEASE)
		duration = lease->day * LONGEST_LEASE + lease->time;
	if (duration <= 0 || duration > LONGEST_LEASE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a lease must be longer than zero and at most one day, without months"),
				 errdetail("The lease given is %s.",
						   DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(lease)))),
				 errhint("For example: SELECT governor.lease('90 s').  NULL ends a lease.")));
	return duration;
}

/*
 * Gives this session a lease from now on; returns until when.  Where the mode in
 * force is off nobody need wake: with another mode or class the governor looks
 * for leases.  A mode that this process has not read yet counts as another one.
 */
static GovTime
take_lease(GovTime duration)
{
	GovTime		until = gov_time_after(gov_clock_now(), duration);

	gov_registry_set_lease(until);
	if (ConfigReloadPending || gov_policy_mode_of(gov_registry_mine()->class_id) != GOV_MODE_OFF)
		gov_pulse_wake_if_dormant();
	return until;
}

static void
say_exempt(void)
{
	ereport(NOTICE,
			(errmsg("superusers and replication are exempt, and in no class")));
}

static void
refuse_no_session(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("this process is not a client session")));
}

/* The name of the class that this session is in now. */
static Datum
own_class(FunctionCallInfo fcinfo)
{
	GovSessionSlot *mine = gov_registry_mine();
	GovSession	session;
	char		name[GOV_NAME_SIZE];

	if (mine == NULL || !gov_registry_read(mine - gov_registry_slot(0), &session))
		PG_RETURN_NULL();
	gov_policy_class_name(session.class_id, name);
	if (name[0] == '\0')
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(name));
}

/*
 * register(platform, function, version, instance, lease) -> class
 *
 * For functions that cannot send their identity in application_name.
 */
Datum
gov_register_0_1(PG_FUNCTION_ARGS)
{
	char	   *platform;
	char	   *function;
	GovIdentity identity;
	GovTime		lease = 0;

	gov_shmem_require();
	platform = identity_part(fcinfo, 0, "platform");
	function = identity_part(fcinfo, 1, "function");
	gov_identity_make(platform, function, identity_part(fcinfo, 2, "version"),
					  identity_part(fcinfo, 3, "instance"), &identity);
	if (platform == NULL || function == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a function identity needs a platform and a function"),
				 errhint("For example: SELECT governor.register('lambda', 'checkout', '7', 'f3a91c').")));
	if (!PG_ARGISNULL(4))
		lease = lease_argument(fcinfo, 4);

	switch (gov_rename_register(&identity))
	{
		case GOV_REGISTRATION_DONE:
		case GOV_REGISTRATION_KNOWN:
			if (lease != 0)
				(void) take_lease(lease);
			break;
		case GOV_REGISTRATION_FIXED:
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("this session has said already which function it belongs to"),
					 errdetail("A session says so once, in application_name or by governor.register()."),
					 errhint("Behind a pooler functions share sessions: give the pooler's role a class by a rule instead.")));
			break;
		case GOV_REGISTRATION_EXEMPT:
			say_exempt();
			break;
		case GOV_REGISTRATION_NO_SESSION:
			refuse_no_session();
			break;
	}
	return own_class(fcinfo);
}

/*
 * lease(duration) -> until when
 *
 * How long this session will be of use, by its own word.  Not undone by a
 * rollback: the time goes on all the same.
 */
Datum
gov_lease_0_1(PG_FUNCTION_ARGS)
{
	GovSessionSlot *mine;
	GovTime		lease = 0;
	GovSession	session;

	gov_shmem_require();
	if (!PG_ARGISNULL(0))
		lease = lease_argument(fcinfo, 0);

	mine = gov_registry_mine();
	if (mine == NULL || !gov_registry_read(mine - gov_registry_slot(0), &session))
		refuse_no_session();
	else if (session.exemption != GOV_EXEMPT_NOT)
		say_exempt();
	else if (lease == 0)
		gov_registry_set_lease(0);
	else
		PG_RETURN_TIMESTAMPTZ(take_lease(lease));
	PG_RETURN_NULL();
}
