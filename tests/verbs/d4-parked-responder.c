// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D4: a fault never costs the peer its connection. The responder's memory blocks
 * (userfaultfd) for far longer than all the requester's ack time-outs together;
 * requests pile up meanwhile; resolved, all of them are done, in order. It does not
 * matter if the responder has been told another time-out than the requester has.
 */
#include "vt.h"
#include "vt_mm.h"
#include "vt_uffd.h"

#include <unistd.h>

#define LEN	(32 * PAGE)
#define N	40

static struct vt_dev dev;

static void pair(struct vt_pair *p, bool wire, bool lopsided)
{
	/* All tries together: three times 67 ms; or 134 ms and twice as much. */
	if (!lopsided) {
		vt_pair_open(&dev, p, VT_CFG(.wire = wire, .timeout = 14, .retry = 2,
					     .rnr_timer = 14));
		return;
	}
	vt_qp_create(&dev, &p->a, VT_CFG(.wire = wire, .timeout = 15, .retry = 1));
	vt_qp_create(&dev, &p->b, VT_CFG(.wire = wire, .timeout = 20, .rnr_timer = 14));
	vt_qp_connect(&p->a, &p->b.self);
	vt_qp_connect(&p->b, &p->a.self);
}

static void one(enum ibv_wr_opcode op, const char *name, bool wire, bool lopsided)
{
	const char *road = lopsided ? "wire, lopsided" : wire ? "wire" : "local";
	uint8_t *m = vt_map(LEN), *src = vt_map(LEN);
	struct ibv_mr *mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);
	struct ibv_mr *smr = vt_reg(&dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	int i, bad = 0, fd = vt_uffd(m, LEN);
	struct vt_pair p;
	struct ibv_wc wc;

	pair(&p, wire, lopsided);
	vt_fill(src, 0, LEN, 1);
	for (i = 0; i < N; i++) {
		size_t at = i * 3000;

		if (op == IBV_WR_SEND)
			bad += !!vt_recv(&p.b, i, mr, m + at, 3000);
		bad += !!vt_post(&p.a, VT_OP(.op = op, .id = i, .local = src + at, .len = 3000,
					     .lkey = smr->lkey, .remote = (uintptr_t)m + at,
					     .rkey = mr->rkey));
	}
	is(bad, 0, "%s: post %d %ss to memory that blocks", road, N, name);
	ok(vt_uffd_wait(fd), "%s: the first of them blocks", road);
	ok(!vt_poll(p.a.cq, &wc, 1500), "%s: nothing completes", road);
	is(vt_qp_state(&p.a), IBV_QPS_RTS, "%s: the requester is still connected", road);
	is(vt_qp_state(&p.b), IBV_QPS_RTS, "%s: the responder too", road);
	vt_uffd_fill(fd, m, LEN, 2);
	for (i = 0; i < N; i++)
		bad += vt_done(&p.a) || p.a.wc.wr_id != (uint64_t)i;
	is(bad, 0, "%s: resolved, all %ss complete in order", road, name);
	if (op == IBV_WR_RDMA_READ)
		is(vt_check(src, 0, N * 3000, 2), -1, "%s: the data of the handler", road);
	else
		is(vt_check(m, 0, N * 3000, 1), -1, "%s: the data", road);
	close(fd);
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_dereg(smr);
}

int main(void)
{
	int wire;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	for (wire = 0; wire <= !vt_stock(); wire++) {
		one(IBV_WR_RDMA_WRITE, "write", wire, false);
		one(IBV_WR_RDMA_READ, "read", wire, false);
		one(IBV_WR_SEND, "send", wire, false);
	}
	if (!vt_stock()) {
		one(IBV_WR_RDMA_WRITE, "write", true, true);
		one(IBV_WR_RDMA_READ, "read", true, true);
	}
	vt_close(&dev);
	return done();
}
