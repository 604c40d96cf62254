// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* With a finite rnr_retry a send without a receive ends in RNR_RETRY_EXC, the rest is flushed. */
#include "vt.h"

static void one_road(struct vt_dev *dev, bool wire)
{
	const char *road = wire ? "wire" : "local";
	struct ibv_mr *mr;
	struct vt_pair p;
	int i, retry;
	uint8_t *m;

	m = vt_map(4096);
	mr = vt_reg(dev, VT_PINNED, m, 4096, VT_RCV_ALL);
	for (retry = 0; retry <= 1; retry++) {
		vt_pair_open(dev, &p, VT_CFG(.wire = wire, .rnr_retry = retry));
		for (i = 0; i < 3; i++)
			vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .id = i, .local = m, .len = 8,
					    .lkey = mr->lkey));
		is(vt_done(&p.a), IBV_WC_RNR_RETRY_EXC_ERR, "%s: rnr_retry %d runs out", road,
		   retry);
		is(p.a.wc.wr_id, 0, "%s: for the first send", road);
		is(vt_wait_state(&p.a, IBV_QPS_ERR), IBV_QPS_ERR, "%s: sender in error", road);
		for (i = 1; i < 3; i++) {
			is(vt_done(&p.a), IBV_WC_WR_FLUSH_ERR, "%s: send %d flushed", road, i);
			is(p.a.wc.wr_id, i, "%s: in order", road);
		}
		is(vt_qp_state(&p.b), IBV_QPS_RTS, "%s: the receiver is none the worse", road);
		vt_pair_close(&p);
	}
	vt_dereg(mr);
}

int main(void)
{
	return vt_each_road(one_road);
}
