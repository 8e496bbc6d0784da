/*-------------------------------------------------------------------------
 *
 * options.c
 *		The command line of callers.
 *
 * IDENTIFICATION
 *	  bench/breaker/options.c
 *-------------------------------------------------------------------------
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

Options		options = {
	.dsn = "",
	.functions = 200,
	.think = 100 * USEC_PER_MS,
	.timeout = 200 * USEC_PER_MS,
	.up = 2 * USEC_PER_S,
	.down = 10 * USEC_PER_S,
	.give_up = 30 * USEC_PER_S,
	.seed = 1,
};

static void
print_help(void)
{
	fputs(
		  "callers lets functions call a dependency that fails for a while and then heals, and\n"
		  "counts the calls that reach it.\n"
		  "\n"
		  "Usage:\n"
		  "  callers [OPTION]...\n"
		  "\n"
		  "  --dsn=DSN          connection string (default: the PG* variables)\n"
		  "  --breaker=NAME     ask this one before each call, and report the call to it;\n"
		  "                     without, as many statements run that ask nothing\n"
		  "  --functions=N      so many, each with a connection (default 200)\n"
		  "  --think=MS         between two calls of a function: half of this to one and a half (default 100)\n"
		  "  --timeout=MS       of a call (default 200)\n"
		  "  --up=S             seconds before the dependency fails (default 2)\n"
		  "  --down=S           seconds until it heals (default 10)\n"
		  "  --freeze           the first function that gets a permit after that freezes: it neither\n"
		  "                     calls nor reports, and its connection stays open\n"
		  "  --give-up=S        wait so long for the breaker to close (default 30)\n"
		  "  --seed=N           of chance (default 1)\n"
		  "  --help             this text\n"
		  "\n"
		  "While it is down, every second call is answered by an error, and the others not at all.\n",
		  stdout);
}

enum
{
	OPT_DSN = 1, OPT_BREAKER, OPT_FUNCTIONS, OPT_THINK, OPT_TIMEOUT, OPT_UP, OPT_DOWN, OPT_FREEZE,
	OPT_GIVE_UP, OPT_SEED, OPT_HELP,
};

static const struct option long_options[] = {
	{"dsn", required_argument, NULL, OPT_DSN},
	{"breaker", required_argument, NULL, OPT_BREAKER},
	{"functions", required_argument, NULL, OPT_FUNCTIONS},
	{"think", required_argument, NULL, OPT_THINK},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"up", required_argument, NULL, OPT_UP},
	{"down", required_argument, NULL, OPT_DOWN},
	{"freeze", no_argument, NULL, OPT_FREEZE},
	{"give-up", required_argument, NULL, OPT_GIVE_UP},
	{"seed", required_argument, NULL, OPT_SEED},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

void
options_parse(int argc, char **argv)
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
			case OPT_BREAKER:
				options.breaker = optarg;
				break;
			case OPT_FUNCTIONS:
				options.functions = parse_count(name, optarg, 1, 10000);
				break;
			case OPT_THINK:
				options.think = parse_duration(name, optarg, USEC_PER_MS);
				break;
			case OPT_TIMEOUT:
				options.timeout = parse_duration(name, optarg, USEC_PER_MS);
				break;
			case OPT_UP:
				options.up = parse_duration(name, optarg, USEC_PER_S);
				break;
			case OPT_DOWN:
				options.down = parse_duration(name, optarg, USEC_PER_S);
				break;
			case OPT_FREEZE:
				options.freeze = true;
				break;
			case OPT_GIVE_UP:
				options.give_up = parse_duration(name, optarg, USEC_PER_S);
				break;
			case OPT_SEED:
				options.seed = (uint64_t) parse_count(name, optarg, 0, 1000000000);
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
	if (options.freeze && options.breaker == NULL)
		bad_usage("--freeze needs --breaker: without one there is no permit");
}
