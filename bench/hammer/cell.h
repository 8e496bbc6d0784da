/*-------------------------------------------------------------------------
 *
 * cell.h
 *		A transport and a protocol: what is asked, and counted, on its own.
 *
 * Its sessions log in by a role of their own, which is also the name of their
 * schema, with the sequences, and of their class, with pg_governor's counters.
 *
 * IDENTIFICATION
 *	  bench/hammer/cell.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_CELL_H
#define HAMMER_CELL_H

#include "options.h"
#include "tally.h"

#define CELL_PREFIX		"hammer_"

/* As a condition in SQL, behind the name of a column: begins with it. */
#define IS_OF_CELL		"^@ '" CELL_PREFIX "'"

/* What the server counted. */
typedef struct Truth
{
	int64_t		began;			/* taken from the first sequence */
	int64_t		finished;		/* and from the second */
	int64_t		kept;			/* rows that were committed */
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

typedef struct Cell
{
	const Transport *transport;
	Protocol	protocol;
	char		name[64];		/* of role, schema and class */
	unsigned int work;			/* the OID of its function work() */
	char		seen[64];		/* what its connections go over */
	Tally		tally;
	Truth		truth;
	Answers		before;			/* the counters as they were at the start */
	Answers		answers;
} Cell;

extern Cell *cells;
extern int	ncells;

/* All transports by all protocols, as the options say. */
extern void cells_make(void);

/* The sum of all. */
extern void cells_sum(Cell *sum);

/* Whether whatever began was finished and answered. */
extern bool cell_is_clean(const Cell *cell);

/* A line for each, and what each transport goes over. */
extern void cells_print(void);

#endif							/* HAMMER_CELL_H */
