/*-------------------------------------------------------------------------
 *
 * session.c
 *		A session under fire: statement, rest, statement, rest, ...
 *
 *			   .------------------- connection ended -------------------.
 *			   v														|
 *		CLOSED --> CONNECTING --> PREPARING --> RESTING --> SENT -------+
 *									^			   ^		 |	|		|
 *						(prepared only)			   |<--------'	|		|
 *												   |  answered	v		|
 *												   |		BEFORE_SYNC-+
 *												   |			|		|
 *												   '-- SYNCING <'-------'
 *												 (the last two: piecewise only)
 *
 * A client of the strictest kind: it sends a statement only after it has the
 * whole answer to the one before.  So every statement that was sent is either
 * answered, or the connection ended instead; nothing is ever unclear about
 * more than the last one.
 *
 * IDENTIFICATION
 *	  bench/hammer/session.c
 *-------------------------------------------------------------------------
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* After a login that failed, for instance for want of a free slot. */
#define RECONNECT_AFTER		(10 * USEC_PER_MS)

/* What a statement does between its two counts. */
typedef enum Kind
{
	KIND_TINY,					/* nothing */
	KIND_BUSY,					/* computes, some 0.1 to 1 ms */
	KIND_DOZE,					/* waits on its latch, which the request sets, for 1 ms */
	KIND_COUNT,
} Kind;

#define BUSY_ROWS_LEAST		500
#define BUSY_ROWS_MOST		6000

#define BEGAN		"SELECT nextval('hammer.began')"
#define FINISHED	"nextval('hammer.finished')"

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

static const char *const others[STEP_COUNT] = {
	[STEP_BEGIN] = "BEGIN",
	[STEP_KEEP] = "INSERT INTO hammer.kept VALUES (1)",
	[STEP_COMMIT] = "COMMIT",
};

#define SHORT_SIZE		256
#define LONG_LEAST		10000
#define LONG_MOST		60000

static void act(void *owner, bool ready);

/* The text, now and then behind a comment so long that it arrives in pieces. */
static const char *
stretch(const char *text)
{
	static char buffer[LONG_MOST + SHORT_SIZE];
	size_t		length;

	if (chance_between(1, 100) > options.long_statements)
		return text;
	length = (size_t) chance_between(LONG_LEAST, LONG_MOST);
	memset(buffer, '-', length);
	buffer[length] = '\n';
	strcpy(buffer + length + 1, text);
	return buffer;
}

static void
begin_to_connect(Session *session)
{
	session->state = SESSION_CONNECTING;
	session->link.waiter.due = NEVER;
	link_connect(&session->link, session->dsn, LOAD_ROLE, "hammer");
}

static void
close_session(Session *session)
{
	link_close(&session->link);
	session->state = SESSION_CLOSED;
}

static void
start_anew(Session *session)
{
	close_session(session);
	if (!session->stopping)
		begin_to_connect(session);
}

/* The connection has ended, and it was not us. */
static void
lost(Session *session, Place place)
{
	tally_end(place, session->link.code);
	start_anew(session);
}

static Place
resting_place(const Session *session)
{
	return session->in_transaction && session->step != STEP_BEGIN ?
		PLACE_REST_IN_TRANSACTION : PLACE_REST;
}

static void
rest(Session *session)
{
	session->state = SESSION_RESTING;
	if (session->stopping)
		close_session(session);
	else
		session->link.waiter.due = clock_now() + chance_between(0, options.rest);
}

static void
begin_round(Session *session)
{
	session->in_transaction = chance_between(1, 100) <= options.transactions;
	session->step = session->in_transaction ? STEP_BEGIN : STEP_WORK;
	rest(session);
}

static void
begin_to_prepare(Session *session)
{
	session->state = SESSION_PREPARING;
	session->failed = false;
	(void) PQsendQuery(session->link.connection, prepare);
	link_flush(&session->link);
}

static void
connected(Session *session)
{
	tally.logins++;
	if (PQhost(session->link.connection)[0] != '/')
		tally.logins_tcp++;
	if (session->protocol == PROTOCOL_PIECEWISE &&
		PQenterPipelineMode(session->link.connection) == 0)
		die("could not enter pipeline mode");
	if (session->protocol == PROTOCOL_PREPARED && !session->stopping)
		begin_to_prepare(session);
	else
		begin_round(session);
}

/* Sends the statement of this step; what goes wrong is found by reading. */
static void
send_statement(Session *session)
{
	PGconn	   *connection = session->link.connection;
	Kind		kind = (Kind) chance_between(0, KIND_COUNT - 1);
	int			number = (int) chance_between(BUSY_ROWS_LEAST, BUSY_ROWS_MOST);
	char		text[SHORT_SIZE];
	char		parameter[16];
	const char *const parameters[] = {parameter};
	bool		work = session->step == STEP_WORK;
	Place		place = resting_place(session);
	int			sent = 0;

	snprintf(parameter, sizeof(parameter), "%d", number);
	session->state = SESSION_SENT;
	session->answered = session->failed = false;
	session->link.waiter.due = NEVER;
	tally.sent[session->step]++;

	switch (session->protocol)
	{
		case PROTOCOL_SIMPLE:
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			if (work)
				snprintf(text, sizeof(text), work_literal[kind], number);
#pragma GCC diagnostic pop
			sent = PQsendQuery(connection, stretch(work ? text : others[session->step]));
			break;

		case PROTOCOL_PREPARED:
			if (work)
			{
				sent = PQsendQueryPrepared(connection, work_name[kind], 1, parameters,
										   NULL, NULL, 0);
				break;
			}
			/* FALLTHROUGH */
		case PROTOCOL_EXTENDED:
		case PROTOCOL_PIECEWISE:
		case PROTOCOL_COUNT:
			sent = PQsendQueryParams(connection,
									 stretch(work ? work_parameterised[kind] : others[session->step]),
									 work ? 1 : 0, NULL, parameters, NULL, NULL, 0);
			if (session->protocol == PROTOCOL_PIECEWISE)
				(void) PQsendFlushRequest(connection);
			break;
	}
	if (sent == 0)
	{
		/* libpq knew already that the connection has ended */
		if (PQstatus(connection) == CONNECTION_OK)
			die("could not send a statement: %s", PQerrorMessage(connection));
		tally.sent[session->step]--;
		lost(session, place);
		return;
	}
	link_flush(&session->link);
}

static void
send_sync(Session *session)
{
	session->state = SESSION_SYNCING;
	session->link.waiter.due = NEVER;
	(void) PQpipelineSync(session->link.connection);
	link_flush(&session->link);
}

/* The whole answer is here. */
static void
statement_answered(Session *session)
{
	tally.answered[session->step]++;
	if (session->step == STEP_COMMIT || !session->in_transaction)
		begin_round(session);
	else
	{
		session->step = (Step) (session->step + 1);
		rest(session);
	}
}

/* Takes one result; whether it ends what is awaited in this state is for the caller to see. */
static void
take_result(Session *session, PGresult *result)
{
	switch (PQresultStatus(result))
	{
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
		case PGRES_PIPELINE_SYNC:
			session->answered = true;
			break;
		default:
			session->failed = true;
			link_note_result(&session->link, result);
			if (PQstatus(session->link.connection) == CONNECTION_OK &&
				strcmp(session->link.code, NO_CODE) == 0)
			{
				/* an ERROR: none of our statements can fail */
				if (tally.errors++ == 0)
					fprintf(stderr, "%s: a statement failed: %s", program,
							PQresultErrorMessage(result));
			}
			break;
	}
	PQclear(result);
}

/* Where the session is if its connection ends now. */
static Place
place_of(const Session *session)
{
	switch (session->state)
	{
		case SESSION_RESTING:
			return resting_place(session);
		case SESSION_SENT:
			return PLACE_IN_FLIGHT;
		case SESSION_BEFORE_SYNC:
		case SESSION_SYNCING:
			return PLACE_BEFORE_SYNC;
		default:
			return PLACE_SET_UP;
	}
}

/* Something has come, or the connection has ended, in a state that awaits an answer. */
static void
read_answer(Session *session)
{
	PGconn	   *connection = session->link.connection;
	bool		piecewise = session->protocol == PROTOCOL_PIECEWISE;

	(void) link_read(&session->link);
	link_flush(&session->link);
	while (!PQisBusy(connection))
	{
		PGresult   *result = PQgetResult(connection);

		if (result != NULL)
		{
			bool		is_sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;

			take_result(session, result);
			if (session->state == SESSION_SYNCING && is_sync)
			{
				statement_answered(session);
				return;
			}
			continue;
		}

		/* that was all */
		if (session->failed)
		{
			if (PQstatus(connection) != CONNECTION_OK)
				lost(session, place_of(session));
			else if (strcmp(session->link.code, NO_CODE) == 0)
				start_anew(session);
			/* else the FATAL is here, and the end of the stream comes next */
		}
		else if (session->answered && session->state == SESSION_SENT && piecewise)
		{
			session->state = SESSION_BEFORE_SYNC;
			session->link.waiter.due = clock_now() + chance_between(0, options.rest);
		}
		else if (session->answered && session->state == SESSION_SENT)
			statement_answered(session);
		else if (session->state == SESSION_PREPARING)
			begin_round(session);
		else if (PQstatus(connection) != CONNECTION_OK)
			lost(session, place_of(session));
		return;
	}
}

static void
act(void *owner, bool ready)
{
	Session    *session = owner;

	switch (session->state)
	{
		case SESSION_CLOSED:
			begin_to_connect(session);
			break;

		case SESSION_CONNECTING:
			if (!link_advance(&session->link))
			{
				tally.failed_logins++;
				session->state = SESSION_CLOSED;
				if (!session->stopping)
					session->link.waiter.due = clock_now() + RECONNECT_AFTER;
			}
			else if (session->link.open)
				connected(session);
			break;

		case SESSION_RESTING:
		case SESSION_BEFORE_SYNC:
			/* a rest that is over ends with a statement, whatever has come meanwhile */
			if (clock_now() >= session->link.waiter.due)
			{
				if (session->state == SESSION_RESTING)
					send_statement(session);
				else
					send_sync(session);
			}
			else if (ready && !link_read(&session->link))
				lost(session, place_of(session));
			break;

		case SESSION_PREPARING:
		case SESSION_SENT:
		case SESSION_SYNCING:
			read_answer(session);
			break;
	}
}

void
session_start(Session *session, const char *dsn, Protocol protocol)
{
	session->dsn = dsn;
	session->protocol = protocol;
	link_init(&session->link, act, session);
	begin_to_connect(session);
}

void
session_stop(Session *session)
{
	session->stopping = true;
	switch (session->state)
	{
		case SESSION_CLOSED:
			session->link.waiter.due = NEVER;
			break;
		case SESSION_RESTING:
			close_session(session);
			break;
		case SESSION_CONNECTING:	/* a login that nobody waits for would go on for a while */
		case SESSION_PREPARING:
		case SESSION_SENT:
		case SESSION_BEFORE_SYNC:
		case SESSION_SYNCING:
			break;
	}
}

bool
session_is_stopped(const Session *session)
{
	return session->state == SESSION_CLOSED;
}
