/*-------------------------------------------------------------------------
 *
 * function.h
 *		A function: asks the breaker, calls the dependency, reports, thinks.
 *
 * IDENTIFICATION
 *	  bench/breaker/function.h
 *-------------------------------------------------------------------------
 */
#ifndef CALLERS_FUNCTION_H
#define CALLERS_FUNCTION_H

#include "link.h"

typedef enum FunctionState
{
	FUNCTION_CONNECTING,
	FUNCTION_READY,				/* logged in, not told to begin */
	FUNCTION_THINKING,
	FUNCTION_ASKING,			/* whether it may call */
	FUNCTION_CALLING,
	FUNCTION_REPORTING,
	FUNCTION_FROZEN,			/* no socket is looked at, no timer runs */
} FunctionState;

typedef struct Function
{
	FunctionState state;
	Link		link;			/* to the database */
	Waiter		call;			/* to the dependency; kept from call to call */
	bool		sent;			/* the call is on its way */
	Usec		called_at;
} Function;

/* What all functions saw together. */
typedef struct FunctionTally
{
	uint64_t	refused;		/* by the breaker */
	uint64_t	ok;				/* calls */
	uint64_t	errors;
	uint64_t	timeouts;
} FunctionTally;

extern FunctionTally function_tally;

/* Whoever is let through next freezes instead of calling; when it did, or 0. */
extern bool function_freeze_next;
extern Usec function_frozen_at;

/* Begins to log in. */
extern void function_connect(Function *function);

/* Begins to call, from a moment within one think on. */
extern void function_begin(Function *function);

extern void function_close(Function *function);

#endif							/* CALLERS_FUNCTION_H */
