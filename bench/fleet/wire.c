/*-------------------------------------------------------------------------
 *
 * wire.c
 *		One asynchronous connection to the server, and the script on it.
 *
 * Owns: the PGconn, its place in the event loop, and the progress of a script.
 *
 *              wire_open            PQconnectPoll ok
 *   CLOSED ---------------> CONNECTING -----------> IDLE <-------------+
 *     ^                         |                   | |  |             |
 *     |         refused         |                   | |  | wire_run    | done
 *     +-------------------------+     wire_freeze   | |  v             |
 *     |                         +-------------------+ | BUSY ----------+
 *     |  thaw finds it dead     v                     |  |
 *     +---------------------- FROZEN                  |  |
 *     |                         |      wire_thaw      |  |
 *     |                         +-------------------->+  |
 *     |              lost, wire_close, wire_drop      |  |
 *     +-----------------------------------------------+--+
 *
 * Transition and the function that performs it:
 *   CLOSED     -> CONNECTING  [wire_open]
 *   CONNECTING -> IDLE        [go_on_connecting]
 *   CONNECTING -> CLOSED      [refuse]
 *   IDLE       -> BUSY        [wire_run]
 *   BUSY       -> IDLE        [finish]
 *   IDLE, BUSY -> CLOSED      [lose]
 *   IDLE       -> FROZEN      [wire_freeze]
 *   FROZEN     -> IDLE|CLOSED [wire_thaw]
 *   any        -> CLOSED      [wire_close, wire_drop]
 *
 * Invariants:
 * (1) The socket is in the epoll set exactly in CONNECTING, IDLE and BUSY.
 * (2) No libpq function that can block is called once a name is resolved:
 *     PQgetResult only if PQisBusy denies it, or the socket is gone.
 *
 * Where an SQLSTATE is to be found: a failed login has no PGresult, so it is
 * read from the message text (fault_from_text); a FATAL that libpq reads while
 * no query is under way goes to the notice receiver; one that it reads after a
 * query was sent is the first PGresult, followed by one of libpq's own without
 * a code (PQexec would return only that).
 *
 * Known limits: PQconnectStart resolves host names, which blocks everybody; the
 * SCRAM hash is computed in this thread (some milliseconds for each login).
 *
 * IDENTIFICATION
 *	  bench/fleet/wire.c
 *
 *-------------------------------------------------------------------------
 */
#include "wire.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static void wire_ready(void *owner, uint32_t events);
static void go_on_with_script(Wire *wire);

void
wire_init(Wire *wire, const WireOwner *calls, void *owner, Protocol protocol, Chance *chance)
{
	memset(wire, 0, sizeof(*wire));
	wire->calls = calls;
	wire->owner = owner;
	wire->protocol = protocol;
	wire->chance = chance;
	wire->state = WIRE_CLOSED;
	watch_init(&wire->watch, wire_ready, wire);
}

/* ---------------------------------------------------------------- closing */

void
wire_close(Wire *wire)
{
	watch_forget(&wire->watch);
	PQfinish(wire->connection);
	wire->connection = NULL;
	wire->state = WIRE_CLOSED;
}

/*
 * The end of the stream goes out first, so that the Terminate which PQfinish
 * always tries to send cannot follow it.
 */
void
wire_drop(Wire *wire)
{
	if (wire->connection != NULL && PQsocket(wire->connection) >= 0)
		shutdown(PQsocket(wire->connection), SHUT_RDWR);
	wire_close(wire);
}

/* A lost connection: the server's last word if there was one, else libpq's. */
static void
explain_loss(const Wire *wire, Fault *fault)
{
	if (fault_is_set(&wire->last_word))
		*fault = wire->last_word;
	else
		fault_set(fault, FAULT_LOST, PQerrorMessage(wire->connection));
}

static void
lose(Wire *wire)
{
	Fault		fault;
	WireLoss	loss = WIRE_LOST_WORKING;

	explain_loss(wire, &fault);
	if (wire->state == WIRE_IDLE)
		loss = WIRE_LOST_RESTING;
	else if (wire->rested && !wire->answered)
		loss = WIRE_LOST_AT_USE;
	wire_close(wire);
	wire->calls->lost(wire->owner, &fault, loss);
}

/* ------------------------------------------------------------- connecting */

static void
refuse(Wire *wire)
{
	Fault		fault;

	fault_from_text(&fault, PQerrorMessage(wire->connection),
					wire->reached ? FAULT_LOST : FAULT_UNREACHABLE);
	wire_close(wire);
	wire->calls->refused(wire->owner, &fault);
}

/* libpq hands over here what the server says while no query is under way. */
static void
hear_notice(void *argument, const PGresult *result)
{
	Wire	   *wire = argument;

	if (fault_ends_session(result))
		fault_from_result(&wire->last_word, result);
}

void
wire_open(Wire *wire, const char *dsn, const char *application_name)
{
	/*
	 * The later wins: the DSN may ask for GSS encryption, which the drivers of
	 * serverless runtimes do not try, but cannot hide the identity.
	 */
	const char *const keywords[] = {"gssencmode", "dbname", "application_name", NULL};
	const char *const values[] = {"disable", dsn, application_name, NULL};

	wire->connection = PQconnectStartParams(keywords, values, 1);
	if (wire->connection == NULL)
		die("out of memory");
	PQsetErrorVerbosity(wire->connection, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(wire->connection, hear_notice, wire);
	wire->state = WIRE_CONNECTING;
	wire->reached = wire->rested = false;
	wire->prepared = 0;
	fault_clear(&wire->last_word);
	if (PQstatus(wire->connection) == CONNECTION_BAD)
		refuse(wire);
	else
		watch_set(&wire->watch, PQsocket(wire->connection), EPOLLOUT);
}

static void
go_on_connecting(Wire *wire)
{
	ConnStatusType status = PQstatus(wire->connection);

	wire->reached = status != CONNECTION_STARTED && status != CONNECTION_NEEDED;
	switch (PQconnectPoll(wire->connection))
	{
		case PGRES_POLLING_READING:
			watch_set(&wire->watch, PQsocket(wire->connection), EPOLLIN);
			break;
		case PGRES_POLLING_WRITING:
			watch_set(&wire->watch, PQsocket(wire->connection), EPOLLOUT);
			break;
		case PGRES_POLLING_OK:
			PQsetnonblocking(wire->connection, 1);
			watch_set(&wire->watch, PQsocket(wire->connection), EPOLLIN);
			wire->state = WIRE_IDLE;
			wire->calls->connected(wire->owner);
			break;
		default:
			refuse(wire);
			break;
	}
}

/* ---------------------------------------------------------------- working */

/* Sends what libpq still holds, and listens for room if it does not fit. */
static void
push(Wire *wire)
{
	int			left = PQflush(wire->connection);

	/*
	 * A failure to send is found by reading, where the server's last word may
	 * stand.  A full socket makes libpq read by itself, and so find the end.
	 */
	if (PQstatus(wire->connection) == CONNECTION_BAD)
		go_on_with_script(wire);
	else
		watch_set(&wire->watch, PQsocket(wire->connection),
				  left > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void
send_step(Wire *wire)
{
	const Statement *statement = &wire->script->statements[wire->step];
	int			sent;

	wire->preparing = !wire->mending && wire->protocol == PROTOCOL_PREPARED &&
		(wire->prepared & (UINT64_C(1) << statement->number)) == 0;
	if (wire->mending)
		sent = PQsendQuery(wire->connection, "ROLLBACK");
	else if (wire->preparing)
		sent = script_send_prepare(wire->script, wire->step, wire->connection);
	else
		sent = script_send(wire->script, wire->step, wire->connection, wire->protocol,
						   wire->chance);
	if (!sent && PQstatus(wire->connection) != CONNECTION_BAD)
		lose(wire);				/* out of memory */
	else
		push(wire);
}

void
wire_run(Wire *wire, const Script *script)
{
	wire->state = WIRE_BUSY;
	wire->script = script;
	wire->step = 0;
	wire->mending = wire->answered = false;
	fault_clear(&wire->fault);
	send_step(wire);
}

static void
finish(Wire *wire)
{
	wire->state = WIRE_IDLE;
	wire->rested = true;
	wire->calls->done(wire->owner, fault_is_set(&wire->fault) ? &wire->fault : NULL);
}

/* The server answered a message completely: the next one, or the end. */
static void
end_step(Wire *wire)
{
	PGTransactionStatusType status = PQtransactionStatus(wire->connection);

	if (wire->mending)
		finish(wire);
	else if (fault_is_set(&wire->fault))
	{
		/* Leave no transaction behind, as a function's error handler would. */
		wire->mending = status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
		if (wire->mending)
			send_step(wire);
		else
			finish(wire);
	}
	else if (wire->preparing)
	{
		wire->prepared |= UINT64_C(1) << wire->script->statements[wire->step].number;
		send_step(wire);
	}
	else if (++wire->step < wire->script->length)
		send_step(wire);
	else
		finish(wire);
}

/* False: the session is over, or cannot be used any more. */
static bool
take_result(Wire *wire, const PGresult *result)
{
	switch (PQresultStatus(result))
	{
		case PGRES_COPY_IN:
		case PGRES_COPY_OUT:
		case PGRES_COPY_BOTH:
			fault_set(&wire->last_word, "copy", "COPY is not supported by fleet");
			return false;
		case PGRES_FATAL_ERROR:
			if (fault_ends_session(result))
			{
				fault_from_result(&wire->last_word, result);
				return false;
			}
			/* One without a code is libpq's own word on a broken connection. */
			if (PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL)
				return true;
			if (!fault_is_set(&wire->fault))
				fault_from_result(&wire->fault, result);
			break;
		default:
			break;
	}
	wire->answered = true;
	return true;
}

static void
go_on_with_script(Wire *wire)
{
	PGconn	   *connection = wire->connection;

	/* A failure shows in PQstatus, after what was received before it. */
	(void) PQconsumeInput(connection);
	while (PQstatus(connection) == CONNECTION_BAD || !PQisBusy(connection))
	{
		PGresult   *result = PQgetResult(connection);
		bool		usable;

		if (result == NULL)
		{
			if (PQstatus(connection) == CONNECTION_BAD)
				lose(wire);
			else
				end_step(wire);
			return;
		}
		usable = take_result(wire, result);
		PQclear(result);
		if (!usable)
		{
			lose(wire);
			return;
		}
	}
	push(wire);
}

/* ---------------------------------------------------------------- resting */

/* Reads what came without being asked for.  False: the session is over. */
static bool
listen_idle(Wire *wire)
{
	PGconn	   *connection = wire->connection;
	PGnotify   *notify;

	(void) PQconsumeInput(connection);
	(void) PQisBusy(connection);	/* parses, and so calls hear_notice */
	while ((notify = PQnotifies(connection)) != NULL)
		PQfreemem(notify);
	return PQstatus(connection) != CONNECTION_BAD && !fault_is_set(&wire->last_word);
}

void
wire_freeze(Wire *wire)
{
	watch_forget(&wire->watch);
	wire->state = WIRE_FROZEN;
}

bool
wire_thaw(Wire *wire, Fault *fault)
{
	if (!listen_idle(wire))
	{
		explain_loss(wire, fault);
		wire_close(wire);
		return false;
	}
	wire->state = WIRE_IDLE;
	watch_set(&wire->watch, PQsocket(wire->connection), EPOLLIN);
	return true;
}

static void
wire_ready(void *owner, uint32_t events)
{
	Wire	   *wire = owner;

	(void) events;				/* libpq finds out by itself */
	if (wire->state == WIRE_CONNECTING)
		go_on_connecting(wire);
	else if (wire->state == WIRE_BUSY)
		go_on_with_script(wire);
	else if (wire->state == WIRE_IDLE && !listen_idle(wire))
		lose(wire);
}
