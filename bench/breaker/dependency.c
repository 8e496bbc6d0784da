/*-------------------------------------------------------------------------
 *
 * dependency.c
 *		What functions depend on: a server on 127.0.0.1, in a process of its own,
 *		that fails when it is told to.
 *
 * The two processes share one page: the phase, which the parent writes, and
 * the counts, which the child does.
 *
 * IDENTIFICATION
 *	  bench/breaker/dependency.c
 *-------------------------------------------------------------------------
 */
#include "dependency.h"
#include "loop.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Shared
{
	_Atomic int phase;
	_Atomic uint64_t calls[PHASE_COUNT];
} Shared;

/* A connection of a caller; its waiter stays in the loop when it is over, for the next one. */
typedef struct Peer
{
	Waiter		waiter;
	struct Peer *next_free;
} Peer;

static Shared *shared;
static struct sockaddr_in address;
static pid_t child;
static Waiter listener;
static Peer *free_peers;

static void
hang_up(Peer *peer)
{
	close(peer->waiter.fd);
	peer->waiter.fd = -1;
	peer->next_free = free_peers;
	free_peers = peer;
}

/* A call has come: always whole, since it is so short and nothing is sent before its answer. */
static void
answer(void *owner, bool ready)
{
	Peer	   *peer = owner;
	char		line[64];
	const char *reply = OK_LINE;
	ssize_t		got;
	Phase		phase = shared->phase;
	uint64_t	number;

	(void) ready;
	got = recv(peer->waiter.fd, line, sizeof(line), MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
	{
		hang_up(peer);
		return;
	}
	number = atomic_fetch_add(&shared->calls[phase], 1);
	if (phase == PHASE_DOWN)
		reply = number % 2 == 0 ? ERROR_LINE : NULL;
	if (reply != NULL && send(peer->waiter.fd, reply, strlen(reply), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		hang_up(peer);
}

static void
take_caller(void *owner, bool ready)
{
	int			fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int			on = 1;
	Peer	   *peer = free_peers;

	(void) owner;
	(void) ready;
	if (fd < 0)
		return;
	(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (peer != NULL)
		free_peers = peer->next_free;
	else
	{
		peer = allocate(1, sizeof(Peer));
		peer->waiter.due = NEVER;
		peer->waiter.events = POLLIN;
		peer->waiter.act = answer;
		peer->waiter.owner = peer;
		loop_add(&peer->waiter);
	}
	peer->waiter.fd = fd;
}

static void
serve(void)
{
	program = "dependency";
	(void) prctl(PR_SET_PDEATHSIG, SIGTERM);
	listener.events = POLLIN;
	listener.due = NEVER;
	listener.act = take_caller;
	loop_add(&listener);
	for (;;)
		loop_turn();
}

void
dependency_start(void)
{
	socklen_t	length = sizeof(address);

	shared = mmap(NULL, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("could not share memory: %s", strerror(errno));

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener.fd < 0 ||
		bind(listener.fd, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		listen(listener.fd, SOMAXCONN) != 0 ||
		getsockname(listener.fd, (struct sockaddr *) &address, &length) != 0)
		die("the dependency could not listen: %s", strerror(errno));

	child = fork();
	if (child < 0)
		die("could not fork: %s", strerror(errno));
	if (child == 0)
		serve();
	close(listener.fd);
}

void
dependency_stop(void)
{
	(void) kill(child, SIGTERM);
	(void) waitpid(child, NULL, 0);
}

const struct sockaddr_in *
dependency_address(void)
{
	return &address;
}

void
dependency_enter(Phase phase)
{
	shared->phase = (int) phase;
}

Phase
dependency_phase(void)
{
	return (Phase) shared->phase;
}

uint64_t
dependency_calls(Phase phase)
{
	return shared->calls[phase];
}
