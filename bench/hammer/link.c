/*-------------------------------------------------------------------------
 *
 * link.c
 *		One connection: made without blocking, and how it ended.
 *
 * IDENTIFICATION
 *	  bench/hammer/link.c
 *-------------------------------------------------------------------------
 */
#include "link.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static char failure[512];

void
link_init(Link *link, void (*act) (void *owner, bool ready), void *owner)
{
	memset(link, 0, sizeof(*link));
	link->waiter.fd = -1;
	link->waiter.due = NEVER;
	link->waiter.act = act;
	link->waiter.owner = owner;
	loop_add(&link->waiter);
}

void
link_note_result(Link *link, const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (severity != NULL && code != NULL && strcmp(severity, "FATAL") == 0)
		snprintf(link->code, sizeof(link->code), "%s", code);
}

/* While nothing runs, libpq takes the server's FATAL for a notice. */
static void
on_notice(void *argument, const PGresult *result)
{
	link_note_result(argument, result);
}

void
link_connect_at(Link *link, const char *dsn, const char *user, const char *name,
				const char *host, const char *port)
{
	const char *const all[][2] = {
		{"dbname", dsn}, {"user", user}, {"application_name", name}, {"host", host}, {"port", port},
	};
	const char *keywords[sizeof(all) / sizeof(all[0]) + 1] = {NULL};
	const char *values[sizeof(all) / sizeof(all[0]) + 1] = {NULL};
	int			n = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		if (all[i][1] != NULL)
		{
			keywords[n] = all[i][0];
			values[n++] = all[i][1];
		}
	}

	link->open = false;
	strcpy(link->code, NO_CODE);
	link->connection = PQconnectStartParams(keywords, values, 1);
	if (link->connection == NULL)
		die("out of memory");
	PQsetNoticeReceiver(link->connection, on_notice, link);
	link->waiter.fd = PQsocket(link->connection);
	link->waiter.events = POLLOUT;
	if (PQstatus(link->connection) == CONNECTION_BAD)
		link->waiter.due = 0;	/* link_advance will find it out */
}

void
link_connect(Link *link, const char *dsn, const char *user, const char *name)
{
	link_connect_at(link, dsn, user, name, NULL, NULL);
}

bool
link_advance(Link *link)
{
	switch (PQconnectPoll(link->connection))
	{
		case PGRES_POLLING_READING:
			link->waiter.events = POLLIN;
			break;
		case PGRES_POLLING_WRITING:
			link->waiter.events = POLLOUT;
			break;
		case PGRES_POLLING_OK:
			link->open = true;
			link->waiter.events = POLLIN;
			PQsetnonblocking(link->connection, 1);
			break;
		default:
			snprintf(failure, sizeof(failure), "%s", PQerrorMessage(link->connection));
			link_close(link);
			return false;
	}
	/* another address may have been tried on another socket */
	link->waiter.fd = PQsocket(link->connection);
	return true;
}

void
link_describe(const Link *link, char *into, size_t size)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t	length = sizeof(address);
	const char *family = "unknown";

	(void) getsockname(PQsocket(link->connection), (struct sockaddr *) &address, &length);
	if (address.ss_family == AF_UNIX)
		family = "unix socket";
	else if (address.ss_family == AF_INET)
		family = "IPv4";
	else if (address.ss_family == AF_INET6)
		family = "IPv6";
	if (PQsslInUse(link->connection))
		snprintf(into, size, "%s, %s", family, PQsslAttribute(link->connection, "protocol"));
	else
		snprintf(into, size, "%s", family);
}

const char *
link_failure(void)
{
	return failure;
}

void
link_flush(Link *link)
{
	/* what cannot be sent is found out by reading */
	link->waiter.events = PQflush(link->connection) == 1 ? POLLIN | POLLOUT : POLLIN;
}

bool
link_read(Link *link)
{
	PGnotify   *notify;
	bool		alive = PQconsumeInput(link->connection) == 1;

	/* has libpq look at what has come, also while nothing runs */
	while ((notify = PQnotifies(link->connection)) != NULL)
		PQfreemem(notify);
	return alive && PQstatus(link->connection) == CONNECTION_OK;
}

void
link_close(Link *link)
{
	if (link->connection != NULL)
		PQfinish(link->connection);
	link->connection = NULL;
	link->open = false;
	link->waiter.fd = -1;
	link->waiter.due = NEVER;
}

PGconn *
blocking_connect(const char *dsn, const char *name)
{
	const char *keywords[] = {"dbname", "application_name", NULL};
	const char *values[] = {dsn, name, NULL};
	PGconn	   *connection = PQconnectdbParams(keywords, values, 1);

	if (PQstatus(connection) != CONNECTION_OK)
		die("could not connect: %s", PQerrorMessage(connection));
	return connection;
}

PGresult *
blocking_query(PGconn *connection, const char *sql)
{
	PGresult   *result = PQexec(connection, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		die("%sThe statement was: %s", PQerrorMessage(connection), sql);
	return result;
}

void
blocking_run(PGconn *connection, const char *sql)
{
	PQclear(blocking_query(connection, sql));
}
