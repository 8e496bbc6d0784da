/*-------------------------------------------------------------------------
 *
 * truth.c
 *		What the server knows: the sequences in which statements count
 *		themselves, and pg_governor's own counters.
 *
 * A statement takes from one sequence as the first thing that it does, and
 * from another as the last.  Sequences are not rolled back, so whatever ends a
 * statement in between leaves them apart.  Before each run two statements are
 * cut on purpose, by an error and by a cancel, to prove that they do.
 *
 * IDENTIFICATION
 *	  bench/hammer/truth.c
 *-------------------------------------------------------------------------
 */
#include "truth.h"

#include "link.h"
#include "options.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE	(30 * USEC_PER_S)

static PGconn *control;
static Answers before;

static const char *const make_schema[] = {
	"SET client_min_messages = error",
	"DROP SCHEMA IF EXISTS hammer CASCADE",
	"DROP ROLE IF EXISTS " LOAD_ROLE,
	"CREATE ROLE " LOAD_ROLE " LOGIN",
	"ALTER ROLE " LOAD_ROLE " SET synchronous_commit = off",
	"CREATE SCHEMA hammer",
	"CREATE SEQUENCE hammer.began CACHE 1",
	"CREATE SEQUENCE hammer.finished CACHE 1",
	"CREATE TABLE hammer.kept (one int)",
	"GRANT USAGE ON SCHEMA hammer TO " LOAD_ROLE,
	"GRANT ALL ON ALL TABLES IN SCHEMA hammer TO " LOAD_ROLE,
	"GRANT ALL ON ALL SEQUENCES IN SCHEMA hammer TO " LOAD_ROLE,
};

static const char *const drop_schema[] = {
	"DROP SCHEMA hammer CASCADE",
	"DROP ROLE " LOAD_ROLE,
};

static const char *const drop_class[] = {
	"DELETE FROM governor.rules WHERE class = 'hammer'",
	"DELETE FROM governor.classes WHERE name = 'hammer'",
	"SELECT governor.reload()",
};

#define LENGTH(array)	(sizeof(array) / sizeof((array)[0]))

static void
run_all(const char *const *statements, size_t number)
{
	for (size_t i = 0; i < number; i++)
		blocking_run(control, statements[i]);
}

static int64_t
number_of(const PGresult *result, int column)
{
	return strtoll(PQgetvalue(result, 0, column), NULL, 10);
}

static Truth
read_truth(void)
{
	Truth		truth;
	PGresult   *result = blocking_query(control,
										"SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM hammer.began),"
										" (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM hammer.finished),"
										" (SELECT count(*) FROM hammer.kept)");

	truth.began = number_of(result, 0);
	truth.finished = number_of(result, 1);
	truth.kept = number_of(result, 2);
	PQclear(result);
	return truth;
}

/* Cuts a statement; both sequences must tell. */
static void
prove_that_a_cut_shows(const char *how, const char *cut)
{
	PGresult   *result;
	Truth		truth;

	blocking_run(control, "ALTER SEQUENCE hammer.began RESTART");
	blocking_run(control, "ALTER SEQUENCE hammer.finished RESTART");
	result = PQexec(control, cut);
	if (PQresultStatus(result) != PGRES_FATAL_ERROR)
		die("a statement was to be cut by %s, and was not", how);
	PQclear(result);
	truth = read_truth();
	if (truth.began != 1 || truth.finished != 0)
		die("a statement was cut by %s, and the sequences do not show it", how);
	blocking_run(control, "ALTER SEQUENCE hammer.began RESTART");
}

static void
make_class(void)
{
	char		sql[512];
	char		timeout[2][64] = {"NULL", "NULL"};
	Usec		timeouts[2] = {options.idle_timeout, options.idle_in_transaction_timeout};
	PGresult   *result;

	for (int i = 0; i < 2; i++)
	{
		if (timeouts[i] > 0)
			snprintf(timeout[i], sizeof(timeout[i]), "'%lld microseconds'", (long long) timeouts[i]);
	}
	blocking_run(control, "CREATE EXTENSION IF NOT EXISTS pg_governor");
	run_all(drop_class, LENGTH(drop_class));
	snprintf(sql, sizeof(sql),
			 "INSERT INTO governor.classes (name, idle_timeout, idle_in_transaction_timeout)"
			 " VALUES ('hammer', %s, %s)", timeout[0], timeout[1]);
	blocking_run(control, sql);
	blocking_run(control, "INSERT INTO governor.rules (position, class, role)"
				 " VALUES (0, 'hammer', '" LOAD_ROLE "')");
	blocking_run(control, "SELECT governor.reload()");

	result = blocking_query(control, truth_answers_query());
	if (PQntuples(result) != 1)
		die("the class hammer is not in force");
	before = (Answers) {0};
	before = truth_read_answers(result);
	PQclear(result);
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
	if (options_governed())
		check_governor();
	run_all(make_schema, LENGTH(make_schema));
	prove_that_a_cut_shows("an error",
						   "SELECT nextval('hammer.began'),"
						   " (SELECT count(*) FROM generate_series(1, 1 / (random() * 0)::int)),"
						   " nextval('hammer.finished')");
	blocking_run(control, "SET statement_timeout = 20");
	prove_that_a_cut_shows("a cancel",
						   "SELECT nextval('hammer.began'), pg_sleep(30), nextval('hammer.finished')");
	blocking_run(control, "RESET statement_timeout");
	if (options_governed())
		make_class();
}

const char *
truth_answers_query(void)
{
	return "SELECT declined, reclaimed_requested, reclaimed_idle, reclaimed_idle_in_transaction"
		" FROM governor.stat_classes WHERE class = 'hammer'";
}

Answers
truth_read_answers(const PGresult *result)
{
	Answers		answers = {
		.declined = number_of(result, 0) - before.declined,
		.requested = number_of(result, 1) - before.requested,
		.idle = number_of(result, 2) - before.idle,
		.idle_in_transaction = number_of(result, 3) - before.idle_in_transaction,
	};

	return answers;
}

int64_t
answers_ended(const Answers *answers)
{
	return answers->requested + answers->idle + answers->idle_in_transaction;
}

int64_t
answers_all(const Answers *answers)
{
	return answers->declined + answers_ended(answers);
}

static void
wait_until_gone(void)
{
	Usec		give_up = clock_now() + PATIENCE;

	for (;;)
	{
		PGresult   *result = blocking_query(control,
											"SELECT count(*) FROM pg_stat_activity"
											" WHERE usename = '" LOAD_ROLE "'");
		int64_t		left = number_of(result, 0);

		PQclear(result);
		if (left == 0)
			return;
		if (clock_now() >= give_up)
			die("%lld sessions do not go away", (long long) left);
		usleep(10000);
	}
}

Truth
truth_find_out(Answers *answers)
{
	wait_until_gone();
	*answers = (Answers) {0};
	if (options_governed())
	{
		PGresult   *result = blocking_query(control, truth_answers_query());

		*answers = truth_read_answers(result);
		PQclear(result);
	}
	return read_truth();
}

void
truth_clean_up(void)
{
	if (!options.keep)
	{
		if (options_governed())
			run_all(drop_class, LENGTH(drop_class));
		run_all(drop_schema, LENGTH(drop_schema));
	}
	PQfinish(control);
}
