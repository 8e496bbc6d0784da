/*-------------------------------------------------------------------------
 *
 * pg_governor.c
 *		The door: what the server gets when it loads the library.
 *
 * pg_governor watches the sessions of serverless functions and ends those
 * that went stale.  The words:
 *
 *		session		one client backend
 *		class		a named set of thresholds; every governed session is in one
 *		rule		maps sessions to a class; the lowest position that matches wins
 *		identity	platform, function, version, instance of a function environment
 *		policy		all classes and rules, one immutable snapshot in shared memory
 *		stale		a session that a threshold says should end
 *		reclaim		to end a stale session by the safe protocol
 *		pressure	how full it is
 *
 * The layers, each of which uses only those below it:
 *
 *		surface		SQL-callable functions
 *		actors		processes and side effects: login, sweep, reclaim, victim, ...
 *		state		shared memory and its locks
 *		core		pure decisions
 *
 * Where to begin reading: a login in actors/login.c, a sweep in
 * actors/sweep.c, a reclaim in actors/reclaim.h and actors/victim.c.
 *
 * IDENTIFICATION
 *	  src/pg_governor.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/governor.h"
#include "actors/guard.h"
#include "actors/login.h"
#include "actors/probes.h"
#include "actors/victim.h"
#include "actors/work.h"
#include "settings.h"
#include "state/shmem.h"

#include "fmgr.h"

GOV_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

/*
 * Without preloading only the settings are defined: CREATE EXTENSION works,
 * and every function that needs shared memory says which line is missing.
 */
void
_PG_init(void)
{
	bool		preloaded = process_shared_preload_libraries_in_progress;

	gov_settings_define(preloaded);
	if (!preloaded)
		return;

	gov_shmem_install();
	gov_login_install();
	gov_probes_install();
	gov_victim_install();
	gov_guard_install();
	gov_work_install();
	gov_governor_install();
}
