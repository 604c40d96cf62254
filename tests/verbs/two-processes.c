// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Two processes, each with its own memory, on one device: the local road copies
 * between address spaces, and each key is good for its own process's memory only.
 */
#include "vt_peer.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	300000
#define N	20

/* Serves its memory; checks what was written to it; returns the exit status. */
static int server(enum vt_kind kind, bool wire, int in, int out)
{
	struct vt_addr peer;
	struct vt_dev dev;
	struct ibv_mr *mr;
	struct vt_qp q;
	int i, bad = 0;
	uint8_t *m;
	char c;

	m = vt_map(2 * LEN);
	vt_open(&dev);
	vt_qp_create(&dev, &q, VT_CFG(.wire = wire));
	mr = vt_reg(&dev, kind, m, 2 * LEN, VT_RCV_ALL);
	q.self.addr = (uintptr_t)m;
	q.self.rkey = mr->rkey;
	vt_put_pipe(out, &q.self, sizeof(q.self));
	vt_get_pipe(in, &peer, sizeof(peer));
	vt_qp_connect(&q, &peer);
	for (i = 0; i < N && !bad; i++) {
		/* A write has been announced by the pipe: look, then answer by a send. */
		bad += vt_recv(&q, i, mr, m + LEN, LEN);
		vt_put_pipe(out, "", 1);
		vt_get_pipe(in, &c, 1);
		bad += vt_check(m + i, 0, LEN / 2, i) >= 0;
		bad += vt_rdone(&q) || vt_check(m + LEN, 0, LEN / 3, 100 + i) >= 0;
		vt_fill(m, 0, LEN, 200 + i);
		vt_put_pipe(out, "", 1);
		vt_get_pipe(in, &c, 1);
	}
	vt_qp_destroy(&q);
	vt_dereg(mr);
	vt_close(&dev);
	return bad;
}

static void one(enum vt_kind kind, bool wire)
{
	const char *k = vt_kind_name[kind], *road = wire ? "wire" : "local";
	int to[2], from[2], st, i, bad = 0;
	struct vt_addr peer;
	struct vt_dev dev;
	struct ibv_mr *mr;
	struct vt_qp q;
	uint8_t *m;
	pid_t pid;
	char c;

	if (pipe(to) || pipe(from))
		bail("pipe: %m");
	pid = fork();
	if (!pid) {
		close(to[1]);
		close(from[0]);
		_exit(server(kind, wire, to[0], from[1]));
	}
	close(to[0]);
	close(from[1]);
	m = vt_map(LEN);
	vt_open(&dev);
	vt_qp_create(&dev, &q, VT_CFG(.wire = wire));
	mr = vt_reg(&dev, kind, m, LEN, VT_RCV_ALL);
	vt_get_pipe(from[0], &peer, sizeof(peer));
	vt_put_pipe(to[1], &q.self, sizeof(q.self));
	vt_qp_connect(&q, &peer);
#define REMOTE(off) .remote = peer.addr + (off), .rkey = peer.rkey
	for (i = 0; i < N && !bad; i++) {
		vt_get_pipe(from[0], &c, 1);
		vt_fill(m, 0, LEN, i);
		bad += vt_do(&q, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = m, .len = LEN / 2,
				       .lkey = mr->lkey, REMOTE(i)));
		vt_fill(m + 7, 0, LEN / 3, 100 + i);
		bad += vt_do(&q, VT_OP(.op = IBV_WR_SEND, .local = m + 7, .len = LEN / 3,
				       .lkey = mr->lkey));
		vt_put_pipe(to[1], "", 1);
		vt_get_pipe(from[0], &c, 1);
		bad += vt_do(&q, VT_OP(.op = IBV_WR_RDMA_READ, .local = m + 3, .len = LEN - 100,
				       .lkey = mr->lkey, REMOTE(50)));
		bad += vt_check(m + 3, 50, LEN - 100, 200 + i) >= 0;
		vt_put_pipe(to[1], "", 1);
	}
	is(bad, 0, "%s, %s: %d rounds of write, send and read", k, road, N);
	is(waitpid(pid, &st, 0), pid, "%s, %s: the other process ends", k, road);
	is(st, 0, "%s, %s: content with what it received", k, road);
	close(to[1]);
	close(from[0]);
	vt_qp_destroy(&q);
	vt_dereg(mr);
	vt_close(&dev);
}

int main(void)
{
	struct vt_dev dev;
	bool can[3];
	int k, wire;

	vt_open(&dev);
	for (k = VT_PINNED; k <= VT_IMPLICIT; k++)
		can[k] = vt_can(&dev, k);
	vt_close(&dev);
	for (k = VT_PINNED; k <= VT_IMPLICIT; k++)
		for (wire = 0; wire <= !vt_stock() && can[k]; wire++)
			one(k, wire);
	return done();
}
