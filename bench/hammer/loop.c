/*-------------------------------------------------------------------------
 *
 * loop.c
 *		The event loop: sockets and deadlines, one thread, no tick.
 *
 * Some thousand waiters at most, of which those of hammer are a few dozen, so
 * that poll and a look at every deadline are cheap enough.  The kernel's slack
 * for timers is switched off: rests are shorter than that.
 *
 * IDENTIFICATION
 *	  bench/hammer/loop.c
 *-------------------------------------------------------------------------
 */
#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

/* So that whoever turns the loop can look at the clock now and then. */
#define LONGEST_WAIT	(100 * USEC_PER_MS)

static Waiter **waiters;
static struct pollfd *polled;
static size_t count;
static size_t capacity;

void
loop_add(Waiter *waiter)
{
	if (count == 0)
		(void) prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	if (count == capacity)
	{
		capacity = capacity > 0 ? capacity * 2 : 64;
		waiters = reallocarray(waiters, capacity, sizeof(*waiters));
		polled = reallocarray(polled, capacity, sizeof(*polled));
		if (waiters == NULL || polled == NULL)
			die("out of memory");
	}
	waiters[count++] = waiter;
}

void
loop_turn(void)
{
	Usec		now = clock_now();
	Usec		first = now + LONGEST_WAIT;
	struct timespec patience = {0, 0};
	size_t		number = count;

	for (size_t i = 0; i < number; i++)
	{
		polled[i].fd = waiters[i]->fd;
		polled[i].events = waiters[i]->events;
		polled[i].revents = 0;
		if (waiters[i]->due < first)
			first = waiters[i]->due;
	}
	if (first > now)
	{
		patience.tv_sec = (first - now) / USEC_PER_S;
		patience.tv_nsec = (first - now) % USEC_PER_S * 1000;
	}

	if (ppoll(polled, number, &patience, NULL) < 0)
	{
		if (errno == EINTR)
			return;
		die("could not wait for the server: %s", strerror(errno));
	}

	now = clock_now();
	for (size_t i = 0; i < number; i++)
	{
		Waiter	   *waiter = waiters[i];

		if (polled[i].revents != 0 && waiter->fd == polled[i].fd)
			waiter->act(waiter->owner, true);
		else if (waiter->due <= now)
			waiter->act(waiter->owner, false);
	}
}
