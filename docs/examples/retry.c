#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static PGconn *kept;			/* the connection, from one invocation to the next */

double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Seconds after which to log in again; 0 if that is not what the login failed for. */
static double
retry_after(const char *message)
{
	const char *hint = strstr(message, "Retry after ");

	if (hint == NULL && strstr(message, "too many clients") == NULL)
		return 0;
	srand48((long) (now() * 1e9));
	return (hint != NULL ? atoi(hint + strlen("Retry after ")) / 1e3 : 0.5) * (1 + drand48() / 2);
}

/* Logs in until the deadline, a time of now(); NULL, and the reason on stderr, if that fails. */
static PGconn *
connect_until(double deadline, const char *name)
{
	for (;;)
	{
		char		timeout[16];
		const char *keywords[] = {"application_name", "connect_timeout", NULL};
		const char *values[] = {name, timeout, NULL};
		double		left = deadline - now();
		double		wait;
		bool		give_up;
		PGconn	   *conn;

		/* whole seconds, two at least */
		snprintf(timeout, sizeof(timeout), "%d", left > 2 ? (int) left : 2);
		conn = PQconnectdbParams(keywords, values, 0);
		if (PQstatus(conn) == CONNECTION_OK)
			return conn;
		/* of a login that failed there is no SQLSTATE, but the whole text */
		wait = retry_after(PQerrorMessage(conn));
		give_up = wait == 0 || now() + wait >= deadline;
		if (give_up)
			fputs(PQerrorMessage(conn), stderr);
		/* one that timed out would still wait for its place */
		PQfinish(conn);
		if (give_up)
			return NULL;
		nanosleep(&(struct timespec) {(time_t) wait, (long) ((wait - (double) (time_t) wait) * 1e9)}, NULL);
	}
}

static bool
begin(void)
{
	PGresult   *result = PQexec(kept, "BEGIN");
	bool		begun = PQresultStatus(result) == PGRES_COMMAND_OK;

	PQclear(result);
	return begun;
}

/*
 * Begins a transaction on the kept connection or, where that has ended, on a
 * new one; NULL if nobody lets us in until the deadline.
 */
PGconn *
begin_until(double deadline, const char *name)
{
	/* if BEGIN fails, the connection has ended at rest, and nothing has run */
	while (kept == NULL || !begin())
	{
		PQfinish(kept);
		kept = connect_until(deadline, name);
		if (kept == NULL)
			break;
	}
	return kept;
}
