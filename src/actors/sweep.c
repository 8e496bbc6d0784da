/*-------------------------------------------------------------------------
 *
 * sweep.c
 *		One look at all sessions, and what is done about it.
 *
 * The way of a sweep, top to bottom:
 *
 *		peers		which of them still answer					[gov_liveness_run]
 *		census		all sessions at one moment, with verdicts	[gov_census_take]
 *		candidates	the stale ones, strongest evidence first	[find_stale]
 *		act			ask it to end, or note that one would,		[enforce, observe]
 *					while pressure asks for it					[is_pressed]
 *		deadline	when the next look is due					[next_deadline]
 *
 * Owns: nothing in shared memory.        Runs in: the governor.
 *
 * IDENTIFICATION
 *	  src/actors/sweep.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/liveness.h"
#include "actors/reclaim.h"
#include "actors/sweep.h"
#include "clock.h"
#include "core/pressure.h"
#include "core/rate.h"
#include "settings.h"
#include "state/census.h"
#include "state/ledger.h"
#include "state/policy.h"
#include "state/pulse.h"
#include "state/queue.h"

/* What was last done about the session in a slot, so that it is done once. */
typedef struct SlotNote
{
	uint32		generation;		/* of the session; another one starts anew */
	GovReason	reason;
	uint64		subject;		/* the rest or transaction that it was about */
	GovTime		at;				/* when */
	bool		asked;			/* it was asked to end; else only noted that it would be */
} SlotNote;

/* A session that should go. */
typedef struct Candidate
{
	const GovCensusRow *row;
	bool		asked_before;	/* about the same, and it is still here */
	GovEvidenceRank rank;
} Candidate;

struct GovSweep
{
	GovLiveness *liveness;
	GovCensus  *census;
	SlotNote   *notes;			/* by slot */
	GovPace		pace[GOV_MAX_CLASSES];	/* reclaim_rate, by class id */
	int			leaving[GOV_MAX_CLASSES];	/* asked in this sweep, or a moment ago */
	int			all_leaving;
	Candidate  *stale;			/* working space */
};

GovSweep *
gov_sweep_create(void)
{
	GovSweep   *sweep = palloc0(sizeof(GovSweep));

	sweep->liveness = gov_liveness_create();
	sweep->census = gov_census_create();
	sweep->notes = palloc0(gov_registry_slots() * sizeof(SlotNote));
	sweep->stale = palloc(gov_registry_slots() * sizeof(Candidate));
	return sweep;
}

static uint64
subject_of(const GovCensusRow *row)
{
	return gov_staleness_subject(&row->activity, row->verdict.reason);
}

/*
 * The order matters where reclaim_rate lets only some of them go.  Those go
 * first of whom more is known (core/evidence.h); among equals whoever has
 * rested longest.  Whoever was asked and is still here must not take the places
 * of the rest.
 */
static int
strongest_evidence_first(const void *a, const void *b)
{
	const Candidate *one = a;
	const Candidate *other = b;
	const GovCensusRow *left = one->row;
	const GovCensusRow *right = other->row;

	if (one->asked_before != other->asked_before)
		return one->asked_before ? 1 : -1;
	if (one->rank != other->rank)
		return one->rank < other->rank ? -1 : 1;
	if (left->activity.state_since != right->activity.state_since)
		return left->activity.state_since < right->activity.state_since ? -1 : 1;
	return left->slot - right->slot;
}

/* Whether something was already done about this rest or transaction of this session. */
static bool
is_noted(const SlotNote *note, const GovCensusRow *row)
{
	return note->generation == row->generation && note->reason == row->verdict.reason &&
		note->subject == subject_of(row);
}

/* Whether it was asked; what observe has noted is no reason to wait in enforce. */
static bool
was_asked(const SlotNote *note, const GovCensusRow *row)
{
	return note->asked && is_noted(note, row);
}

static int
find_stale(GovSweep *sweep)
{
	GovCensus  *census = sweep->census;
	int			nstale = 0;

	for (int i = 0; i < census->nrows; i++)
	{
		const GovCensusRow *row = &census->rows[i];
		GovEvidence evidence;

		if (!gov_verdict_is_stale(row->verdict, census->taken_at))
			continue;
		evidence = gov_census_evidence(row, census->taken_at);
		sweep->stale[nstale].row = row;
		sweep->stale[nstale].rank = gov_evidence_rank(&evidence);
		sweep->stale[nstale].asked_before = was_asked(&sweep->notes[row->slot], row);
		nstale++;
	}
	qsort(sweep->stale, nstale, sizeof(Candidate), strongest_evidence_first);
	return nstale;
}

static void
write_note(SlotNote *note, const GovCensusRow *row, GovTime now, bool asked)
{
	note->asked = asked;
	note->generation = row->generation;
	note->reason = row->verdict.reason;
	note->subject = subject_of(row);
	note->at = now;
}

static GovTime
patience(void)
{
	return gov_settings_sweep_interval * GOV_MSEC;
}

/* Whether it was asked a moment ago: it may need one to answer and to go. */
static bool
may_be_leaving(const GovSweep *sweep, const GovCensusRow *row)
{
	const SlotNote *note = &sweep->notes[row->slot];
	GovTime		now = sweep->census->taken_at;

	return was_asked(note, row) && now >= note->at && now < note->at + patience();
}

static void
count_leaving(GovSweep *sweep, const GovCensusRow *row)
{
	sweep->leaving[row->class_id]++;
	sweep->all_leaving++;
}

static void
find_leaving(GovSweep *sweep, int nstale)
{
	memset(sweep->leaving, 0, sizeof(sweep->leaving));
	sweep->all_leaving = 0;
	for (int i = 0; i < nstale; i++)
	{
		if (may_be_leaving(sweep, sweep->stale[i].row))
			count_leaving(sweep, sweep->stale[i].row);
	}
}

/*
 * Whether an idle session would be stale still when those that are asked are
 * gone.  Pressure falls with each that goes, and the idle timeout grows: they
 * end as if one at a time, and as many as are needed, not all at once.
 */
static bool
is_pressed(const GovSweep *sweep, const GovCensusRow *row)
{
	const GovCensus *census = sweep->census;
	const GovClass *class = &census->policy->classes[row->class_id];
	double		pressure = gov_pressure(census->classes[row->class_id].sessions - sweep->leaving[row->class_id],
										class->max_sessions,
										census->clients - sweep->all_leaving, census->usable_slots);
	GovTime		timeout = gov_pressure_scale(class->idle_timeout, class->idle_timeout_floor, pressure,
											 GOV_PRESSURE_LOW, GOV_PRESSURE_HIGH);

	return census->taken_at >= gov_time_after(row->activity.state_since, timeout);
}

/* What is to be said of it beside how long that has lasted: GOV_DETAIL_SIZE bytes, '' if nothing. */
static void
describe(const GovCensusRow *row, char *words)
{
	words[0] = '\0';
	if (row->verdict.reason == GOV_REASON_IDLE_BLOCKER)
		snprintf(words, GOV_DETAIL_SIZE, "%d waited for it", row->activity.blocks);
	else if (row->verdict.reason == GOV_REASON_UNRESPONSIVE)
		strlcpy(words, gov_activity_name(row->activity.state), GOV_DETAIL_SIZE);
}

/* Asks it to end; returns when to look at it again. */
static GovTime
enforce(GovSweep *sweep, const GovCensusRow *row)
{
	char		words[GOV_DETAIL_SIZE];
	GovTime		now = sweep->census->taken_at;
	SlotNote   *note = &sweep->notes[row->slot];
	GovPace    *pace = &sweep->pace[row->class_id];
	double		rate = sweep->census->policy->classes[row->class_id].reclaim_rate;

	if (may_be_leaving(sweep, row))
		return note->at + patience();
	if (row->verdict.reason == GOV_REASON_IDLE && !is_pressed(sweep, row))
		return GOV_NEVER;

	if (!gov_pace_take(pace, rate, now))
		return gov_pace_ready_at(pace, rate);

	count_leaving(sweep, row);
	write_note(note, row, now, true);
	describe(row, words);
	gov_reclaim_ask(row->slot, row->generation, row->verdict.reason, subject_of(row), words, NULL);
	return now + patience();
}

/*
 * That a class is above its cap, or an instance, is news once, and not whenever
 * somebody rests.
 */
static bool
is_old_news(const SlotNote *note, const GovCensusRow *row)
{
	GovReason	reason = row->verdict.reason;

	return is_noted(note, row) ||
		((reason == GOV_REASON_SURPLUS || reason == GOV_REASON_SUPERSEDED) &&
		 note->reason == reason && note->generation == row->generation);
}

/* Notes, once per rest or transaction, what enforce would have done. */
static void
observe(GovSweep *sweep, const GovCensusRow *row)
{
	SlotNote   *note = &sweep->notes[row->slot];
	GovTime		now = sweep->census->taken_at;
	GovSession	session;
	char		words[GOV_DETAIL_SIZE];
	char		detail[GOV_EVENT_DETAIL_SIZE];

	if (is_old_news(note, row))
		return;
	write_note(note, row, now, false);

	if (!gov_registry_read(row->slot, &session) || session.generation != row->generation)
		return;
	describe(row, words);
	gov_reclaim_describe(row->verdict.reason, row->activity.state,
						 gov_staleness_lasted(&row->activity, row->verdict.reason, now),
						 words, detail, sizeof(detail));
	gov_ledger_count_would_reclaim(row->class_id);
	gov_ledger_note(GOV_EVENT_WOULD_RECLAIM, &session, row->verdict.reason, detail);
}

/* When the first of those that are not stale yet becomes so, or may be found so. */
static GovTime
next_deadline(const GovCensus *census)
{
	GovTime		next = census->look_again_at;

	for (int i = 0; i < census->nrows; i++)
	{
		GovTime		stale_at = census->rows[i].verdict.stale_at;

		if (stale_at > census->taken_at && stale_at < next)
			next = stale_at;
	}
	return next;
}

/* Says whom newcomers may evict, in classes where that could come to pass. */
static void
publish_victims(GovSweep *sweep)
{
	GovCensus  *census = sweep->census;

	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &census->policy->classes[id];
		GovVictim	victims[GOV_MAX_VICTIMS];

		if (!class->used || class->evict_after == GOV_NEVER ||
			census->classes[id].mode == GOV_MODE_OFF ||
			(census->classes[id].waiting == 0 &&
			 census->classes[id].pressure < GOV_PRESSURE_LOW))
			continue;
		gov_queue_publish_victims(id, victims, gov_census_victims(census, id, victims, GOV_MAX_VICTIMS));
	}
}

static void
repair(void)
{
	int			repaired = gov_registry_repair();
	char		detail[GOV_EVENT_DETAIL_SIZE];

	if (repaired == 0)
		return;
	gov_pulse_note_repairs(repaired);
	snprintf(detail, sizeof(detail), "%d counters of sessions were wrong and were recounted", repaired);
	gov_ledger_note(GOV_EVENT_GOVERNOR, NULL, GOV_REASON_NONE, detail);
	ereport(LOG, (errmsg("pg_governor: %s", detail)));
}

/* Looks at peers, by the policy by which the census will judge; returns when to look again. */
static GovTime
look_at_peers(GovSweep *sweep)
{
	GovPolicy  *policy = sweep->census->policy;

	if (policy->generation != gov_policy_generation())
		gov_policy_copy_into(policy);
	return gov_liveness_run(sweep->liveness, policy, gov_clock_now());
}

GovSweepResult
gov_sweep_run(GovSweep *sweep, uint64_t classified_by)
{
	GovCensus  *census = sweep->census;
	GovSweepResult result;
	int			nstale;
	GovTime		start = gov_clock_now();
	GovTime		next_look = look_at_peers(sweep);

	gov_census_take(census, false);
	if (census->counters_wrong)
		repair();

	result.anything_governed = census->governed > 0 || gov_queue_is_used();
	result.next_deadline = Min(next_deadline(census), next_look);

	/* thresholds of one policy must not meet classes of another */
	nstale = census->policy->generation == classified_by ? find_stale(sweep) : 0;
	if (census->policy->generation == classified_by)
		publish_victims(sweep);
	find_leaving(sweep, nstale);
	for (int i = 0; i < nstale; i++)
	{
		const GovCensusRow *row = sweep->stale[i].row;

		if (census->classes[row->class_id].mode == GOV_MODE_ENFORCE)
			result.next_deadline = Min(result.next_deadline, enforce(sweep, row));
		else
			observe(sweep, row);
	}

	gov_pulse_note_sweep(census->taken_at, gov_clock_now() - start);
	return result;
}

bool
gov_sweep_has_work(GovSweep *sweep)
{
	GovPolicy  *policy = sweep->census->policy;
	GovSessionCounts counts;
	uint64		with_lease = 0; /* classes where a lease counts, though there is no threshold */

	if (gov_queue_is_used())
		return true;
	if (policy->generation != gov_policy_generation())
		gov_policy_copy_into(policy);
	gov_registry_counts(&counts);
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &policy->classes[id];

		if (counts.of_class[id] == 0 || !class->used)
			continue;
		if (gov_policy_class_is_governed(class))
			return true;
		if (gov_settings_mode_of(class) != GOV_MODE_OFF)
			with_lease |= UINT64CONST(1) << id;
	}
	return gov_registry_has_lease(with_lease);
}
