/*-------------------------------------------------------------------------
 *
 * relay.c
 *		Stands between a client and the server, and cuts what the client
 *		sends into parts that arrive one after the other.
 *
 * It cuts anywhere: between two messages, in a message, in the five bytes of
 * its header; over TLS in the middle of a record.  What the server sends
 * passes at once.
 *
 * IDENTIFICATION
 *	  bench/hammer/relay.c
 *-------------------------------------------------------------------------
 */
#include "relay.h"

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUFFER_SIZE		65536
#define HEADER			8		/* about the size of a message's or a record's */

/* What is on its way to one side. */
typedef struct Stream
{
	char		bytes[BUFFER_SIZE];
	size_t		from;
	size_t		until;			/* the end of the part that is being sent */
	size_t		end;
} Stream;

struct Relay
{
	Relay	   *before;			/* the one that was made before */
	Waiter		listener;
	Waiter		client;
	Waiter		server;
	int			client_fd;		/* -1: nobody is connected */
	int			server_fd;
	bool		server_ended;	/* all that it has said is in down */
	Usec		next_part;
	Usec		pause;
	Stream		up;				/* to the server */
	Stream		down;
	struct sockaddr_storage target;
	socklen_t	target_length;
	char		host[108];
	char		port[12];
};

static Relay *relays;			/* the last one that was made */
static char folder[64];
static int	nfiles;

static void
close_both(Relay *relay)
{
	if (relay->client_fd >= 0)
	{
		close(relay->client_fd);
		close(relay->server_fd);
	}
	relay->client_fd = relay->server_fd = -1;
	relay->client.fd = relay->server.fd = -1;
	relay->client.due = NEVER;
}

/* A socket from which nothing is wanted is not watched: it might have ended. */
static void
watch(Waiter *waiter, int fd, bool readable, bool writeable)
{
	waiter->events = (short) ((readable ? POLLIN : 0) | (writeable ? POLLOUT : 0));
	waiter->fd = waiter->events != 0 ? fd : -1;
}

static bool
is_empty(const Stream *stream)
{
	return stream->from == stream->end;
}

/* Chooses how much of what is there is the next part. */
static void
cut(Stream *stream)
{
	size_t		left = stream->end - stream->from;
	size_t		part = left;

	switch (chance_between(0, 3))
	{
		case 0:
			part = (size_t) chance_between(1, HEADER);
			break;
		case 1:
			part = (size_t) chance_between(1, (int64_t) left);
			break;
		default:
			break;
	}
	stream->until = stream->from + (part < left ? part : left);
}

/* Returns false if the socket has ended. */
static bool
fill(Stream *stream, int fd)
{
	ssize_t		n = recv(fd, stream->bytes, BUFFER_SIZE, 0);

	stream->from = stream->end = 0;
	if (n > 0)
		stream->end = (size_t) n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
drain(Stream *stream, int fd)
{
	while (stream->from < stream->until)
	{
		ssize_t		n = send(fd, stream->bytes + stream->from, stream->until - stream->from, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		stream->from += (size_t) n;
	}
	return true;
}

/* Moves what can be moved, and watches for what cannot. */
static void
move(Relay *relay)
{
	Stream	   *up = &relay->up;
	Stream	   *down = &relay->down;

	while (!is_empty(up) && clock_now() >= relay->next_part)
	{
		/* a server that does not read any more may have said something: wait for its end */
		if (!drain(up, relay->server_fd))
			up->from = up->until = up->end = 0;
		if (up->from < up->until)
			break;
		if (!is_empty(up))
		{
			cut(up);
			relay->next_part = clock_now() + chance_between(0, relay->pause);
		}
	}
	down->until = down->end;
	if (!drain(down, relay->client_fd) || (relay->server_ended && is_empty(down)))
	{
		close_both(relay);
		return;
	}
	relay->client.due = is_empty(up) ? NEVER : relay->next_part;
	watch(&relay->client, relay->client_fd, is_empty(up), !is_empty(down));
	watch(&relay->server, relay->server_fd, is_empty(down) && !relay->server_ended,
		  up->from < up->until && clock_now() >= relay->next_part);
	/* while it waits to send, the deadline has passed and means nothing */
	if (relay->server.events & POLLOUT)
		relay->client.due = NEVER;
}

static void
act_client(void *owner, bool ready)
{
	Relay	   *relay = owner;

	if (ready && is_empty(&relay->up))
	{
		if (!fill(&relay->up, relay->client_fd))
		{
			close_both(relay);
			return;
		}
		cut(&relay->up);
		relay->next_part = 0;
	}
	move(relay);
}

static void
act_server(void *owner, bool ready)
{
	Relay	   *relay = owner;

	if (ready && is_empty(&relay->down) && !fill(&relay->down, relay->server_fd))
		relay->server_ended = true;
	move(relay);
}

static void
prepare_socket(int fd)
{
	int			one = 1;

	(void) fcntl(fd, F_SETFL, O_NONBLOCK);
	/* each part by itself; fails on a unix socket */
	(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void
act_listener(void *owner, bool ready)
{
	Relay	   *relay = owner;
	int			fd = ready ? accept(relay->listener.fd, NULL, NULL) : -1;

	if (fd < 0)
		return;
	close_both(relay);
	relay->client_fd = fd;
	relay->server_fd = socket(relay->target.ss_family, SOCK_STREAM, 0);
	if (relay->server_fd < 0 ||
		connect(relay->server_fd, (struct sockaddr *) &relay->target, relay->target_length) != 0)
		die("a relay could not connect: %s", strerror(errno));
	prepare_socket(relay->client_fd);
	prepare_socket(relay->server_fd);
	relay->server_ended = false;
	relay->up.from = relay->up.until = relay->up.end = 0;
	relay->down = relay->up;
	move(relay);
}

/* Binds to an address of the same family, and says where that is. */
static void
find_place(Relay *relay, int fd)
{
	struct sockaddr_storage place = {.ss_family = relay->target.ss_family};
	socklen_t	length = sizeof(place);

	if (place.ss_family == AF_UNIX)
	{
		struct sockaddr_un *un = (struct sockaddr_un *) &place;

		if (folder[0] == '\0')
		{
			strcpy(folder, "/tmp/hammer-XXXXXX");
			if (mkdtemp(folder) == NULL)
				die("could not make a folder: %s", strerror(errno));
			/* also when the program gives up */
			(void) atexit(relay_clean_up);
		}
		snprintf(relay->host, sizeof(relay->host), "%s", folder);
		snprintf(relay->port, sizeof(relay->port), "%d", ++nfiles);
		length = sizeof(*un);
		snprintf(un->sun_path, sizeof(un->sun_path), "%s/.s.PGSQL.%s", folder, relay->port);
	}
	else if (place.ss_family == AF_INET6)
		((struct sockaddr_in6 *) &place)->sin6_addr = in6addr_loopback;
	else
		((struct sockaddr_in *) &place)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	if (bind(fd, (struct sockaddr *) &place, length) != 0 || listen(fd, 8) != 0 ||
		getsockname(fd, (struct sockaddr *) &place, &length) != 0)
		die("could not listen: %s", strerror(errno));
	if (place.ss_family == AF_UNIX)
		return;
	strcpy(relay->host, place.ss_family == AF_INET6 ? "::1" : "127.0.0.1");
	snprintf(relay->port, sizeof(relay->port), "%d",
			 ntohs(place.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &place)->sin6_port :
				   ((struct sockaddr_in *) &place)->sin_port));
}

static void
begin_to_wait(Relay *relay, Waiter *waiter, void (*act) (void *owner, bool ready))
{
	waiter->fd = -1;
	waiter->due = NEVER;
	waiter->act = act;
	waiter->owner = relay;
	loop_add(waiter);
}

Relay *
relay_make(int socket_of_client, Usec pause)
{
	Relay	   *relay = allocate(1, sizeof(*relay));
	int			fd;

	relay->client_fd = relay->server_fd = -1;
	relay->pause = pause;
	relay->target_length = sizeof(relay->target);
	if (getpeername(socket_of_client, (struct sockaddr *) &relay->target, &relay->target_length) != 0)
		die("could not find out where the server is: %s", strerror(errno));
	fd = socket(relay->target.ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		die("could not make a socket: %s", strerror(errno));
	find_place(relay, fd);
	(void) fcntl(fd, F_SETFL, O_NONBLOCK);

	begin_to_wait(relay, &relay->client, act_client);
	begin_to_wait(relay, &relay->server, act_server);
	begin_to_wait(relay, &relay->listener, act_listener);
	relay->listener.fd = fd;
	relay->listener.events = POLLIN;
	relay->before = relays;
	relays = relay;
	return relay;
}

const char *
relay_host(const Relay *relay)
{
	return relay->host;
}

const char *
relay_port(const Relay *relay)
{
	return relay->port;
}

void
relay_clean_up(void)
{
	char		path[sizeof(folder) + 32];

	for (Relay *relay = relays; relay != NULL; relay = relay->before)
		close_both(relay);
	if (folder[0] == '\0')
		return;
	for (int i = 1; i <= nfiles; i++)
	{
		snprintf(path, sizeof(path), "%s/.s.PGSQL.%d", folder, i);
		(void) unlink(path);
	}
	(void) rmdir(folder);
	folder[0] = '\0';
}
