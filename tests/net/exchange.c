// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Verified traffic between two processes, which may be on two machines.
 *
 *	exchange SECONDS KIND PORT		serve one client
 *	exchange SECONDS KIND PORT HOST		be that client
 *
 * KIND (pinned, odp, implicit) is how this end registers its memory if the driver
 * is ours; the distribution's gets it pinned. Without arguments it is a test of its
 * own: both ends here, for two seconds.
 *
 * They talk over TCP. In each round the client says what it is going to do; both
 * fill what the other will read and clear what it will write; then come writes,
 * reads and sends in one batch, and each end checks every byte that it got and
 * those between. Fetch-and-adds close a round: each of them must have been done
 * exactly once, whatever the network has lost or doubled. SIGTERM ends the client
 * early and in order. EXCHANGE_READS=0 leaves reads out.
 */
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vt.h"

#define LEN	(1u << 20)
#define BATCH	8
#define ADDS	4
#define ROOM	(LEN / BATCH)

struct round {
	uint64_t seed;		/* 0: no more rounds */
	struct {
		uint32_t op, at, len;
	} m[BATCH];
};

struct end {
	struct vt_dev dev;
	struct vt_qp q;
	struct vt_addr peer;
	uint8_t *out, *in;	/* LEN each; a counter follows in */
	struct ibv_mr *mr;
	int fd;
	unsigned long messages, bytes;
};

static void put(struct end *e, const void *p, size_t n)
{
	if (send(e->fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
		bail("the other end has gone: %m");
}

static void get(struct end *e, void *p, size_t n)
{
	if (recv(e->fd, p, n, MSG_WAITALL) != (ssize_t)n)
		bail("the other end has gone");
}

/* Both ends have come this far. */
static void meet(struct end *e)
{
	char c = 0;

	put(e, &c, 1);
	get(e, &c, 1);
}

static uint64_t *counter(struct end *e)
{
	return (uint64_t *)(e->in + LEN);
}

static bool to_server(uint32_t op)
{
	return op != IBV_WR_RDMA_READ;
}

static void open_end(struct end *e, enum vt_kind kind)
{
	const char *patience = getenv("EXCHANGE_TIMEOUT");	/* as in struct vt_cfg */

	vt_open(&e->dev);
	vt_need(&e->dev, kind);
	e->out = vt_map(2 * LEN + 4096);
	e->in = e->out + LEN;
	e->mr = vt_reg(&e->dev, kind, e->out, 2 * LEN + 4096, VT_RCV_ALL);
	vt_qp_create(&e->dev, &e->q, VT_CFG(.timeout = patience ? atoi(patience) : 14));
	e->q.self.addr = (uintptr_t)e->out;
	e->q.self.rkey = e->mr->rkey;
	put(e, &e->q.self, sizeof(e->q.self));
	get(e, &e->peer, sizeof(e->peer));
	vt_qp_connect(&e->q, &e->peer);
	meet(e);
}

static void close_end(struct end *e)
{
	meet(e);
	vt_qp_destroy(&e->q);
	vt_dereg(e->mr);
	vt_close(&e->dev);
	close(e->fd);
}

/* What the round brought to this end: every byte of it, and nothing besides. */
static bool all_right(struct end *e, const struct round *r, bool server)
{
	uint32_t i, before = 0;

	for (i = 0; i < BATCH; i++) {
		if (to_server(r->m[i].op) != server)
			continue;
		if (vt_check_byte(e->in + before, r->m[i].at - before, 0) >= 0 ||
		    vt_check(e->in + r->m[i].at, r->m[i].at, r->m[i].len, r->seed) >= 0) {
			diag("message %u of kind %u, %u bytes at %u, is wrong", i, r->m[i].op,
			     r->m[i].len, r->m[i].at);
			return false;
		}
		before = r->m[i].at + r->m[i].len;
	}
	return vt_check_byte(e->in + before, LEN - before, 0) < 0;
}

static void prepare(struct end *e, const struct round *r, bool server)
{
	uint32_t i;

	vt_fill(e->out, 0, LEN, r->seed);
	memset(e->in, 0, LEN);
	for (i = 0; server && i < BATCH; i++)
		if (r->m[i].op == IBV_WR_SEND)
			vt_recv(&e->q, i, e->mr, e->in + r->m[i].at, r->m[i].len);
	meet(e);
}

static void serve(struct end *e)
{
	uint8_t good = 1;
	struct round r;
	int i;

	for (get(e, &r, sizeof(r)); r.seed && good; get(e, &r, sizeof(r))) {
		prepare(e, &r, true);
		meet(e);
		for (i = 0; i < BATCH; i++)
			if (r.m[i].op == IBV_WR_SEND && vt_rdone(&e->q))
				bail("a receive failed: %s", ibv_wc_status_str(e->q.wc.status));
		good = all_right(e, &r, true);
		put(e, &good, 1);
	}
	ok(good, "what came here is right");
}

static unsigned int rnd(void)
{
	static unsigned int state = 1;

	state = state * 1103515245 + 12345;
	return state >> 8;
}

static void plan(struct round *r)
{
	const char *reads = getenv("EXCHANGE_READS");
	static const uint32_t ops[] = { IBV_WR_SEND, IBV_WR_RDMA_WRITE, IBV_WR_RDMA_READ };
	uint32_t i;

	memset(r, 0, sizeof(*r));
	r->seed = 1 + rnd();
	for (i = 0; i < BATCH; i++) {
		r->m[i].op = ops[rnd() % (reads && !atoi(reads) ? 2 : 3)];
		r->m[i].at = i * ROOM + rnd() % 4200;
		r->m[i].len = 1 + rnd() % (rnd() % 8 ? 9000 : ROOM - 4300);
	}
}

static int batch(struct end *e, const struct round *r)
{
	uint32_t i;
	int st;

	for (i = 0; i < BATCH; i++) {
		uint32_t op = r->m[i].op, at = r->m[i].at;
		uint8_t *local = to_server(op) ? e->out : e->in;

		if (vt_post(&e->q, VT_OP(.op = op, .id = i, .local = local + at, .len = r->m[i].len,
					 .lkey = e->mr->lkey, .rkey = e->peer.rkey,
					 .remote = e->peer.addr + at + (to_server(op) ? LEN : 0))))
			bail("post_send: %m");
	}
	for (i = 0; i < BATCH; i++) {
		st = vt_done(&e->q);
		if (st)
			return st;
		if (e->q.wc.wr_id != i)
			bail("completion %lu instead of %u", (long)e->q.wc.wr_id, i);
	}
	return 0;
}

/* Each returns what the one before has left. */
static int count(struct end *e, uint64_t *expected)
{
	int i, st;

	for (i = 0; i < ADDS; i++) {
		st = vt_do(&e->q, VT_OP(.op = IBV_WR_ATOMIC_FETCH_AND_ADD, .local = counter(e),
					.len = 8, .lkey = e->mr->lkey, .rkey = e->peer.rkey,
					.remote = e->peer.addr + 2 * LEN, .cmp_add = 3));
		if (st)
			return st;
		if (*counter(e) != *expected) {
			diag("an atomic found %lu, not %lu", (long)*counter(e), (long)*expected);
			return -1;
		}
		*expected += 3;
	}
	return 0;
}

static volatile sig_atomic_t stopped;

static void stop(int signo)
{
	(void)signo;
	stopped = 1;
}

static void use(struct end *e, int seconds)
{
	uint64_t end = vt_now_ms() + seconds * 1000ull, expected = 0;
	struct round r;
	uint8_t good = 1;
	int st = 0, i;

	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = stop, .sa_flags = SA_RESTART }, NULL);
	while (!st && good && !stopped && vt_now_ms() < end) {
		plan(&r);
		put(e, &r, sizeof(r));
		prepare(e, &r, false);
		st = batch(e, &r);
		if (!st)
			st = count(e, &expected);
		if (st)
			break;
		meet(e);
		get(e, &good, 1);
		if (!all_right(e, &r, false))
			st = -1;
		for (i = 0; i < BATCH; i++)
			e->bytes += r.m[i].len;
		e->messages += BATCH + ADDS;
	}
	ok(!st && good, "%lu messages, %lu bytes, all right%s%s", e->messages, e->bytes,
	   st ? ", but then: " : good ? "" : ", but not at the other end",
	   st == VT_TIMEOUT ? "timeout" : st > 0 ? ibv_wc_status_str(st) : st ? "wrong data" : "");
	ok(e->messages, "there was traffic");
	if (st)
		exit(done());	/* the other end waits for what does not come */
	memset(&r, 0, sizeof(r));
	put(e, &r, sizeof(r));
}

static int connection(const char *host, const char *port)
{
	struct addrinfo hint = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM,
				 .ai_flags = host ? 0 : AI_PASSIVE }, *a;
	int fd, one = 1, l;

	if (getaddrinfo(host, port, &hint, &a))
		bail("no address for %s", host);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (host) {
		if (connect(fd, a->ai_addr, a->ai_addrlen))
			bail("connect to %s: %m", host);
	} else {
		l = fd;
		if (bind(l, a->ai_addr, a->ai_addrlen) || listen(l, 1))
			bail("listen: %m");
		fd = accept(l, NULL, NULL);
		close(l);
	}
	freeaddrinfo(a);
	return fd;
}

static int one_end(int fd, enum vt_kind kind, int seconds, bool server)
{
	struct end e = { .fd = fd };

	open_end(&e, kind);
	if (server)
		serve(&e);
	else
		use(&e, seconds);
	close_end(&e);
	return done();
}

int main(int argc, char **argv)
{
	enum vt_kind kind = VT_PINNED;
	int fd[2], status;

	if (argc > 3) {
		while (kind < VT_IMPLICIT && strcmp(vt_kind_name[kind], argv[2]))
			kind++;
		if (!vt_force_wire(false))
			kind = VT_PINNED;
		return one_end(connection(argv[4], argv[3]), kind, atoi(argv[1]), argc == 4);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		bail("socketpair: %m");
	if (!fork()) {
		close(fd[0]);
		freopen("/dev/null", "w", stdout);
		exit(one_end(fd[1], kind, 0, true));
	}
	close(fd[1]);
	status = one_end(fd[0], kind, 2, false);
	wait(&fd[0]);
	return status || fd[0];
}
