/*-------------------------------------------------------------------------
 *
 * app.c
 *		The always-on service beside the fleet: a pool of sessions, each running
 *		the app's statements in a closed loop.
 *
 * Owns: the pool's sessions.
 *
 * A pool should never lose a session, so every loss is told on stderr at once,
 * --quiet or not.  A lost or refused session is opened again: at once the first
 * time, then with the same pauses as the fleet's, and without giving up.
 *
 * Known limits: the loop is closed, so a server that answers late is also asked
 * less; what it does to the service shows in the rate more than in the
 * percentiles.  Statements without an answer at the end show as such.
 *
 * IDENTIFICATION
 *	  bench/fleet/app.c
 *
 *-------------------------------------------------------------------------
 */
#include "app.h"

#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct AppSession
{
	int			number;
	Wire		wire;
	Timer		timer;			/* the next attempt, or the end of a pause */
	Chance		chance;
	Usec		begun;			/* of the statements under way */
	int			failures;		/* in a row */
	bool		tried;			/* the first attempt is decided */
} AppSession;

static struct
{
	const Options *options;
	void		(*connected) (void);
	AppSession *all;
	int			tried;
}			app;

static void
note_tried(AppSession *self)
{
	if (self->tried)
		return;
	self->tried = true;
	if (++app.tried == app.options->app_pool)
		app.connected();
}

static void
connect_again(AppSession *self)
{
	const Options *options = app.options;

	timer_set(&self->timer, clock_now() +
			  chance_backoff(&self->chance, options->backoff_min, options->backoff_max,
							 ++self->failures));
}

static void
run(AppSession *self)
{
	self->begun = clock_now();
	wire_run(&self->wire, &app.options->app_script);
}

static void
on_time(void *owner)
{
	AppSession *self = owner;

	if (self->wire.state == WIRE_CLOSED)
		wire_open(&self->wire, app.options->app_dsn, app.options->app_name);
	else
		run(self);
}

static void
on_connected(void *owner)
{
	AppSession *self = owner;

	tally_app_connect(NULL);
	note_tried(self);
	run(self);
}

static void
on_refused(void *owner, const Fault *fault)
{
	AppSession *self = owner;

	tally_app_connect(fault);
	note_tried(self);
	connect_again(self);
}

static void
on_done(void *owner, const Fault *fault)
{
	AppSession *self = owner;

	self->failures = 0;
	tally_app_statement(clock_now() - self->begun, fault);
	if (app.options->app_think > 0)
		timer_set(&self->timer, clock_now() + app.options->app_think);
	else
		run(self);
}

static void
on_lost(void *owner, const Fault *fault, WireLoss loss)
{
	AppSession *self = owner;

	fprintf(stderr, "fleet: app session %d was lost %s: %s: %s\n", self->number,
			loss == WIRE_LOST_RESTING ? "at rest" : "at work",
			fault_label(fault->code), fault->message);
	tally_app_loss(fault);
	if (loss != WIRE_LOST_RESTING)
		tally_app_statement(0, fault);
	if (self->failures == 0)
	{
		self->failures = 1;
		timer_set(&self->timer, clock_now());
	}
	else
		connect_again(self);
}

static const WireOwner wire_calls = {
	.connected = on_connected,
	.refused = on_refused,
	.done = on_done,
	.lost = on_lost,
};

void
app_open(const Options *options, void (*connected) (void))
{
	app.options = options;
	app.connected = connected;
	app.all = allocate((size_t) options->app_pool, sizeof(AppSession));
	for (int i = 0; i < options->app_pool; i++)
	{
		AppSession *self = &app.all[i];

		self->number = i + 1;
		self->chance = chance_stream(~options->seed, (uint64_t) i);
		wire_init(&self->wire, &wire_calls, self, options->protocol, &self->chance);
		timer_init(&self->timer, on_time, self);
		timer_set(&self->timer, clock_now());
	}
}

void
app_close(void)
{
	for (int i = 0; i < app.options->app_pool; i++)
	{
		AppSession *self = &app.all[i];
		bool		busy = self->wire.state == WIRE_BUSY;

		tally_app_at_end(busy || self->wire.state == WIRE_IDLE,
						 busy ? clock_now() - self->begun : 0);
		timer_cancel(&self->timer);
		wire_close(&self->wire);
	}
	free(app.all);
	memset(&app, 0, sizeof(app));
}
