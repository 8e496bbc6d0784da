/*-------------------------------------------------------------------------
 *
 * round.c
 *		What a session does in a round: one statement, or some that belong
 *		together.
 *
 * Each protocol has a statement that takes from the sequence "began" as the
 * first thing that it does, and from "finished" as the last, and each that
 * can be in a transaction has transactions that insert a row.  The names are
 * found in the schema of the session's role.
 *
 * IDENTIFICATION
 *	  bench/hammer/round.c
 *-------------------------------------------------------------------------
 */
#include "round.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What a statement does between its two counts. */
typedef enum Kind
{
	KIND_TINY,					/* nothing */
	KIND_BUSY,					/* computes, some 0.05 to 0.5 ms */
	KIND_DOZE,					/* waits on its latch, which the request sets, for 1 ms */
	KIND_COUNT,
} Kind;

#define BUSY_ROWS_LEAST		300
#define BUSY_ROWS_MOST		3000
#define IN_ROWS_MOST		100
#define OUT_ROWS_MOST		1200

#define BEGAN		"SELECT nextval('began')"
#define FINISHED	"nextval('finished')"

static const char *const work_name[KIND_COUNT] = {"tiny", "busy", "doze"};

static const char *const work_parameterised[KIND_COUNT] = {
	BEGAN ", $1::int, " FINISHED,
	BEGAN ", (SELECT count(*) FROM generate_series(1, $1::int)), " FINISHED,
	BEGAN ", pg_sleep(0.001 + 0 * $1::int), " FINISHED,
};

static const char *const work_literal[KIND_COUNT] = {
	BEGAN ", %d, " FINISHED,
	BEGAN ", (SELECT count(*) FROM generate_series(1, %d)), " FINISHED,
	BEGAN ", pg_sleep(0.001 + 0 * %d), " FINISHED,
};

static const char prepare[] =
	"PREPARE tiny(int) AS " BEGAN ", $1, " FINISHED ";"
	"PREPARE busy(int) AS " BEGAN ", (SELECT count(*) FROM generate_series(1, $1)), " FINISHED ";"
	"PREPARE doze(int) AS " BEGAN ", pg_sleep(0.001 + 0 * $1), " FINISHED;

/* A cursor's rows are made one by one, as they are fetched: each counts. */
#define CURSOR_QUERY \
	BEGAN ", (SELECT count(*) FROM generate_series(1, %d + g)), " FINISHED " FROM generate_series(1, 3) g"

const char *
round_preparations(void)
{
	return prepare;
}

/* Adds a statement, whose text is a format for number if it has a %d. */
static Statement *
add(Round *round, Manner manner, const char *format, int number)
{
	Statement  *statement = &round->statements[round->count++];

	memset(statement, 0, sizeof(*statement));
	statement->manner = manner;
	statement->number = number;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(statement->text, sizeof(statement->text), format, number, number);
#pragma GCC diagnostic pop
	return statement;
}

/* Adds the statement that counts. */
static void
add_work(Round *round, Protocol protocol)
{
	Kind		kind = (Kind) chance_between(0, KIND_COUNT - 1);
	int			number = (int) chance_between(BUSY_ROWS_LEAST, BUSY_ROWS_MOST);
	Statement  *statement = NULL;

	switch (protocol)
	{
		case PROTOCOL_SIMPLE:
		case PROTOCOL_PARTS:
		case PROTOCOL_CURSOR:
			statement = add(round, MANNER_QUERY, work_literal[kind], number);
			break;
		case PROTOCOL_PREPARED:
			statement = add(round, MANNER_PREPARED, work_name[kind], number);
			statement->nparameters = 1;
			break;
		case PROTOCOL_EXTENDED:
		case PROTOCOL_PIECEWISE:
		case PROTOCOL_PIPELINE:
		case PROTOCOL_SYNCS:
		case PROTOCOL_COUNT:
			statement = add(round, MANNER_PARAMETERS, work_parameterised[kind], number);
			statement->nparameters = 1;
			break;
		case PROTOCOL_FASTPATH:
			statement = add(round, MANNER_FUNCTION, "", number);
			statement->kind = kind;
			break;
		case PROTOCOL_COPY_IN:
			number = (int) chance_between(1, IN_ROWS_MOST);
			statement = add(round, MANNER_COPY_IN, "COPY copied FROM STDIN", number);
			break;
		case PROTOCOL_COPY_OUT:
			number = (int) chance_between(2, OUT_ROWS_MOST);
			statement = add(round, MANNER_COPY_OUT,
							"COPY (SELECT CASE g WHEN 1 THEN nextval('began') WHEN %d THEN nextval('finished') END,"
							" repeat('x', 200) FROM generate_series(1, %d) g) TO STDOUT", number);
			break;
	}
	statement->counts = 1;
}

/* How statements other than those that count are sent. */
static Manner
common_manner(Protocol protocol)
{
	switch (protocol)
	{
		case PROTOCOL_EXTENDED:
		case PROTOCOL_PREPARED:
		case PROTOCOL_PIECEWISE:
		case PROTOCOL_PIPELINE:
		case PROTOCOL_SYNCS:
			return MANNER_PARAMETERS;
		default:
			return MANNER_QUERY;
	}
}

static void
add_fetches(Round *round)
{
	add(round, MANNER_QUERY, "DECLARE cursor CURSOR FOR " CURSOR_QUERY,
		(int) chance_between(BUSY_ROWS_LEAST, BUSY_ROWS_MOST));
	add(round, MANNER_QUERY, "FETCH FROM cursor", 0)->counts = 1;
	add(round, MANNER_QUERY, "FETCH ALL FROM cursor", 0)->counts = 2;
	add(round, MANNER_QUERY, "CLOSE cursor", 0);
}

/*
 * A cursor that stays when its transaction is over: all its rows are made
 * when it is declared.  take() fetches one, and counts while it does.
 */
static void
add_held_cursor(Round *round)
{
	add(round, MANNER_QUERY, "DECLARE held CURSOR WITH HOLD FOR " CURSOR_QUERY,
		(int) chance_between(BUSY_ROWS_LEAST, BUSY_ROWS_MOST))->counts = 3;
	add(round, MANNER_QUERY, "FETCH FROM held", 0);
	add(round, MANNER_QUERY, "SELECT take('held')", 0)->counts = 1;
	add(round, MANNER_QUERY, "CLOSE held", 0);
}

static void
add_transaction(Round *round, Protocol protocol)
{
	Manner		manner = common_manner(protocol);
	int			first = round->count;
	int			rows = 1;

	add(round, manner, "BEGIN", 0);
	if (protocol == PROTOCOL_CURSOR)
		add_fetches(round);
	else
	{
		add_work(round, protocol);
		if (protocol == PROTOCOL_COPY_IN)
			rows += round->statements[round->count - 1].number;
	}
	add(round, manner, "INSERT INTO kept VALUES (1)", 0);
	for (int i = first; i < round->count; i++)
		round->statements[i].in_transaction = true;
	add(round, manner, "COMMIT", 0)->keeps = rows;
}

void
round_make(Round *round, Protocol protocol)
{
	bool		transaction = chance_between(1, 100) <= options.transactions;
	int			more = 0;

	round->count = 0;
	if (transaction)
		add_transaction(round, protocol);
	else if (protocol == PROTOCOL_CURSOR)
		add_held_cursor(round);
	else
	{
		add_work(round, protocol);
		if (protocol == PROTOCOL_COPY_IN)
			round->statements[0].keeps = round->statements[0].number;
	}

	/* all in flight at once */
	if (protocol == PROTOCOL_PIPELINE || protocol == PROTOCOL_SYNCS)
	{
		more = (int) chance_between(1, 4);
		while (more-- > 0)
			add_work(round, protocol);
		for (int i = 0; i < round->count; i++)
			round->statements[i].sync = protocol == PROTOCOL_SYNCS || i == round->count - 1;
	}
}
