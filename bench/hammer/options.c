/*-------------------------------------------------------------------------
 *
 * options.c
 *		The command line of hammer.
 *
 * IDENTIFICATION
 *	  bench/hammer/options.c
 *-------------------------------------------------------------------------
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Options		options = {
	.dsn = "",
	.sessions = 2,
	.askers = 3,
	.way = WAY_RECLAIM,
	.requests = 100000,
	.rest = USEC_PER_MS,
	.transactions = 25,
	.long_statements = 3,
	.give_up = 1800 * USEC_PER_S,
	.seed = 1,
};

static const char *const protocol_names[] = {
	[PROTOCOL_SIMPLE] = "simple",
	[PROTOCOL_EXTENDED] = "extended",
	[PROTOCOL_PREPARED] = "prepared",
	[PROTOCOL_PIECEWISE] = "piecewise",
	[PROTOCOL_PIPELINE] = "pipeline",
	[PROTOCOL_SYNCS] = "syncs",
	[PROTOCOL_COPY_IN] = "copy_in",
	[PROTOCOL_COPY_OUT] = "copy_out",
	[PROTOCOL_FASTPATH] = "fastpath",
	[PROTOCOL_CURSOR] = "cursor",
	[PROTOCOL_PARTS] = "parts",
};

static const char *const way_names[] = {
	[WAY_RECLAIM] = "reclaim",
	[WAY_TERMINATE] = "terminate",
	[WAY_TERMINATE_LIST] = "terminate-list",
	[WAY_NOBODY] = "nobody",
};

#define LENGTH(array)	((int) (sizeof(array) / sizeof((array)[0])))

const char *
protocol_name(Protocol protocol)
{
	return protocol_names[protocol];
}

const char *
way_name(Way way)
{
	return way_names[way];
}

bool
options_governed(void)
{
	return options.way == WAY_RECLAIM || options.way == WAY_NOBODY;
}

static void
print_help(void)
{
	fputs(
		  "hammer asks sessions to end, again and again, while they alternate between very\n"
		  "short statements and very short rests, and proves that nothing that began was cut:\n"
		  "each statement counts in one sequence as it begins and in another as it finishes,\n"
		  "and sequences survive an abort.\n"
		  "\n"
		  "Usage:\n"
		  "  hammer [OPTION]...\n"
		  "\n"
		  "  --dsn=DSN            connection of a superuser (default: the PG* variables)\n"
		  "  --transport=NAME:DSN a way in which the sessions under fire connect; may be\n"
		  "                       repeated (default: one named dsn, as --dsn)\n"
		  "  --requests=N         run until so many requests were answered, and\n"
		  "                         some in every pair (default 100000)\n"
		  "  --give-up=S          or for S seconds at most (default 1800)\n"
		  "\n"
		  "Who asks:\n"
		  "  --ask=WAY            reclaim         governor.reclaim() on every session (default)\n"
		  "                       nobody          only the timeouts below\n"
		  "                       terminate       SIGTERM to those that pg_stat_activity says\n"
		  "                                       are idle, in one query; without pg_governor\n"
		  "                       terminate-list  the same in two queries: list, then end\n"
		  "  --askers=N           so many sessions ask in a tight loop (default 3)\n"
		  "  --overlap            each of them asks every session, not only its share\n"
		  "  --idle-timeout=MS    the governor asks too, by these timeouts (default 0: no);\n"
		  "  --idle-in-transaction-timeout=MS   governor.mode must be enforce\n"
		  "\n"
		  "The sessions:\n"
		  "  --sessions=N         so many for each transport and protocol (default 2); one that\n"
		  "                       is ended connects again\n"
		  "  --rest=MS            they rest from 0 to so long between statements (default 1)\n"
		  "  --protocol=NAME,...  simple; extended; prepared; piecewise: extended with a rest\n"
		  "                       between Execute and Sync; pipeline: several statements in\n"
		  "                       flight; syncs: the same, each with its Sync; copy_in,\n"
		  "                       copy_out; fastpath: function calls; cursor; parts: messages\n"
		  "                       that arrive in parts (default: all)\n"
		  "  --transactions=PERCENT     of their rounds are a transaction of several statements\n"
		  "                       with rests between (default 25)\n"
		  "  --long=PERCENT       of the statements are of some ten thousand bytes, which\n"
		  "                       arrive in pieces (default 3)\n"
		  "  --seed=N             other chances (default 1)\n"
		  "\n"
		  "  --expect-clean       exit with 1 unless sessions were ended and nothing was cut\n"
		  "  --keep               leave schemas, roles, classes and rules behind\n"
		  "  --progress           a line for every second on stderr\n"
		  "  --help               this text\n"
		  "\n"
		  "For each transport and protocol it creates a role hammer_..., a schema of that name,\n"
		  "and for pg_governor a class and a rule, and drops them in the end, with whatever\n"
		  "else has such a name: use a throw-away cluster.  The database of --dsn must be the\n"
		  "one that governor.database names.\n"
		  "\n"
		  "Exit status: 0 the run was completed (and, with --expect-clean, was clean); 1 not;\n"
		  "2 bad usage.\n",
		  stdout);
}

static void
parse_protocols(const char *text)
{
	char		copy[256];
	char	   *rest = NULL;

	if (strlen(text) >= sizeof(copy))
		bad_usage("--protocol is too long");
	strcpy(copy, text);
	options.nprotocols = 0;
	for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest))
	{
		int			found = -1;

		for (int i = 0; i < LENGTH(protocol_names); i++)
		{
			if (strcmp(word, protocol_names[i]) == 0)
				found = i;
		}
		if (found < 0)
			bad_usage("--protocol knows no \"%s\"", word);
		if (options.nprotocols == PROTOCOL_COUNT)
			bad_usage("--protocol takes at most %d names", PROTOCOL_COUNT);
		options.protocols[options.nprotocols++] = (Protocol) found;
	}
	if (options.nprotocols == 0)
		bad_usage("--protocol needs a name");
}

static Way
parse_way(const char *text)
{
	for (int i = 0; i < LENGTH(way_names); i++)
	{
		if (strcmp(text, way_names[i]) == 0)
			return (Way) i;
	}
	bad_usage("--ask knows no \"%s\"", text);
}

static void
parse_transport(const char *text)
{
	const char *colon = strchr(text, ':');
	size_t		length = colon != NULL ? (size_t) (colon - text) : 0;
	Transport  *transport;

	if (options.ntransports == MAX_TRANSPORTS)
		bad_usage("--transport may be repeated %d times", MAX_TRANSPORTS);
	transport = &options.transports[options.ntransports++];
	if (length == 0 || length >= NAME_SIZE ||
		strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789") != length)
		bad_usage("--transport takes NAME:DSN, the name of small letters and digits, not \"%s\"", text);
	memcpy(transport->name, text, length);
	transport->dsn = colon + 1;
}

enum
{
	OPT_DSN = 1, OPT_TRANSPORT, OPT_REQUESTS, OPT_GIVE_UP, OPT_ASK, OPT_ASKERS, OPT_OVERLAP,
	OPT_IDLE, OPT_IDLE_IN_TRANSACTION, OPT_SESSIONS, OPT_REST, OPT_PROTOCOL, OPT_TRANSACTIONS,
	OPT_LONG, OPT_SEED, OPT_EXPECT_CLEAN, OPT_KEEP, OPT_PROGRESS, OPT_HELP,
};

static const struct option long_options[] = {
	{"dsn", required_argument, NULL, OPT_DSN},
	{"transport", required_argument, NULL, OPT_TRANSPORT},
	{"requests", required_argument, NULL, OPT_REQUESTS},
	{"give-up", required_argument, NULL, OPT_GIVE_UP},
	{"ask", required_argument, NULL, OPT_ASK},
	{"askers", required_argument, NULL, OPT_ASKERS},
	{"overlap", no_argument, NULL, OPT_OVERLAP},
	{"idle-timeout", required_argument, NULL, OPT_IDLE},
	{"idle-in-transaction-timeout", required_argument, NULL, OPT_IDLE_IN_TRANSACTION},
	{"sessions", required_argument, NULL, OPT_SESSIONS},
	{"rest", required_argument, NULL, OPT_REST},
	{"protocol", required_argument, NULL, OPT_PROTOCOL},
	{"transactions", required_argument, NULL, OPT_TRANSACTIONS},
	{"long", required_argument, NULL, OPT_LONG},
	{"seed", required_argument, NULL, OPT_SEED},
	{"expect-clean", no_argument, NULL, OPT_EXPECT_CLEAN},
	{"keep", no_argument, NULL, OPT_KEEP},
	{"progress", no_argument, NULL, OPT_PROGRESS},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void
parse_one(int option, const char *name)
{
	switch (option)
	{
		case OPT_DSN:
			options.dsn = optarg;
			break;
		case OPT_TRANSPORT:
			parse_transport(optarg);
			break;
		case OPT_REQUESTS:
			options.requests = parse_count(name, optarg, 1, 100000000);
			break;
		case OPT_GIVE_UP:
			options.give_up = parse_duration(name, optarg, USEC_PER_S);
			break;
		case OPT_ASK:
			options.way = parse_way(optarg);
			break;
		case OPT_ASKERS:
			options.askers = (int) parse_count(name, optarg, 1, 64);
			break;
		case OPT_OVERLAP:
			options.overlap = true;
			break;
		case OPT_IDLE:
			options.idle_timeout = parse_duration(name, optarg, USEC_PER_MS);
			break;
		case OPT_IDLE_IN_TRANSACTION:
			options.idle_in_transaction_timeout = parse_duration(name, optarg, USEC_PER_MS);
			break;
		case OPT_SESSIONS:
			options.sessions = (int) parse_count(name, optarg, 1, 100);
			break;
		case OPT_REST:
			options.rest = parse_duration(name, optarg, USEC_PER_MS);
			break;
		case OPT_PROTOCOL:
			parse_protocols(optarg);
			break;
		case OPT_TRANSACTIONS:
			options.transactions = (int) parse_count(name, optarg, 0, 100);
			break;
		case OPT_LONG:
			options.long_statements = (int) parse_count(name, optarg, 0, 100);
			break;
		case OPT_SEED:
			options.seed = (uint64_t) parse_count(name, optarg, 0, INT32_MAX);
			break;
		case OPT_EXPECT_CLEAN:
			options.expect_clean = true;
			break;
		case OPT_KEEP:
			options.keep = true;
			break;
		case OPT_PROGRESS:
			options.progress = true;
			break;
		case OPT_HELP:
			print_help();
			exit(EXIT_SUCCESS);
		default:
			exit(EXIT_BAD_USAGE);
	}
}

void
options_parse(int argc, char **argv)
{
	int			option;
	int			which = 0;

	while ((option = getopt_long(argc, argv, "", long_options, &which)) != -1)
		parse_one(option, option == '?' ? "" : long_options[which].name);
	if (optind < argc)
		bad_usage("there is no argument \"%s\"", argv[optind]);

	if (!options_governed() &&
		(options.idle_timeout > 0 || options.idle_in_transaction_timeout > 0))
		bad_usage("--ask=%s goes without pg_governor and its timeouts", way_name(options.way));
	if (options.way == WAY_NOBODY &&
		options.idle_timeout == 0 && options.idle_in_transaction_timeout == 0)
		bad_usage("--ask=nobody needs a timeout");
	if (options.ntransports == 0)
		options.transports[options.ntransports++] = (Transport) {"dsn", options.dsn};
	if (options.nprotocols == 0)
	{
		for (int i = 0; i < PROTOCOL_COUNT; i++)
			options.protocols[options.nprotocols++] = (Protocol) i;
	}
}
