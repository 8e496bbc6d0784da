/*-------------------------------------------------------------------------
 *
 * guard.h
 *		The circuit breaker that guards a class: its logins and transactions.
 *
 * IDENTIFICATION
 *	  src/actors/guard.h
 *-------------------------------------------------------------------------
 */
#ifndef GOV_GUARD_H
#define GOV_GUARD_H

#include "core/core.h"

extern void gov_guard_install(void);

/*
 * The class of this backend enforces, and its login has a place: takes a
 * permit for the login if the breaker is not closed.  Refuses the login, with
 * FATAL 57P03, if there is none.
 */
extern void gov_guard_login(void);

/* Refuses a login because the breaker of its class is open: FATAL 57P03.  Does not return. */
extern void gov_guard_refuse_login(int class_id);

/*
 * A statement begins that may be the first of a transaction.  Raises 53400 if
 * the breaker lets no transaction through; does nothing inside one.
 */
extern void gov_guard_begin(void);

/* Whether nobody was asked for the present transaction. */
extern bool gov_guard_is_unasked(void);

/* The same for what runs inside a command that ends transactions itself: never raises. */
extern void gov_guard_begin_inside(void);

/* Something of the transaction is executed: only then its good end counts. */
extern void gov_guard_runs(void);

/* The error that was seen last was undone by ROLLBACK TO. */
extern void gov_guard_forget_error(void);

/*
 * The transaction that was let through does not begin after all, or not yet,
 * and says nothing about what it would have worked with: its permit is given
 * back, and gov_guard_begin() asks anew.  Never errors.
 */
extern void gov_guard_withdraw(void);

/* The transaction has ended; takes a lock for a moment, never errors. */
extern void gov_guard_end(bool committed);

/* The session ends, its slot is its own still. */
extern void gov_guard_at_exit(void);

#endif							/* GOV_GUARD_H */
