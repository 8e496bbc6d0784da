/*-------------------------------------------------------------------------
 *
 * policy_loader.c
 *		The worker that reads the tables and puts the policy into force.
 *
 * It is short-lived: connects to governor.database, compiles its tables,
 * puts the policy into force and exits.  It is a process of its own so that
 * the governor is connected to no database and blocks no DROP DATABASE.
 *
 * Owns: nothing.                         Runs in: the policy loader.
 *
 * If it fails, the last good policy stays in force, governor.status says why,
 * and the governor tells whoever waits for the load.
 *
 * IDENTIFICATION
 *	  src/actors/policy_loader.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/policy_loader.h"
#include "actors/policy_tables.h"
#include "core/policy_diff.h"
#include "core/reason.h"
#include "settings.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/pulse.h"

#include "access/xact.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

bool
gov_policy_loader_start(uint64 request, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, &request, sizeof(request));
	strlcpy(worker.bgw_library_name, "pg_governor", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, CppAsString(gov_policy_loader_main),
			sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "pg_governor policy loader", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "pg_governor policy loader", sizeof(worker.bgw_type));
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

/*
 * What is new in a policy that has come into force: all of it in the log, as
 * much as there is room for in the event.
 */
static void
tell_change(const GovPolicy *before, const GovPolicy *now, const GovEditor *editor, const char *problem)
{
	char	   *all = palloc(GOV_POLICY_DIFF_SIZE);
	char		detail[GOV_EVENT_DETAIL_SIZE];
	int			used;

	gov_policy_diff(before, now, true, all, GOV_POLICY_DIFF_SIZE);
	ereport(LOG,
			(errmsg("pg_governor: policy generation " UINT64_FORMAT " is in force", (uint64) now->generation),
			 all[0] != '\0' ? errdetail("%s%s%s%s.",
									   editor->several ? "By several roles: " :
									   editor->name[0] != '\0' ? "By \"" : "",
									   editor->name,
									   editor->name[0] != '\0' ? "\": " : "", all) : 0,
			 problem[0] != '\0' ? errhint("Take note: %s.", problem) : 0,
			 errhidestmt(true)));
	pfree(all);

	/* why nobody is governed any more says more than that all classes are gone */
	used = snprintf(detail, sizeof(detail), "generation " UINT64_FORMAT ": ", (uint64) now->generation);
	if (now->nrules == 0 && problem[0] != '\0')
		snprintf(detail + used, sizeof(detail) - used, "%s", problem);
	else
	{
		gov_policy_diff(before, now, false, detail + used, sizeof(detail) - used);
		if (detail[used] == '\0')
			snprintf(detail + used, sizeof(detail) - used, "the first one");
	}
	gov_ledger_note_policy(editor->name, detail);
}

void
gov_policy_enforce(GovPolicy *policy, uint64 request, const char *problem)
{
	GovPolicy  *before = palloc(sizeof(GovPolicy));
	GovEditor	editor;

	if (gov_policy_publish(policy, request, gov_ledger_reset_class, before, &editor))
	{
		/* living sessions need not wait for what follows */
		gov_pulse_wake();
		tell_change(before, policy, &editor, problem);
	}
	gov_policy_save();
	gov_policy_report(request, true, problem);
	pfree(before);
}

/* Reads, compiles, publishes.  Its error is the policy's error. */
static void
load(uint64 request)
{
	GovPolicy  *policy = palloc(sizeof(GovPolicy));
	char		problem[GOV_POLICY_ERROR_SIZE];

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	gov_policy_compile(policy, problem, sizeof(problem));
	PopActiveSnapshot();
	CommitTransactionCommand();

	gov_policy_enforce(policy, request, problem);
}

void
gov_policy_loader_main(Datum argument)
{
	MemoryContext context;
	uint64		request;

	memcpy(&request, MyBgworkerEntry->bgw_extra, sizeof(request));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(gov_settings_database, NULL, BGWORKER_BYPASS_ALLOWCONN);
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);

	/* a table that somebody keeps locked is an error to be shown, and tried again */
	SetConfigOption("lock_timeout", "10s", PGC_SUSET, PGC_S_OVERRIDE);

	context = AllocSetContextCreate(TopMemoryContext, "pg_governor policy", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		load(request);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		gov_policy_report(request, false, error->message);
		gov_ledger_note(GOV_EVENT_POLICY, NULL, GOV_REASON_NONE, error->message);
		PG_RE_THROW();
	}
	PG_END_TRY();
}
