/*-------------------------------------------------------------------------
 *
 * truth.h
 *		What the server knows: the sequences in which statements count
 *		themselves, and pg_governor's own counters.
 *
 * IDENTIFICATION
 *	  bench/hammer/truth.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_TRUTH_H
#define HAMMER_TRUTH_H

#include "cell.h"

#include <libpq-fe.h>

/* Makes roles, schemas, classes and rules, and proves that a cut statement is seen. */
extern void truth_set_up(const char *dsn);

/* A query for how many requests were answered since the start of the run, in its one value. */
extern const char *truth_progress_query(void);

/* Waits until all sessions under fire are gone from the server, then fills in what it knows of each cell. */
extern void truth_find_out(void);

/* Removes what truth_set_up made. */
extern void truth_clean_up(void);

#endif							/* HAMMER_TRUTH_H */
