/*-------------------------------------------------------------------------
 *
 * series.h
 *		A line for every second: CSV into a file, progress on stderr.
 *
 * IDENTIFICATION
 *	  bench/fleet/series.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_SERIES_H
#define FLEET_SERIES_H

#include "options.h"

/* Does nothing unless a series or progress was asked for. */
extern void series_open(const Options *options, Usec run_begun);
extern void series_close(void);

#endif							/* FLEET_SERIES_H */
