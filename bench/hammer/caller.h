/*-------------------------------------------------------------------------
 *
 * caller.h
 *		Function calls by the fastpath protocol.
 *
 * libpq waits for the answer to a function call, so each session that makes
 * any has a thread that waits instead of the loop.  A connection belongs to
 * the thread from caller_begin() until caller_result() has returned something.
 *
 * IDENTIFICATION
 *	  bench/hammer/caller.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_CALLER_H
#define HAMMER_CALLER_H

#include "basics.h"

#include <libpq-fe.h>

typedef struct Caller Caller;

extern Caller *caller_make(void);

/* Begins to call function(first, second).  Returns an fd that is readable once it is over. */
extern int	caller_begin(Caller *caller, PGconn *connection, Oid function, int first, int second);

/* What came of it, for the caller to clear. */
extern PGresult *caller_result(Caller *caller);

#endif							/* HAMMER_CALLER_H */
