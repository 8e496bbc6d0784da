/*-------------------------------------------------------------------------
 *
 * environment.h
 *		The life of an environment of a serverless function.
 *
 * IDENTIFICATION
 *	  bench/fleet/environment.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_ENVIRONMENT_H
#define FLEET_ENVIRONMENT_H

#include "options.h"
#include "wire.h"

typedef enum EnvironmentState
{
	ENVIRONMENT_AWAITED,
	ENVIRONMENT_CONNECTING,
	ENVIRONMENT_BACKING_OFF,
	ENVIRONMENT_WORKING,
	ENVIRONMENT_THINKING,
	ENVIRONMENT_FROZEN,
	ENVIRONMENT_GONE,
} EnvironmentState;

/* What keeps it busy. */
typedef enum Errand
{
	ERRAND_INVOKE,
	ERRAND_HANG,				/* the transaction that it freezes in */
	ERRAND_COMMIT,				/* the rest of that transaction */
} Errand;

typedef struct EnvironmentCalls
{
	/* It reached its ending for the first time. */
	void		(*settled) (void);
	/* Nothing is left that it would do by itself, but for living on. */
	void		(*finished) (void);
} EnvironmentCalls;

/* To be filled by whoever plans it: name, wave, ending, chance. */
typedef struct Environment
{
	char		name[APPLICATION_NAME_SIZE];
	int			wave;
	Ending		ending;
	Chance		chance;

	const Options *options;
	const EnvironmentCalls *calls;
	Wire		wire;
	Timer		timer;
	EnvironmentState state;

	Errand		errand;
	Usec		errand_begun;
	Usec		connect_begun;
	int			failures;		/* attempts of this errand that failed */
	bool		reconnected;	/* it used its one reconnect without a pause */
	Fault		fault;			/* the latest of the environment */

	int			invoked;		/* in this round of its life */
	Usec		round_end;		/* by --duration */
	int			thaws_left;
	bool		doubtful;		/* woke, and does not know yet if its session lives */
	bool		served;
	bool		settled;
	bool		finished;
} Environment;

extern void environment_init(Environment *self, const Options *options,
							 const EnvironmentCalls *calls);

/* It is asked for at this time, and boots. */
extern void environment_arrive(Environment *self, Usec at);

/* The run is over; tallies how its session fared if it is frozen. */
extern void environment_end(Environment *self);

#endif							/* FLEET_ENVIRONMENT_H */
