/*-------------------------------------------------------------------------
 *
 * script.h
 *		A list of statements that a session runs one after another.
 *
 * {A..B} in a statement becomes a random integer from A to B each time it
 * runs: a literal in the simple protocol, a parameter in the others.
 *
 * IDENTIFICATION
 *	  bench/fleet/script.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef FLEET_SCRIPT_H
#define FLEET_SCRIPT_H

#include "basics.h"

#include <libpq-fe.h>

typedef enum Protocol
{
	PROTOCOL_SIMPLE,			/* a Query message */
	PROTOCOL_EXTENDED,			/* Parse, Bind, Execute each time */
	PROTOCOL_PREPARED,			/* Parse once for each connection */
} Protocol;

/* Statements of all scripts together: a connection notes in 64 bits which it prepared. */
#define SCRIPT_MAX_STATEMENTS	64
#define SCRIPT_MAX_PLACEHOLDERS	16

typedef struct Range
{
	int64_t		low;
	int64_t		high;
} Range;

typedef struct Statement
{
	int			number;			/* unique in the program; names the prepared statement */
	char	   *text;			/* as given */
	char	   *numbered;		/* with $1, $2, ... for the placeholders */
	char	   *pieces[SCRIPT_MAX_PLACEHOLDERS + 1];	/* between the placeholders */
	Range		ranges[SCRIPT_MAX_PLACEHOLDERS];
	int			placeholders;
} Statement;

typedef struct Script
{
	Statement  *statements;
	int			length;
} Script;

/*
 * Adds SQL, or with @FILE the statements of a file: each ends with a semicolon
 * at the end of a line; lines that begin with -- are left out.  Returns NULL,
 * or why it cannot be added.
 */
extern const char *script_add(Script *script, const char *argument);

/* Adds the statements of from that do not control transactions. */
extern const char *script_add_work_of(Script *script, const Script *from);

extern void script_free(Script *script);

/* Both return what the libpq function returned: 1 = sent. */
extern int	script_send(const Script *script, int step, PGconn *connection,
						Protocol protocol, Chance *chance);
extern int	script_send_prepare(const Script *script, int step, PGconn *connection);

#endif							/* FLEET_SCRIPT_H */
