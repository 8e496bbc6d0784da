/*-------------------------------------------------------------------------
 *
 * liveness.c
 *		What the kernel knows of each peer.
 *
 * One look, top to bottom:
 *
 *		wanted		TCP sessions of classes with a timeout		[find_wanted]
 *		asked		the kernel, for all connections to our port	[ask_kernel]
 *		matched		by the client's address and port			[take_answer]
 *		noted		in state/peers.c							[note_peers]
 *
 * Linux tells anybody about the sockets of his own network namespace, without
 * a privilege, over a netlink socket (sock_diag).  A look opens one and closes
 * it, so nothing is left behind by one that fails.  The kernel answers while
 * the question is read, so nothing is waited for.
 *
 * Two connections may come from one address and port if they go to two
 * addresses of the server, which the registry does not tell apart.  Nothing is
 * known of either then.
 *
 * Owns: nothing in shared memory.        Runs in: the governor;
 * gov_liveness_of_mine in backends and their signal handlers.
 *
 * IDENTIFICATION
 *	  src/actors/liveness.c
 *-------------------------------------------------------------------------
 */
#include "compat.h"

#include "actors/liveness.h"
#include "clock.h"
#include "settings.h"
#include "state/peers.h"
#include "state/policy.h"
#include "state/registry.h"
#include "state/shmem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__linux__) && defined(TCP_INFO)
#define HAVE_TCP_INFO 1
#endif

#ifdef HAVE_TCP_INFO
#ifdef __has_include
#if __has_include(<linux/inet_diag.h>)
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#define HAVE_SOCK_DIAG 1
#endif
#endif
#endif

/* The kernel fills no more at once. */
#define ANSWER_SIZE		32768

/* After so many looks in a row that found none of the sessions, the log says so. */
#define LOOKS_IN_VAIN	3

/* More connections to our port than sessions are somebody else's; no look reads more than this of them. */
#define FOREIGN_SOCKETS	100000

/* A session to be looked at. */
typedef struct Wanted
{
	int			slot;
	uint32		generation;
	GovAddress	address;
	int32		port;
	int			next;			/* in its bucket; -1: the last one */
	GovTime		distance;		/* of its probes */
	int			found;			/* how many connections are like it */
	GovPeerReport report;
} Wanted;

struct GovLiveness
{
	MemoryContext context;
	GovTime		next_look;
	bool		complained;		/* since it last went well */
	int			in_vain;

	/* working space, made at the first look */
	Wanted	   *wanted;
	int			nwanted;
	bool		has_family4;
	bool		has_family6;
	int		   *buckets;
	uint32		nbuckets;		/* a power of 2 */
	char	   *answer;
};

GovLiveness *
gov_liveness_create(void)
{
	GovLiveness *liveness = palloc0(sizeof(GovLiveness));

	liveness->context = CurrentMemoryContext;
	return liveness;
}

static void
make_room(GovLiveness *liveness)
{
	if (liveness->answer != NULL)
		return;
	liveness->nbuckets = 64;
	while (liveness->nbuckets < (uint32) gov_registry_slots())
		liveness->nbuckets *= 2;
	liveness->wanted = MemoryContextAlloc(liveness->context, gov_registry_slots() * sizeof(Wanted));
	liveness->buckets = MemoryContextAlloc(liveness->context, liveness->nbuckets * sizeof(int));
	liveness->answer = MemoryContextAlloc(liveness->context, ANSWER_SIZE);
}

/* Bits of the classes whose timeout is in force, and that have sessions. */
static uint64
classes_to_look_at(const GovPolicy *policy)
{
	GovSessionCounts counts;
	uint64		classes = 0;

	gov_registry_counts(&counts);
	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		const GovClass *class = &policy->classes[id];

		if (class->used && class->unresponsive_timeout != GOV_NEVER && counts.of_class[id] > 0 &&
			gov_settings_mode_of(class) != GOV_MODE_OFF)
			classes |= UINT64CONST(1) << id;
	}
	return classes;
}

static void
find_wanted(GovLiveness *liveness, const GovPolicy *policy, uint64 classes)
{
	GovTime		distances[GOV_MAX_CLASSES];

	for (int id = 0; id < GOV_MAX_CLASSES; id++)
	{
		if ((classes & (UINT64CONST(1) << id)) != 0)
			distances[id] = GOV_SECOND * gov_liveness_probing(policy->classes[id].unresponsive_timeout,
															  gov_settings_sweep_interval * GOV_MSEC).interval;
	}
	liveness->nwanted = 0;
	liveness->has_family4 = liveness->has_family6 = false;

	LWLockAcquire(gov_shmem_lock(GOV_LOCK_SESSIONS), LW_SHARED);
	for (int i = 0; i < gov_registry_slots(); i++)
	{
		const GovSessionSlot *slot = gov_registry_slot(i);
		const GovSessionFacts *facts = gov_registry_facts(i);
		Wanted	   *wanted = &liveness->wanted[liveness->nwanted];

		if (slot->pid == 0 || slot->waits || slot->class_id == GOV_NO_CLASS ||
			(classes & (UINT64CONST(1) << slot->class_id)) == 0 || facts->client_addr.family == 0)
			continue;
		wanted->slot = i;
		wanted->generation = slot->generation;
		wanted->address = facts->client_addr;
		wanted->port = facts->client_port;
		wanted->distance = distances[slot->class_id];
		wanted->found = 0;
		liveness->nwanted++;
		if (wanted->address.family == 4)
			liveness->has_family4 = true;
		else
			liveness->has_family6 = true;
	}
	LWLockRelease(gov_shmem_lock(GOV_LOCK_SESSIONS));
}

static uint32
bucket_of(const GovLiveness *liveness, const GovAddress *address, int32 port)
{
	uint32		hash = 2166136261u ^ (uint32) port;

	for (int i = 0; i < (address->family == 4 ? 4 : 16); i++)
		hash = (hash ^ address->bytes[i]) * 16777619u;
	hash ^= hash >> 15;
	return hash & (liveness->nbuckets - 1);
}

static void
fill_buckets(GovLiveness *liveness)
{
	memset(liveness->buckets, -1, liveness->nbuckets * sizeof(int));
	for (int i = 0; i < liveness->nwanted; i++)
	{
		Wanted	   *wanted = &liveness->wanted[i];
		uint32		bucket = bucket_of(liveness, &wanted->address, wanted->port);

		wanted->next = liveness->buckets[bucket];
		liveness->buckets[bucket] = i;
	}
}

#ifdef HAVE_TCP_INFO
/* What we need of it, which the oldest Linux has too. */
#define TCP_INFO_NEEDED	(offsetof(struct tcp_info, tcpi_last_ack_recv) + sizeof(uint32))

static void
read_tcp_info(const struct tcp_info *info, GovPeerReport *report)
{
	report->probes = info->tcpi_probes;
	report->retransmits = info->tcpi_retransmits;
	report->timer = GOV_PEER_TIMER_NONE;	/* not in here */
	report->timer_left = 0;
	/* data that comes without a break acknowledges nothing new */
	report->heard_ago = Min(info->tcpi_last_ack_recv, info->tcpi_last_data_recv) * GOV_MSEC;
	report->sent_ago = info->tcpi_last_data_sent * GOV_MSEC;
}
#endif

bool
gov_liveness_of_mine(GovPeerReport *report, bool *is_over)
{
#ifdef HAVE_TCP_INFO
	struct tcp_info info;
	socklen_t	length = sizeof(info);

	if (MyProcPort == NULL || MyProcPort->raddr.addr.ss_family == AF_UNIX ||
		getsockopt(MyProcPort->sock, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
		length < TCP_INFO_NEEDED)
		return false;
	read_tcp_info(&info, report);
	if (is_over != NULL)
		*is_over = info.tcpi_state == TCP_CLOSE;
	return true;
#else
	return false;
#endif
}

#ifdef HAVE_SOCK_DIAG

/* A question: all connections of one family whose port on our side is the server's. */
typedef struct Question
{
	struct nlmsghdr header;
	struct inet_diag_req_v2 request;
	struct rtattr filter;
	struct inet_diag_bc_op code[4];
} Question;

/*
 * The filter is a program of two comparisons, each of an operation and its
 * operand.  It accepts a socket by ending exactly at its end, and rejects one
 * by jumping beyond it.
 */
static bool
ask(int fd, int family, uint32 sequence)
{
	const int	op = sizeof(struct inet_diag_bc_op);
	Question	question = {
		.header = {
			.nlmsg_len = sizeof(Question),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = sequence,
		},
		.request = {
			.sdiag_family = family,
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_ext = 1 << (INET_DIAG_INFO - 1),
			.idiag_states = (1 << TCP_ESTABLISHED) | (1 << TCP_CLOSE_WAIT),
		},
		.filter = {
			.rta_len = RTA_LENGTH(4 * sizeof(struct inet_diag_bc_op)),
			.rta_type = INET_DIAG_REQ_BYTECODE,
		},
		.code = {
			{INET_DIAG_BC_S_GE, 2 * op, 4 * op + 4},
			{.no = PostPortNumber},
			{INET_DIAG_BC_S_LE, 2 * op, 2 * op + 4},
			{.no = PostPortNumber},
		},
	};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	return sendto(fd, &question, sizeof(question), MSG_DONTWAIT,
				  (struct sockaddr *) &kernel, sizeof(kernel)) == (ssize_t) sizeof(question);
}

/* The client's address as the registry has it: IPv4 also where it came over IPv6. */
static void
read_address(const struct inet_diag_msg *socket, GovAddress *address)
{
	struct in6_addr six;

	memset(address, 0, sizeof(*address));
	memcpy(&six, socket->id.idiag_dst, sizeof(six));
	if (socket->idiag_family == AF_INET)
	{
		address->family = 4;
		memcpy(address->bytes, socket->id.idiag_dst, 4);
	}
	else if (IN6_IS_ADDR_V4MAPPED(&six))
	{
		address->family = 4;
		memcpy(address->bytes, &six.s6_addr[12], 4);
	}
	else
	{
		address->family = 6;
		memcpy(address->bytes, &six, 16);
	}
}

/* The kernel's numbers for its timers are in no header. */
static GovPeerTimer
read_timer(const struct inet_diag_msg *socket)
{
	switch (socket->idiag_timer)
	{
		case 1:
			return GOV_PEER_TIMER_DATA;
		case 2:
			return GOV_PEER_TIMER_KEEPALIVE;
		case 4:
			return GOV_PEER_TIMER_WINDOW;
		default:
			return GOV_PEER_TIMER_NONE;
	}
}

static bool
is_same_address(const GovAddress *one, const GovAddress *other)
{
	return one->family == other->family && memcmp(one->bytes, other->bytes, one->family == 4 ? 4 : 16) == 0;
}

/* One connection: of a session that is wanted, or of none. */
static void
take_socket(GovLiveness *liveness, const struct nlmsghdr *message)
{
	const struct inet_diag_msg *socket = NLMSG_DATA(message);
	GovAddress	address;
	int32		port = ntohs(socket->id.idiag_dport);
	int			left = (int) message->nlmsg_len - (int) NLMSG_LENGTH(sizeof(*socket));
	const struct rtattr *attribute = (const struct rtattr *) (socket + 1);
	const struct tcp_info *info = NULL;

	if (left < 0)
		return;
	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
	{
		if (attribute->rta_type == INET_DIAG_INFO && RTA_PAYLOAD(attribute) >= TCP_INFO_NEEDED)
			info = RTA_DATA(attribute);
	}
	if (info == NULL)
		return;

	read_address(socket, &address);
	for (int i = liveness->buckets[bucket_of(liveness, &address, port)]; i >= 0;
		 i = liveness->wanted[i].next)
	{
		Wanted	   *wanted = &liveness->wanted[i];

		if (wanted->port != port || !is_same_address(&wanted->address, &address))
			continue;
		wanted->found++;
		read_tcp_info(info, &wanted->report);
		wanted->report.timer = read_timer(socket);
		wanted->report.timer_left = socket->idiag_expires * GOV_MSEC;
	}
}

/* NLMSG_OK without its comparison of different signs. */
static bool
is_whole(const struct nlmsghdr *message, int left)
{
	return left >= (int) sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
		message->nlmsg_len <= (uint32) left;
}

/* Whether the answer ends as it should: an error in the middle of it is told by its end.  If not sets errno. */
static bool
was_done(const struct nlmsghdr *message)
{
	int			result = 0;

	if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(result)))
		memcpy(&result, NLMSG_DATA(message), sizeof(result));
	if (result < 0)
		errno = -result;
	return result >= 0;
}

/*
 * Reads the whole answer.  The kernel makes the next piece of it while the one
 * before is read, so a socket that has nothing to read will have nothing.
 * Returns false, with errno, if the answer is an error or is not complete.
 */
static bool
take_answer(GovLiveness *liveness, int fd, uint32 sequence)
{
	int			messages = 0;

	while (messages < gov_registry_slots() + FOREIGN_SOCKETS)
	{
		ssize_t		length = recv(fd, liveness->answer, ANSWER_SIZE, MSG_DONTWAIT | MSG_TRUNC);
		int			left = (int) length;
		const struct nlmsghdr *message = (const struct nlmsghdr *) liveness->answer;

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return false;
		if (length == 0 || length > ANSWER_SIZE)
			break;
		for (; is_whole(message, left); message = NLMSG_NEXT(message, left))
		{
			messages++;
			if (message->nlmsg_seq != sequence)
				continue;
			if (message->nlmsg_type == NLMSG_DONE)
				return was_done(message);
			if (message->nlmsg_type == NLMSG_ERROR)
			{
				const struct nlmsgerr *error = NLMSG_DATA(message);

				errno = message->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)) ? -error->error : EPROTO;
				return false;
			}
			if (message->nlmsg_type == SOCK_DIAG_BY_FAMILY)
				take_socket(liveness, message);
		}
	}
	errno = EMSGSIZE;
	return false;
}

static bool
all_found(const GovLiveness *liveness)
{
	for (int i = 0; i < liveness->nwanted; i++)
	{
		if (liveness->wanted[i].found == 0)
			return false;
	}
	return true;
}

/* Both families, as far as they are needed; an IPv4 client may have come over IPv6. */
static bool
ask_families(GovLiveness *liveness, int fd)
{
	if (liveness->has_family4 && !(ask(fd, AF_INET, 1) && take_answer(liveness, fd, 1)))
		return false;
	if (!liveness->has_family6 && all_found(liveness))
		return true;
	return ask(fd, AF_INET6, 2) && take_answer(liveness, fd, 2);
}

static bool
ask_kernel(GovLiveness *liveness)
{
	int			fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	bool		ok;
	int			saved_errno;

	if (fd < 0)
		return false;
	ok = ask_families(liveness, fd);
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return ok;
}

#else

static bool
ask_kernel(GovLiveness *liveness)
{
	errno = ENOSYS;
	return false;
}

#endif

/*
 * Returns how many of them the kernel knows.  The time is taken after it has
 * answered: what has passed meanwhile makes a peer seem heard of later.
 *
 * Of a connection that is not in one answer the look before has its say, until
 * that is too old (state/census.c): connections come and go while the kernel
 * goes through them, and it may pass one over.
 */
static int
note_peers(const GovLiveness *liveness)
{
	GovTime		now = gov_clock_now();
	int			known = 0;

	for (int i = 0; i < liveness->nwanted; i++)
	{
		const Wanted *wanted = &liveness->wanted[i];
		GovPeer		peer = {0};

		if (wanted->found == 0)
			continue;
		known++;
		if (wanted->found == 1)
		{
			GovPeer		before = gov_peers_read(wanted->slot, wanted->generation, 0);

			peer = gov_liveness_look(&before, &wanted->report, wanted->distance, now);
		}
		gov_peers_write(wanted->slot, wanted->generation, &peer);
	}
	return known;
}

/* Says once, until it goes well again, that nothing is known of peers. */
static void
complain(GovLiveness *liveness, const char *why)
{
	if (liveness->complained)
		return;
	liveness->complained = true;
	ereport(LOG,
			(errmsg("pg_governor cannot ask the kernel whether clients still answer: %s", why),
			 errdetail("Meanwhile no session is ended for reason \"unresponsive\", and \"peer\" in "
					   "governor.sessions is \"unknown\".  This is said once.")));
}

GovTime
gov_liveness_run(GovLiveness *liveness, const GovPolicy *policy, GovTime now)
{
	GovTime		interval = gov_settings_sweep_interval * GOV_MSEC;
	uint64		classes;

	/*
	 * A sweep that is nearly due for a look has it.  A moment further away than
	 * an interval is of before the clock was set.
	 */
	if (now < liveness->next_look - interval / 10 && liveness->next_look <= now + interval)
		return liveness->next_look;

	liveness->next_look = 0;
	classes = classes_to_look_at(policy);
	if (classes == 0)
		return GOV_NEVER;
	make_room(liveness);
	find_wanted(liveness, policy, classes);
	if (liveness->nwanted == 0)
		return GOV_NEVER;

	fill_buckets(liveness);
	if (!ask_kernel(liveness))
		complain(liveness, strerror(errno));
	else if (note_peers(liveness) > 0)
	{
		liveness->complained = false;
		liveness->in_vain = 0;
	}
	else if (++liveness->in_vain >= LOOKS_IN_VAIN)
		complain(liveness, "it knows none of their connections");

	liveness->next_look = now + interval;
	return liveness->next_look;
}
