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
 * SENT gives way to COPYING_IN or COPYING_OUT for as long as a COPY's rows are
 * on their way.  A function call is CALLING instead of SENT.
 *
 * A client of the strictest kind: it sends a statement only after it has the
 * whole answer to the one before.  So every statement that was sent is either
 * answered, or the connection ended instead; nothing is ever unclear about
 * more than the last one.  In a pipeline, that is what it sends at once.
 *
 * IDENTIFICATION
 *	  bench/hammer/session.c
 *-------------------------------------------------------------------------
 */
#include "session.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* After a login that failed, for instance for want of a free slot. */
#define RECONNECT_AFTER		(10 * USEC_PER_MS)

#define LONG_LEAST		10000
#define LONG_MOST		60000

/* Of messages in parts, more are long. */
#define LONG_PARTS		50

/* A client that reads slowly lets little pile up, and takes so many rows at a time. */
#define SMALL_BUFFER	32768
#define ROWS_AT_ONCE	400

static void act(void *owner, bool ready);
static void take_results(Session *session);

/*
 * The text, now and then behind a comment so long that it arrives in pieces.
 * Not with several Syncs in flight: see send_next().
 */
static const char *
stretch(const Session *session, const char *text)
{
	static char buffer[LONG_MOST + STATEMENT_SIZE + 1];
	int			percent = session->relay != NULL ? LONG_PARTS : options.long_statements;
	size_t		length;

	if (session->cell->protocol == PROTOCOL_SYNCS || chance_between(1, 100) > percent)
		return text;
	length = (size_t) chance_between(LONG_LEAST, LONG_MOST);
	memset(buffer, '-', length);
	buffer[length] = '\n';
	strcpy(buffer + length + 1, text);
	return buffer;
}

static bool
is_pipelined(const Session *session)
{
	return session->cell->protocol == PROTOCOL_PIPELINE || session->cell->protocol == PROTOCOL_SYNCS;
}

static void
begin_to_connect(Session *session)
{
	const Relay *relay = session->relay;

	session->state = SESSION_CONNECTING;
	session->link.waiter.due = NEVER;
	link_connect_at(&session->link, session->cell->transport->dsn, session->cell->name, "hammer",
					relay ? relay_host(relay) : NULL, relay ? relay_port(relay) : NULL);
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
	tally_end(&session->cell->tally, place, session->link.code);
	start_anew(session);
}

static Place
resting_place(const Session *session)
{
	return session->at > 0 && session->round.statements[session->at - 1].in_transaction ?
		PLACE_REST_IN_TRANSACTION : PLACE_REST;
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
			return session->begun ? PLACE_UNDER_WAY : PLACE_IN_FLIGHT;
		case SESSION_CALLING:
			return PLACE_IN_FLIGHT;
		case SESSION_COPYING_IN:
		case SESSION_COPYING_OUT:
		case SESSION_BEFORE_SYNC:
		case SESSION_SYNCING:
			return PLACE_UNDER_WAY;
		default:
			return PLACE_SET_UP;
	}
}

static void
pause_a_while(Session *session)
{
	session->link.waiter.due = clock_now() + chance_between(0, options.rest);
}

static void
rest(Session *session)
{
	session->state = SESSION_RESTING;
	if (session->stopping)
		close_session(session);
	else
		pause_a_while(session);
}

static void
begin_round(Session *session)
{
	round_make(&session->round, session->cell->protocol);
	session->at = 0;
	rest(session);
}

static void
begin_to_prepare(Session *session)
{
	session->state = SESSION_PREPARING;
	session->failed = false;
	(void) PQsendQuery(session->link.connection, round_preparations());
	link_flush(&session->link);
}

/* Every connection of a cell must go over the same. */
static void
check_transport(Session *session)
{
	char		seen[sizeof(session->cell->seen)];

	link_describe(&session->link, seen, sizeof(seen));
	if (session->cell->seen[0] == '\0')
		strcpy(session->cell->seen, seen);
	else if (strcmp(session->cell->seen, seen) != 0)
		die("%s goes over %s and over %s", session->cell->transport->name, session->cell->seen, seen);
}

static void
connected(Session *session)
{
	PGconn	   *connection = session->link.connection;
	Protocol	protocol = session->cell->protocol;
	int			size = SMALL_BUFFER;

	session->cell->tally.logins++;
	check_transport(session);
	if ((protocol == PROTOCOL_PIECEWISE || is_pipelined(session)) &&
		PQenterPipelineMode(connection) == 0)
		die("could not enter pipeline mode");
	if (protocol == PROTOCOL_COPY_OUT)
		(void) setsockopt(PQsocket(connection), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (protocol == PROTOCOL_PREPARED && !session->stopping)
		begin_to_prepare(session);
	else
		begin_round(session);
}

/* Returns 0 if libpq knew already that the connection has ended. */
static int
send_statement(Session *session, const Statement *statement)
{
	PGconn	   *connection = session->link.connection;
	char		parameter[16];
	const char *const parameters[] = {parameter};
	int			sent = 1;

	snprintf(parameter, sizeof(parameter), "%d", statement->number);
	switch (statement->manner)
	{
		case MANNER_QUERY:
		case MANNER_COPY_IN:
		case MANNER_COPY_OUT:
			sent = PQsendQuery(connection, stretch(session, statement->text));
			break;
		case MANNER_PREPARED:
			sent = PQsendQueryPrepared(connection, statement->text, statement->nparameters,
									   parameters, NULL, NULL, 0);
			break;
		case MANNER_PARAMETERS:
			sent = PQsendQueryParams(connection, stretch(session, statement->text),
									 statement->nparameters, NULL, parameters, NULL, NULL, 0);
			break;
		case MANNER_FUNCTION:
			break;
	}
	if (sent == 0)
		return 0;
	if (session->cell->protocol == PROTOCOL_PIECEWISE)
		(void) PQsendFlushRequest(connection);
	if (statement->sync)
		(void) PQpipelineSync(connection);
	session->cell->tally.sent += (uint64_t) statement->counts;
	return 1;
}

static void
begin_call(Session *session, const Statement *statement)
{
	session->state = SESSION_CALLING;
	session->link.waiter.fd = caller_begin(session->caller, session->link.connection,
										   session->cell->work, statement->kind, statement->number);
	session->link.waiter.events = POLLIN;
}

/*
 * Sends the next statement, in a pipeline all; what goes wrong is found by
 * reading.
 *
 * libpq reads too when it cannot send, and as soon as it knows that the
 * connection has ended it forgets what was in its pipeline, and with it
 * answers that it has read already.  So they are taken before it can find out.
 */
static void
send_next(Session *session)
{
	PGconn	   *connection = session->link.connection;
	int			end = is_pipelined(session) ? session->round.count : session->at + 1;
	int			first = session->at;
	Place		place = resting_place(session);

	session->state = SESSION_SENT;
	session->begun = session->answered = session->failed = false;
	session->link.waiter.due = NEVER;
	for (int i = first; i < end; i++)
	{
		if (send_statement(session, &session->round.statements[i]) == 0)
		{
			if (PQstatus(connection) == CONNECTION_OK)
				die("could not send a statement: %s", PQerrorMessage(connection));
			if (i == first)
				lost(session, place);
			else
				take_results(session);
			return;
		}
		if (is_pipelined(session))
			take_results(session);
		if (session->state != SESSION_SENT)
			return;
	}
	if (session->round.statements[first].manner == MANNER_FUNCTION)
		begin_call(session, &session->round.statements[first]);
	else
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

/* The whole answer is here, of all statements up to the next Sync if it is a pipeline. */
static void
statement_answered(Session *session)
{
	bool		sync;

	do
	{
		const Statement *statement = &session->round.statements[session->at++];

		session->cell->tally.answered += (uint64_t) statement->counts;
		session->cell->tally.kept += (uint64_t) statement->keeps;
		sync = statement->sync;
	} while (is_pipelined(session) && !sync);

	session->begun = session->answered = false;
	if (session->at == session->round.count)
		begin_round(session);
	else if (!is_pipelined(session))
		rest(session);
}

static void
note_error(Session *session, const PGresult *result)
{
	link_note_result(&session->link, result);
	if (PQstatus(session->link.connection) == CONNECTION_OK &&
		strcmp(session->link.code, NO_CODE) == 0)
	{
		/* an ERROR: none of our statements can fail */
		if (session->cell->tally.errors++ == 0)
			fprintf(stderr, "%s: a statement of %s failed: %s", program, session->cell->name,
					PQresultErrorMessage(result));
	}
}

/* Takes one result; whether it ends what is awaited in this state is for the caller to see. */
static void
take_result(Session *session, PGresult *result)
{
	switch (PQresultStatus(result))
	{
		case PGRES_COPY_IN:
		case PGRES_COPY_OUT:
			session->begun = true;
			break;
		case PGRES_TUPLES_OK:
		case PGRES_COMMAND_OK:
		case PGRES_PIPELINE_SYNC:
			session->begun = session->answered = true;
			break;
		default:
			session->failed = true;
			note_error(session, result);
			break;
	}
	PQclear(result);
}

/* An error has come, and with it the end of the session or, which cannot be, of a statement. */
static void
end_failed(Session *session)
{
	if (PQstatus(session->link.connection) != CONNECTION_OK)
		lost(session, place_of(session));
	else if (strcmp(session->link.code, NO_CODE) == 0)
		start_anew(session);
	/* else the FATAL is here, and the end of the stream comes next */
}

static void
send_rows(Session *session)
{
	static char row[COPY_ROW + 1];
	PGconn	   *connection = session->link.connection;
	int			part = (int) chance_between(1, session->rows);

	memset(row, 'x', COPY_ROW);
	row[COPY_ROW] = '\n';
	session->rows -= part;
	while (part-- > 0)
	{
		/* libpq knew already that the connection has ended */
		if (PQputCopyData(connection, row, sizeof(row)) != 1)
		{
			lost(session, PLACE_UNDER_WAY);
			return;
		}
	}
	if (session->rows > 0)
		pause_a_while(session);
	else
	{
		(void) PQputCopyEnd(connection, NULL);
		session->state = SESSION_SENT;
		session->link.waiter.due = NEVER;
	}
	link_flush(&session->link);
}

/*
 * Takes the rows that are here.  Returns whether that was all, so that the
 * result comes next.
 */
static bool
take_rows(Session *session)
{
	PGconn	   *connection = session->link.connection;
	bool		alive = link_read(&session->link);

	for (;;)
	{
		char	   *row;
		int			length = PQgetCopyData(connection, &row, 1);

		if (length > 0)
		{
			PQfreemem(row);
			if (++session->rows % ROWS_AT_ONCE == 0)
			{
				/* whoever does not read is not told when there is something */
				pause_a_while(session);
				session->link.waiter.fd = -1;
				return false;
			}
		}
		else if (length == 0)
		{
			if (!alive)
				lost(session, PLACE_UNDER_WAY);
			return false;
		}
		else
		{
			session->state = SESSION_SENT;
			return true;
		}
	}
}

/* A COPY's rows can begin to flow. */
static void
begin_copy(Session *session, bool in)
{
	session->state = in ? SESSION_COPYING_IN : SESSION_COPYING_OUT;
	session->rows = in ? session->round.statements[session->at].number : 0;
	if (in)
		pause_a_while(session);
}

/* All results of a statement are here. */
static void
end_results(Session *session)
{
	const Statement *statement = &session->round.statements[session->at];

	if (session->failed)
		end_failed(session);
	else if (session->state == SESSION_PREPARING)
		begin_round(session);
	else if (session->answered && session->state == SESSION_SENT && !is_pipelined(session))
	{
		if (statement->manner == MANNER_COPY_OUT && session->rows != statement->number)
			die("of the %d rows of a COPY, %d came", statement->number, session->rows);
		if (session->cell->protocol == PROTOCOL_PIECEWISE)
		{
			session->state = SESSION_BEFORE_SYNC;
			pause_a_while(session);
		}
		else
			statement_answered(session);
	}
	else if (PQstatus(session->link.connection) != CONNECTION_OK)
		lost(session, place_of(session));
}

/* Takes the results that are here, in a state that awaits an answer. */
static void
take_results(Session *session)
{
	PGconn	   *connection = session->link.connection;
	bool		separator = false;

	while (!PQisBusy(connection))
	{
		PGresult   *result = PQgetResult(connection);
		ExecStatusType status = PQresultStatus(result);

		/* in a pipeline, one that is empty stands between any two statements */
		if (result == NULL && is_pipelined(session) && !separator)
		{
			separator = true;
			continue;
		}
		if (result == NULL)
		{
			end_results(session);
			return;
		}
		separator = false;
		take_result(session, result);
		if (status == PGRES_PIPELINE_SYNC)
		{
			statement_answered(session);
			if (session->state != SESSION_SENT)
				return;
		}
		else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT)
		{
			begin_copy(session, status == PGRES_COPY_IN);
			if (status == PGRES_COPY_IN || !take_rows(session))
				return;
		}
	}
}

/* Something has come, or the connection has ended. */
static void
read_answer(Session *session)
{
	(void) link_read(&session->link);
	link_flush(&session->link);
	take_results(session);
}

/* The thread has come back. */
static void
end_call(Session *session)
{
	PGconn	   *connection = session->link.connection;
	PGresult   *result = caller_result(session->caller);

	session->link.waiter.fd = PQsocket(connection);
	if (PQresultStatus(result) == PGRES_COMMAND_OK)
		statement_answered(session);
	else
	{
		note_error(session, result);
		if (session->cell->tally.errors > 0 && PQstatus(connection) == CONNECTION_OK)
			start_anew(session);
		else
			lost(session, PLACE_IN_FLIGHT);
	}
	PQclear(result);
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
				session->cell->tally.failed_logins++;
				session->state = SESSION_CLOSED;
				if (!session->stopping)
					session->link.waiter.due = clock_now() + RECONNECT_AFTER;
			}
			else if (session->link.open)
				connected(session);
			break;

		case SESSION_RESTING:
		case SESSION_BEFORE_SYNC:
		case SESSION_COPYING_IN:
			/* a rest that is over ends with a statement, whatever has come meanwhile */
			if (clock_now() >= session->link.waiter.due)
			{
				if (session->state == SESSION_RESTING)
					send_next(session);
				else if (session->state == SESSION_COPYING_IN)
					send_rows(session);
				else
					send_sync(session);
			}
			else if (ready && !link_read(&session->link))
				lost(session, place_of(session));
			else if (ready)
				link_flush(&session->link);
			break;

		case SESSION_COPYING_OUT:
			session->link.waiter.fd = PQsocket(session->link.connection);
			session->link.waiter.due = NEVER;
			if (take_rows(session))
				take_results(session);
			break;

		case SESSION_CALLING:
			end_call(session);
			break;

		case SESSION_PREPARING:
		case SESSION_SENT:
		case SESSION_SYNCING:
			read_answer(session);
			break;
	}
}

void
session_start(Session *session, Cell *cell)
{
	session->cell = cell;
	if (cell->protocol == PROTOCOL_FASTPATH)
		session->caller = caller_make();
	if (cell->protocol == PROTOCOL_PARTS)
	{
		PGconn	   *connection = blocking_connect(cell->transport->dsn, "hammer");

		session->relay = relay_make(PQsocket(connection), options.rest);
		PQfinish(connection);
	}
	link_init(&session->link, act, session);
	begin_to_connect(session);
}

void
session_stop(Session *session)
{
	session->stopping = true;
	if (session->state == SESSION_CLOSED)
		session->link.waiter.due = NEVER;
	else if (session->state == SESSION_RESTING)
		close_session(session);
	/* any other goes on until it is answered; so does a login, which nobody would wait for */
}

bool
session_is_stopped(const Session *session)
{
	return session->state == SESSION_CLOSED;
}
