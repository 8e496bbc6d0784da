/*-------------------------------------------------------------------------
 *
 * loop.h
 *		The event loop: one epoll set, one heap of timers, one thread.
 *
 * IDENTIFICATION
 *	  bench/fleet/loop.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_LOOP_H
#define FLEET_LOOP_H

#include "basics.h"
#include "latency.h"

/* Lives inside its owner; slot and due belong to the loop. */
typedef struct Timer
{
	void		(*fire) (void *owner);
	void	   *owner;
	Usec		due;
	size_t		slot;			/* place in the heap, from 1; 0 = not set */
} Timer;

typedef struct Watch
{
	void		(*ready) (void *owner, uint32_t events);
	void	   *owner;
	int			fd;				/* -1 = not watched */
} Watch;

extern void loop_open(void);
/* Runs until loop_stop, which any handler may call. */
extern void loop_run(void);
extern void loop_stop(void);
extern void loop_close(void);
/* How late timers fired: the simulator's own slowness. */
extern const Latency *loop_lateness(void);

extern void timer_init(Timer *timer, void (*fire) (void *owner), void *owner);
/* Sets it, or moves it if it is set.  It fires once. */
extern void timer_set(Timer *timer, Usec due);
extern void timer_cancel(Timer *timer);

extern void watch_init(Watch *watch, void (*ready) (void *owner, uint32_t events), void *owner);
/* fd may differ from the last one, which must be closed by then. */
extern void watch_set(Watch *watch, int fd, uint32_t interest);
/* No event reaches the owner after this, not even one already received. */
extern void watch_forget(Watch *watch);

#endif							/* FLEET_LOOP_H */
