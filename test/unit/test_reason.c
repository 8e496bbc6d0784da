/*-------------------------------------------------------------------------
 *
 * test_reason.c
 *		The list of reasons: complete, and each with its own word.
 *
 * IDENTIFICATION
 *	  test/unit/test_reason.c
 *-------------------------------------------------------------------------
 */
#include "core/reason.h"

#include <string.h>

#include "unit.h"

extern const UnitTest reason_tests[];

/* The words are part of the SQL interface: column names and event reasons. */
static const struct
{
	GovReason	reason;
	const char *name;
	GovActivityState state;
}			expected[] =
{
	{GOV_REASON_NONE, "keep", GOV_ACTIVITY_UNKNOWN},
	{GOV_REASON_IDLE, "idle", GOV_ACTIVITY_IDLE},
	{GOV_REASON_IDLE_IN_TRANSACTION, "idle_in_transaction", GOV_ACTIVITY_IDLE_IN_TRANSACTION},
	{GOV_REASON_LIFETIME, "lifetime", GOV_ACTIVITY_IDLE},
	{GOV_REASON_TRANSACTION_TIMEOUT, "transaction_timeout", GOV_ACTIVITY_UNKNOWN},
	{GOV_REASON_EVICTED, "evicted", GOV_ACTIVITY_IDLE},
	{GOV_REASON_SURPLUS, "surplus", GOV_ACTIVITY_IDLE},
	{GOV_REASON_PAUSED, "paused", GOV_ACTIVITY_IDLE},
	{GOV_REASON_IDLE_BLOCKER, "idle_blocker", GOV_ACTIVITY_IDLE_IN_TRANSACTION},
	{GOV_REASON_UNRESPONSIVE, "unresponsive", GOV_ACTIVITY_UNKNOWN},
	{GOV_REASON_SUPERSEDED, "superseded", GOV_ACTIVITY_IDLE},
	{GOV_REASON_LEASE_EXPIRED, "lease_expired", GOV_ACTIVITY_IDLE},
	{GOV_REASON_RETIRED, "retired", GOV_ACTIVITY_IDLE},
	{GOV_REASON_REQUESTED, "requested", GOV_ACTIVITY_IDLE},
};

static void
names_and_states(void)
{
	/* a new reason needs a row here */
	CHECK_INT(GOV_REASON_COUNT, lengthof(expected));

	for (size_t i = 0; i < lengthof(expected); i++)
	{
		unit_row("%s", expected[i].name);
		CHECK_INT(expected[i].reason, i);
		CHECK_STR(gov_reason_name(expected[i].reason), expected[i].name);
		CHECK_INT(gov_reason_state(expected[i].reason), expected[i].state);
	}
}

/* Holds for reasons that the table above does not know yet, too. */
static void
complete_and_distinct(void)
{
	for (int reason = 0; reason < GOV_REASON_COUNT; reason++)
	{
		const char *name = gov_reason_name((GovReason) reason);

		unit_row("reason %d", reason);
		if (!CHECK(name != NULL))
			continue;

		/* it becomes part of a column's name */
		CHECK(name[0] != '\0');
		CHECK_INT(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		CHECK(strlen("reclaimed_") + strlen(name) < GOV_NAME_SIZE);

		for (int other = 0; other < reason; other++)
			CHECK(!unit_same(name, gov_reason_name((GovReason) other)));
	}
}

/* Nothing is ever ended without a state or a transaction it must be in, least of all for no reason. */
static void
states_that_rest(void)
{
	CHECK_INT(gov_reason_state(GOV_REASON_NONE), GOV_ACTIVITY_UNKNOWN);
	CHECK(!gov_reason_is_about_transaction(GOV_REASON_NONE));

	for (int reason = GOV_REASON_NONE + 1; reason < GOV_REASON_COUNT; reason++)
	{
		GovActivityState state = gov_reason_state((GovReason) reason);

		unit_row("%s", gov_reason_name((GovReason) reason));
		if (gov_reason_is_about_transaction((GovReason) reason) || reason == GOV_REASON_UNRESPONSIVE)
			CHECK_INT(state, GOV_ACTIVITY_UNKNOWN);
		else
			CHECK(state == GOV_ACTIVITY_IDLE || state == GOV_ACTIVITY_IDLE_IN_TRANSACTION);
	}
}

/* A lease runs out in two states, all else about a rest in one; nothing in any other. */
static void
states_allowed(void)
{
	for (int reason = 0; reason < GOV_REASON_COUNT; reason++)
	{
		for (int state = 0; state <= GOV_ACTIVITY_IDLE_IN_TRANSACTION; state++)
		{
			bool		only = state == (int) expected[reason].state && state != GOV_ACTIVITY_UNKNOWN;

			unit_row("%s, state %d", expected[reason].name, state);
			if (reason == GOV_REASON_LEASE_EXPIRED)
				CHECK_BOOL(gov_reason_allows((GovReason) reason, (GovActivityState) state),
						   state == GOV_ACTIVITY_IDLE || state == GOV_ACTIVITY_IDLE_IN_TRANSACTION);
			else
				CHECK_BOOL(gov_reason_allows((GovReason) reason, (GovActivityState) state), only);
		}
	}
}

static void
words_for_keeping(void)
{
	CHECK_STR(gov_keep_name(GOV_KEEP_NOT), "keep");
	CHECK_STR(gov_keep_name(GOV_KEEP_LISTENING), "listening");
	CHECK_STR(gov_keep_name(GOV_KEEP_ADVISORY_LOCK), "advisory_lock");
}

const UnitTest reason_tests[] = {
	{"reason: every name and state", names_and_states},
	{"reason: names are complete, distinct and fit for columns", complete_and_distinct},
	{"reason: sessions end only at rest, or for their transaction", states_that_rest},
	{"reason: the states in which a session may end for it", states_allowed},
	{"reason: words for sessions that idle rules keep", words_for_keeping},
	UNIT_END
};
