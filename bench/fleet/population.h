/*-------------------------------------------------------------------------
 *
 * population.h
 *		All environments: who they are, how they will end, when they arrive.
 *
 * IDENTIFICATION
 *	  bench/fleet/population.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_POPULATION_H
#define FLEET_POPULATION_H

#include "options.h"

typedef struct PopulationCalls
{
	/* Every environment of every wave has reached its ending. */
	void		(*ready) (void);
	/* And none has anything left to do by itself (no thaw to come). */
	void		(*finished) (void);
} PopulationCalls;

/* What environments are doing at this moment; the three do not overlap. */
typedef struct Gauges
{
	int			connected;		/* awake, with a session */
	int			connecting;
	int			frozen;			/* asleep, holding what they believe is a session */
} Gauges;

/* Plans all waves; nothing happens before population_start. */
extern void population_open(const Options *options, int waves, const PopulationCalls *calls);
extern void population_start(int wave, Usec now);
extern void population_gauge(Gauges *gauges);
/* Ends every life. */
extern void population_close(void);

#endif							/* FLEET_POPULATION_H */
