/*-------------------------------------------------------------------------
 *
 * test_identity.c
 *		The identity that a function environment puts in application_name.
 *
 * IDENTIFICATION
 *	  test/unit/test_identity.c
 *-------------------------------------------------------------------------
 */
#include "core/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

extern const UnitTest identity_tests[];

/* The server keeps so many bytes of a name. */
#define KEPT	(GOV_NAME_SIZE - 1)

/*
 * Parses a copy that ends exactly at its NUL, into memory full of old bytes:
 * reading too far and leaving something over both show.
 */
static bool
parse(const char *name, GovIdentity *identity)
{
	size_t		size = strlen(name) + 1;
	char	   *copy = malloc(size);
	bool		present;

	memset(identity, 0x55, sizeof(*identity));
	if (!CHECK(copy != NULL))
		return false;
	memcpy(copy, name, size);
	present = gov_identity_parse(copy, identity);
	CHECK(memcmp(copy, name, size) == 0);
	free(copy);
	return present;
}

static void
check_parts(const GovIdentity *identity, const char *platform, const char *function,
			const char *version, const char *instance)
{
	CHECK_STR(identity->platform, platform);
	CHECK_STR(identity->function, function);
	CHECK_STR(identity->version, version);
	CHECK_STR(identity->instance, instance);
}

static void
foreign_names(void)
{
	static const char *const names[] = {
		"", "f", "faa", "faas", "psql", "node-postgres", "serverless_client",
		":", "::::", ":faas:lambda", "faas;lambda:f", "faas lambda",
		"faaslambda:f:1:i", "faas.lambda", "fass:lambda:f", "gaas:lambda:f",
		"FAAS:lambda:f", "Faas:lambda:f", "faaS:lambda:f",	/* as written, not folded */
		" faas:lambda:f", "xfaas:lambda:f", "\tfaas:lambda",
		"lambda:f:1:i", "my faas:lambda:f:1:i",
		/* no identity, however long */
		"application_with_a_name_of_sixty_three_bytes_and_without_a_prefix",
	};
	GovIdentity identity;

	unit_row("NULL");
	memset(&identity, 0x55, sizeof(identity));
	CHECK_BOOL(gov_identity_parse(NULL, &identity), false);
	CHECK_BOOL(identity.present, false);
	CHECK_BOOL(identity.cut, false);
	check_parts(&identity, "", "", "", "");

	for (size_t i = 0; i < lengthof(names); i++)
	{
		unit_row("%s", names[i]);
		CHECK_BOOL(parse(names[i], &identity), false);
		CHECK_BOOL(identity.present, false);
		CHECK_BOOL(identity.cut, false);
		check_parts(&identity, "", "", "", "");
	}
}

static void
part_table(void)
{
	static const struct
	{
		const char *name;
		bool		present;
		const char *platform,
				   *function,
				   *version,
				   *instance;
	}			rows[] =
	{
		/* every number of parts */
		{"faas:lambda:checkout:42:0f9e8d7c6b5a", true, "lambda", "checkout", "42", "0f9e8d7c6b5a"},
		{"faas:cloudrun:api:api-00017-xyz", true, "cloudrun", "api", "api-00017-xyz", ""},
		{"faas:azure:site", true, "azure", "site", "", ""},
		{"faas:vercel", true, "vercel", "", "", ""},
		{"faas:", false, "", "", "", ""},

		/* an empty part is absent, wherever it stands */
		{"faas:lambda:", true, "lambda", "", "", ""},
		{"faas:lambda:f:", true, "lambda", "f", "", ""},
		{"faas:lambda:f:1:", true, "lambda", "f", "1", ""},
		{"faas:lambda::", true, "lambda", "", "", ""},
		{"faas:lambda:::", true, "lambda", "", "", ""},
		{"faas:lambda::1:i", true, "lambda", "", "1", "i"},
		{"faas:lambda:f::i", true, "lambda", "f", "", "i"},
		{"faas:lambda:::i", true, "lambda", "", "", "i"},
		{"faas::f:1:i", true, "", "f", "1", "i"},
		{"faas::f", true, "", "f", "", ""},
		{"faas:::1", true, "", "", "1", ""},
		{"faas::::i", true, "", "", "", "i"},
		{"faas::", false, "", "", "", ""},
		{"faas:::", false, "", "", "", ""},
		{"faas::::", false, "", "", "", ""},

		/* the last part takes the rest */
		{"faas:::::", true, "", "", "", ":"},
		{"faas::::::", true, "", "", "", "::"},
		{"faas:lambda:f:1:2024/05/01:[1]:ab", true, "lambda", "f", "1", "2024/05/01:[1]:ab"},
		{"faas:lambda:f:1:i:", true, "lambda", "f", "1", "i:"},
		{"faas:lambda:f:1::i", true, "lambda", "f", "1", ":i"},
		{"faas:lambda:f:1:faas:lambda", true, "lambda", "f", "1", "faas:lambda"},
		{"faas:faas:faas:faas:faas", true, "faas", "faas", "faas", "faas"},

		/* only the platform is folded, and only A to Z */
		{"faas:LAMBDA:CheckOut:V2:ABC", true, "lambda", "CheckOut", "V2", "ABC"},
		{"faas:CloudRun", true, "cloudrun", "", "", ""},
		{"faas:@AZ[`az{09_-.", true, "@az[`az{09_-.", "", "", ""},
		{"faas:\xC0\xC9\xDE:\xC0", true, "\xC0\xC9\xDE", "\xC0", "", ""},

		/* any byte may stand in a part */
		{"faas:a b:c d: e:f ", true, "a b", "c d", " e", "f "},
		{"faas:\x01\x1F\x7F:\t:\n:\r\n", true, "\x01\x1F\x7F", "\t", "\n", "\r\n"},
		{"faas:\x80\xFF:\xE2\x82\xAC:\xF0\x9F\x90\x98:\xFF", true, "\x80\xFF", "\xE2\x82\xAC", "\xF0\x9F\x90\x98", "\xFF"},
		{"faas:%:_:\\:'\"", true, "%", "_", "\\", "'\""},
	};

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovIdentity identity;

		unit_row("%s", rows[i].name);
		CHECK_BOOL(parse(rows[i].name, &identity), rows[i].present);
		CHECK_BOOL(identity.present, rows[i].present);
		CHECK_BOOL(identity.cut, false);
		check_parts(&identity, rows[i].platform, rows[i].function, rows[i].version, rows[i].instance);
	}
}

/* Given and absent parts in every combination, with any number of colons behind the last. */
static void
part_combinations(void)
{
	for (unsigned given = 0; given < 16; given++)
	{
		const char *parts[4];

		for (unsigned i = 0; i < 4; i++)
			parts[i] = (given & (1U << i)) ? &"p\0f\0v\0i"[2 * i] : "";

		for (unsigned count = 0; count <= 4; count++)
		{
			char		name[GOV_NAME_SIZE] = "faas";
			GovIdentity identity;

			/* the parts behind the last one written must be absent ones */
			if (given >> count)
				continue;
			for (unsigned i = 0; i < count; i++)
			{
				strcat(name, ":");
				strcat(name, parts[i]);
			}
			if (count == 0)
				strcat(name, ":");

			unit_row("%s", name);
			CHECK_BOOL(parse(name, &identity), given != 0);
			CHECK_BOOL(identity.present, given != 0);
			check_parts(&identity, parts[0], parts[1], parts[2], parts[3]);
		}
	}
}

/* prefix, then the byte `fill` up to the length */
static const char *
filled(const char *prefix, char fill, size_t length)
{
	static char name[512];

	memset(name, fill, length);
	memcpy(name, prefix, strlen(prefix));
	name[length] = '\0';
	return name;
}

/*
 * A name of 63 bytes may have lost its end, so its instance cannot be told
 * from another one's; a name of 62 bytes is whole.
 */
static void
lengths_of_a_full_name(void)
{
	static const struct
	{
		size_t		length;
		bool		cut;
	}			rows[] =
	{
		{18, false},
		{61, false},
		{62, false},
		{63, true},
		{64, true},
		{65, true},
		{127, true},
		{200, true},
	};
	const char *prefix = "faas:LAMBDA:f:42:";

	for (size_t i = 0; i < lengthof(rows); i++)
	{
		GovIdentity identity;
		char		instance[GOV_NAME_SIZE] = "";

		if (!rows[i].cut)
			memset(instance, 'x', rows[i].length - strlen(prefix));

		unit_row("%zu bytes", rows[i].length);
		CHECK_BOOL(parse(filled(prefix, 'x', rows[i].length), &identity), true);
		CHECK_BOOL(identity.present, true);
		CHECK_BOOL(identity.cut, rows[i].cut);
		check_parts(&identity, "lambda", "f", "42", instance);
	}
}

/* Where the cut goes through another part, that part is what is left of it. */
static void
cut_inside_a_part(void)
{
	static const char *const prefixes[] = {"faas:", "faas:lambda:", "faas:lambda:f:"};
	static const size_t lengths[] = {62, 63, 64, 200};

	for (size_t p = 0; p < lengthof(prefixes); p++)
	{
		for (size_t i = 0; i < lengthof(lengths); i++)
		{
			size_t		kept = lengths[i] < KEPT ? lengths[i] : KEPT;
			char		rest[GOV_NAME_SIZE] = "";
			GovIdentity identity;

			memset(rest, 'x', kept - strlen(prefixes[p]));
			unit_row("%s and %zu bytes", prefixes[p], lengths[i]);
			CHECK_BOOL(parse(filled(prefixes[p], 'x', lengths[i]), &identity), true);
			CHECK_BOOL(identity.cut, lengths[i] >= KEPT);
			switch (p)
			{
				case 0:
					check_parts(&identity, rest, "", "", "");
					break;
				case 1:
					check_parts(&identity, "lambda", rest, "", "");
					break;
				case 2:
					check_parts(&identity, "lambda", "f", rest, "");
					break;
			}
		}
	}
}

/* What stands behind the 63rd byte is not there, colons and all. */
static void
nothing_behind_the_cut(void)
{
	char		name[256];
	char		function[GOV_NAME_SIZE] = "";
	GovIdentity identity;

	memset(function, 'x', KEPT - strlen("faas:lambda:"));

	unit_row("the parts behind a long function");
	strcpy(name, filled("faas:lambda:", 'x', 100));
	strcat(name, ":42:i");
	CHECK_BOOL(parse(name, &identity), true);
	CHECK_BOOL(identity.cut, true);
	check_parts(&identity, "lambda", function, "", "");

	unit_row("a colon is the last byte kept");
	function[strlen(function) - 1] = '\0';
	strcpy(name, filled("faas:lambda:", 'x', KEPT - 1));
	strcat(name, ":42:i");
	CHECK_BOOL(parse(name, &identity), true);
	CHECK_BOOL(identity.cut, true);
	check_parts(&identity, "lambda", function, "", "");

	unit_row("200 colons");
	parse(filled("faas:", ':', 200), &identity);
	CHECK_BOOL(identity.cut, true);
	check_parts(&identity, "", "", "", "");
}

/* Reads a name the long way: byte by byte, into the part in hand. */
static void
reference_parse(const char *name, GovIdentity *identity)
{
	char	   *parts[] = {identity->platform, identity->function, identity->version, identity->instance};
	size_t		used[4] = {0};
	size_t		part = 0;

	memset(identity, 0, sizeof(*identity));
	if (name[0] != 'f' || name[1] != 'a' || name[2] != 'a' || name[3] != 's' || name[4] != ':')
		return;
	for (size_t i = 5; name[i] != '\0' && i < KEPT; i++)
	{
		char		c = name[i];

		if (c == ':' && part < 3)
			part++;
		else
			parts[part][used[part]++] = (part == 0 && c >= 'A' && c <= 'Z') ? (char) (c + 32) : c;
	}
	identity->cut = strlen(name) >= KEPT;
	if (identity->cut)
		memset(identity->instance, 0, sizeof(identity->instance));
	for (part = 0; part < 4; part++)
		identity->present |= parts[part][0] != '\0';
}

/*
 * Against the reference; and a login, which sees the whole name, must see the
 * same identity as everybody who reads the 63 bytes that the server kept.
 */
static void
random_names(void)
{
	static const char alphabet[] = ":::aZ@[\xC3\x01";

	for (int i = 0; i < 20000; i++)
	{
		size_t		length = unit_random_below(unit_random_below(4) ? 30 : 200);
		char		name[256] = "faas:";
		size_t		start = unit_random_below(50) ? 5 : 0;
		GovIdentity identity;
		GovIdentity kept;
		GovIdentity expected;

		for (size_t k = 0; k < length; k++)
			name[start + k] = unit_random_below(12) ? 'x' : alphabet[unit_random_below(lengthof(alphabet) - 1)];
		name[start + length] = '\0';

		unit_row("%s", name);
		reference_parse(name, &expected);
		CHECK_BOOL(parse(name, &identity), identity.present);
		CHECK_BOOL(identity.present, expected.present);
		CHECK_BOOL(identity.cut, expected.cut);
		check_parts(&identity, expected.platform, expected.function, expected.version, expected.instance);

		if (strlen(name) > KEPT)
			name[KEPT] = '\0';
		CHECK_BOOL(parse(name, &kept), identity.present);
		CHECK_BOOL(kept.cut, identity.cut);
		check_parts(&kept, identity.platform, identity.function, identity.version, identity.instance);
	}
}

static void
given_one_by_one(void)
{
	GovIdentity made;
	GovIdentity parsed;

	memset(&made, 0xA5, sizeof(made));
	CHECK(gov_identity_make("Lambda", "Checkout", "7", "a:b:c", &made));
	CHECK(gov_identity_parse("faas:lambda:Checkout:7:a:b:c", &parsed));
	CHECK_STR(made.platform, "lambda");
	CHECK_STR(made.function, "Checkout");
	CHECK_STR(made.version, "7");
	CHECK_STR(made.instance, "a:b:c");
	CHECK(memcmp(&made, &parsed, sizeof(made)) == 0);

	/* a colon is a byte like any other in a part of its own */
	CHECK(gov_identity_make("lambda", "a:b", NULL, "", &made));
	CHECK_STR(made.function, "a:b");
	CHECK_STR(made.version, "");
	CHECK_STR(made.instance, "");
	CHECK_BOOL(made.cut, false);

	CHECK(!gov_identity_make(NULL, "", NULL, NULL, &made));
	CHECK_BOOL(made.present, false);

	/* 63 bytes are kept, whatever comes behind them is not */
	{
		char		longest[KEPT + 2];

		memset(longest, 'x', sizeof(longest));
		longest[KEPT + 1] = '\0';
		CHECK(gov_identity_make("p", longest, NULL, NULL, &made));
		CHECK_INT(strlen(made.function), KEPT);
	}
}

const UnitTest identity_tests[] = {
	{"identity: foreign names have none", foreign_names},
	{"identity: parts given one by one", given_one_by_one},
	{"identity: parts of a name", part_table},
	{"identity: every combination of parts", part_combinations},
	{"identity: 62, 63, 64 and more bytes", lengths_of_a_full_name},
	{"identity: a cut inside a part", cut_inside_a_part},
	{"identity: nothing is read behind the cut", nothing_behind_the_cut},
	{"identity: random names, whole and as the server keeps them", random_names},
	UNIT_END
};
