/*-------------------------------------------------------------------------
 *
 * driver.c
 *		Runs the recipe for libpq, as driver.js does that for node-postgres,
 *		but for messages, which go to standard error.
 *
 * IDENTIFICATION
 *	  test/clients/driver.c
 *
 *-------------------------------------------------------------------------
 */
#include <libpq-fe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* the recipe */
extern double now(void);
extern PGconn *begin_until(double deadline, const char *name);

/* faas:lambda:... of what the platform says */
static void
make_name(char *name, size_t size)
{
	const char *stream = getenv("AWS_LAMBDA_LOG_STREAM_NAME");

	snprintf(name, size, "faas:lambda:%s:%s:%s", getenv("AWS_LAMBDA_FUNCTION_NAME"),
			 getenv("AWS_LAMBDA_FUNCTION_VERSION"), stream + strlen(stream) - 12);
}

/* Runs a statement with one parameter, or none. */
static int
run(PGconn *conn, const char *sql, const char *parameter)
{
	PGresult   *result = PQexecParams(conn, sql, parameter != NULL, NULL, &parameter, NULL, NULL, 0);
	int			done = PQresultStatus(result) == PGRES_COMMAND_OK;

	if (!done)
		fputs(PQerrorMessage(conn), stderr);
	PQclear(result);
	return done;
}

int
main(void)
{
	char		id[64],
				name[64];
	int			milliseconds;

	make_name(name, sizeof(name));
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (scanf("%63s %d", id, &milliseconds) == 2)
	{
		double		start = now();
		PGconn	   *conn = begin_until(start + milliseconds / 1e3, name);
		int			done = conn != NULL && run(conn, "INSERT INTO done VALUES ($1)", id) && run(conn, "COMMIT", NULL);

		if (conn != NULL && !done)
			run(conn, "ROLLBACK", NULL);
		printf("%s %s %d\n", done ? "ok" : "failed", id, (int) ((now() - start) * 1e3));
	}
	return 0;
}
