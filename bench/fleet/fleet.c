/*-------------------------------------------------------------------------
 *
 * fleet.c
 *		Simulates a fleet of serverless function environments on real
 *		connections to a PostgreSQL server: main, and the course of a run.
 *
 * The modules, each using only those below it:
 *
 *   fleet.c                          the course of the run
 *   series.c  report.c  json.c       what is told about it
 *   population.c                     all environments
 *   environment.c  app.c  human.c    those who use the database
 *   wire.c                           one connection
 *   options.c  tally.c               what is asked for, what happened
 *   script.c  fault.c  loop.c  latency.c  basics.c
 *
 * The course of a run, with the function that takes each step:
 *
 *   app connects      [main]              the app pool, if there is one
 *   warm-up           [begin_warm_up]     app and humans alone
 *   wave 1            [begin_wave]        environments arrive
 *   wave 2            [begin_wave]
 *   population ready  [on_ready]      all have reached their ending
 *   all finished      [on_finished]       and none will thaw any more
 *   hold              [on_finished]       frozen ones kept, living ones at work
 *   end               [loop_stop]
 *
 * IDENTIFICATION
 *	  bench/fleet/fleet.c
 *
 *-------------------------------------------------------------------------
 */
#include "app.h"
#include "human.h"
#include "loop.h"
#include "options.h"
#include "population.h"
#include "report.h"
#include "series.h"
#include "tally.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BURST	(5 * USEC_PER_S)	/* the start of a wave, told apart in the report */
#define DESCRIPTORS_OF_OUR_OWN	32

static struct
{
	Options		options;
	int			waves;
	int			waves_begun;
	bool		complete;		/* nothing that was planned is left */
	Timer		warm_up;
	Timer		waves_start[WAVES];
	Timer		bursts_end[WAVES];
	Timer		time_alone;
	Timer		end;
	Watch		signals;
	sigset_t	signal_set;
}			run;

/* ----------------------------------------------------------- descriptors */

/* Every connection is a descriptor; the usual limit of 1024 is for less. */
static void
raise_descriptor_limit(void)
{
	const Options *options = &run.options;
	struct rlimit limit;
	rlim_t		needed = (rlim_t) options->environments * (rlim_t) run.waves +
		(rlim_t) options->app_pool + DESCRIPTORS_OF_OUR_OWN;

	/* As many logins of humans as can be under way. */
	if (options->human_interval > 0)
		needed += (rlim_t) options->humans *
			(rlim_t) (options->give_up / options->human_interval + 2);

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("could not read the limit of open files: %s", strerror(errno));
	if (limit.rlim_cur >= needed)
		return;
	limit.rlim_cur = needed;
	if (limit.rlim_max < needed)
		limit.rlim_max = needed;	/* for a privileged user */
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	die("this run needs %llu open files, and the limit cannot be raised to that: %s\n"
		"hint: Raise the hard limit first (ulimit -Hn %llu as root, or LimitNOFILE= of the "
		"service), or simulate fewer environments.",
		(unsigned long long) needed, strerror(errno), (unsigned long long) needed);
}

/* -------------------------------------------------- the course of the run */

static void
touch_ready_file(void)
{
	FILE	   *file;

	if (run.options.ready_file == NULL)
		return;
	file = fopen(run.options.ready_file, "w");
	if (file == NULL || fclose(file) != 0)
		die("could not write \"%s\": %s", run.options.ready_file, strerror(errno));
}

static void
on_ready(void)
{
	touch_ready_file();
}

static void
end_hold(void *owner)
{
	(void) owner;
	loop_stop();
}

static void
on_finished(void)
{
	run.complete = true;
	for (int i = 0; i < WAVES; i++)
		timer_cancel(&run.bursts_end[i]);
	if (!run.options.hold)
	{
		loop_stop();
		return;
	}
	tally_enter_phase("hold", clock_now());
	if (run.options.hold_for > 0)
		timer_set(&run.end, clock_now() + run.options.hold_for);
}

static void
end_burst(void *owner)
{
	(void) owner;
	tally_enter_phase(run.waves_begun == 1 ? "wave 1, later" : "wave 2, later", clock_now());
}

static void
begin_wave(void *owner)
{
	Usec		now = clock_now();
	int			wave = run.waves_begun++;

	(void) owner;
	tally_enter_phase(wave == 0 ? "wave 1, first 5 s" : "wave 2, first 5 s", now);
	if (wave > 0)
		timer_cancel(&run.bursts_end[wave - 1]);
	timer_set(&run.bursts_end[wave], now + BURST);
	population_start(wave, now);
	if (wave + 1 < run.waves)
		timer_set(&run.waves_start[wave + 1], now + run.options.second_wave_after);
}

static void
end_time_alone(void *owner)
{
	(void) owner;
	on_finished();
}

/* Without environments, --duration is that of the run. */
static void
begin_time_alone(void)
{
	Usec		now = clock_now();

	tally_enter_phase("no fleet", now);
	touch_ready_file();
	timer_set(&run.time_alone, now + run.options.duration);
}

static void
end_warm_up(void *owner)
{
	if (run.options.environments > 0)
		begin_wave(owner);
	else
		begin_time_alone();
}

/* The app pool is connected, or there is none. */
static void
begin_warm_up(void)
{
	if (run.options.human_interval > 0)
		human_open(&run.options);
	if (run.options.warm_up > 0)
	{
		tally_enter_phase(PHASE_WARM_UP, clock_now());
		timer_set(&run.warm_up, clock_now() + run.options.warm_up);
	}
	else
		end_warm_up(NULL);
}

/* ---------------------------------------------------------------- signals */

static void
on_signal(void *owner, uint32_t events)
{
	struct signalfd_siginfo received;

	(void) owner;
	(void) events;
	/* Taken off the queue, or unblocking would deliver it after all. */
	if (read(run.signals.fd, &received, sizeof(received)) != sizeof(received))
		return;
	/* A second one ends the program, should its closing take too long. */
	sigprocmask(SIG_UNBLOCK, &run.signal_set, NULL);
	loop_stop();
}

static void
watch_signals(void)
{
	int			fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&run.signal_set);
	sigaddset(&run.signal_set, SIGINT);
	sigaddset(&run.signal_set, SIGTERM);
	sigprocmask(SIG_BLOCK, &run.signal_set, NULL);
	fd = signalfd(-1, &run.signal_set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die("could not watch signals: %s", strerror(errno));
	watch_init(&run.signals, on_signal, NULL);
	watch_set(&run.signals, fd, EPOLLIN);
}

/* ------------------------------------------------------------------- main */

static void
prepare(void)
{
	static const PopulationCalls calls = {
		.ready = on_ready,
		.finished = on_finished,
	};

	run.waves = run.options.environments == 0 ? 0 : run.options.second_wave_after > 0 ? 2 : 1;
	raise_descriptor_limit();
	if (run.options.ready_file != NULL && remove(run.options.ready_file) != 0 && errno != ENOENT)
		die("could not remove the old \"%s\": %s", run.options.ready_file, strerror(errno));
	loop_open();
	watch_signals();
	timer_init(&run.warm_up, end_warm_up, NULL);
	timer_init(&run.time_alone, end_time_alone, NULL);
	timer_init(&run.end, end_hold, NULL);
	for (int i = 0; i < WAVES; i++)
	{
		timer_init(&run.waves_start[i], begin_wave, NULL);
		timer_init(&run.bursts_end[i], end_burst, NULL);
	}
	population_open(&run.options, run.waves, &calls);
}

int
main(int argc, char **argv)
{
	RunFacts	facts = {0};
	struct rusage usage;
	int			signals;

	options_parse(&run.options, argc, argv);
	prepare();
	facts.begun = clock_now();
	series_open(&run.options, facts.begun);
	if (run.options.app_pool > 0)
	{
		tally_enter_phase("app connects", facts.begun);
		app_open(&run.options, begin_warm_up);
	}
	else
		begin_warm_up();
	loop_run();

	facts.ended = clock_now();
	facts.interrupted = !run.complete;
	facts.lateness = loop_lateness();
	tally_enter_phase(NULL, facts.ended);
	getrusage(RUSAGE_SELF, &usage);
	facts.cpu_seconds = (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / USEC_PER_S;

	series_close();
	if (run.options.app_pool > 0)
		app_close();
	if (run.options.human_interval > 0)
		human_close();
	population_close();
	if (!run.options.quiet)
		report_print(&run.options, tally_read(), &facts);
	if (run.options.json_file != NULL)
		json_write(run.options.json_file, &run.options, tally_read(), &facts);

	signals = run.signals.fd;
	watch_forget(&run.signals);
	close(signals);
	loop_close();
	tally_free();
	options_free(&run.options);
	return facts.interrupted ? EXIT_COULD_NOT_RUN : 0;
}
