/*-------------------------------------------------------------------------
 *
 * test_breaker_model.c
 *		Circuit breakers: a million random events against a naive model.
 *
 * The model keeps every call that is in the window, with its time, and every
 * permit there ever was, and finds out everything by looking through them.
 * What time alone does it does by an agenda, which it works off before
 * anything else happens.  It knows no sums, rings or serials.
 *
 * Its clock jumps to moments at which something is due, a microsecond around
 * them, anywhere, and back.
 *
 * IDENTIFICATION
 *	  test/unit/test_breaker_model.c
 *-------------------------------------------------------------------------
 */
#include "core/breaker.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

extern const UnitTest breaker_model_tests[];

#define RUNS		500
#define EVENTS		2000	/* of a run: a million in all */
#define SEC			GOV_SECOND

/*
 * The model
 */

/* Rates in thousandths of a percent, so that the model compares whole numbers. */
typedef struct Rules
{
	bool		by_time;
	int			window_size;
	int			minimum;
	int			probes;
	int64_t		failure_rate;
	int64_t		slow_rate;
	GovTime		slow_duration;
	GovTime		open_for;
	GovTime		timeout;
} Rules;

typedef struct Call
{
	GovTime		at;
	bool		failed;
	bool		slow;
} Call;

typedef enum Fate
{
	GIVEN_OUT,
	RETURNED,					/* without a result */
	GOOD,
	FAILED,
	SLOW,
	FAILED_AND_SLOW,
} Fate;

typedef struct Permit
{
	int64_t		number;
	int			period;
	GovTime		given_at;
	Fate		fate;
} Permit;

static struct
{
	Rules		rules;
	GovTime		now;
	GovBreakerState state;
	GovTime		since;
	int			period;
	int64_t		refused;
	int			ncalls;
	Call		calls[EVENTS];	/* in the window, in the order in which they came */
	int			npermits;
	Permit		permits[EVENTS];	/* all that were ever given out, by number */
	GovBreakerChanges changes;
}			model;

static int64_t
divided(int64_t a, int64_t b)
{
	int64_t		rest = (a % b + b) % b;

	return (a - rest) / b;
}

/* The shortest length, in whole seconds, of which 60 cover the window. */
static int64_t
length_of_bucket(const Rules *rules)
{
	int			seconds = 1;

	while (seconds * 60 < rules->window_size)
		seconds++;
	return seconds * SEC;
}

static int
number_of_buckets(const Rules *rules)
{
	int			n = 1;

	while (n * length_of_bucket(rules) < rules->window_size * SEC)
		n++;
	return n;
}

/* Forgets the calls that are not in the window. */
static void
model_forget(void)
{
	const Rules *rules = &model.rules;
	int64_t		length = length_of_bucket(rules);
	int64_t		oldest = divided(model.now, length) - number_of_buckets(rules) + 1;
	int			kept = 0;

	for (int i = 0; i < model.ncalls; i++)
	{
		if (rules->by_time ? divided(model.calls[i].at, length) >= oldest : i >= model.ncalls - rules->window_size)
			model.calls[kept++] = model.calls[i];
	}
	model.ncalls = kept;
}

static void
model_enter(GovBreakerState state, GovBreakerCause cause, GovTime at, int calls, int failed, int slow)
{
	model.changes.changes[model.changes.n++] = (GovBreakerChange)
	{
		model.state, state, cause, at, calls, failed, slow
	};
	model.state = state;
	model.since = at;
	model.period++;
	model.ncalls = 0;
}

static bool
reaches(int64_t part, int64_t all, int64_t rate)
{
	return part * 100000 >= rate * all;
}

/* The permits of this period that are in this state or a later one. */
static int
permits_from(Fate first, Fate last)
{
	int			n = 0;

	for (int i = model.npermits - 1; i >= 0 && model.permits[i].period == model.period; i--)
		n += model.permits[i].fate >= first && model.permits[i].fate <= last;
	return n;
}

static void
model_decide(GovTime at)
{
	int			calls = permits_from(GOOD, FAILED_AND_SLOW);
	int			slow = permits_from(SLOW, FAILED_AND_SLOW);
	int			failed = permits_from(FAILED, FAILED) + permits_from(FAILED_AND_SLOW, FAILED_AND_SLOW);

	if (calls < model.rules.probes)
		return;
	if (reaches(failed, calls, model.rules.failure_rate))
		model_enter(GOV_BREAKER_OPEN, GOV_BREAKER_BY_FAILURES, at, calls, failed, slow);
	else if (reaches(slow, calls, model.rules.slow_rate))
		model_enter(GOV_BREAKER_OPEN, GOV_BREAKER_BY_SLOW_CALLS, at, calls, failed, slow);
	else
		model_enter(GOV_BREAKER_CLOSED, GOV_BREAKER_BY_GOOD_RESULTS, at, calls, failed, slow);
}

/* When a permit expires; GOV_NEVER if it does not. */
static GovTime
expires_at(const Permit *permit)
{
	if (permit->fate != GIVEN_OUT || permit->period != model.period || model.state != GOV_BREAKER_HALF_OPEN ||
		model.rules.timeout == GOV_NEVER)
		return GOV_NEVER;
	return permit->given_at + model.rules.timeout;
}

static int
compare_expiry(const void *a, const void *b)
{
	GovTime		at = expires_at(*(Permit *const *) a);
	GovTime		bt = expires_at(*(Permit *const *) b);

	return at < bt ? -1 : at > bt;
}

/* Everything that is due up to now, in order. */
static void
model_agenda(void)
{
	static Permit *agenda[EVENTS];
	int			n = 0;

	for (int i = model.npermits - 1; i >= 0 && model.permits[i].period == model.period; i--)
	{
		if (expires_at(&model.permits[i]) <= model.now)
			agenda[n++] = &model.permits[i];
	}
	if (n == 0)
		return;
	qsort(agenda, n, sizeof(agenda[0]), compare_expiry);
	for (int i = 0; i < n; i++)
	{
		GovTime		at = expires_at(agenda[i]);

		if (at == GOV_NEVER)	/* the period has ended */
			return;
		agenda[i]->fate = FAILED;
		model_decide(at);
	}
}

/* The clock was set back: what is later than now is of now, a call's bucket keeps its age. */
static void
model_set_back(GovTime now)
{
	int64_t		length = length_of_bucket(&model.rules);
	int64_t		shift = (divided(model.now, length) - divided(now, length)) * length;

	if (model.since > now)
		model.since = now;
	for (int i = 0; i < model.ncalls; i++)
		model.calls[i].at -= shift;
	for (int i = 0; i < model.npermits; i++)
	{
		if (model.permits[i].given_at > now)
			model.permits[i].given_at = now;
	}
}

/* What comes before anything that happens now. */
static void
model_come_to(GovTime now, const Rules *rules)
{
	model.changes.n = 0;
	if (now < model.now)
		model_set_back(now);
	model.now = now;
	model_forget();
	if (rules->by_time != model.rules.by_time ||
		(rules->by_time && length_of_bucket(rules) != length_of_bucket(&model.rules)))
		model.ncalls = 0;
	model.rules = *rules;
	model_forget();

	if (model.state == GOV_BREAKER_HALF_OPEN)
	{
		model_decide(now);
		model_agenda();
	}
}

/* Its permit, if it was ever given out. */
static Permit *
model_permit(int64_t number)
{
	for (int i = model.npermits - 1; i >= 0; i--)
	{
		if (model.permits[i].number == number)
			return &model.permits[i];
	}
	return NULL;
}

/* Whether a permit is to be had. */
static bool
model_allow(void)
{
	if (model.state == GOV_BREAKER_OPEN && model.rules.open_for != GOV_NEVER &&
		model.now - model.since >= model.rules.open_for)
		model_enter(GOV_BREAKER_HALF_OPEN, GOV_BREAKER_BY_TIME, model.now, 0, 0, 0);

	if (model.state == GOV_BREAKER_OPEN || model.state == GOV_BREAKER_FORCED_OPEN ||
		(model.state == GOV_BREAKER_HALF_OPEN &&
		 permits_from(GIVEN_OUT, FAILED_AND_SLOW) - permits_from(RETURNED, RETURNED) >= model.rules.probes))
	{
		model.refused++;
		return false;
	}
	return true;
}

static void
model_given(int64_t number)
{
	model.permits[model.npermits++] = (Permit) {number, model.period, model.now, GIVEN_OUT};
}

static int
enough_calls(void)
{
	if (!model.rules.by_time && model.rules.minimum > model.rules.window_size)
		return model.rules.window_size;
	return model.rules.minimum;
}

static void
count_calls(int *failed, int *slow)
{
	*failed = *slow = 0;
	for (int i = 0; i < model.ncalls; i++)
	{
		*failed += model.calls[i].failed;
		*slow += model.calls[i].slow;
	}
}

static bool
model_record(int64_t number, bool success, GovTime duration)
{
	const Permit *known = model_permit(number);
	Permit	   *permit = model_permit(number);
	bool		slow = model.rules.slow_duration != GOV_NEVER && duration > model.rules.slow_duration;
	int			nfailed;
	int			nslow;

	if (known != NULL && known->period != model.period)
		return false;
	if (model.state == GOV_BREAKER_HALF_OPEN)
	{
		if (permit == NULL || permit->fate != GIVEN_OUT)
			return false;
		if (success)
			permit->fate = slow ? SLOW : GOOD;
		else
			permit->fate = slow ? FAILED_AND_SLOW : FAILED;
		model_decide(model.now);
		return true;
	}
	if (model.state != GOV_BREAKER_CLOSED && model.state != GOV_BREAKER_METRICS_ONLY)
		return false;
	if (number != 0 && known == NULL)
		return false;

	model.calls[model.ncalls++] = (Call) {model.now, !success, slow};
	model_forget();
	count_calls(&nfailed, &nslow);
	if (model.state == GOV_BREAKER_CLOSED && model.ncalls >= enough_calls())
	{
		if (reaches(nfailed, model.ncalls, model.rules.failure_rate))
			model_enter(GOV_BREAKER_OPEN, GOV_BREAKER_BY_FAILURES, model.now, model.ncalls, nfailed, nslow);
		else if (reaches(nslow, model.ncalls, model.rules.slow_rate))
			model_enter(GOV_BREAKER_OPEN, GOV_BREAKER_BY_SLOW_CALLS, model.now, model.ncalls, nfailed, nslow);
	}
	return true;
}

static void
model_give_back(int64_t number)
{
	Permit	   *permit = model_permit(number);

	if (permit != NULL && model.state == GOV_BREAKER_HALF_OPEN && permit->period == model.period &&
		permit->fate == GIVEN_OUT)
		permit->fate = RETURNED;
}

static GovTime
model_first_expiry(void)
{
	GovTime		first = GOV_NEVER;

	for (int i = model.npermits - 1; i >= 0 && model.permits[i].period == model.period; i--)
	{
		if (expires_at(&model.permits[i]) < first)
			first = expires_at(&model.permits[i]);
	}
	return first;
}

static GovBreakerReport
model_report(void)
{
	GovBreakerReport r = {model.state, 0, -1, -1, GOV_NEVER, 0, -1, model.refused};
	int			nfailed;
	int			nslow;

	if (model.state == GOV_BREAKER_CLOSED || model.state == GOV_BREAKER_METRICS_ONLY)
	{
		count_calls(&nfailed, &nslow);
		r.calls = model.ncalls;
		if (r.calls >= enough_calls())
		{
			r.failure_rate = 100.0 * nfailed / r.calls;
			r.slow_rate = 100.0 * nslow / r.calls;
		}
	}
	if (model.state == GOV_BREAKER_OPEN || model.state == GOV_BREAKER_FORCED_OPEN)
		r.opened_at = model.since;
	if (model.state == GOV_BREAKER_FORCED_OPEN)
		r.retry_after = GOV_NEVER;
	if (model.state == GOV_BREAKER_OPEN)
	{
		if (model.rules.open_for == GOV_NEVER)
			r.retry_after = GOV_NEVER;
		else if (model.now < model.since + model.rules.open_for)
			r.retry_after = model.since + model.rules.open_for - model.now;
		else
			r.permits_left = model.rules.probes;
	}
	if (model.state == GOV_BREAKER_HALF_OPEN)
	{
		r.calls = permits_from(GOOD, FAILED_AND_SLOW);
		r.permits_left = model.rules.probes - r.calls - permits_from(GIVEN_OUT, GIVEN_OUT);
		if (r.permits_left <= 0)
		{
			r.permits_left = 0;
			r.retry_after = model_first_expiry();
			if (r.retry_after != GOV_NEVER)
				r.retry_after -= model.now;
		}
	}
	return r;
}

/*
 * Random events
 */

static int64_t
one_of(int64_t low, int64_t high)
{
	return low + (int64_t) unit_random_below((uint64_t) (high - low) + 1);
}

static bool
chance(int of)
{
	return unit_random_below(of) == 0;
}

static GovTime
random_duration(void)
{
	static const GovTime durations[] = {1, GOV_MSEC, SEC / 2, SEC, 2 * SEC, 5 * SEC, 30 * SEC};

	return chance(50) ? GOV_NEVER : durations[unit_random_below(lengthof(durations))];
}

static void
change_rule(Rules *rules, int which)
{
	static const int64_t rates[] = {1000, 12500, 20000, 33400, 50000, 50000, 66600, 75000, 100000};

	switch (which)
	{
		case 0:
			rules->by_time = chance(2);
			break;
		case 1:
			rules->window_size = (int) (chance(6) ? one_of(1, rules->by_time ? GOV_BREAKER_SECONDS : 300) :
										chance(4) ? one_of(50, 130) : one_of(1, 12));
			break;
		case 2:
			rules->minimum = (int) (chance(5) ? one_of(1, 40) : one_of(1, 8));
			break;
		case 3:
			rules->probes = (int) (chance(10) ? one_of(1, GOV_BREAKER_PERMITS) : one_of(1, 6));
			break;
		case 4:
			rules->failure_rate = rates[unit_random_below(lengthof(rates))];
			break;
		case 5:
			rules->slow_rate = rates[unit_random_below(lengthof(rates))];
			break;
		case 6:
			rules->slow_duration = chance(3) ? GOV_NEVER : one_of(0, 3);
			break;
		case 7:
			rules->open_for = random_duration();
			break;
		case 8:
			rules->timeout = random_duration();
			break;
	}
}

#define RULES	9

static GovBreakerSettings
settings_of(const Rules *rules)
{
	GovBreakerSettings settings = {
		.used = true,
		.window_type = rules->by_time ? GOV_BREAKER_WINDOW_TIME : GOV_BREAKER_WINDOW_COUNT,
		.window_size = rules->window_size,
		.minimum_calls = rules->minimum,
		.half_open_calls = rules->probes,
		.failure_rate = (double) rules->failure_rate / 1000,
		.slow_call_duration = rules->slow_duration,
		.slow_call_rate = (double) rules->slow_rate / 1000,
		.open_for = rules->open_for,
		.half_open_timeout = rules->timeout,
	};

	return settings;
}

/* The next moment at which something is due by the clock; now if nothing is. */
static GovTime
next_due(void)
{
	GovTime		due = GOV_NEVER;

	if (model.state == GOV_BREAKER_OPEN && model.rules.open_for != GOV_NEVER)
		due = model.since + model.rules.open_for;
	if (model.state == GOV_BREAKER_HALF_OPEN)
		due = model_first_expiry();
	if (model.ncalls > 0 && model.rules.by_time)
	{
		int64_t		length = length_of_bucket(&model.rules);
		const Call *call = &model.calls[unit_random_below(model.ncalls)];

		due = (divided(call->at, length) + number_of_buckets(&model.rules)) * length;
	}
	return due == GOV_NEVER ? model.now : due;
}

static GovTime
random_moment(void)
{
	GovTime		now = model.now;
	GovTime		due;

	switch (unit_random_below(chance(6) ? 10 : 5))
	{
		case 0:
		case 1:
			return now;
		case 2:
			return now + one_of(0, 2 * GOV_MSEC);
		case 3:
			return now + one_of(0, SEC / 2);
		case 4:
		case 5:
			due = next_due() + one_of(-1, 1);
			return due > now ? due : now;
		case 6:
			return divided(now, SEC) * SEC + SEC;	/* a bucket's first moment, often */
		case 7:
			return now + one_of(0, 20 * SEC);
		case 8:
			return now + one_of(0, model.rules.window_size) * SEC;
		default:
			if (chance(10))
				return now + one_of(0, 30000 * SEC);
			return chance(2) ? now - one_of(1, 3 * SEC) : chance(20) ? now - one_of(1, 30000 * SEC) : now;
	}
}

/* A number to report: one's own, somebody's, an old one, one that nobody has. */
static int64_t
random_number(void)
{
	int			n = model.npermits;

	switch (unit_random_below(10))
	{
		case 0:
			return 0;
		case 1:
			if (n > 0)
				return model.permits[unit_random_below(n)].number;
			return 0;
		case 2:
			if (n == 0)
				return -1;
			switch (unit_random_below(4))
			{
				case 0:
					return -model.permits[n - 1].number;
				case 1:
					return model.permits[n - 1].number ^ INT64_C(1) << 40;
				case 2:
					return model.permits[n - 1].number >> 31 << 31;
				default:
					/* closed, permits are not kept */
					return model.state == GOV_BREAKER_HALF_OPEN ? model.permits[n - 1].number + 1 : -1;
			}
		case 3:
			return n > 0 ? model.permits[n - 1 - (int) unit_random_below(n < 20 ? n : 20)].number : 0;
		default:
			for (int i = n - 1; i >= 0 && i > n - 10; i--)
			{
				if (model.permits[i].fate == GIVEN_OUT && chance(3))
					return model.permits[i].number;
			}
			return n > 0 ? model.permits[n - 1].number : 0;
	}
}

/* How often the million has met what it is for. */
static int	seen[GOV_BREAKER_STATE_COUNT][GOV_BREAKER_STATE_COUNT][GOV_BREAKER_BY_HAND + 1];
static int	seen_late;
static int	seen_several;
static int	seen_back;

static bool
same_changes(const GovBreakerChanges *changes)
{
	bool		same = CHECK(changes->n == model.changes.n);

	for (int i = 0; i < changes->n && same; i++)
	{
		const GovBreakerChange *a = &changes->changes[i];
		const GovBreakerChange *b = &model.changes.changes[i];

		same = CHECK(a->from == b->from && a->to == b->to && a->cause == b->cause) &&
			CHECK(a->at == b->at) &&
			CHECK(a->calls == b->calls && a->failed == b->failed && a->slow == b->slow);
		seen[b->from][b->to][b->cause]++;
		seen_late += b->at < model.now;
	}
	seen_several += changes->n > 1;
	return same;
}

static bool
same_report(GovBreaker *breaker, const GovBreakerSettings *settings)
{
	GovBreakerChanges changes = {0};
	GovBreakerReport b = model_report();
	GovBreakerReport a;

	gov_breaker_report(breaker, settings, model.now, &a, &changes);
	return CHECK(changes.n == 0) && CHECK(a.state == b.state) && CHECK(a.calls == b.calls) &&
		CHECK(a.failure_rate == b.failure_rate) && CHECK(a.slow_rate == b.slow_rate) &&
		CHECK(a.opened_at == b.opened_at) && CHECK(a.retry_after == b.retry_after) &&
		CHECK(a.permits_left == b.permits_left) && CHECK(a.not_permitted == b.not_permitted);
}

static bool
one_event(GovBreaker *breaker, Rules *rules, int failures)
{
	bool		same = true;
	bool		by_hand = model.state >= GOV_BREAKER_DISABLED;
	GovTime		now = random_moment();
	GovBreakerChanges changes = {0};
	GovBreakerSettings settings;

	seen_back += now < model.now;
	if (chance(60))
		change_rule(rules, (int) unit_random_below(RULES));
	settings = settings_of(rules);
	model_come_to(now, rules);

	if (chance(by_hand ? 30 : 400))
	{
		GovBreakerState state = (GovBreakerState) unit_random_below(GOV_BREAKER_STATE_COUNT);

		model_enter(state, GOV_BREAKER_BY_HAND, now, 0, 0, 0);
		gov_breaker_force(breaker, &settings, state, now, &changes);
	}
	else if (chance(20))
	{
		GovBreakerReport unused;

		gov_breaker_report(breaker, &settings, now, &unused, &changes);
	}
	else if (chance(12))
	{
		int64_t		number = random_number();

		model_give_back(number);
		gov_breaker_give_back(breaker, &settings, number, now, &changes);
	}
	else if (chance(2))
	{
		int64_t		number = gov_breaker_allow(breaker, &settings, now, &changes);

		same = CHECK((number != 0) == model_allow());
		if (number != 0)
		{
			same = CHECK(number > 0) && same;
			same = CHECK(model_permit(number) == NULL) && same;
			model_given(number);
		}
	}
	else
	{
		int64_t		number = random_number();
		bool		success = one_of(1, 100) > failures;
		GovTime		duration = one_of(0, 4);

		same = CHECK(gov_breaker_record(breaker, &settings, number, success, duration, now, &changes) ==
					 model_record(number, success, duration));
	}
	same = same_changes(&changes) && same;
	return same_report(breaker, &settings) && same;
}

static void
million(void)
{
	static const GovTime starts[] = {INT64_C(800000000) * SEC, 0, -50 * SEC, -INT64_C(800000000) * SEC, UINT32_MAX * SEC};
	static GovBreaker breaker;
	int			events = 0;

	memset(seen, 0, sizeof(seen));
	seen_late = seen_several = seen_back = 0;

	for (int run = 0; run < RUNS; run++)
	{
		Rules		rules = {.window_size = 1};
		int			failures = 0;

		for (int i = 0; i < RULES; i++)
			change_rule(&rules, i);
		memset(&model, 0, sizeof(model));
		model.rules = rules;
		model.now = starts[unit_random_below(lengthof(starts))] + one_of(0, SEC);
		model.since = model.now;
		gov_breaker_init(&breaker, model.now);

		for (int event = 0; event < EVENTS; event++, events++)
		{
			unit_row("run %d, event %d", run, event);
			if (event % 100 == 0)
				failures = (int) (chance(2) ? one_of(0, 100) : one_of(0, 1) * 80);
			if (!one_event(&breaker, &rules, failures))
				return;
		}
	}

	unit_row("what was met");
	CHECK_INT(events, 1000000);
	CHECK(seen[GOV_BREAKER_CLOSED][GOV_BREAKER_OPEN][GOV_BREAKER_BY_FAILURES] > 1000);
	CHECK(seen[GOV_BREAKER_CLOSED][GOV_BREAKER_OPEN][GOV_BREAKER_BY_SLOW_CALLS] > 1000);
	CHECK(seen[GOV_BREAKER_OPEN][GOV_BREAKER_HALF_OPEN][GOV_BREAKER_BY_TIME] > 1000);
	CHECK(seen[GOV_BREAKER_HALF_OPEN][GOV_BREAKER_OPEN][GOV_BREAKER_BY_FAILURES] > 1000);
	CHECK(seen[GOV_BREAKER_HALF_OPEN][GOV_BREAKER_OPEN][GOV_BREAKER_BY_SLOW_CALLS] > 1000);
	CHECK(seen[GOV_BREAKER_HALF_OPEN][GOV_BREAKER_CLOSED][GOV_BREAKER_BY_GOOD_RESULTS] > 1000);
	CHECK(seen_late > 1000);
	CHECK(seen_several > 300);
	CHECK(seen_back > 1000);
	for (int from = 0; from < GOV_BREAKER_STATE_COUNT; from++)
	{
		for (int to = 0; to < GOV_BREAKER_STATE_COUNT; to++)
			CHECK(seen[from][to][GOV_BREAKER_BY_HAND] > 10);
	}
}

const UnitTest breaker_model_tests[] = {
	{"breaker: a million events against a model", million},
	UNIT_END
};
