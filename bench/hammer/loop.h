/*-------------------------------------------------------------------------
 *
 * loop.h
 *		The event loop: sockets and deadlines, one thread, no tick.
 *
 * IDENTIFICATION
 *	  bench/hammer/loop.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_LOOP_H
#define HAMMER_LOOP_H

#include "basics.h"

/*
 * Something that waits for a socket, for a time, or for both.  It lives inside
 * its owner, who sets fd (-1: none), events (as for poll) and due (or NEVER)
 * whenever it likes.
 */
typedef struct Waiter
{
	int			fd;
	short		events;
	Usec		due;
	void		(*act) (void *owner, bool ready);	/* ready: the socket is; else due has come */
	void	   *owner;
} Waiter;

/* Adds a waiter, which must live as long as the program. */
extern void loop_add(Waiter *waiter);

/* Waits for the first of them, not for long, and lets all that are ready or due act. */
extern void loop_turn(void);

#endif							/* HAMMER_LOOP_H */
