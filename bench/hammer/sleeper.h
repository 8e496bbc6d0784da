/*-------------------------------------------------------------------------
 *
 * sleeper.h
 *		A session that works now and then, and from some moment on rests
 *		until it is ended.
 *
 * IDENTIFICATION
 *	  bench/hammer/sleeper.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_SLEEPER_H
#define HAMMER_SLEEPER_H

#include "link.h"

typedef enum SleeperState
{
	SLEEPER_CLOSED,				/* not yet, or no more */
	SLEEPER_CONNECTING,
	SLEEPER_AWAKE,				/* between two statements */
	SLEEPER_WORKING,
	SLEEPER_ASLEEP,
} SleeperState;

typedef struct Sleeper
{
	Link		link;
	SleeperState state;
	bool		in_transaction; /* will rest in a transaction */
	Usec		bedtime;
	Usec		last_sent;		/* when it sent its last statement: its rest began a little later */
	Usec		ended_at;		/* 0: it was not ended */
} Sleeper;

extern void sleeper_init(Sleeper *sleeper, bool in_transaction);
extern void sleeper_connect(Sleeper *sleeper, const char *dsn, const char *user, const char *name);

/* Runs its last statement at that time; from its answer on the session rests. */
extern void sleeper_sleep_at(Sleeper *sleeper, Usec when);

#endif							/* HAMMER_SLEEPER_H */
