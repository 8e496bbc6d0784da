/*-------------------------------------------------------------------------
 *
 * breakers.h
 *		The circuit breakers and rate limits that all sessions share.
 *
 * Each has a lock of its own, and nothing here is transactional: a report is
 * not undone by a rollback.  They are named by the number that they have in
 * the policy in force.  Numbers change with policies, so callers say the name
 * too: where the number is another one's by now, nothing is done, and false
 * returned: look the name up again (gov_policy_find_breaker).  Transitions
 * are noted as events by whoever makes them.
 *
 * IDENTIFICATION
 *	  src/state/breakers.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_BREAKERS_H
#define GOV_BREAKERS_H

#include "core/breaker.h"
#include "core/policy_data.h"

extern void gov_breakers_request_locks(void);
extern Size gov_breakers_shmem_size(void);
extern void gov_breakers_shmem_attach(void *memory, bool is_new);
extern Size gov_breakers_guards_shmem_size(void);
extern void gov_breakers_guards_shmem_attach(void *memory, bool is_new);

/*
 * Gives every breaker and rate limit its settings of a new policy.  Those of
 * names that were there before keep their state.  Caller holds the policy lock
 * exclusively.
 */
extern void gov_breakers_install(const GovPolicy *policy);

/* Asks for a call: *permit is its number, or 0 if it is refused; then *retry_after says when to ask again. */
extern bool gov_breakers_allow(int number, const char *name, int64 *permit, GovTime *retry_after);

/* Reports a call; see gov_breaker_record(). */
extern bool gov_breakers_record(int number, const char *name, int64 permit, bool success, GovTime duration);

/* Enters a state by hand. */
extern bool gov_breakers_force(int number, const char *name, GovBreakerState state);

/* What a breaker is like now; false if the number is nobody's. */
extern bool gov_breakers_report(int number, char *name, GovBreakerReport *report);

/* How many numbers there are, at most. */
extern int	gov_breakers_count(void);

/*
 * The breaker of a class, for its own transactions and logins.  A number that
 * has become another's meanwhile does no harm: its permits match nothing there.
 */

/* Its number, or GOV_NO_BREAKER; and the class's own mode.  Takes no lock. */
extern int	gov_breakers_of_class(int class_id, GovMode *mode);

/* Whether it refuses nobody, as far as is known.  Takes no lock. */
extern bool gov_breakers_lets_all_through(int number);

/* Until when the breaker of a class is known to refuse everybody; 0: it may let somebody through.  Takes no lock. */
extern GovTime gov_breakers_refuses_until(int class_id);

/*
 * The same as gov_breakers_allow(), and the breaker's name, size GOV_NAME_SIZE;
 * false: it is gone.
 */
extern bool gov_breakers_allow_work(int number, char *name, int64 *permit, GovTime *retry_after);

/*
 * Reports a transaction that was allowed.  sqlstate: of the error that ended
 * it, or NULL.  cut: it did not come to its end; then it says nothing, and its
 * permit is given back, unless the error is a failure.
 */
extern void gov_breakers_record_work(int number, int64 permit, const char *sqlstate,
									 bool by_statement_timeout, bool cut, GovTime duration);

/* Gives back a permit that was not used.  Never errors. */
extern void gov_breakers_give_back(int number, int64 permit);

/* What a call of a rate limit came to. */
typedef struct GovRateTaken
{
	bool		granted;
	int64		remaining;		/* that could be taken now */
	GovTime		retry_after;	/* until as many can be; GOV_NEVER: more than it ever grants at once */
} GovRateTaken;

/* Takes so many, 0 or more, if that is possible now. */
extern bool gov_rates_take(int number, const char *name, int64 amount, GovRateTaken *taken);

#endif							/* GOV_BREAKERS_H */
