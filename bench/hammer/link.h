/*-------------------------------------------------------------------------
 *
 * link.h
 *		One connection: made without blocking, and how it ended.
 *
 * IDENTIFICATION
 *	  bench/hammer/link.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_LINK_H
#define HAMMER_LINK_H

#include "loop.h"

#include <libpq-fe.h>

/* As SQLSTATE where the server's last word did not reach us. */
#define NO_CODE		"none"

typedef struct Link
{
	PGconn	   *connection;		/* NULL: closed */
	bool		open;			/* the login is through */
	char		code[6];		/* SQLSTATE of the FATAL that was read, or NO_CODE */
	Waiter		waiter;			/* its act is called for the login too: link_advance first */
} Link;

/* Before anything else. */
extern void link_init(Link *link, void (*act) (void *owner, bool ready), void *owner);

/* Begins to connect; user and name, if not NULL, override those of the dsn. */
extern void link_connect(Link *link, const char *dsn, const char *user, const char *name);

/* The same; host and port, if not NULL, override too. */
extern void link_connect_at(Link *link, const char *dsn, const char *user, const char *name,
							const char *host, const char *port);

/* Goes on with a login.  Returns false if it failed: then the link is closed. */
extern bool link_advance(Link *link);

/* What the connection goes over, for people: "IPv4, TLSv1.3". */
extern void link_describe(const Link *link, char *into, size_t size);

/* Why the last login failed. */
extern const char *link_failure(void);

/* Sends what libpq still has, and watches the socket accordingly. */
extern void link_flush(Link *link);

/* Reads what has come.  Returns false if the connection has ended. */
extern bool link_read(Link *link);

/* Remembers the SQLSTATE of a result that says that the session ends. */
extern void link_note_result(Link *link, const PGresult *result);

extern void link_close(Link *link);

/*
 * A connection for a few commands, by blocking calls.  Each returns the
 * result, which the caller clears, or gives up.
 */
extern PGconn *blocking_connect(const char *dsn, const char *name);
extern PGresult *blocking_query(PGconn *connection, const char *sql);
extern void blocking_run(PGconn *connection, const char *sql);

#endif							/* HAMMER_LINK_H */
