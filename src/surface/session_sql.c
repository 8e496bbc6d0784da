/*-------------------------------------------------------------------------
 *
 * session_sql.c
 *		SQL functions about single sessions: reclaim.
 *
 * Owns: nothing.                         Runs in: backends.
 *
 * IDENTIFICATION
 *	  src/surface/session_sql.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/reclaim.h"
#include "clock.h"
#include "state/census.h"
#include "state/registry.h"
#include "state/shmem.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* How long reclaim() waits for a session that accepted to be gone. */
#define RECLAIM_PATIENCE	GOV_SECOND

PG_FUNCTION_INFO_V1(gov_reclaim_0_1);

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

/* Who asks and why, for the event and the session's last message. */
static void
signature(char *into, const char *detail)
{
	char		clean[GOV_DETAIL_SIZE];
	int			length = pg_mbcliplen(detail, strlen(detail), GOV_DETAIL_SIZE - GOV_NAME_SIZE - 8);

	memcpy(clean, detail, length);
	clean[length] = '\0';
	for (char *c = clean; *c; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7F)
			*c = ' ';
	}
	snprintf(into, GOV_DETAIL_SIZE, "by %s%s%s", GetUserNameFromId(GetSessionUserId(), false),
			 clean[0] ? ": " : "", clean);
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
								  first.state_since, detail, MyLatch);
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
