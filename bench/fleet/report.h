/*-------------------------------------------------------------------------
 *
 * report.h
 *		The summary of a run: tables for people, JSON for programs.
 *
 * IDENTIFICATION
 *	  bench/fleet/report.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_REPORT_H
#define FLEET_REPORT_H

#include "latency.h"
#include "options.h"
#include "tally.h"

/* What only main knows of the run. */
typedef struct RunFacts
{
	Usec		begun;
	Usec		ended;
	bool		interrupted;	/* by a signal, before it was complete */
	double		cpu_seconds;	/* of the simulator itself */
	const Latency *lateness;	/* of its timers */
} RunFacts;

/* report.c */
extern void report_print(const Options *options, const Tally *tally, const RunFacts *facts);

/* json.c; dies if the file cannot be written. */
extern void json_write(const char *path, const Options *options, const Tally *tally,
					   const RunFacts *facts);

#endif							/* FLEET_REPORT_H */
