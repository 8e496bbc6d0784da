/*-------------------------------------------------------------------------
 *
 * hammer.c
 *		Asks sessions to end at every moment, and proves that nothing that
 *		began was cut.
 *
 * One thread.  The run, top to bottom:
 *
 *		set up		roles, schemas, classes					[truth_set_up]
 *		fire		sessions alternate, askers ask			[session.c, ask_*]
 *					until enough requests were answered		[on_progress, on_asked]
 *		quiesce		askers stop, statements are answered	[stop_all]
 *		compare		what the server counted with what the	[truth_find_out, report]
 *					clients saw
 *
 * IDENTIFICATION
 *	  bench/hammer/hammer.c
 *-------------------------------------------------------------------------
 */
#include "basics.h"
#include "cell.h"
#include "link.h"
#include "options.h"
#include "querier.h"
#include "relay.h"
#include "session.h"
#include "truth.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY	USEC_PER_S
#define WATCH_EVERY		(50 * USEC_PER_MS)
#define PATIENCE		(60 * USEC_PER_S)

/* One who asks sessions to end. */
typedef struct Asker
{
	Querier		querier;
	char		sql[512];
	char	   *list;			/* WAY_TERMINATE_LIST: the query that ends those listed, or NULL */
} Asker;

static Session *sessions;
static int	nsessions;
static Asker *askers;
static Querier watcher;

static int64_t answered;		/* requests, as the watcher saw it last */
static int64_t calls;			/* of governor.reclaim() */
static int64_t calls_true;		/* that returned true */
static int64_t calls_false;
static int64_t kills;			/* SIGTERMs that were sent */
static Usec started;

/* Asking --------------------------------------------------------------- */

static int
nqueriers(void)
{
	return options.way == WAY_NOBODY ? 0 : options.askers;
}

/* Which sessions are an asker's: a share of them, or all. */
static void
write_share(char *into, size_t size, int number)
{
	if (options.overlap || options.askers == 1)
		into[0] = '\0';
	else
		snprintf(into, size, " AND pid %% %d = %d", options.askers, number);
}

static void
write_query(Asker *asker, int number)
{
	char		share[64];

	write_share(share, sizeof(share), number);
	switch (options.way)
	{
		case WAY_RECLAIM:
			snprintf(asker->sql, sizeof(asker->sql),
					 "SELECT count(*), count(*) FILTER (WHERE ended)"
					 " FROM (SELECT governor.reclaim(pid, 'hammer') AS ended FROM governor.sessions"
					 " WHERE usename " IS_OF_CELL "%s) asked", share);
			break;
		case WAY_TERMINATE:
			snprintf(asker->sql, sizeof(asker->sql),
					 "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity"
					 " WHERE usename " IS_OF_CELL " AND state = 'idle'%s", share);
			break;
		case WAY_TERMINATE_LIST:
			snprintf(asker->sql, sizeof(asker->sql),
					 "SELECT 'list', array_agg(pid) FROM pg_stat_activity"
					 " WHERE usename " IS_OF_CELL " AND state = 'idle'%s", share);
			break;
		case WAY_NOBODY:
			break;
	}
}

static const char *
next_query(void *owner)
{
	Asker	   *asker = owner;

	return asker->list != NULL ? asker->list : asker->sql;
}

/* A list of idle sessions has come: they are ended by the next query. */
static void
take_list(Asker *asker, const PGresult *result)
{
	static const char *const format =
	"SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM unnest('%s'::int[]) pid";
	const char *pids = PQgetvalue(result, 0, 1);
	size_t		size = strlen(format) + strlen(pids) + 1;

	if (pids[0] == '\0')
		return;
	asker->list = allocate(size, 1);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(asker->list, size, format, pids);
#pragma GCC diagnostic pop
}

static void
on_asked(void *owner, const PGresult *result)
{
	Asker	   *asker = owner;
	int64_t		first;

	if (options.way == WAY_TERMINATE_LIST && PQnfields(result) == 2)
	{
		take_list(asker, result);
		return;
	}
	first = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	if (options.way == WAY_RECLAIM)
	{
		int64_t		ended = strtoll(PQgetvalue(result, 0, 1), NULL, 10);

		calls += first;
		calls_true += ended;
		calls_false += first - ended;
	}
	else
		kills += first;
	free(asker->list);
	asker->list = NULL;
}

static const char *
next_watch(void *owner)
{
	(void) owner;
	return truth_progress_query();
}

static void
on_progress(void *owner, const PGresult *result)
{
	(void) owner;
	answered = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
}

/* The run -------------------------------------------------------------- */

static int64_t
progress_made(void)
{
	return options_governed() ? answered : kills;
}

static void
start_all(void)
{
	const char *quiet = "options='-c client_min_messages=error -c log_min_messages=error'";
	char	   *dsn = allocate(strlen(options.dsn) + strlen(quiet) + 2, 1);

	/* a session that has just gone is worth no warning here */
	if (strstr(options.dsn, "://") == NULL)
		sprintf(dsn, "%s %s", options.dsn, quiet);
	else
		strcpy(dsn, options.dsn);

	nsessions = options.sessions * ncells;
	sessions = allocate((size_t) nsessions, sizeof(Session));
	askers = allocate((size_t) options.askers, sizeof(Asker));
	for (int i = 0; i < nsessions; i++)
		session_start(&sessions[i], &cells[i % ncells]);
	for (int i = 0; i < nqueriers(); i++)
	{
		Asker	   *asker = &askers[i];

		write_query(asker, i);
		asker->querier.next = next_query;
		asker->querier.got = on_asked;
		asker->querier.owner = asker;
		querier_start(&asker->querier, dsn, "hammer asker");
	}
	if (options_governed())
	{
		watcher.next = next_watch;
		watcher.got = on_progress;
		watcher.pause = WATCH_EVERY;
		querier_start(&watcher, dsn, "hammer watcher");
	}
	free(dsn);
}

static void
print_progress(Usec now)
{
	Cell		sum;

	cells_sum(&sum);
	fprintf(stderr, "%4.0f s: %" PRId64 " of %ld %s, %" PRIu64 " connections ended, %" PRIu64 " statements answered\n",
			(double) (now - started) / USEC_PER_S, progress_made(), options.requests,
			options_governed() ? "requests answered" : "signals sent", tally_ends(&sum.tally),
			sum.tally.answered);
}

/*
 * Whether something was answered and somebody was ended in every cell; without
 * that, a run shows nothing of it.  A short one on a busy machine may take
 * longer for that than for its requests.
 */
static bool
shown_everywhere(void)
{
	for (int i = 0; i < ncells && options_governed(); i++)
	{
		if (tally_ends(&cells[i].tally) == 0 || cells[i].tally.answered == 0)
			return false;
	}
	return true;
}

static void
fire(void)
{
	Usec		next_line;

	started = clock_now();
	next_line = started + PROGRESS_EVERY;
	while (progress_made() < options.requests || !shown_everywhere())
	{
		Usec		now = clock_now();

		if (now - started >= options.give_up)
			break;
		if (options.progress && now >= next_line)
		{
			print_progress(now);
			next_line += PROGRESS_EVERY;
		}
		loop_turn();
	}
}

static bool
all_stopped(void)
{
	for (int i = 0; i < nsessions; i++)
	{
		if (!session_is_stopped(&sessions[i]))
			return false;
	}
	for (int i = 0; i < nqueriers(); i++)
	{
		if (!querier_is_stopped(&askers[i].querier))
			return false;
	}
	return !options_governed() || querier_is_stopped(&watcher);
}

static void
stop_all(void)
{
	Usec		give_up = clock_now() + PATIENCE;

	for (int i = 0; i < nqueriers(); i++)
		querier_stop(&askers[i].querier);
	for (int i = 0; i < nsessions; i++)
		session_stop(&sessions[i]);
	if (options_governed())
		querier_stop(&watcher);
	while (!all_stopped())
	{
		if (clock_now() >= give_up)
			die("a statement was never answered, and its connection has not ended");
		loop_turn();
	}
}

/* The report ------------------------------------------------------------ */

static void
line(const char *what, int64_t number)
{
	printf("%-36s %10" PRId64 "\n", what, number);
}

static void
print_settings(void)
{
	printf("%d sessions, rests up to %.3g ms, %d %% transactions, %d %% long statements",
		   nsessions, (double) options.rest / USEC_PER_MS,
		   options.transactions, options.long_statements);
	printf("\nasked by: %s", way_name(options.way));
	if (nqueriers() > 0)
		printf(", %d askers%s", options.askers, options.overlap ? ", all ask all" : "");
	if (options.idle_timeout > 0)
		printf("; idle_timeout %.3g ms", (double) options.idle_timeout / USEC_PER_MS);
	if (options.idle_in_transaction_timeout > 0)
		printf("; idle_in_transaction_timeout %.3g ms",
			   (double) options.idle_in_transaction_timeout / USEC_PER_MS);
	printf("\n\n");
}

/* Whether it is clean, and somebody was ended everywhere. */
static bool
report(Usec elapsed)
{
	Cell		sum;
	int64_t		cut;
	bool		clean = true;
	bool		everywhere = true;

	cells_sum(&sum);
	cut = sum.truth.began - sum.truth.finished;
	for (int i = 0; i < ncells; i++)
	{
		clean = clean && cell_is_clean(&cells[i]);
		everywhere = everywhere && tally_ends(&cells[i].tally) > 0 && cells[i].truth.finished > 0;
	}

	print_settings();
	cells_print();
	printf("\n");
	if (options_governed())
	{
		line("requests answered", answers_all(&sum.answers));
		line("  declined", sum.answers.declined);
		line("  ended at rest, requested", sum.answers.requested);
		line("  ended at rest, idle_timeout", sum.answers.idle);
		line("  ended idle in transaction", sum.answers.idle_in_transaction);
	}
	else
		line("signals sent", kills);
	if (options.way == WAY_RECLAIM)
	{
		line("governor.reclaim() called", calls);
		line("  returned true", calls_true);
		line("  returned false", calls_false);
	}
	printf("%-36s %10.1f\n\n", "seconds", (double) elapsed / USEC_PER_S);

	line("logins", (int64_t) sum.tally.logins);
	line("failed logins", (int64_t) sum.tally.failed_logins);
	line("connections ended, client's view", (int64_t) tally_ends(&sum.tally));
	tally_print_ends(&sum.tally);

	printf("\n");
	line("counted statements sent", (int64_t) sum.tally.sent);
	line("  answered", (int64_t) sum.tally.answered);
	line("  unanswered, connection ended", (int64_t) (sum.tally.sent - sum.tally.answered));
	line("began", sum.truth.began);
	line("finished", sum.truth.finished);
	line("began and did not finish", cut);
	line("began and were not answered", sum.truth.began - (int64_t) sum.tally.answered);
	line("rows of answered COMMITs", (int64_t) sum.tally.kept);
	line("rows committed", sum.truth.kept);
	line("failed statements", (int64_t) sum.tally.errors);

	if (!options_governed() && tally_ends(&sum.tally) > 0)
		printf("%-36s %10.1f %%\n", "ended connections that were cut",
			   100.0 * (double) cut / (double) tally_ends(&sum.tally));
	printf("\n%s\n", clean ? "clean: whatever began was finished and answered" : "NOT CLEAN");
	if (!everywhere)
		printf("not shown: somewhere nobody was ended, or nothing finished\n");
	return clean && everywhere;
}

int
main(int argc, char **argv)
{
	Usec		elapsed;
	bool		shown;
	bool		enough;

	options_parse(argc, argv);
	chance_seed(options.seed);
	cells_make();
	truth_set_up(options.dsn);
	start_all();
	fire();
	elapsed = clock_now() - started;
	enough = progress_made() >= options.requests;
	stop_all();
	relay_clean_up();
	truth_find_out();
	shown = report(elapsed);
	if (!enough)
		printf("gave up after %.0f s: not enough requests were answered\n",
			   (double) elapsed / USEC_PER_S);
	truth_clean_up();
	free(sessions);
	free(askers);
	free(cells);

	return enough && (shown || !options.expect_clean) ? EXIT_SUCCESS : EXIT_NOT_SHOWN;
}
