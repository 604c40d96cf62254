// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Data over RDS.
 *
 *	rds-data ADDRESS	two sockets there talk; every byte is checked
 *
 * Datagrams of many sizes, alone and in a row, and RDMA into and out of memory that
 * one socket has lent to the other. How they are connected the kernel is asked.
 */
#include <arpa/inet.h>
#include <linux/rds.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "data.h"

#ifndef SOL_RDS
#define SOL_RDS		276
#endif
#define LARGEST		1000003	/* of 1 MiB */
#define LENT		300001
#define ROW		40
#define PATIENCE	40	/* seconds */

static struct in_addr here;
static uint8_t *out, *in;

static void fill(uint8_t *p, size_t len, int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = byte_of(i, seed);
}

static void check(const uint8_t *p, size_t len, int seed, const char *what)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != byte_of(i, seed))
			die("%s of %zu bytes: byte %zu is %02x, not %02x", what, len, i,
			    p[i], byte_of(i, seed));
}

static int end(int port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = here,
				    .sin_port = htons(port) };
	struct timeval patience = { .tv_sec = PATIENCE };
	int fd = socket(AF_RDS, SOCK_SEQPACKET, 0), transport = RDS_TRANS_IB, room = 4 << 20;

	if (fd < 0)
		die("no RDS socket: %m");
	if (setsockopt(fd, SOL_RDS, SO_RDS_TRANSPORT, &transport, sizeof(transport)))
		die("no RDS over RDMA: %m");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (bind(fd, (void *)&addr, sizeof(addr)))
		die("bind: %m");
	return fd;
}

/* A datagram, with a control message of @type unless that is 0. */
static void give(int fd, int port, const void *p, size_t len, int type, const void *control,
		 size_t control_len)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = here,
				    .sin_port = htons(port) };
	char room[256] __attribute__((aligned(8)));
	struct iovec iov = { .iov_base = (void *)p, .iov_len = len };
	struct msghdr msg = { .msg_name = &addr, .msg_namelen = sizeof(addr),
			      .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	ssize_t n;

	if (type) {
		msg.msg_control = room;
		msg.msg_controllen = CMSG_SPACE(control_len);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_RDS;
		cmsg->cmsg_type = type;
		cmsg->cmsg_len = CMSG_LEN(control_len);
		memcpy(CMSG_DATA(cmsg), control, control_len);
	}
	n = sendmsg(fd, &msg, 0);
	if (n != (ssize_t)len)
		die("sending %zu bytes (control %d): %zd, %m", len, type, n);
}

/* What comes next; the control message of @type that is with it, if any, to @control. */
static ssize_t take(int fd, void *p, size_t len, int type, void *control, size_t control_len)
{
	char room[256] __attribute__((aligned(8)));
	struct iovec iov = { .iov_base = p, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *cmsg;
	bool found = !type;
	ssize_t n;

	n = recvmsg(fd, &msg, 0);
	if (n < 0)
		die("receiving: %m");
	if (msg.msg_flags & MSG_TRUNC)
		die("more than %zu bytes", len);
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_RDS || cmsg->cmsg_type != type)
			continue;
		memcpy(control, CMSG_DATA(cmsg), control_len);
		found = true;
	}
	if (!found)
		die("no control message %d", type);
	return n;
}

static void message(int from, int to, int to_port, size_t len, int seed)
{
	ssize_t n;

	fill(out, len, seed);
	give(from, to_port, out, len, 0, NULL, 0);
	n = take(to, in, LARGEST, 0, NULL, 0);
	if (n != (ssize_t)len)
		die("%zu bytes sent, %zd received", len, n);
	check(in, len, seed, "a message");
}

static void row(int from, int to, int to_port)
{
	int len;

	for (int i = 0; i < ROW; i++) {
		len = 20001 + i;	/* a length of its own */
		fill(out, len, i);
		give(from, to_port, out, len, 0, NULL, 0);
	}
	for (int i = 0; i < ROW; i++) {
		len = 20001 + i;
		if (take(to, in, LARGEST, 0, NULL, 0) != len)
			die("message %d of a row: another length", i);
		check(in, len, i, "a row");
	}
}

static void done_well(int fd, uint64_t token)
{
	struct rds_rdma_notify notify;

	take(fd, in, LARGEST, RDS_CMSG_RDMA_STATUS, &notify, sizeof(notify));
	if (notify.user_token != token || notify.status != RDS_RDMA_SUCCESS)
		die("RDMA %llu: status %d", (unsigned long long)notify.user_token, notify.status);
}

/*
 * The owner lends memory by a message; the borrower writes all of it, from two pieces,
 * and reads a part. Neither begins or ends with a page. Messages that go with it
 * arrive after it.
 */
static void rdma(int owner, int owner_port, int borrower, int borrower_port)
{
	uint8_t *lent = malloc(LENT + 77), *mine = malloc(LENT + 99), *m = lent + 77, word[8] = "x";
	struct rds_get_mr_args lend = { .vec = { (uintptr_t)m, LENT }, .flags = RDS_RDMA_READWRITE };
	struct rds_iovec pieces[2] = { { (uintptr_t)mine, 123457 },
				       { (uintptr_t)mine + 123457, LENT - 123457 } };
	struct rds_rdma_args op = { .remote_vec = { 0, LENT }, .local_vec_addr = (uintptr_t)pieces,
				    .nr_local = 2, .user_token = 1,
				    .flags = RDS_RDMA_READWRITE | RDS_RDMA_NOTIFY_ME };
	struct rds_free_mr_args give_back = { .flags = RDS_RDMA_INVALIDATE };
	size_t at = 5003, len = 200003;

	memset(m, 0, LENT);
	give(owner, borrower_port, word, 1, RDS_CMSG_RDMA_MAP, &lend, sizeof(lend));
	take(borrower, in, LARGEST, RDS_CMSG_RDMA_DEST, &op.cookie, sizeof(op.cookie));

	fill(mine, LENT, 7);
	give(borrower, owner_port, word, 2, RDS_CMSG_RDMA_ARGS, &op, sizeof(op));
	if (take(owner, in, LARGEST, 0, NULL, 0) != 2)
		die("not the message that goes with the RDMA");
	check(m, LENT, 7, "written memory");
	done_well(borrower, 1);

	fill(m + at, len, 9);
	memset(mine, 0, LENT);
	pieces[0] = (struct rds_iovec) { (uintptr_t)mine + 99, len };
	op.nr_local = 1;
	op.remote_vec = (struct rds_iovec) { at, len };
	op.user_token = 2;
	op.flags = RDS_RDMA_NOTIFY_ME;
	give(borrower, owner_port, word, 3, RDS_CMSG_RDMA_ARGS, &op, sizeof(op));
	done_well(borrower, 2);
	check(mine + 99, len, 9, "read memory");
	if (take(owner, in, LARGEST, 0, NULL, 0) != 3)
		die("not the message that goes with the other RDMA");
	for (size_t i = 0; i < at; i++)
		if (m[i] != byte_of(i, 7))
			die("byte %zu has changed", i);

	give_back.cookie = op.cookie;
	if (setsockopt(owner, SOL_RDS, RDS_FREE_MR, &give_back, sizeof(give_back)))
		die("taking memory back: %m");
	free(lent);
	free(mine);
}

static void must_be_rdma(int fd)
{
	static struct rds_info_rdma_connection got[64];
	const uint8_t none[RDS_IB_GID_LEN] = { 0 };
	socklen_t len = sizeof(got);
	int each = getsockopt(fd, SOL_RDS, RDS_INFO_IB_CONNECTIONS, got, &len);
	char gid[INET6_ADDRSTRLEN];

	if (each < (int)sizeof(got[0]))
		die("RDMA connections: %d, %m", each);
	for (socklen_t at = 0; at + each <= len; at += each) {
		struct rds_info_rdma_connection *c = (void *)((char *)got + at);

		if (c->src_addr != here.s_addr || c->dst_addr != here.s_addr ||
		    !memcmp(c->dst_gid, none, sizeof(none)))
			continue;
		printf("RDS over RDMA to %s\n", inet_ntop(AF_INET6, c->dst_gid, gid, sizeof(gid)));
		return;
	}
	die("no RDMA connection");
}

int main(int argc, char **argv)
{
	static const int sizes[] = { 1, 48, 4047, 4096, 4097, 65536, 333333, LARGEST };
	int a, b;

	me = "rds-data";
	if (argc != 2 || !inet_aton(argv[1], &here))
		die("usage: rds-data ADDRESS");
	out = malloc(LARGEST);
	in = malloc(LARGEST);
	a = end(4001);
	b = end(4002);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		message(a, b, 4002, sizes[i], i);
		message(b, a, 4001, sizes[i], i + 100);
	}
	must_be_rdma(a);
	row(a, b, 4002);
	rdma(a, 4001, b, 4002);
	rdma(b, 4002, a, 4001);
	must_be_rdma(b);
	printf("data right\n");
	return 0;
}
