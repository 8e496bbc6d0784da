/*-------------------------------------------------------------------------
 *
 * policy_check.h
 *		Whether bytes from somewhere are a policy that can be used.
 *
 * IDENTIFICATION
 *	  src/core/policy_check.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_POLICY_CHECK_H
#define GOV_POLICY_CHECK_H

#include "core/policy_data.h"

/*
 * Looks at a policy that was not compiled from the tables.  Returns NULL if
 * everything that the code relies on is true of it: counts and ids in range,
 * names with an end, values that the tables could hold.  Else says what is
 * not.  `size` is how many bytes there are: none behind them is looked at.
 */
extern const char *gov_policy_check(const GovPolicy *policy, size_t size);

/* Whether all settings of a breaker are in their ranges: core/breaker.c trusts them. */
extern bool gov_policy_check_breaker(const GovBreakerSettings *settings);

#endif							/* GOV_POLICY_CHECK_H */
