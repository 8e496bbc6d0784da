/*-------------------------------------------------------------------------
 *
 * policy_diff.c
 *		What differs between two policies, in words.
 *
 * Owns: nothing; pure.                   Runs in: policy loader, governor.
 *
 * IDENTIFICATION
 *	  src/core/policy_diff.c
 *-------------------------------------------------------------------------
 */
#include "core/policy_diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A value in words: a pattern whose every byte becomes \xNN, with its quotes. */
#define VALUE_SIZE		(4 * GOV_PATTERN_SIZE + 3)
#define SUBJECT_SIZE	(GOV_NAME_SIZE + 16)
#define CHANGE_SIZE		(2 * VALUE_SIZE + 64)

/* What must still fit behind the differences that are written. */
#define ROOM_FOR_REST	sizeof("; and 1000000 more")

typedef struct Writer
{
	char	   *text;
	size_t		size;
	size_t		used;
	int			left_out;
	char		subject[SUBJECT_SIZE];	/* of what was written last */
	const char *introduction;	/* ' added', ' removed', or '' */
	bool		values;			/* of what was added, too */
} Writer;

/* A column of a class or rule: how it is called, and its value in words. */
typedef struct Column
{
	const char *name;
	void		(*value) (const void *row, char *into);
} Column;

/*
 * Values.  NULL is what the table has.
 */

static void
write_text(char *into, const char *text, bool given)
{
	size_t		used = 0;

	if (!given)
	{
		strcpy(into, "NULL");
		return;
	}
	into[used++] = '"';
	for (const unsigned char *byte = (const unsigned char *) text; *byte; byte++)
	{
		if (*byte >= 0x20 && *byte < 0x7F)
			into[used++] = (char) *byte;
		else
			used += (size_t) snprintf(into + used, VALUE_SIZE - used, "\\x%02x", *byte);
	}
	into[used++] = '"';
	into[used] = '\0';
}

/* In the largest unit that divides it, but seconds up to two minutes. */
static void
write_duration(char *into, GovTime duration)
{
	static const struct
	{
		GovTime		length;
		GovTime		from;
		const char *name;
	}			units[] =
	{
		{3600 * GOV_SECOND, 3600 * GOV_SECOND, "h"},
		{60 * GOV_SECOND, 120 * GOV_SECOND, "min"},
		{GOV_SECOND, GOV_SECOND, "s"},
		{GOV_MSEC, GOV_MSEC, "ms"},
		{1, 0, "us"},
	};
	size_t		i = 0;

	if (duration == GOV_NEVER)
	{
		strcpy(into, "NULL");
		return;
	}
	while (units[i].length > 1 && (duration < units[i].from || duration % units[i].length != 0))
		i++;
	snprintf(into, VALUE_SIZE, "%" PRId64 " %s", duration / units[i].length, units[i].name);
}

static void
write_number(char *into, double number, bool given)
{
	if (given)
		snprintf(into, VALUE_SIZE, "%.10g", number);
	else
		strcpy(into, "NULL");
}

static void
mode_of(const void *row, char *into)
{
	/* NULL in the table and `enforce` are the same */
	static const char *const words[] = {
		[GOV_MODE_OFF] = "off",
		[GOV_MODE_OBSERVE] = "observe",
		[GOV_MODE_ENFORCE] = "as governor.mode",
	};

	strcpy(into, words[((const GovClass *) row)->mode]);
}

static void
max_sessions_of(const void *row, char *into)
{
	const GovClass *class = row;

	write_number(into, class->max_sessions, class->max_sessions > 0);
}

static void
keep_warm_of(const void *row, char *into)
{
	write_number(into, ((const GovClass *) row)->keep_warm, true);
}

static void
reclaim_rate_of(const void *row, char *into)
{
	const GovClass *class = row;

	write_number(into, class->reclaim_rate, class->reclaim_rate > 0);
}

static void
idle_timeout_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->idle_timeout);
}

static void
idle_timeout_floor_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->idle_timeout_floor);
}

static void
idle_in_transaction_timeout_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->idle_in_transaction_timeout);
}

static void
transaction_timeout_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->transaction_timeout);
}

/* Values may be long, or secrets of a kind: only how many there are, and that they are others. */
static void
settings_of(const void *row, char *into)
{
	const GovClass *class = row;
	uint32_t	hash = 2166136261u;	/* FNV-1a, 32 bits */
	int			n = 0;

	for (const char *setting = class->settings; *setting; setting += strlen(setting) + 1)
	{
		for (const char *c = setting; *c; c++)
			hash = (hash ^ (unsigned char) *c) * 16777619u;
		hash = (hash ^ '\n') * 16777619u;
		n++;
	}
	if (n == 0)
		strcpy(into, "none");
	else
		snprintf(into, VALUE_SIZE, "%d (%04x)", n, (unsigned) (hash & 0xffff));
}

static void
reserved_sessions_of(const void *row, char *into)
{
	write_number(into, ((const GovClass *) row)->reserved_sessions, true);
}

static void
queue_limit_of(const void *row, char *into)
{
	write_number(into, ((const GovClass *) row)->queue_limit, true);
}

static void
queue_timeout_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->queue_timeout);
}

static void
max_active_of(const void *row, char *into)
{
	const GovClass *class = row;

	write_number(into, class->max_active, class->max_active > 0);
}

static void
gate_timeout_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->gate_timeout);
}

static void
evict_after_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->evict_after);
}

static void
paused_of(const void *row, char *into)
{
	strcpy(into, ((const GovClass *) row)->paused ? "true" : "false");
}

static void
write_limits(char *into, const GovLimits *limits)
{
	size_t		used = 0;

	write_number(into, 0, false);
	for (int i = 0; i < limits->n && used < VALUE_SIZE; i++)
	{
		char		period[VALUE_SIZE];

		write_duration(period, limits->limits[i].period);
		used += snprintf(into + used, VALUE_SIZE - used, "%s%" PRId64 " in %.40s",
						 i > 0 ? ", " : "", limits->limits[i].count, period);
	}
}

static void
connect_rate_of(const void *row, char *into)
{
	write_limits(into, &((const GovClass *) row)->connect_rate);
}

static void
breaker_of(const void *row, char *into)
{
	const char *name = ((const GovClass *) row)->breaker;

	write_text(into, name, name[0] != '\0');
}

static void
max_lifetime_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->max_lifetime);
}

static void
idle_blocker_timeout_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->idle_blocker_timeout);
}

static void
unresponsive_timeout_of(const void *row, char *into)
{
	write_duration(into, ((const GovClass *) row)->unresponsive_timeout);
}

static void
sessions_per_instance_of(const void *row, char *into)
{
	int32_t		sessions = ((const GovClass *) row)->sessions_per_instance;

	write_number(into, sessions, sessions > 0);
}

static const Column class_columns[] = {
	{"mode", mode_of},
	{"max_sessions", max_sessions_of},
	{"reserved_sessions", reserved_sessions_of},
	{"queue_limit", queue_limit_of},
	{"queue_timeout", queue_timeout_of},
	{"connect_rate", connect_rate_of},
	{"evict_after", evict_after_of},
	{"max_active", max_active_of},
	{"gate_timeout", gate_timeout_of},
	{"paused", paused_of},
	{"keep_warm", keep_warm_of},
	{"reclaim_rate", reclaim_rate_of},
	{"idle_timeout", idle_timeout_of},
	{"idle_timeout_floor", idle_timeout_floor_of},
	{"idle_in_transaction_timeout", idle_in_transaction_timeout_of},
	{"idle_blocker_timeout", idle_blocker_timeout_of},
	{"transaction_timeout", transaction_timeout_of},
	{"max_lifetime", max_lifetime_of},
	{"unresponsive_timeout", unresponsive_timeout_of},
	{"sessions_per_instance", sessions_per_instance_of},
	{"breaker", breaker_of},
	{"settings", settings_of},
	{NULL, NULL},
};

/* A rule, and the name of the class that its id means in its policy. */
typedef struct NamedRule
{
	const GovRule *rule;
	const char *class_name;
} NamedRule;

static void
class_of(const void *row, char *into)
{
	const NamedRule *named = row;

	write_text(into, named->class_name, named->class_name[0] != '\0');
}

static void
role_of(const void *row, char *into)
{
	const GovRule *rule = ((const NamedRule *) row)->rule;

	write_text(into, rule->role, rule->given & GOV_RULE_ROLE);
}

static void
database_of(const void *row, char *into)
{
	const GovRule *rule = ((const NamedRule *) row)->rule;

	write_text(into, rule->database, rule->given & GOV_RULE_DATABASE);
}

static void
application_name_of(const void *row, char *into)
{
	const GovRule *rule = ((const NamedRule *) row)->rule;

	write_text(into, rule->application_name, rule->given & GOV_RULE_APPLICATION_NAME);
}

static void
client_addr_of(const void *row, char *into)
{
	const GovRule *rule = ((const NamedRule *) row)->rule;
	const GovAddress *address = &rule->client_addr;
	size_t		used = 0;

	if (!(rule->given & GOV_RULE_CLIENT_ADDR))
		strcpy(into, "NULL");
	else if (address->family == 4)
		snprintf(into, VALUE_SIZE, "%d.%d.%d.%d/%d", address->bytes[0], address->bytes[1],
				 address->bytes[2], address->bytes[3], address->bits);
	else
	{
		for (int i = 0; i < 16; i += 2)
			used += (size_t) snprintf(into + used, VALUE_SIZE - used, "%s%x", i ? ":" : "",
									  address->bytes[i] << 8 | address->bytes[i + 1]);
		snprintf(into + used, VALUE_SIZE - used, "/%d", address->bits);
	}
}

static void
platform_of(const void *row, char *into)
{
	const GovRule *rule = ((const NamedRule *) row)->rule;

	write_text(into, rule->platform, rule->given & GOV_RULE_PLATFORM);
}

static void
function_of(const void *row, char *into)
{
	const GovRule *rule = ((const NamedRule *) row)->rule;

	write_text(into, rule->function, rule->given & GOV_RULE_FUNCTION);
}

static const Column rule_columns[] = {
	{"class", class_of},
	{"role", role_of},
	{"database", database_of},
	{"application_name", application_name_of},
	{"client_addr", client_addr_of},
	{"platform", platform_of},
	{"function", function_of},
	{NULL, NULL},
};

/*
 * Circuit breakers and rate limits
 */

static void
window_of(const void *row, char *into)
{
	const GovBreakerSettings *settings = row;

	snprintf(into, VALUE_SIZE, "%d %s", (int) settings->window_size,
			 settings->window_type == GOV_BREAKER_WINDOW_COUNT ? "calls" : "s");
}

static void
minimum_calls_of(const void *row, char *into)
{
	write_number(into, ((const GovBreakerSettings *) row)->minimum_calls, true);
}

static void
failure_rate_of(const void *row, char *into)
{
	write_number(into, ((const GovBreakerSettings *) row)->failure_rate, true);
}

static void
slow_call_duration_of(const void *row, char *into)
{
	write_duration(into, ((const GovBreakerSettings *) row)->slow_call_duration);
}

static void
slow_call_rate_of(const void *row, char *into)
{
	write_number(into, ((const GovBreakerSettings *) row)->slow_call_rate, true);
}

static void
open_for_of(const void *row, char *into)
{
	write_duration(into, ((const GovBreakerSettings *) row)->open_for);
}

static void
half_open_calls_of(const void *row, char *into)
{
	write_number(into, ((const GovBreakerSettings *) row)->half_open_calls, true);
}

static void
half_open_timeout_of(const void *row, char *into)
{
	write_duration(into, ((const GovBreakerSettings *) row)->half_open_timeout);
}

static void
breaker_role_of(const void *row, char *into)
{
	const char *role = ((const GovBreakerSettings *) row)->role;

	write_text(into, role, role[0] != '\0');
}

static void
failure_sqlstates_of(const void *row, char *into)
{
	const GovBreakerSettings *settings = row;
	size_t		used = 0;

	write_text(into, "", false);
	for (int i = 0; i < settings->nsqlstates; i++)
		used += (size_t) snprintf(into + used, VALUE_SIZE - used, "%s%s", i > 0 ? " " : "", settings->sqlstates[i]);
}

static const Column breaker_columns[] = {
	{"window", window_of},
	{"minimum_calls", minimum_calls_of},
	{"failure_rate", failure_rate_of},
	{"slow_call_duration", slow_call_duration_of},
	{"slow_call_rate", slow_call_rate_of},
	{"open_for", open_for_of},
	{"half_open_calls", half_open_calls_of},
	{"half_open_timeout", half_open_timeout_of},
	{"role", breaker_role_of},
	{"failure_sqlstates", failure_sqlstates_of},
	{NULL, NULL},
};

static void
rate_of(const void *row, char *into)
{
	write_limits(into, &((const GovRate *) row)->limits);
}

static void
rate_role_of(const void *row, char *into)
{
	const char *role = ((const GovRate *) row)->role;

	write_text(into, role, role[0] != '\0');
}

static const Column rate_columns[] = {
	{"rate", rate_of},
	{"role", rate_role_of},
	{NULL, NULL},
};

/*
 * Writing
 */

/* Appends one difference of the subject if it fits whole; returns whether it did. */
static bool
put(Writer *writer, const char *subject, const char *change)
{
	bool		begins = strcmp(writer->subject, subject) != 0;
	const char *before = !begins ? ", " : writer->used > 0 ? "; " : "";
	const char *introduction = begins ? writer->introduction : "";
	const char *colon = begins && change[0] != '\0' ? ": " : "";
	size_t		needed = strlen(before) + strlen(colon) + strlen(change);

	if (begins)
		needed += strlen(subject) + strlen(introduction);
	if (writer->left_out > 0 || writer->used + needed + ROOM_FOR_REST > writer->size)
		return false;

	snprintf(writer->text + writer->used, writer->size - writer->used, "%s%s%s%s%s",
			 before, begins ? subject : "", introduction, colon, change);
	writer->used += needed;
	snprintf(writer->subject, sizeof(writer->subject), "%s", subject);
	return true;
}

/* What came or went, without its values. */
static void
put_whole(Writer *writer, const char *subject, const char *what)
{
	writer->introduction = what;
	if (!put(writer, subject, ""))
		writer->left_out++;
	writer->introduction = "";
}

/* Every column of a row that has another value than in the row before. */
static void
put_changes(Writer *writer, const char *subject, const Column *columns,
			const void *before, const void *after, bool added)
{
	int			changes = 0;

	for (const Column *column = columns; column->name; column++)
	{
		char		from[VALUE_SIZE];
		char		to[VALUE_SIZE];
		char		change[CHANGE_SIZE];

		column->value(before, from);
		column->value(after, to);
		if (strcmp(from, to) == 0)
			continue;
		changes++;
		if (added)
			snprintf(change, sizeof(change), "%s %s", column->name, to);
		else
			snprintf(change, sizeof(change), "%s %s -> %s", column->name, from, to);
		if (put(writer, subject, change))
			continue;
		/* its values may be too long where its name is not */
		snprintf(change, sizeof(change), "%s changed", column->name);
		if (!put(writer, subject, change))
			writer->left_out++;
	}

	/* a value that has no name above must not go unsaid */
	if (changes == 0 && !added && !put(writer, subject, "changed"))
		writer->left_out++;
}

/* What came, with its values if they are asked for: those that are not as in an empty row. */
static void
put_added(Writer *writer, const char *subject, const Column *columns, const void *empty, const void *row)
{
	if (!writer->values)
	{
		put_whole(writer, subject, " added");
		return;
	}
	writer->introduction = " added";
	put_changes(writer, subject, columns, empty, row, true);
	writer->introduction = "";
	/* all is as in an empty row */
	if (strcmp(writer->subject, subject) != 0)
		put_whole(writer, subject, " added");
}

static const GovClass *
class_named(const GovPolicy *policy, const char *name)
{
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		if (policy->classes[id].used && strcmp(policy->classes[id].name, name) == 0)
			return &policy->classes[id];
	}
	return NULL;
}

static void
put_classes(Writer *writer, const GovPolicy *before, const GovPolicy *after)
{
	GovClass	empty = {
		.mode = GOV_MODE_ENFORCE,
		.queue_limit = 1000,
		.queue_timeout = 5 * GOV_SECOND,
		.evict_after = GOV_NEVER,
		.gate_timeout = 5 * GOV_SECOND,
		.idle_timeout = GOV_NEVER,
		.idle_timeout_floor = GOV_NEVER,
		.idle_in_transaction_timeout = GOV_NEVER,
		.idle_blocker_timeout = GOV_NEVER,
		.transaction_timeout = GOV_NEVER,
		.max_lifetime = GOV_NEVER,
		.unresponsive_timeout = GOV_NEVER,
	};
	char		subject[SUBJECT_SIZE];

	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *was = &before->classes[id];

		if (!was->used || class_named(after, was->name) != NULL)
			continue;
		snprintf(subject, sizeof(subject), "class \"%s\"", was->name);
		put_whole(writer, subject, " removed");
	}
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *is = &after->classes[id];
		const GovClass *was;

		if (!is->used)
			continue;
		was = class_named(before, is->name);
		snprintf(subject, sizeof(subject), "class \"%s\"", is->name);
		if (was == NULL)
			put_added(writer, subject, class_columns, &empty, is);
		else if (memcmp(was, is, sizeof(GovClass)) != 0)
			put_changes(writer, subject, class_columns, was, is, false);
	}
}

static void
put_breakers(Writer *writer, const GovPolicy *before, const GovPolicy *after)
{
	static const GovBreakerSettings empty = {
		.window_size = 100,
		.minimum_calls = 20,
		.half_open_calls = 3,
		.failure_rate = 50,
		.slow_call_duration = GOV_NEVER,
		.slow_call_rate = 100,
		.open_for = 5 * GOV_SECOND,
		.half_open_timeout = 5 * GOV_SECOND,
	};
	char		subject[SUBJECT_SIZE];

	for (int id = 0; id < GOV_MAX_BREAKERS; id++)
	{
		const GovBreakerSettings *was = &before->breakers[id];

		if (!was->used || gov_policy_breaker_named(after, was->name) != GOV_NO_BREAKER)
			continue;
		snprintf(subject, sizeof(subject), "breaker \"%s\"", was->name);
		put_whole(writer, subject, " removed");
	}
	for (int id = 0; id < GOV_MAX_BREAKERS; id++)
	{
		const GovBreakerSettings *is = &after->breakers[id];
		int			was;

		if (!is->used)
			continue;
		was = gov_policy_breaker_named(before, is->name);
		snprintf(subject, sizeof(subject), "breaker \"%s\"", is->name);
		if (was == GOV_NO_BREAKER)
			put_added(writer, subject, breaker_columns, &empty, is);
		else if (memcmp(&before->breakers[was], is, sizeof(*is)) != 0)
			put_changes(writer, subject, breaker_columns, &before->breakers[was], is, false);
	}
}

static void
put_rates(Writer *writer, const GovPolicy *before, const GovPolicy *after)
{
	static const GovRate empty;
	char		subject[SUBJECT_SIZE];

	for (int id = 0; id < GOV_MAX_BREAKERS; id++)
	{
		const GovRate *was = &before->rates[id];

		if (!was->used || gov_policy_rate_named(after, was->name) != GOV_NO_BREAKER)
			continue;
		snprintf(subject, sizeof(subject), "rate \"%s\"", was->name);
		put_whole(writer, subject, " removed");
	}
	for (int id = 0; id < GOV_MAX_BREAKERS; id++)
	{
		const GovRate *is = &after->rates[id];
		int			was;

		if (!is->used)
			continue;
		was = gov_policy_rate_named(before, is->name);
		snprintf(subject, sizeof(subject), "rate \"%s\"", is->name);
		if (was == GOV_NO_BREAKER)
			put_added(writer, subject, rate_columns, &empty, is);
		else if (memcmp(&before->rates[was], is, sizeof(*is)) != 0)
			put_changes(writer, subject, rate_columns, &before->rates[was], is, false);
	}
}

/* Whether two rules are the same but for the number of their class. */
static bool
same_rule(const NamedRule *one, const NamedRule *other)
{
	GovRule		copy;

	memcpy(&copy, one->rule, sizeof(copy));
	copy.class_id = other->rule->class_id;
	return strcmp(one->class_name, other->class_name) == 0 &&
		memcmp(&copy, other->rule, sizeof(copy)) == 0;
}

static NamedRule
named_rule(const GovPolicy *policy, int i)
{
	NamedRule	named = {&policy->rules[i], policy->classes[policy->rules[i].class_id].name};

	return named;
}

/* Both are in order of their positions. */
static void
put_rules(Writer *writer, const GovPolicy *before, const GovPolicy *after)
{
	static const GovRule empty_rule;
	static const NamedRule empty = {&empty_rule, ""};
	int			i = 0;
	int			k = 0;

	while (i < before->nrules || k < after->nrules)
	{
		char		subject[SUBJECT_SIZE];
		bool		is_gone = k == after->nrules ||
			(i < before->nrules && before->rules[i].position < after->rules[k].position);
		bool		is_new = i == before->nrules ||
			(k < after->nrules && after->rules[k].position < before->rules[i].position);

		snprintf(subject, sizeof(subject), "rule %d",
				 (int) (is_gone ? before->rules[i].position : after->rules[k].position));
		if (is_gone)
			put_whole(writer, subject, " removed");
		else
		{
			NamedRule	is = named_rule(after, k);

			if (is_new)
				put_added(writer, subject, rule_columns, &empty, &is);
			else
			{
				NamedRule	was = named_rule(before, i);

				if (!same_rule(&was, &is))
					put_changes(writer, subject, rule_columns, &was, &is, false);
			}
		}
		i += !is_new;
		k += !is_gone;
	}
}

void
gov_policy_diff(const GovPolicy *before, const GovPolicy *after, bool values, char *text, size_t size)
{
	Writer		writer = {.text = text, .size = size, .introduction = "", .values = values};

	text[0] = '\0';
	put_classes(&writer, before, after);
	put_rules(&writer, before, after);
	put_breakers(&writer, before, after);
	put_rates(&writer, before, after);
	if (writer.left_out > 0)
		snprintf(text + writer.used, size - writer.used, "%s%d %s",
				 writer.used > 0 ? "; and " : "", writer.left_out,
				 writer.used > 0 ? "more" : "differences");
}
