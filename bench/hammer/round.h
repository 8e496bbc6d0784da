/*-------------------------------------------------------------------------
 *
 * round.h
 *		What a session does in a round: one statement, or some that belong
 *		together.
 *
 * IDENTIFICATION
 *	  bench/hammer/round.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_ROUND_H
#define HAMMER_ROUND_H

#include "options.h"

/* How a statement is sent. */
typedef enum Manner
{
	MANNER_QUERY,				/* one Query message */
	MANNER_PARAMETERS,			/* Parse, Bind, Execute */
	MANNER_PREPARED,			/* Bind, Execute */
	MANNER_FUNCTION,			/* FunctionCall, of work() */
	MANNER_COPY_IN,				/* a Query, and number rows after it */
	MANNER_COPY_OUT,			/* a Query, and number rows come back */
} Manner;

#define STATEMENT_SIZE	256

typedef struct Statement
{
	Manner		manner;
	char		text[STATEMENT_SIZE];	/* or the name of a prepared one */
	int			nparameters;	/* 1: number is the parameter */
	int			kind;			/* of work() */
	int			number;
	int			counts;			/* how often it takes from each sequence */
	int			keeps;			/* rows that are committed as soon as it is answered */
	bool		in_transaction; /* which is open after it */
	bool		sync;			/* in a pipeline: a Sync follows */
} Statement;

#define ROUND_MOST	12

typedef struct Round
{
	Statement	statements[ROUND_MOST];
	int			count;
} Round;

/* What sessions of PROTOCOL_PREPARED run after the login. */
extern const char *round_preparations(void);

/* Makes up a round. */
extern void round_make(Round *round, Protocol protocol);

/* Length of a row that goes either way by COPY, without its end of line. */
#define COPY_ROW	200

#endif							/* HAMMER_ROUND_H */
