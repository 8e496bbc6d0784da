/*-------------------------------------------------------------------------
 *
 * dependency.h
 *		What functions depend on: a server on 127.0.0.1, in a process of its own,
 *		that fails when it is told to.
 *
 * A call is a line.  Up, it is answered by "ok".  Down, every second call is
 * answered by "error", and the others by nothing.
 *
 * IDENTIFICATION
 *	  bench/breaker/dependency.h
 *-------------------------------------------------------------------------
 */
#ifndef CALLERS_DEPENDENCY_H
#define CALLERS_DEPENDENCY_H

#include "basics.h"

#include <netinet/in.h>

typedef enum Phase
{
	PHASE_UP,
	PHASE_DOWN,
	PHASE_HEALED,
	PHASE_COUNT,
} Phase;

#define CALL_LINE	"call\n"
#define OK_LINE		"ok\n"
#define ERROR_LINE	"error\n"

/* Starts the process, before anything else uses the loop. */
extern void dependency_start(void);
extern void dependency_stop(void);

extern const struct sockaddr_in *dependency_address(void);

/* From now on calls are answered as of this phase, and counted in it. */
extern void dependency_enter(Phase phase);
extern Phase dependency_phase(void);

/* How many calls have come in a phase, by the dependency's own count. */
extern uint64_t dependency_calls(Phase phase);

#endif							/* CALLERS_DEPENDENCY_H */
