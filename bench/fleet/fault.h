/*-------------------------------------------------------------------------
 *
 * fault.h
 *		Why something failed: an SQLSTATE, or a word of ours where none came.
 *
 * IDENTIFICATION
 *	  bench/fleet/fault.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_FAULT_H
#define FLEET_FAULT_H

#include "basics.h"

#include <libpq-fe.h>

/*
 * What stands in the place of an SQLSTATE when the server sent none.  They are
 * the codes in CSV and JSON; fault_label has the words for people.
 */
#define FAULT_LOST			"lost"	/* the connection broke without a word */
#define FAULT_UNREACHABLE	"unreachable"	/* not even a socket: refused, backlog full */
#define FAULT_NO_LOGIN		"no_login"	/* time was over while connecting */
#define FAULT_NO_ANSWER		"no_answer" /* time was over while a statement ran */

typedef struct Fault
{
	char		code[16];		/* empty: no fault */
	char		message[240];
} Fault;

extern void fault_clear(Fault *fault);
extern void fault_set(Fault *fault, const char *code, const char *message);
extern bool fault_is_set(const Fault *fault);

/* From an error or a notice; keeps DETAIL. */
extern void fault_from_result(Fault *fault, const PGresult *result);

/*
 * From PQerrorMessage of a failed connect, written with PQERRORS_VERBOSE: there
 * is no PGresult then and the text is the only place of the SQLSTATE.  Takes
 * otherwise as the code if there is none.
 */
extern void fault_from_text(Fault *fault, const char *text, const char *otherwise);

/*
 * Is it the server's last word in this session?  FATAL and PANIC are, and the
 * WARNING that a backend sends when the server crashes or stops at once.
 */
extern bool fault_ends_session(const PGresult *result);

extern const char *fault_label(const char *code);

#endif							/* FLEET_FAULT_H */
