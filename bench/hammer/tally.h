/*-------------------------------------------------------------------------
 *
 * tally.h
 *		What the sessions under fire saw.
 *
 * IDENTIFICATION
 *	  bench/hammer/tally.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_TALLY_H
#define HAMMER_TALLY_H

#include "basics.h"

/* The statements of a round: WORK alone, or all four in this order. */
typedef enum Step
{
	STEP_BEGIN,
	STEP_WORK,					/* counts in the sequences */
	STEP_KEEP,					/* inserts a row */
	STEP_COMMIT,
	STEP_COUNT,
} Step;

/* Where a session was, as its client sees it, when its connection ended. */
typedef enum Place
{
	PLACE_REST,
	PLACE_REST_IN_TRANSACTION,
	PLACE_IN_FLIGHT,			/* a statement was sent and not answered */
	PLACE_BEFORE_SYNC,			/* a statement was answered, its Sync was not sent: must not happen */
	PLACE_SET_UP,				/* just logged in */
	PLACE_COUNT,
} Place;

#define MAX_CODES	12

/* How often connections ended with a SQLSTATE, or without one. */
typedef struct CodeCount
{
	char		code[6];
	uint64_t	count;
} CodeCount;

typedef struct Tally
{
	uint64_t	logins;
	uint64_t	logins_tcp;		/* of them not over a unix socket */
	uint64_t	failed_logins;
	uint64_t	sent[STEP_COUNT];
	uint64_t	answered[STEP_COUNT];
	uint64_t	errors;			/* statements that failed while the connection lived */
	uint64_t	ends[PLACE_COUNT];
	CodeCount	codes[PLACE_COUNT][MAX_CODES];
} Tally;

extern Tally tally;

extern void tally_end(Place place, const char *code);

/* All connections that were ended, wherever the session was. */
extern uint64_t tally_ends(void);

/* A line for each place: how many, and with which SQLSTATEs. */
extern void tally_print_ends(void);

#endif							/* HAMMER_TALLY_H */
