/*-------------------------------------------------------------------------
 *
 * sleepers.c
 *		Opens sessions that rest, holds them, and measures when they end.
 *
 *		log in		all, a few at a time			[log_in_all]
 *		sleep		each at a random moment			[sleep_all]
 *		hold		until told to stop, or			[hold]
 *		measure		until all were ended			[measure]
 *
 * IDENTIFICATION
 *	  bench/hammer/sleepers.c
 *-------------------------------------------------------------------------
 */
#include "basics.h"
#include "sleeper.h"
#include "spread.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Logins under way at once. */
#define LOGINS_AT_ONCE	16

static struct
{
	const char *dsn;
	const char *user;
	const char *name;
	long		sessions;
	long		transactions;	/* percent that rest in a transaction */
	Usec		spread;
	const char *ready_file;
	bool		measure;
	Usec		timeout;
	Usec		transaction_timeout;
	Usec		give_up;
	const char *raw_file;
}			options = {
	.dsn = "",
	.sessions = 100,
	.give_up = 120 * USEC_PER_S,
};

static Sleeper *sleepers;
static volatile sig_atomic_t stopped;

static void
print_help(void)
{
	fputs(
		  "sleepers opens sessions that work ten times a second until they go to rest, and\n"
		  "holds them, or measures how late they are ended.\n"
		  "\n"
		  "Usage:\n"
		  "  sleepers [OPTION]...\n"
		  "\n"
		  "  --dsn=DSN             connection string (default: the PG* variables)\n"
		  "  --user=NAME           overrides the dsn's\n"
		  "  --name=NAME           application_name\n"
		  "  --sessions=N          so many (default 100)\n"
		  "  --transactions=PERCENT   of them rest inside a transaction (default 0)\n"
		  "  --spread=S            each goes to rest at a random moment of S seconds (default 0)\n"
		  "  --ready-file=FILE     create FILE when all rest\n"
		  "  --timeout=S           measure: how long after this rest of theirs they are ended\n"
		  "  --transaction-timeout=S   the same for those in a transaction\n"
		  "  --give-up=S           measure at most so long (default 120)\n"
		  "  --raw=FILE            write every lateness to FILE\n"
		  "  --help                this text\n"
		  "\n"
		  "Without a timeout it holds the sessions until SIGTERM or SIGINT.  A rest is\n"
		  "counted from the moment when the last statement was sent, a little before the\n"
		  "server does, so that lateness is rather overstated; it ends when the client finds its\n"
		  "connection closed.\n",
		  stdout);
}

enum
{
	OPT_DSN = 1, OPT_USER, OPT_NAME, OPT_SESSIONS, OPT_TRANSACTIONS, OPT_SPREAD, OPT_READY_FILE,
	OPT_TIMEOUT, OPT_TRANSACTION_TIMEOUT, OPT_GIVE_UP, OPT_RAW, OPT_HELP,
};

static const struct option long_options[] = {
	{"dsn", required_argument, NULL, OPT_DSN},
	{"user", required_argument, NULL, OPT_USER},
	{"name", required_argument, NULL, OPT_NAME},
	{"sessions", required_argument, NULL, OPT_SESSIONS},
	{"transactions", required_argument, NULL, OPT_TRANSACTIONS},
	{"spread", required_argument, NULL, OPT_SPREAD},
	{"ready-file", required_argument, NULL, OPT_READY_FILE},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"transaction-timeout", required_argument, NULL, OPT_TRANSACTION_TIMEOUT},
	{"give-up", required_argument, NULL, OPT_GIVE_UP},
	{"raw", required_argument, NULL, OPT_RAW},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

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
				break;
			case OPT_USER:
				options.user = optarg;
				break;
			case OPT_NAME:
				options.name = optarg;
				break;
			case OPT_SESSIONS:
				options.sessions = parse_count(name, optarg, 1, 100000);
				break;
			case OPT_TRANSACTIONS:
				options.transactions = parse_count(name, optarg, 0, 100);
				break;
			case OPT_SPREAD:
				options.spread = parse_duration(name, optarg, USEC_PER_S);
				break;
			case OPT_READY_FILE:
				options.ready_file = optarg;
				break;
			case OPT_TIMEOUT:
				options.timeout = parse_duration(name, optarg, USEC_PER_S);
				options.measure = true;
				break;
			case OPT_TRANSACTION_TIMEOUT:
				options.transaction_timeout = parse_duration(name, optarg, USEC_PER_S);
				options.measure = true;
				break;
			case OPT_GIVE_UP:
				options.give_up = parse_duration(name, optarg, USEC_PER_S);
				break;
			case OPT_RAW:
				options.raw_file = optarg;
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
}

static void
on_signal(int signal_number)
{
	(void) signal_number;
	stopped = 1;
}

static long
count_in(SleeperState state)
{
	long		count = 0;

	for (long i = 0; i < options.sessions; i++)
	{
		if (sleepers[i].state == state)
			count++;
	}
	return count;
}

static void
log_in_all(void)
{
	long		next = 0;

	while (next < options.sessions || count_in(SLEEPER_CONNECTING) > 0)
	{
		for (long busy = count_in(SLEEPER_CONNECTING);
			 busy < LOGINS_AT_ONCE && next < options.sessions; busy++)
			sleeper_connect(&sleepers[next++], options.dsn, options.user, options.name);
		loop_turn();
		if (stopped)
			exit(EXIT_NOT_SHOWN);
	}
}

static void
sleep_all(void)
{
	Usec		now = clock_now();

	if (options.measure)
	{
		for (long i = 0; i < options.sessions; i++)
			sleeper_sleep_at(&sleepers[i], now + chance_between(0, options.spread));
	}
	while (count_in(SLEEPER_AWAKE) > 0 || count_in(SLEEPER_WORKING) > 0)
	{
		loop_turn();
		if (stopped)
			exit(EXIT_NOT_SHOWN);
	}
	if (options.ready_file != NULL)
	{
		FILE	   *file = fopen(options.ready_file, "w");

		if (file == NULL || fclose(file) != 0)
			die("could not write \"%s\"", options.ready_file);
	}
}

static void
hold(void)
{
	while (!stopped)
		loop_turn();
}

/* Waits for the end of all, and says how late it came. */
static int
measure(void)
{
	Usec		give_up = clock_now() + options.give_up;
	FILE	   *raw = NULL;
	Spread		resting = {0};
	Spread		in_transaction = {0};
	long		left;

	while (!stopped && count_in(SLEEPER_ASLEEP) > 0 && clock_now() < give_up)
		loop_turn();

	if (options.raw_file != NULL && (raw = fopen(options.raw_file, "w")) == NULL)
		die("could not write \"%s\"", options.raw_file);
	for (long i = 0; i < options.sessions; i++)
	{
		const Sleeper *sleeper = &sleepers[i];
		Usec		late;

		if (sleeper->ended_at == 0)
			continue;
		late = sleeper->ended_at - sleeper->last_sent -
			(sleeper->in_transaction ? options.transaction_timeout : options.timeout);
		spread_add(sleeper->in_transaction ? &in_transaction : &resting, late);
		if (raw != NULL)
			fprintf(raw, "%s %s %.3f\n", sleeper->in_transaction ? "idle_in_transaction" : "idle",
					sleeper->link.code, (double) late / USEC_PER_MS);
	}
	if (raw != NULL && fclose(raw) != 0)
		die("could not write \"%s\"", options.raw_file);

	spread_print(&resting, "idle");
	spread_print(&in_transaction, "idle_in_transaction");
	spread_free(&resting);
	spread_free(&in_transaction);
	left = count_in(SLEEPER_ASLEEP);
	if (left > 0)
		printf("%ld sessions were not ended\n", left);
	return left > 0 ? EXIT_NOT_SHOWN : EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	int			status = EXIT_SUCCESS;

	program = "sleepers";
	parse_options(argc, argv);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);

	sleepers = allocate((size_t) options.sessions, sizeof(Sleeper));
	for (long i = 0; i < options.sessions; i++)
		sleeper_init(&sleepers[i], i * options.transactions / 100 !=
					 (i + 1) * options.transactions / 100);
	if (!options.measure)
	{
		/* thousands that worked meanwhile would only hold up the logins */
		for (long i = 0; i < options.sessions; i++)
			sleeper_sleep_at(&sleepers[i], clock_now());
	}
	log_in_all();
	sleep_all();
	if (options.measure)
		status = measure();
	else
		hold();
	for (long i = 0; i < options.sessions; i++)
		link_close(&sleepers[i].link);
	free(sleepers);
	return status;
}
