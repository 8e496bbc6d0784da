/*-------------------------------------------------------------------------
 *
 * wire.h
 *		One asynchronous connection to the server, and the script on it.
 *
 * IDENTIFICATION
 *	  bench/fleet/wire.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_WIRE_H
#define FLEET_WIRE_H

#include "fault.h"
#include "loop.h"
#include "script.h"

typedef enum WireState
{
	WIRE_CLOSED,
	WIRE_CONNECTING,
	WIRE_IDLE,
	WIRE_BUSY,
	WIRE_FROZEN,				/* open, but nobody reads or writes */
} WireState;

typedef enum WireLoss
{
	WIRE_LOST_RESTING,			/* seen by reading while idle */
	WIRE_LOST_AT_USE,			/* seen when used after a rest, nothing answered yet */
	WIRE_LOST_WORKING,			/* in the middle of work, or fresh from login */
} WireLoss;

/*
 * What a wire tells its owner.  Each is the last thing the wire does, so an
 * owner may at once reopen, run, freeze or close it, or free its memory.
 * After refused and lost the wire is closed.  wire_open and wire_run may call
 * refused and lost before they return.
 */
typedef struct WireOwner
{
	void		(*connected) (void *owner);
	void		(*refused) (void *owner, const Fault *fault);
	/* The script is over: fault is NULL, or the error that ended it. */
	void		(*done) (void *owner, const Fault *fault);
	void		(*lost) (void *owner, const Fault *fault, WireLoss loss);
} WireOwner;

typedef struct Wire
{
	const WireOwner *calls;
	void	   *owner;
	Chance	   *chance;			/* for the placeholders of scripts */
	Protocol	protocol;

	WireState	state;
	PGconn	   *connection;		/* NULL exactly if closed */
	Watch		watch;
	bool		reached;		/* the socket was established once */
	bool		rested;			/* a script was finished on this connection */
	uint64_t	prepared;		/* bit = Statement.number */

	const Script *script;		/* while busy */
	int			step;
	bool		preparing;		/* the message under way is a Parse of step */
	bool		mending;		/* it is our ROLLBACK after an error */
	bool		answered;		/* the server answered something in this script */
	Fault		fault;			/* the first one in this script */
	Fault		last_word;		/* the FATAL that ended the session */
} Wire;

extern void wire_init(Wire *wire, const WireOwner *calls, void *owner,
					  Protocol protocol, Chance *chance);

/* The wire is closed. */
extern void wire_open(Wire *wire, const char *dsn, const char *application_name);

/* The wire is idle. */
extern void wire_run(Wire *wire, const Script *script);

/* The wire is idle: from now on its socket is neither read nor written. */
extern void wire_freeze(Wire *wire);

/*
 * The wire is frozen: it reads what came in meanwhile.  True: as far as it can
 * tell the session lives, and the wire is idle.  False: the wire is closed and
 * fault says why.  Calls nothing of the owner.
 */
extern bool wire_thaw(Wire *wire, Fault *fault);

/* Says goodbye (Terminate) if connected; harmless if closed. */
extern void wire_close(Wire *wire);

/* Dies: the server sees the end of the stream without a Terminate. */
extern void wire_drop(Wire *wire);

#endif							/* FLEET_WIRE_H */
