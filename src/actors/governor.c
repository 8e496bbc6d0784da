/*-------------------------------------------------------------------------
 *
 * governor.c
 *		The worker that looks at all sessions and asks the stale ones to end.
 *
 * One round of its loop, top to bottom:
 *
 *		settings	read again after a reload				[obey_reload]
 *		roles		altered, granted: sessions follow		[tend_roles]
 *		policy		loader started and collected, living	[tend_policy]
 *					sessions moved into their class
 *		names		that came after the login and need		[move_renamed]
 *					the catalog
 *		sweep		if a deadline or the longest nap is over	[look]
 *		sleep		until the next deadline, or without one	[nap]
 *
 * Owns: nothing in shared memory but its pulse (state/pulse.c).
 * Runs in: the governor, a background worker that is connected to no database
 * (shared catalogs only) and runs no SQL; on a standby too.
 *
 * Whatever an error interrupts is tried again in the next round, a second
 * later and, while it repeats, at growing distances.  Everything that matters
 * is in shared memory, so a governor that dies is simply started again by the
 * postmaster; nobody waits for it meanwhile, and nobody is ended.
 *
 * IDENTIFICATION
 *	  src/actors/governor.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/classify.h"
#include "actors/governor.h"
#include "actors/policy_loader.h"
#include "actors/policy_tables.h"
#include "actors/rename.h"
#include "actors/sweep.h"
#include "clock.h"
#include "settings.h"
#include "state/gate.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/queue.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_database.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/relcache.h"

/* Sweeps are at least a twentieth of the interval apart, and this much. */
#define SHORTEST_NAP		(10 * GOV_MSEC)

/* Tables that changed without a trigger are noticed within this time. */
#define COMPARE_EVERY		(60 * GOV_SECOND)

/* A standby looks at least this often whether it was promoted. */
#define STANDBY_NAP			(5 * GOV_SECOND)

/* How long to wait before trying again what could not be done. */
#define RETRY_AFTER			GOV_SECOND
#define LONGEST_RETRY		(60 * GOV_SECOND)

/* No login takes longer from looking its role up to being in its slot. */
#define ROLES_AGAIN			GOV_SECOND

/* What a wait can be asked for at once; a longer one is two waits. */
#define LONGEST_NAP_MS		3600000

/* The load in progress, and when one is due that nobody asked for. */
static struct
{
	BackgroundWorkerHandle *loader; /* NULL: none is running */
	uint64		covers;			/* all requests up to this one */
	GovTime		retry_at;		/* a load that failed is tried again; GOV_NEVER: none did */
	GovTime		retry_pause;
	bool		database_missing;	/* the last load found no policy database */
	GovTime		compare_at;
	bool		was_recovering;
} load;

/* What is to be done because roles have changed. */
static struct
{
	bool		changed;		/* since it was last done */
	char		missing[GOV_POLICY_ERROR_SIZE];	/* by the policy that was loaded last */
	GovTime		again_at;		/* GOV_NEVER: not once more */
} roles;

/* The generation by which living sessions are classified. */
static uint64 classified_by;

static GovSweep *sweep;
static GovTime last_sweep;
static GovTime next_sweep;		/* GOV_NEVER: dormant, there is nothing to look at */
static uint32 calls_seen;		/* how often we were woken, when this round began */

static MemoryContext round_context;

void
gov_governor_install(void)
{
	BackgroundWorker worker;

	/* pg_upgrade drops and makes databases, and wants nobody else to be there */
	if (IsBinaryUpgrade)
		return;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = 1;
	strlcpy(worker.bgw_library_name, "pg_governor", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, CppAsString(gov_governor_main),
			sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "pg_governor governor", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "pg_governor governor", sizeof(worker.bgw_type));
	RegisterBackgroundWorker(&worker);
}

/* With exit code 1 the postmaster starts another governor, unless it is shutting down. */
static void
obey_signals(void)
{
	if (ShutdownRequestPending)
		proc_exit(1);
	CHECK_FOR_INTERRUPTS();
}

/* Rereads the settings after a SIGHUP; the policy database may be another one now. */
static bool
obey_reload(void)
{
	GovPolicy  *policy;

	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);

	/* another mode concerns those who wait now */
	policy = gov_policy_copy();
	gov_queue_set_limits(policy, gov_settings_mode);
	gov_gate_set_limits(policy, gov_settings_mode);
	(void) gov_policy_request_load();
	return true;
}

/*
 * Looked up as core does while it authenticates: the index of pg_database can
 * be opened without a database only if the shared relation cache was there,
 * which it is not when a cluster starts for the first time.
 */
static bool
database_exists(const char *name)
{
	Relation	relation;
	SysScanDesc scan;
	ScanKeyData key;
	bool		exists;

	ScanKeyInit(&key, Anum_pg_database_datname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(name));
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = systable_beginscan(relation, DatabaseNameIndexId, criticalSharedRelcachesBuilt,
							  NULL, 1, &key);
	exists = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return exists;
}

/* Governs nobody from here on: there is no policy database. */
static void
publish_empty_policy(void)
{
	GovPolicy  *policy = palloc(sizeof(GovPolicy));
	char		problem[GOV_POLICY_ERROR_SIZE];

	gov_policy_make_empty(policy);
	snprintf(problem, sizeof(problem),
			 "database \"%s\" (governor.database) does not exist", gov_settings_database);
	gov_policy_enforce(policy, load.covers, problem);
}

/* What has become of a session's role since it logged in; the name is '' if it is dropped. */
static void
follow_role(GovSession *session)
{
	char	   *name = GetUserNameFromId(session->facts.role_oid, true);

	session->facts.role[0] = '\0';
	if (name != NULL)
		strlcpy(session->facts.role, name, sizeof(session->facts.role));
	if (session->exemption != GOV_EXEMPT_REPLICATION)
		session->exemption = name != NULL && superuser_arg(session->facts.role_oid) ?
			GOV_EXEMPT_SUPERUSER : GOV_EXEMPT_NOT;
}

/*
 * After an error in a question to the catalog, which concerns one session:
 * said once, and the round goes on in a new transaction.
 */
static void
go_on_after_error(void)
{
	if (gov_policy_first_complaint(GOV_COMPLAINT_CLASSIFICATION))
		EmitErrorReport();
	FlushErrorState();
	AbortCurrentTransaction();
	StartTransactionCommand();
	MemoryContextSwitchTo(round_context);
}

/*
 * Looks a living session up anew: its role, whether that exempts it, and its
 * class.  If that ends in an error its class is `default`, as at login, and
 * the rest stays.  Called in a transaction, and returns in one.
 */
static void
classify_again(const GovPolicy *policy, GovSession *session)
{
	GovSession	now = *session;

	PG_TRY();
	{
		GovClassification found = {GOV_NO_CLASS, GOV_NO_RULE};

		follow_role(&now);
		if (now.exemption == GOV_EXEMPT_NOT)
			found = gov_classify(policy, &now.facts);

		/* of a role that was dropped the name is still shown; rules do not know it any more */
		if (now.facts.role[0] != '\0')
			memcpy(session->facts.role, now.facts.role, sizeof(session->facts.role));
		session->exemption = now.exemption;
		session->class_id = found.class_id;
		session->rule = found.position;
	}
	PG_CATCH();
	{
		go_on_after_error();
		if (session->exemption == GOV_EXEMPT_NOT)
		{
			session->class_id = GOV_DEFAULT_CLASS;
			session->rule = GOV_NO_RULE;
		}
	}
	PG_END_TRY();
}

/* Puts one session where it belongs now. */
static void
reclassify(const GovPolicy *policy, int slot)
{
	GovSession	before;
	GovSession	now;

	/* again if it gets another name or class meanwhile */
	while (gov_registry_read(slot, &before))
	{
		now = before;
		classify_again(policy, &now);
		if (now.exemption == before.exemption && now.class_id == before.class_id &&
			now.rule == before.rule && strcmp(now.facts.role, before.facts.role) == 0)
			break;
		if (gov_registry_move(&before, &now))
			break;
	}
}

/*
 * Puts every living session into its class by the policy in force and the
 * roles that there are.  From the first line on no login enters by an older
 * generation.
 */
static void
reclassify_all(void)
{
	GovPolicy  *policy = gov_policy_copy();

	gov_registry_begin_generation(policy->generation);
	gov_queue_set_limits(policy, gov_settings_mode);
	gov_gate_set_limits(policy, gov_settings_mode);

	StartTransactionCommand();
	MemoryContextSwitchTo(round_context);
	for (int i = 0; i < gov_registry_slots(); i++)
		reclassify(policy, i);
	CommitTransactionCommand();
	MemoryContextSwitchTo(round_context);

	classified_by = policy->generation;
}

/* Callback of the server: a role came, went or was altered, or a membership. */
static void
note_role_change(Datum arg, GovCacheId cache, uint32 hash)
{
	roles.changed = true;
}

/* Beginning a transaction makes this process take note of what others have done to the catalogs. */
static bool
roles_have_changed(void)
{
	StartTransactionCommand();
	CommitTransactionCommand();
	MemoryContextSwitchTo(round_context);
	return roles.changed;
}

/* Looks which role a rule names that does not exist; returns whether that has changed. */
static bool
missing_role_has_changed(void)
{
	GovPolicy  *policy = gov_policy_copy();
	char		missing[GOV_POLICY_ERROR_SIZE];
	bool		changed;

	StartTransactionCommand();
	MemoryContextSwitchTo(round_context);
	gov_policy_missing_role(policy, missing, sizeof(missing));
	CommitTransactionCommand();
	MemoryContextSwitchTo(round_context);

	changed = strcmp(missing, roles.missing) != 0;
	strlcpy(roles.missing, missing, sizeof(roles.missing));
	return changed;
}

/*
 * Sessions follow their roles.  Again a little later, for a login that had
 * looked its role up before and was not in its slot yet.  Returns true if
 * sessions may be in other classes than before.
 */
static bool
tend_roles(GovTime now)
{
	bool		changed = roles_have_changed();

	if (!changed && now < roles.again_at)
		return false;
	roles.changed = false;
	roles.again_at = changed ? now + ROLES_AGAIN : GOV_NEVER;
	reclassify_all();

	/* what the policy cannot do now is for a loader to say, who looks at all of it */
	if (missing_role_has_changed())
		(void) gov_policy_request_load();
	return true;
}

/* Starts a loader for all requests made so far.  Returns false if none is running after it. */
static bool
start_load(GovTime now)
{
	bool		exists;

	gov_policy_begin_load();
	load.covers = gov_policy_last_request();
	load.compare_at = now + COMPARE_EVERY;

	StartTransactionCommand();
	exists = database_exists(gov_settings_database);
	CommitTransactionCommand();
	MemoryContextSwitchTo(round_context);

	load.database_missing = !exists;
	if (!exists)
	{
		publish_empty_policy();
		return false;
	}

	/* the handle outlives the round */
	MemoryContextSwitchTo(TopMemoryContext);
	if (!gov_policy_loader_start(load.covers, &load.loader))
		load.loader = NULL;
	MemoryContextSwitchTo(round_context);
	if (load.loader != NULL)
		return true;

	if (load.retry_pause == RETRY_AFTER)
		ereport(LOG,
				(errmsg("pg_governor could not start its policy loader: no free background worker slot"),
				 errhint("It tries again.  Consider raising \"max_worker_processes\".")));
	gov_policy_report(load.covers, false, "no free background worker slot for the policy loader; "
					  "consider raising \"max_worker_processes\"");
	return false;
}

/*
 * Living sessions follow the policy first; whoever waits for the load may see
 * it then.  A load that failed is tried again, since nobody else may ask for it.
 */
static void
finish_load(GovTime now)
{
	bool		ok = gov_policy_loaded_request() >= load.covers;

	if (classified_by != gov_policy_generation())
		reclassify_all();

	if (ok)
	{
		/* no trigger tells that a database has come: look for it now and then */
		load.retry_at = load.database_missing ? now + LONGEST_RETRY : GOV_NEVER;
		load.retry_pause = RETRY_AFTER;
	}
	else
	{
		/* a loader that was ended, or could not connect, had no time to say why */
		if (!gov_policy_failure_is_reported())
			gov_policy_report(load.covers, false, "the policy loader ended early; the server log says why");
		load.retry_at = now + load.retry_pause;
		load.retry_pause = Min(load.retry_pause * 2, LONGEST_RETRY);
	}
	gov_policy_finish_load(load.covers, ok);

	/* last, as it looks into catalogs */
	(void) missing_role_has_changed();
}

static bool
loader_is_running(void)
{
	pid_t		pid;

	if (load.loader == NULL)
		return false;
	if (GetBackgroundWorkerPid(load.loader, &pid) != BGWH_STOPPED)
		return true;
	pfree(load.loader);
	load.loader = NULL;
	return false;
}

/*
 * Brings the policy up to date with the tables, and sessions up to date with
 * the policy.  Returns true if sessions may be in other classes than before.
 */
static bool
tend_policy(GovTime now)
{
	uint64		classified_before = classified_by;
	bool		was_running = load.loader != NULL;

	/* a loader that has published may still be saving */
	if (loader_is_running())
	{
		if (classified_by != gov_policy_generation())
			reclassify_all();
		return classified_by != classified_before;
	}
	if (was_running)
		finish_load(now);
	else if (classified_by != gov_policy_generation())
		reclassify_all();

	/* after a promotion the tables may be edited here */
	if (load.was_recovering && !RecoveryInProgress())
	{
		load.was_recovering = false;
		(void) gov_policy_request_load();
	}

	/* a change that no trigger saw: a look at the tables now and then, while awake */
	if (now >= load.compare_at && (next_sweep != GOV_NEVER || load.was_recovering))
		(void) gov_policy_request_load();

	if (gov_policy_last_request() != gov_policy_finished_request() || load.retry_at <= now)
	{
		if (!start_load(now))
			finish_load(now);
	}
	return classified_by != classified_before;
}

/* The least time between the beginnings of two sweeps. */
static GovTime
sweep_distance(void)
{
	return Max(gov_settings_sweep_interval * GOV_MSEC / 20, SHORTEST_NAP);
}

/* Moves a session that has left its new name to us; it stays as it is if that ends in an error. */
static bool
move_renamed_session(int slot)
{
	volatile bool moved = false;

	PG_TRY();
	{
		moved = gov_rename_left_session(slot);
	}
	PG_CATCH();
	{
		go_on_after_error();
	}
	PG_END_TRY();
	return moved;
}

/* Moves all of them. */
static void
move_renamed(void)
{
	if (!gov_registry_names_left())
		return;

	StartTransactionCommand();
	MemoryContextSwitchTo(round_context);
	for (int slot = 0; slot < gov_registry_slots(); slot++)
	{
		/* whoever changes its name all the time must not make us sweep all the time */
		if (move_renamed_session(slot))
			next_sweep = Min(next_sweep, last_sweep + sweep_distance());
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(round_context);
}

/* Looks at all sessions, and plans the next look. */
static void
look(GovTime now)
{
	GovTime		interval = gov_settings_sweep_interval * GOV_MSEC;
	GovSweepResult swept = gov_sweep_run(sweep, classified_by);

	last_sweep = now;
	if (swept.anything_governed)
	{
		next_sweep = Max(swept.next_deadline, now + sweep_distance());
		next_sweep = Min(next_sweep, now + interval);
	}
	else
		next_sweep = GOV_NEVER;
}

/*
 * Whether somebody has woken us since the round began.  The latch may not say
 * so any more: what waits inside of a round, for a lock or a page, resets it.
 */
static bool
was_called_meanwhile(void)
{
	pid_t		pid;

	return gov_pulse_calls() != calls_seen || ConfigReloadPending || ShutdownRequestPending ||
		(load.loader != NULL && GetBackgroundWorkerPid(load.loader, &pid) == BGWH_STOPPED);
}

/* Sleeps until the next deadline; without one if there is nothing to look at. */
static void
nap(void)
{
	static uint32 wait_event = 0;
	GovTime		now = gov_clock_now();
	GovTime		wake_at = next_sweep;
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

	if (next_sweep == GOV_NEVER)
	{
		/* say so, then look again: whoever came in before this did not wake us */
		gov_pulse_set_dormant(true);
		if (gov_sweep_has_work(sweep) || roles_have_changed())
			SetLatch(MyLatch);
	}
	wake_at = Min(wake_at, roles.again_at);

	/* while a loader runs, its end wakes us; a retry has nothing to do before */
	if (load.loader == NULL)
		wake_at = Min(wake_at, load.retry_at);

	/* no trigger tells a standby that the tables have changed, and nobody that it was promoted */
	if (load.was_recovering)
		wake_at = Min(wake_at, now + STANDBY_NAP);

	if (wake_at != GOV_NEVER)
		events |= WL_TIMEOUT;
	if (was_called_meanwhile())
		SetLatch(MyLatch);
	(void) WaitLatch(MyLatch, events,
					 gov_clock_ms_until(wake_at, now, LONGEST_NAP_MS),
					 gov_wait_event(&wait_event, "GovernorMain"));
	gov_pulse_set_dormant(false);
}

/* The clock was set back: what was planned by the old one would come late by as much. */
static void
forget_deadlines(GovTime now)
{
	last_sweep = now;
	next_sweep = 0;
	load.compare_at = now + COMPARE_EVERY;
	if (load.retry_at != GOV_NEVER)
		load.retry_at = now;
	if (roles.again_at != GOV_NEVER)
		roles.again_at = now;
}

static void
do_round(void)
{
	GovTime		now;
	bool		moved;

	ResetLatch(MyLatch);
	calls_seen = gov_pulse_calls();
	obey_signals();
	MemoryContextSwitchTo(round_context);
	MemoryContextReset(round_context);

	if (obey_reload())
		next_sweep = 0;

	now = gov_clock_now();
	if (now < last_sweep ||
		(load.retry_at != GOV_NEVER && load.retry_at > now + LONGEST_RETRY) ||
		(roles.again_at != GOV_NEVER && roles.again_at > now + ROLES_AGAIN))
		forget_deadlines(now);
	moved = tend_roles(now);
	if (tend_policy(now) || moved)
		next_sweep = 0;
	else if (next_sweep == GOV_NEVER && gov_sweep_has_work(sweep))
		next_sweep = last_sweep + SHORTEST_NAP;
	MemoryContextSwitchTo(round_context);
	move_renamed();

	/* a newcomer waits for somebody to make room, and knows of nobody */
	if (gov_queue_victims_wanted())
		next_sweep = Min(next_sweep, last_sweep + SHORTEST_NAP);

	if (now >= next_sweep)
		look(now);
}

/* Cleans up after an error, as autovacuum's launcher does, and waits a while. */
static void
recover_from_error(GovTime *pause)
{
	static uint32 wait_event = 0;

	error_context_stack = NULL;
	HOLD_INTERRUPTS();
	EmitErrorReport();
	AbortCurrentTransaction();
	LWLockReleaseAll();
	ConditionVariableCancelSleep();
	pgstat_report_wait_end();
	MemoryContextSwitchTo(round_context);
	FlushErrorState();
	MemoryContextReset(round_context);
	RESUME_INTERRUPTS();

	for (GovTime now = gov_clock_now(), end = now + *pause; now < end; now = gov_clock_now())
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 gov_clock_ms_until(end, now, LONGEST_NAP_MS),
						 gov_wait_event(&wait_event, "GovernorMain"));
		ResetLatch(MyLatch);
		obey_signals();
	}
	*pause = Min(*pause * 2, LONGEST_RETRY);
}

/*
 * The server keeps memberships that were looked up, and forgets them when they
 * change only in processes that are connected to a database, unless it is told.
 */
static void
watch_roles(void)
{
	roles.again_at = GOV_NEVER;
	CacheRegisterSyscacheCallback(AUTHOID, note_role_change, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, note_role_change, (Datum) 0);

	StartTransactionCommand();
	initialize_acl();
	CommitTransactionCommand();
}

void
gov_governor_main(Datum argument)
{
	sigjmp_buf	recovery;
	static GovTime pause = RETRY_AFTER;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	if (!gov_pulse_start())
		ereport(FATAL,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("another pg_governor governor is running")));

	sweep = gov_sweep_create();
	round_context = AllocSetContextCreate(TopMemoryContext, "pg_governor round",
										  ALLOCSET_DEFAULT_SIZES);
	load.covers = gov_policy_finished_request();
	load.retry_at = GOV_NEVER;
	load.retry_pause = RETRY_AFTER;
	load.was_recovering = RecoveryInProgress();
	watch_roles();
	(void) gov_policy_request_load();
	gov_ledger_note(GOV_EVENT_GOVERNOR, NULL, GOV_REASON_NONE, "the governor has started");

	if (sigsetjmp(recovery, 1) != 0)
		recover_from_error(&pause);
	PG_exception_stack = &recovery;

	for (;;)
	{
		do_round();
		pause = RETRY_AFTER;
		nap();
	}
}
