// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Acknowledgements that arrive while a sender waits because its peer was not ready, of
 * packets that were on their way before: the sender goes on behind them when the wait is
 * over, and knows when nobody answers any more. The answers are made here.
 */
#include "vt.h"
#include "vt_roce.h"


#define MTU	256
#define LEN	(8 * MTU)

static struct vt_dev dev;
static struct vt_pair p;
static struct vt_roce pk;

/* An answer with that syndrome to packet @n of the sender. */
static void answer(uint8_t syndrome, uint32_t n)
{
	vt_roce_answer(&pk, ROCE_RC_ACK, syndrome, p.a.self.qpn, p.a.self.psn + n, 0, 0);
}

int main(void)
{
	struct ibv_mr *mr;
	struct ibv_wc wc;
	uint8_t *m;

	vt_open(&dev);
	vt_need_wire();
	m = vt_map(2 * LEN);
	mr = vt_reg(&dev, VT_PINNED, m, 2 * LEN, VT_RCV_ALL);

	/* The time-outs (134 ms, once more after that) leave time for what is done here. */
	vt_pair_open(&dev, &p, VT_CFG(.wire = true, .mtu = MTU, .timeout = 15, .retry = 1));
	vt_roce_open(&p.b.self.gid);
	vt_qp_reset(&p.b);		/* it hears nothing and says nothing */
	vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = m, .len = LEN, .lkey = mr->lkey,
			    .remote = (uintptr_t)m + LEN, .rkey = mr->rkey));
	answer(0x20 | 24, 0);		/* come back in 41 ms */
	answer(0x1f, 3);		/* the first four have arrived after all */
	ok(!vt_poll(p.a.cq, &wc, 10), "no completion yet");
	is(vt_done(&p.a), IBV_WC_RETRY_EXC_ERR, "the rest is tried, and then given up");
	vt_pair_close(&p);

	vt_pair_open(&dev, &p, VT_CFG(.wire = true, .mtu = MTU, .timeout = 0));
	vt_qp_reset(&p.b);
	vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = m, .len = LEN, .lkey = mr->lkey,
			    .remote = (uintptr_t)m + LEN, .rkey = mr->rkey));
	answer(0x20 | 24, 0);
	answer(0x1f, 3);
	answer(0x1f, 7);
	is(vt_done(&p.a), 0, "acknowledged as a whole it is complete without being sent again");
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
