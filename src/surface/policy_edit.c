/*-------------------------------------------------------------------------
 *
 * policy_edit.c
 *		Triggers on the policy tables: what an edit may do, and what follows.
 *
 * Before each row:			shipped rows stay, and become the user's own when
 *							they are edited or inserted again; who and when is
 *							kept; a class with living sessions stays.
 * After each statement:	the limits on rows hold, TRUNCATE is refused, and the
 *							edit is marked to be loaded when it commits.
 *
 * Owns: nothing in shared memory.        Runs in: backends.
 *
 * The triggers work without the library being preloaded, so that a dump can be
 * restored into any server.
 *
 * IDENTIFICATION
 *	  src/surface/policy_edit.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/login_settings.h"
#include "settings.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/registry.h"
#include "state/shmem.h"
#include "surface/policy_edit.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(gov_policy_row_0_1);
PG_FUNCTION_INFO_V1(gov_policy_changed_0_1);

/* What differs between the policy tables. */
typedef struct PolicyTable
{
	const char *name;
	const char *key;			/* its primary key */
	const char *const *shipped_keys;	/* rows that always stay, as text */
	int			limit;			/* of rows */
	const char *instead_of_delete;	/* how to switch a shipped row off */
	const char *replace;		/* gives a shipped row the values of the new row $1 */
	const char *merge;			/* the same, but for values that are defaults */
} PolicyTable;

static const char *const shipped_classes[] = {"default", "function", NULL};
static const char *const shipped_rules[] = {"1000", "1010", NULL};
static const char *const nothing_shipped[] = {NULL};

#define CLASS_COLUMNS \
	"mode, max_sessions, reserved_sessions, queue_limit, queue_timeout, connect_rate, evict_after, " \
	"max_active, gate_timeout, idle_timeout, idle_timeout_floor, idle_in_transaction_timeout, " \
	"idle_blocker_timeout, transaction_timeout, max_lifetime, unresponsive_timeout, " \
	"sessions_per_instance, keep_warm, reclaim_rate, paused, breaker, settings, description"

#define RULE_COLUMNS \
	"class, role, database, application_name, client_addr, platform, function, enabled"

static const PolicyTable tables[] = {
	{
		"classes", "name", shipped_classes, GOV_MAX_CLASSES,
		"Switch the class off instead: UPDATE governor.classes SET mode = 'off' WHERE name = '%s'.",
		"UPDATE governor.classes AS c SET (" CLASS_COLUMNS ") = (SELECT " CLASS_COLUMNS " FROM (SELECT ($1).*) AS n) "
		"WHERE c.name OPERATOR(pg_catalog.=) ($1).name AND c.shipped",
		"UPDATE governor.classes AS c SET mode = coalesce(n.mode, c.mode), "
		"max_sessions = coalesce(n.max_sessions, c.max_sessions), "
		"idle_timeout = coalesce(n.idle_timeout, c.idle_timeout), "
		"idle_timeout_floor = coalesce(n.idle_timeout_floor, c.idle_timeout_floor), "
		"idle_in_transaction_timeout = coalesce(n.idle_in_transaction_timeout, c.idle_in_transaction_timeout), "
		"idle_blocker_timeout = coalesce(n.idle_blocker_timeout, c.idle_blocker_timeout), "
		"max_lifetime = coalesce(n.max_lifetime, c.max_lifetime), "
		"unresponsive_timeout = coalesce(n.unresponsive_timeout, c.unresponsive_timeout), "
		"sessions_per_instance = coalesce(n.sessions_per_instance, c.sessions_per_instance), "
		"transaction_timeout = coalesce(n.transaction_timeout, c.transaction_timeout), "
		"reserved_sessions = CASE WHEN n.reserved_sessions OPERATOR(pg_catalog.=) 0 THEN c.reserved_sessions ELSE n.reserved_sessions END, "
		"queue_limit = CASE WHEN n.queue_limit OPERATOR(pg_catalog.=) 1000 THEN c.queue_limit ELSE n.queue_limit END, "
		"queue_timeout = CASE WHEN n.queue_timeout OPERATOR(pg_catalog.=) '5 s' THEN c.queue_timeout ELSE n.queue_timeout END, "
		"connect_rate = coalesce(n.connect_rate, c.connect_rate), "
		"evict_after = coalesce(n.evict_after, c.evict_after), "
		"max_active = coalesce(n.max_active, c.max_active), "
		"gate_timeout = CASE WHEN n.gate_timeout OPERATOR(pg_catalog.=) '5 s' THEN c.gate_timeout ELSE n.gate_timeout END, "
		"paused = n.paused OR c.paused, "
		"keep_warm = CASE WHEN n.keep_warm OPERATOR(pg_catalog.=) 0 THEN c.keep_warm ELSE n.keep_warm END, "
		"reclaim_rate = coalesce(n.reclaim_rate, c.reclaim_rate), "
		"breaker = coalesce(n.breaker, c.breaker), "
		"settings = coalesce(n.settings, c.settings), "
		"description = coalesce(n.description, c.description) "
		"FROM (SELECT ($1).*) AS n WHERE c.name OPERATOR(pg_catalog.=) n.name AND c.shipped"
	},
	{
		"rules", "position", shipped_rules, GOV_MAX_RULES,
		"Switch the rule off instead: UPDATE governor.rules SET enabled = false WHERE position = %s.",
		"UPDATE governor.rules AS r SET (" RULE_COLUMNS ") = (SELECT " RULE_COLUMNS " FROM (SELECT ($1).*) AS n) "
		"WHERE r.position OPERATOR(pg_catalog.=) ($1).position AND r.shipped",
		"UPDATE governor.rules AS r SET class = n.class, "
		"role = coalesce(n.role, r.role), database = coalesce(n.database, r.database), "
		"application_name = coalesce(n.application_name, r.application_name), "
		"client_addr = coalesce(n.client_addr, r.client_addr), "
		"platform = coalesce(n.platform, r.platform), function = coalesce(n.function, r.function), "
		"enabled = n.enabled "
		"FROM (SELECT ($1).*) AS n WHERE r.position OPERATOR(pg_catalog.=) n.position AND r.shipped"
	},
	{"breaker_settings", "name", nothing_shipped, GOV_MAX_BREAKERS, NULL, NULL, NULL},
	{"rate_settings", "name", nothing_shipped, GOV_MAX_BREAKERS, NULL, NULL, NULL},
};

#define CLASSES	(&tables[0])
#define RULES	(&tables[1])

/* Whether this transaction has changed the tables that count, and who; see on_transaction_end(). */
static bool edit_in_progress = false;
static GovEditor editor;

/* Whether an INSERT is being turned into an UPDATE: what there was to say is said. */
static bool taking_over = false;

bool
gov_policy_edit_in_progress(void)
{
	return edit_in_progress;
}

static const PolicyTable *
table_of(TriggerData *trigger)
{
	const char *name = RelationGetRelationName(trigger->tg_relation);

	if (RelationGetNamespace(trigger->tg_relation) == get_namespace_oid("governor", true))
	{
		for (int i = 0; i < (int) lengthof(tables); i++)
		{
			if (strcmp(tables[i].name, name) == 0)
				return &tables[i];
		}
	}
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("table \"%s\" is no policy table", name)));
}

static TriggerData *
trigger_data(FunctionCallInfo fcinfo, bool before_row)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		(before_row ?
		 !TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) :
		 !TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_FOR_STATEMENT(trigger->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger of the policy tables")));
	return trigger;
}

/* Whether our own install script runs, and nobody else's. */
static bool
is_installing(void)
{
	return creating_extension &&
		CurrentExtensionObject == get_extension_oid("pg_governor", true);
}

/* Runs a query about the rows of a table; returns how many rows it concerned. */
static uint64
query(const char *text, int nargs, Oid *types, Datum *values, bool read_only, int64 *first)
{
	uint64		processed;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	if (SPI_execute_with_args(text, nargs, types, values, NULL, read_only, 0) < 0)
		elog(ERROR, "could not query the policy tables");
	processed = SPI_processed;
	if (first != NULL)
	{
		bool		is_null;

		*first = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	}
	SPI_finish();
	return processed;
}

/*
 * How many rows a table has.  Counted as its owner, so that whoever may insert
 * needs no right to read; a SELECT runs nobody's triggers.
 */
static int64
count_rows(Relation relation, const PolicyTable *table)
{
	Oid			user;
	int			context;
	int64		rows = 0;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(relation->rd_rel->relowner,
						   context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	(void) query(psprintf("SELECT pg_catalog.count(*) FROM governor.%s", table->name),
				 0, NULL, NULL, false, &rows);
	SetUserIdAndSecContext(user, context);
	return rows;
}

static char *
key_of(const PolicyTable *table, HeapTuple row, TupleDesc descriptor)
{
	return SPI_getvalue(row, descriptor, SPI_fnumber(descriptor, table->key));
}

static bool
is_shipped_key(const PolicyTable *table, const char *key)
{
	for (const char *const *shipped = table->shipped_keys; *shipped; shipped++)
	{
		if (strcmp(*shipped, key) == 0)
			return true;
	}
	return false;
}

static bool
is_shipped(HeapTuple row, TupleDesc descriptor)
{
	bool		is_null;

	return DatumGetBool(SPI_getbinval(row, descriptor, SPI_fnumber(descriptor, "shipped"), &is_null));
}

/* A new database gets shipped rows from CREATE EXTENSION, so they can never really go. */
static void
refuse_to_lose_shipped(const PolicyTable *table, const char *key, const char *what)
{
	char	   *hint = psprintf(table->instead_of_delete, key);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot %s row \"%s\" of governor.%s, which pg_governor ships", what, key, table->name),
			 errhint("%s", hint)));
}

/* A living session would lose its class. */
static void
refuse_to_lose_class(const char *class_name)
{
	GovPolicy  *policy;

	if (!gov_shmem_ready() ||
		strcmp(get_database_name(MyDatabaseId), gov_settings_database) != 0)
		return;

	policy = gov_policy_copy();
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		int			sessions;

		if (!policy->classes[id].used || strcmp(policy->classes[id].name, class_name) != 0)
			continue;
		sessions = gov_registry_class_sessions(id);
		if (sessions > 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("cannot delete class \"%s\", which has sessions", class_name),
					 errdetail_plural("There is %d session in it.",
									  "There are %d sessions in it.", sessions, sessions),
					 errhint("Lead its rules to another class and commit, or switch the class off with mode = 'off'.")));
	}
	pfree(policy);
}

/* A role that is not there is no error: it may come later. */
static void
warn_of_unknown_role(const PolicyTable *table, HeapTuple row, TupleDesc descriptor)
{
	char	   *role = SPI_getvalue(row, descriptor, SPI_fnumber(descriptor, "role"));
	const char *name;

	if (role == NULL || taking_over)
		return;
	name = table == RULES && role[0] == '+' ? role + 1 : role;
	if (name[0] != '\0' && !OidIsValid(get_role_oid(name, true)))
		ereport(WARNING,
				(errmsg("role \"%s\" does not exist", name),
				 table == RULES ?
				 errdetail("The rule matches nobody until it does.") :
				 errdetail("Nobody but superusers may use \"%s\" until it does.", key_of(table, row, descriptor))));
}

/* What the server cannot give is no error: the policy may be for another one, or the server may grow. */
static void
warn_of_reserve(HeapTuple row, HeapTuple before, TupleDesc descriptor)
{
	int			number = SPI_fnumber(descriptor, "reserved_sessions");
	char	   *now = SPI_getvalue(row, descriptor, number);
	char	   *then = before ? SPI_getvalue(before, descriptor, number) : NULL;

	if (taking_over || now == NULL || (then != NULL && strcmp(now, then) == 0))
		return;
	if (atoi(now) >= MaxConnections - gov_reserved_slots())
		ereport(WARNING,
				(errmsg("reserved_sessions of %s leaves no place for other classes", now),
				 errdetail("The server has %d places for ordinary sessions.",
						   MaxConnections - gov_reserved_slots())));
}

/*
 * What the server does not take today, it may take another day or another
 * server may: so this is no error.  Elements that a constraint refuses in a
 * moment are passed over.
 */
static void
warn_of_settings(HeapTuple row, HeapTuple before, TupleDesc descriptor)
{
	int			number = SPI_fnumber(descriptor, "settings");
	char	   *now = SPI_getvalue(row, descriptor, number);
	char	   *then = before ? SPI_getvalue(before, descriptor, number) : NULL;
	bool		is_null;
	Datum	   *settings;
	bool	   *nulls;
	int			nsettings;

	if (taking_over || now == NULL || (then != NULL && strcmp(now, then) == 0))
		return;
	deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(row, descriptor, number, &is_null)),
					  TEXTOID, -1, false, TYPALIGN_INT, &settings, &nulls, &nsettings);
	for (int i = 0; i < nsettings; i++)
	{
		char		reason[GOV_POLICY_ERROR_SIZE];

		if (!nulls[i] && !gov_login_settings_try(TextDatumGetCString(settings[i]), reason, sizeof(reason)))
			ereport(WARNING,
					(errmsg("%s", reason),
					 errdetail("The setting is left out at logins until the server takes it.")));
	}
}

/*
 * The row with its provenance: by whom, when, and no longer as shipped, unless
 * it is a script of ours that writes it.
 */
static HeapTuple
sign(HeapTuple row, TupleDesc descriptor, bool shipped)
{
	int			columns[3];
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	int			ncolumns = 1;

	columns[0] = SPI_fnumber(descriptor, "shipped");
	values[0] = BoolGetDatum(shipped);
	if (SPI_fnumber(descriptor, "changed_by") > 0)
	{
		columns[1] = SPI_fnumber(descriptor, "changed_by");
		values[1] = DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetSessionUserId(), false)));
		columns[2] = SPI_fnumber(descriptor, "changed_at");
		values[2] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
		ncolumns = 3;
	}
	return heap_modify_tuple_by_cols(row, descriptor, ncolumns, columns, values, nulls);
}

/*
 * The edit is loaded when it is there for others to see, and forgotten when it
 * is rolled back.  A prepared transaction would commit without us.
 */
static void
on_transaction_end(XactEvent event, void *argument)
{
	if (!edit_in_progress)
		return;

	switch (event)
	{
		case XACT_EVENT_PRE_PREPARE:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot PREPARE a transaction that has changed the policy of pg_governor"),
					 errhint("Change the policy in a transaction of its own.")));
			break;
		case XACT_EVENT_COMMIT:
			edit_in_progress = false;
			(void) gov_policy_request_load_of_edit(&editor);
			gov_pulse_wake();
			break;
		case XACT_EVENT_ABORT:
			edit_in_progress = false;
			break;
		default:
			break;
	}
}

/*
 * Marks the edit to be loaded, or says, once for each statement, why it will
 * not be.
 */
static void
mark_edit(bool say)
{
	static bool registered = false;
	char	   *database;

	say = say && !is_installing() && !taking_over;
	if (!gov_shmem_ready())
	{
		if (say)
			ereport(WARNING,
					(errmsg("the policy is kept and not in force: pg_governor is not loaded"),
					 errhint("Add this line to postgresql.conf and restart the server: "
							 "shared_preload_libraries = 'pg_governor'")));
		return;
	}

	database = get_database_name(MyDatabaseId);
	if (strcmp(database, gov_settings_database) != 0)
	{
		if (say)
			ereport(WARNING,
					(errmsg("the policy is kept and not in force: the one of database \"%s\" is",
							gov_settings_database),
					 errhint("Edit it there, or set governor.database = %s and reload the server's configuration.",
							 quote_literal_cstr(database))));
		return;
	}

	if (!registered)
	{
		RegisterXactCallback(on_transaction_end, NULL);
		registered = true;
	}

	/* now, as no name can be looked up once the transaction has committed */
	editor.role = GetSessionUserId();
	strlcpy(editor.name, GetUserNameFromId(editor.role, false), sizeof(editor.name));
	edit_in_progress = true;
}

/*
 * Inserting the key of a row that is there as shipped edits that row.  A dump
 * names every column, `shipped` among them: then the row is replaced.  A person
 * does not: then what the person left at its default stays as it is.
 */
static bool
take_over(TupleDesc descriptor, const PolicyTable *table, HeapTuple row, const char *key)
{
	Oid			type = descriptor->tdtypeid;
	Datum		value = heap_copy_tuple_as_datum(row, descriptor);
	bool		by_person;
	bool		taken_over;

	(void) SPI_getbinval(row, descriptor, SPI_fnumber(descriptor, "shipped"), &by_person);
	taking_over = true;
	PG_TRY();
	{
		/* as whoever inserts, who needs the right to update: this runs triggers */
		taken_over = query(by_person ? table->merge : table->replace,
						   1, &type, &value, false, NULL) > 0;
	}
	PG_FINALLY();
	{
		taking_over = false;
	}
	PG_END_TRY();

	if (taken_over && by_person)
		ereport(NOTICE,
				(errmsg("row \"%s\" of governor.%s was there as shipped, and has been updated", key, table->name)));
	return taken_over;
}

/* BEFORE INSERT OR UPDATE OR DELETE, FOR EACH ROW */
Datum
gov_policy_row_0_1(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo, true);
	const PolicyTable *table = table_of(trigger);
	TupleDesc	descriptor = RelationGetDescr(trigger->tg_relation);
	HeapTuple	row = trigger->tg_trigtuple;
	char	   *key = key_of(table, row, descriptor);

	/* here too, as logical replication fires no triggers of statements */
	mark_edit(false);

	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
	{
		if (is_shipped_key(table, key))
			refuse_to_lose_shipped(table, key, "delete");
		if (table == CLASSES)
			refuse_to_lose_class(key);
		return PointerGetDatum(row);
	}

	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
	{
		HeapTuple	before = row;
		char	   *new_key;

		row = trigger->tg_newtuple;
		new_key = key_of(table, row, descriptor);
		if (is_shipped_key(table, key) && (new_key == NULL || strcmp(key, new_key) != 0))
			refuse_to_lose_shipped(table, key, "rename");
		if (table != CLASSES)
			warn_of_unknown_role(table, row, descriptor);
		else
		{
			warn_of_reserve(row, before, descriptor);
			warn_of_settings(row, before, descriptor);
		}
		return PointerGetDatum(sign(row, descriptor, is_installing() && is_shipped(before, descriptor)));
	}

	/* an INSERT */
	if (table != CLASSES)
		warn_of_unknown_role(table, row, descriptor);
	else if (!is_installing())
	{
		warn_of_reserve(row, NULL, descriptor);
		warn_of_settings(row, NULL, descriptor);
	}
	if (!is_installing() && key != NULL && is_shipped_key(table, key) &&
		take_over(descriptor, table, row, key))
		return PointerGetDatum(NULL);
	return PointerGetDatum(sign(row, descriptor, is_installing()));
}

/* AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE, FOR EACH STATEMENT */
Datum
gov_policy_changed_0_1(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo, false);
	const PolicyTable *table = table_of(trigger);
	int64		rows = 0;

	if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) && table->shipped_keys[0] != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot truncate governor.%s, which has rows that pg_governor ships", table->name),
				 errhint("Delete the rows that are your own, and switch shipped ones off.")));

	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		rows = count_rows(trigger->tg_relation, table);

	/* near the limit one at a time, so that two do not both take the last place */
	if (rows > table->limit / 2)
	{
		LockDatabaseObject(RelationRelationId, RelationGetRelid(trigger->tg_relation), 1, ExclusiveLock);
		rows = count_rows(trigger->tg_relation, table);
	}
	if (rows > table->limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many rows in governor.%s", table->name),
				 errdetail("There would be %lld rows, and there may be at most %d.",
						   (long long) rows, table->limit),
				 errhint("Delete rows that are not needed any more, or make one row serve several of them.")));

	if (gov_shmem_ready() && table != CLASSES && table != RULES && rows > gov_settings_max_breakers)
		ereport(WARNING,
				(errmsg("governor.%s has more rows than governor.max_breakers", table->name),
				 errdetail("There would be %lld rows, and %d of them are in force.",
						   (long long) rows, gov_settings_max_breakers),
				 errhint("Raise governor.max_breakers and restart the server, or delete rows.")));

	mark_edit(true);
	return PointerGetDatum(NULL);
}
