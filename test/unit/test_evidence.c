/*-------------------------------------------------------------------------
 *
 * test_evidence.c
 *		Who goes first; and which version of a function is retired.
 *
 * IDENTIFICATION
 *	  test/unit/test_evidence.c
 *-------------------------------------------------------------------------
 */
#include "core/evidence.h"

#include "unit.h"

extern const UnitTest evidence_tests[];

#define START		(INT64_C(800000000) * GOV_SECOND)

/* Each kind of evidence, the strongest first, alone and together with all that is weaker. */
static void
order(void)
{
	static const struct
	{
		const char *what;
		GovEvidence evidence;
		GovEvidenceRank rank;
	}			rows[] =
	{
		{"superseded", {.state = GOV_ACTIVITY_IDLE, .superseded = true}, GOV_EVIDENCE_SUPERSEDED},
		{"unresponsive", {.state = GOV_ACTIVITY_IDLE, .unresponsive = true}, GOV_EVIDENCE_UNRESPONSIVE},
		{"unresponsive at work", {.state = GOV_ACTIVITY_ACTIVE, .unresponsive = true}, GOV_EVIDENCE_UNRESPONSIVE},
		{"lease", {.state = GOV_ACTIVITY_IDLE, .lease_is_over = true}, GOV_EVIDENCE_LEASE_IS_OVER},
		{"lease in a transaction", {.state = GOV_ACTIVITY_IDLE_IN_TRANSACTION, .lease_is_over = true, .blocks = true}, GOV_EVIDENCE_LEASE_IS_OVER},
		{"retired", {.state = GOV_ACTIVITY_IDLE, .retired = true}, GOV_EVIDENCE_RETIRED},
		{"blocks", {.state = GOV_ACTIVITY_IDLE_IN_TRANSACTION, .blocks = true}, GOV_EVIDENCE_BLOCKS},
		{"in transaction", {.state = GOV_ACTIVITY_IDLE_IN_TRANSACTION}, GOV_EVIDENCE_IN_TRANSACTION},
		{"at work", {.state = GOV_ACTIVITY_ACTIVE}, GOV_EVIDENCE_IN_TRANSACTION},
		{"at rest", {.state = GOV_ACTIVITY_IDLE}, GOV_EVIDENCE_REST},
		{"at rest with an advisory lock for which others wait", {.state = GOV_ACTIVITY_IDLE, .blocks = true}, GOV_EVIDENCE_REST},
	};
	GovEvidence all = {.state = GOV_ACTIVITY_IDLE, .superseded = true, .unresponsive = true, .lease_is_over = true, .retired = true};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		unit_row("%s", rows[i].what);
		CHECK_INT(gov_evidence_rank(&rows[i].evidence), rows[i].rank);
	}

	unit_row("together");
	CHECK_INT(gov_evidence_rank(&all), GOV_EVIDENCE_SUPERSEDED);
	all.superseded = false;
	CHECK_INT(gov_evidence_rank(&all), GOV_EVIDENCE_UNRESPONSIVE);
	all.unresponsive = false;
	CHECK_INT(gov_evidence_rank(&all), GOV_EVIDENCE_LEASE_IS_OVER);
	all.lease_is_over = false;
	CHECK_INT(gov_evidence_rank(&all), GOV_EVIDENCE_RETIRED);

	unit_row("strongest first");
	CHECK(GOV_EVIDENCE_SUPERSEDED < GOV_EVIDENCE_UNRESPONSIVE);
	CHECK(GOV_EVIDENCE_UNRESPONSIVE < GOV_EVIDENCE_LEASE_IS_OVER);
	CHECK(GOV_EVIDENCE_LEASE_IS_OVER < GOV_EVIDENCE_RETIRED);
	CHECK(GOV_EVIDENCE_RETIRED < GOV_EVIDENCE_BLOCKS);
	CHECK(GOV_EVIDENCE_BLOCKS < GOV_EVIDENCE_IN_TRANSACTION);
	CHECK(GOV_EVIDENCE_IN_TRANSACTION < GOV_EVIDENCE_REST);
	CHECK(GOV_EVIDENCE_REST < GOV_EVIDENCE_TOO_SOON);
}

/* Nothing that is known of a session brings its eviction nearer than evict_after. */
static void
evict_after(void)
{
	static const GovTime afters[] = {0, 1, GOV_SECOND, GOV_NEVER};
	const GovEvidence strongest = {.state = GOV_ACTIVITY_IDLE, .superseded = true};
	const GovEvidence weakest = {.state = GOV_ACTIVITY_IDLE};

	for (size_t i = 0; i < lengthof(afters); i++)
	{
		GovTime		ripe = gov_time_after(START, afters[i]);

		unit_row("%" PRId64, afters[i]);
		CHECK_INT(gov_evidence_rank_to_evict(&strongest, START, afters[i], ripe - 1), GOV_EVIDENCE_TOO_SOON);
		if (ripe == GOV_NEVER)
			continue;
		CHECK_INT(gov_evidence_rank_to_evict(&strongest, START, afters[i], ripe), GOV_EVIDENCE_SUPERSEDED);
		CHECK_INT(gov_evidence_rank_to_evict(&weakest, START, afters[i], ripe), GOV_EVIDENCE_REST);
	}
}

static void
serves(void)
{
	const GovTime idle = 60 * GOV_SECOND;

	for (int state = 0; state <= GOV_ACTIVITY_IDLE_IN_TRANSACTION; state++)
	{
		const GovActivity activity = {.state = (GovActivityState) state, .state_since = START};
		bool		works = state == GOV_ACTIVITY_ACTIVE;
		bool		serves = works || state == GOV_ACTIVITY_IDLE || state == GOV_ACTIVITY_IDLE_IN_TRANSACTION;

		/* nobody knows of one that logs in, or does not report, whether it works */
		unit_row("state %d", state);
		CHECK_BOOL(gov_version_serves(&activity, idle, START), serves);
		CHECK_BOOL(gov_version_serves(&activity, idle, START + idle - 1), serves);
		CHECK_BOOL(gov_version_serves(&activity, idle, START + idle), works);
		CHECK_BOOL(gov_version_serves(&activity, GOV_NEVER, GOV_NEVER - 1), serves);
	}
}

/* Of two versions, one that came fifth and was used last at `used`, and one that serves. */
static void
retired(void)
{
	const GovTime idle = 60 * GOV_SECOND;
	const GovTime login = START + 10 * GOV_SECOND;
	const GovTime used = START + 11 * GOV_SECOND;
	static const struct
	{
		const char *what;
		uint64_t	other;		/* its place in the order in which versions came; 0: not known */
		GovTime		idle_timeout;
		bool		retired;
	}			rows[] =
	{
		{"a newer one", 6, 60 * GOV_SECOND, true},
		{"much newer", UINT64_MAX, 60 * GOV_SECOND, true},
		{"of the same place", 5, 60 * GOV_SECOND, false},
		{"an older one", 4, 60 * GOV_SECOND, false},
		{"one of which nothing is known", 0, 60 * GOV_SECOND, false},
		{"no idle timeout", 6, GOV_NEVER, false},
	};
	const GovVersionSeen mine = {5, login};
	const GovVersionSeen unknown = {0, 0};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		const GovClass limits = {.idle_timeout = rows[i].idle_timeout, .idle_timeout_floor = GOV_SECOND};
		const GovVersionSeen other = {rows[i].other, START};
		GovVersionsServing serving = {false, 0};

		unit_row("%s", rows[i].what);
		CHECK_INT(gov_version_retired_at(&mine, &serving, used, &limits), 0);
		gov_version_note_serving(&serving, &other);
		CHECK_INT(gov_version_retired_at(&mine, &serving, used, &limits), rows[i].retired ? login + idle : 0);
		CHECK_INT(gov_version_retired_at(&unknown, &serving, used, &limits), 0);

		/* itself, and an older one besides, in both orders */
		gov_version_note_serving(&serving, &mine);
		CHECK_INT(gov_version_retired_at(&mine, &serving, used, &limits), rows[i].retired ? login + idle : 0);
		serving.any = false;
		gov_version_note_serving(&serving, &mine);
		gov_version_note_serving(&serving, &other);
		CHECK_INT(gov_version_retired_at(&mine, &serving, used, &limits), rows[i].retired ? login + idle : 0);
	}
}

/* A version that is used is not retired: all of it rests for the floor first, and some time is over since its last login. */
static void
in_use(void)
{
	const GovTime idle = 60 * GOV_SECOND;
	const GovTime floor = 3 * GOV_SECOND;
	const GovVersionSeen mine = {1, START};
	const GovVersionSeen other = {2, START};
	GovVersionsServing serving = {false, 0};
	static const struct
	{
		const char *what;
		GovTime		used_at;	/* after START */
		GovTime		floor;
		GovTime		retired_at; /* after START; 0: it is not */
	}			rows[] =
	{
		{"at its login", 0, 3 * GOV_SECOND, 60 * GOV_SECOND},
		{"the floor before the login has been long ago", 57 * GOV_SECOND, 3 * GOV_SECOND, 60 * GOV_SECOND},
		{"a moment later", 57 * GOV_SECOND + 1, 3 * GOV_SECOND, 60 * GOV_SECOND + 1},
		{"long after it", 600 * GOV_SECOND, 3 * GOV_SECOND, 603 * GOV_SECOND},
		{"without a floor", 600 * GOV_SECOND, GOV_NEVER, 660 * GOV_SECOND},
		{"without a floor, at its login", 0, GOV_NEVER, 60 * GOV_SECOND},
	};

	gov_version_note_serving(&serving, &other);
	for (size_t i = 0; i < lengthof(rows); i++)
	{
		const GovClass limits = {.idle_timeout = idle, .idle_timeout_floor = rows[i].floor};

		unit_row("%s", rows[i].what);
		CHECK_INT(gov_version_retired_at(&mine, &serving, START + rows[i].used_at, &limits), START + rows[i].retired_at);
	}

	for (int state = 0; state <= GOV_ACTIVITY_IDLE_IN_TRANSACTION; state++)
	{
		const GovActivity activity = {.state = (GovActivityState) state, .state_since = START};
		const GovClass limits = {.idle_timeout = idle, .idle_timeout_floor = floor};
		bool		rests = state == GOV_ACTIVITY_IDLE || state == GOV_ACTIVITY_IDLE_IN_TRANSACTION;

		/* whoever is not known to rest may work */
		unit_row("state %d", state);
		CHECK_INT(gov_activity_used_at(&activity), rests ? START : GOV_NEVER);
		CHECK_INT(gov_version_retired_at(&mine, &serving, gov_activity_used_at(&activity), &limits), rests ? START + idle : 0);
	}
}

const UnitTest evidence_tests[] = {
	{"evidence: the strongest goes first", order},
	{"evidence: nobody is evicted before evict_after", evict_after},
	{"evidence: a version that serves", serves},
	{"evidence: a version that is retired", retired},
	{"evidence: a version in use is not", in_use},
	UNIT_END
};
