/*-------------------------------------------------------------------------
 *
 * policy_data.h
 *		The policy as data: classes, rules, breakers and rate limits, compiled
 *		from the tables.
 *
 * A policy is one flat value without pointers: it is copied as a whole into
 * shared memory, out of it, and to a file.  Only what is in use is copied, see
 * gov_policy_data_size().
 *
 * IDENTIFICATION
 *	  src/core/policy_data.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_POLICY_DATA_H
#define GOV_POLICY_DATA_H

#include "core/breaker.h"
#include "core/core.h"
#include "core/window.h"

#include <string.h>

#define GOV_MAX_CLASSES		64
#define GOV_MAX_RULES		256
#define GOV_MAX_BREAKERS	256		/* and as many rate limits; governor.max_breakers may allow fewer */
#define GOV_PATTERN_SIZE	128		/* a LIKE pattern of a rule, with its NUL */
#define GOV_SETTINGS_SIZE	1002	/* 1000 bytes with a separator between each two; and the end */

/* The class of whoever no rule matches; it exists in every policy. */
#define GOV_DEFAULT_CLASS	0
#define GOV_DEFAULT_CLASS_NAME	"default"
#define GOV_NO_CLASS		(-1)
#define GOV_NO_RULE			(-1)
#define GOV_NO_BREAKER		(-1)

/* Ordered by strength: the mode in force for a class is the smaller of two. */
typedef enum GovMode
{
	GOV_MODE_OFF,
	GOV_MODE_OBSERVE,
	GOV_MODE_ENFORCE,
} GovMode;

/* The thresholds of one class; a timeout that is not set is GOV_NEVER. */
typedef struct GovClass
{
	bool		used;			/* this id names a class */
	char		name[GOV_NAME_SIZE];
	GovMode		mode;			/* GOV_MODE_ENFORCE where the table has NULL */
	int32_t		max_sessions;	/* 0: no cap */
	int32_t		reserved_sessions;
	int32_t		queue_limit;
	int32_t		keep_warm;
	bool		paused;
	GovTime		queue_timeout;
	GovTime		evict_after;	/* GOV_NEVER: nobody is evicted */
	GovLimits	connect_rate;
	int32_t		max_active;		/* transactions that run; 0: no gate */
	GovTime		gate_timeout;
	double		reclaim_rate;	/* ends per second; 0: no limit */
	GovTime		idle_timeout;
	GovTime		idle_timeout_floor; /* GOV_NEVER: no scaling */
	GovTime		idle_in_transaction_timeout;
	GovTime		idle_blocker_timeout;
	GovTime		transaction_timeout;
	GovTime		max_lifetime;
	GovTime		unresponsive_timeout;
	int32_t		sessions_per_instance;	/* 0: no limit */
	char		breaker[GOV_NAME_SIZE]; /* that guards it; '': none */
	char		settings[GOV_SETTINGS_SIZE];	/* `name=value`s, each with its NUL; '' ends them */
} GovClass;

typedef struct GovAddress
{
	uint8_t		family;			/* 0: none, 4, 6 */
	uint8_t		bits;			/* prefix length; of an address 32 or 128 */
	uint8_t		bytes[16];
} GovAddress;

/* Which columns of a rule are given; a column that is NULL matches all. */
typedef enum GovRuleColumn
{
	GOV_RULE_ROLE = 1 << 0,
	GOV_RULE_DATABASE = 1 << 1,
	GOV_RULE_APPLICATION_NAME = 1 << 2,
	GOV_RULE_CLIENT_ADDR = 1 << 3,
	GOV_RULE_PLATFORM = 1 << 4,
	GOV_RULE_FUNCTION = 1 << 5,
} GovRuleColumn;

#define GOV_RULE_ALL	((1 << 6) - 1)	/* all of them */

/* One line of governor.rules that is enabled. */
typedef struct GovRule
{
	int32_t		position;
	int32_t		class_id;
	uint32_t	given;			/* GovRuleColumn bits */
	GovAddress	client_addr;
	char		role[GOV_NAME_SIZE + 1];	/* `name`, or `+name`: members of it */
	char		database[GOV_NAME_SIZE];
	char		platform[GOV_NAME_SIZE];
	char		application_name[GOV_PATTERN_SIZE];
	char		function[GOV_PATTERN_SIZE];
} GovRule;

/* A row of governor.rate_settings. */
typedef struct GovRate
{
	bool		used;
	char		name[GOV_NAME_SIZE];
	char		role[GOV_NAME_SIZE];	/* who may take; '': everyone */
	GovLimits	limits;
} GovRate;

typedef struct GovPolicy
{
	uint64_t	generation;
	int32_t		nrules;
	GovClass	classes[GOV_MAX_CLASSES];	/* indexed by class id, with holes */
	GovBreakerSettings breakers[GOV_MAX_BREAKERS];	/* the same */
	GovRate		rates[GOV_MAX_BREAKERS];
	GovRule		rules[GOV_MAX_RULES];	/* by position */
} GovPolicy;

/* The bytes of a policy that are in use. */
static inline size_t
gov_policy_data_size(const GovPolicy *policy)
{
	return offsetof(GovPolicy, rules) + (size_t) policy->nrules * sizeof(GovRule);
}

/* The number of a breaker, or of a rate limit; GOV_NO_BREAKER if there is none of that name. */
static inline int
gov_policy_breaker_named(const GovPolicy *policy, const char *name)
{
	for (int id = 0; id < GOV_MAX_BREAKERS; id++)
	{
		if (policy->breakers[id].used && strcmp(policy->breakers[id].name, name) == 0)
			return id;
	}
	return GOV_NO_BREAKER;
}

static inline int
gov_policy_rate_named(const GovPolicy *policy, const char *name)
{
	for (int id = 0; id < GOV_MAX_BREAKERS; id++)
	{
		if (policy->rates[id].used && strcmp(policy->rates[id].name, name) == 0)
			return id;
	}
	return GOV_NO_BREAKER;
}

#endif							/* GOV_POLICY_DATA_H */
