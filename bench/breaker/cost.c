/*-------------------------------------------------------------------------
 *
 * cost.c
 *		What prepared statements cost: the server's CPU and the client's wait, in
 *		turns on one connection, or on some.
 *
 * The CPU is what the kernel says that the backend has had, before and after a
 * batch, so the server must run on this machine.  A round has a batch of each
 * statement, and begins with another one each time.
 *
 * IDENTIFICATION
 *	  bench/breaker/cost.c
 *-------------------------------------------------------------------------
 */
#include "link.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_STATEMENTS	16
#define WARM_UP			2		/* rounds that are not told of */

/* "name:parameter:sql" of the command line; the parameter is $1, if there is one. */
typedef struct Statement
{
	const char *name;
	const char *parameter;
	const char *sql;
	int			nparameters;
	PGconn	   *connection;
} Statement;

static struct
{
	const char *dsn;			/* of the statements that follow */
	PGconn	   *connection;		/* with it, once there is one */
	long		rounds;
	long		batch;
	Statement	statements[MAX_STATEMENTS];
	int			nstatements;
}			options = {
	.dsn = "",
	.rounds = 100,
	.batch = 500,
};

static int64_t *waits;			/* of a batch, in nanoseconds: a microsecond is too much here */

static void
print_help(void)
{
	fputs(
		  "cost runs prepared statements in turns, and says what each costs.\n"
		  "\n"
		  "Usage:\n"
		  "  cost [OPTION]... --statement=NAME:PARAMETER:SQL...\n"
		  "\n"
		  "  --dsn=DSN          connection string (default: the PG* variables); a server on this machine; if it is\n"
		  "                     repeated, the statements that follow have a connection of their own\n"
		  "  --statement=NAME:PARAMETER:SQL   may be repeated; PARAMETER is its $1, if it has one\n"
		  "  --rounds=N         each with a batch of every statement (default 100)\n"
		  "  --batch=N          executions in it (default 500)\n"
		  "  --help             this text\n"
		  "\n"
		  "Prints a line for each batch: its round, the statement's name, the server's CPU in\n"
		  "microseconds an execution, and the median of the client's wait in microseconds.\n",
		  stdout);
}

enum
{
	OPT_DSN = 1, OPT_STATEMENT, OPT_ROUNDS, OPT_BATCH, OPT_HELP,
};

static const struct option long_options[] = {
	{"dsn", required_argument, NULL, OPT_DSN},
	{"statement", required_argument, NULL, OPT_STATEMENT},
	{"rounds", required_argument, NULL, OPT_ROUNDS},
	{"batch", required_argument, NULL, OPT_BATCH},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void
add_statement(char *text)
{
	Statement  *statement = &options.statements[options.nstatements];
	char	   *parameter = strchr(text, ':');
	char	   *sql = parameter != NULL ? strchr(parameter + 1, ':') : NULL;

	if (sql == NULL)
		bad_usage("--statement takes NAME:PARAMETER:SQL, not \"%s\"", text);
	if (options.nstatements == MAX_STATEMENTS)
		bad_usage("there are more than %d statements", MAX_STATEMENTS);
	*parameter++ = '\0';
	*sql++ = '\0';
	statement->name = text;
	statement->parameter = parameter;
	statement->sql = sql;
	if (options.connection == NULL)
		options.connection = blocking_connect(options.dsn, NULL);
	statement->connection = options.connection;
	options.nstatements++;
}

static void
parse_options(int argc, char **argv)
{
	int			option;
	int			which = 0;

	while ((option = getopt_long(argc, argv, "", long_options, &which)) != -1)
	{
		const char *name = option == '?' ? "" : long_options[which].name;

		switch (option)
		{
			case OPT_DSN:
				options.dsn = optarg;
				options.connection = NULL;
				break;
			case OPT_STATEMENT:
				add_statement(optarg);
				break;
			case OPT_ROUNDS:
				options.rounds = parse_count(name, optarg, 1, 1000000);
				break;
			case OPT_BATCH:
				options.batch = parse_count(name, optarg, 1, 1000000);
				break;
			case OPT_HELP:
				print_help();
				exit(EXIT_SUCCESS);
			default:
				exit(EXIT_BAD_USAGE);
		}
	}
	if (optind < argc)
		bad_usage("there is no argument \"%s\"", argv[optind]);
	if (options.nstatements == 0)
		bad_usage("there is no --statement");
}

static void
prepare(Statement *statement)
{
	PGresult   *result = PQprepare(statement->connection, statement->name, statement->sql, 0, NULL);

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		die("%sThe statement was: %s", PQerrorMessage(statement->connection), statement->sql);
	PQclear(result);
	result = PQdescribePrepared(statement->connection, statement->name);
	if (PQresultStatus(result) != PGRES_COMMAND_OK || PQnparams(result) > 1)
		die("\"%s\" takes more than one parameter", statement->sql);
	statement->nparameters = PQnparams(result);
	PQclear(result);
}

/* Nanoseconds that the backend has been on a processor. */
static long long
cpu_of_backend(const Statement *statement)
{
	char		path[64];
	FILE	   *file;
	long long	cpu;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", PQbackendPID(statement->connection));
	file = fopen(path, "r");
	if (file == NULL || fscanf(file, "%lld", &cpu) != 1)
		die("could not read \"%s\": the server must run on this machine", path);
	fclose(file);
	return cpu;
}

static int64_t
nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	int64_t		left = *(const int64_t *) a;
	int64_t		right = *(const int64_t *) b;

	return (left > right) - (left < right);
}

static void
run_batch(long round, const Statement *statement)
{
	long long	cpu = cpu_of_backend(statement);

	for (long i = 0; i < options.batch; i++)
	{
		int64_t		began = nanoseconds();
		PGresult   *result = PQexecPrepared(statement->connection, statement->name, statement->nparameters,
											&statement->parameter, NULL, NULL, 0);

		waits[i] = nanoseconds() - began;
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
			die("%sThe statement was: %s", PQerrorMessage(statement->connection), statement->sql);
		PQclear(result);
	}
	cpu = cpu_of_backend(statement) - cpu;
	if (round < 0)
		return;
	qsort(waits, (size_t) options.batch, sizeof(*waits), compare);
	printf("%ld %s %.3f %.3f\n", round, statement->name, (double) cpu / 1000.0 / (double) options.batch,
		   (double) waits[options.batch / 2] / 1000.0);
}

int
main(int argc, char **argv)
{
	program = "cost";
	parse_options(argc, argv);
	waits = allocate((size_t) options.batch, sizeof(*waits));
	for (int i = 0; i < options.nstatements; i++)
		prepare(&options.statements[i]);
	for (long round = -WARM_UP; round < options.rounds; round++)
	{
		for (int i = 0; i < options.nstatements; i++)
			run_batch(round, &options.statements[(i + round + WARM_UP) % options.nstatements]);
	}
	free(waits);
	return EXIT_SUCCESS;
}
