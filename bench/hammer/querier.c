/*-------------------------------------------------------------------------
 *
 * querier.c
 *		A connection that runs one query after the other.
 *
 * IDENTIFICATION
 *	  bench/hammer/querier.c
 *-------------------------------------------------------------------------
 */
#include "querier.h"

/* How soon to ask again for a query when there was none. */
#define IDLE_PAUSE	USEC_PER_MS

static void
begin_query(Querier *querier)
{
	const char *sql;

	querier->link.waiter.due = NEVER;
	if (querier->stopping)
	{
		link_close(&querier->link);
		return;
	}
	sql = querier->next(querier->owner);
	if (sql == NULL)
	{
		querier->link.waiter.due = clock_now() + IDLE_PAUSE;
		return;
	}
	if (PQsendQuery(querier->link.connection, sql) == 0)
		die("could not send a query: %s", PQerrorMessage(querier->link.connection));
	querier->busy = true;
	link_flush(&querier->link);
}

static void
end_query(Querier *querier)
{
	querier->busy = false;
	if (querier->pause > 0 && !querier->stopping)
		querier->link.waiter.due = clock_now() + querier->pause;
	else
		begin_query(querier);
}

static void
read_results(Querier *querier)
{
	PGconn	   *connection = querier->link.connection;
	PGresult   *result;

	(void) link_read(&querier->link);
	while (!PQisBusy(connection))
	{
		result = PQgetResult(connection);
		if (result == NULL)
		{
			end_query(querier);
			return;
		}
		if (PQresultStatus(result) == PGRES_TUPLES_OK)
			querier->got(querier->owner, result);
		else if (PQresultStatus(result) != PGRES_COMMAND_OK)
			die("a query failed: %s", PQresultErrorMessage(result));
		PQclear(result);
	}
}

static void
act(void *owner, bool ready)
{
	Querier    *querier = owner;

	if (!querier->link.open)
	{
		if (!link_advance(&querier->link))
			die("could not connect: %s", link_failure());
		if (querier->link.open)
			begin_query(querier);
	}
	else if (querier->busy)
	{
		read_results(querier);
		if (querier->busy)
			link_flush(&querier->link);
	}
	else if (ready && !link_read(&querier->link))
		die("a connection was lost: %s", PQerrorMessage(querier->link.connection));
	else if (clock_now() >= querier->link.waiter.due)
		begin_query(querier);
}

void
querier_start(Querier *querier, const char *dsn, const char *name)
{
	link_init(&querier->link, act, querier);
	link_connect(&querier->link, dsn, NULL, name);
}

void
querier_stop(Querier *querier)
{
	querier->stopping = true;
	if (!querier->busy)
		link_close(&querier->link);
}

bool
querier_is_stopped(const Querier *querier)
{
	return querier->link.connection == NULL;
}
