/*-------------------------------------------------------------------------
 *
 * options.h
 *		What the user asked for.
 *
 * IDENTIFICATION
 *	  bench/fleet/options.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_OPTIONS_H
#define FLEET_OPTIONS_H

#include "basics.h"
#include "script.h"
#include "tally.h"

#define APPLICATION_NAME_SIZE	64	/* NAMEDATALEN: the server cuts what is longer */
#define INSTANCE_DIGITS			12

typedef struct Options
{
	/* the fleet */
	const char *dsn;
	int			environments;	/* in each wave */
	double		arrival_rate;	/* a second; 0 = all at once */
	Usec		cold_start;		/* on average */
	Usec		second_wave_after;	/* 0 = no second wave */
	int			invocations;	/* in a life; 0 = not bounded by number */
	Usec		duration;		/* of a life; 0 = not bounded by time */
	Usec		think;			/* on average */
	Protocol	protocol;
	Script		script;			/* an invocation */
	Script		hang_script;	/* what is done before freezing in a transaction */
	Script		commit_script;	/* how a transaction goes on after a thaw */
	const char *platform;
	const char *function;
	const char *version;
	const char *second_version;

	/* how it ends */
	int			ending_share[ENDINGS];	/* percent */
	Usec		freeze_after;
	Usec		thaw_after;		/* 0 = never */
	int			thaws;			/* for each environment */

	/* how a runtime behaves when the database does not answer */
	Usec		give_up;
	Usec		backoff_min;
	Usec		backoff_max;

	/* those beside the fleet */
	int			app_pool;
	const char *app_dsn;
	const char *app_name;
	Script		app_script;
	Usec		app_think;
	Usec		human_interval; /* 0 = no logins */
	const char *human_dsn[HUMANS];
	int			humans;			/* how many of these were given, at least 1 */
	const char *human_name;
	Script		human_script;

	/* the run */
	Usec		warm_up;
	bool		hold;
	Usec		hold_for;		/* 0 = until a signal */
	uint64_t	seed;
	const char *series_file;
	Usec		series_every;
	const char *json_file;
	const char *ready_file;
	bool		quiet;
	bool		progress;
} Options;

/*
 * Fills options; on bad usage says what is wrong and how to do better, and
 * exits with EXIT_BAD_USAGE.  After --help it exits with 0.
 */
extern void options_parse(Options *options, int argc, char **argv);
extern void options_free(Options *options);

#endif							/* FLEET_OPTIONS_H */
