/*-------------------------------------------------------------------------
 *
 * test_staleness.c
 *		Whether, why and when a session should end.
 *
 * IDENTIFICATION
 *	  test/unit/test_staleness.c
 *-------------------------------------------------------------------------
 */
#include "core/staleness.h"

#include "unit.h"

extern const UnitTest staleness_tests[];

/* Any moment will do; this one is far from zero and from GOV_NEVER. */
#define START		(INT64_C(800000000) * GOV_SECOND)

#define ALL_STATES	(GOV_ACTIVITY_IDLE_IN_TRANSACTION + 1)

static GovClass
limits_of(GovTime idle_in_transaction_timeout, GovTime max_lifetime)
{
	GovClass	limits = {
		.used = true,
		.name = "function",
		.mode = GOV_MODE_ENFORCE,

		/*
		 * Only the timeout in force counts, which the caller hands over: a
		 * reader of these two would find everything stale at once.
		 */
		.idle_timeout = 0,
		.idle_timeout_floor = 0,
		.idle_in_transaction_timeout = idle_in_transaction_timeout,
		.idle_blocker_timeout = GOV_NEVER,
		.transaction_timeout = GOV_NEVER,
		.max_lifetime = max_lifetime,
	};

	return limits;
}

static GovVerdict
judge(const GovActivity *activity, const GovClass *limits, GovTime idle_timeout, bool kept_warm)
{
	return gov_staleness_judge(activity, limits, idle_timeout, kept_warm, false);
}

static GovActivity
activity_of(GovActivityState state, GovTime state_since, GovTime session_start)
{
	GovActivity activity = {
		.state = state,
		.state_since = state_since,
		.transaction_start = state == GOV_ACTIVITY_IDLE_IN_TRANSACTION ? state_since - 1 : GOV_NEVER,
		.session_start = session_start,
	};

	return activity;
}

static void
time_after(void)
{
	static const struct
	{
		GovTime		start,
					duration,
					expected;
	}			rows[] =
	{
		{0, 0, 0},
		{0, 1, 1},
		{START, 60 * GOV_SECOND, START + 60 * GOV_SECOND},
		{-5, 3, -2},			/* before the epoch */
		{-5, 10, 5},
		{INT64_MIN, GOV_NEVER - 1, -2},
		{-1, GOV_NEVER - 1, GOV_NEVER - 2},
		{0, GOV_NEVER - 1, GOV_NEVER - 1},
		{GOV_NEVER - 1, 0, GOV_NEVER - 1},
		{GOV_NEVER - 2, 1, GOV_NEVER - 1},

		/* never, by itself and by reaching it */
		{0, GOV_NEVER, GOV_NEVER},
		{-1, GOV_NEVER, GOV_NEVER},
		{INT64_MIN, GOV_NEVER, GOV_NEVER},
		{GOV_NEVER, 0, GOV_NEVER},
		{GOV_NEVER, 1, GOV_NEVER},
		{GOV_NEVER, GOV_NEVER, GOV_NEVER},
		{GOV_NEVER - 1, 1, GOV_NEVER},
		{GOV_NEVER - 1, 2, GOV_NEVER},
		{1, GOV_NEVER - 1, GOV_NEVER},
		{2, GOV_NEVER - 1, GOV_NEVER},
		{GOV_NEVER - 1, GOV_NEVER - 1, GOV_NEVER},
		{START, GOV_NEVER - START, GOV_NEVER},
		{START, GOV_NEVER - START + 1, GOV_NEVER},
		{START, GOV_NEVER - START - 1, GOV_NEVER - 1},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		unit_row("%" PRId64 " + %" PRId64, rows[i].start, rows[i].duration);
		CHECK_INT(gov_time_after(rows[i].start, rows[i].duration), rows[i].expected);
	}
}

static void
units_of_time(void)
{
	CHECK_INT(GOV_MSEC, 1000);
	CHECK_INT(GOV_SECOND, 1000000);
	CHECK_INT(GOV_NEVER, INT64_MAX);
}

/* Every state against every set of timeouts. */
static void
judge_table(void)
{
	/* session_start is START; the state began at START + 100 s */
	const GovTime since = START + 100 * GOV_SECOND;
	const GovTime idle = 60 * GOV_SECOND;
	const GovTime in_transaction = 30 * GOV_SECOND;
	const GovTime never = GOV_NEVER;
	const struct
	{
		const char *what;
		GovActivityState state;
		GovTime		idle_timeout,
					idle_in_transaction_timeout,
					max_lifetime;
		bool		kept_warm;
		GovReason	reason;
		GovTime		stale_at;
	}			rows[] =
	{
		/* idle */
		{"idle", GOV_ACTIVITY_IDLE, idle, never, never, false, GOV_REASON_IDLE, since + idle},
		{"idle, timeout 0", GOV_ACTIVITY_IDLE, 0, never, never, false, GOV_REASON_IDLE, since},
		{"idle, timeout 1 us", GOV_ACTIVITY_IDLE, 1, never, never, false, GOV_REASON_IDLE, since + 1},
		{"idle, no timeout", GOV_ACTIVITY_IDLE, never, never, never, false, GOV_REASON_NONE, never},
		{"idle, only the other timeout", GOV_ACTIVITY_IDLE, never, in_transaction, never, false, GOV_REASON_NONE, never},
		{"idle, both timeouts", GOV_ACTIVITY_IDLE, idle, in_transaction, never, false, GOV_REASON_IDLE, since + idle},
		{"kept warm", GOV_ACTIVITY_IDLE, idle, never, never, true, GOV_REASON_NONE, never},
		{"kept warm, timeout 0", GOV_ACTIVITY_IDLE, 0, in_transaction, never, true, GOV_REASON_NONE, never},

		/* lifetime, at rest only */
		{"lifetime ahead", GOV_ACTIVITY_IDLE, never, never, 150 * GOV_SECOND, false, GOV_REASON_LIFETIME, START + 150 * GOV_SECOND},
		{"lifetime over before it rested", GOV_ACTIVITY_IDLE, never, never, 50 * GOV_SECOND, false, GOV_REASON_LIFETIME, since},
		{"lifetime over as it came to rest", GOV_ACTIVITY_IDLE, never, never, 100 * GOV_SECOND, false, GOV_REASON_LIFETIME, since},
		{"lifetime over 1 us later", GOV_ACTIVITY_IDLE, never, never, 100 * GOV_SECOND + 1, false, GOV_REASON_LIFETIME, since + 1},
		{"lifetime over 1 us before", GOV_ACTIVITY_IDLE, never, never, 100 * GOV_SECOND - 1, false, GOV_REASON_LIFETIME, since},
		{"lifetime 0", GOV_ACTIVITY_IDLE, never, never, 0, false, GOV_REASON_LIFETIME, since},
		{"lifetime of one kept warm", GOV_ACTIVITY_IDLE, idle, never, 150 * GOV_SECOND, true, GOV_REASON_LIFETIME, START + 150 * GOV_SECOND},
		{"lifetime over of one kept warm", GOV_ACTIVITY_IDLE, idle, never, 50 * GOV_SECOND, true, GOV_REASON_LIFETIME, since},

		/* of two reasons the one that comes true first */
		{"idle before lifetime", GOV_ACTIVITY_IDLE, idle, never, 161 * GOV_SECOND, false, GOV_REASON_IDLE, since + idle},
		{"idle 1 us before lifetime", GOV_ACTIVITY_IDLE, idle, never, 160 * GOV_SECOND + 1, false, GOV_REASON_IDLE, since + idle},
		{"lifetime before idle", GOV_ACTIVITY_IDLE, idle, never, 159 * GOV_SECOND, false, GOV_REASON_LIFETIME, START + 159 * GOV_SECOND},
		{"lifetime 1 us before idle", GOV_ACTIVITY_IDLE, idle, never, 160 * GOV_SECOND - 1, false, GOV_REASON_LIFETIME, since + idle - 1},
		{"both at once", GOV_ACTIVITY_IDLE, idle, never, 160 * GOV_SECOND, false, GOV_REASON_IDLE, since + idle},
		{"both at once, at rest", GOV_ACTIVITY_IDLE, 0, never, 50 * GOV_SECOND, false, GOV_REASON_IDLE, since},
		{"lifetime over, idle later", GOV_ACTIVITY_IDLE, 1, never, 50 * GOV_SECOND, false, GOV_REASON_LIFETIME, since},

		/* idle in transaction */
		{"idle in transaction", GOV_ACTIVITY_IDLE_IN_TRANSACTION, never, in_transaction, never, false, GOV_REASON_IDLE_IN_TRANSACTION, since + in_transaction},
		{"idle in transaction, timeout 0", GOV_ACTIVITY_IDLE_IN_TRANSACTION, never, 0, never, false, GOV_REASON_IDLE_IN_TRANSACTION, since},
		{"idle in transaction, no timeout", GOV_ACTIVITY_IDLE_IN_TRANSACTION, never, never, never, false, GOV_REASON_NONE, never},
		{"idle in transaction, shorter idle timeout", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1, in_transaction, never, false, GOV_REASON_IDLE_IN_TRANSACTION, since + in_transaction},
		{"idle in transaction, only idle timeout", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 0, never, never, false, GOV_REASON_NONE, never},
		{"idle in transaction, too old", GOV_ACTIVITY_IDLE_IN_TRANSACTION, never, never, 0, false, GOV_REASON_NONE, never},
		{"idle in transaction, too old, with timeout", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 0, in_transaction, 0, false, GOV_REASON_IDLE_IN_TRANSACTION, since + in_transaction},
		{"idle in transaction is not kept warm", GOV_ACTIVITY_IDLE_IN_TRANSACTION, idle, in_transaction, never, true, GOV_REASON_IDLE_IN_TRANSACTION, since + in_transaction},

		/* a session that works, or whose state is not known, is left alone */
		{"active", GOV_ACTIVITY_ACTIVE, 0, 0, 0, false, GOV_REASON_NONE, never},
		{"active, kept warm", GOV_ACTIVITY_ACTIVE, 0, 0, 0, true, GOV_REASON_NONE, never},
		{"starting", GOV_ACTIVITY_STARTING, 0, 0, 0, false, GOV_REASON_NONE, never},
		{"starting, kept warm", GOV_ACTIVITY_STARTING, 0, 0, 0, true, GOV_REASON_NONE, never},
		{"unknown", GOV_ACTIVITY_UNKNOWN, 0, 0, 0, false, GOV_REASON_NONE, never},
		{"unknown, kept warm", GOV_ACTIVITY_UNKNOWN, 0, 0, 0, true, GOV_REASON_NONE, never},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovClass	limits = limits_of(rows[i].idle_in_transaction_timeout, rows[i].max_lifetime);
		GovActivity activity = activity_of(rows[i].state, since, START);
		GovVerdict	verdict = judge(&activity, &limits,
									rows[i].idle_timeout, rows[i].kept_warm);

		unit_row("%s", rows[i].what);
		CHECK_STR(gov_reason_name(verdict.reason), gov_reason_name(rows[i].reason));
		CHECK_INT(verdict.stale_at, rows[i].stale_at);
	}
}

/* Each timeout one microsecond before its end, at it and after it. */
static void
boundaries(void)
{
	static const GovTime durations[] = {
		0, 1, 2 * GOV_MSEC, 3 * GOV_SECOND, 60 * GOV_SECOND, 86400 * GOV_SECOND,
	};

	for (size_t i = 0; i < lengthof(durations); i++)
	{
		const GovTime length = durations[i];
		const GovTime since = START + 5 * GOV_SECOND;
		const struct
		{
			GovReason	reason;
			GovActivity activity;
			GovClass	limits;
			GovTime		idle_timeout;
			GovTime		end;
		}			rows[] =
		{
			{GOV_REASON_IDLE, activity_of(GOV_ACTIVITY_IDLE, since, START),
			limits_of(GOV_NEVER, GOV_NEVER), length, since + length},
			{GOV_REASON_IDLE_IN_TRANSACTION, activity_of(GOV_ACTIVITY_IDLE_IN_TRANSACTION, since, START),
			limits_of(length, GOV_NEVER), GOV_NEVER, since + length},
			/* at rest since its login, so that its age is all that counts */
			{GOV_REASON_LIFETIME, activity_of(GOV_ACTIVITY_IDLE, START, START),
			limits_of(GOV_NEVER, length), GOV_NEVER, START + length},
		};

		for (size_t k = 0; k < lengthof(rows); k++)
		{
			GovVerdict	verdict = judge(&rows[k].activity, &rows[k].limits,
										rows[k].idle_timeout, false);

			unit_row("%s after %" PRId64 " us", gov_reason_name(rows[k].reason), length);
			CHECK_INT(verdict.reason, rows[k].reason);
			CHECK_INT(verdict.stale_at, rows[k].end);
			CHECK_BOOL(gov_verdict_is_stale(verdict, rows[k].end - 1), false);
			CHECK_BOOL(gov_verdict_is_stale(verdict, rows[k].end), true);
			CHECK_BOOL(gov_verdict_is_stale(verdict, rows[k].end + 1), true);
		}
	}
}

static void
is_stale(void)
{
	static const struct
	{
		GovVerdict	verdict;
		GovTime		now;
		bool		expected;
	}			rows[] =
	{
		{{GOV_REASON_NONE, GOV_NEVER}, 0, false},
		{{GOV_REASON_NONE, GOV_NEVER}, GOV_NEVER - 1, false},
		{{GOV_REASON_NONE, GOV_NEVER}, GOV_NEVER, false},
		{{GOV_REASON_NONE, 0}, 1, false},	/* without a reason nothing is stale */
		{{GOV_REASON_IDLE, GOV_NEVER - 1}, GOV_NEVER - 2, false},
		{{GOV_REASON_IDLE, GOV_NEVER - 1}, GOV_NEVER - 1, true},
		{{GOV_REASON_IDLE, 0}, -1, false},
		{{GOV_REASON_IDLE, 0}, 0, true},
		{{GOV_REASON_REQUESTED, START}, START - 1, false},
		{{GOV_REASON_REQUESTED, START}, START + 1, true},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		unit_row("reason %d at %" PRId64 ", now %" PRId64, (int) rows[i].verdict.reason,
				 rows[i].verdict.stale_at, rows[i].now);
		CHECK_BOOL(gov_verdict_is_stale(rows[i].verdict, rows[i].now), rows[i].expected);
	}
}

/* A timeout that ends beyond all time is no timeout; it never ends in the past. */
static void
overflow(void)
{
	static const struct
	{
		GovTime		since;
		GovTime		length;
		GovTime		stale_at;	/* GOV_NEVER: no reason either */
	}			rows[] =
	{
		{START, GOV_NEVER - 1, GOV_NEVER},
		{START, GOV_NEVER - START, GOV_NEVER},
		{START, GOV_NEVER - START - 1, GOV_NEVER - 1},
		{GOV_NEVER - 2, 1, GOV_NEVER - 1},
		{GOV_NEVER - 1, 0, GOV_NEVER - 1},
		{GOV_NEVER - 1, 1, GOV_NEVER},
		{GOV_NEVER, 0, GOV_NEVER},
		{-START, GOV_NEVER - 1, GOV_NEVER - 1 - START},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		const GovTime length = rows[i].length;
		const GovTime expected = rows[i].stale_at;
		const bool	found = expected != GOV_NEVER;
		GovActivity activity;
		GovClass	limits;
		GovVerdict	verdict;

		unit_row("idle since %" PRId64 " for %" PRId64, rows[i].since, length);
		activity = activity_of(GOV_ACTIVITY_IDLE, rows[i].since, START);
		limits = limits_of(GOV_NEVER, GOV_NEVER);
		verdict = judge(&activity, &limits, length, false);
		CHECK_INT(verdict.reason, found ? GOV_REASON_IDLE : GOV_REASON_NONE);
		CHECK_INT(verdict.stale_at, expected);

		unit_row("in transaction since %" PRId64 " for %" PRId64, rows[i].since, length);
		activity = activity_of(GOV_ACTIVITY_IDLE_IN_TRANSACTION, rows[i].since, START);
		limits = limits_of(length, GOV_NEVER);
		verdict = judge(&activity, &limits, GOV_NEVER, false);
		CHECK_INT(verdict.reason, found ? GOV_REASON_IDLE_IN_TRANSACTION : GOV_REASON_NONE);
		CHECK_INT(verdict.stale_at, expected);

		unit_row("session since %" PRId64 " for %" PRId64, rows[i].since, length);
		activity = activity_of(GOV_ACTIVITY_IDLE, rows[i].since, rows[i].since);
		limits = limits_of(GOV_NEVER, length);
		verdict = judge(&activity, &limits, GOV_NEVER, false);
		CHECK_INT(verdict.reason, found ? GOV_REASON_LIFETIME : GOV_REASON_NONE);
		CHECK_INT(verdict.stale_at, expected);
	}
}

/* Often short, sometimes 0, sometimes none, sometimes near the end of time. */
static GovTime
random_duration(void)
{
	switch (unit_random_below(8))
	{
		case 0:
			return 0;
		case 1:
			return GOV_NEVER;
		case 2:
			return GOV_NEVER - 1 - (GovTime) unit_random_below(5);
		case 3:
			return GOV_NEVER - START - 3 + (GovTime) unit_random_below(7);
		default:
			return (GovTime) unit_random_below(20);
	}
}

static GovTime
random_longer(GovTime duration)
{
	GovTime		longer = gov_time_after(duration, random_duration());

	return unit_random_below(3) == 0 ? duration : longer;
}

/* What every verdict keeps to, whatever the session and its class. */
static void
verdict_properties(void)
{
	for (int i = 0; i < 50000; i++)
	{
		const GovActivityState state = (GovActivityState) unit_random_below(ALL_STATES);
		const GovTime since = START + (GovTime) unit_random_below(20);
		const GovTime session_start = since - (GovTime) unit_random_below(20);
		const GovActivity activity = activity_of(state, since, session_start);
		const GovTime idle = random_duration();
		const GovClass limits = limits_of(random_duration(), random_duration());
		const bool	warm = unit_random_below(2) == 0;
		const GovVerdict verdict = judge(&activity, &limits, idle, warm);
		GovTime		now;
		bool		was_stale = false;

		unit_row("state %d since %" PRId64 ", session since %" PRId64 ", timeouts %" PRId64 " %" PRId64 " %" PRId64 ", warm %d",
				 (int) state, since, session_start, idle,
				 limits.idle_in_transaction_timeout, limits.max_lifetime, warm);

		/* a reason and a time, or neither */
		CHECK((verdict.reason == GOV_REASON_NONE) == (verdict.stale_at == GOV_NEVER));

		/* nothing is stale before it has come to rest, and only in the reason's own state */
		if (verdict.reason != GOV_REASON_NONE)
		{
			CHECK(verdict.stale_at >= since);
			CHECK_INT(gov_reason_state(verdict.reason), state);
			CHECK(state == GOV_ACTIVITY_IDLE || state == GOV_ACTIVITY_IDLE_IN_TRANSACTION);
		}

		/* once stale, always stale, and from stale_at on */
		for (now = since - 2; now < since + 45; now++)
		{
			bool		stale = gov_verdict_is_stale(verdict, now);

			CHECK(stale || !was_stale);
			CHECK(stale == (now >= verdict.stale_at));
			was_stale = stale;
		}

		/* longer timeouts and warmth never bring the end nearer */
		{
			const GovTime longer_idle = random_longer(idle);
			const GovClass longer = limits_of(random_longer(limits.idle_in_transaction_timeout),
											  random_longer(limits.max_lifetime));

			CHECK(judge(&activity, &longer, longer_idle, warm).stale_at >= verdict.stale_at);
			CHECK(judge(&activity, &limits, idle, true).stale_at >= verdict.stale_at);
		}

		/* a session that moved later, or logged in later, does not end earlier */
		{
			const GovTime later = (GovTime) unit_random_below(10);
			const GovActivity moved = activity_of(state, since + later, session_start);
			const GovActivity younger = activity_of(state, since + later, session_start + later);

			CHECK(judge(&moved, &limits, idle, warm).stale_at >= verdict.stale_at);
			CHECK(judge(&younger, &limits, idle, warm).stale_at >= verdict.stale_at);
		}
	}
}

/* A transaction that began at START, and its session in some state since START + 5 s. */
static GovActivity
in_transaction(GovActivityState state, uint32_t number)
{
	GovActivity activity = activity_of(state, START + 5 * GOV_SECOND, START - GOV_SECOND);

	activity.transaction_start = START;
	activity.transaction = number;
	return activity;
}

static void
transaction_timeout(void)
{
	static const GovTime lengths[] = {0, 1, GOV_MSEC, 30 * GOV_SECOND};
	GovClass	limits = limits_of(GOV_NEVER, 0);

	for (size_t i = 0; i < lengthof(lengths); i++)
	{
		limits.transaction_timeout = lengths[i];
		for (int state = 0; state < ALL_STATES; state++)
		{
			GovActivity activity = in_transaction((GovActivityState) state, 7);
			GovVerdict	verdict = judge(&activity, &limits, GOV_NEVER, true);

			unit_row("state %d, %" PRId64 " us", state, lengths[i]);
			if (state != GOV_ACTIVITY_ACTIVE && state != GOV_ACTIVITY_IDLE_IN_TRANSACTION)
			{
				CHECK(verdict.reason != GOV_REASON_TRANSACTION_TIMEOUT);
				continue;
			}
			CHECK_INT(verdict.reason, GOV_REASON_TRANSACTION_TIMEOUT);
			CHECK_INT(verdict.stale_at, START + lengths[i]);
			CHECK_BOOL(gov_verdict_is_stale(verdict, START + lengths[i] - 1), false);
			CHECK_BOOL(gov_verdict_is_stale(verdict, START + lengths[i]), true);
			CHECK_INT(gov_staleness_subject(&activity, verdict.reason), 7);
			CHECK_INT(gov_staleness_lasted(&activity, verdict.reason, START + 9), 9);

			/* one without a name may be the next one by now */
			activity.transaction = 0;
			CHECK_INT(judge(&activity, &limits, GOV_NEVER, true).reason, GOV_REASON_NONE);
		}
	}

	unit_row("no timeout");
	limits.transaction_timeout = GOV_NEVER;
	for (int state = 0; state < ALL_STATES; state++)
	{
		GovActivity activity = in_transaction((GovActivityState) state, 7);

		activity.overdue = state == GOV_ACTIVITY_IDLE_IN_TRANSACTION;
		CHECK(judge(&activity, &limits, GOV_NEVER, true).reason != GOV_REASON_TRANSACTION_TIMEOUT);
	}
}

/* Of the two that can end a session idle in a transaction, whichever comes first. */
static void
transaction_or_idle(void)
{
	GovActivity activity = in_transaction(GOV_ACTIVITY_IDLE_IN_TRANSACTION, 7);
	GovClass	limits = limits_of(10 * GOV_SECOND, GOV_NEVER);
	GovVerdict	verdict;

	/* idle from START + 5 s, so stale at START + 15 s */
	limits.transaction_timeout = 15 * GOV_SECOND - 1;
	verdict = judge(&activity, &limits, GOV_NEVER, false);
	CHECK_INT(verdict.reason, GOV_REASON_TRANSACTION_TIMEOUT);
	CHECK_INT(verdict.stale_at, START + 15 * GOV_SECOND - 1);

	limits.transaction_timeout = 15 * GOV_SECOND;
	verdict = judge(&activity, &limits, GOV_NEVER, false);
	CHECK_INT(verdict.reason, GOV_REASON_IDLE_IN_TRANSACTION);
	CHECK_INT(verdict.stale_at, START + 15 * GOV_SECOND);
	CHECK_INT(gov_staleness_subject(&activity, verdict.reason), START + 5 * GOV_SECOND);
	CHECK_INT(gov_staleness_lasted(&activity, verdict.reason, START + 6 * GOV_SECOND), GOV_SECOND);
	CHECK_INT(gov_staleness_lasted(&activity, verdict.reason, START), 0);	/* the clock was set back */
}

/* A block that transaction_timeout made fail has a moment to be ended. */
static void
failed_block(void)
{
	GovActivity activity = activity_of(GOV_ACTIVITY_IDLE_IN_TRANSACTION, START, START);
	GovClass	limits = limits_of(GOV_NEVER, GOV_NEVER);
	GovVerdict	verdict;

	activity.transaction_start = GOV_NEVER;
	limits.transaction_timeout = 1;
	verdict = judge(&activity, &limits, GOV_NEVER, false);
	CHECK_INT(verdict.reason, GOV_REASON_NONE);

	activity.overdue = true;
	verdict = judge(&activity, &limits, GOV_NEVER, false);
	CHECK_INT(verdict.reason, GOV_REASON_TRANSACTION_TIMEOUT);
	CHECK_INT(verdict.stale_at, START + GOV_ROLLBACK_GRACE);
	CHECK_INT(gov_staleness_subject(&activity, verdict.reason), START);
	CHECK_INT(gov_staleness_lasted(&activity, verdict.reason, START + 3), 3);
}

/* Whom idle rules keep, transaction_timeout ends all the same. */
static void
kept_by_idle_rules(void)
{
	static const GovKeep keeps[] = {GOV_KEEP_LISTENING, GOV_KEEP_ADVISORY_LOCK};

	for (size_t i = 0; i < lengthof(keeps); i++)
	{
		for (int state = 0; state < ALL_STATES; state++)
		{
			GovActivity activity = in_transaction((GovActivityState) state, 7);
			GovClass	limits = limits_of(0, 0);

			unit_row("%s, state %d", gov_keep_name(keeps[i]), state);
			activity.keep = keeps[i];
			CHECK_INT(judge(&activity, &limits, 0, false).reason, GOV_REASON_NONE);

			limits.transaction_timeout = 0;
			if (state == GOV_ACTIVITY_ACTIVE || state == GOV_ACTIVITY_IDLE_IN_TRANSACTION)
				CHECK_INT(judge(&activity, &limits, 0, false).reason,
						  GOV_REASON_TRANSACTION_TIMEOUT);
			else
				CHECK_INT(judge(&activity, &limits, 0, false).reason, GOV_REASON_NONE);
		}
	}
}

/* One too many, or in a class that is paused: whoever rests ends at once. */
static void
surplus_and_paused(void)
{
	for (int state = 0; state < ALL_STATES; state++)
	{
		GovActivity activity = activity_of((GovActivityState) state, START, START);
		GovClass	limits = limits_of(GOV_NEVER, GOV_NEVER);
		GovVerdict	verdict;
		bool		rests = state == GOV_ACTIVITY_IDLE;

		unit_row("state %d", state);
		verdict = gov_staleness_judge(&activity, &limits, GOV_NEVER, true, true);
		CHECK_INT(verdict.reason, rests ? GOV_REASON_SURPLUS : GOV_REASON_NONE);
		CHECK_INT(verdict.stale_at, rests ? START : GOV_NEVER);

		limits.paused = true;
		verdict = gov_staleness_judge(&activity, &limits, GOV_NEVER, true, false);
		CHECK_INT(verdict.reason, rests ? GOV_REASON_PAUSED : GOV_REASON_NONE);
		CHECK_INT(verdict.stale_at, rests ? START : GOV_NEVER);

		activity.keep = GOV_KEEP_LISTENING;
		CHECK_INT(gov_staleness_judge(&activity, &limits, GOV_NEVER, false, true).reason, GOV_REASON_NONE);
	}
}

/* At rest at START with a floor of 3 s and an idle timeout of 60 s in force. */
static GovActivity
at_rest(void)
{
	return activity_of(GOV_ACTIVITY_IDLE, START, START - GOV_SECOND);
}

static GovClass
with_floor(GovTime floor)
{
	GovClass	limits = limits_of(GOV_NEVER, GOV_NEVER);

	limits.idle_timeout = 60 * GOV_SECOND;
	limits.idle_timeout_floor = floor;
	return limits;
}

/* One of more sessions than its instance may have: at once, at rest alone, and before all else. */
static void
superseded(void)
{
	for (int state = 0; state < ALL_STATES; state++)
	{
		GovActivity activity = activity_of((GovActivityState) state, START, START);
		GovClass	limits = limits_of(GOV_NEVER, GOV_NEVER);
		GovVerdict	verdict;
		bool		rests = state == GOV_ACTIVITY_IDLE;

		unit_row("state %d", state);
		activity.superseded = true;
		verdict = judge(&activity, &limits, GOV_NEVER, true);
		CHECK_INT(verdict.reason, rests ? GOV_REASON_SUPERSEDED : GOV_REASON_NONE);
		CHECK_INT(verdict.stale_at, rests ? START : GOV_NEVER);

		/* at the same instant as others */
		limits.paused = true;
		limits.max_lifetime = 0;
		verdict = gov_staleness_judge(&activity, &limits, 0, false, true);
		CHECK_INT(verdict.reason, rests ? GOV_REASON_SUPERSEDED : GOV_REASON_NONE);

		activity.keep = GOV_KEEP_LISTENING;
		CHECK_INT(judge(&activity, &limits, 0, false).reason, GOV_REASON_NONE);
	}
}

/* A lease ends a rest and an idle transaction, never what works; once it is over, and not before. */
static void
leases(void)
{
	static const struct
	{
		GovTime		until,
					stale_at;
	}			rows[] =
	{
		{START - 10 * GOV_SECOND, START},	/* ran out while it worked */
		{START - 1, START},
		{START, START},
		{START + 1, START + 1},
		{START + 90 * GOV_SECOND, START + 90 * GOV_SECOND},
		{1, START},
		{GOV_NEVER - 1, GOV_NEVER - 1},
	};

	for (int state = 0; state < ALL_STATES; state++)
	{
		for (size_t i = 0; i < lengthof(rows); i++)
		{
			GovActivity activity = activity_of((GovActivityState) state, START, START - GOV_SECOND);
			GovClass	limits = limits_of(GOV_NEVER, GOV_NEVER);
			bool		ends = state == GOV_ACTIVITY_IDLE || state == GOV_ACTIVITY_IDLE_IN_TRANSACTION;

			activity.lease_until = rows[i].until;
			for (int keep = GOV_KEEP_NOT; keep <= GOV_KEEP_ADVISORY_LOCK; keep++)
			{
				GovVerdict	verdict;

				unit_row("state %d, lease until %" PRId64 ", keep %d", state, rows[i].until, keep);
				activity.keep = (GovKeep) keep;
				verdict = judge(&activity, &limits, GOV_NEVER, true);
				CHECK_INT(verdict.reason, ends ? GOV_REASON_LEASE_EXPIRED : GOV_REASON_NONE);
				CHECK_INT(verdict.stale_at, ends ? rows[i].stale_at : GOV_NEVER);
				if (!ends)
					continue;
				CHECK(gov_reason_allows(verdict.reason, (GovActivityState) state));
				CHECK_INT(gov_staleness_subject(&activity, verdict.reason), START);
				CHECK_INT(gov_staleness_lasted(&activity, verdict.reason, START + 5), 5);
				CHECK_BOOL(gov_verdict_is_stale(verdict, rows[i].stale_at - 1), false);
				CHECK_BOOL(gov_verdict_is_stale(verdict, rows[i].stale_at), true);
			}
		}
	}
}

/* It shortens what the class allows, and lengthens nothing. */
static void
lease_and_timeouts(void)
{
	GovActivity activity = at_rest();
	GovClass	limits = with_floor(3 * GOV_SECOND);
	GovVerdict	verdict;

	activity.lease_until = START + 60 * GOV_SECOND + 1;
	verdict = judge(&activity, &limits, 60 * GOV_SECOND, false);
	CHECK_INT(verdict.reason, GOV_REASON_IDLE);
	CHECK_INT(verdict.stale_at, START + 60 * GOV_SECOND);

	activity.lease_until = START + 60 * GOV_SECOND;
	verdict = judge(&activity, &limits, 60 * GOV_SECOND, false);
	CHECK_INT(verdict.reason, GOV_REASON_LEASE_EXPIRED);
	CHECK_INT(verdict.stale_at, START + 60 * GOV_SECOND);

	/* warmth is from idle_timeout alone */
	CHECK_INT(judge(&activity, &limits, 60 * GOV_SECOND, true).reason, GOV_REASON_LEASE_EXPIRED);

	activity = in_transaction(GOV_ACTIVITY_IDLE_IN_TRANSACTION, 7);
	limits = limits_of(10 * GOV_SECOND, GOV_NEVER);
	activity.lease_until = START + 15 * GOV_SECOND + 1;
	CHECK_INT(judge(&activity, &limits, GOV_NEVER, false).reason, GOV_REASON_IDLE_IN_TRANSACTION);
	activity.lease_until = START + 15 * GOV_SECOND;
	CHECK_INT(judge(&activity, &limits, GOV_NEVER, false).reason, GOV_REASON_LEASE_EXPIRED);
	CHECK_INT(gov_staleness_subject(&activity, GOV_REASON_LEASE_EXPIRED), START + 5 * GOV_SECOND);
	limits.transaction_timeout = 15 * GOV_SECOND - 1;
	CHECK_INT(judge(&activity, &limits, GOV_NEVER, false).reason, GOV_REASON_TRANSACTION_TIMEOUT);
}

/* A lease that was renewed or ended after the look does not hold; other reasons do not ask. */
static void
lease_still_over(void)
{
	GovActivity activity = at_rest();

	for (int reason = GOV_REASON_NONE + 1; reason < GOV_REASON_COUNT; reason++)
	{
		bool		is_lease = reason == GOV_REASON_LEASE_EXPIRED;

		unit_row("%s", gov_reason_name((GovReason) reason));
		activity.lease_until = 0;
		CHECK_BOOL(gov_staleness_holds(&activity, (GovReason) reason, START), !is_lease);
		activity.lease_until = START;
		CHECK_BOOL(gov_staleness_holds(&activity, (GovReason) reason, START - 1), !is_lease);
		CHECK_BOOL(gov_staleness_holds(&activity, (GovReason) reason, START), true);
		CHECK_BOOL(gov_staleness_holds(&activity, (GovReason) reason, START + 1), true);
	}
}

/* Of a retired version: after the floor, and not before it is retired. */
static void
retired(void)
{
	const GovTime floor = 3 * GOV_SECOND;
	const GovTime idle = 60 * GOV_SECOND;
	static const GovTime never = GOV_NEVER;
	const struct
	{
		const char *what;
		GovTime		retired_at,
					floor,
					idle_timeout;
		bool		warm;
		GovReason	reason;
		GovTime		stale_at;
	}			rows[] =
	{
		{"not retired", 0, floor, idle, false, GOV_REASON_IDLE, START + idle},
		{"retired for long", START - 500 * GOV_SECOND, floor, idle, false, GOV_REASON_RETIRED, START + floor},
		{"retired 1 us before the floor is over", START + floor - 1, floor, idle, false, GOV_REASON_RETIRED, START + floor},
		{"retired with the floor", START + floor, floor, idle, false, GOV_REASON_RETIRED, START + floor},
		{"retired 1 us after the floor", START + floor + 1, floor, idle, false, GOV_REASON_RETIRED, START + floor + 1},
		{"retired with the idle timeout", START + idle, floor, idle, false, GOV_REASON_RETIRED, START + idle},
		{"retired after the idle timeout", START + idle + 1, floor, idle, false, GOV_REASON_IDLE, START + idle},
		{"under full pressure", START, floor, floor, false, GOV_REASON_RETIRED, START + floor},
		{"a floor above the idle timeout", START, idle + 1, idle, false, GOV_REASON_IDLE, START + idle},
		{"no floor", START - 1, never, idle, false, GOV_REASON_IDLE, START + idle},
		{"no floor, and warm", START - 1, never, idle, true, GOV_REASON_NONE, never},
		{"warm", START - 1, floor, idle, true, GOV_REASON_RETIRED, START + floor},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovActivity activity = at_rest();
		GovClass	limits = with_floor(rows[i].floor);
		GovVerdict	verdict;

		unit_row("%s", rows[i].what);
		activity.retired_at = rows[i].retired_at;
		verdict = judge(&activity, &limits, rows[i].idle_timeout, rows[i].warm);
		CHECK_INT(verdict.reason, rows[i].reason);
		CHECK_INT(verdict.stale_at, rows[i].stale_at);

		activity.keep = GOV_KEEP_ADVISORY_LOCK;
		CHECK_INT(judge(&activity, &limits, rows[i].idle_timeout, rows[i].warm).reason, GOV_REASON_NONE);
	}

	for (int state = 0; state < ALL_STATES; state++)
	{
		GovActivity activity = activity_of((GovActivityState) state, START, START);
		GovClass	limits = with_floor(0);

		unit_row("state %d", state);
		activity.retired_at = START;
		CHECK_INT(judge(&activity, &limits, GOV_NEVER, true).reason,
				  state == GOV_ACTIVITY_IDLE ? GOV_REASON_RETIRED : GOV_REASON_NONE);
	}
}

/* Idle in transaction while others wait on it. */
static void
idle_blocker(void)
{
	const GovTime limit = 500 * GOV_MSEC;
	const struct
	{
		const char *what;
		GovActivityState state;
		int			blocks;
		GovTime		idle_blocker_timeout,
					idle_in_transaction_timeout;
		GovKeep		keep;
		GovReason	reason;
		GovTime		stale_at;
	}			rows[] =
	{
		{"one waits", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1, limit, GOV_NEVER, GOV_KEEP_NOT, GOV_REASON_IDLE_BLOCKER, START + limit},
		{"many wait", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1000, limit, GOV_NEVER, GOV_KEEP_NOT, GOV_REASON_IDLE_BLOCKER, START + limit},
		{"nobody waits", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 0, limit, GOV_NEVER, GOV_KEEP_NOT, GOV_REASON_NONE, GOV_NEVER},
		{"no threshold", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1, GOV_NEVER, GOV_NEVER, GOV_KEEP_NOT, GOV_REASON_NONE, GOV_NEVER},
		{"beyond all time", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1, GOV_NEVER - 1, GOV_NEVER, GOV_KEEP_NOT, GOV_REASON_NONE, GOV_NEVER},

		/* beside the timeout for everybody who is idle in transaction */
		{"nobody waits, the other timeout", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 0, limit, 2 * limit, GOV_KEEP_NOT, GOV_REASON_IDLE_IN_TRANSACTION, START + 2 * limit},
		{"shorter", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1, limit, limit + 1, GOV_KEEP_NOT, GOV_REASON_IDLE_BLOCKER, START + limit},
		{"longer", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1, limit, limit - 1, GOV_KEEP_NOT, GOV_REASON_IDLE_IN_TRANSACTION, START + limit - 1},
		{"both at once", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1, limit, limit, GOV_KEEP_NOT, GOV_REASON_IDLE_BLOCKER, START + limit},

		/* others may wait on sessions in other states, and on those that idle rules keep */
		{"idle", GOV_ACTIVITY_IDLE, 1, limit, GOV_NEVER, GOV_KEEP_NOT, GOV_REASON_NONE, GOV_NEVER},
		{"active", GOV_ACTIVITY_ACTIVE, 1, limit, GOV_NEVER, GOV_KEEP_NOT, GOV_REASON_NONE, GOV_NEVER},
		{"starting", GOV_ACTIVITY_STARTING, 1, limit, GOV_NEVER, GOV_KEEP_NOT, GOV_REASON_NONE, GOV_NEVER},
		{"unknown", GOV_ACTIVITY_UNKNOWN, 1, limit, GOV_NEVER, GOV_KEEP_NOT, GOV_REASON_NONE, GOV_NEVER},
		{"listens", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1, limit, GOV_NEVER, GOV_KEEP_LISTENING, GOV_REASON_NONE, GOV_NEVER},
		{"advisory lock", GOV_ACTIVITY_IDLE_IN_TRANSACTION, 1, limit, GOV_NEVER, GOV_KEEP_ADVISORY_LOCK, GOV_REASON_NONE, GOV_NEVER},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovActivity activity = activity_of(rows[i].state, START, START);
		GovClass	limits = limits_of(rows[i].idle_in_transaction_timeout, GOV_NEVER);
		GovVerdict	verdict;

		unit_row("%s", rows[i].what);
		activity.blocks = rows[i].blocks;
		activity.keep = rows[i].keep;
		limits.idle_blocker_timeout = rows[i].idle_blocker_timeout;
		verdict = judge(&activity, &limits, GOV_NEVER, false);
		CHECK_STR(gov_reason_name(verdict.reason), gov_reason_name(rows[i].reason));
		CHECK_INT(verdict.stale_at, rows[i].stale_at);
		if (verdict.stale_at != GOV_NEVER)
		{
			CHECK_BOOL(gov_verdict_is_stale(verdict, rows[i].stale_at - 1), false);
			CHECK_BOOL(gov_verdict_is_stale(verdict, rows[i].stale_at), true);
		}
	}
}

/* When who waits matters, and when to look again, since it may begin to matter at any moment. */
static void
looks_for_waiters(void)
{
	const GovTime pause = GOV_WAITERS_PAUSE;
	const struct
	{
		const char *what;
		GovActivityState state;
		GovKeep		keep;
		GovTime		timeout;
		GovTime		now;
		bool		matters;
		GovTime		next_look;
	}			rows[] =
	{
		{"no threshold", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_NOT, GOV_NEVER, START + GOV_SECOND, false, GOV_NEVER},
		{"just begun", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_NOT, GOV_SECOND, START, false, START + GOV_SECOND},
		{"1 us before", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_NOT, GOV_SECOND, START + GOV_SECOND - 1, false, START + GOV_SECOND},
		{"at it", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_NOT, GOV_SECOND, START + GOV_SECOND, true, START + GOV_SECOND + GOV_SECOND / 4},
		{"long after", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_NOT, GOV_SECOND, START + 60 * GOV_SECOND, true, START + 60 * GOV_SECOND + GOV_SECOND / 4},
		{"the pause is bounded", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_NOT, GOV_MSEC, START + GOV_SECOND, true, START + GOV_SECOND + pause},
		{"four times the least pause", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_NOT, 4 * pause, START + GOV_SECOND, true, START + GOV_SECOND + pause},
		{"the clock was set back", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_NOT, GOV_SECOND, START - GOV_SECOND, false, START + GOV_SECOND},
		{"beyond all time", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_NOT, GOV_NEVER - 1, START, false, GOV_NEVER},

		/* whoever is not idle in transaction may be a moment later */
		{"active", GOV_ACTIVITY_ACTIVE, GOV_KEEP_NOT, GOV_SECOND, START, false, START + GOV_SECOND},
		{"idle", GOV_ACTIVITY_IDLE, GOV_KEEP_NOT, GOV_SECOND, START, false, START + GOV_SECOND},
		{"idle, bounded", GOV_ACTIVITY_IDLE, GOV_KEEP_NOT, GOV_MSEC, START, false, START + pause},
		{"starting", GOV_ACTIVITY_STARTING, GOV_KEEP_NOT, GOV_SECOND, START, false, START + GOV_SECOND},
		{"listens", GOV_ACTIVITY_IDLE_IN_TRANSACTION, GOV_KEEP_LISTENING, GOV_SECOND, START + 2 * GOV_SECOND, false, START + 3 * GOV_SECOND},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovActivity activity = activity_of(rows[i].state, START, START);
		GovClass	limits = limits_of(GOV_NEVER, GOV_NEVER);

		unit_row("%s", rows[i].what);
		activity.keep = rows[i].keep;
		limits.idle_blocker_timeout = rows[i].timeout;
		CHECK_BOOL(gov_staleness_waiters_matter(&activity, &limits, rows[i].now), rows[i].matters);
		CHECK_INT(gov_staleness_next_look(&activity, &limits, rows[i].now), rows[i].next_look);
	}
}

const UnitTest staleness_tests[] = {
	{"core: a point in time after another", time_after},
	{"core: units of time", units_of_time},
	{"staleness: every state and threshold", judge_table},
	{"staleness: 1 us before, at and after each timeout", boundaries},
	{"staleness: a verdict and the present", is_stale},
	{"staleness: timeouts that end beyond all time", overflow},
	{"staleness: verdicts are monotone", verdict_properties},
	{"staleness: transaction_timeout", transaction_timeout},
	{"staleness: transaction_timeout or idle in transaction", transaction_or_idle},
	{"staleness: a block that failed by transaction_timeout", failed_block},
	{"staleness: sessions that idle rules keep", kept_by_idle_rules},
	{"staleness: idle in transaction while others wait", idle_blocker},
	{"staleness: when to look who waits", looks_for_waiters},
	{"staleness: surplus, and a class that is paused", surplus_and_paused},
	{"staleness: more sessions of an instance than it may have", superseded},
	{"staleness: leases", leases},
	{"staleness: leases and timeouts", lease_and_timeouts},
	{"staleness: a lease that was renewed", lease_still_over},
	{"staleness: retired versions", retired},
	UNIT_END
};
