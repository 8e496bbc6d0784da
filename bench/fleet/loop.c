/*-------------------------------------------------------------------------
 *
 * loop.c
 *		The event loop: one epoll set, one heap of timers, one thread.
 *
 * There is no tick: epoll_wait sleeps until the next timer.  Each round does a
 * bounded amount of work, so that a thousand environments which arrive at once
 * do not keep the answers of others waiting in their sockets: latencies are
 * taken when an answer is read.
 *
 * Invariants:
 * (1) A timer is in the heap exactly if its slot is not 0, and is at that slot.
 * (2) A watch that was forgotten has no event left in the current batch; its
 *     owner may be freed at once.
 *
 * IDENTIFICATION
 *	  bench/fleet/loop.c
 *
 *-------------------------------------------------------------------------
 */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_PER_ROUND	256
#define TIMERS_PER_ROUND	64

static struct
{
	int			epoll;
	bool		stopped;
	Timer	  **heap;			/* heap[0] is not used */
	size_t		timers;
	size_t		capacity;
	struct epoll_event batch[EVENTS_PER_ROUND];
	int			batch_size;
	Latency		lateness;
}			loop;

void
loop_open(void)
{
	loop.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop.epoll < 0)
		die("could not create an epoll instance: %s", strerror(errno));
}

void
loop_close(void)
{
	close(loop.epoll);
	free(loop.heap);
	loop.heap = NULL;
	loop.timers = loop.capacity = 0;
}

void
loop_stop(void)
{
	loop.stopped = true;
}

const Latency *
loop_lateness(void)
{
	return &loop.lateness;
}

/* Milliseconds until the next timer, rounded up so that it is due on waking. */
static int
time_to_sleep(void)
{
	Usec		left;

	if (loop.timers == 0)
		return -1;
	left = (loop.heap[1]->due - clock_now() + USEC_PER_MS - 1) / USEC_PER_MS;
	if (left <= 0)
		return 0;
	return left < INT_MAX ? (int) left : INT_MAX;
}

static void
fire_timers(void)
{
	for (int i = 0; i < TIMERS_PER_ROUND && loop.timers > 0 && !loop.stopped; i++)
	{
		Timer	   *timer = loop.heap[1];
		Usec		now = clock_now();

		if (timer->due > now)
			break;
		latency_add(&loop.lateness, now - timer->due);
		timer_cancel(timer);
		timer->fire(timer->owner);
	}
}

void
loop_run(void)
{
	while (!loop.stopped)
	{
		int			count = epoll_wait(loop.epoll, loop.batch, EVENTS_PER_ROUND, time_to_sleep());

		if (count < 0 && errno != EINTR)
			die("could not wait for events: %s", strerror(errno));
		loop.batch_size = count > 0 ? count : 0;
		for (int i = 0; i < loop.batch_size && !loop.stopped; i++)
		{
			Watch	   *watch = loop.batch[i].data.ptr;

			if (watch != NULL)
				watch->ready(watch->owner, loop.batch[i].events);
		}
		loop.batch_size = 0;
		fire_timers();
	}
}

/* ---------------------------------------------------------------- timers */

static void
heap_put(size_t slot, Timer *timer)
{
	loop.heap[slot] = timer;
	timer->slot = slot;
}

static void
heap_rise(size_t slot, Timer *timer)
{
	while (slot > 1 && loop.heap[slot / 2]->due > timer->due)
	{
		heap_put(slot, loop.heap[slot / 2]);
		slot /= 2;
	}
	heap_put(slot, timer);
}

static void
heap_sink(size_t slot, Timer *timer)
{
	size_t		child;

	while ((child = slot * 2) <= loop.timers)
	{
		if (child < loop.timers && loop.heap[child + 1]->due < loop.heap[child]->due)
			child++;
		if (loop.heap[child]->due >= timer->due)
			break;
		heap_put(slot, loop.heap[child]);
		slot = child;
	}
	heap_put(slot, timer);
}

void
timer_init(Timer *timer, void (*fire) (void *owner), void *owner)
{
	timer->fire = fire;
	timer->owner = owner;
	timer->due = 0;
	timer->slot = 0;
}

void
timer_set(Timer *timer, Usec due)
{
	timer_cancel(timer);
	timer->due = due;
	if (loop.timers + 1 >= loop.capacity)
	{
		loop.capacity = loop.capacity > 0 ? loop.capacity * 2 : 1024;
		loop.heap = resize(loop.heap, loop.capacity, sizeof(Timer *));
	}
	heap_rise(++loop.timers, timer);
}

void
timer_cancel(Timer *timer)
{
	size_t		slot = timer->slot;
	Timer	   *last;

	if (slot == 0)
		return;
	timer->slot = 0;
	last = loop.heap[loop.timers--];
	if (last == timer)
		return;
	/* The last one fills the hole, and may have to go either way from there. */
	if (slot > 1 && loop.heap[slot / 2]->due > last->due)
		heap_rise(slot, last);
	else
		heap_sink(slot, last);
}

/* --------------------------------------------------------------- watches */

void
watch_init(Watch *watch, void (*ready) (void *owner, uint32_t events), void *owner)
{
	watch->ready = ready;
	watch->owner = owner;
	watch->fd = -1;
}

/*
 * libpq may close its socket and open another while it connects, and the new
 * one may get the old one's number.  The kernel forgot the old one when it was
 * closed, so that changing the interest fails and adding it is right.
 */
void
watch_set(Watch *watch, int fd, uint32_t interest)
{
	struct epoll_event event = {.events = interest, .data.ptr = watch};

	if (watch->fd != fd || epoll_ctl(loop.epoll, EPOLL_CTL_MOD, fd, &event) != 0)
	{
		if (epoll_ctl(loop.epoll, EPOLL_CTL_ADD, fd, &event) != 0)
			die("could not watch a socket: %s", strerror(errno));
	}
	watch->fd = fd;
}

void
watch_forget(Watch *watch)
{
	if (watch->fd < 0)
		return;
	/* Fails if libpq closed the socket by itself, which does the same. */
	epoll_ctl(loop.epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->fd = -1;
	for (int i = 0; i < loop.batch_size; i++)
		if (loop.batch[i].data.ptr == watch)
			loop.batch[i].data.ptr = NULL;
}
