/*-------------------------------------------------------------------------
 *
 * session.h
 *		A session under fire: statement, rest, statement, rest, ...
 *
 * IDENTIFICATION
 *	  bench/hammer/session.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_SESSION_H
#define HAMMER_SESSION_H

#include "link.h"
#include "options.h"
#include "tally.h"

#define LOAD_ROLE	"hammer_load"

typedef enum SessionState
{
	SESSION_CLOSED,				/* may have a time to connect again */
	SESSION_CONNECTING,
	SESSION_PREPARING,
	SESSION_RESTING,
	SESSION_SENT,				/* waits for the answer */
	SESSION_BEFORE_SYNC,		/* piecewise: answered, and rests before it sends Sync */
	SESSION_SYNCING,			/* piecewise: waits for the answer to Sync */
} SessionState;

typedef struct Session
{
	Link		link;
	const char *dsn;
	Protocol	protocol;
	SessionState state;
	Step		step;			/* the next statement, or the one that was sent */
	bool		in_transaction; /* this round is one */
	bool		answered;		/* the statement that was sent has a result */
	bool		failed;			/* or an error */
	bool		stopping;
} Session;

/* Connects and goes on until it is stopped. */
extern void session_start(Session *session, const char *dsn, Protocol protocol);

/* Lets a statement that was sent be answered, and sends no other. */
extern void session_stop(Session *session);
extern bool session_is_stopped(const Session *session);

#endif							/* HAMMER_SESSION_H */
