/*-------------------------------------------------------------------------
 *
 * caller.c
 *		Function calls by the fastpath protocol.
 *
 * IDENTIFICATION
 *	  bench/hammer/caller.c
 *-------------------------------------------------------------------------
 */
#include "caller.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct Caller
{
	int			begin;			/* an eventfd: there is something to do */
	int			over;			/* another: it is done */
	PGconn	   *connection;
	Oid			function;
	int			arguments[2];
	PGresult   *result;
};

static void
tell(int fd)
{
	uint64_t	one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		die("could not wake a thread: %s", strerror(errno));
}

static void
await(int fd)
{
	uint64_t	number;

	while (read(fd, &number, sizeof(number)) != sizeof(number))
	{
		if (errno != EINTR)
			die("could not wait for a thread: %s", strerror(errno));
	}
}

static void *
serve(void *argument)
{
	Caller	   *caller = argument;

	for (;;)
	{
		PQArgBlock	arguments[2];
		int			value;
		int			length;

		await(caller->begin);
		for (int i = 0; i < 2; i++)
		{
			arguments[i].len = sizeof(int);
			arguments[i].isint = 1;
			arguments[i].u.integer = caller->arguments[i];
		}
		caller->result = PQfn(caller->connection, (int) caller->function, &value, &length, 1,
							  arguments, 2);
		tell(caller->over);
	}
	return NULL;
}

Caller *
caller_make(void)
{
	Caller	   *caller = allocate(1, sizeof(*caller));
	pthread_t	thread;

	caller->begin = eventfd(0, 0);
	caller->over = eventfd(0, 0);
	if (caller->begin < 0 || caller->over < 0)
		die("could not make an eventfd: %s", strerror(errno));
	if (pthread_create(&thread, NULL, serve, caller) != 0 || pthread_detach(thread) != 0)
		die("could not start a thread");
	return caller;
}

int
caller_begin(Caller *caller, PGconn *connection, Oid function, int first, int second)
{
	caller->connection = connection;
	caller->function = function;
	caller->arguments[0] = first;
	caller->arguments[1] = second;
	tell(caller->begin);
	return caller->over;
}

PGresult *
caller_result(Caller *caller)
{
	await(caller->over);
	return caller->result;
}
