// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N10: a receiver whose memory blocks does not hold up who sends it datagrams or
 * UC messages. Datagrams wait at the receiver, as many as it may queue, and
 * arrive when the fault is over; others of the sender are not delayed. A UC
 * message waits for a while and is then lost, as are those after it until the
 * fault is over; then they arrive again.
 */
#include "vt.h"
#include "vt_mm.h"
#include "vt_uffd.h"

#include <string.h>
#include <unistd.h>

#define GRH	40
#define N	40

struct rig {
	struct vt_dev dev;
	struct vt_pair p, other;
	uint8_t *m, *blocked;
	struct ibv_mr *mr, *bmr;
	int fd;
};

static void set_up(struct rig *r, enum ibv_qp_type type, size_t blocked, bool wire)
{
	vt_open(&r->dev);
	vt_need(&r->dev, VT_ODP);
	vt_pair_open(&r->dev, &r->p, VT_CFG(.type = type, .wire = wire));
	vt_pair_open(&r->dev, &r->other, VT_CFG(.type = type, .wire = wire));
	r->m = vt_map(1 << 20);
	r->mr = vt_reg(&r->dev, VT_PINNED, r->m, 1 << 20, VT_RCV_ALL);
	r->blocked = vt_map(blocked);
	r->bmr = vt_reg(&r->dev, VT_ODP, r->blocked, blocked, VT_RCV_ALL);
	r->fd = vt_uffd(r->blocked, blocked);
}

static void tear_down(struct rig *r)
{
	close(r->fd);
	vt_pair_close(&r->p);
	vt_pair_close(&r->other);
	vt_dereg(r->bmr);
	vt_dereg(r->mr);
	vt_close(&r->dev);
}

static void datagrams(bool wire)
{
	const char *road = wire ? "wire" : "local";
	struct ibv_ah *ah;
	struct rig r;
	struct ibv_wc wc;
	int i, bad = 0;

	set_up(&r, IBV_QPT_UD, N * PAGE, wire);
	ah = vt_ah(&r.p.a, &r.p.b.self.gid);
	for (i = 0; i < N; i++)
		vt_recv(&r.p.b, i, r.bmr, r.blocked + i * PAGE, PAGE);
	vt_recv(&r.other.b, 0, r.mr, r.m + 500000, PAGE);
	for (i = 0; i < N; i++) {
		vt_fill(r.m, 0, 200, i);
		bad += vt_do(&r.p.a, VT_OP(.op = IBV_WR_SEND, .local = r.m, .len = 200, .ah = ah,
					   .lkey = r.mr->lkey, .qpn = r.p.b.self.qpn)) != 0;
	}
	is(bad, 0, "%s: %d datagrams to memory that blocks are sent", road, N);
	ok(vt_uffd_wait(r.fd), "%s: it does block", road);
	is(vt_do(&r.p.a, VT_OP(.op = IBV_WR_SEND, .local = r.m, .len = 200, .ah = ah,
			       .lkey = r.mr->lkey, .qpn = r.other.b.self.qpn)), 0,
	   "%s: the same sender sends to somebody else", road);
	is(vt_rdone(&r.other.b), 0, "%s: who receives it meanwhile", road);
	ok(!vt_poll(r.p.b.rcq, &wc, 50), "%s: the others wait", road);
	vt_uffd_fill(r.fd, r.blocked, N * PAGE, 99);
	for (i = 0; i < N; i++)
		bad += vt_rdone(&r.p.b) != 0 || r.p.b.wc.wr_id != (uint64_t)i ||
		       vt_check(r.blocked + i * PAGE + GRH, 0, 200, i) >= 0;
	is(bad, 0, "%s: when it blocks no more they arrive, each in its receive, in order", road);
	vt_recv(&r.p.b, 1000, r.bmr, r.blocked, PAGE);
	vt_do(&r.p.a, VT_OP(.op = IBV_WR_SEND, .local = r.m, .len = 200, .ah = ah,
			    .lkey = r.mr->lkey, .qpn = r.p.b.self.qpn));
	is(vt_rdone(&r.p.b), 0, "%s: and so does the next", road);
	ibv_destroy_ah(ah);
	tear_down(&r);
}

/* More than the receiver queues: the first ones arrive, the sender never waits. */
static void flood(void)
{
	int i, got = 0, bad = 0, sent = 600;
	struct ibv_ah *ah;
	struct ibv_wc wc;
	struct rig r;

	set_up(&r, IBV_QPT_UD, PAGE, false);
	vt_pair_close(&r.p);
	vt_pair_open(&r.dev, &r.p, VT_CFG(.type = IBV_QPT_UD, .depth = 1000));
	ah = vt_ah(&r.p.a, &r.p.b.self.gid);
	for (i = 0; i < sent; i++)
		vt_recv(&r.p.b, i, r.bmr, r.blocked, PAGE);
	for (i = 0; i < sent; i++)
		bad += vt_do(&r.p.a, VT_OP(.op = IBV_WR_SEND, .local = r.m, .len = 10, .ah = ah,
					   .lkey = r.mr->lkey, .qpn = r.p.b.self.qpn)) != 0;
	is(bad, 0, "%d datagrams to memory that blocks are sent", sent);
	vt_uffd_fill(r.fd, r.blocked, PAGE, 1);
	while (vt_poll(r.p.b.rcq, &wc, got ? 300 : VT_WAIT_MS))
		bad += wc.status || wc.wr_id != (uint64_t)got++;
	is(bad, 0, "those that arrive do so in order");
	ok(got >= 64 && got < sent, "%d of %d: what it may queue, no more", got, sent);
	ibv_destroy_ah(ah);
	tear_down(&r);
}

static void connected(void)
{
	struct ibv_wc wc;
	struct rig r;
	int i;

	set_up(&r, IBV_QPT_UC, 8 * PAGE, false);
	vt_fill(r.m, 0, 8 * PAGE, 1);
	for (i = 0; i < 3; i++)
		is(vt_write(&r.p.a, r.mr, r.m, 8 * PAGE, r.bmr, r.blocked), 0,
		   "UC: a write to memory that blocks comes to an end");
	ok(vt_uffd_wait(r.fd), "UC: it does block");
	vt_recv(&r.p.b, 1, r.mr, r.m + 500000, 100);
	is(vt_do(&r.p.a, VT_OP(.op = IBV_WR_SEND, .local = r.m, .len = 100, .lkey = r.mr->lkey)),
	   0, "UC: so does a send");
	ok(!vt_poll(r.p.b.rcq, &wc, 50), "UC: which is lost, for order's sake");
	vt_uffd_fill(r.fd, r.blocked, 8 * PAGE, 99);
	/* When the receiver has noticed is its own affair. */
	for (i = 0; i < 1000; i++) {
		vt_do(&r.p.a, VT_OP(.op = IBV_WR_SEND, .local = r.m, .len = 100,
				    .lkey = r.mr->lkey));
		if (vt_poll(r.p.b.rcq, &wc, 20))
			break;
	}
	ok(i < 1000 && !wc.status, "UC: the fault over, a send arrives");
	is(vt_write(&r.p.a, r.mr, r.m, 8 * PAGE, r.bmr, r.blocked), 0, "UC: a write");
	is(vt_check(r.blocked, 0, 8 * PAGE, 1), -1, "UC: does too");
	tear_down(&r);

	/* A fault that is resolved in time loses nothing. */
	set_up(&r, IBV_QPT_UC, 8 * PAGE, false);
	vt_fill(r.m, 0, 8 * PAGE, 3);
	is(vt_post(&r.p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = r.m, .len = 8 * PAGE,
				 .lkey = r.mr->lkey, .remote = (uintptr_t)r.blocked,
				 .rkey = r.bmr->rkey)), 0, "UC: post a write");
	usleep(400 * 1000);
	ok(!vt_poll(r.p.a.cq, &wc, 0), "UC: it waits");
	vt_uffd_fill(r.fd, r.blocked, 8 * PAGE, 99);
	is(vt_done(&r.p.a), 0, "UC: its memory comes, it ends");
	is(vt_check(r.blocked, 0, 8 * PAGE, 3), -1, "UC: and has arrived");
	tear_down(&r);

	set_up(&r, IBV_QPT_UC, 8 * PAGE, false);
	vt_fill(r.m, 0, 8 * PAGE, 2);
	is(vt_post(&r.p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = r.m, .len = 8 * PAGE,
				 .lkey = r.mr->lkey, .remote = (uintptr_t)r.blocked,
				 .rkey = r.bmr->rkey)), 0, "UC: post a write");
	is(vt_qp_state(&r.p.a), IBV_QPS_RTS, "UC: others of its verbs go on");
	vt_qp_destroy(&r.p.b);
	is(vt_done(&r.p.a), 0, "UC: the receiver destroyed, the write comes to an end");
	vt_uffd_fill(r.fd, r.blocked, 8 * PAGE, 9);
	tear_down(&r);
}

int main(void)
{
	datagrams(false);
	if (!vt_stock())
		datagrams(true);
	flood();
	connected();
	return done();
}
