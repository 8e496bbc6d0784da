/*-------------------------------------------------------------------------
 *
 * rules.c
 *		Which class a session belongs to.
 *
 * Owns: nothing; pure.                   Runs in: every process.
 *
 * IDENTIFICATION
 *	  src/core/rules.c
 *-------------------------------------------------------------------------
 */
#include "core/rules.h"

#include <string.h>

/*
 * Matches in one pass and steps back only to the last %, so that no pattern
 * costs more than length(text) * length(pattern).
 */
bool
gov_rules_like(const char *text, const char *pattern)
{
	const char *after_percent = NULL;	/* pattern behind the last % */
	const char *retry_from = NULL;	/* text where that % ended its match */

	for (;;)
	{
		if (*pattern == '%')
		{
			after_percent = ++pattern;
			retry_from = text;
			continue;
		}
		if (*text == '\0')
			return *pattern == '\0';

		if (*pattern == '_')
		{
			pattern++;
			text++;
			continue;
		}
		if (*pattern != '\0')
		{
			/* an escape at the very end stands for itself; the table refuses it */
			const char *literal = (*pattern == '\\' && pattern[1]) ? pattern + 1 : pattern;

			if (*literal == *text)
			{
				pattern = literal + 1;
				text++;
				continue;
			}
		}

		/* no match here: let the last % take one byte more */
		if (after_percent == NULL)
			return false;
		pattern = after_percent;
		text = ++retry_from;
	}
}

bool
gov_rules_address_in(const GovAddress *address, const GovAddress *network)
{
	int			whole = network->bits / 8;
	int			rest = network->bits % 8;

	if (address->family == 0 || address->family != network->family)
		return false;
	if (memcmp(address->bytes, network->bytes, whole) != 0)
		return false;
	if (rest > 0)
	{
		uint8_t		mask = (uint8_t) (0xFF << (8 - rest));

		return (address->bytes[whole] & mask) == (network->bytes[whole] & mask);
	}
	return true;
}

static bool
same_name(const char *fact, const char *wanted)
{
	return fact != NULL && strcmp(fact, wanted) == 0;
}

/* In every column but membership. */
static bool
rule_matches(const GovRule *rule, const GovFacts *facts)
{
	const GovIdentity *identity = facts->identity;

	if ((rule->given & GOV_RULE_DATABASE) && !same_name(facts->database, rule->database))
		return false;
	if ((rule->given & GOV_RULE_APPLICATION_NAME) &&
		(facts->application_name == NULL ||
		 !gov_rules_like(facts->application_name, rule->application_name)))
		return false;
	if ((rule->given & GOV_RULE_CLIENT_ADDR) &&
		!gov_rules_address_in(&facts->client_addr, &rule->client_addr))
		return false;

	/* platform and function ask for an identity; a part that is absent is '' */
	if ((rule->given & (GOV_RULE_PLATFORM | GOV_RULE_FUNCTION)) &&
		(identity == NULL || !identity->present))
		return false;
	if ((rule->given & GOV_RULE_PLATFORM) && strcmp(identity->platform, rule->platform) != 0)
		return false;
	if ((rule->given & GOV_RULE_FUNCTION) && !gov_rules_like(identity->function, rule->function))
		return false;

	/* a name is judged here, membership is not */
	return !(rule->given & GOV_RULE_ROLE) || rule->role[0] == '+' ||
		same_name(facts->role, rule->role);
}

const char *
gov_rules_asks_membership(const GovRule *rule)
{
	return (rule->given & GOV_RULE_ROLE) && rule->role[0] == '+' ? rule->role + 1 : NULL;
}

int
gov_rules_next(const GovPolicy *policy, int from, const GovFacts *facts)
{
	for (int i = from; i < policy->nrules; i++)
	{
		if (rule_matches(&policy->rules[i], facts))
			return i;
	}
	return GOV_NO_RULE;
}

GovClassification
gov_rules_classify(const GovPolicy *policy, const GovFacts *facts)
{
	GovClassification result = {GOV_DEFAULT_CLASS, GOV_NO_RULE};

	for (int i = gov_rules_next(policy, 0, facts); i != GOV_NO_RULE;
		 i = gov_rules_next(policy, i + 1, facts))
	{
		const GovRule *rule = &policy->rules[i];
		const char *group = gov_rules_asks_membership(rule);

		if (group == NULL || (facts->role != NULL && facts->is_member != NULL &&
							  facts->is_member(group, facts->is_member_context)))
		{
			result.class_id = rule->class_id;
			result.position = rule->position;
			break;
		}
	}
	return result;
}

bool
gov_rules_may_rename(int class_id, bool has_identity, bool has_moved)
{
	return !has_moved && (class_id == GOV_DEFAULT_CLASS || !has_identity);
}

bool
gov_rules_accepts(int from_class, int to_class)
{
	return to_class == from_class || to_class != GOV_DEFAULT_CLASS;
}
