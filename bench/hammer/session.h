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

#include "caller.h"
#include "cell.h"
#include "link.h"
#include "relay.h"
#include "round.h"

typedef enum SessionState
{
	SESSION_CLOSED,				/* may have a time to connect again */
	SESSION_CONNECTING,
	SESSION_PREPARING,
	SESSION_RESTING,
	SESSION_SENT,				/* waits for the answer */
	SESSION_CALLING,			/* its thread does */
	SESSION_COPYING_IN,			/* rests before it sends more rows */
	SESSION_COPYING_OUT,		/* takes rows, and rests in between */
	SESSION_BEFORE_SYNC,		/* piecewise: answered, and rests before it sends Sync */
	SESSION_SYNCING,			/* piecewise: waits for the answer to Sync */
} SessionState;

typedef struct Session
{
	Link		link;
	Cell	   *cell;
	Caller	   *caller;			/* PROTOCOL_FASTPATH only */
	Relay	   *relay;			/* PROTOCOL_PARTS only */
	SessionState state;
	Round		round;
	int			at;				/* the next statement, or the first that is in flight */
	int			rows;			/* of a COPY: still to send, or that came */
	bool		begun;			/* a part of the answer has come */
	bool		answered;		/* a result has */
	bool		failed;			/* or an error */
	bool		stopping;
} Session;

/* Connects and goes on until it is stopped. */
extern void session_start(Session *session, Cell *cell);

/* Lets a statement that was sent be answered, and sends no other. */
extern void session_stop(Session *session);
extern bool session_is_stopped(const Session *session);

#endif							/* HAMMER_SESSION_H */
