/*-------------------------------------------------------------------------
 *
 * series.c
 *		A line for every second, or what --series-every says: CSV into a file,
 *		progress on stderr.
 *
 * Owns: the CSV file, and the tally's counters since the last line.
 *
 * IDENTIFICATION
 *	  bench/fleet/series.c
 *
 *-------------------------------------------------------------------------
 */
#include "series.h"

#include "loop.h"
#include "population.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct
{
	FILE	   *file;
	bool		progress;
	Usec		run_begun;
	Usec		every;
	Timer		timer;
}			series;

static double
milliseconds(Usec duration)
{
	return (double) duration / USEC_PER_MS;
}

/* Empty, not 0, where nothing succeeded: there is no latency to tell. */
static void
write_work(const Work *work)
{
	fprintf(series.file, ",%" PRIu64 ",%" PRIu64, work->ok, work->failed);
	if (work->latency.count == 0)
		fputs(",,", series.file);
	else
		fprintf(series.file, ",%.3f,%.3f",
				milliseconds(latency_percentile(&work->latency, 0.50)),
				milliseconds(work->latency.max));
}

static void
write_line(Usec now)
{
	const Tally *tally = tally_read();
	double		second = (double) (now - series.run_begun) / USEC_PER_S;
	Gauges		gauges;

	population_gauge(&gauges);
	if (series.file != NULL)
	{
		fprintf(series.file, "%.1f,%d,%d,%d", second,
				gauges.connected, gauges.connecting, gauges.frozen);
		write_work(&tally->second_invocations);
		write_work(&tally->second_app);
		for (int who = 0; who < HUMANS; who++)
			write_work(&tally->second_human[who]);
		fputc('\n', series.file);
		fflush(series.file);
	}
	if (series.progress)
		fprintf(stderr, "%6.1f s: %d connected, %d connecting, %d frozen; invocations %" PRIu64
				" ok %" PRIu64 " failed; app %" PRIu64 " ok %" PRIu64 " failed; human %" PRIu64
				" ok %" PRIu64 " failed, max %.0f ms\n",
				second, gauges.connected, gauges.connecting, gauges.frozen,
				tally->second_invocations.ok, tally->second_invocations.failed,
				tally->second_app.ok, tally->second_app.failed,
				tally->second_human[0].ok, tally->second_human[0].failed,
				milliseconds(tally->second_human[0].latency.max));
	tally_clear_second();
}

static void
on_time(void *owner)
{
	Usec		now = clock_now();
	Usec		due = series.timer.due + series.every;

	(void) owner;
	write_line(now);
	while (due <= now)			/* the machine was too busy for a line */
		due += series.every;
	timer_set(&series.timer, due);
}

void
series_open(const Options *options, Usec run_begun)
{
	if (options->series_file == NULL && !options->progress)
		return;
	if (options->series_file != NULL)
	{
		series.file = fopen(options->series_file, "w");
		if (series.file == NULL)
			die("could not write \"%s\": %s", options->series_file, strerror(errno));
		fputs("second,connected,connecting,frozen,"
			  "invocations_ok,invocations_failed,invocation_p50_ms,invocation_max_ms,"
			  "app_ok,app_failed,app_p50_ms,app_max_ms,"
			  "human_ok,human_failed,human_p50_ms,human_max_ms,"
			  "human_2_ok,human_2_failed,human_2_p50_ms,human_2_max_ms\n", series.file);
	}
	series.progress = options->progress;
	series.run_begun = run_begun;
	series.every = options->series_every;
	timer_init(&series.timer, on_time, NULL);
	timer_set(&series.timer, run_begun + series.every);
}

void
series_close(void)
{
	if (series.file == NULL && !series.progress)
		return;
	timer_cancel(&series.timer);
	write_line(clock_now());	/* the last, shorter one */
	if (series.file != NULL)
		fclose(series.file);
	memset(&series, 0, sizeof(series));
}
