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

#include "basics.h"

#include <libpq-fe.h>

typedef struct Truth
{
	int64_t		began;			/* statements that counted in the first sequence */
	int64_t		finished;		/* and in the second */
	int64_t		kept;			/* rows of committed transactions */
} Truth;

/* Answers to requests since the start of the run, by pg_governor's counters. */
typedef struct Answers
{
	int64_t		declined;
	int64_t		requested;		/* ended because governor.reclaim() asked */
	int64_t		idle;			/* ended by idle_timeout */
	int64_t		idle_in_transaction;
} Answers;

extern int64_t answers_ended(const Answers *answers);
extern int64_t answers_all(const Answers *answers);

/* Makes schema, role, class and rule, and proves that a cut statement is seen. */
extern void truth_set_up(const char *dsn);

/* A query for the counters, and how to read its result. */
extern const char *truth_answers_query(void);
extern Answers truth_read_answers(const PGresult *result);

/* Waits until all sessions under fire are gone from the server, then reads everything. */
extern Truth truth_find_out(Answers *answers);

/* Removes what truth_set_up made. */
extern void truth_clean_up(void);

#endif							/* HAMMER_TRUTH_H */
