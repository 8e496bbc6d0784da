/*-------------------------------------------------------------------------
 *
 * environment.c
 *		The life of an environment of a serverless function.
 *
 * Owns: an environment's wire, its one timer and its stream of chance.
 *
 *    AWAITED       THINKING <----------------------------------+
 *       | arrival    |   |                                     |
 *       +-----+------+   | no invocation is left               |
 *             |  next    v                                     |
 *             |       FROZEN, or GONE                          |
 *             |<---------+ thaw                                |
 *             v                                                |
 *    +-- a session? --+                                        |
 *    | no             | yes                                    |
 *    v   connected    v              done                      |
 *  CONNECTING ----> WORKING -----------------------------------+
 *    |  ^  ^          |  |                                     |
 *    |  |  +----------+  | lost                                |
 *    |  |   dead at use  v                                     |
 *    |  +----------- BACKING_OFF        time is over           |
 *    |    again          ^    (of these three) ----------------+
 *    +-------------------+
 *          refused
 *
 * What keeps it busy is an errand: an invocation (which is counted), the
 * transaction that it will freeze in, or the COMMIT it still owes after a thaw.
 * An errand has give-up time for all its attempts together.
 *
 * Transition and the function that performs it:
 *   AWAITED, THINKING, FROZEN -> CONNECTING, WORKING  [begin_errand]
 *   CONNECTING  -> WORKING            [on_connected]
 *   CONNECTING  -> BACKING_OFF        [on_refused]
 *   WORKING     -> THINKING           [on_done, by end_errand]
 *   WORKING     -> CONNECTING         [on_lost, once in an errand]
 *   WORKING     -> BACKING_OFF        [on_lost]
 *   BACKING_OFF -> CONNECTING         [on_time]
 *   CONNECTING, WORKING, BACKING_OFF -> THINKING  [run_out_of_time]
 *   THINKING    -> FROZEN             [freeze]
 *   THINKING    -> GONE               [take_ending]
 *
 * Invariants, by state:
 *   AWAITED      wire closed; the timer is the first attempt, once its wave starts
 *   CONNECTING   wire connecting; the timer is the errand's deadline
 *   BACKING_OFF  wire closed; the timer is the next attempt or the deadline
 *   WORKING      wire busy; the timer is the deadline
 *   THINKING     wire idle or closed; the timer is the next errand or the ending
 *   FROZEN       wire frozen or closed; the timer is the thaw, if one is to come
 *   GONE         wire closed, no timer
 *
 * Known limits: a frozen environment's socket is not read, but this machine's
 * kernel still acknowledges for it and answers keepalive probes, which the
 * kernel of a frozen virtual machine would not.
 *
 * IDENTIFICATION
 *	  bench/fleet/environment.c
 *
 *-------------------------------------------------------------------------
 */
#include "environment.h"

static void next(Environment *self);
static void take_ending(Environment *self);

/* Half to one and a half of a mean, so that lives drift apart. */
static Usec
vary(Environment *self, Usec mean)
{
	return chance_between(&self->chance, mean / 2, mean + mean / 2);
}

static Usec
deadline(const Environment *self)
{
	return self->errand_begun + self->options->give_up;
}

/* ---------------------------------------------------------------- errands */

static void
connect_wire(Environment *self)
{
	self->state = ENVIRONMENT_CONNECTING;
	self->connect_begun = clock_now();
	timer_set(&self->timer, deadline(self));
	wire_open(&self->wire, self->options->dsn, self->name);
}

static void
work(Environment *self)
{
	const Script *const scripts[] = {
		[ERRAND_INVOKE] = &self->options->script,
		[ERRAND_HANG] = &self->options->hang_script,
		[ERRAND_COMMIT] = &self->options->commit_script,
	};

	self->state = ENVIRONMENT_WORKING;
	timer_set(&self->timer, deadline(self));
	wire_run(&self->wire, scripts[self->errand]);
}

static void
begin_errand(Environment *self, Errand errand)
{
	self->errand = errand;
	self->errand_begun = clock_now();
	self->failures = 0;
	self->reconnected = false;
	if (self->wire.state == WIRE_IDLE)
		work(self);
	else
		connect_wire(self);
}

/* An attempt that would begin after the deadline does not begin. */
static void
back_off(Environment *self)
{
	const Options *options = self->options;
	Usec		due = clock_now() + chance_backoff(&self->chance, options->backoff_min,
												   options->backoff_max, ++self->failures);

	self->state = ENVIRONMENT_BACKING_OFF;
	timer_set(&self->timer, due < deadline(self) ? due : deadline(self));
}

static bool
round_is_over(const Environment *self, Usec now)
{
	const Options *options = self->options;

	if (self->settled && self->ending == ENDING_LIVE)
		return false;
	return (options->invocations > 0 && self->invoked >= options->invocations) ||
		(options->duration > 0 && now >= self->round_end);
}

/* Pauses before the next invocation, or before the ending. */
static void
rest(Environment *self)
{
	Usec		now = clock_now();
	Usec		pause = round_is_over(self, now) ? self->options->freeze_after :
		vary(self, self->options->think);

	self->state = ENVIRONMENT_THINKING;
	if (pause > 0)
		timer_set(&self->timer, now + pause);
	else
	{
		timer_cancel(&self->timer);
		next(self);
	}
}

/* fault is NULL if the errand succeeded. */
static void
end_errand(Environment *self, const Fault *fault)
{
	self->state = ENVIRONMENT_THINKING;
	timer_cancel(&self->timer);
	switch (self->errand)
	{
		case ERRAND_INVOKE:
			tally_invocation(clock_now() - self->errand_begun, fault);
			self->invoked++;
			if (fault == NULL && !self->served)
			{
				self->served = true;
				tally_served(self->wave);
			}
			rest(self);
			break;
		case ERRAND_HANG:
			take_ending(self);
			break;
		case ERRAND_COMMIT:
			next(self);
			break;
	}
}

/* A thawed environment learns how its session fared. */
static void
resolve_doubt(Environment *self, Thaw thaw)
{
	if (self->doubtful)
		tally_thaw(thaw);
	self->doubtful = false;
}

static void
run_out_of_time(Environment *self)
{
	if (self->state == ENVIRONMENT_CONNECTING)
	{
		fault_set(&self->fault, FAULT_NO_LOGIN, "the login was not answered before --give-up");
		tally_connect(0, &self->fault);
	}
	else if (self->state == ENVIRONMENT_WORKING)
	{
		fault_set(&self->fault, FAULT_NO_ANSWER,
				  "the statement was not answered before --give-up");
		resolve_doubt(self, THAW_DEAD);
	}
	wire_close(&self->wire);
	end_errand(self, &self->fault);
}

/* ---------------------------------------------------- what the wire tells */

static void
on_connected(void *owner)
{
	Environment *self = owner;

	tally_connect(clock_now() - self->connect_begun, NULL);
	work(self);
}

static void
on_refused(void *owner, const Fault *fault)
{
	Environment *self = owner;

	self->fault = *fault;
	tally_connect(0, fault);
	back_off(self);
}

static void
on_done(void *owner, const Fault *fault)
{
	Environment *self = owner;

	resolve_doubt(self, THAW_ALIVE);
	if (fault != NULL)
		self->fault = *fault;
	end_errand(self, fault);
}

static void
on_lost(void *owner, const Fault *fault, WireLoss loss)
{
	Environment *self = owner;

	self->fault = *fault;
	if (loss == WIRE_LOST_RESTING)
	{
		/* It is awake and pauses: the next errand connects again. */
		tally_loss(LOSS_RESTING, fault);
		return;
	}
	if (self->doubtful)
		tally_loss(LOSS_AT_THAW, fault);
	else
		tally_loss(loss == WIRE_LOST_AT_USE ? LOSS_AT_USE : LOSS_WORKING, fault);
	resolve_doubt(self, THAW_DEAD);

	if (self->errand == ERRAND_COMMIT)
		end_errand(self, fault);	/* the transaction is gone, nothing to repeat */
	else if (loss == WIRE_LOST_AT_USE && !self->reconnected)
	{
		self->reconnected = true;
		connect_wire(self);
	}
	else
		back_off(self);
}

static const WireOwner wire_calls = {
	.connected = on_connected,
	.refused = on_refused,
	.done = on_done,
	.lost = on_lost,
};

/* ---------------------------------------------------------------- endings */

/* It reached its ending for the first time. */
static void
settle(Environment *self, bool as_meant)
{
	if (self->settled)
		return;
	self->settled = true;
	if (!as_meant && !fault_is_set(&self->fault))
		fault_set(&self->fault, FAULT_LOST, "there was no session");
	tally_settled(self->wave, self->ending, as_meant ? NULL : &self->fault);
	self->calls->settled();
}

/* Nothing is left that it would do by itself (but for living on). */
static void
come_to_an_end(Environment *self)
{
	if (self->finished)
		return;
	self->finished = true;
	self->calls->finished();
}

static void
freeze(Environment *self, bool as_meant)
{
	bool		thaws = self->options->thaw_after > 0 && self->thaws_left > 0;

	self->state = ENVIRONMENT_FROZEN;
	if (self->wire.state == WIRE_IDLE)
		wire_freeze(&self->wire);
	if (thaws)
		timer_set(&self->timer, clock_now() + self->options->thaw_after);
	settle(self, as_meant);
	if (!thaws)
		come_to_an_end(self);
}

static void
take_ending(Environment *self)
{
	bool		open = self->wire.state == WIRE_IDLE;
	bool		hung = self->errand == ERRAND_HANG;

	switch (self->ending)
	{
		case ENDING_IDLE:
			freeze(self, open);
			return;
		case ENDING_TRANSACTION:
			if (!hung)
				begin_errand(self, ERRAND_HANG);
			else
				freeze(self, open &&
					   PQtransactionStatus(self->wire.connection) == PQTRANS_INTRANS);
			return;
		case ENDING_LIVE:
			settle(self, true);
			come_to_an_end(self);
			begin_errand(self, ERRAND_INVOKE);
			return;
		case ENDING_DIE:
			wire_drop(&self->wire);
			break;
		default:
			wire_close(&self->wire);
			break;
	}
	self->state = ENVIRONMENT_GONE;
	settle(self, open);
	come_to_an_end(self);
}

static void
thaw(Environment *self)
{
	bool		in_transaction = false;
	Fault		fault;

	self->thaws_left--;
	self->invoked = 0;
	self->round_end = clock_now() + self->options->duration;
	if (self->wire.state != WIRE_FROZEN)
		tally_thaw(THAW_WITHOUT);
	else if (!wire_thaw(&self->wire, &fault))
	{
		self->fault = fault;
		tally_thaw(THAW_DEAD);
		tally_loss(LOSS_AT_THAW, &fault);
	}
	else
	{
		/* Silence proves nothing: the first answer will. */
		self->doubtful = true;
		in_transaction = PQtransactionStatus(self->wire.connection) == PQTRANS_INTRANS;
	}
	begin_errand(self, in_transaction ? ERRAND_COMMIT : ERRAND_INVOKE);
}

static void
next(Environment *self)
{
	if (round_is_over(self, clock_now()))
		take_ending(self);
	else
		begin_errand(self, ERRAND_INVOKE);
}

static void
on_time(void *owner)
{
	Environment *self = owner;
	Usec		now = clock_now();

	switch (self->state)
	{
		case ENVIRONMENT_AWAITED:
			self->round_end = now + self->options->duration;
			begin_errand(self, ERRAND_INVOKE);
			break;
		case ENVIRONMENT_BACKING_OFF:
			if (now < deadline(self))
				connect_wire(self);
			else
				run_out_of_time(self);
			break;
		case ENVIRONMENT_CONNECTING:
		case ENVIRONMENT_WORKING:
			run_out_of_time(self);
			break;
		case ENVIRONMENT_THINKING:
			next(self);
			break;
		case ENVIRONMENT_FROZEN:
			thaw(self);
			break;
		case ENVIRONMENT_GONE:
			break;
	}
}

/* -------------------------------------------------------- begin and end */

void
environment_init(Environment *self, const Options *options, const EnvironmentCalls *calls)
{
	self->options = options;
	self->calls = calls;
	self->state = ENVIRONMENT_AWAITED;
	self->thaws_left = options->thaws;
	wire_init(&self->wire, &wire_calls, self, options->protocol, &self->chance);
	timer_init(&self->timer, on_time, self);
	tally_plan(self->wave, self->ending);
}

void
environment_arrive(Environment *self, Usec at)
{
	timer_set(&self->timer, at + vary(self, self->options->cold_start));
}

/*
 * Reading a frozen session's socket is no longer against the rules here: nobody
 * will see it thaw, and it tells what the server did with its session.
 */
void
environment_end(Environment *self)
{
	Fault		fault;

	timer_cancel(&self->timer);
	if (self->wire.state == WIRE_FROZEN)
	{
		if (wire_thaw(&self->wire, &fault))
			tally_frozen_alive();
		else
			tally_loss(LOSS_FROZEN, &fault);
	}
	wire_close(&self->wire);
}
