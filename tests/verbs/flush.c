// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A queue pair that goes to error flushes each posted request once, in order, on both queues. */
#include "vt.h"

#define N	20

static void drained(struct vt_qp *q)
{
	struct ibv_wc wc;

	ok(!vt_poll(q->cq, &wc, 50) && !vt_poll(q->rcq, &wc, 50), "no completion is left");
}

/* By modify_qp: receives posted, sends waiting for a receive at the peer. */
static void by_modify(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	struct vt_pair p;
	int i, bad = 0;

	vt_pair_open(dev, &p, VT_CFG());
	for (i = 0; i < N; i++) {
		bad += !!vt_recv(&p.a, 100 + i, mr, m, 64);
		bad += !!vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .id = i, .local = m, .len = 64,
					     .lkey = mr->lkey, .quiet = i & 1));
	}
	is(bad, 0, "post %d receives, and sends that find no receive", N);
	is(vt_qp_error(&p.a), 0, "to error by modify_qp");
	for (i = 0; i < N; i++) {
		bad += vt_done(&p.a) != IBV_WC_WR_FLUSH_ERR || p.a.wc.wr_id != (uint64_t)i;
		bad += vt_rdone(&p.a) != IBV_WC_WR_FLUSH_ERR || p.a.wc.wr_id != 100u + i;
	}
	is(bad, 0, "all are flushed in order, signalled or not");
	drained(&p.a);
	for (i = 0; i < 3; i++) {
		is(vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .id = 500 + i, .local = m, .len = 64,
				       .lkey = mr->lkey)), 0, "post a send in error");
		is(vt_done(&p.a), IBV_WC_WR_FLUSH_ERR, "it is flushed too");
		is(p.a.wc.wr_id, 500 + i, "by its number");
	}
	drained(&p.a);
	vt_pair_close(&p);
}

/* By a failing request in the middle. */
static void by_failure(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	struct vt_pair p;
	int i, bad = 0;

	vt_pair_open(dev, &p, VT_CFG());
	for (i = 0; i < N; i++) {
		vt_recv(&p.a, 100 + i, mr, m, 64);
		vt_recv(&p.b, 200 + i, mr, m, 64);
	}
	for (i = 0; i < N; i++)
		vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .id = i, .local = m, .len = 64,
				    .lkey = mr->lkey, .remote = (uintptr_t)m + 4096,
				    .rkey = i == 7 ? 0x1234 : mr->rkey));
	for (i = 0; i < 7; i++)
		bad += vt_done(&p.a) != IBV_WC_SUCCESS || p.a.wc.wr_id != (uint64_t)i;
	is(bad, 0, "the requests before the failing one succeed");
	is(vt_done(&p.a), IBV_WC_REM_ACCESS_ERR, "then it fails");
	is(p.a.wc.wr_id, 7, "by its number");
	for (i = 8; i < N; i++)
		bad += vt_done(&p.a) != IBV_WC_WR_FLUSH_ERR || p.a.wc.wr_id != (uint64_t)i;
	is(bad, 0, "the ones after it are flushed in order");
	for (i = 0; i < N; i++) {
		bad += vt_rdone(&p.a) != IBV_WC_WR_FLUSH_ERR || p.a.wc.wr_id != 100u + i;
		bad += vt_rdone(&p.b) != IBV_WC_WR_FLUSH_ERR || p.b.wc.wr_id != 200u + i;
	}
	is(bad, 0, "and the receives of both sides");
	drained(&p.a);
	drained(&p.b);
	vt_pair_close(&p);
}

int main(void)
{
	struct vt_dev dev;
	struct ibv_mr *mr;
	uint8_t *m;

	vt_open(&dev);
	m = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);
	by_modify(&dev, mr, m);
	by_failure(&dev, mr, m);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
