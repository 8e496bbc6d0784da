/*-------------------------------------------------------------------------
 *
 * sleeper.c
 *		A session that works now and then, and from some moment on rests
 *		until it is ended.
 *
 * IDENTIFICATION
 *	  bench/hammer/sleeper.c
 *-------------------------------------------------------------------------
 */
#include "sleeper.h"

/* While awake it works so often, that nobody takes it for asleep. */
#define WORK_EVERY	(100 * USEC_PER_MS)

static void
stay_awake(Sleeper *sleeper)
{
	Usec		soon = clock_now() + WORK_EVERY;

	sleeper->state = SLEEPER_AWAKE;
	sleeper->link.waiter.due = soon < sleeper->bedtime ? soon : sleeper->bedtime;
}

static void
ended(Sleeper *sleeper)
{
	if (sleeper->state != SLEEPER_ASLEEP)
		die("a session was ended before it rested (SQLSTATE %s)", sleeper->link.code);
	sleeper->ended_at = clock_now();
	link_close(&sleeper->link);
	sleeper->state = SLEEPER_CLOSED;
}

static void
send_statement(Sleeper *sleeper)
{
	bool		last;

	sleeper->state = SLEEPER_WORKING;
	sleeper->link.waiter.due = NEVER;
	sleeper->last_sent = clock_now();
	last = sleeper->last_sent >= sleeper->bedtime;
	if (PQsendQuery(sleeper->link.connection, last && sleeper->in_transaction ? "BEGIN" : "SELECT 1") == 0)
		die("could not send a statement: %s", PQerrorMessage(sleeper->link.connection));
	link_flush(&sleeper->link);
}

static void
read_answer(Sleeper *sleeper)
{
	PGconn	   *connection = sleeper->link.connection;
	PGresult   *result;

	(void) link_read(&sleeper->link);
	link_flush(&sleeper->link);
	while (!PQisBusy(connection))
	{
		result = PQgetResult(connection);
		if (result == NULL)
		{
			if (sleeper->last_sent >= sleeper->bedtime)
				sleeper->state = SLEEPER_ASLEEP;
			else
				stay_awake(sleeper);
			return;
		}
		if (PQresultStatus(result) != PGRES_TUPLES_OK &&
			PQresultStatus(result) != PGRES_COMMAND_OK)
			die("a statement failed: %s", PQresultErrorMessage(result));
		PQclear(result);
	}
}

static void
act(void *owner, bool ready)
{
	Sleeper    *sleeper = owner;

	switch (sleeper->state)
	{
		case SLEEPER_CLOSED:
			break;
		case SLEEPER_CONNECTING:
			if (!link_advance(&sleeper->link))
				die("could not connect: %s", link_failure());
			if (sleeper->link.open)
				stay_awake(sleeper);
			break;
		case SLEEPER_AWAKE:
		case SLEEPER_ASLEEP:
			if (ready && !link_read(&sleeper->link))
				ended(sleeper);
			else if (clock_now() >= sleeper->link.waiter.due)
				send_statement(sleeper);
			break;
		case SLEEPER_WORKING:
			read_answer(sleeper);
			break;
	}
}

void
sleeper_init(Sleeper *sleeper, bool in_transaction)
{
	sleeper->in_transaction = in_transaction;
	sleeper->state = SLEEPER_CLOSED;
	sleeper->bedtime = NEVER;
	sleeper->ended_at = 0;
	link_init(&sleeper->link, act, sleeper);
}

void
sleeper_connect(Sleeper *sleeper, const char *dsn, const char *user, const char *name)
{
	sleeper->state = SLEEPER_CONNECTING;
	link_connect(&sleeper->link, dsn, user, name);
}

void
sleeper_sleep_at(Sleeper *sleeper, Usec when)
{
	sleeper->bedtime = when;
	if (sleeper->state == SLEEPER_AWAKE && when < sleeper->link.waiter.due)
		sleeper->link.waiter.due = when;
}
