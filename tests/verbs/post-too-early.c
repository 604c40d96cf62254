// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A send posted before RTS is refused, and is not sent when the queue pair gets there. */
#include "vt.h"

int main(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = 1 };
	struct vt_dev dev;
	struct vt_pair p;
	struct ibv_mr *mr;
	struct ibv_wc wc;
	uint8_t *m;

	vt_open(&dev);
	m = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG());
	vt_qp_reset(&p.a);
	ok(vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .id = 1, .local = m, .len = 8,
			       .lkey = mr->lkey)), "a send in RESET is refused");
	is(ibv_modify_qp(p.a.qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			 IBV_QP_ACCESS_FLAGS), 0, "to INIT");
	ok(vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .id = 2, .local = m, .len = 8,
			       .lkey = mr->lkey)), "a send in INIT is refused");
	is(vt_recv(&p.a, 3, mr, m, 64), 0, "a receive in INIT is fine");
	vt_recv(&p.b, 4, mr, m, 64);
	/* By way of INIT again, which the state machine allows. */
	vt_qp_connect(&p.a, &p.b.self);
	ok(!vt_poll(p.a.cq, &wc, 50) && !vt_poll(p.b.rcq, &wc, 50), "in RTS nothing is sent");
	vt_qp_reset(&p.b);
	vt_qp_connect(&p.b, &p.a.self);
	vt_recv(&p.b, 5, mr, m, 64);
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .id = 6, .local = m, .len = 8, .lkey = mr->lkey)),
	   0, "a send in RTS");
	is(p.a.wc.wr_id, 6, "is the one");
	is(vt_rdone(&p.b), 0, "that arrives");
	is(vt_do(&p.b, VT_OP(.op = IBV_WR_SEND, .local = m, .len = 8, .lkey = mr->lkey)), 0,
	   "the other way");
	is(vt_rdone(&p.a), 0, "meets a receive");
	is(p.a.wc.wr_id, 3, "the one of INIT");
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
