// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A queue pair can be reset in any state, with work outstanding, and connected again. */
#include "vt.h"

int main(void)
{
	int round, i, bad = 0, rounds = vt_slow() ? 6 : 30;
	struct vt_dev dev;
	struct vt_pair p;
	struct ibv_mr *mr;
	struct ibv_wc wc;
	uint8_t *m;

	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG(.timeout = 8));
	m = vt_map(1 << 20);
	mr = vt_reg(&dev, VT_PINNED, m, 1 << 20, VT_RCV_ALL);
	for (round = 0; round < rounds; round++) {
		/* Leave it in one of several states of disarray. */
		for (i = 0; i < 10 && round % 2; i++)
			vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .local = m, .len = 64,
					    .lkey = mr->lkey));
		for (i = 0; i < 4 && round % 3; i++)
			vt_post(&p.b, VT_OP(.op = IBV_WR_RDMA_READ, .local = m, .len = 1 << 18,
					    .lkey = mr->lkey, .remote = (uintptr_t)m,
					    .rkey = mr->rkey));
		if (round % 5 == 0)
			vt_qp_error(&p.a);
		for (i = 0; i < round % 7; i++)
			vt_recv(&p.b, 1000, mr, m, 64);
		bad += !!vt_qp_reset(&p.a);
		bad += !!vt_qp_reset(&p.b);
		while (ibv_poll_cq(p.a.cq, 1, &wc) || ibv_poll_cq(p.b.rcq, 1, &wc) ||
		       ibv_poll_cq(p.b.cq, 1, &wc) || ibv_poll_cq(p.a.rcq, 1, &wc))
			;
		vt_qp_connect(&p.a, &p.b.self);
		vt_qp_connect(&p.b, &p.a.self);
		/* Old receives and sends are gone, new ones work. */
		vt_fill(m, 0, 5000, round);
		bad += !!vt_recv(&p.b, round, mr, m + 8192, 5000);
		bad += vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .id = round, .local = m, .len = 5000,
					 .lkey = mr->lkey)) || p.a.wc.wr_id != (uint64_t)round;
		bad += vt_rdone(&p.b) || p.b.wc.wr_id != (uint64_t)round;
		bad += vt_check(m + 8192, 0, 5000, round) >= 0;
		if (bad) {
			diag("round %d", round);
			break;
		}
	}
	is(bad, 0, "%d resets with work outstanding, each followed by a clean start", rounds);
	vt_dereg(mr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
