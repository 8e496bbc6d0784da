/*-------------------------------------------------------------------------
 *
 * login_settings.c
 *		Defaults of parameters that a class gives to sessions at login.
 *
 * They are above ALTER DATABASE and ALTER ROLE ... SET, and below what the
 * client asks for when it connects.  How they come in between:
 *
 *		login hook		the settings of the class are copied	[gov_login_settings_take]
 *		core			connects to the database, applies what the client asks
 *						for, then ALTER ROLE and ALTER DATABASE ... SET
 *		pre-commit		of the transaction that core does all this in: each
 *						parameter that the client has not set is set
 *						as if it had							[give_settings]
 *
 * The hook itself would be too early.  There is no database yet, and a check
 * hook that reads a catalog, as one of another extension may, is then the end
 * of the login, which nothing can catch; and lock_timeout would count for the
 * locks that the login itself waits for.
 *
 * Owns: nothing in shared memory.        Runs in: backends; trying also in the
 * policy loader.
 *
 * Nothing here refuses a login.  A setting that the server does not take is
 * left out, and the log says so once for each generation of the policy.
 *
 * IDENTIFICATION
 *	  src/actors/login_settings.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/login_settings.h"
#include "state/ledger.h"
#include "state/policy.h"

#include "access/xact.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* What this session is to be given, as GovClass has it; '' when it was. */
static char taken[GOV_SETTINGS_SIZE];
static int	taken_from;			/* class id */

/*
 * Sets a parameter, or only tries to.  Raises an error if it cannot be set.
 *
 * Whoever may edit the policy need not be a superuser, so only parameters that
 * every session may set for itself.  Asked here, since for settings of clients
 * core lets pass what is fixed when the connection starts.
 */
static void
set(const char *name, const char *value, bool apply)
{
	const struct config_generic *known = gov_find_parameter(name);

	if (known != NULL && known->context != PGC_USERSET)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("parameter \"%s\" is not one that every session may set for itself", name)));
	if (apply && known != NULL && known->reset_source >= PGC_S_CLIENT)
		return;
	(void) set_config_option(name, value, PGC_USERSET, apply ? PGC_S_CLIENT : PGC_S_TEST,
							 GUC_ACTION_SET, apply, ERROR, false);
}

/*
 * The same for `name=value`; if it cannot be set, returns false and the reason.
 * A subtransaction, as check hooks may read catalogs, and must leave no lock
 * or pin behind.  With exit_on_error, which a client may ask for, the error
 * would be the end of the login.
 */
static bool
set_caught(const char *setting, bool apply, char *reason, size_t size)
{
	const char *equals = strchr(setting, '=');
	char	   *name;
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;
	bool		exit_on_error = ExitOnAnyError;

	if (equals == NULL)
		return true;
	name = pnstrdup(setting, equals - setting);

	ExitOnAnyError = false;
	BeginInternalSubTransaction("pg_governor setting");
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		set(name, equals + 1, apply);
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
	ExitOnAnyError = exit_on_error;
	pfree(name);

	if (error == NULL)
		return true;
	strlcpy(reason, error->message, size);
	FreeErrorData(error);
	return false;
}

static void
complain(const char *setting, const char *reason)
{
	char		class_name[GOV_NAME_SIZE];

	if (!gov_policy_first_complaint(GOV_COMPLAINT_SETTING))
		return;
	gov_policy_class_name(taken_from, class_name);
	ereport(LOG_SERVER_ONLY,
			(errmsg("pg_governor could not give a login the setting \"%s\" of class \"%s\": %s",
					setting, class_name, reason),
			 errdetail("The login goes on without it.  "
					   "This is said once for each generation of the policy.")));
}

/* Stays registered for the life of the session: 15 does not let a callback go while it runs. */
static void
give_settings(XactEvent event, void *argument)
{
	char		reason[GOV_POLICY_ERROR_SIZE];
	instr_time	start;
	instr_time	end;

	if (taken[0] == '\0' || event != XACT_EVENT_PRE_COMMIT)
		return;

	INSTR_TIME_SET_CURRENT(start);
	for (const char *setting = taken; *setting; setting += strlen(setting) + 1)
	{
		if (!set_caught(setting, true, reason, sizeof(reason)))
			complain(setting, reason);
	}
	taken[0] = '\0';
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	gov_ledger_add_login_time((uint64) (INSTR_TIME_GET_DOUBLE(end) * 1e9));
}

void
gov_login_settings_take(int class_id)
{
	if (!gov_policy_copy_settings(class_id, taken))
		return;
	taken_from = class_id;
	RegisterXactCallback(give_settings, NULL);
}

bool
gov_login_settings_try(const char *setting, char *reason, size_t size)
{
	return set_caught(setting, false, reason, size);
}
