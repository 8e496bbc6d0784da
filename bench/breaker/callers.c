/*-------------------------------------------------------------------------
 *
 * callers.c
 *		Functions that call a dependency which fails for a while and then heals,
 *		with a circuit breaker or without.
 *
 *		log in		all, a few at a time			[log_in_all]
 *		up			all is well
 *		down		the dependency fails
 *		healed		until the breaker is closed		[run]
 *		report		what reached it, and when		[report]
 *
 * Beside the functions somebody looks at the breaker's state all the time.
 *
 * IDENTIFICATION
 *	  bench/breaker/callers.c
 *-------------------------------------------------------------------------
 */
#include "dependency.h"
#include "function.h"
#include "options.h"
#include "querier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Logins under way at once. */
#define LOGINS_AT_ONCE	16

/* How often the breaker's state is looked at: the error of the times that are reported. */
#define LOOK_EVERY	(5 * USEC_PER_MS)

/* The run goes on for so long when all is over. */
#define AFTERWARDS	(1 * USEC_PER_S)

#define MAX_CHANGES	64
#define MAX_SECONDS	600

typedef struct Change
{
	Usec		at;
	char		state[16];
} Change;

static Function *functions;

static Querier watcher;
static char *watch_query;
static Change changes[MAX_CHANGES];
static int	nchanges;

static Usec entered_at[PHASE_COUNT];
static uint64_t reached[PHASE_COUNT][MAX_SECONDS];	/* calls, by the end of each second */
static int	nseconds[PHASE_COUNT];
static uint64_t refused_while[PHASE_COUNT];

static const char *
next_look(void *owner)
{
	(void) owner;
	return watch_query;
}

static void
note_state(void *owner, const PGresult *result)
{
	const char *state;

	(void) owner;
	if (PQntuples(result) != 1)
		die("there is no breaker \"%s\"", options.breaker);
	state = PQgetvalue(result, 0, 0);
	if (nchanges > 0 && strcmp(changes[nchanges - 1].state, state) == 0)
		return;
	if (nchanges == MAX_CHANGES)
		die("the breaker changes too often");
	changes[nchanges].at = clock_now();
	snprintf(changes[nchanges].state, sizeof(changes[nchanges].state), "%s", state);
	nchanges++;
}

static void
watch(void)
{
	PGconn	   *connection = blocking_connect(options.dsn, NULL);
	char	   *name = PQescapeLiteral(connection, options.breaker, strlen(options.breaker));

	if (name == NULL || asprintf(&watch_query, "SELECT state FROM governor.breakers WHERE name = %s", name) < 0)
		die("out of memory");
	PQfreemem(name);
	PQfinish(connection);
	watcher.next = next_look;
	watcher.got = note_state;
	watcher.pause = LOOK_EVERY;
	querier_start(&watcher, options.dsn, NULL);
}

/* When the breaker was first seen in a state, from `since` on; or NEVER. */
static Usec
first_seen(const char *state, Usec since)
{
	for (int i = 0; i < nchanges; i++)
	{
		if (changes[i].at >= since && strcmp(changes[i].state, state) == 0)
			return changes[i].at;
	}
	return NEVER;
}

static bool
is_closed(void)
{
	return nchanges > 0 && strcmp(changes[nchanges - 1].state, "closed") == 0;
}

static long
count_in(FunctionState state)
{
	long		count = 0;

	for (long i = 0; i < options.functions; i++)
	{
		if (functions[i].state == state)
			count++;
	}
	return count;
}

static void
log_in_all(void)
{
	long		next = 0;

	while (next < options.functions || count_in(FUNCTION_CONNECTING) > 0)
	{
		for (long busy = next - count_in(FUNCTION_READY);
			 busy < LOGINS_AT_ONCE && next < options.functions; busy++)
			function_connect(&functions[next++]);
		loop_turn();
	}
}

/* The end of the second of a phase that is now: what has come by then is overwritten until it is over. */
static void
note_second(Phase phase, Usec now)
{
	Usec		second = (now - entered_at[phase]) / USEC_PER_S;

	if (second >= MAX_SECONDS)
		die("a phase takes too long");
	reached[phase][second] = dependency_calls(phase);
	nseconds[phase] = (int) second + 1;
}

/* Turns the loop for a while; until_closed: or until the breaker is closed. */
static void
turn(Usec duration, bool until_closed)
{
	Phase		phase = dependency_phase();
	Usec		now = clock_now();
	Usec		end = now + duration;
	uint64_t	refused = function_tally.refused;

	while (now < end && !(until_closed && is_closed()))
	{
		loop_turn();
		now = clock_now();
		note_second(phase, now);
	}
	refused_while[phase] += function_tally.refused - refused;
}

static void
enter(Phase phase)
{
	entered_at[phase] = clock_now();
	dependency_enter(phase);
}

static void
run(void)
{
	enter(PHASE_UP);
	for (long i = 0; i < options.functions; i++)
		function_begin(&functions[i]);
	turn(options.up, false);

	enter(PHASE_DOWN);
	turn(options.down, false);

	function_freeze_next = options.freeze;
	enter(PHASE_HEALED);
	if (options.breaker != NULL)
		turn(options.give_up, true);
	turn(AFTERWARDS, false);
}

/* A line "name number", in ms since a moment; nothing if it did not come. */
static void
print_time(const char *name, Usec at, Usec since)
{
	if (at != NEVER && at != 0)
		printf("%s %.0f\n", name, (double) (at - since) / USEC_PER_MS);
}

static void
report(void)
{
	static const char *const names[PHASE_COUNT] = {"up", "down", "healed"};
	Usec		failed_at = entered_at[PHASE_DOWN];
	Usec		healed_at = entered_at[PHASE_HEALED];

	printf("seconds_down %.3f\n", (double) (healed_at - failed_at) / USEC_PER_S);
	for (int phase = 0; phase < PHASE_COUNT; phase++)
		printf("reached_%s %llu\nrefused_%s %llu\n",
			   names[phase], (unsigned long long) dependency_calls((Phase) phase),
			   names[phase], (unsigned long long) refused_while[phase]);
	printf("ok %llu\nerrors %llu\ntimeouts %llu\n", (unsigned long long) function_tally.ok,
		   (unsigned long long) function_tally.errors, (unsigned long long) function_tally.timeouts);
	if (options.breaker != NULL)
	{
		print_time("opened_ms", first_seen("open", failed_at), failed_at);
		print_time("frozen_ms", function_frozen_at, healed_at);
		/* it may be seen as closed at healing only if it never opened, which is no recovery */
		if (first_seen("open", failed_at) < healed_at)
			print_time("recovered_ms", first_seen("closed", healed_at), healed_at);
	}
	for (int phase = 0; phase < PHASE_COUNT; phase++)
	{
		printf("each_second_%s", names[phase]);
		for (int second = 0; second < nseconds[phase]; second++)
		{
			uint64_t	calls = reached[phase][second] - (second > 0 ? reached[phase][second - 1] : 0);

			/* the last second is a part of one, of a few ms perhaps */
			if (calls > 0 || second < nseconds[phase] - 1)
				printf(" %llu", (unsigned long long) calls);
		}
		putchar('\n');
	}
	if (options.breaker != NULL)
	{
		printf("states");
		for (int i = 0; i < nchanges; i++)
			printf("%s %s at %.2f s", i > 0 ? "," : "", changes[i].state, (double) (changes[i].at - failed_at) / USEC_PER_S);
		putchar('\n');
	}
}

int
main(int argc, char **argv)
{
	program = "callers";
	options_parse(argc, argv);
	chance_seed(options.seed);
	dependency_start();

	functions = allocate((size_t) options.functions, sizeof(Function));
	log_in_all();
	if (options.breaker != NULL)
		watch();
	run();
	report();

	for (long i = 0; i < options.functions; i++)
		function_close(&functions[i]);
	link_close(&watcher.link);
	dependency_stop();
	free(functions);
	return EXIT_SUCCESS;
}
