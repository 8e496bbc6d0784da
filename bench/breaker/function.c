/*-------------------------------------------------------------------------
 *
 * function.c
 *		A function: asks the breaker, calls the dependency, reports, thinks.
 *
 *	thinking -> asking -> calling -> reporting -> thinking
 *				   |                                 ^
 *				   +------------- refused -----------+
 *
 * IDENTIFICATION
 *	  bench/breaker/function.c
 *-------------------------------------------------------------------------
 */
#include "function.h"
#include "dependency.h"
#include "options.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ASK			"SELECT governor.breaker_allow($1)"
#define REPORT		"SELECT governor.breaker_record($1, $2, $3)"

/* The same round trips, without a breaker. */
#define ASK_NOBODY	"SELECT $1::text IS NULL"
#define REPORT_NOBODY	"SELECT $1::text, $2::boolean, $3::interval"

FunctionTally function_tally;
bool		function_freeze_next;
Usec		function_frozen_at;

static void call_acts(void *owner, bool ready);

static void
send_statement(Function *function, const char *sql, int nparameters, const char *const *parameters)
{
	if (PQsendQueryParams(function->link.connection, sql, nparameters, NULL, parameters, NULL, NULL, 0) == 0)
		die("could not send a statement: %s", PQerrorMessage(function->link.connection));
	link_flush(&function->link);
}

static void
think(Function *function)
{
	function->state = FUNCTION_THINKING;
	function->link.waiter.due = clock_now() + chance_between(options.think / 2, options.think * 3 / 2);
}

static void
ask(Function *function)
{
	const char *parameters[] = {options.breaker};

	function->state = FUNCTION_ASKING;
	function->link.waiter.due = NEVER;
	send_statement(function, options.breaker != NULL ? ASK : ASK_NOBODY, 1, parameters);
}

static void
report(Function *function, bool success)
{
	char		duration[32];
	const char *parameters[] = {options.breaker, success ? "true" : "false", duration};

	function->state = FUNCTION_REPORTING;
	function->call.due = NEVER;
	function->call.events = 0;
	snprintf(duration, sizeof(duration), "%lld us", (long long) (clock_now() - function->called_at));
	send_statement(function, options.breaker != NULL ? REPORT : REPORT_NOBODY, 3, parameters);
}

static void
hang_up(Function *function)
{
	if (function->call.fd >= 0)
		close(function->call.fd);
	function->call.fd = -1;
}

static void
dial(Function *function)
{
	const struct sockaddr_in *address = dependency_address();
	int			on = 1;

	function->call.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (function->call.fd < 0)
		die("could not make a socket: %s", strerror(errno));
	(void) setsockopt(function->call.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(function->call.fd, (const struct sockaddr *) address, sizeof(*address)) != 0 && errno != EINPROGRESS)
		die("could not reach the dependency: %s", strerror(errno));
}

static void
call(Function *function)
{
	function->state = FUNCTION_CALLING;
	function->called_at = clock_now();
	function->sent = false;
	if (function->call.fd < 0)
		dial(function);
	function->call.events = POLLOUT;
	function->call.due = function->called_at + options.timeout;
}

static void
freeze(Function *function)
{
	function->state = FUNCTION_FROZEN;
	function->link.waiter.fd = -1;
	function->link.waiter.due = NEVER;
	function->call.events = 0;
	function_freeze_next = false;
	function_frozen_at = clock_now();
}

/* The answer to whether it may call. */
static void
be_told(Function *function, bool allowed)
{
	if (!allowed)
	{
		function_tally.refused++;
		think(function);
	}
	else if (function_freeze_next)
		freeze(function);
	else
		call(function);
}

static void
read_answer(Function *function)
{
	PGconn	   *connection = function->link.connection;
	PGresult   *result;
	bool		asked = function->state == FUNCTION_ASKING;
	bool		allowed = false;

	(void) link_read(&function->link);
	link_flush(&function->link);
	if (PQisBusy(connection))
		return;
	result = PQgetResult(connection);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("a statement failed: %s", PQerrorMessage(connection));
	if (asked)
		allowed = PQgetvalue(result, 0, 0)[0] == 't' || options.breaker == NULL;
	PQclear(result);

	/* what ends the answer has come with it, or is about to */
	while ((result = PQgetResult(connection)) != NULL)
		PQclear(result);
	if (asked)
		be_told(function, allowed);
	else
		think(function);
}

static void
link_acts(void *owner, bool ready)
{
	Function   *function = owner;

	switch (function->state)
	{
		case FUNCTION_CONNECTING:
			if (!link_advance(&function->link))
				die("could not connect: %s", link_failure());
			if (function->link.open)
				function->state = FUNCTION_READY;
			break;
		case FUNCTION_READY:
		case FUNCTION_THINKING:
		case FUNCTION_CALLING:
			if (!ready)
				ask(function);
			else if (!link_read(&function->link))
				die("a connection was lost: %s", PQerrorMessage(function->link.connection));
			break;
		case FUNCTION_ASKING:
		case FUNCTION_REPORTING:
			read_answer(function);
			break;
		case FUNCTION_FROZEN:
			break;
	}
}

static void
read_reply(Function *function)
{
	char		line[64];
	ssize_t		got = recv(function->call.fd, line, sizeof(line) - 1, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		die("the dependency hung up");
	line[got] = '\0';
	if (strcmp(line, OK_LINE) == 0)
	{
		function_tally.ok++;
		report(function, true);
	}
	else
	{
		function_tally.errors++;
		report(function, false);
	}
}

static void
call_acts(void *owner, bool ready)
{
	Function   *function = owner;

	if (function->state != FUNCTION_CALLING)
	{
		if (ready)
			die("the dependency hung up");
		return;
	}
	if (!ready)
	{
		/* an answer that comes later must find nobody */
		hang_up(function);
		function_tally.timeouts++;
		report(function, false);
	}
	else if (function->sent)
		read_reply(function);
	else
	{
		if (send(function->call.fd, CALL_LINE, strlen(CALL_LINE), MSG_NOSIGNAL) < 0)
			die("could not call the dependency: %s", strerror(errno));
		function->sent = true;
		function->call.events = POLLIN;
	}
}

void
function_connect(Function *function)
{
	function->state = FUNCTION_CONNECTING;
	function->call.fd = -1;
	function->call.events = 0;
	function->call.due = NEVER;
	function->call.act = call_acts;
	function->call.owner = function;
	link_init(&function->link, link_acts, function);
	loop_add(&function->call);
	link_connect(&function->link, options.dsn, NULL, NULL);
}

void
function_begin(Function *function)
{
	function->state = FUNCTION_THINKING;
	function->link.waiter.due = clock_now() + chance_between(0, options.think);
}

void
function_close(Function *function)
{
	hang_up(function);
	link_close(&function->link);
}
