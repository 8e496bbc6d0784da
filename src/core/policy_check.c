/*-------------------------------------------------------------------------
 *
 * policy_check.c
 *		Whether bytes from somewhere are a policy that can be used.
 *
 * Owns: nothing; pure.                   Runs in: the postmaster.
 *
 * IDENTIFICATION
 *	  src/core/policy_check.c
 *-------------------------------------------------------------------------
 */
#include "core/policy_check.h"

#include <math.h>
#include <string.h>

#define MOST_SESSIONS	262143	/* as in the tables */
#define LARGEST_RATE	100000.0
#define MOST_CALLS		1000000

/* A string that ends within its array and is not empty. */
static bool
is_name(const char *text, size_t size)
{
	return text[0] != '\0' && memchr(text, '\0', size) != NULL;
}

/* A string that ends within its array; empty if it is not given. */
static bool
is_text(const char *text, size_t size, bool given)
{
	return memchr(text, '\0', size) != NULL && (given || text[0] == '\0');
}

/* As a byte: a bool of another value than 0 or 1 must not be read as one. */
static bool
is_used(const bool *value, bool *used)
{
	unsigned char byte;

	memcpy(&byte, value, 1);
	*used = byte == 1;
	return byte <= 1;
}

/* The same for a value that may be none of its enum. */
static bool
is_mode(const GovClass *class)
{
	unsigned int mode;

	_Static_assert(sizeof(mode) == sizeof(class->mode), "an enum is as wide as an int");
	memcpy(&mode, &class->mode, sizeof(mode));
	return mode <= GOV_MODE_ENFORCE;
}

/* Strings one behind the other, ended by an empty one, all within the array. */
static bool
is_list(const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end && *text != '\0')
	{
		text = memchr(text, '\0', end - text);
		if (text == NULL)
			return false;
		text++;
	}
	return text < end;
}

/* As window.c needs them; those that are not there are zero, as policies are compared as bytes. */
static bool
is_limits(const GovLimits *limits)
{
	if (limits->n < 0 || limits->n > GOV_WINDOW_LIMITS)
		return false;
	for (int i = 0; i < GOV_WINDOW_LIMITS; i++)
	{
		const GovLimit *limit = &limits->limits[i];
		bool		good = limit->count >= 1 && limit->count <= 1000000 &&
			limit->period >= GOV_MSEC && limit->period <= INT64_C(99999) * 3600 * GOV_SECOND;
		bool		none = limit->count == 0 && limit->period == 0;

		if (i < limits->n ? !good : !none)
			return false;
	}
	return true;
}

/* As a byte: see is_used(). */
static bool
is_bool(const bool *value)
{
	unsigned char byte;

	memcpy(&byte, value, 1);
	return byte <= 1;
}

static bool
is_percentage(double rate)
{
	return rate > 0 && rate <= 100;
}

/* The other way round for a value that may be none of its enum: see is_mode(). */
static bool
is_window(const GovBreakerSettings *settings)
{
	unsigned int type;

	_Static_assert(sizeof(type) == sizeof(settings->window_type), "an enum is as wide as an int");
	memcpy(&type, &settings->window_type, sizeof(type));
	return type <= GOV_BREAKER_WINDOW_TIME && settings->window_size >= 1 &&
		settings->window_size <= (type == GOV_BREAKER_WINDOW_COUNT ? GOV_BREAKER_CALLS : GOV_BREAKER_SECONDS);
}

bool
gov_policy_check_breaker(const GovBreakerSettings *settings)
{
	if (settings->nsqlstates < 0 || settings->nsqlstates > GOV_BREAKER_SQLSTATES)
		return false;
	for (int i = 0; i < GOV_BREAKER_SQLSTATES; i++)
	{
		if (!is_text(settings->sqlstates[i], GOV_BREAKER_SQLSTATE_SIZE, i < settings->nsqlstates))
			return false;
	}
	return is_name(settings->name, sizeof(settings->name)) &&
		is_text(settings->role, sizeof(settings->role), true) &&
		is_window(settings) &&
		settings->minimum_calls >= 1 && settings->minimum_calls <= MOST_CALLS &&
		settings->half_open_calls >= 1 && settings->half_open_calls <= GOV_BREAKER_PERMITS &&
		is_percentage(settings->failure_rate) && is_percentage(settings->slow_call_rate) &&
		settings->slow_call_duration > 0 && settings->open_for > 0 && settings->half_open_timeout > 0;
}

static bool
is_rate(const GovRate *rate)
{
	return is_name(rate->name, sizeof(rate->name)) &&
		is_text(rate->role, sizeof(rate->role), true) &&
		is_limits(&rate->limits) && rate->limits.n > 0;
}

static bool
is_class(const GovClass *class)
{
	return is_name(class->name, sizeof(class->name)) &&
		is_mode(class) &&
		class->max_sessions >= 0 && class->max_sessions <= MOST_SESSIONS &&
		class->reserved_sessions >= 0 && class->reserved_sessions <= MOST_SESSIONS &&
		class->queue_limit >= 0 && class->queue_limit <= MOST_SESSIONS &&
		class->queue_timeout >= 0 && class->evict_after >= 0 &&
		class->max_active >= 0 && class->max_active <= MOST_SESSIONS && class->gate_timeout >= 0 &&
		is_limits(&class->connect_rate) && is_bool(&class->paused) &&
		is_text(class->breaker, sizeof(class->breaker), true) &&
		class->keep_warm >= 0 && class->keep_warm <= MOST_SESSIONS &&
		isfinite(class->reclaim_rate) &&
		class->reclaim_rate >= 0 && class->reclaim_rate <= LARGEST_RATE &&
		class->idle_timeout > 0 && class->idle_timeout_floor > 0 &&
		class->idle_in_transaction_timeout > 0 && class->idle_blocker_timeout > 0 &&
		class->max_lifetime > 0 && class->unresponsive_timeout > 0 &&
		class->sessions_per_instance >= 0 && class->sessions_per_instance <= MOST_SESSIONS &&
		class->transaction_timeout > 0 && is_list(class->settings, sizeof(class->settings));
}

static bool
is_network(const GovAddress *address, bool given)
{
	if (!given)
		return address->family == 0;
	return (address->family == 4 && address->bits <= 32) ||
		(address->family == 6 && address->bits <= 128);
}

static bool
is_rule(const GovRule *rule)
{
	return rule->position >= 0 &&
		rule->class_id >= 0 && rule->class_id < GOV_MAX_CLASSES &&
		rule->given <= GOV_RULE_ALL &&
		is_text(rule->role, sizeof(rule->role), rule->given & GOV_RULE_ROLE) &&
		is_text(rule->database, sizeof(rule->database), rule->given & GOV_RULE_DATABASE) &&
		is_text(rule->application_name, sizeof(rule->application_name),
				rule->given & GOV_RULE_APPLICATION_NAME) &&
		is_text(rule->platform, sizeof(rule->platform), rule->given & GOV_RULE_PLATFORM) &&
		is_text(rule->function, sizeof(rule->function), rule->given & GOV_RULE_FUNCTION) &&
		is_network(&rule->client_addr, rule->given & GOV_RULE_CLIENT_ADDR);
}

static bool
has_twin(const GovPolicy *policy, int id)
{
	for (int other = 0; other < id; other++)
	{
		if (policy->classes[other].used &&
			strcmp(policy->classes[other].name, policy->classes[id].name) == 0)
			return true;
	}
	return false;
}

const char *
gov_policy_check(const GovPolicy *policy, size_t size)
{
	if (size < offsetof(GovPolicy, rules))
		return "it is too short";
	if (policy->nrules < 0 || policy->nrules > GOV_MAX_RULES)
		return "the number of its rules is out of range";
	if (size != gov_policy_data_size(policy))
		return "its size does not fit the number of its rules";
	/* bigint in SQL, and it goes on counting */
	if (policy->generation == 0 || policy->generation > INT64_MAX / 2)
		return "its generation is out of range";

	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		bool		used;

		if (!is_used(&policy->classes[id].used, &used) || (used && !is_class(&policy->classes[id])))
			return "a class in it is malformed";
		if (used && has_twin(policy, id))
			return "two classes in it have the same name";
	}
	if (!policy->classes[GOV_DEFAULT_CLASS].used ||
		strcmp(policy->classes[GOV_DEFAULT_CLASS].name, GOV_DEFAULT_CLASS_NAME) != 0)
		return "it has no class \"default\"";

	for (int id = 0; id < GOV_MAX_BREAKERS; id++)
	{
		bool		used;

		if (!is_used(&policy->breakers[id].used, &used) || (used && !gov_policy_check_breaker(&policy->breakers[id])))
			return "a circuit breaker in it is malformed";
		if (!is_used(&policy->rates[id].used, &used) || (used && !is_rate(&policy->rates[id])))
			return "a rate limit in it is malformed";
	}
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &policy->classes[id];

		if (class->used && class->breaker[0] != '\0' &&
			gov_policy_breaker_named(policy, class->breaker) == GOV_NO_BREAKER)
			return "a class in it names a circuit breaker that is not there";
	}

	for (int i = 0; i < policy->nrules; i++)
	{
		const GovRule *rule = &policy->rules[i];

		if (!is_rule(rule) || !policy->classes[rule->class_id].used)
			return "a rule in it is malformed";
		if (i > 0 && rule->position <= policy->rules[i - 1].position)
			return "its rules are not in order";
	}
	return NULL;
}
