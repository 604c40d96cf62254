// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Data over SMC-R.
 *
 *	smc-data join NETDEV DEVICE	packets by NETDEV mean RDMA by DEVICE
 *	smc-data ADDRESS PORT		two processes talk, each checks every byte
 *
 * Both directions are busy at once, and end by a shutdown. A socket that has fallen
 * back to TCP is a failure: what a socket really is, and over which device, the kernel
 * is asked while it is connected.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/smc.h>
#include <linux/smc_diag.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data.h"

#ifndef AF_SMC
#define AF_SMC		43
#endif
#define SMCPROTO_SMC	0		/* over IPv4 */
#define TOTAL		(4 << 20)	/* each way; buffers are smaller */
#define NETWORK		"ODP"		/* what the two devices are both on */

/* ---- netlink ---- */

static char buffer[16384];

/* A request, its answers to @answer, until it is over. */
static int ask(int bus, struct nlmsghdr *nlh, mnl_cb_t answer, void *arg)
{
	struct mnl_socket *nl = mnl_socket_open(bus);
	int n;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		die("netlink: %m");
	nlh->nlmsg_seq = 1;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		die("netlink: %m");
	do {
		n = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
		if (n > 0)
			n = mnl_cb_run(buffer, n, 1, mnl_socket_get_portid(nl), answer, arg);
	} while (n > 0);
	mnl_socket_close(nl);
	return n;
}

static struct nlmsghdr *generic(int family, int command, int flags)
{
	static char request[1024];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	genl->cmd = command;
	genl->version = 1;
	return nlh;
}

static int family_id(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			*(int *)arg = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int family(const char *name)
{
	struct nlmsghdr *nlh = generic(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	int id = 0;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	if (ask(NETLINK_GENERIC, nlh, family_id, &id) < 0 || !id)
		die("no netlink family %s: %m", name);
	return id;
}

/*
 * RoCE v2 needs a name for the group of hosts that may do it, and a device that stands
 * for the network device by which the connection goes.
 */
static void join(const char *netdev, const char *device)
{
	char group[SMC_MAX_EID_LEN + 1];
	struct nlmsghdr *nlh;

	snprintf(group, sizeof(group), "%-32s", NETWORK);
	nlh = generic(family(SMC_GENL_FAMILY_NAME), SMC_NETLINK_ADD_UEID, 0);
	mnl_attr_put_strz(nlh, SMC_NLA_EID_TABLE_ENTRY, group);
	if (ask(NETLINK_GENERIC, nlh, NULL, NULL) < 0)
		die("no group: %m");

	nlh = generic(family(SMCR_GENL_FAMILY_NAME), SMC_PNETID_ADD, 0);
	mnl_attr_put_strz(nlh, SMC_PNETID_NAME, NETWORK);
	mnl_attr_put_strz(nlh, SMC_PNETID_ETHNAME, netdev);
	mnl_attr_put_strz(nlh, SMC_PNETID_IBNAME, device);
	mnl_attr_put_u8(nlh, SMC_PNETID_IBPORT, 1);
	if (ask(NETLINK_GENERIC, nlh, NULL, NULL) < 0)
		die("%s and %s do not join: %m", netdev, device);
}

/* ---- what a socket is ---- */

struct what {
	ino_t inode;
	int mode;
	uint32_t reason, peer_reason;
	char device[IB_DEVICE_NAME_MAX + 1];
};

static int one_socket(const struct nlmsghdr *nlh, void *arg)
{
	const struct smc_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	const struct smc_diag_lgrinfo *group;
	const struct smc_diag_fallback *back;
	const struct nlattr *attr;
	struct what *what = arg;

	if (msg->diag_inode != what->inode)
		return MNL_CB_OK;
	what->mode = msg->diag_mode;
	mnl_attr_for_each(attr, nlh, sizeof(*msg)) {
		if (mnl_attr_get_type(attr) == SMC_DIAG_LGRINFO) {
			group = mnl_attr_get_payload(attr);
			memcpy(what->device, group->lnk[0].ibname, IB_DEVICE_NAME_MAX);
		} else if (mnl_attr_get_type(attr) == SMC_DIAG_FALLBACK) {
			back = mnl_attr_get_payload(attr);
			what->reason = back->reason;
			what->peer_reason = back->peer_diagnosis;
		}
	}
	return MNL_CB_OK;
}

static void must_be_rdma(int fd)
{
	struct what what = { .mode = -1 };
	struct smc_diag_req *req;
	struct nlmsghdr *nlh;
	char request[256];
	struct stat st;

	fstat(fd, &st);
	what.inode = st.st_ino;
	nlh = mnl_nlmsg_put_header(request);
	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
	req->diag_family = AF_SMC;
	req->diag_ext = 1 << (SMC_DIAG_LGRINFO - 1) | 1 << (SMC_DIAG_FALLBACK - 1);
	if (ask(NETLINK_SOCK_DIAG, nlh, one_socket, &what) < 0)
		die("sockets: %m");
	if (what.mode != SMC_DIAG_MODE_SMCR)
		die("mode %d, not SMC-R; reason %#x, the peer's %#x", what.mode,
		    what.reason, what.peer_reason);
	printf("%s: SMC-R over %s\n", me, what.device);
	fflush(stdout);
}

/* ---- data ---- */

struct stream {
	int fd, seed;
};

static void *writer(void *arg)
{
	struct stream *s = arg;
	uint8_t *p = malloc(TOTAL);
	size_t at, len;
	ssize_t n;

	for (at = 0; at < TOTAL; at++)
		p[at] = byte_of(at, s->seed);
	for (at = 0; at < TOTAL; at += n) {
		len = 1 + (at * 7919) % 70001;
		n = send(s->fd, p + at, len < TOTAL - at ? len : TOTAL - at, 0);
		if (n <= 0)
			die("send at %zu: %m", at);
	}
	if (shutdown(s->fd, SHUT_WR))
		die("shutdown: %m");
	free(p);
	return NULL;
}

static void reader(int fd, int seed)
{
	static uint8_t p[50021];
	size_t at = 0;
	ssize_t n;

	while ((n = recv(fd, p, sizeof(p), 0)) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			if (p[i] != byte_of(at, seed))
				die("byte %zu is %02x, not %02x", at, p[i], byte_of(at, seed));
	if (n < 0)
		die("receive at %zu: %m", at);
	if (at != TOTAL)
		die("%zu bytes came, not %d", at, TOTAL);
}

static void talk(int fd, int seed, int peer_seed)
{
	struct stream out = { .fd = fd, .seed = seed };
	pthread_t thread;

	must_be_rdma(fd);
	if (pthread_create(&thread, NULL, writer, &out))
		die("no thread");
	reader(fd, peer_seed);
	pthread_join(thread, NULL);
	close(fd);
}

/*
 * The kernel drops the server's first message over RDMA if the client does not wait for
 * it yet, and both fall back to TCP; in one kernel that message can be early enough.
 * The server's part runs in a worker of the CPU to which the client sends: the one that
 * the client is on, and does not leave to a worker before it waits.
 */
static void meet(int fd, const struct sockaddr_in *addr)
{
	const struct sched_param first = { .sched_priority = 1 }, usual = { 0 };
	cpu_set_t all, here;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	if (sched_setaffinity(0, sizeof(here), &here) ||
	    sched_setscheduler(0, SCHED_FIFO, &first))
		die("no CPU for the client alone: %m");
	if (connect(fd, (const void *)addr, sizeof(*addr)))
		die("connect: %m");
	sched_setscheduler(0, SCHED_OTHER, &usual);
	sched_setaffinity(0, sizeof(all), &all);
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int listener, fd, status, one = 1;
	pid_t child;

	me = "smc-data";
	if (argc == 4 && !strcmp(argv[1], "join")) {
		join(argv[2], argv[3]);
		return 0;
	}
	if (argc != 3 || !inet_aton(argv[1], &addr.sin_addr))
		die("join NETDEV DEVICE | ADDRESS PORT");
	addr.sin_port = htons(atoi(argv[2]));

	listener = socket(AF_SMC, SOCK_STREAM, SMCPROTO_SMC);
	if (listener < 0)
		die("no SMC socket: %m");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (void *)&addr, sizeof(addr)) || listen(listener, 1))
		die("listen: %m");

	child = fork();
	if (!child) {
		me = "client";
		close(listener);
		fd = socket(AF_SMC, SOCK_STREAM, SMCPROTO_SMC);
		if (fd < 0)
			die("no SMC socket: %m");
		meet(fd, &addr);
		talk(fd, 1, 2);
		return 0;
	}
	me = "server";
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		die("accept: %m");
	talk(fd, 2, 1);
	close(listener);
	if (waitpid(child, &status, 0) != child || status)
		die("the client has failed");
	printf("data right\n");
	return 0;
}
