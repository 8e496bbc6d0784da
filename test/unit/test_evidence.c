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
		bool		works = state != GOV_ACTIVITY_IDLE;

		unit_row("state %d", state);
		CHECK_BOOL(gov_version_serves(&activity, idle, START), true);
		CHECK_BOOL(gov_version_serves(&activity, idle, START + idle - 1), true);
		CHECK_BOOL(gov_version_serves(&activity, idle, START + idle), works);
		CHECK_BOOL(gov_version_serves(&activity, GOV_NEVER, GOV_NEVER - 1), true);
	}
}

/* Of two versions, one first seen at START, and one that serves. */
static void
retired(void)
{
	const GovTime idle = 60 * GOV_SECOND;
	const GovTime last = START + 10 * GOV_SECOND;
	static const struct
	{
		const char *what;
		GovTime		other;		/* when the one that serves was first seen; 0: never */
		GovTime		idle_timeout;
		bool		retired;
	}			rows[] =
	{
		{"a newer one", START + 1, 60 * GOV_SECOND, true},
		{"much newer", START + 99999 * GOV_SECOND, 60 * GOV_SECOND, true},
		{"of the same moment", START, 60 * GOV_SECOND, false},
		{"an older one", START - 1, 60 * GOV_SECOND, false},
		{"one of which nothing is known", 0, 60 * GOV_SECOND, false},
		{"no idle timeout", START + 1, GOV_NEVER, false},
	};
	const GovVersionSeen mine = {START, last};
	const GovVersionSeen unknown = {0, 0};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		const GovVersionSeen other = {rows[i].other, rows[i].other};
		GovVersionsServing serving = {false, 0};

		unit_row("%s", rows[i].what);
		CHECK_INT(gov_version_retired_at(&mine, &serving, rows[i].idle_timeout), 0);
		gov_version_note_serving(&serving, &other);
		CHECK_INT(gov_version_retired_at(&mine, &serving, rows[i].idle_timeout),
				  rows[i].retired ? last + idle : 0);
		CHECK_INT(gov_version_retired_at(&unknown, &serving, rows[i].idle_timeout), 0);

		/* itself, and an older one besides, in both orders */
		gov_version_note_serving(&serving, &mine);
		CHECK_INT(gov_version_retired_at(&mine, &serving, rows[i].idle_timeout),
				  rows[i].retired ? last + idle : 0);
		serving.any = false;
		gov_version_note_serving(&serving, &mine);
		gov_version_note_serving(&serving, &other);
		CHECK_INT(gov_version_retired_at(&mine, &serving, rows[i].idle_timeout),
				  rows[i].retired ? last + idle : 0);
	}
}

const UnitTest evidence_tests[] = {
	{"evidence: the strongest goes first", order},
	{"evidence: nobody is evicted before evict_after", evict_after},
	{"evidence: a version that serves", serves},
	{"evidence: a version that is retired", retired},
	UNIT_END
};
