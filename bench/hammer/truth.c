/*-------------------------------------------------------------------------
 *
 * truth.c
 *		What the server knows: the sequences in which statements count
 *		themselves, and pg_governor's own counters.
 *
 * A statement takes from one sequence as the first thing that it does, and
 * from another as the last.  Sequences are not rolled back, so whatever ends a
 * statement in between leaves them apart.  Before each run a statement of each
 * kind is cut on purpose, to prove that they do.
 *
 * IDENTIFICATION
 *	  bench/hammer/truth.c
 *-------------------------------------------------------------------------
 */
#include "truth.h"

#include "link.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE	(30 * USEC_PER_S)

static PGconn *control;
static char progress_query[256];

static const char drop_all[] =
	"DO $$"
	" DECLARE cell text;"
	" BEGIN"
	"  FOR cell IN SELECT rolname FROM pg_roles WHERE rolname " IS_OF_CELL " LOOP"
	"   EXECUTE format('DROP OWNED BY %1$I CASCADE', cell);"
	"   EXECUTE format('DROP ROLE %1$I', cell);"
	"  END LOOP;"
	" END $$";

/* In the schema of a role, by that role.  A COPY begins and finishes by triggers. */
static const char *const make_schema[] = {
	"CREATE SEQUENCE began CACHE 1",
	"CREATE SEQUENCE finished CACHE 1",
	"CREATE TABLE kept (one int)",
	"CREATE TABLE copied (line text)",

	"CREATE FUNCTION count_copy() RETURNS trigger LANGUAGE plpgsql AS"
	" $$ BEGIN PERFORM nextval(TG_ARGV[0]); RETURN NULL; END $$",
	"CREATE TRIGGER began BEFORE INSERT ON copied EXECUTE FUNCTION count_copy('began')",
	"CREATE TRIGGER finished AFTER INSERT ON copied EXECUTE FUNCTION count_copy('finished')",

	"CREATE FUNCTION work(kind int, number int) RETURNS int LANGUAGE plpgsql AS $$"
	" BEGIN"
	"  PERFORM nextval('began');"
	"  IF kind = 1 THEN PERFORM count(*) FROM generate_series(1, number);"
	"  ELSIF kind = 2 THEN PERFORM pg_sleep(0.001); END IF;"
	"  PERFORM nextval('finished');"
	"  RETURN number;"
	" END $$",

	"CREATE FUNCTION take(held refcursor) RETURNS int LANGUAGE plpgsql AS $$"
	" DECLARE line record;"
	" BEGIN"
	"  PERFORM nextval('began');"
	"  FETCH held INTO line;"
	"  IF NOT FOUND THEN RAISE 'the cursor has no such row'; END IF;"
	"  PERFORM nextval('finished');"
	"  RETURN 1;"
	" END $$",
};

static const char *const drop_classes[] = {
	"DELETE FROM governor.rules WHERE class " IS_OF_CELL,
	"DELETE FROM governor.classes WHERE name " IS_OF_CELL,
	"SELECT governor.reload()",
};

#define LENGTH(array)	(sizeof(array) / sizeof((array)[0]))

static void
run_all(const char *const *statements, size_t number)
{
	for (size_t i = 0; i < number; i++)
		blocking_run(control, statements[i]);
}

static PGresult *
query(const char *format,...)
{
	char		sql[512];
	va_list		arguments;

	va_start(arguments, format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (vsnprintf(sql, sizeof(sql), format, arguments) >= (int) sizeof(sql))
		die("a statement is too long");
#pragma GCC diagnostic pop
	va_end(arguments);
	return blocking_query(control, sql);
}

static int64_t
number_of(const PGresult *result, int column)
{
	return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

static Truth
read_truth(const Cell *cell)
{
	Truth		truth;
	PGresult   *result = query("SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM %1$s.began),"
							   " (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM %1$s.finished),"
							   " (SELECT count(*) FROM %1$s.kept) + (SELECT count(*) FROM %1$s.copied)",
							   cell->name);

	truth.began = number_of(result, 0);
	truth.finished = number_of(result, 1);
	truth.kept = number_of(result, 2);
	PQclear(result);
	return truth;
}

/* What can end a statement before it has finished. */
typedef struct Cut
{
	const char *what;
	const char *before;			/* what has to be done first, or NULL */
	const char *statement;
	int			began;
	int			finished;
} Cut;

static const Cut cuts[] = {
	{"a query, by an error", NULL,
		"SELECT nextval('began'), (SELECT count(*) FROM generate_series(1, 1 / (random() * 0)::int)),"
	" nextval('finished')", 1, 0},
	{"a query, by a cancel", NULL,
	"SELECT nextval('began'), pg_sleep(30), nextval('finished')", 1, 0},
	{"COPY TO, by a cancel", NULL,
		"COPY (SELECT CASE g WHEN 1 THEN nextval('began') WHEN 3 THEN nextval('finished') END,"
	" pg_sleep(CASE g WHEN 2 THEN 30 ELSE 0 END) FROM generate_series(1, 3) g) TO STDOUT", 1, 0},
	{"COPY FROM, by its client", NULL, "COPY copied FROM STDIN", 1, 0},
	{"a cursor, by a cancel",
		"BEGIN; DECLARE cursor CURSOR FOR SELECT nextval('began'), pg_sleep(30 * g), nextval('finished')"
		" FROM generate_series(0, 1) g; FETCH FROM cursor",
	"FETCH FROM cursor", 2, 1},
	{"a held cursor, by an error", NULL,
		"DECLARE held CURSOR WITH HOLD FOR SELECT nextval('began'), 1 / (1 - g), nextval('finished')"
	" FROM generate_series(0, 1) g", 2, 1},
	{"take(), by an error", NULL, "SELECT take('none')", 1, 0},
	{"work(), by a cancel", NULL, "SELECT work(1, 2000000000)", 1, 0},
};

/* Runs a statement to its end, whichever. */
static bool
run_and_see(const char *statement)
{
	bool		well = true;
	PGresult   *result;

	if (PQsendQuery(control, statement) == 0)
		die("could not send a statement: %s", PQerrorMessage(control));
	while ((result = PQgetResult(control)) != NULL)
	{
		ExecStatusType status = PQresultStatus(result);
		char	   *row;

		PQclear(result);
		if (status == PGRES_COPY_OUT)
		{
			while (PQgetCopyData(control, &row, 0) > 0)
				PQfreemem(row);
		}
		else if (status == PGRES_COPY_IN)
		{
			(void) PQputCopyData(control, "one\n", 4);
			(void) PQputCopyEnd(control, "cut");
		}
		else if (status == PGRES_FATAL_ERROR)
			well = false;
	}
	return !well;
}

/* Cuts a statement of each kind; both sequences must tell. */
static void
prove_that_cuts_show(const Cell *cell)
{
	for (size_t i = 0; i < LENGTH(cuts); i++)
	{
		Truth		truth;

		blocking_run(control, "ALTER SEQUENCE began RESTART");
		blocking_run(control, "ALTER SEQUENCE finished RESTART");
		if (cuts[i].before != NULL)
			blocking_run(control, cuts[i].before);
		blocking_run(control, "SET statement_timeout = 50");
		if (!run_and_see(cuts[i].statement))
			die("%s: it was to be cut, and was not", cuts[i].what);
		blocking_run(control, "ROLLBACK");
		blocking_run(control, "RESET statement_timeout");
		truth = read_truth(cell);
		if (truth.began != cuts[i].began || truth.finished != cuts[i].finished || truth.kept != 0)
			die("%s: it was cut, and the sequences do not show it (%lld and %lld)", cuts[i].what,
				(long long) truth.began, (long long) truth.finished);
	}
	blocking_run(control, "ALTER SEQUENCE began RESTART");
	blocking_run(control, "ALTER SEQUENCE finished RESTART");
}

static void
make_cell(Cell *cell)
{
	PGresult   *result;

	PQclear(query("CREATE ROLE %s LOGIN", cell->name));
	PQclear(query("ALTER ROLE %s SET synchronous_commit = off", cell->name));
	PQclear(query("CREATE SCHEMA %1$s AUTHORIZATION %1$s", cell->name));
	PQclear(query("SET SESSION AUTHORIZATION %s", cell->name));
	run_all(make_schema, LENGTH(make_schema));
	result = query("SELECT 'work(int, int)'::regprocedure::oid");
	cell->work = (unsigned int) number_of(result, 0);
	PQclear(result);
	if (cell == cells)
		prove_that_cuts_show(cell);
	blocking_run(control, "RESET SESSION AUTHORIZATION");
}

static Answers
read_answers(const Cell *cell)
{
	Answers		answers;
	PGresult   *result = query("SELECT declined, reclaimed_requested, reclaimed_idle, reclaimed_idle_in_transaction"
							   " FROM governor.stat_classes WHERE class = '%s'", cell->name);

	if (PQntuples(result) != 1)
		die("the class %s is not in force", cell->name);
	answers.declined = number_of(result, 0) - cell->before.declined;
	answers.requested = number_of(result, 1) - cell->before.requested;
	answers.idle = number_of(result, 2) - cell->before.idle;
	answers.idle_in_transaction = number_of(result, 3) - cell->before.idle_in_transaction;
	PQclear(result);
	return answers;
}

static void
make_classes(void)
{
	char		timeout[2][64] = {"NULL", "NULL"};
	Usec		timeouts[2] = {options.idle_timeout, options.idle_in_transaction_timeout};
	int64_t		sum = 0;

	for (int i = 0; i < 2; i++)
	{
		if (timeouts[i] > 0)
			snprintf(timeout[i], sizeof(timeout[i]), "'%lld microseconds'", (long long) timeouts[i]);
	}
	blocking_run(control, "BEGIN");
	for (int i = 0; i < ncells; i++)
	{
		PQclear(query("INSERT INTO governor.classes (name, idle_timeout, idle_in_transaction_timeout)"
					  " VALUES ('%s', %s, %s)", cells[i].name, timeout[0], timeout[1]));
		PQclear(query("INSERT INTO governor.rules (position, class, role) VALUES (%2$d, '%1$s', '%1$s')",
					  cells[i].name, i));
	}
	blocking_run(control, "COMMIT");
	blocking_run(control, "SELECT governor.reload()");
	for (int i = 0; i < ncells; i++)
	{
		cells[i].before = read_answers(&cells[i]);
		sum += answers_all(&cells[i].before);
	}
	snprintf(progress_query, sizeof(progress_query),
			 "SELECT sum(declined + reclaimed_requested + reclaimed_idle + reclaimed_idle_in_transaction) - %lld"
			 " FROM governor.stat_classes WHERE class " IS_OF_CELL, (long long) sum);
}

/* Before anything is made. */
static void
check_governor(void)
{
	PGresult   *result = blocking_query(control,
										"SELECT current_setting('governor.mode', true),"
										" current_database() = current_setting('governor.database', true)");

	if (PQgetisnull(result, 0, 0))
		die("the server does not preload pg_governor");
	if (PQgetvalue(result, 0, 1)[0] != 't')
		die("connect to the database that governor.database names");
	if ((options.idle_timeout > 0 || options.idle_in_transaction_timeout > 0) &&
		PQgetvalue(result, 0, 0)[0] != 'e')
		die("timeouts end nobody while governor.mode is \"%s\"; it must be \"enforce\"",
			PQgetvalue(result, 0, 0));
	PQclear(result);
}

void
truth_set_up(const char *dsn)
{
	control = blocking_connect(dsn, "hammer control");
	blocking_run(control, "SET client_min_messages = error");
	if (options_governed())
		check_governor();
	blocking_run(control, drop_all);
	for (int i = 0; i < ncells; i++)
		make_cell(&cells[i]);
	if (options_governed())
	{
		blocking_run(control, "CREATE EXTENSION IF NOT EXISTS pg_governor");
		run_all(drop_classes, LENGTH(drop_classes));
		make_classes();
	}
}

const char *
truth_progress_query(void)
{
	return progress_query;
}

static void
wait_until_gone(void)
{
	Usec		give_up = clock_now() + PATIENCE;

	for (;;)
	{
		PGresult   *result = blocking_query(control,
											"SELECT count(*) FROM pg_stat_activity"
											" WHERE usename " IS_OF_CELL);
		int64_t		left = number_of(result, 0);

		PQclear(result);
		if (left == 0)
			return;
		if (clock_now() >= give_up)
			die("%lld sessions do not go away", (long long) left);
		usleep(10000);
	}
}

void
truth_find_out(void)
{
	wait_until_gone();
	for (int i = 0; i < ncells; i++)
	{
		if (options_governed())
			cells[i].answers = read_answers(&cells[i]);
		cells[i].truth = read_truth(&cells[i]);
	}
}

void
truth_clean_up(void)
{
	if (!options.keep)
	{
		if (options_governed())
			run_all(drop_classes, LENGTH(drop_classes));
		blocking_run(control, drop_all);
	}
	PQfinish(control);
}
