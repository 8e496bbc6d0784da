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

/* Where a session was, as its client sees it, when its connection ended. */
typedef enum Place
{
	PLACE_REST,
	PLACE_REST_IN_TRANSACTION,
	PLACE_IN_FLIGHT,			/* a statement was sent, and nothing of its answer has come */
	PLACE_UNDER_WAY,			/* a part of its answer has come: must not happen */
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
	uint64_t	failed_logins;
	uint64_t	sent;			/* how often the statements that were sent would count */
	uint64_t	answered;		/* and those that were answered whole */
	uint64_t	kept;			/* rows that an answer said are committed */
	uint64_t	errors;			/* statements that failed while the connection lived */
	uint64_t	ends[PLACE_COUNT];
	CodeCount	codes[PLACE_COUNT][MAX_CODES];
} Tally;

extern void tally_end(Tally *tally, Place place, const char *code);

/* All connections that were ended, wherever the session was. */
extern uint64_t tally_ends(const Tally *tally);

extern void tally_add(Tally *sum, const Tally *tally);

/* A line for each place: how many, and with which SQLSTATEs. */
extern void tally_print_ends(const Tally *tally);

#endif							/* HAMMER_TALLY_H */
