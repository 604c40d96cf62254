// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Receives posted to a queue pair that is in error already are flushed, in order,
 * although nothing tells the device of them. Those of a shared receive queue are
 * not: they belong to the others, and the last-WQE event says that this queue pair
 * takes no more.
 */
#include "vt.h"

#define N	40

static void own_queue(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m, enum ibv_qp_type type)
{
	const char *name = type == IBV_QPT_RC ? "RC" : type == IBV_QPT_UC ? "UC" : "UD";
	struct vt_pair p;
	struct ibv_wc wc;
	int i, bad = 0;

	vt_pair_open(dev, &p, VT_CFG(.type = type));
	is(vt_qp_error(&p.a), 0, "%s: to error, nothing posted", name);
	ok(!vt_poll(p.a.rcq, &wc, 50), "%s: nothing to flush", name);
	for (i = 0; i < N; i++)
		bad += !!vt_recv(&p.a, i, mr, m, 64);
	for (i = 0; i < N; i++)
		bad += vt_rdone(&p.a) != IBV_WC_WR_FLUSH_ERR || p.a.wc.wr_id != (uint64_t)i;
	is(bad, 0, "%s: %d receives posted then are flushed in order", name, N);
	vt_recv(&p.a, 77, mr, m, 64);
	is(vt_rdone(&p.a), IBV_WC_WR_FLUSH_ERR, "%s: and one more", name);
	is(p.a.wc.wr_id, 77, "%s: by its number", name);
	/* Back to work, nothing of that time is left. */
	vt_qp_reset(&p.a);
	vt_qp_connect(&p.a, type == IBV_QPT_UD ? NULL : &p.b.self);
	vt_recv(&p.a, 78, mr, m, 64);
	ok(!vt_poll(p.a.rcq, &wc, 50), "%s: after a reset a receive stays", name);
	vt_pair_close(&p);
}

static void shared(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	struct ibv_srq_init_attr init = { .attr = { .max_wr = 16, .max_sge = 1 } };
	struct ibv_srq *srq = ibv_create_srq(dev->pd, &init);
	struct ibv_sge sge = { .addr = (uintptr_t)m, .length = 64, .lkey = mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = 5, .sg_list = &sge, .num_sge = 1 }, *bad;
	struct vt_pair p, q;
	struct ibv_wc wc;

	if (!srq)
		bail("create_srq: %m");
	vt_pair_open(dev, &p, VT_CFG(.srq = srq));
	vt_pair_open(dev, &q, VT_CFG(.srq = srq));
	is(vt_qp_error(&p.b), 0, "SRQ: one of its queue pairs to error");
	is(vt_event(dev, VT_WAIT_MS), IBV_EVENT_QP_LAST_WQE_REACHED, "SRQ: the last-WQE event");
	is(ibv_post_srq_recv(srq, &wr, &bad), 0, "SRQ: post a receive");
	ok(!vt_poll(p.b.rcq, &wc, 100), "SRQ: it is not flushed");
	is(vt_do(&q.a, VT_OP(.op = IBV_WR_SEND, .local = m + 64, .len = 8, .lkey = mr->lkey)), 0,
	   "SRQ: a message for another queue pair");
	is(vt_rdone(&q.b), 0, "SRQ: finds it");
	is(q.b.wc.wr_id, 5, "SRQ: by its number");
	vt_pair_close(&p);
	vt_pair_close(&q);
	is(ibv_destroy_srq(srq), 0, "SRQ: destroyed");
}

int main(void)
{
	struct vt_dev dev;
	struct ibv_mr *mr;
	uint8_t *m;

	vt_open(&dev);
	m = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);
	own_queue(&dev, mr, m, IBV_QPT_RC);
	own_queue(&dev, mr, m, IBV_QPT_UC);
	own_queue(&dev, mr, m, IBV_QPT_UD);
	shared(&dev, mr, m);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
