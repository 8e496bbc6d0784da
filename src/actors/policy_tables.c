/*-------------------------------------------------------------------------
 *
 * policy_tables.c
 *		From the tables to a policy.
 *
 * Owns: nothing.
 * Runs in: the policy loader; and in a backend that tries a policy which it
 * has not committed yet.
 *
 * What a CHECK holds is checked once more where more than one row could be
 * harmed by it: the tables are the owner's, who may drop a constraint.
 *
 * IDENTIFICATION
 *	  src/actors/policy_tables.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/login_settings.h"
#include "actors/policy_tables.h"
#include "core/policy_check.h"
#include "settings.h"
#include "state/policy.h"

#include <sys/socket.h>

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* The columns that this version acts on; the order is that of read_class(). */
#define CLASSES_QUERY \
	"SELECT name, mode, max_sessions, keep_warm, reclaim_rate::pg_catalog.float8, " \
	"idle_timeout, idle_timeout_floor, idle_in_transaction_timeout, max_lifetime, transaction_timeout, " \
	"reserved_sessions, queue_limit, queue_timeout, connect_rate, evict_after, paused, settings, breaker, max_active, gate_timeout, " \
	"idle_blocker_timeout, unresponsive_timeout, sessions_per_instance " \
	"FROM governor.classes ORDER BY name"

/* The order is that of read_rule(). */
#define RULES_QUERY \
	"SELECT position, class, role::pg_catalog.text, database::pg_catalog.text, " \
	"application_name, client_addr, platform, function " \
	"FROM governor.rules WHERE enabled ORDER BY position"

/* The order is that of read_breaker(). */
#define BREAKERS_QUERY \
	"SELECT name, role::pg_catalog.text, window_type, window_size, minimum_calls, " \
	"failure_rate::pg_catalog.float8, slow_call_duration, slow_call_rate::pg_catalog.float8, " \
	"open_for, half_open_calls, half_open_timeout, failure_sqlstates " \
	"FROM governor.breaker_settings AS b " \
	"ORDER BY EXISTS (SELECT FROM governor.classes AS c WHERE c.breaker OPERATOR(pg_catalog.=) b.name) DESC, name"

/* The order is that of read_rate(). */
#define RATES_QUERY \
	"SELECT name, role::pg_catalog.text, rate FROM governor.rate_settings ORDER BY name"

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

/* A list of count/period; without one there is no limit. */
static void
limits_column(int row, int number, const char *column_name, const char *of, GovLimits *limits)
{
	char		text[GOV_WINDOW_TEXT_SIZE];
	const char *problem;

	if (text_column(row, number, text, sizeof(text)) && (problem = gov_window_parse(text, limits)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of \"%s\" cannot be read", column_name, of),
				 errdetail("\"%s\": %s.", text, problem)));
}

static void
read_class(int row, GovClass *class)
{
	char		mode[GOV_NAME_SIZE];
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
	limits_column(row, 14, "connect_rate", class->name, &class->connect_rate);
	class->evict_after = duration_column(row, 15);
	class->paused = DatumGetBool(column(row, 16, &is_null));
	settings_column(row, 17, class->settings, sizeof(class->settings));
	text_column(row, 18, class->breaker, sizeof(class->breaker));
	class->max_active = int_column(row, 19, 0);
	class->gate_timeout = duration_column(row, 20);
	class->idle_blocker_timeout = duration_column(row, 21);
	class->unresponsive_timeout = duration_column(row, 22);
	class->sessions_per_instance = int_column(row, 23, 0);
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

static double
double_column(int row, int number)
{
	bool		is_null;
	Datum		value = column(row, number, &is_null);

	return is_null ? 0 : DatumGetFloat8(value);
}

static void
sqlstates_column(int row, int number, GovBreakerSettings *breaker)
{
	bool		is_null;
	Datum		value = column(row, number, &is_null);
	Datum	   *elements;
	int			nelements;

	if (is_null)
		return;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &nelements);
	for (int i = 0; i < nelements && i < GOV_BREAKER_SQLSTATES; i++)
		strlcpy(breaker->sqlstates[breaker->nsqlstates++], TextDatumGetCString(elements[i]),
				GOV_BREAKER_SQLSTATE_SIZE);
}

static void
read_breaker(int row, GovBreakerSettings *breaker)
{
	char		window[GOV_NAME_SIZE];

	memset(breaker, 0, sizeof(*breaker));
	breaker->used = true;
	text_column(row, 1, breaker->name, sizeof(breaker->name));
	text_column(row, 2, breaker->role, sizeof(breaker->role));
	text_column(row, 3, window, sizeof(window));
	breaker->window_type = strcmp(window, "time") == 0 ? GOV_BREAKER_WINDOW_TIME : GOV_BREAKER_WINDOW_COUNT;
	breaker->window_size = int_column(row, 4, breaker->window_type == GOV_BREAKER_WINDOW_TIME ? 10 : 100);
	breaker->minimum_calls = int_column(row, 5, 0);
	breaker->failure_rate = double_column(row, 6);
	breaker->slow_call_duration = duration_column(row, 7);
	breaker->slow_call_rate = double_column(row, 8);
	breaker->open_for = duration_column(row, 9);
	breaker->half_open_calls = int_column(row, 10, 0);
	breaker->half_open_timeout = duration_column(row, 11);
	sqlstates_column(row, 12, breaker);
	if (!gov_policy_check_breaker(breaker))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the settings of circuit breaker \"%s\" are out of range", breaker->name)));
}

static void
read_rate(int row, GovRate *rate)
{
	memset(rate, 0, sizeof(*rate));
	rate->used = true;
	text_column(row, 1, rate->name, sizeof(rate->name));
	text_column(row, 2, rate->role, sizeof(rate->role));
	limits_column(row, 3, "rate", rate->name, &rate->limits);
}

/* Those for which there is no room are left out: see find_problem(). */
static void
read_breakers_and_rates(GovPolicy *policy, uint64 *breakers, uint64 *rates, char *problem, size_t size)
{
	if (SPI_execute(BREAKERS_QUERY, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read governor.breaker_settings");
	*breakers = SPI_processed;
	for (int row = 0; row < (int) SPI_processed && row < gov_settings_max_breakers; row++)
		read_breaker(row, &policy->breakers[row]);

	if (SPI_execute(RATES_QUERY, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read governor.rate_settings");
	*rates = SPI_processed;
	for (int row = 0; row < (int) SPI_processed && row < gov_settings_max_breakers; row++)
		read_rate(row, &policy->rates[row]);

	/* a class whose breaker was left out has none */
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		GovClass   *class = &policy->classes[id];

		if (class->breaker[0] != '\0' && gov_policy_breaker_named(policy, class->breaker) == GOV_NO_BREAKER)
		{
			snprintf(problem, size, "class \"%s\": there is no circuit breaker \"%s\" in force",
					 class->name, class->breaker);
			memset(class->breaker, 0, sizeof(class->breaker));
		}
	}
}

static bool
is_missing(const char *role)
{
	return role[0] != '\0' && !OidIsValid(get_role_oid(role, true));
}

/* A role that the policy names and the server does not have: such a rule matches nobody. */
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
	for (int id = 0; id < GOV_MAX_BREAKERS; id++)
	{
		const GovBreakerSettings *breaker = &policy->breakers[id];
		const GovRate *rate = &policy->rates[id];

		if (breaker->used && is_missing(breaker->role))
			snprintf(problem, size, "breaker \"%s\": role \"%s\" does not exist", breaker->name, breaker->role);
		else if (rate->used && is_missing(rate->role))
			snprintf(problem, size, "rate \"%s\": role \"%s\" does not exist", rate->name, rate->role);
		if (problem[0] != '\0')
			return;
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

/* Rows that have no room in shared memory: those that come last by name are not in force. */
static void
say_too_many(uint64 breakers, uint64 rates, char *problem, size_t size)
{
	if (Max(breakers, rates) > (uint64) gov_settings_max_breakers)
		snprintf(problem, size, "there are " UINT64_FORMAT " %s, and governor.max_breakers is %d",
				 Max(breakers, rates), breakers >= rates ? "circuit breakers" : "rate limits",
				 gov_settings_max_breakers);
}

static bool
is_table_of(Oid extension, Oid relation)
{
	return OidIsValid(relation) && get_rel_relkind(relation) == RELKIND_RELATION &&
		getExtensionOfObject(RelationRelationId, relation) == extension;
}

/* All of them, referenced ones first: the order in which TRUNCATE ... CASCADE locks them. */
static const char *const tables[] = {"breaker_settings", "classes", "rules", "rate_settings"};

/*
 * DROP EXTENSION locks the extension first and then its tables, in an order of
 * its own.  Whoever reads several of them waits here for it, lest it be found in
 * a deadlock with a reader that nobody knows of.
 */
static void
wait_for_drop(void)
{
	Oid			extension = get_extension_oid("pg_governor", true);

	if (OidIsValid(extension))
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
}

/* Whether the tables are there, and are the extension's own. */
static bool
tables_exist(void)
{
	Oid			extension = get_extension_oid("pg_governor", true);
	Oid			schema = get_namespace_oid("governor", true);

	if (!OidIsValid(extension) || !OidIsValid(schema))
		return false;
	for (int i = 0; i < (int) lengthof(tables); i++)
	{
		if (!is_table_of(extension, get_relname_relid(tables[i], schema)))
			return false;
	}
	return true;
}

/* For the same reason: TRUNCATE must find nobody who holds one and wants another that it has. */
static void
lock_tables(void)
{
	Oid			schema = get_namespace_oid("governor", false);

	for (int i = 0; i < (int) lengthof(tables); i++)
		LockRelationOid(get_relname_relid(tables[i], schema), AccessShareLock);
}

void
gov_policy_compile(GovPolicy *policy, char *problem, size_t size)
{
	uint64		breakers = 0;
	uint64		rates = 0;

	gov_policy_make_empty(policy);
	if (problem)
	{
		problem[0] = '\0';
		wait_for_drop();
	}
	if (!tables_exist())
	{
		if (problem)
			snprintf(problem, size, "the extension pg_governor is not installed in database \"%s\"",
					 gov_settings_database);
		return;
	}

	if (problem)
		lock_tables();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	read_classes(policy);
	read_rules(policy);
	if (problem)
		read_breakers_and_rates(policy, &breakers, &rates, problem, size);
	SPI_finish();

	if (problem && problem[0] == '\0')
		find_problem(policy, problem, size);
	if (problem && problem[0] == '\0')
		say_too_many(breakers, rates, problem, size);
}
