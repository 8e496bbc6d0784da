/*-------------------------------------------------------------------------
 *
 * test_policy.c
 *		What differs between two policies, and whether bytes are a policy.
 *
 * IDENTIFICATION
 *	  test/unit/test_policy.c
 *-------------------------------------------------------------------------
 */
#include "core/policy_check.h"
#include "core/policy_diff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

extern const UnitTest policy_tests[];

/* Too large for a stack; each test begins anew. */
static GovPolicy before;
static GovPolicy after;
static char text[GOV_POLICY_DIFF_SIZE];

static GovClass *
set_class(GovPolicy *policy, int id, const char *name)
{
	GovClass   *class = &policy->classes[id];

	memset(class, 0, sizeof(*class));
	class->used = true;
	snprintf(class->name, sizeof(class->name), "%s", name);
	class->mode = GOV_MODE_ENFORCE;
	class->queue_limit = 1000;
	class->queue_timeout = 5 * GOV_SECOND;
	class->evict_after = GOV_NEVER;
	class->gate_timeout = 5 * GOV_SECOND;
	class->idle_timeout = GOV_NEVER;
	class->idle_timeout_floor = GOV_NEVER;
	class->idle_in_transaction_timeout = GOV_NEVER;
	class->transaction_timeout = GOV_NEVER;
	class->max_lifetime = GOV_NEVER;
	class->idle_blocker_timeout = GOV_NEVER;
	class->unresponsive_timeout = GOV_NEVER;
	return class;
}

static GovRule *
add_rule(GovPolicy *policy, int position, int class_id)
{
	GovRule    *rule = &policy->rules[policy->nrules++];

	memset(rule, 0, sizeof(*rule));
	rule->position = position;
	rule->class_id = class_id;
	return rule;
}

static void
give_role(GovRule *rule, const char *role)
{
	memset(rule->role, 0, sizeof(rule->role));
	snprintf(rule->role, sizeof(rule->role), "%s", role);
	rule->given |= GOV_RULE_ROLE;
}

static void
give_pattern(GovRule *rule, const char *pattern)
{
	memset(rule->application_name, 0, sizeof(rule->application_name));
	snprintf(rule->application_name, sizeof(rule->application_name), "%s", pattern);
	rule->given |= GOV_RULE_APPLICATION_NAME;
}

static void
begin(void)
{
	memset(&before, 0, sizeof(before));
	before.generation = 1;
	set_class(&before, 0, "default")->mode = GOV_MODE_OFF;
	set_class(&before, 1, "function")->idle_timeout = 60 * GOV_SECOND;
	give_pattern(add_rule(&before, 1010, 1), "client");
	memcpy(&after, &before, sizeof(after));
}

static const char *
diff(bool values, size_t size)
{
	memset(text, 'x', sizeof(text));
	gov_policy_diff(&before, &after, values, text, size);
	return text;
}

static void
nothing(void)
{
	begin();
	CHECK_STR(diff(false, sizeof(text)), "");
	CHECK_STR(diff(true, sizeof(text)), "");
	/* another number is no difference */
	after.generation = 7;
	CHECK_STR(diff(false, sizeof(text)), "");
}

static void
columns_of_a_class(void)
{
	GovClass   *class = &after.classes[1];

	begin();
	class->idle_timeout = 5 * GOV_SECOND;
	CHECK_STR(diff(false, sizeof(text)), "class \"function\": idle_timeout 60 s -> 5 s");
	class->keep_warm = 3;
	CHECK_STR(diff(false, sizeof(text)),
			  "class \"function\": keep_warm 0 -> 3, idle_timeout 60 s -> 5 s");

	begin();
	class->mode = GOV_MODE_OBSERVE;
	class->max_sessions = 100000;
	class->keep_warm = 262143;
	class->reclaim_rate = 0.5;
	class->idle_timeout = GOV_NEVER;
	class->idle_timeout_floor = 1500 * GOV_MSEC;
	class->idle_in_transaction_timeout = 1;
	class->max_lifetime = 7200 * GOV_SECOND;
	class->idle_blocker_timeout = 500 * GOV_MSEC;
	class->unresponsive_timeout = 20 * GOV_SECOND;
	class->sessions_per_instance = 2;
	CHECK_STR(diff(false, sizeof(text)),
			  "class \"function\": mode as governor.mode -> observe, max_sessions NULL -> 100000, "
			  "keep_warm 0 -> 262143, reclaim_rate NULL -> 0.5, idle_timeout 60 s -> NULL, "
			  "idle_timeout_floor NULL -> 1500 ms, idle_in_transaction_timeout NULL -> 1 us, "
			  "idle_blocker_timeout NULL -> 500 ms, max_lifetime NULL -> 2 h, "
			  "unresponsive_timeout NULL -> 20 s, sessions_per_instance NULL -> 2");
}

static GovBreakerSettings
breaker_of(const char *name)
{
	GovBreakerSettings breaker;

	memset(&breaker, 0, sizeof(breaker));
	breaker.used = true;
	snprintf(breaker.name, sizeof(breaker.name), "%s", name);
	breaker.window_size = 100;
	breaker.minimum_calls = 20;
	breaker.half_open_calls = 3;
	breaker.failure_rate = 50;
	breaker.slow_call_duration = GOV_NEVER;
	breaker.slow_call_rate = 100;
	breaker.open_for = 5 * GOV_SECOND;
	breaker.half_open_timeout = 5 * GOV_SECOND;
	return breaker;
}

static GovRate
rate_of(const char *name)
{
	GovRate		rate;

	memset(&rate, 0, sizeof(rate));
	rate.used = true;
	snprintf(rate.name, sizeof(rate.name), "%s", name);
	rate.limits.n = 1;
	rate.limits.limits[0] = (GovLimit) {100, GOV_SECOND};
	return rate;
}

static void
breakers_and_rates(void)
{
	begin();
	after.breakers[3] = breaker_of("api");
	after.rates[0] = rate_of("mails");
	CHECK_STR(diff(false, sizeof(text)), "breaker \"api\" added; rate \"mails\" added");
	CHECK_STR(diff(true, sizeof(text)), "breaker \"api\" added; rate \"mails\" added: rate 100 in 1 s");

	/* another number is no difference; all columns have a name */
	memcpy(&before, &after, sizeof(after));
	memset(&after.breakers[3], 0, sizeof(GovBreakerSettings));
	after.breakers[4] = breaker_of("api");
	CHECK_STR(diff(false, sizeof(text)), "");
	after.breakers[4].window_type = GOV_BREAKER_WINDOW_TIME;
	after.breakers[4].window_size = 10;
	after.breakers[4].minimum_calls = 5;
	after.breakers[4].failure_rate = 12.5;
	after.breakers[4].slow_call_duration = GOV_SECOND;
	after.breakers[4].slow_call_rate = 99;
	after.breakers[4].open_for = 60 * GOV_SECOND;
	after.breakers[4].half_open_calls = 1;
	after.breakers[4].half_open_timeout = GOV_SECOND;
	strcpy(after.breakers[4].role, "app");
	after.breakers[4].nsqlstates = 2;
	strcpy(after.breakers[4].sqlstates[0], "53");
	strcpy(after.breakers[4].sqlstates[1], "40001");
	strcpy(after.rates[0].role, "app");
	strcpy(after.classes[1].breaker, "api");
	CHECK_STR(diff(false, sizeof(text)),
			  "class \"function\": breaker NULL -> \"api\"; breaker \"api\": window 100 calls -> 10 s, "
			  "minimum_calls 20 -> 5, failure_rate 50 -> 12.5, slow_call_duration NULL -> 1 s, "
			  "slow_call_rate 100 -> 99, open_for 5 s -> 60 s, half_open_calls 3 -> 1, "
			  "half_open_timeout 5 s -> 1 s, role NULL -> \"app\", failure_sqlstates NULL -> 53 40001; "
			  "rate \"mails\": role NULL -> \"app\"");

	memset(after.breakers, 0, sizeof(after.breakers));
	memset(after.rates, 0, sizeof(after.rates));
	memset(after.classes[1].breaker, 0, GOV_NAME_SIZE);
	CHECK_STR(diff(false, sizeof(text)), "breaker \"api\" removed; rate \"mails\" removed");
}

static void
durations(void)
{
	static const struct
	{
		GovTime		duration;
		const char *words;
	}			rows[] =
	{
		{1, "1 us"},
		{999, "999 us"},
		{GOV_MSEC, "1 ms"},
		{GOV_MSEC + 1, "1001 us"},
		{400 * GOV_MSEC, "400 ms"},
		{GOV_SECOND, "1 s"},
		{90 * GOV_SECOND, "90 s"},
		{119 * GOV_SECOND, "119 s"},
		{120 * GOV_SECOND, "2 min"},
		{121 * GOV_SECOND, "121 s"},
		{3600 * GOV_SECOND, "1 h"},
		{5400 * GOV_SECOND, "90 min"},
		{INT64_C(10000) * 24 * 3600 * GOV_SECOND, "240000 h"},
		{INT64_MAX - 1, "9223372036854775806 us"},
		{GOV_NEVER, "NULL"},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		char		expected[100];

		begin();
		unit_row("%s", rows[i].words);
		after.classes[1].max_lifetime = rows[i].duration;
		snprintf(expected, sizeof(expected), "class \"function\": max_lifetime NULL -> %s", rows[i].words);
		CHECK_STR(diff(false, sizeof(text)), rows[i].duration == GOV_NEVER ? "" : expected);
	}
}

static void
come_and_go(void)
{
	begin();
	set_class(&after, 2, "jobs")->idle_timeout = GOV_SECOND;
	give_role(add_rule(&after, 1020, 2), "+team");
	CHECK_STR(diff(false, sizeof(text)), "class \"jobs\" added; rule 1020 added");
	CHECK_STR(diff(true, sizeof(text)),
			  "class \"jobs\" added: idle_timeout 1 s; rule 1020 added: class \"jobs\", role \"+team\"");

	begin();
	set_class(&after, 2, "plain");
	CHECK_STR(diff(true, sizeof(text)), "class \"plain\" added");

	/* a rule in front of, and one instead of, the others */
	begin();
	after.nrules = 0;
	add_rule(&after, 5, 0);
	add_rule(&after, 2000, 0);
	CHECK_STR(diff(false, sizeof(text)), "rule 5 added; rule 1010 removed; rule 2000 added");

	begin();
	memset(&after.classes[1], 0, sizeof(GovClass));
	after.nrules = 0;
	CHECK_STR(diff(true, sizeof(text)), "class \"function\" removed; rule 1010 removed");

	/* a class that only got another number is the same */
	begin();
	set_class(&after, 9, "function")->idle_timeout = 60 * GOV_SECOND;
	memset(&after.classes[1], 0, sizeof(GovClass));
	after.rules[0].class_id = 9;
	CHECK_STR(diff(false, sizeof(text)), "");
}

static void
columns_of_a_rule(void)
{
	GovRule    *rule = &after.rules[0];

	begin();
	rule->class_id = 0;
	give_role(rule, "app");
	rule->given &= ~(uint32_t) GOV_RULE_APPLICATION_NAME;
	memset(rule->application_name, 0, sizeof(rule->application_name));
	snprintf(rule->database, sizeof(rule->database), "shop");
	snprintf(rule->platform, sizeof(rule->platform), "lambda");
	snprintf(rule->function, sizeof(rule->function), "check%%");
	rule->given |= GOV_RULE_DATABASE | GOV_RULE_PLATFORM | GOV_RULE_FUNCTION | GOV_RULE_CLIENT_ADDR;
	rule->client_addr = (GovAddress) {4, 8, {10}};
	CHECK_STR(diff(false, sizeof(text)),
			  "rule 1010: class \"function\" -> \"default\", role NULL -> \"app\", database NULL -> \"shop\", "
			  "application_name \"client\" -> NULL, client_addr NULL -> 10.0.0.0/8, "
			  "platform NULL -> \"lambda\", function NULL -> \"check%\"");

	begin();
	rule->given |= GOV_RULE_CLIENT_ADDR;
	rule->client_addr = (GovAddress) {6, 32, {0x20, 0x01, 0x0d, 0xb8}};
	CHECK_STR(diff(false, sizeof(text)), "rule 1010: client_addr NULL -> 2001:db8:0:0:0:0:0:0/32");

	/* what no other encoding may meet, and no terminal */
	begin();
	give_pattern(rule, "\xC3\xA4\n%\x7F");
	CHECK_STR(diff(false, sizeof(text)),
			  "rule 1010: application_name \"client\" -> \"\\xc3\\xa4\\x0a%\\x7f\"");

	/* a given empty pattern is not NULL */
	begin();
	give_pattern(rule, "");
	CHECK_STR(diff(false, sizeof(text)), "rule 1010: application_name \"client\" -> \"\"");
}

static void
as_much_as_fits(void)
{
	char		pattern[GOV_PATTERN_SIZE];
	size_t		whole;

	begin();
	after.classes[1].idle_timeout = 5 * GOV_SECOND;
	for (int i = 0; i < 20; i++)
		add_rule(&after, 2000 + i, 1);
	CHECK_STR(diff(false, 100),
			  "class \"function\": idle_timeout 60 s -> 5 s; rule 2000 added; rule 2001 added; and 18 more");
	CHECK_STR(diff(false, 30), "21 differences");

	/* at every size it ends within it, and says how many there were */
	whole = strlen(diff(false, sizeof(text)));
	for (size_t size = 20; size < whole + 60; size++)
	{
		unit_row("size %d", (int) size);
		diff(false, size);
		CHECK(memchr(text, '\0', size) != NULL);
		CHECK(text[size] == 'x');
	}

	/* values that are too long leave the name of their column */
	begin();
	memset(pattern, 'p', sizeof(pattern) - 1);
	pattern[sizeof(pattern) - 1] = '\0';
	give_pattern(&before.rules[0], pattern);
	pattern[0] = 'q';
	give_pattern(&after.rules[0], pattern);
	CHECK_STR(diff(false, 192), "rule 1010: application_name changed");

	/* all that there can be */
	begin();
	memset(pattern, '\x01', sizeof(pattern) - 1);
	before.nrules = after.nrules = 0;
	for (int i = 0; i < GOV_MAX_RULES; i++)
	{
		GovRule    *rule = add_rule(&after, i, 1);

		give_pattern(rule, pattern);
		memcpy(rule->function, rule->application_name, sizeof(rule->function));
		memset(rule->role, 1, sizeof(rule->role) - 1);
		memset(rule->database, 1, sizeof(rule->database) - 1);
		memset(rule->platform, 1, sizeof(rule->platform) - 1);
		rule->given = GOV_RULE_ALL;
		rule->client_addr = (GovAddress) {6, 128, {0}};
	}
	memcpy(&before.rules, &after.rules, sizeof(after.rules));
	before.nrules = after.nrules;
	for (int i = 0; i < GOV_MAX_RULES; i++)
	{
		after.rules[i].role[0] = after.rules[i].database[0] = after.rules[i].platform[0] = '\x02';
		after.rules[i].application_name[0] = after.rules[i].function[0] = '\x02';
		after.rules[i].client_addr.bits = 127;
		after.rules[i].class_id = 0;
	}
	diff(true, sizeof(text));
	CHECK(strstr(text, "more") == NULL);
	CHECK(strstr(text, "changed") == NULL);
	CHECK(strstr(text, "rule 255: class") != NULL);
}

/* A policy made of nothing but what is random never confuses it. */
static void
random_policies(void)
{
	for (int round = 0; round < 2000; round++)
	{
		char		small[200];

		begin();
		before.nrules = after.nrules = 0;
		for (int id = 1; id < 8; id++)
		{
			char		name[16];

			snprintf(name, sizeof(name), "c%d", (int) unit_random_below(1000) * 10 + id);
			if (unit_random_below(2))
				set_class(&before, id, name);
			else
				before.classes[id].used = false;
			if (unit_random_below(2))
				set_class(&after, id, name)->keep_warm = (int) unit_random_below(2);
			else
				after.classes[id].used = false;
		}
		for (int position = 0; position < 20; position++)
		{
			if (unit_random_below(2))
				add_rule(&before, position, 0);
			if (unit_random_below(2))
				add_rule(&after, position, 0);
		}
		gov_policy_diff(&before, &after, unit_random_below(2), small, sizeof(small));
		CHECK(strlen(small) < sizeof(small));
		gov_policy_diff(&after, &after, true, small, sizeof(small));
		CHECK_STR(small, "");
	}
}

/* ---- the check ---- */

static const char *
check(void)
{
	return gov_policy_check(&after, gov_policy_data_size(&after));
}

static void
good_policies(void)
{
	begin();
	CHECK_STR(check(), NULL);
	after.nrules = 0;
	CHECK_STR(check(), NULL);
	for (int i = 0; i < GOV_MAX_RULES; i++)
		add_rule(&after, i, 0);
	for (int id = 1; id < GOV_MAX_CLASSES; id++)
	{
		char		name[GOV_NAME_SIZE];

		snprintf(name, sizeof(name), "c%d", id);
		set_class(&after, id, name);
	}
	CHECK_STR(check(), NULL);
	memset(after.classes[5].name, 'n', GOV_NAME_SIZE - 1);
	memset(after.rules[5].role, 'r', sizeof(after.rules[5].role) - 1);
	after.rules[5].given |= GOV_RULE_ROLE;
	CHECK_STR(check(), NULL);
}

static void
bad_sizes(void)
{
	begin();
	CHECK_STR(gov_policy_check(&after, 0), "it is too short");
	CHECK_STR(gov_policy_check(&after, offsetof(GovPolicy, rules) - 1), "it is too short");
	CHECK_STR(gov_policy_check(&after, gov_policy_data_size(&after) - 1),
			  "its size does not fit the number of its rules");
	CHECK_STR(gov_policy_check(&after, gov_policy_data_size(&after) + 1),
			  "its size does not fit the number of its rules");
	after.nrules = -1;
	CHECK_STR(gov_policy_check(&after, sizeof(after)), "the number of its rules is out of range");
	after.nrules = GOV_MAX_RULES + 1;
	CHECK_STR(gov_policy_check(&after, sizeof(after)), "the number of its rules is out of range");
	begin();
	after.generation = 0;
	CHECK_STR(check(), "its generation is out of range");
	after.generation = UINT64_MAX;
	CHECK_STR(check(), "its generation is out of range");
}

/* Whether a policy with settings is a good one, to its last byte, and what is said of them. */
static void
settings(void)
{
	begin();
	memset(after.classes[1].settings, 'x', GOV_SETTINGS_SIZE - 2);
	CHECK_STR(check(), NULL);

	begin();
	memcpy(before.classes[1].settings, "a=1\0b=2\0", 9);
	memcpy(after.classes[1].settings, "a=1\0b=2\0", 9);
	CHECK_STR(diff(false, sizeof(text)), "");
	after.classes[1].settings[6] = '3';
	CHECK(strncmp(diff(false, sizeof(text)), "class \"function\": settings 2 (", 29) == 0);
	memset(after.classes[1].settings, 0, 9);
	CHECK(strstr(diff(false, sizeof(text)), " -> none") != NULL);
}

#define BAD(change, expected) \
	do { \
		begin(); \
		unit_row("%s", #change); \
		change; \
		CHECK_STR(check(), expected); \
	} while (0)

static void
bad_values(void)
{
	static const char *const class = "a class in it is malformed";
	static const char *const rule = "a rule in it is malformed";
	static const char *const breaker = "a circuit breaker in it is malformed";
	static const char *const rate = "a rate limit in it is malformed";
	int			two = 2;

	BAD(memset(after.classes[1].name, 'n', GOV_NAME_SIZE), class);
	BAD(after.classes[1].name[0] = '\0', class);
	BAD(memcpy(&after.classes[1].used, &two, 1), class);
	BAD(memcpy(&after.classes[7].used, &two, 1), class);
	BAD(memset(&after.classes[1].mode, 0xFF, sizeof(GovMode)), class);
	BAD(after.classes[1].mode = (GovMode) 3, class);
	BAD(after.classes[1].max_sessions = -1, class);
	BAD(after.classes[1].max_sessions = 262144, class);
	BAD(after.classes[1].keep_warm = -1, class);
	BAD(after.classes[1].max_active = -1, class);
	BAD(after.classes[1].max_active = 262144, class);
	BAD(after.classes[1].gate_timeout = -1, class);
	BAD(after.classes[1].reclaim_rate = -1, class);
	BAD(after.classes[1].reclaim_rate = NAN, class);
	BAD(after.classes[1].reclaim_rate = INFINITY, class);
	BAD(memset(after.classes[1].settings, 'x', GOV_SETTINGS_SIZE), class);
	BAD(memset(after.classes[1].settings, 'x', GOV_SETTINGS_SIZE - 1), class);	/* no empty string behind it */
	BAD(after.classes[1].transaction_timeout = 0, class);
	BAD(after.classes[1].idle_timeout = 0, class);
	BAD(after.classes[1].idle_timeout = INT64_MIN, class);
	BAD(after.classes[1].idle_timeout_floor = 0, class);
	BAD(after.classes[1].idle_in_transaction_timeout = -1, class);
	BAD(after.classes[1].max_lifetime = 0, class);
	BAD(after.classes[1].idle_blocker_timeout = 0, class);
	BAD(after.classes[1].unresponsive_timeout = 0, class);
	BAD(after.classes[1].sessions_per_instance = -1, class);
	BAD(after.classes[1].sessions_per_instance = 262144, class);
	BAD(set_class(&after, 9, "function"), "two classes in it have the same name");
	BAD(set_class(&after, 9, "default"), "two classes in it have the same name");
	BAD(after.classes[0].used = false, "it has no class \"default\"");
	BAD(set_class(&after, 0, "other"), "it has no class \"default\"");

	BAD(strcpy(after.classes[1].breaker, "api"), "a class in it names a circuit breaker that is not there");
	BAD(memset(after.classes[1].breaker, 'b', GOV_NAME_SIZE), class);
	BAD((after.breakers[255] = breaker_of("api"), strcpy(after.classes[1].breaker, "api")), NULL);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].name[0] = '\0'), breaker);
	BAD((after.breakers[0] = breaker_of("a"), memset(after.breakers[0].role, 'r', GOV_NAME_SIZE)), breaker);
	BAD((after.breakers[0] = breaker_of("a"), memcpy(&after.breakers[0].used, &two, 1)), breaker);
	BAD((after.breakers[0] = breaker_of("a"), memset(&after.breakers[0].window_type, 0xFF, sizeof(GovBreakerWindow))), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].window_size = 0), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].window_size = 10001), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].window_type = GOV_BREAKER_WINDOW_TIME,
		 after.breakers[0].window_size = 3601), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].minimum_calls = 0), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].half_open_calls = 0), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].half_open_calls = 101), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].failure_rate = 0), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].failure_rate = NAN), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].slow_call_rate = 100.1), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].slow_call_duration = 0), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].open_for = 0), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].half_open_timeout = -1), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].nsqlstates = 33), breaker);
	BAD((after.breakers[0] = breaker_of("a"), after.breakers[0].nsqlstates = 1,
		 memset(after.breakers[0].sqlstates[0], '5', GOV_BREAKER_SQLSTATE_SIZE)), breaker);
	BAD((after.rates[7] = rate_of("r"), after.rates[7].name[0] = '\0'), rate);
	BAD((after.rates[7] = rate_of("r"), after.rates[7].limits.n = 0), rate);
	BAD((after.rates[7] = rate_of("r"), after.rates[7].limits.limits[0].count = 0), rate);

	BAD(after.rules[0].class_id = -1, rule);
	BAD(after.rules[0].class_id = GOV_MAX_CLASSES, rule);
	BAD(after.rules[0].class_id = INT32_MAX, rule);
	BAD(after.rules[0].class_id = 2, rule);
	BAD(after.rules[0].position = -1, rule);
	BAD(after.rules[0].given |= 64, rule);
	BAD(after.rules[0].given |= UINT32_C(1) << 31, rule);
	BAD(memset(after.rules[0].role, 'r', sizeof(after.rules[0].role)), rule);
	BAD(memset(after.rules[0].database, 'r', sizeof(after.rules[0].database)), rule);
	BAD(memset(after.rules[0].application_name, 'r', sizeof(after.rules[0].application_name)), rule);
	BAD(memset(after.rules[0].platform, 'r', sizeof(after.rules[0].platform)), rule);
	BAD(memset(after.rules[0].function, 'r', sizeof(after.rules[0].function)), rule);
	BAD(after.rules[0].role[0] = 'r', rule);	/* and not given */
	BAD(after.rules[0].client_addr.family = 4, rule);
	BAD(after.rules[0].given |= GOV_RULE_CLIENT_ADDR, rule);
	BAD((after.rules[0].given |= GOV_RULE_CLIENT_ADDR, after.rules[0].client_addr = (GovAddress) {4, 33, {0}}), rule);
	BAD((after.rules[0].given |= GOV_RULE_CLIENT_ADDR, after.rules[0].client_addr = (GovAddress) {6, 129, {0}}), rule);
	BAD((after.rules[0].given |= GOV_RULE_CLIENT_ADDR, after.rules[0].client_addr = (GovAddress) {5, 1, {0}}), rule);
	BAD(add_rule(&after, 1010, 1), "its rules are not in order");
	BAD(add_rule(&after, 1009, 1), "its rules are not in order");
}

/* Whatever one bit more or less makes of it, the check itself comes to an end. */
static void
every_bit(void)
{
	size_t		size;

	begin();
	size = gov_policy_data_size(&after);
	for (size_t bit = 0; bit < size * 8; bit++)
	{
		((unsigned char *) &after)[bit / 8] ^= (unsigned char) (1 << bit % 8);
		(void) gov_policy_check(&after, size);
		((unsigned char *) &after)[bit / 8] ^= (unsigned char) (1 << bit % 8);
	}
	CHECK_STR(check(), NULL);
}

const UnitTest policy_tests[] = {
	{"policy diff: nothing", nothing},
	{"policy diff: columns of a class", columns_of_a_class},
	{"policy: circuit breakers and rate limits", breakers_and_rates},
	{"policy diff: durations", durations},
	{"policy diff: classes and rules come and go", come_and_go},
	{"policy: settings", settings},
	{"policy diff: columns of a rule", columns_of_a_rule},
	{"policy diff: as much as fits", as_much_as_fits},
	{"policy diff: random policies", random_policies},
	{"policy check: good ones", good_policies},
	{"policy check: sizes and counts", bad_sizes},
	{"policy check: every value out of range", bad_values},
	{"policy check: every bit", every_bit},
	UNIT_END
};
