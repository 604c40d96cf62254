// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* With rnr_retry 7 a send waits for its receive as long as it takes, and then goes through. */
#include "vt.h"

static void one_road(struct vt_dev *dev, bool wire)
{
	const char *road = wire ? "wire" : "local";
	struct ibv_mr *mr;
	struct vt_pair p;
	struct ibv_wc wc;
	uint8_t *m;
	int i;

	/* An RNR wait (328 ms) outlasts all ack time-outs (134 ms): they must not run then. */
	vt_pair_open(dev, &p, VT_CFG(.wire = wire, .rnr_timer = 30, .timeout = 15, .retry = 1));
	m = vt_map(65536);
	mr = vt_reg(dev, VT_PINNED, m, 65536, VT_RCV_ALL);
	vt_fill(m, 0, 4000, 3);
	for (i = 0; i < 3; i++)
		is(vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .id = i, .local = m, .len = 4000,
				       .lkey = mr->lkey)), 0, "%s: send %d, no receive", road, i);
	/* Long enough for a few RNR waits; the claim does not depend on how many. */
	ok(!vt_poll(p.a.cq, &wc, 900), "%s: no completion without a receive", road);
	is(vt_qp_state(&p.a), IBV_QPS_RTS, "%s: the sender is still up", road);
	for (i = 0; i < 3; i++) {
		vt_recv(&p.b, 100 + i, mr, m + 8192 * (i + 1), 4000);
		is(vt_done(&p.a), IBV_WC_SUCCESS, "%s: send %d goes through", road, i);
		is(p.a.wc.wr_id, i, "%s: in order", road);
		is(vt_rdone(&p.b), IBV_WC_SUCCESS, "%s: received", road);
		is(p.b.wc.wr_id, 100 + i, "%s: by receive %d", road, i);
		is(vt_check(m + 8192 * (i + 1), 0, 4000, 3), -1, "%s: the data", road);
	}
	vt_dereg(mr);
	vt_pair_close(&p);
}

int main(void)
{
	return vt_each_road(one_road);
}
