/*-------------------------------------------------------------------------
 *
 * test_gate.c
 *		Who may take a ticket, where one goes, and how one waits for it.
 *
 * IDENTIFICATION
 *	  test/unit/test_gate.c
 *-------------------------------------------------------------------------
 */
#include "core/gate.h"

#include "unit.h"

extern const UnitTest gate_tests[];

#define NOW		(1000 * GOV_SECOND)

static void
the_limit(void)
{
	GovClass	class = {.used = true, .max_active = 7};

	CHECK_INT(gov_gate_limit(&class), 7);
	class.max_active = 0;
	CHECK_INT(gov_gate_limit(&class), 0);
	class.max_active = 7;
	class.used = false;
	CHECK_INT(gov_gate_limit(&class), 0);
}

static void
where_tickets_go(void)
{
	static const struct
	{
		uint32_t	held,
					waiting,
					limit;
		bool		takes,
					hands_over,
					lets_in;
	}			rows[] =
	{
		{0, 0, 0, false, false, false},
		{0, 0, 1, true, false, false},
		{1, 0, 1, false, false, false},
		{1, 1, 1, false, true, false},
		{2, 1, 1, false, false, false}, /* one is above the limit, and goes with it */
		{0, 1, 1, false, true, true},	/* never so at rest: the first in line gets it, no newcomer */
		{3, 2, 4, false, true, true},	/* the limit was raised a moment ago */
		{4, 2, 4, false, true, false},
		{3, 0, 4, true, false, false},
		{4, 0, 4, false, false, false},
		{9, 5, 4, false, false, false}, /* the limit was lowered */
		{UINT32_MAX, 1, 262143, false, false, false},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		unit_row("held %u, waiting %u, limit %u", rows[i].held, rows[i].waiting, rows[i].limit);
		CHECK_BOOL(gov_gate_may_take(rows[i].held, rows[i].waiting, rows[i].limit), rows[i].takes);
		CHECK_BOOL(gov_gate_hands_over(rows[i].held, rows[i].waiting, rows[i].limit), rows[i].hands_over);
		CHECK_BOOL(gov_gate_lets_in(rows[i].held, rows[i].waiting, rows[i].limit), rows[i].lets_in);
	}
}

/* However tickets are taken and given back, no more are held than the limit, and none is idle while somebody waits. */
static void
a_model(void)
{
	for (int run = 0; run < 200; run++)
	{
		uint32_t	limit = 1 + (uint32_t) unit_random_below(5);
		uint32_t	highest = limit;
		uint32_t	held = 0,
					waiting = 0;

		for (int step = 0; step < 500; step++)
		{
			unit_row("run %d, step %d: held %u, waiting %u, limit %u", run, step, held, waiting, limit);
			if (unit_random_below(2) == 0)
			{
				if (gov_gate_may_take(held, waiting, limit))
					held++;
				else
					waiting++;
			}
			else if (held > 0)
			{
				bool		above = held > limit;

				if (gov_gate_hands_over(held, waiting, limit))
				{
					waiting--;
					CHECK(!above);
				}
				else
					held--;
			}
			CHECK(held <= highest);
			CHECK(waiting == 0 || held >= limit);

			/* only another limit lets in somebody by itself; a lower one is kept as soon as so many have ended */
			if (unit_random_below(50) == 0)
			{
				limit = 1 + (uint32_t) unit_random_below(5);
				highest = held > limit ? held : limit;
				while (gov_gate_lets_in(held, waiting, limit))
				{
					held++;
					waiting--;
				}
				CHECK(held <= highest);
				CHECK(waiting == 0 || held >= limit);
			}
			highest = held > limit ? held : limit;
		}
	}
}

/* On a machine with one processor, where nobody waits for long. */
static bool
keeps(uint32_t held, uint32_t kept, uint32_t waiting, uint32_t limit, const GovGateTurn *turn, GovTime now)
{
	GovGateLoad load = {.held = held, .kept = kept, .waiting = waiting, .limit = limit, .processors = 1,
	.timeout = 5 * GOV_SECOND};

	return gov_gate_keeps(&load, turn, now);
}

/* How many tickets may be kept, and how long a turn is. */
static void
how_much_is_kept(void)
{
	const struct
	{
		uint32_t	limit,
					processors,
					most;
	}			kept[] =
	{
		{1, 1, 0}, {2, 1, 1}, {3, 1, 2}, {4, 1, 3}, {8, 1, 6}, {16, 1, 12},
		{1, 2, 0}, {2, 2, 0}, {3, 2, 1}, {8, 2, 6}, {8, 8, 0}, {16, 8, 8}, {8, 64, 0}, {0, 1, 0},
	};
	const struct
	{
		uint32_t	waiting,
					limit;
		GovTime		recent_wait,
					timeout;
		uint32_t	length;
	}			turns[] =
	{
		{1, 8, 0, GOV_SECOND, 1},
		{7, 8, 0, GOV_SECOND, 1},
		{8, 8, 0, GOV_SECOND, 2},
		{240, 16, 0, GOV_SECOND, 16},
		{10000, 8, 0, GOV_SECOND, GOV_GATE_TURN_TRANSACTIONS},
		{240, 16, GOV_SECOND / 4, GOV_SECOND, 16},
		{240, 16, GOV_SECOND / 4 + 1, GOV_SECOND, 1},
		{240, 0, 0, GOV_SECOND, 1},
	};

	for (size_t i = 0; i < lengthof(kept); i++)
	{
		unit_row("row %zu", i);
		CHECK_INT(gov_gate_most_kept(kept[i].limit, kept[i].processors), kept[i].most);
	}
	for (size_t i = 0; i < lengthof(turns); i++)
	{
		GovGateLoad load = {.waiting = turns[i].waiting, .limit = turns[i].limit,
		.recent_wait = turns[i].recent_wait, .timeout = turns[i].timeout};

		unit_row("turn %zu", i);
		CHECK_INT(gov_gate_turn_length(&load), turns[i].length);
	}

	CHECK_BOOL(gov_gate_kept_too_long(NOW, NOW + GOV_GATE_KEEP - 1), false);
	CHECK_BOOL(gov_gate_kept_too_long(NOW, NOW + GOV_GATE_KEEP), true);
	CHECK_BOOL(gov_gate_kept_too_long(NOW, GOV_NEVER), true);
	CHECK_BOOL(gov_gate_kept_too_long(NOW + GOV_SECOND, NOW), false);	/* kept while the caller looked */
	CHECK_BOOL(gov_gate_kept_too_long(NOW + GOV_SECOND + 1, NOW), true);	/* the clock was set back */
}

/* Whose ticket is kept for his next transaction. */
static void
what_is_kept(void)
{
	const GovTime turn = GOV_GATE_TURN;
	const struct
	{
		uint32_t	held,
					kept,
					waiting,
					limit;
		GovTime		away;
		GovTime		after;		/* the beginning of its turn */
		bool		keeps;
	}			rows[] =
	{
		{8, 0, 1000, 8, 400, 0, true},
		{8, 5, 1000, 8, 400, 0, true},
		{8, 6, 1000, 8, 400, 0, false},	/* three quarters of them are */
		{8, 0, 0, 8, 400, 0, false},	/* nobody waits */
		{9, 0, 1000, 8, 400, 0, false},	/* above the limit */
		{8, 0, 1000, 8, 3 * GOV_MSEC, 0, false},	/* its client takes its time */
		{8, 0, 1000, 8, 400, turn - 1, true},
		{8, 0, 1000, 8, 400, turn, false},
		{8, 0, 1000, 8, 400, -1, false},	/* the clock was set back */
		{1, 0, 1000, 1, 400, 0, false},	/* the only one always goes on */
		{2, 0, 1000, 2, 400, 0, true},
		{2, 1, 1000, 2, 400, 0, false},
		{3, 1, 1000, 3, 400, 0, true},
		{3, 2, 1000, 3, 400, 0, false},
		{5, 3, 1000, 5, 400, 0, false},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovGateTurn mine = {.began = NOW, .runs_for = 500, .away_for = rows[i].away};

		unit_row("row %zu", i);
		CHECK_BOOL(keeps(rows[i].held, rows[i].kept, rows[i].waiting, rows[i].limit, &mine, NOW + rows[i].after),
				   rows[i].keeps);
	}

	for (int transactions = 1; transactions <= GOV_GATE_TURN_TRANSACTIONS; transactions++)
	{
		GovGateTurn mine = {.began = NOW, .transactions = transactions, .runs_for = 500, .away_for = 400};

		unit_row("%d transactions", transactions);
		CHECK_BOOL(keeps(8, 0, 1000, 8, &mine, NOW), transactions < GOV_GATE_TURN_TRANSACTIONS);
	}

	CHECK_BOOL(gov_gate_goes_on(8, 8), true);
	CHECK_BOOL(gov_gate_goes_on(9, 8), false);
	CHECK_BOOL(gov_gate_goes_on(1, 0), false);
}

static void
who_is_prompt(void)
{
	static const struct
	{
		GovTime		runs_for,
					away_for;
		bool		is_prompt;
	}			rows[] =
	{
		{0, 0, false},
		{500, 0, false},		/* not known yet */
		{2 * GOV_MSEC, 2 * GOV_MSEC, true},
		{2 * GOV_MSEC, 2 * GOV_MSEC + 1, false},
		{0, GOV_GATE_AT_ONCE, true},
		{0, GOV_GATE_AT_ONCE + 1, false},
		{GOV_SECOND, GOV_GATE_KEEP - 1, true},
		{GOV_SECOND, GOV_GATE_KEEP, false},
	};
	GovGateTurn turn = {0};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovGateTurn mine = {.runs_for = rows[i].runs_for, .away_for = rows[i].away_for};

		unit_row("row %zu", i);
		CHECK_BOOL(gov_gate_is_prompt(&mine), rows[i].is_prompt);
	}

	/* a transaction that found a ticket at once: for how long it ran is not known */
	gov_gate_turn_pauses(&turn, NOW);
	CHECK_INT(turn.runs_for, 0);
	gov_gate_turn_goes_on(&turn, false, NOW + 100);
	CHECK_INT(turn.away_for, 100);
	gov_gate_turn_begins(&turn, NOW + 5000);
	gov_gate_turn_pauses(&turn, NOW + 6000);
	CHECK_INT(turn.runs_for, 1000);
	gov_gate_turn_goes_on(&turn, true, NOW + 6500);
	CHECK_INT(turn.away_for, 200);
	gov_gate_turn_pauses(&turn, NOW + 8500);
	CHECK_INT(turn.runs_for, 1250);
	CHECK_INT(turn.began, NOW + 5000);
	CHECK_INT(turn.transactions, 2);

	/* one that nobody waited for is in no mean, nor is the time before the next */
	gov_gate_turn_goes_on(&turn, false, NOW + 8600);
	gov_gate_turn_goes_on(&turn, false, NOW + 20 * GOV_SECOND);
	CHECK_INT(turn.away_for, 175);

	/* a clock that was set back, or on */
	gov_gate_turn_pauses(&turn, NOW);
	gov_gate_turn_goes_on(&turn, true, NOW - GOV_SECOND);
	CHECK_INT(turn.away_for, 132);
	gov_gate_turn_pauses(&turn, GOV_NEVER);
	CHECK_INT(turn.runs_for, 1250 + (2 * GOV_GATE_KEEP - 1250) / 4);

	/* one that found a ticket at once says nothing of what was before it */
	gov_gate_turn_pauses(&turn, NOW);
	gov_gate_turn_is_over(&turn);
	gov_gate_turn_goes_on(&turn, false, NOW + 3 * GOV_MSEC);
	CHECK_INT(turn.away_for, 132);
	gov_gate_turn_goes_on(&turn, true, NOW);
	gov_gate_turn_is_over(&turn);
	gov_gate_turn_pauses(&turn, NOW + GOV_SECOND);
	CHECK_INT(turn.runs_for, 1250 + (2 * GOV_GATE_KEEP - 1250) / 4);

	CHECK_BOOL(gov_gate_is_unwatched(NOW, NOW), false);
	CHECK_BOOL(gov_gate_is_unwatched(NOW, NOW + 4 * GOV_GATE_KEEP), false);
	CHECK_BOOL(gov_gate_is_unwatched(NOW, NOW + 4 * GOV_GATE_KEEP + 1), true);
	CHECK_BOOL(gov_gate_is_unwatched(NOW, NOW - 1), true);
	CHECK_BOOL(gov_gate_is_unwatched(0, NOW), true);
}

#define MANY	40

/*
 * A class that is full all the time, in steps of 100 us: clients whose
 * transactions take 1 ms, some of which send the next one at once, and the
 * others after a while.
 */
static void
turns(void)
{
	enum
	{
		RUNS, KEPT, THINKS, WAITS,
	};

	for (uint32_t limit = 1; limit <= 8; limit++)
	{
		struct
		{
			GovGateTurn turn;
			int			state;
			GovTime		until;	/* of its transaction, or of its thinking */
			GovTime		began;	/* its wait, or the time for which its ticket is kept */
			GovTime		think;
		}			clients[MANY] = {{.state = RUNS}};
		int			queue[MANY];
		uint32_t	held = 0,
					kept = 0,
					waiting = 0,
					transactions = 0,
					waits = 0;
		GovTime		longest = 0,
					sum = 0;

		for (int i = 0; i < MANY; i++)
		{
			clients[i].state = THINKS;
			clients[i].think = i % 4 == 0 ? 30 * GOV_MSEC : 200;
			clients[i].until = NOW;
		}
		for (GovTime now = NOW; now < NOW + 20 * GOV_SECOND; now += 100)
		{
			bool		watches = (now - NOW) % GOV_GATE_WATCH_EVERY == 0;

			unit_row("limit %u, at %lld", limit, (long long) (now - NOW));
			for (int i = 0; i < MANY; i++)
			{
				if (clients[i].state == RUNS && now >= clients[i].until)
				{
					transactions++;
					clients[i].until = now + clients[i].think;
					clients[i].began = now;
					gov_gate_turn_pauses(&clients[i].turn, now);
					clients[i].state = THINKS;
					if (keeps(held, kept, waiting, limit, &clients[i].turn, now))
					{
						clients[i].state = KEPT;
						kept++;
					}
					else
						held--;
				}
				else if (clients[i].state == KEPT && now >= clients[i].until)
				{
					CHECK(gov_gate_goes_on(held, limit));
					kept--;
					gov_gate_turn_goes_on(&clients[i].turn, true, now);
					clients[i].state = RUNS;
					clients[i].until = now + GOV_MSEC;
				}
				else if (clients[i].state == KEPT && watches && now - clients[i].began >= GOV_GATE_KEEP)
				{
					held--;
					kept--;
					clients[i].state = THINKS;
				}
				else if (clients[i].state == THINKS && now >= clients[i].until)
				{
					gov_gate_turn_goes_on(&clients[i].turn, false, now);
					clients[i].state = WAITS;
					clients[i].began = now;
					queue[waiting++] = i;
				}
				while (gov_gate_lets_in(held, waiting, limit))
				{
					int			first = queue[0];

					held++;
					waiting--;
					for (uint32_t j = 0; j < waiting; j++)
						queue[j] = queue[j + 1];
					clients[first].state = RUNS;
					clients[first].until = now + GOV_MSEC;
					gov_gate_turn_begins(&clients[first].turn, now);
					if (now - NOW > 5 * GOV_SECOND)
					{
						longest = now - clients[first].began > longest ? now - clients[first].began : longest;
						sum += now - clients[first].began;
						waits++;
					}
				}
				CHECK(held <= limit && kept <= gov_gate_most_kept(limit, 1) && kept <= held);
			}
		}
		unit_row("limit %u: %u transactions, %u waits, longest %lld, sum %lld", limit, transactions, waits,
				 (long long) longest, (long long) sum);
		CHECK(waits > 100);
		CHECK(longest * waits <= 3 * sum);
		/* half of the tickets at least are in use all the time */
		CHECK(transactions >= (limit - limit / 2) * 19000);
		CHECK(limit == 1 || waits < transactions * 3 / 4);
	}
}

static GovGateStep
step_at(GovTime timeout, int searches, GovTime after, GovTime *look_after)
{
	GovGateWait wait = {.began = NOW, .timeout = timeout, .first_search = 100 * GOV_MSEC, .searches = searches};
	GovGateStep step = gov_gate_wait(&wait, NOW + after, look_after);

	*look_after -= NOW;
	return step;
}

static void
how_one_waits(void)
{
	static const struct
	{
		GovTime		timeout;
		int			searches;
		GovTime		after;
		GovGateStep step;
		GovTime		look_after;
	}			rows[] =
	{
		{0, 0, 0, GOV_GATE_TIME_OUT, 0},
		{1, 0, 0, GOV_GATE_WAIT, 1},
		{1, 0, 1, GOV_GATE_TIME_OUT, 1},
		{5 * GOV_SECOND, 0, 0, GOV_GATE_WAIT, 100 * GOV_MSEC},
		{5 * GOV_SECOND, 0, 100 * GOV_MSEC - 1, GOV_GATE_WAIT, 100 * GOV_MSEC},
		{5 * GOV_SECOND, 0, 100 * GOV_MSEC, GOV_GATE_SEARCH, 100 * GOV_MSEC},
		{5 * GOV_SECOND, 1, 100 * GOV_MSEC, GOV_GATE_WAIT, 300 * GOV_MSEC},
		{5 * GOV_SECOND, 1, 300 * GOV_MSEC, GOV_GATE_SEARCH, 300 * GOV_MSEC},
		{5 * GOV_SECOND, 2, 300 * GOV_MSEC, GOV_GATE_WAIT, 700 * GOV_MSEC},
		{5 * GOV_SECOND, 3, 700 * GOV_MSEC, GOV_GATE_WAIT, 1500 * GOV_MSEC},
		{5 * GOV_SECOND, 4, 1500 * GOV_MSEC, GOV_GATE_WAIT, 3100 * GOV_MSEC},
		{5 * GOV_SECOND, 5, 3100 * GOV_MSEC, GOV_GATE_WAIT, 5 * GOV_SECOND},
		{60 * GOV_SECOND, 5, 3100 * GOV_MSEC, GOV_GATE_WAIT, 5100 * GOV_MSEC},
		{60 * GOV_SECOND, 6, 5100 * GOV_MSEC, GOV_GATE_WAIT, 7100 * GOV_MSEC},
		{5 * GOV_SECOND, 0, 5 * GOV_SECOND - 1, GOV_GATE_SEARCH, 5 * GOV_SECOND - 1},
		{5 * GOV_SECOND, 0, 5 * GOV_SECOND, GOV_GATE_TIME_OUT, 5 * GOV_SECOND},
		{5 * GOV_SECOND, 0, -GOV_SECOND, GOV_GATE_WAIT, 100 * GOV_MSEC},	/* the clock was set back */
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovTime		look_after;

		unit_row("row %zu", i);
		CHECK_INT(step_at(rows[i].timeout, rows[i].searches, rows[i].after, &look_after), rows[i].step);
		CHECK_INT(look_after, rows[i].look_after);
	}
}

static void
when_to_retry(void)
{
	CHECK_INT(gov_gate_retry_after(0), 100 * GOV_MSEC);
	CHECK_INT(gov_gate_retry_after(100 * GOV_MSEC), 100 * GOV_MSEC);
	CHECK_INT(gov_gate_retry_after(100 * GOV_MSEC + 1), 100 * GOV_MSEC + 1);
	CHECK_INT(gov_gate_retry_after(60 * GOV_SECOND), 60 * GOV_SECOND);
	CHECK_INT(gov_gate_retry_after(60 * GOV_SECOND + 1), 60 * GOV_SECOND);
	CHECK_INT(gov_gate_retry_after(GOV_NEVER), 60 * GOV_SECOND);
}

const UnitTest gate_tests[] = {
	{"gate: the limit in force", the_limit},
	{"gate: where tickets go", where_tickets_go},
	{"gate: never more than the limit, and none idle while somebody waits", a_model},
	{"gate: how much is kept, and how long a turn is", how_much_is_kept},
	{"gate: what is kept", what_is_kept},
	{"gate: who is prompt, and who is watched", who_is_prompt},
	{"gate: turns are fair, and use the tickets", turns},
	{"gate: how one waits", how_one_waits},
	{"gate: when to retry", when_to_retry},
	UNIT_END
};
