/*-------------------------------------------------------------------------
 *
 * report.c
 *		The summary of a run as plain text tables.
 *
 * Latencies are in milliseconds and of what succeeded; a failed invocation took
 * --give-up and would only blur them.
 *
 * IDENTIFICATION
 *	  bench/fleet/report.c
 *
 *-------------------------------------------------------------------------
 */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static double
seconds(Usec duration)
{
	return (double) duration / USEC_PER_S;
}

static double
milliseconds(Usec duration)
{
	return (double) duration / USEC_PER_MS;
}

static double
percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double) part / (double) whole : 0;
}

static double
rate(uint64_t count, Usec duration)
{
	return duration > 0 ? (double) count / seconds(duration) : 0;
}

/* Under a line "what  count  share": which codes, and what they said. */
static void
print_codes(const CodeTable *table)
{
	for (size_t i = 0; i < table->length; i++)
		printf("    %-20s %9" PRIu64 "   %s\n", fault_label(table->rows[i].first.code),
			   table->rows[i].count, table->rows[i].first.message);
}

static void
print_share(const char *label, uint64_t part, uint64_t whole)
{
	printf("  %-22s %9" PRIu64 "   %6.2f %%\n", label, part, percent(part, whole));
}

static void
print_head(const Options *options, const RunFacts *facts)
{
	printf("fleet: %d environments faas:%s:%s:%s:*%s, ", options->environments,
		   options->platform, options->function, options->version,
		   options->second_wave_after > 0 ? " in each of two waves" : "");
	if (options->arrival_rate > 0)
		printf("%g/s", options->arrival_rate);
	else
		printf("all at once");
	if (options->invocations > 0)
		printf(", %d invocation%s each", options->invocations,
			   options->invocations > 1 ? "s" : "");
	if (options->duration > 0)
		printf(", %g s each", seconds(options->duration));
	printf("\n%s after %.1f s\n",
		   facts->interrupted ? "INTERRUPTED, what follows is incomplete," : "completed",
		   seconds(facts->ended - facts->begun));
}

static void
print_environments(const Tally *tally)
{
	printf("\nenvironments      planned    served  never served  unfinished\n");
	for (int i = 0; i < WAVES; i++)
	{
		const WaveTally *wave = &tally->waves[i];

		if (wave->planned > 0)
			printf("  wave %d        %9" PRIu64 " %9" PRIu64 "     %9" PRIu64 "   %9" PRIu64 "\n",
				   i + 1, wave->planned, wave->served, wave->planned - wave->served,
				   wave->planned - wave->settled);
	}
}

static void
print_invocations(const Tally *tally)
{
	uint64_t	total = tally->invocations.ok + tally->invocations.failed;

	printf("\ninvocations              %9" PRIu64 "\n", total);
	print_share("ok", tally->invocations.ok, total);
	print_share("failed", tally->invocations.failed, total);
	print_codes(&tally->invocation_faults);
}

static void
print_connects(const Tally *tally)
{
	printf("\nconnection attempts      %9" PRIu64 "\n", tally->attempts);
	print_share("connected", tally->connect.count, tally->attempts);
	print_share("failed", tally->connect_faults.total, tally->attempts);
	print_codes(&tally->connect_faults);
}

static void
print_latency(const char *label, const Latency *latency)
{
	if (latency->count > 0)
		printf("  %-22s %9" PRIu64 " %9.2f %9.2f %9.2f %9.2f\n", label, latency->count,
			   milliseconds(latency_percentile(latency, 0.50)),
			   milliseconds(latency_percentile(latency, 0.95)),
			   milliseconds(latency_percentile(latency, 0.99)),
			   milliseconds(latency->max));
}

static void
print_latencies(const Tally *tally, const RunFacts *facts)
{
	printf("\nlatency of success (ms)      count       p50       p95       p99       max\n");
	print_latency("connect", &tally->connect);
	print_latency("invocation", &tally->invocations.latency);
	print_latency("app round", &tally->app.latency);
	print_latency("human login", &tally->human[0].latency);
	print_latency("human login, second", &tally->human[1].latency);
	/* If this is near the others, the simulator was measured, not the server. */
	print_latency("(simulator late by)", facts->lateness);
}

static void
print_losses(const Tally *tally)
{
	static const char *const labels[LOSSES] = {
		[LOSS_RESTING] = "idle, seen at once",
		[LOSS_AT_USE] = "idle, found at use",
		[LOSS_AT_THAW] = "frozen, found at thaw",
		[LOSS_FROZEN] = "frozen, found at end",
		[LOSS_WORKING] = "at work",
	};
	uint64_t	total = 0;

	for (int i = 0; i < LOSSES; i++)
		total += tally->losses[i].total;
	printf("\nsessions lost            %9" PRIu64 "\n", total);
	for (int i = 0; i < LOSSES; i++)
	{
		if (tally->losses[i].total > 0)
			printf("  %-22s %9" PRIu64 "\n", labels[i], tally->losses[i].total);
		print_codes(&tally->losses[i]);
	}
}

static void
print_endings(const Tally *tally)
{
	printf("\nendings           planned   reached   without the session or transaction meant\n");
	for (int i = 0; i < ENDINGS; i++)
	{
		const EndingTally *ending = &tally->endings[i];

		if (ending->planned > 0)
			printf("  %-13s %9" PRIu64 " %9" PRIu64 " %9" PRIu64 "\n", ending_name((Ending) i),
				   ending->planned, ending->reached, ending->missed);
	}
	print_codes(&tally->ending_faults);
	printf("  sessions still open behind frozen environments at the end: %" PRIu64 "\n",
		   tally->frozen_alive);
	if (tally->thaws[THAW_ALIVE] + tally->thaws[THAW_DEAD] + tally->thaws[THAW_WITHOUT] > 0)
		printf("  thawed: %" PRIu64 " found their session alive, %" PRIu64 " dead, %" PRIu64
			   " had none\n", tally->thaws[THAW_ALIVE], tally->thaws[THAW_DEAD],
			   tally->thaws[THAW_WITHOUT]);
}

/* How those beside the fleet fared, phase by phase. */
static void
print_phases(const Options *options, const Tally *tally)
{
	double		before = 0;

	printf("\nphase                   seconds  invocations/s   app/s  of warm-up  app p95 ms"
		   "  human p50 ms  human max ms\n");
	for (int i = 0; i < tally->phase_count; i++)
	{
		const Phase *phase = &tally->phases[i];
		Usec		length = phase->to - phase->from;
		double		app_rate = rate(phase->app.ok, length);

		printf("  %-20s %8.1f  %13.1f", phase->name, seconds(length),
			   rate(phase->invocations.ok, length));
		if (options->app_pool > 0)
		{
			printf(" %7.1f", app_rate);
			if (strcmp(phase->name, PHASE_WARM_UP) == 0)
				before = app_rate;
			if (before > 0)
				printf("  %10.2f", app_rate / before);
			else
				printf("  %10s", "-");
			printf("  %10.2f", milliseconds(latency_percentile(&phase->app.latency, 0.95)));
		}
		else
			printf(" %7s  %10s  %10s", "-", "-", "-");
		if (phase->human[0].latency.count > 0)
			printf("  %12.1f  %12.1f\n",
				   milliseconds(latency_percentile(&phase->human[0].latency, 0.50)),
				   milliseconds(phase->human[0].latency.max));
		else
			printf("  %12s  %12s\n", "-", "-");
	}
}

static void
print_app(const Options *options, const Tally *tally, const RunFacts *facts)
{
	uint64_t	total = tally->app.ok + tally->app.failed;

	if (options->app_pool == 0)
		return;
	printf("\napp rounds               %9" PRIu64 "   %.1f/s, %d sessions, %" PRIu64
		   " open at the end\n", total, rate(tally->app.ok, facts->ended - facts->begun),
		   options->app_pool, tally->app_open_at_end);
	print_share("ok", tally->app.ok, total);
	print_share("failed", tally->app.failed, total);
	print_codes(&tally->app_faults);
	if (tally->app_connect_faults.total > 0)
	{
		printf("  logins failed          %9" PRIu64 "\n", tally->app_connect_faults.total);
		print_codes(&tally->app_connect_faults);
	}
	if (tally->app_longest_unanswered > USEC_PER_S)
		printf("  UNANSWERED AT THE END  for %.1f s the longest\n",
			   seconds(tally->app_longest_unanswered));
	if (tally->app_losses.total > 0)
	{
		printf("  *** APP SESSIONS LOST  %9" PRIu64 " ***\n", tally->app_losses.total);
		print_codes(&tally->app_losses);
	}
}

static void
print_human(const Options *options, const Tally *tally)
{
	if (options->human_interval == 0)
		return;
	for (int who = 0; who < options->humans; who++)
	{
		const Work *human = &tally->human[who];
		uint64_t	total = human->ok + human->failed;

		printf("\n%-24s %9" PRIu64 "\n", who == 0 ? "human logins" : "human logins, second", total);
		print_share("ok", human->ok, total);
		print_share("failed", human->failed, total);
		print_codes(&tally->human_faults[who]);
	}
}

void
report_print(const Options *options, const Tally *tally, const RunFacts *facts)
{
	print_head(options, facts);
	if (options->environments > 0)
	{
		print_environments(tally);
		print_invocations(tally);
		print_connects(tally);
	}
	print_latencies(tally, facts);
	if (options->environments > 0)
	{
		print_losses(tally);
		print_endings(tally);
	}
	print_phases(options, tally);
	print_app(options, tally, facts);
	print_human(options, tally);
	printf("\nsimulator: %.1f s of CPU\n", facts->cpu_seconds);
	fflush(stdout);
}
