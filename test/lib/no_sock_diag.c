/*
 * no_sock_diag.c
 *		A kernel that does not tell about sockets, by what GOV_SOCK_DIAG says:
 *
 *		none		never
 *		sometimes	every second time not
 *		broken		takes its time, and says at the end that something was wrong
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int	asked = -1;			/* the last socket for it, where the answer is to be broken */

static int
is_mode(const char *mode)
{
	const char *wanted = getenv("GOV_SOCK_DIAG");

	return wanted != NULL && strcmp(wanted, mode) == 0;
}

int
socket(int domain, int type, int protocol)
{
	int			(*real) (int, int, int) = (int (*) (int, int, int)) dlsym(RTLD_NEXT, "socket");
	static int	times = 0;

	if (domain != AF_NETLINK || protocol != NETLINK_SOCK_DIAG)
		return real(domain, type, protocol);
	if (is_mode("none") || (is_mode("sometimes") && ++times % 2 == 0))
	{
		errno = EPERM;
		return -1;
	}
	if (!is_mode("broken"))
		return real(domain, type, protocol);
	usleep(300000);
	return asked = real(domain, type, protocol);
}

ssize_t
recv(int fd, void *buffer, size_t size, int flags)
{
	ssize_t		(*real) (int, void *, size_t, int) = (ssize_t (*) (int, void *, size_t, int)) dlsym(RTLD_NEXT, "recv");
	ssize_t		length = real(fd, buffer, size, flags);
	int			left = (int) length;

	if (fd != asked || length <= 0)
		return length;
	for (struct nlmsghdr *message = buffer; NLMSG_OK(message, (unsigned) left); message = NLMSG_NEXT(message, left))
	{
		int			error = -ENOBUFS;

		if (message->nlmsg_type == NLMSG_DONE && message->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
			memcpy(NLMSG_DATA(message), &error, sizeof(error));
	}
	return length;
}
