/*-------------------------------------------------------------------------
 *
 * human.c
 *		Somebody who logs in every so often, runs SELECT 1 and quits; with two
 *		addresses somebody at each of them.
 *
 * Owns: the logins under way.
 *
 * A login begins at its time whether or not the one before is through: waiting
 * for it would leave out just the moments when logging in is slow.  Humans do
 * not retry; after --give-up they have lost patience, and it failed.
 *
 * IDENTIFICATION
 *	  bench/fleet/human.c
 *
 *-------------------------------------------------------------------------
 */
#include "human.h"

#include "wire.h"

#include <stdlib.h>
#include <string.h>

typedef struct Login
{
	struct Login *previous;
	struct Login *next;
	int			who;
	Wire		wire;
	Timer		patience;
	Usec		begun;
} Login;

static struct
{
	const Options *options;
	Timer		timer;			/* the next login */
	Login	   *logins;
	Chance		chance;
}			human;

static void
forget(Login *self)
{
	timer_cancel(&self->patience);
	wire_close(&self->wire);
	if (self->previous != NULL)
		self->previous->next = self->next;
	else
		human.logins = self->next;
	if (self->next != NULL)
		self->next->previous = self->previous;
	free(self);
}

static void
end_login(Login *self, const Fault *fault)
{
	tally_human(self->who, clock_now() - self->begun, fault);
	forget(self);
}

static void
on_impatience(void *owner)
{
	Login	   *self = owner;
	Fault		fault;

	if (self->wire.state == WIRE_CONNECTING)
		fault_set(&fault, FAULT_NO_LOGIN, "the login was not answered before --give-up");
	else
		fault_set(&fault, FAULT_NO_ANSWER, "the statement was not answered before --give-up");
	end_login(self, &fault);
}

static void
on_connected(void *owner)
{
	Login	   *self = owner;

	wire_run(&self->wire, &human.options->human_script);
}

static void
on_refused_or_done(void *owner, const Fault *fault)
{
	end_login(owner, fault);
}

static void
on_lost(void *owner, const Fault *fault, WireLoss loss)
{
	(void) loss;
	end_login(owner, fault);
}

static const WireOwner wire_calls = {
	.connected = on_connected,
	.refused = on_refused_or_done,
	.done = on_refused_or_done,
	.lost = on_lost,
};

static void
log_in(int who)
{
	Login	   *self = allocate(1, sizeof(Login));

	self->who = who;
	self->next = human.logins;
	if (self->next != NULL)
		self->next->previous = self;
	human.logins = self;
	self->begun = clock_now();
	wire_init(&self->wire, &wire_calls, self, PROTOCOL_SIMPLE, &human.chance);
	timer_init(&self->patience, on_impatience, self);
	timer_set(&self->patience, self->begun + human.options->give_up);
	/* Last: it may be refused, and so forgotten, within. */
	wire_open(&self->wire, human.options->human_dsn[who], human.options->human_name);
}

static void
on_time(void *owner)
{
	(void) owner;
	timer_set(&human.timer, human.timer.due + human.options->human_interval);
	for (int who = 0; who < human.options->humans; who++)
		log_in(who);
}

void
human_open(const Options *options)
{
	human.options = options;
	human.chance = chance_stream(options->seed, UINT64_MAX);
	timer_init(&human.timer, on_time, NULL);
	timer_set(&human.timer, clock_now());
}

/* Those still waiting are not counted: the run ended, not their patience. */
void
human_close(void)
{
	timer_cancel(&human.timer);
	while (human.logins != NULL)
		forget(human.logins);
	memset(&human, 0, sizeof(human));
}
