/*-------------------------------------------------------------------------
 *
 * options.c
 *		What the user asked for: parsing, defaults, checks.
 *
 * Everything that can be wrong with the options is found here, before the
 * first connection, with a hint how to do better.
 *
 * IDENTIFICATION
 *	  bench/fleet/options.c
 *
 *-------------------------------------------------------------------------
 */
#include "options.h"

#include "help.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENVIRONMENTS	100000
#define MAX_APP_POOL		10000
#define MAX_DURATION		(7 * 24 * 3600 * USEC_PER_S)
#define NO_LIMIT			INT32_MAX

enum
{
	OPT_DSN = 256,
	OPT_ENVIRONMENTS,
	OPT_ARRIVAL,
	OPT_COLD_START,
	OPT_SECOND_WAVE_AFTER,
	OPT_PLATFORM,
	OPT_FUNCTION,
	OPT_VERSION,
	OPT_SECOND_VERSION,
	OPT_INVOCATIONS,
	OPT_DURATION,
	OPT_THINK,
	OPT_STATEMENT,
	OPT_TRANSACTION,
	OPT_PROTOCOL,
	OPT_ENDING,
	OPT_FREEZE_AFTER,
	OPT_THAW_AFTER,
	OPT_THAWS,
	OPT_GIVE_UP,
	OPT_BACKOFF_MIN,
	OPT_BACKOFF_MAX,
	OPT_APP_POOL,
	OPT_APP_STATEMENT,
	OPT_APP_THINK,
	OPT_APP_DSN,
	OPT_APP_NAME,
	OPT_HUMAN_LOGIN_INTERVAL,
	OPT_HUMAN_DSN,
	OPT_HUMAN_NAME,
	OPT_WARM_UP,
	OPT_HOLD,
	OPT_HOLD_FOR,
	OPT_READY_FILE,
	OPT_SEED,
	OPT_SERIES,
	OPT_SERIES_EVERY,
	OPT_JSON,
	OPT_PROGRESS,
	OPT_QUIET,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"dsn", required_argument, NULL, OPT_DSN},
	{"environments", required_argument, NULL, OPT_ENVIRONMENTS},
	{"arrival", required_argument, NULL, OPT_ARRIVAL},
	{"cold-start", required_argument, NULL, OPT_COLD_START},
	{"second-wave-after", required_argument, NULL, OPT_SECOND_WAVE_AFTER},
	{"platform", required_argument, NULL, OPT_PLATFORM},
	{"function", required_argument, NULL, OPT_FUNCTION},
	{"version", required_argument, NULL, OPT_VERSION},
	{"second-version", required_argument, NULL, OPT_SECOND_VERSION},
	{"invocations", required_argument, NULL, OPT_INVOCATIONS},
	{"duration", required_argument, NULL, OPT_DURATION},
	{"think", required_argument, NULL, OPT_THINK},
	{"statement", required_argument, NULL, OPT_STATEMENT},
	{"transaction", no_argument, NULL, OPT_TRANSACTION},
	{"protocol", required_argument, NULL, OPT_PROTOCOL},
	{"ending", required_argument, NULL, OPT_ENDING},
	{"freeze-after", required_argument, NULL, OPT_FREEZE_AFTER},
	{"thaw-after", required_argument, NULL, OPT_THAW_AFTER},
	{"thaws", required_argument, NULL, OPT_THAWS},
	{"give-up", required_argument, NULL, OPT_GIVE_UP},
	{"backoff-min", required_argument, NULL, OPT_BACKOFF_MIN},
	{"backoff-max", required_argument, NULL, OPT_BACKOFF_MAX},
	{"app-pool", required_argument, NULL, OPT_APP_POOL},
	{"app-statement", required_argument, NULL, OPT_APP_STATEMENT},
	{"app-think", required_argument, NULL, OPT_APP_THINK},
	{"app-dsn", required_argument, NULL, OPT_APP_DSN},
	{"app-name", required_argument, NULL, OPT_APP_NAME},
	{"human-login-interval", required_argument, NULL, OPT_HUMAN_LOGIN_INTERVAL},
	{"human-dsn", required_argument, NULL, OPT_HUMAN_DSN},
	{"human-name", required_argument, NULL, OPT_HUMAN_NAME},
	{"warm-up", required_argument, NULL, OPT_WARM_UP},
	{"hold", no_argument, NULL, OPT_HOLD},
	{"hold-for", required_argument, NULL, OPT_HOLD_FOR},
	{"ready-file", required_argument, NULL, OPT_READY_FILE},
	{"seed", required_argument, NULL, OPT_SEED},
	{"series", required_argument, NULL, OPT_SERIES},
	{"series-every", required_argument, NULL, OPT_SERIES_EVERY},
	{"json", required_argument, NULL, OPT_JSON},
	{"progress", no_argument, NULL, OPT_PROGRESS},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void bad_usage(const char *hint, const char *format,...)
			__attribute__((noreturn, format(printf, 2, 3)));

static void
bad_usage(const char *hint, const char *format,...)
{
	va_list		arguments;

	fputs("fleet: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\nhint: %s\n", hint != NULL ? hint : "Try fleet --help.");
	exit(EXIT_BAD_USAGE);
}

/* ---------------------------------------------------------------- values */

static int
parse_count(const char *option, const char *text, int low, int high)
{
	char	   *end;
	long long	value;
	char		hint[80];

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || value < low || value > high)
	{
		if (high == NO_LIMIT)
			snprintf(hint, sizeof(hint), "It is a whole number, at least %d.", low);
		else
			snprintf(hint, sizeof(hint), "It is a whole number from %d to %d.", low, high);
		bad_usage(hint, "--%s cannot be \"%s\"", option, text);
	}
	return (int) value;
}

static Usec
parse_duration(const char *option, const char *text, Usec unit, Usec low)
{
	static const struct
	{
		const char *name;
		Usec		unit;
	}			units[] = {
		{"ms", USEC_PER_MS}, {"s", USEC_PER_S}, {"min", 60 * USEC_PER_S},
	};
	char	   *end;
	double		value;
	char		hint[120];
	bool		known;

	errno = 0;
	value = strtod(text, &end);
	known = end != text && errno == 0 && *end == '\0';
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]) && end != text; i++)
	{
		if (strcmp(end, units[i].name) == 0)
		{
			unit = units[i].unit;
			known = true;
		}
	}
	value *= (double) unit;
	/* Written so that NaN is out of range too. */
	if (!known || !(value >= (double) low && value <= (double) MAX_DURATION))
	{
		snprintf(hint, sizeof(hint), "It is a duration like 250ms, 1.5s or 2min, at least %lldms "
				 "and at most a week.", (long long) (low / USEC_PER_MS));
		bad_usage(hint, "--%s cannot be \"%s\"", option, text);
	}
	return (Usec) value;
}

static double
parse_rate(const char *option, const char *text)
{
	char	   *end;
	double		rate;

	if (strcmp(text, "all") == 0)
		return 0;
	rate = strtod(text, &end);
	if (end == text || (*end != '\0' && strcmp(end, "/s") != 0) ||
		!(rate >= 0.001 && rate <= 1e6))
		bad_usage("It is \"all\" (at once) or a rate like 50/s.",
				  "--%s cannot be \"%s\"", option, text);
	return rate;
}

static uint64_t
parse_seed(const char *option, const char *text)
{
	char	   *end;
	uint64_t	seed;

	errno = 0;
	seed = strtoull(text, &end, 0);
	if (end == text || *end != '\0' || errno != 0 || text[0] == '-')
		bad_usage("It is a whole number, not negative.", "--%s cannot be \"%s\"", option, text);
	return seed;
}

static Protocol
parse_protocol(const char *text)
{
	if (strcmp(text, "simple") == 0)
		return PROTOCOL_SIMPLE;
	if (strcmp(text, "extended") == 0)
		return PROTOCOL_EXTENDED;
	if (strcmp(text, "prepared") == 0)
		return PROTOCOL_PREPARED;
	bad_usage("It is simple, extended or prepared.", "--protocol cannot be \"%s\"", text);
}

static const char *
parse_name(const char *option, const char *text)
{
	size_t		length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char) text[i]) && text[i] != ' ')
			bad_usage("The server replaces other bytes by question marks.",
					  "--%s is not printable ASCII", option);
	if (length == 0 || length >= APPLICATION_NAME_SIZE)
		bad_usage("It has 1 to 63 bytes.", "--%s cannot be \"%s\"", option, text);
	return text;
}

static const char *
parse_identity_part(const char *option, const char *text)
{
	if (strchr(parse_name(option, text), ':') != NULL)
		bad_usage("Colons separate the parts of an identity.",
				  "--%s cannot be \"%s\"", option, text);
	return text;
}

static void
parse_endings(int share[ENDINGS], const char *text)
{
	static const char hint[] = "It is a list like idle=60,transaction=20,die=10,live=10; the kinds "
		"are idle, transaction, die, quit, live.";
	const char *at = text;
	int			sum = 0;

	memset(share, 0, sizeof(int) * ENDINGS);
	for (;;)
	{
		size_t		length = strcspn(at, "=");
		int			ending;
		char	   *end;
		long		percent;

		for (ending = 0; ending < ENDINGS; ending++)
			if (strlen(ending_name(ending)) == length &&
				strncmp(at, ending_name(ending), length) == 0)
				break;
		if (ending == ENDINGS || at[length] != '=')
			bad_usage(hint, "--ending cannot be \"%s\"", text);
		at += length + 1;
		percent = strtol(at, &end, 10);
		if (end == at || percent < 0 || percent > 100 || (*end != ',' && *end != '\0'))
			bad_usage(hint, "--ending cannot be \"%s\"", text);
		share[ending] += (int) percent;
		sum += (int) percent;
		if (*end == '\0')
			break;
		at = end + 1;
	}
	if (sum != 100)
		bad_usage("The percentages of all kinds add up to 100.",
				  "the shares in --ending add up to %d", sum);
}

static void
add_statement(const char *option, Script *script, const char *argument)
{
	const char *problem = script_add(script, argument);

	if (problem != NULL)
		bad_usage("It is SQL or @FILE.  In a file each statement ends with a semicolon at the end "
				  "of a line.", "--%s \"%s\": %s", option, argument, problem);
}

/* ---------------------------------------------------------------- checks */

static void
check_dsn(const char *option, const char *dsn)
{
	char	   *message = NULL;
	PQconninfoOption *parsed;

	/* Otherwise it is just the name of a database. */
	if (strchr(dsn, '=') == NULL && strstr(dsn, "://") == NULL)
		return;
	parsed = PQconninfoParse(dsn, &message);
	if (parsed == NULL)
		bad_usage("It is a libpq connection string like \"host=127.0.0.1 dbname=shop\".",
				  "--%s cannot be used: %.*s", option,
				  message != NULL ? (int) strcspn(message, "\n") : 0,
				  message != NULL ? message : "");
	PQconninfoFree(parsed);
}

static void
check_identity(const Options *options, const char *version)
{
	size_t		length = strlen("faas::::") + strlen(options->platform) +
		strlen(options->function) + strlen(version) + INSTANCE_DIGITS;

	if (length >= APPLICATION_NAME_SIZE)
		bad_usage("Shorten --platform, --function or --version: the server cuts the name, and "
				  "the instance is lost.",
				  "the identity in application_name would have %zu bytes, at most %d fit",
				  length, APPLICATION_NAME_SIZE - 1);
}

static void
check(const Options *options)
{
	bool		freezes = options->ending_share[ENDING_IDLE] > 0 ||
		options->ending_share[ENDING_TRANSACTION] > 0;

	check_dsn("dsn", options->dsn);
	check_dsn("app-dsn", options->app_dsn);
	for (int i = 0; i < options->humans; i++)
		check_dsn("human-dsn", options->human_dsn[i]);
	for (const char *at = options->platform; *at != '\0'; at++)
		if (isupper((unsigned char) *at))
			bad_usage("Platforms are in lower case: lambda, cloudrun, azure, vercel.",
					  "--platform cannot be \"%s\"", options->platform);
	check_identity(options, options->version);
	check_identity(options, options->second_version);
	if (options->backoff_min > options->backoff_max)
		bad_usage("Raise --backoff-max or lower --backoff-min.",
				  "--backoff-min is longer than --backoff-max");
	if (options->thaw_after > 0 && !freezes)
		bad_usage("Add idle or transaction to --ending.",
				  "--thaw-after is given, but no environment freezes");
	if (options->environments == 0)
	{
		if (options->app_pool == 0 && options->human_interval == 0)
			bad_usage("Give --environments, --app-pool or --human-login-interval.",
					  "there is nothing to do");
		if (options->duration == 0 && !options->hold)
			bad_usage("Give --duration, or --hold.",
					  "without environments the run would have no end");
		if (options->second_wave_after > 0)
			bad_usage("Give --environments.", "a second wave needs a first one");
	}
}

/* -------------------------------------------------------------- together */

static void
set_defaults(Options *options)
{
	memset(options, 0, sizeof(*options));
	options->dsn = "";
	options->environments = 10;
	options->think = USEC_PER_S;
	options->platform = "lambda";
	options->function = "checkout";
	options->version = "1";
	options->ending_share[ENDING_IDLE] = 100;
	options->thaws = 1;
	options->give_up = 10 * USEC_PER_S;
	options->backoff_min = 100 * USEC_PER_MS;
	options->backoff_max = 5 * USEC_PER_S;
	options->app_name = "app";
	options->human_name = "human";
	options->series_every = USEC_PER_S;
	options->seed = 1;
}

static void
set_dependent_defaults(Options *options, bool transaction)
{
	if (options->app_dsn == NULL)
		options->app_dsn = options->dsn;
	if (options->humans == 0)
		options->human_dsn[options->humans++] = options->dsn;
	if (options->second_version == NULL)
		options->second_version = options->version;
	if (options->invocations == 0 && options->duration == 0)
		options->invocations = 1;
	if (options->script.length == 0)
		add_statement("statement", &options->script, "SELECT 1");
	if (options->app_script.length == 0)
		add_statement("app-statement", &options->app_script, "SELECT 1");
	add_statement("human-login-interval", &options->human_script, "SELECT 1");

	add_statement("ending", &options->commit_script, "COMMIT");
	add_statement("ending", &options->hang_script, "BEGIN");
	if (script_add_work_of(&options->hang_script, &options->script) != NULL)
		bad_usage("At most about twenty are possible.", "there are too many statements");
	if (options->hang_script.length == 1)
		add_statement("ending", &options->hang_script, "SELECT 1");

	if (transaction)
	{
		Script		bare = options->script;

		memset(&options->script, 0, sizeof(Script));
		add_statement("transaction", &options->script, "BEGIN");
		if (script_add_work_of(&options->script, &bare) != NULL)
			bad_usage("At most about twenty are possible.", "there are too many statements");
		add_statement("transaction", &options->script, "COMMIT");
		script_free(&bare);
	}
}

void
options_parse(Options *options, int argc, char **argv)
{
	bool		transaction = false;
	int			choice;
	int			index = 0;

	set_defaults(options);
	opterr = 0;
	while ((choice = getopt_long(argc, argv, ":", long_options, &index)) != -1)
	{
		const char *name = long_options[index].name;

		switch (choice)
		{
			case OPT_DSN: options->dsn = optarg; break;
			case OPT_ENVIRONMENTS:
				options->environments = parse_count(name, optarg, 0, MAX_ENVIRONMENTS);
				break;
			case OPT_ARRIVAL: options->arrival_rate = parse_rate(name, optarg); break;
			case OPT_COLD_START:
				options->cold_start = parse_duration(name, optarg, USEC_PER_MS, 0);
				break;
			case OPT_SECOND_WAVE_AFTER:
				options->second_wave_after = parse_duration(name, optarg, USEC_PER_S, USEC_PER_MS);
				break;
			case OPT_PLATFORM: options->platform = parse_identity_part(name, optarg); break;
			case OPT_FUNCTION: options->function = parse_identity_part(name, optarg); break;
			case OPT_VERSION: options->version = parse_identity_part(name, optarg); break;
			case OPT_SECOND_VERSION:
				options->second_version = parse_identity_part(name, optarg);
				break;
			case OPT_INVOCATIONS:
				options->invocations = parse_count(name, optarg, 1, NO_LIMIT);
				break;
			case OPT_DURATION:
				options->duration = parse_duration(name, optarg, USEC_PER_S, USEC_PER_MS);
				break;
			case OPT_THINK: options->think = parse_duration(name, optarg, USEC_PER_MS, 0); break;
			case OPT_STATEMENT: add_statement(name, &options->script, optarg); break;
			case OPT_TRANSACTION: transaction = true; break;
			case OPT_PROTOCOL: options->protocol = parse_protocol(optarg); break;
			case OPT_ENDING: parse_endings(options->ending_share, optarg); break;
			case OPT_FREEZE_AFTER:
				options->freeze_after = parse_duration(name, optarg, USEC_PER_MS, 0);
				break;
			case OPT_THAW_AFTER:
				options->thaw_after = parse_duration(name, optarg, USEC_PER_S, USEC_PER_MS);
				break;
			case OPT_THAWS: options->thaws = parse_count(name, optarg, 1, NO_LIMIT); break;
			case OPT_GIVE_UP:
				options->give_up = parse_duration(name, optarg, USEC_PER_S, USEC_PER_MS);
				break;
			case OPT_BACKOFF_MIN:
				options->backoff_min = parse_duration(name, optarg, USEC_PER_MS, USEC_PER_MS);
				break;
			case OPT_BACKOFF_MAX:
				options->backoff_max = parse_duration(name, optarg, USEC_PER_MS, USEC_PER_MS);
				break;
			case OPT_APP_POOL:
				options->app_pool = parse_count(name, optarg, 0, MAX_APP_POOL);
				break;
			case OPT_APP_STATEMENT: add_statement(name, &options->app_script, optarg); break;
			case OPT_APP_THINK:
				options->app_think = parse_duration(name, optarg, USEC_PER_MS, 0);
				break;
			case OPT_APP_DSN: options->app_dsn = optarg; break;
			case OPT_APP_NAME: options->app_name = parse_name(name, optarg); break;
			case OPT_HUMAN_LOGIN_INTERVAL:
				options->human_interval = parse_duration(name, optarg, USEC_PER_MS, USEC_PER_MS);
				break;
			case OPT_HUMAN_DSN:
				if (options->humans == HUMANS)
					bad_usage("Start another fleet with --environments=0 for more.",
							  "--human-dsn can be given twice at most");
				options->human_dsn[options->humans++] = optarg;
				break;
			case OPT_HUMAN_NAME: options->human_name = parse_name(name, optarg); break;
			case OPT_WARM_UP: options->warm_up = parse_duration(name, optarg, USEC_PER_S, 0); break;
			case OPT_HOLD: options->hold = true; break;
			case OPT_HOLD_FOR:
				options->hold = true;
				options->hold_for = parse_duration(name, optarg, USEC_PER_S, USEC_PER_MS);
				break;
			case OPT_READY_FILE: options->ready_file = optarg; break;
			case OPT_SEED: options->seed = parse_seed(name, optarg); break;
			case OPT_SERIES: options->series_file = optarg; break;
			case OPT_SERIES_EVERY:
				options->series_every = parse_duration(name, optarg, USEC_PER_MS, 10 * USEC_PER_MS);
				break;
			case OPT_JSON: options->json_file = optarg; break;
			case OPT_PROGRESS: options->progress = true; break;
			case OPT_QUIET: options->quiet = true; break;
			case OPT_HELP: help_print(); exit(0);
			case ':': bad_usage(NULL, "\"%s\" needs a value", argv[optind - 1]);
			default: bad_usage(NULL, "\"%s\" is not an option", argv[optind - 1]);
		}
	}
	if (optind < argc)
		bad_usage("Every argument belongs to an option, like --environments=100.",
				  "\"%s\" is not an option", argv[optind]);
	set_dependent_defaults(options, transaction);
	check(options);
}

void
options_free(Options *options)
{
	script_free(&options->script);
	script_free(&options->hang_script);
	script_free(&options->commit_script);
	script_free(&options->app_script);
	script_free(&options->human_script);
}
