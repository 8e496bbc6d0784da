/*-------------------------------------------------------------------------
 *
 * policy_loader.c
 *		From the tables to a policy.
 *
 * A short-lived worker: connects to governor.database, compiles its tables,
 * puts the policy into force and exits.  It is a process of its own so that
 * the governor is connected to no database and blocks no DROP DATABASE.
 *
 * Owns: nothing.
 * Runs in: the policy loader; gov_policy_compile() also in a backend that
 * tries a policy which it has not committed yet.
 *
 * If it fails, the last good policy stays in force, governor.status says why,
 * and the governor tells whoever waits for the load.
 *
 * IDENTIFICATION
 *	  src/actors/policy_loader.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/login_settings.h"
#include "actors/policy_loader.h"
#include "core/policy_diff.h"
#include "core/reason.h"
#include "settings.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/pulse.h"

#include <sys/socket.h>

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "postmaster/interrupt.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* The columns that this version acts on; the order is that of read_class(). */
#define CLASSES_QUERY \
	"SELECT name, mode, max_sessions, keep_warm, reclaim_rate::pg_catalog.float8, " \
	"idle_timeout, idle_timeout_floor, idle_in_transaction_timeout, max_lifetime, transaction_timeout, " \
	"reserved_sessions, queue_limit, queue_timeout, connect_rate, evict_after, paused, settings " \
	"FROM governor.classes ORDER BY name"

/* The order is that of read_rule(). */
#define RULES_QUERY \
	"SELECT position, class, role::pg_catalog.text, database::pg_catalog.text, " \
	"application_name, client_addr, platform, function " \
	"FROM governor.rules WHERE enabled ORDER BY position"

static Datum
column(int row, int number, bool *is_null)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, is_null);
}

/* Copies a text column; raises an error if it is too long, as a CHECK should have. */
static bool
text_column(int row, int number, char *into, size_t size)
{
	char	   *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);

	into[0] = '\0';
	if (value == NULL)
		return false;
	if (strlen(value) >= size)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("value \"%.*s...\" in the policy tables is too long",
						pg_mbcliplen(value, strlen(value), 20), value)));
	strlcpy(into, value, size);
	pfree(value);
	return true;
}

/* A NULL duration never ends. */
static GovTime
duration_column(int row, int number)
{
	bool		is_null;
	Interval   *interval = DatumGetIntervalP(column(row, number, &is_null));

	if (is_null)
		return GOV_NEVER;
	if (interval->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a duration in the policy tables has months")));
	return (GovTime) interval->day * USECS_PER_DAY + interval->time;
}

static int
int_column(int row, int number, int if_null)
{
	bool		is_null;
	Datum		value = column(row, number, &is_null);

	return is_null ? if_null : DatumGetInt32(value);
}

static GovMode
mode_named(const char *name)
{
	for (GovMode mode = GOV_MODE_OFF; mode <= GOV_MODE_ENFORCE; mode++)
	{
		if (strcmp(name, gov_settings_mode_name(mode)) == 0)
			return mode;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized mode \"%s\" in governor.classes", name)));
}

/* Packs an array of texts as GovClass has it; raises an error if that is too much, as a CHECK should have. */
static void
settings_column(int row, int number, char *into, size_t size)
{
	bool		is_null;
	Datum		value = column(row, number, &is_null);
	Datum	   *elements;
	int			nelements;
	char	   *end = into;

	if (is_null)
		return;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &nelements);
	for (int i = 0; i < nelements; i++)
	{
		char	   *setting = TextDatumGetCString(elements[i]);
		size_t		length = strlen(setting) + 1;

		if (end + length >= into + size)
			ereport(ERROR,
					(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
					 errmsg("the settings of a class in the policy tables are too long")));
		memcpy(end, setting, length);
		end += length;
	}
}

static void
read_class(int row, GovClass *class)
{
	char		mode[GOV_NAME_SIZE];
	char		rates[GOV_WINDOW_TEXT_SIZE];
	const char *problem;
	bool		is_null;
	Datum		rate;

	class->used = true;
	text_column(row, 1, class->name, sizeof(class->name));
	class->mode = text_column(row, 2, mode, sizeof(mode)) ? mode_named(mode) : GOV_MODE_ENFORCE;
	class->max_sessions = int_column(row, 3, 0);
	class->keep_warm = int_column(row, 4, 0);
	rate = column(row, 5, &is_null);
	class->reclaim_rate = is_null ? 0 : DatumGetFloat8(rate);
	class->idle_timeout = duration_column(row, 6);
	class->idle_timeout_floor = duration_column(row, 7);
	class->idle_in_transaction_timeout = duration_column(row, 8);
	class->max_lifetime = duration_column(row, 9);
	class->transaction_timeout = duration_column(row, 10);
	class->reserved_sessions = int_column(row, 11, 0);
	class->queue_limit = int_column(row, 12, 0);
	class->queue_timeout = duration_column(row, 13);
	if (text_column(row, 14, rates, sizeof(rates)) &&
		(problem = gov_window_parse(rates, &class->connect_rate)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("connect_rate of class \"%s\" cannot be read", class->name),
				 errdetail("\"%s\": %s.", rates, problem)));
	class->evict_after = duration_column(row, 15);
	class->paused = DatumGetBool(column(row, 16, &is_null));
	settings_column(row, 17, class->settings, sizeof(class->settings));
}

static void
read_classes(GovPolicy *policy)
{
	int			next = GOV_DEFAULT_CLASS + 1;

	if (SPI_execute(CLASSES_QUERY, true, GOV_MAX_CLASSES + 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read governor.classes");
	if (SPI_processed > GOV_MAX_CLASSES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("governor.classes has more than %d rows", GOV_MAX_CLASSES)));

	for (int row = 0; row < (int) SPI_processed; row++)
	{
		GovClass	class;

		memset(&class, 0, sizeof(class));
		read_class(row, &class);
		if (strcmp(class.name, policy->classes[GOV_DEFAULT_CLASS].name) == 0)
			memcpy(&policy->classes[GOV_DEFAULT_CLASS], &class, sizeof(class));
		else if (next == GOV_MAX_CLASSES)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("governor.classes has no class \"default\"")));
		else
			memcpy(&policy->classes[next++], &class, sizeof(class));
	}
}

static void
read_address(int row, int number, GovAddress *address)
{
	bool		is_null;
	inet	   *network = DatumGetInetPP(column(row, number, &is_null));

	address->family = ip_family(network) == PGSQL_AF_INET ? 4 : 6;
	address->bits = ip_bits(network);
	memcpy(address->bytes, ip_addr(network), ip_addrsize(network));
}

static bool
is_given(int row, int number)
{
	bool		is_null;

	(void) column(row, number, &is_null);
	return !is_null;
}

static void
read_rule(int row, GovRule *rule, const GovPolicy *policy)
{
	char		class_name[GOV_NAME_SIZE];

	rule->position = int_column(row, 1, 0);
	text_column(row, 2, class_name, sizeof(class_name));
	rule->class_id = GOV_NO_CLASS;
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		if (policy->classes[id].used && strcmp(policy->classes[id].name, class_name) == 0)
			rule->class_id = id;
	}
	if (rule->class_id == GOV_NO_CLASS)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("rule %d names class \"%s\", which does not exist",
						rule->position, class_name)));

	if (text_column(row, 3, rule->role, sizeof(rule->role)))
		rule->given |= GOV_RULE_ROLE;
	if (text_column(row, 4, rule->database, sizeof(rule->database)))
		rule->given |= GOV_RULE_DATABASE;
	if (text_column(row, 5, rule->application_name, sizeof(rule->application_name)))
		rule->given |= GOV_RULE_APPLICATION_NAME;
	if (is_given(row, 6))
	{
		read_address(row, 6, &rule->client_addr);
		rule->given |= GOV_RULE_CLIENT_ADDR;
	}
	if (text_column(row, 7, rule->platform, sizeof(rule->platform)))
		rule->given |= GOV_RULE_PLATFORM;
	if (text_column(row, 8, rule->function, sizeof(rule->function)))
		rule->given |= GOV_RULE_FUNCTION;
}

static void
read_rules(GovPolicy *policy)
{
	if (SPI_execute(RULES_QUERY, true, GOV_MAX_RULES + 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read governor.rules");
	if (SPI_processed > GOV_MAX_RULES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("governor.rules has more than %d enabled rows", GOV_MAX_RULES)));

	policy->nrules = (int32_t) SPI_processed;
	memset(policy->rules, 0, policy->nrules * sizeof(GovRule));
	for (int row = 0; row < policy->nrules; row++)
		read_rule(row, &policy->rules[row], policy);
}

/* A role that a rule names and the server does not have: such a rule matches nobody. */
void
gov_policy_missing_role(const GovPolicy *policy, char *problem, size_t size)
{
	problem[0] = '\0';
	for (int i = 0; i < policy->nrules; i++)
	{
		const GovRule *rule = &policy->rules[i];
		const char *role = rule->role[0] == '+' ? rule->role + 1 : rule->role;

		if ((rule->given & GOV_RULE_ROLE) && !OidIsValid(get_role_oid(role, true)))
		{
			snprintf(problem, size, "rule %d: role \"%s\" does not exist", rule->position, role);
			return;
		}
	}
}

/* The first setting of a class that no session could be given. */
static bool
find_bad_setting(const GovClass *class, char *problem, size_t size)
{
	char		reason[GOV_POLICY_ERROR_SIZE];

	for (const char *setting = class->settings; *setting; setting += strlen(setting) + 1)
	{
		if (!gov_login_settings_try(setting, reason, sizeof(reason)))
		{
			snprintf(problem, size, "class \"%s\": %s", class->name, reason);
			return true;
		}
	}
	return false;
}

/*
 * What the policy names and the server does not have: such a rule matches
 * nobody, and such a setting is left out.
 */
static void
find_problem(const GovPolicy *policy, char *problem, size_t size)
{
	int			reserved = 0;
	int			usable = MaxConnections - gov_reserved_slots();

	for (int id = 0; id < GOV_MAX_CLASSES; id++)
		reserved += policy->classes[id].used ? policy->classes[id].reserved_sessions : 0;
	if (reserved >= usable)
	{
		snprintf(problem, size, "classes reserve %d sessions, and the server has %d places", reserved, usable);
		return;
	}
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		if (policy->classes[id].used && find_bad_setting(&policy->classes[id], problem, size))
			return;
	}
	gov_policy_missing_role(policy, problem, size);
}

static bool
is_table_of(Oid extension, Oid relation)
{
	return OidIsValid(relation) && get_rel_relkind(relation) == RELKIND_RELATION &&
		getExtensionOfObject(RelationRelationId, relation) == extension;
}

/* Whether the tables are there, and are the extension's own. */
static bool
tables_exist(void)
{
	Oid			extension = get_extension_oid("pg_governor", true);
	Oid			schema = get_namespace_oid("governor", true);

	return OidIsValid(extension) && OidIsValid(schema) &&
		is_table_of(extension, get_relname_relid("classes", schema)) &&
		is_table_of(extension, get_relname_relid("rules", schema));
}

void
gov_policy_compile(GovPolicy *policy, char *problem, size_t size)
{
	gov_policy_make_empty(policy);
	if (problem)
		problem[0] = '\0';
	if (!tables_exist())
	{
		if (problem)
			snprintf(problem, size, "the extension pg_governor is not installed in database \"%s\"",
					 gov_settings_database);
		return;
	}

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	read_classes(policy);
	read_rules(policy);
	SPI_finish();

	if (problem)
		find_problem(policy, problem, size);
}

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
