// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A peer that is no longer there: the retries run out, whatever the road and the operation. */
#include "vt.h"

static void one(struct vt_dev *dev, bool wire, enum ibv_wr_opcode op, bool gone, const char *what)
{
	const char *road = wire ? "wire" : "local";
	struct ibv_mr *mr;
	struct vt_pair p;
	uint8_t *m;

	m = vt_map(16384);
	mr = vt_reg(dev, VT_PINNED, m, 16384, VT_RCV_ALL);
	vt_pair_open(dev, &p, VT_CFG(.wire = wire, .timeout = 12, .retry = 2));
	/* It has been up: this is not a matter of never having been connected. */
	is(vt_write(&p.a, mr, m, 8, mr, m + 8192), IBV_WC_SUCCESS, "%s: the peer answers", road);
	if (gone)
		vt_qp_destroy(&p.b);
	else
		vt_qp_reset(&p.b);
	is(vt_do(&p.a, VT_OP(.op = op, .local = m, .len = 8, .lkey = mr->lkey,
			     .remote = (uintptr_t)m + 8192, .rkey = mr->rkey)),
	   IBV_WC_RETRY_EXC_ERR, "%s: %s to a peer that is %s", road, what,
	   gone ? "destroyed" : "reset");
	is(vt_wait_state(&p.a, IBV_QPS_ERR), IBV_QPS_ERR, "%s: in error", road);
	vt_pair_close(&p);
	vt_dereg(mr);
}

int main(void)
{
	struct vt_dev dev;
	int wire;

	vt_open(&dev);
	for (wire = 0; wire <= !vt_stock(); wire++) {
		one(&dev, wire, IBV_WR_RDMA_WRITE, true, "a write");
		one(&dev, wire, IBV_WR_RDMA_READ, true, "a read");
		one(&dev, wire, IBV_WR_SEND, false, "a send");
		one(&dev, wire, IBV_WR_ATOMIC_FETCH_AND_ADD, false, "an atomic");
	}
	vt_close(&dev);
	return done();
}
