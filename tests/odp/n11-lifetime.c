// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N11: an address space may go away at any moment: by exit without cleaning up,
 * by exec with the device still open, by kill -9, by exit of the parent whose
 * child inherited the device. Who writes to it meanwhile gets an error, nothing
 * is leaked, and the device works on.
 */
#define _GNU_SOURCE
#include "vt.h"
#include "vt_mm.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(1ul << 20)

enum how { EXIT, EXEC, KILL, EXIT_BUT_CHILD, N_HOW };
static const char *const how_name[] = {
	"exit without cleaning up", "exec with the device open", "kill -9",
	"exit of a parent whose child holds the device",
};

static struct vt_dev dev;
static uint8_t *src;
static struct ibv_mr *smr;

static bool send_all(int fd, const void *p, size_t n)
{
	return write(fd, p, n) == (ssize_t)n;
}

static bool recv_all(int fd, void *p, size_t n)
{
	return read(fd, p, n) == (ssize_t)n;
}

/* The process whose memory goes away. Never returns. */
static void victim(enum how how, enum vt_kind kind, int in, int out)
{
	uint8_t *m = vt_map(LEN), *mine = vt_map(LEN);
	struct vt_addr peer;
	struct vt_dev d;
	struct vt_pair own;
	struct vt_qp q;
	struct ibv_mr *mr, *mmr;
	char c;
	int i;

	vt_open(&d);
	vt_qp_create(&d, &q, VT_CFG());
	vt_pair_open(&d, &own, VT_CFG());
	mr = vt_reg(&d, kind, m, LEN, VT_RCV_ALL);
	mmr = vt_reg(&d, VT_ODP, mine, LEN, VT_RCV_ALL);
	for (i = 0; i < 20; i++)
		vt_reg(&d, VT_ODP, mine, LEN, VT_RCV_ALL);
	q.self.addr = (uintptr_t)m;
	q.self.rkey = mr->rkey;
	if (!send_all(out, &q.self, sizeof(q.self)) || !recv_all(in, &peer, sizeof(peer)))
		_exit(1);
	vt_qp_connect(&q, &peer);
	if (!send_all(out, "", 1) || !recv_all(in, &c, 1))
		_exit(2);
	/* Work of its own under way at the end. */
	for (i = 0; i < 50; i++)
		vt_post(&own.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = mine, .len = LEN / 2,
				      .lkey = mmr->lkey, .remote = (uintptr_t)mine + LEN / 2,
				      .rkey = mmr->rkey));
	switch (how) {
	case EXEC:
		fcntl(d.ctx->cmd_fd, F_SETFD, 0);
		fcntl(d.ctx->async_fd, F_SETFD, 0);
		fcntl(in, F_SETFD, 0);
		/* Lives on until the test closes the pipe. */
		dup2(in, 0);
		execlp("cat", "cat", (char *)NULL);
		_exit(3);
	case KILL:
		for (;;)
			vt_write(&own.a, mmr, mine, LEN / 2, mmr, mine + LEN / 2);
	case EXIT_BUT_CHILD:
		if (!fork()) {
			while (read(in, &c, 1) > 0)
				;
			_exit(0);
		}
		_exit(0);
	default:
		_exit(0);
	}
}

static void one(enum how how, enum vt_kind kind)
{
	const char *what = how_name[how], *k = vt_kind_name[kind];
	bool holds = how == EXEC || how == EXIT_BUT_CHILD;
	int to[2], from[2], st, n = 0, rc = 0;
	struct vt_addr peer;
	struct vt_qp q;
	uint64_t end;
	pid_t pid;
	char c;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		bail("pipe: %m");
	pid = fork();
	if (!pid) {
		close(to[1]);
		close(from[0]);
		victim(how, kind, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	vt_qp_create(&dev, &q, VT_CFG(.timeout = 12, .retry = 3));
	if (!recv_all(from[0], &peer, sizeof(peer)))
		bail("the other process did not come up");
	vt_qp_connect(&q, &peer);
	if (!send_all(to[1], &q.self, sizeof(q.self)) || !recv_all(from[0], &c, 1))
		bail("the other process did not connect");
	for (n = 0; n < 10; n++)
		rc |= vt_do(&q, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = src, .len = LEN,
				      .lkey = smr->lkey, .remote = peer.addr, .rkey = peer.rkey));
	is(rc, 0, "%s, %s: it can be written to", k, what);
	if (!send_all(to[1], "", 1))
		bail("pipe: %m");
	if (how == KILL)
		kill(pid, SIGKILL);

	/* Write on until it is gone: this must end, and in an error. */
	end = vt_now_ms() + VT_WAIT_MS;
	do {
		rc = vt_do(&q, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = src, .len = LEN,
				     .lkey = smr->lkey, .remote = peer.addr, .rkey = peer.rkey));
	} while (!rc && vt_now_ms() < end);
	if (holds)
		ok(rc == IBV_WC_REM_ACCESS_ERR || rc == IBV_WC_RETRY_EXC_ERR,
		   "%s, %s: writes fail though the device is still open (%s)", k, what,
		   ibv_wc_status_str(rc));
	else
		ok(rc == IBV_WC_RETRY_EXC_ERR || rc == IBV_WC_REM_ACCESS_ERR,
		   "%s, %s: writes fail (%s)", k, what, ibv_wc_status_str(rc));
	close(to[1]);
	is(waitpid(pid, &st, 0), pid, "%s, %s: the process ends", k, what);
	is(st, how == KILL ? SIGKILL : 0, "%s, %s: as it should", k, what);
	close(from[0]);
	vt_qp_destroy(&q);
}

/* Wait for counter @name to be @want again. */
static void settles(const char *name, long long want)
{
	uint64_t end = vt_now_ms() + VT_WAIT_MS;
	long long now;

	while ((now = vt_counter(&dev, name)) != want && vt_now_ms() < end)
		usleep(10000);
	is(now, want, "%s is what it was before", name);
}

int main(void)
{
	long long leaves, resident;
	struct vt_pair p;
	int how, kind;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	src = vt_map(LEN);
	smr = vt_reg(&dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	madvise(src, LEN, MADV_DONTFORK);
	leaves = vt_counter(&dev, "odp_leaves");
	resident = vt_counter(&dev, "odp_resident_pages");
	for (kind = VT_ODP; kind <= VT_IMPLICIT; kind++)
		for (how = 0; vt_can(&dev, kind) && how < N_HOW; how++)
			one(how, kind);
	if (!vt_stock()) {
		settles("odp_resident_pages", resident);
		settles("odp_leaves", leaves);
	}
	vt_pair_open(&dev, &p, VT_CFG());
	is(vt_write(&p.a, smr, src, LEN / 2, smr, src + LEN / 2), 0, "the device works on");
	vt_pair_close(&p);
	vt_dereg(smr);
	vt_close(&dev);
	return done();
}
