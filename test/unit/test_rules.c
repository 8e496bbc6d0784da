/*-------------------------------------------------------------------------
 *
 * test_rules.c
 *		Patterns, networks, and the class that the rules give.
 *
 * IDENTIFICATION
 *	  test/unit/test_rules.c
 *-------------------------------------------------------------------------
 */
#include "core/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

extern const UnitTest rules_tests[];

#define ALL_COLUMNS	(GOV_RULE_ROLE | GOV_RULE_DATABASE | GOV_RULE_APPLICATION_NAME | \
					 GOV_RULE_CLIENT_ADDR | GOV_RULE_PLATFORM | GOV_RULE_FUNCTION)


/* ---- LIKE ---- */

static void
like_table(void)
{
	static const struct
	{
		const char *text;
		const char *pattern;
		bool		expected;
	}			rows[] =
	{
		{"", "", true},
		{"a", "", false},
		{"", "a", false},
		{"a", "a", true},
		{"a", "b", false},
		{"a", "A", false},
		{"abc", "abc", true},
		{"abc", "ab", false},
		{"ab", "abc", false},

		{"", "%", true},
		{"", "%%", true},
		{"abc", "%", true},
		{"abc", "%%%", true},
		{"abc", "a%", true},
		{"abc", "%c", true},
		{"abc", "%b%", true},
		{"abc", "%b", false},
		{"abc", "b%", false},
		{"abc", "a%c", true},
		{"ac", "a%c", true},
		{"abcc", "a%c", true},
		{"abcd", "a%c", false},
		{"aXbXc", "a%b%c", true},
		{"acb", "a%b%c", false},
		{"aab", "%ab", true},	/* the first a is not the right one */
		{"ababac", "%abac", true},
		{"ababad", "%abac", false},
		{"mississippi", "%iss%ip%", true},
		{"mississippi", "%iss%iss%iss%", false},

		{"", "_", false},
		{"a", "_", true},
		{"ab", "_", false},
		{"ab", "__", true},
		{"ab", "_b", true},
		{"ab", "a_", true},
		{"abc", "%_", true},
		{"", "%_", false},
		{"a", "%_%", true},
		{"a", "_%_", false},
		{"ab", "_%_", true},
		{"abcab", "%_ab", true},

		/* specials in the text are bytes like others */
		{"%", "a", false},
		{"a%", "a%", true},
		{"%a", "_a", true},
		{"_", "_", true},
		{"ab", "a\\_", false},

		/* escapes */
		{"%", "\\%", true},
		{"a", "\\%", false},
		{"%%", "\\%", false},
		{"_", "\\_", true},
		{"a", "\\_", false},
		{"\\", "\\\\", true},
		{"\\\\", "\\\\", false},
		{"a", "\\a", true},		/* an escaped letter is the letter */
		{"\\a", "\\a", false},
		{"serverless_client", "serverless\\_client", true},
		{"serverlessXclient", "serverless\\_client", false},
		{"serverlessXclient", "serverless_client", true},
		{"100%", "100\\%", true},
		{"1000", "100\\%", false},
		{"a%b", "%\\%%", true},
		{"a_b", "%\\%%", false},
		{"a%b", "a\\%%", true},
		{"\\%", "\\\\\\%", true},
		{"\\anything", "\\\\%", true},
		{"anything", "\\\\%", false},
		{"xa%", "%a\\%", true},
		{"aa%a%", "%a\\%", true},

		/* an escape at the end stands for itself */
		{"\\", "\\", true},
		{"", "\\", false},
		{"a\\", "a\\", true},
		{"a\\b", "a\\", false},
		{"a\\", "%\\", true},
		{"a\\a", "%\\", false},

		{"faas:lambda:f:1:i", "faas:%", true},
		{"faas:", "faas:%", true},
		{"faas", "faas:%", false},
		{"xfaas:lambda", "faas:%", false},

		/* bytes, not characters: the euro sign is three of them */
		{"\xE2\x82\xAC", "_", false},
		{"\xE2\x82\xAC", "___", true},
		{"\xE2\x82\xAC", "\xE2%", true},
		{"\xE2\x82\xAC", "%\xAC", true},
		{"\xC4", "\xE4", false},
		{"\xFF\x01", "\xFF\x01", true},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		unit_row("'%s' LIKE '%s'", rows[i].text, rows[i].pattern);
		CHECK_BOOL(gov_rules_like(rows[i].text, rows[i].pattern), rows[i].expected);
	}
}

/* LIKE as one would define it, at exponential cost. */
static bool
reference_like(const char *text, const char *pattern)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '%')
		return reference_like(text, pattern + 1) ||
			(*text != '\0' && reference_like(text + 1, pattern));
	if (*text == '\0')
		return false;
	if (*pattern == '_')
		return reference_like(text + 1, pattern + 1);
	if (*pattern == '\\' && pattern[1] != '\0')
		pattern++;
	return *pattern == *text && reference_like(text + 1, pattern + 1);
}

static void
like_against_reference(void)
{
	static const char alphabet[] = "aabb%_\\";
	int			matches = 0;

	for (int i = 0; i < 200000; i++)
	{
		char		text[16];
		char		pattern[40];
		size_t		length = unit_random_below(11);
		size_t		used = 0;
		bool		expected;

		for (size_t k = 0; k < length; k++)
			text[k] = alphabet[unit_random_below(lengthof(alphabet) - 1)];
		text[length] = '\0';

		if (unit_random_below(2))
		{
			/* any pattern at all; it seldom matches */
			size_t		n = unit_random_below(9);

			while (used < n)
				pattern[used++] = alphabet[unit_random_below(lengthof(alphabet) - 1)];
		}
		else
		{
			/* one made from the text; it often matches */
			for (size_t k = 0; k < length; k++)
			{
				switch (unit_random_below(8))
				{
					case 0:
						pattern[used++] = '_';
						break;
					case 1:
						pattern[used++] = '%';
						break;
					case 2:
						pattern[used++] = '%';
						pattern[used++] = text[k];
						break;
					case 3:
						break;
					default:
						pattern[used++] = '\\';
						pattern[used++] = text[k];
						break;
				}
			}
		}
		pattern[used] = '\0';

		unit_row("'%s' LIKE '%s'", text, pattern);
		expected = reference_like(text, pattern);
		CHECK_BOOL(gov_rules_like(text, pattern), expected);
		matches += expected;
	}

	/* neither answer is rare */
	unit_row("matches");
	CHECK_RANGE(matches, 20000, 180000);
}

/* Patterns that cost a naive matcher more time than there is. */
static void
like_is_not_exponential(void)
{
	static char text[20001];
	char		pattern[GOV_PATTERN_SIZE];

	memset(text, 'a', sizeof(text) - 1);

	/* %a%a%a ... %b */
	for (size_t i = 0; i < sizeof(pattern) - 1; i++)
		pattern[i] = i % 2 ? 'a' : '%';
	pattern[sizeof(pattern) - 1] = '\0';
	CHECK_BOOL(gov_rules_like(text, pattern), true);
	pattern[sizeof(pattern) - 2] = 'b';
	CHECK_BOOL(gov_rules_like(text, pattern), false);

	/* %aaa ... ab */
	memset(pattern, 'a', sizeof(pattern) - 1);
	pattern[0] = '%';
	CHECK_BOOL(gov_rules_like(text, pattern), true);
	pattern[sizeof(pattern) - 2] = 'b';
	CHECK_BOOL(gov_rules_like(text, pattern), false);
}


/* ---- networks ---- */

static GovAddress
v4(unsigned a, unsigned b, unsigned c, unsigned d, unsigned bits)
{
	GovAddress	address = {4, (uint8_t) bits, {(uint8_t) a, (uint8_t) b, (uint8_t) c, (uint8_t) d}};

	/* what stands behind an IPv4 address means nothing */
	for (size_t i = 4; i < sizeof(address.bytes); i++)
		address.bytes[i] = (uint8_t) unit_random();
	return address;
}

/* 2001:db8::, with another first byte, a last byte, and one in between */
static GovAddress
v6(unsigned first, unsigned eighth, unsigned last, unsigned bits)
{
	GovAddress	address = {6, (uint8_t) bits, {(uint8_t) first, 0x01, 0x0D, 0xB8}};

	address.bytes[7] = (uint8_t) eighth;
	address.bytes[15] = (uint8_t) last;
	return address;
}

static void
address_table(void)
{
	const GovAddress unix_socket = {0};
	const struct
	{
		const char *what;
		GovAddress	address;
		GovAddress	network;
		bool		expected;
	}			rows[] =
	{
		{"10.1.2.3 in 10.0.0.0/8", v4(10, 1, 2, 3, 32), v4(10, 0, 0, 0, 8), true},
		{"11.1.2.3 in 10.0.0.0/8", v4(11, 1, 2, 3, 32), v4(10, 0, 0, 0, 8), false},
		{"10.1.2.3 in 10.1.0.0/16", v4(10, 1, 2, 3, 32), v4(10, 1, 0, 0, 16), true},
		{"10.2.2.3 in 10.1.0.0/16", v4(10, 2, 2, 3, 32), v4(10, 1, 0, 0, 16), false},
		{"10.1.2.3 in 10.1.2.0/24", v4(10, 1, 2, 3, 32), v4(10, 1, 2, 0, 24), true},
		{"10.1.3.3 in 10.1.2.0/24", v4(10, 1, 3, 3, 32), v4(10, 1, 2, 0, 24), false},

		/* all of it, and none */
		{"10.1.2.3 in 10.1.2.3/32", v4(10, 1, 2, 3, 32), v4(10, 1, 2, 3, 32), true},
		{"10.1.2.2 in 10.1.2.3/32", v4(10, 1, 2, 2, 32), v4(10, 1, 2, 3, 32), false},
		{"0.0.0.0 in 0.0.0.0/0", v4(0, 0, 0, 0, 32), v4(0, 0, 0, 0, 0), true},
		{"255.255.255.255 in 0.0.0.0/0", v4(255, 255, 255, 255, 32), v4(0, 0, 0, 0, 0), true},

		/* odd lengths: either side of the border */
		{"127.255.255.255 in 0.0.0.0/1", v4(127, 255, 255, 255, 32), v4(0, 0, 0, 0, 1), true},
		{"128.0.0.0 in 0.0.0.0/1", v4(128, 0, 0, 0, 32), v4(0, 0, 0, 0, 1), false},
		{"172.16.0.0 in 172.16.0.0/12", v4(172, 16, 0, 0, 32), v4(172, 16, 0, 0, 12), true},
		{"172.31.255.255 in 172.16.0.0/12", v4(172, 31, 255, 255, 32), v4(172, 16, 0, 0, 12), true},
		{"172.32.0.0 in 172.16.0.0/12", v4(172, 32, 0, 0, 32), v4(172, 16, 0, 0, 12), false},
		{"172.15.255.255 in 172.16.0.0/12", v4(172, 15, 255, 255, 32), v4(172, 16, 0, 0, 12), false},
		{"192.168.1.127 in 192.168.1.0/25", v4(192, 168, 1, 127, 32), v4(192, 168, 1, 0, 25), true},
		{"192.168.1.128 in 192.168.1.0/25", v4(192, 168, 1, 128, 32), v4(192, 168, 1, 0, 25), false},
		{"192.168.1.1 in 192.168.1.0/31", v4(192, 168, 1, 1, 32), v4(192, 168, 1, 0, 31), true},
		{"192.168.1.2 in 192.168.1.0/31", v4(192, 168, 1, 2, 32), v4(192, 168, 1, 0, 31), false},
		{"11.0.0.0 in 10.0.0.0/7", v4(11, 0, 0, 0, 32), v4(10, 0, 0, 0, 7), true},
		{"12.0.0.0 in 10.0.0.0/7", v4(12, 0, 0, 0, 32), v4(10, 0, 0, 0, 7), false},
		{"10.128.0.0 in 10.0.0.0/9", v4(10, 128, 0, 0, 32), v4(10, 0, 0, 0, 9), false},

		/* host bits of the network, as in an inet, do not count */
		{"10.9.9.9 in 10.1.2.3/8", v4(10, 9, 9, 9, 32), v4(10, 1, 2, 3, 8), true},
		{"192.168.1.2 in 192.168.1.100/25", v4(192, 168, 1, 2, 32), v4(192, 168, 1, 100, 25), true},

		{"2001:db8::1 in 2001:db8::/32", v6(0x20, 0, 1, 128), v6(0x20, 0, 0, 32), true},
		{"2101:db8::1 in 2001:db8::/32", v6(0x21, 0, 1, 128), v6(0x20, 0, 0, 32), false},
		{"2001:db8::1 in 2001:db8::1/128", v6(0x20, 0, 1, 128), v6(0x20, 0, 1, 128), true},
		{"2001:db8::2 in 2001:db8::1/128", v6(0x20, 0, 2, 128), v6(0x20, 0, 1, 128), false},
		{"2001:db8::1 in 2001:db8::/127", v6(0x20, 0, 1, 128), v6(0x20, 0, 0, 127), true},
		{"2001:db8::2 in 2001:db8::/127", v6(0x20, 0, 2, 128), v6(0x20, 0, 0, 127), false},
		{"2001:db8::1 in ::/0", v6(0x20, 0, 1, 128), v6(0, 0, 0, 0), true},
		{"2001:db8:0:1::1 in 2001:db8::/64", v6(0x20, 1, 1, 128), v6(0x20, 0, 0, 64), false},
		{"2001:db8::ff in 2001:db8::/64", v6(0x20, 0, 255, 128), v6(0x20, 0, 0, 64), true},
		{"2001:db8:0:1::1 in 2001:db8::/63", v6(0x20, 1, 1, 128), v6(0x20, 0, 0, 63), true},
		{"2001:db8:0:2::1 in 2001:db8::/63", v6(0x20, 2, 1, 128), v6(0x20, 0, 0, 63), false},
		{"fe80 in 8000::/1", v6(0xFE, 0, 1, 128), v6(0x80, 0, 0, 1), true},
		{"2001 in 8000::/1", v6(0x20, 0, 1, 128), v6(0x80, 0, 0, 1), false},

		/* another family never, not even with /0 and the same bytes */
		{"IPv4 in ::/0", v4(0, 0, 0, 0, 32), v6(0, 0, 0, 0), false},
		{"IPv6 in 0.0.0.0/0", v6(0, 0, 0, 128), v4(0, 0, 0, 0, 0), false},
		{"the same first bytes", v6(0x20, 0, 0, 128), v4(0x20, 0x01, 0x0D, 0xB8, 32), false},

		/* a unix socket has no address and is in no network */
		{"unix socket in 0.0.0.0/0", unix_socket, v4(0, 0, 0, 0, 0), false},
		{"unix socket in ::/0", unix_socket, v6(0, 0, 0, 0), false},
		{"unix socket in none", unix_socket, unix_socket, false},
		{"IPv4 in none", v4(0, 0, 0, 0, 32), unix_socket, false},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		unit_row("%s", rows[i].what);
		CHECK_BOOL(gov_rules_address_in(&rows[i].address, &rows[i].network), rows[i].expected);
	}
}

/*
 * For every prefix length: an address that differs from the network in one bit
 * only lies in it just when that bit is behind the prefix.
 */
static void
address_bit_by_bit(void)
{
	static const uint8_t families[] = {4, 6};

	for (size_t f = 0; f < lengthof(families); f++)
	{
		const unsigned width = families[f] == 4 ? 32 : 128;

		for (unsigned bits = 0; bits <= width; bits++)
		{
			GovAddress	network = {families[f], (uint8_t) bits, {0}};
			GovAddress	address;

			for (size_t i = 0; i < sizeof(network.bytes); i++)
				network.bytes[i] = (uint8_t) unit_random();
			address = network;
			address.bits = (uint8_t) width;

			unit_row("family %d, /%u", families[f], bits);
			CHECK_BOOL(gov_rules_address_in(&address, &network), true);

			for (unsigned bit = 0; bit < width; bit++)
			{
				address.bytes[bit / 8] ^= (uint8_t) (0x80 >> bit % 8);
				unit_row("family %d, /%u, other in bit %u", families[f], bits, bit);
				CHECK_BOOL(gov_rules_address_in(&address, &network), bit >= bits);
				address.bytes[bit / 8] ^= (uint8_t) (0x80 >> bit % 8);
			}
		}
	}
}


/* ---- classes ---- */

/* Notes who was asked for, and gives the answer it was told to. */
typedef struct Membership
{
	const char *member_of;		/* the only role it says yes to */
	int			asked;
	char		last[GOV_NAME_SIZE + 1];
} Membership;

static bool
is_member(const char *role, void *context)
{
	Membership *membership = context;

	membership->asked++;
	snprintf(membership->last, sizeof(membership->last), "%s", role);
	return unit_same(membership->member_of, role);
}

/*
 * Classifies by a policy that ends exactly behind its last rule, as a copy of
 * what is in use does.
 */
static GovClassification
classify(const GovRule *rules, int nrules, const GovFacts *facts)
{
	static GovPolicy whole;
	GovPolicy  *policy;
	GovClassification result = {-2, -2};
	size_t		size;

	whole.generation = 1;
	whole.nrules = nrules;
	for (int i = 0; i < nrules; i++)
		whole.rules[i] = rules[i];

	size = gov_policy_data_size(&whole);
	policy = malloc(size);
	if (CHECK(policy != NULL))
	{
		memcpy(policy, &whole, size);
		result = gov_rules_classify(policy, facts);
		CHECK(memcmp(policy, &whole, size) == 0);
	}
	free(policy);
	return result;
}

static bool
matches(const GovRule *rule, const GovFacts *facts)
{
	GovClassification result = classify(rule, 1, facts);
	bool		matched = result.position == rule->position;

	CHECK_INT(result.class_id, matched ? rule->class_id : GOV_DEFAULT_CLASS);
	CHECK_INT(result.position, matched ? rule->position : GOV_NO_RULE);
	return matched;
}

static GovIdentity
identity_of(const char *application_name)
{
	GovIdentity identity;

	gov_identity_parse(application_name, &identity);
	return identity;
}

/* A rule whose every column matches the session of facts_of(). */
static GovRule
rule_of(uint32_t given)
{
	GovRule		rule = {
		.position = 1000,
		.class_id = 7,
		.given = given,
		.client_addr = v4(10, 0, 0, 0, 8),
		.role = "app",
		.database = "shop",
		.platform = "lambda",
		.application_name = "faas:%",
		.function = "check%",
	};

	return rule;
}

static GovFacts
facts_of(const GovIdentity *identity, Membership *membership)
{
	GovFacts	facts = {
		.role = "app",
		.database = "shop",
		.application_name = "faas:lambda:checkout:42:i",
		.client_addr = v4(10, 1, 2, 3, 32),
		.identity = identity,
		.is_member = is_member,
		.is_member_context = membership,
	};

	return facts;
}

static void
no_rule(void)
{
	const GovIdentity identity = identity_of("faas:lambda:checkout:42:i");
	Membership	membership = {0};
	const GovFacts facts = facts_of(&identity, &membership);
	const GovFacts nothing = {0};
	GovRule		other = rule_of(GOV_RULE_DATABASE);
	GovClassification result;

	CHECK_INT(GOV_DEFAULT_CLASS, 0);
	CHECK_INT(GOV_NO_RULE, -1);

	unit_row("empty policy");
	result = classify(NULL, 0, &facts);
	CHECK_INT(result.class_id, GOV_DEFAULT_CLASS);
	CHECK_INT(result.position, GOV_NO_RULE);

	unit_row("empty policy, no facts");
	result = classify(NULL, 0, &nothing);
	CHECK_INT(result.class_id, GOV_DEFAULT_CLASS);
	CHECK_INT(result.position, GOV_NO_RULE);

	unit_row("no rule matches");
	strcpy(other.database, "other");
	result = classify(&other, 1, &facts);
	CHECK_INT(result.class_id, GOV_DEFAULT_CLASS);
	CHECK_INT(result.position, GOV_NO_RULE);
}

/* Columns that are not given match all, whatever bytes they hold. */
static void
null_columns_match_all(void)
{
	const GovFacts nothing = {0};
	GovRule		empty = {.position = 5, .class_id = 63};
	GovRule		full = rule_of(0);

	CHECK_BOOL(matches(&empty, &nothing), true);

	unit_row("old bytes in columns that are not given");
	CHECK_BOOL(matches(&full, &nothing), true);
	strcpy(full.role, "+group");
	CHECK_BOOL(matches(&full, &nothing), true);
}

static void
order_of_rules(void)
{
	const GovIdentity identity = identity_of("faas:lambda:checkout:42:i");
	Membership	membership = {0};
	const GovFacts facts = facts_of(&identity, &membership);
	GovRule		rules[4] = {
		rule_of(GOV_RULE_DATABASE),
		rule_of(GOV_RULE_ROLE),
		rule_of(0),
		rule_of(GOV_RULE_PLATFORM),
	};
	GovClassification result;

	for (int i = 0; i < 4; i++)
	{
		rules[i].position = 10 * (i + 1);
		rules[i].class_id = i + 1;
	}

	unit_row("the first of four that match");
	result = classify(rules, 4, &facts);
	CHECK_INT(result.position, 10);
	CHECK_INT(result.class_id, 1);

	unit_row("the second");
	strcpy(rules[0].database, "other");
	result = classify(rules, 4, &facts);
	CHECK_INT(result.position, 20);
	CHECK_INT(result.class_id, 2);

	unit_row("the one without columns");
	strcpy(rules[1].role, "other");
	result = classify(rules, 4, &facts);
	CHECK_INT(result.position, 30);
	CHECK_INT(result.class_id, 3);

	unit_row("the last");
	rules[2].given = GOV_RULE_FUNCTION;
	strcpy(rules[2].function, "other");
	result = classify(rules, 4, &facts);
	CHECK_INT(result.position, 40);
	CHECK_INT(result.class_id, 4);

	unit_row("a rule into class default is a match too");
	rules[0].given = 0;
	rules[0].position = 0;
	rules[0].class_id = GOV_DEFAULT_CLASS;
	result = classify(rules, 4, &facts);
	CHECK_INT(result.position, 0);
	CHECK_INT(result.class_id, GOV_DEFAULT_CLASS);
}

static void
as_many_rules_as_there_can_be(void)
{
	static GovRule rules[GOV_MAX_RULES];
	static GovPolicy policy;
	const GovFacts facts = {.database = "shop"};
	GovClassification result;

	for (int i = 0; i < GOV_MAX_RULES; i++)
	{
		rules[i] = rule_of(GOV_RULE_DATABASE);
		rules[i].position = i + 1;
		rules[i].class_id = i % GOV_MAX_CLASSES;
		strcpy(rules[i].database, "other");
	}

	unit_row("none matches");
	result = classify(rules, GOV_MAX_RULES, &facts);
	CHECK_INT(result.position, GOV_NO_RULE);

	unit_row("the last one matches");
	strcpy(rules[GOV_MAX_RULES - 1].database, "shop");
	result = classify(rules, GOV_MAX_RULES, &facts);
	CHECK_INT(result.position, GOV_MAX_RULES);
	CHECK_INT(result.class_id, (GOV_MAX_RULES - 1) % GOV_MAX_CLASSES);

	unit_row("bytes in use");
	policy.nrules = 0;
	CHECK_INT(gov_policy_data_size(&policy), offsetof(GovPolicy, rules));
	policy.nrules = 1;
	CHECK_INT(gov_policy_data_size(&policy), offsetof(GovPolicy, rules) + sizeof(GovRule));
	policy.nrules = GOV_MAX_RULES;
	CHECK(gov_policy_data_size(&policy) <= sizeof(GovPolicy));
	CHECK(gov_policy_data_size(&policy) >= offsetof(GovPolicy, rules) + sizeof(policy.rules));
}

static void
each_name_column(void)
{
	/* what the column asks for, and the fact; NULL: the session has none */
	static const struct
	{
		GovRuleColumn column;
		const char *wanted;
		const char *fact;
		bool		expected;
	}			rows[] =
	{
		{GOV_RULE_ROLE, "app", "app", true},
		{GOV_RULE_ROLE, "app", "apps", false},
		{GOV_RULE_ROLE, "app", "ap", false},
		{GOV_RULE_ROLE, "app", "APP", false},
		{GOV_RULE_ROLE, "app", "", false},
		{GOV_RULE_ROLE, "app", NULL, false},
		{GOV_RULE_ROLE, "a%", "app", false},	/* a name, not a pattern */
		{GOV_RULE_ROLE, "a_p", "app", false},

		{GOV_RULE_DATABASE, "shop", "shop", true},
		{GOV_RULE_DATABASE, "shop", "shop2", false},
		{GOV_RULE_DATABASE, "shop", "sho", false},
		{GOV_RULE_DATABASE, "shop", "Shop", false},
		{GOV_RULE_DATABASE, "shop", NULL, false},
		{GOV_RULE_DATABASE, "%", "shop", false},
		{GOV_RULE_DATABASE, "+shop", "shop", false},
		{GOV_RULE_DATABASE, "+shop", "+shop", true},

		{GOV_RULE_APPLICATION_NAME, "psql", "psql", true},
		{GOV_RULE_APPLICATION_NAME, "psql", "psql2", false},
		{GOV_RULE_APPLICATION_NAME, "ps%", "psql", true},
		{GOV_RULE_APPLICATION_NAME, "ps__", "psql", true},
		{GOV_RULE_APPLICATION_NAME, "ps_", "psql", false},
		{GOV_RULE_APPLICATION_NAME, "serverless\\_client", "serverless_client", true},
		{GOV_RULE_APPLICATION_NAME, "serverless\\_client", "serverless-client", false},
		{GOV_RULE_APPLICATION_NAME, "%", "", true},
		{GOV_RULE_APPLICATION_NAME, "", "", true},
		{GOV_RULE_APPLICATION_NAME, "", "psql", false},
		{GOV_RULE_APPLICATION_NAME, "%", NULL, false},	/* as NULL LIKE '%' */
		{GOV_RULE_APPLICATION_NAME, "", NULL, false},

		/* here the fact is the application_name that carries an identity */
		{GOV_RULE_PLATFORM, "lambda", "faas:lambda", true},
		{GOV_RULE_PLATFORM, "lambda", "faas:LAMBDA:f", true},
		{GOV_RULE_PLATFORM, "lambda", "faas:lambdas", false},
		{GOV_RULE_PLATFORM, "lambda", "faas:lamb", false},
		{GOV_RULE_PLATFORM, "lambda", "faas::lambda", false},
		{GOV_RULE_PLATFORM, "l%", "faas:lambda", false},	/* a name, not a pattern */
		{GOV_RULE_PLATFORM, "lambda", "psql", false},
		{GOV_RULE_PLATFORM, "lambda", NULL, false},
		{GOV_RULE_PLATFORM, "", "faas::f", true},
		{GOV_RULE_PLATFORM, "", "psql", false},

		{GOV_RULE_FUNCTION, "checkout", "faas:lambda:checkout", true},
		{GOV_RULE_FUNCTION, "check%", "faas:lambda:checkout:1:i", true},
		{GOV_RULE_FUNCTION, "check%", "faas:lambda:Checkout:1:i", false},
		{GOV_RULE_FUNCTION, "check_ut", "faas:lambda:checkout", true},
		{GOV_RULE_FUNCTION, "checkout", "faas:lambda:checkouts", false},
		{GOV_RULE_FUNCTION, "checkout", "faas:checkout", false},
		{GOV_RULE_FUNCTION, "%", "faas:lambda", true},	/* any identity */
		{GOV_RULE_FUNCTION, "_%", "faas:lambda", false},
		{GOV_RULE_FUNCTION, "%", "psql", false},
		{GOV_RULE_FUNCTION, "%", "faas:", false},
		{GOV_RULE_FUNCTION, "%", NULL, false},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovIdentity identity = {0};
		GovRule		rule = {.position = 3, .class_id = 2, .given = rows[i].column};
		GovFacts	facts = {0};

		switch (rows[i].column)
		{
			case GOV_RULE_ROLE:
				strcpy(rule.role, rows[i].wanted);
				facts.role = rows[i].fact;
				break;
			case GOV_RULE_DATABASE:
				strcpy(rule.database, rows[i].wanted);
				facts.database = rows[i].fact;
				break;
			case GOV_RULE_APPLICATION_NAME:
				strcpy(rule.application_name, rows[i].wanted);
				facts.application_name = rows[i].fact;
				break;
			case GOV_RULE_PLATFORM:
				strcpy(rule.platform, rows[i].wanted);
				identity = identity_of(rows[i].fact);
				facts.identity = &identity;
				break;
			case GOV_RULE_FUNCTION:
				strcpy(rule.function, rows[i].wanted);
				identity = identity_of(rows[i].fact);
				facts.identity = &identity;
				break;
			case GOV_RULE_CLIENT_ADDR:
				CHECK(false);
				break;
		}

		unit_row("column %d asks for '%s', the session has '%s'", (int) rows[i].column,
				 rows[i].wanted, rows[i].fact ? rows[i].fact : "(null)");
		CHECK_BOOL(matches(&rule, &facts), rows[i].expected);
	}
}

static void
address_and_identity_columns(void)
{
	GovIdentity absent;
	GovFacts	facts = {0};
	GovRule		rule;

	rule = rule_of(GOV_RULE_CLIENT_ADDR);
	unit_row("unix socket");
	CHECK_BOOL(matches(&rule, &facts), false);
	unit_row("inside");
	facts.client_addr = v4(10, 1, 2, 3, 32);
	CHECK_BOOL(matches(&rule, &facts), true);
	unit_row("outside");
	facts.client_addr = v4(11, 1, 2, 3, 32);
	CHECK_BOOL(matches(&rule, &facts), false);
	unit_row("the other family");
	facts.client_addr = v6(10, 1, 2, 128);
	CHECK_BOOL(matches(&rule, &facts), false);

	/* no identity at all, and one that says it is not there: the same */
	rule = rule_of(GOV_RULE_PLATFORM);
	unit_row("platform, no identity");
	facts.identity = NULL;
	CHECK_BOOL(matches(&rule, &facts), false);
	rule = rule_of(GOV_RULE_FUNCTION);
	unit_row("function, no identity");
	CHECK_BOOL(matches(&rule, &facts), false);

	absent = identity_of("faas:lambda:checkout:42:i");
	absent.present = false;
	facts.identity = &absent;
	unit_row("function, identity not present");
	CHECK_BOOL(matches(&rule, &facts), false);
	rule = rule_of(GOV_RULE_PLATFORM);
	unit_row("platform, identity not present");
	CHECK_BOOL(matches(&rule, &facts), false);

	/* a rule that asks for neither needs none */
	rule = rule_of(GOV_RULE_DATABASE);
	facts.database = "shop";
	unit_row("database, identity not present");
	CHECK_BOOL(matches(&rule, &facts), true);
}

/*
 * Every set of given columns against every set of columns that fit: the rule
 * matches when all given ones fit; with `+role` the catalog is asked exactly
 * when all others do.
 */
static void
all_given_columns_must_match(void)
{
	const GovIdentity same = identity_of("faas:lambda:checkout:42:i");
	const GovIdentity other_platform = identity_of("faas:azure:checkout:42:i");
	const GovIdentity other_function = identity_of("faas:lambda:mail:42:i");
	const GovIdentity other_both = identity_of("faas:azure:mail:42:i");

	for (uint32_t given = 0; given <= ALL_COLUMNS; given++)
	{
		for (uint32_t fits = 0; fits <= ALL_COLUMNS; fits++)
		{
			for (int by_membership = 0; by_membership <= 1; by_membership++)
			{
				Membership	membership = {.member_of = (fits & GOV_RULE_ROLE) ? "group" : "other"};
				GovRule		rule = rule_of(given);
				GovFacts	facts = facts_of(&same, &membership);
				bool		others = (given & ~fits & ~(uint32_t) GOV_RULE_ROLE) == 0;
				bool		asks = by_membership && (given & GOV_RULE_ROLE) && others;

				if (by_membership)
					strcpy(rule.role, "+group");
				else if (!(fits & GOV_RULE_ROLE))
					facts.role = "other";
				if (!(fits & GOV_RULE_DATABASE))
					facts.database = "other";
				if (!(fits & GOV_RULE_APPLICATION_NAME))
					facts.application_name = "other";
				if (!(fits & GOV_RULE_CLIENT_ADDR))
					facts.client_addr = v4(11, 1, 2, 3, 32);
				if (!(fits & GOV_RULE_PLATFORM) && !(fits & GOV_RULE_FUNCTION))
					facts.identity = &other_both;
				else if (!(fits & GOV_RULE_PLATFORM))
					facts.identity = &other_platform;
				else if (!(fits & GOV_RULE_FUNCTION))
					facts.identity = &other_function;

				unit_row("given %02x, fits %02x, role by %s", given, fits,
						 by_membership ? "membership" : "name");
				CHECK_BOOL(matches(&rule, &facts), (given & ~fits) == 0);
				CHECK_INT(membership.asked, asks ? 1 : 0);
			}
		}
	}
}

static void
membership_of_a_role(void)
{
	Membership	membership = {.member_of = "functions"};
	GovFacts	facts = facts_of(NULL, &membership);
	GovRule		rules[2] = {rule_of(GOV_RULE_ROLE), rule_of(GOV_RULE_ROLE)};
	char		longest[GOV_NAME_SIZE] = "";
	GovClassification result;

	rules[0].position = 1;
	rules[1].position = 2;
	rules[1].class_id = 8;

	unit_row("member");
	strcpy(rules[0].role, "+functions");
	CHECK_BOOL(matches(&rules[0], &facts), true);
	CHECK_INT(membership.asked, 1);
	CHECK_STR(membership.last, "functions");

	unit_row("not a member");
	strcpy(rules[0].role, "+others");
	CHECK_BOOL(matches(&rules[0], &facts), false);
	CHECK_INT(membership.asked, 2);
	CHECK_STR(membership.last, "others");

	/* `+app` is about members of app; the catalog says whether app itself is one */
	unit_row("the role itself");
	strcpy(rules[0].role, "+app");
	CHECK_BOOL(matches(&rules[0], &facts), false);
	CHECK_STR(membership.last, "app");

	unit_row("a name is not asked about");
	membership.asked = 0;
	strcpy(rules[0].role, "app");
	CHECK_BOOL(matches(&rules[0], &facts), true);
	strcpy(rules[0].role, "functions");
	CHECK_BOOL(matches(&rules[0], &facts), false);
	CHECK_INT(membership.asked, 0);

	unit_row("a longest name");
	memset(longest, 'r', GOV_NAME_SIZE - 1);
	membership.member_of = longest;
	snprintf(rules[0].role, sizeof(rules[0].role), "+%s", longest);
	CHECK_BOOL(matches(&rules[0], &facts), true);
	CHECK_STR(membership.last, longest);

	unit_row("rules behind the one that matches are not asked");
	membership.member_of = "functions";
	membership.asked = 0;
	strcpy(rules[0].role, "app");
	strcpy(rules[1].role, "+functions");
	result = classify(rules, 2, &facts);
	CHECK_INT(result.position, 1);
	CHECK_INT(membership.asked, 0);

	unit_row("a refusal goes on to the next rule");
	strcpy(rules[0].role, "+others");
	result = classify(rules, 2, &facts);
	CHECK_INT(result.position, 2);
	CHECK_INT(result.class_id, 8);
	CHECK_INT(membership.asked, 2);

	unit_row("a session without a role is not asked about");
	membership.asked = 0;
	facts.role = NULL;
	CHECK_BOOL(matches(&rules[1], &facts), false);
	CHECK_INT(membership.asked, 0);

	unit_row("nobody to ask");
	facts.role = "app";
	facts.is_member = NULL;
	CHECK_BOOL(matches(&rules[1], &facts), false);
}


/* ---- Names after the login ---- */

static void
later_names(void)
{
	/* who may be renamed: the default class, or no identity; and once */
	CHECK_BOOL(gov_rules_may_rename(GOV_DEFAULT_CLASS, false, false), true);
	CHECK_BOOL(gov_rules_may_rename(GOV_DEFAULT_CLASS, true, false), true);
	CHECK_BOOL(gov_rules_may_rename(3, false, false), true);
	CHECK_BOOL(gov_rules_may_rename(3, true, false), false);
	CHECK_BOOL(gov_rules_may_rename(GOV_DEFAULT_CLASS, false, true), false);
	CHECK_BOOL(gov_rules_may_rename(GOV_DEFAULT_CLASS, true, true), false);
	CHECK_BOOL(gov_rules_may_rename(3, false, true), false);
	CHECK_BOOL(gov_rules_may_rename(3, true, true), false);

	/* into any class, but never back into the default one */
	CHECK_BOOL(gov_rules_accepts(GOV_DEFAULT_CLASS, GOV_DEFAULT_CLASS), true);
	CHECK_BOOL(gov_rules_accepts(GOV_DEFAULT_CLASS, 3), true);
	CHECK_BOOL(gov_rules_accepts(3, 3), true);
	CHECK_BOOL(gov_rules_accepts(3, 4), true);
	CHECK_BOOL(gov_rules_accepts(3, GOV_DEFAULT_CLASS), false);
}

const UnitTest rules_tests[] = {
	{"rules: names after the login", later_names},
	{"rules: LIKE", like_table},
	{"rules: LIKE against a naive matcher", like_against_reference},
	{"rules: LIKE is never exponential", like_is_not_exponential},
	{"rules: addresses and networks", address_table},
	{"rules: every prefix length, bit by bit", address_bit_by_bit},
	{"rules: none matches", no_rule},
	{"rules: columns that are NULL match all", null_columns_match_all},
	{"rules: the lowest position wins", order_of_rules},
	{"rules: as many as there can be", as_many_rules_as_there_can_be},
	{"rules: each name column alone", each_name_column},
	{"rules: address and identity", address_and_identity_columns},
	{"rules: all given columns must match", all_given_columns_must_match},
	{"rules: membership of a role", membership_of_a_role},
	UNIT_END
};
