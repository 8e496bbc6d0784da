/*-------------------------------------------------------------------------
 *
 * querier.h
 *		A connection that runs one query after the other: those who ask
 *		sessions to end, and the one who watches the counters.
 *
 * IDENTIFICATION
 *	  bench/hammer/querier.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_QUERIER_H
#define HAMMER_QUERIER_H

#include "link.h"

typedef struct Querier
{
	Link		link;
	const char *(*next) (void *owner);	/* the next query, or NULL: nothing to do now */
	void		(*got) (void *owner, const PGresult *result);
	void	   *owner;
	Usec		pause;			/* between queries */
	bool		busy;
	bool		stopping;
} Querier;

/* Connects and begins.  An error of a query ends the program. */
extern void querier_start(Querier *querier, const char *dsn, const char *name);

/* Begins no further query; the connection closes once it is not busy. */
extern void querier_stop(Querier *querier);
extern bool querier_is_stopped(const Querier *querier);

#endif							/* HAMMER_QUERIER_H */
