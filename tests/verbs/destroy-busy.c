// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Destroying a queue pair with work of every kind outstanding: at once, and its peer lives on. */
#include "vt.h"

#define LEN	(1 << 20)

static void one_road(struct vt_dev *dev, bool wire)
{
	int round, i, bad = 0, rounds = vt_slow() ? 5 : 40;
	uint8_t *m = vt_map(2 * LEN);
	struct ibv_mr *mr = vt_reg(dev, VT_PINNED, m, 2 * LEN, VT_RCV_ALL);
	struct vt_pair p, q;

	vt_pair_open(dev, &q, VT_CFG(.wire = wire));
	for (round = 0; round < rounds; round++) {
		vt_pair_open(dev, &p, VT_CFG(.wire = wire));
		for (i = 0; i < 20; i++) {
			enum ibv_wr_opcode op = i % 3 == 0 ? IBV_WR_SEND :
				i % 3 == 1 ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_READ;

			vt_post(&p.a, VT_OP(.op = op, .local = m, .len = LEN >> (i % 8),
					    .lkey = mr->lkey, .remote = (uintptr_t)m + LEN,
					    .rkey = mr->rkey));
			vt_post(&p.b, VT_OP(.op = op, .local = m, .len = LEN >> (i % 5),
					    .lkey = mr->lkey, .remote = (uintptr_t)m + LEN,
					    .rkey = mr->rkey));
			if (i < round % 20)
				vt_recv(&p.b, i, mr, m, LEN);
		}
		if (round & 1) {
			vt_qp_destroy(&p.a);
			vt_qp_destroy(&p.b);
		} else {
			vt_qp_destroy(&p.b);
			vt_qp_destroy(&p.a);
		}
		bad += vt_write(&q.a, mr, m, 4096, mr, m + LEN) != IBV_WC_SUCCESS;
	}
	is(bad, 0, "%s: %d pairs destroyed busy, another works on", wire ? "wire" : "local", rounds);
	vt_pair_close(&q);
	is(ibv_dereg_mr(mr), 0, "%s: nobody holds on to the region", wire ? "wire" : "local");
}

int main(void)
{
	return vt_each_road(one_road);
}
