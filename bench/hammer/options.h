/*-------------------------------------------------------------------------
 *
 * options.h
 *		The command line of hammer.
 *
 * IDENTIFICATION
 *	  bench/hammer/options.h
 *-------------------------------------------------------------------------
 */
#ifndef HAMMER_OPTIONS_H
#define HAMMER_OPTIONS_H

#include "basics.h"

#define MAX_TRANSPORTS	8
#define NAME_SIZE		24

/* How sessions connect. */
typedef struct Transport
{
	char		name[NAME_SIZE];
	const char *dsn;
} Transport;

/* How statements are sent. */
typedef enum Protocol
{
	PROTOCOL_SIMPLE,
	PROTOCOL_EXTENDED,
	PROTOCOL_PREPARED,
	PROTOCOL_PIECEWISE,			/* extended, and a rest between Execute and Sync */
	PROTOCOL_PIPELINE,			/* several statements in flight, then a Sync */
	PROTOCOL_SYNCS,				/* several of them in flight, each with its Sync */
	PROTOCOL_COPY_IN,
	PROTOCOL_COPY_OUT,
	PROTOCOL_FASTPATH,			/* function calls */
	PROTOCOL_CURSOR,
	PROTOCOL_PARTS,				/* simple, through a relay that cuts the stream into parts */
	PROTOCOL_COUNT,
} Protocol;

/* How sessions are asked to end. */
typedef enum Way
{
	WAY_RECLAIM,				/* governor.reclaim() on every session */
	WAY_TERMINATE,				/* pg_terminate_backend() in the query that finds the idle ones */
	WAY_TERMINATE_LIST,			/* a query lists the idle ones, a second one ends them */
	WAY_NOBODY,					/* only by the timeouts of the class */
} Way;

typedef struct Options
{
	const char *dsn;			/* a superuser's */
	Transport	transports[MAX_TRANSPORTS];
	int			ntransports;
	int			sessions;		/* of each transport and protocol */
	int			askers;
	bool		overlap;		/* every asker asks every session */
	Way			way;
	long		requests;
	Usec		idle_timeout;	/* of the class; 0: none */
	Usec		idle_in_transaction_timeout;
	Usec		rest;			/* rests last from 0 to this */
	Protocol	protocols[PROTOCOL_COUNT];
	int			nprotocols;
	int			transactions;	/* percent of rounds that are a transaction of several statements */
	int			long_statements;	/* percent of statements that are long */
	Usec		give_up;
	uint64_t	seed;
	bool		expect_clean;
	bool		keep;
	bool		progress;
} Options;

extern Options options;

/* Whether pg_governor takes part at all. */
extern bool options_governed(void);

extern const char *protocol_name(Protocol protocol);
extern const char *way_name(Way way);

extern void options_parse(int argc, char **argv);

#endif							/* HAMMER_OPTIONS_H */
