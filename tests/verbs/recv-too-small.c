// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A message longer than its receive: length error there, invalid request here, no byte beyond. */
#include "vt.h"

static void one(struct vt_dev *dev, bool wire, size_t len, size_t room)
{
	const char *road = wire ? "wire" : "local";
	uint8_t *m = vt_map(1 << 18), *dst = m + (1 << 17) + 55;
	struct ibv_mr *mr = vt_reg(dev, VT_PINNED, m, 1 << 18, VT_RCV_ALL);
	struct vt_pair p;

	vt_pair_open(dev, &p, VT_CFG(.wire = wire));
	vt_fill(m, 0, len, 1);
	vt_recv(&p.b, 3, mr, dst, room);
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .local = m, .len = len, .lkey = mr->lkey)),
	   IBV_WC_REM_INV_REQ_ERR, "%s: %zu bytes for a receive of %zu: sender", road, len, room);
	is(vt_rdone(&p.b), IBV_WC_LOC_LEN_ERR, "%s: receiver", road);
	is(p.b.wc.wr_id, 3, "%s: by its number", road);
	is(vt_check_byte(dst + room, len, 0), -1, "%s: nothing beyond the receive", road);
	is(vt_wait_state(&p.b, IBV_QPS_ERR), IBV_QPS_ERR, "%s: receiver in error", road);
	is(vt_wait_state(&p.a, IBV_QPS_ERR), IBV_QPS_ERR, "%s: sender in error", road);
	vt_pair_close(&p);
	vt_dereg(mr);
}

int main(void)
{
	struct vt_dev dev;
	int wire;

	vt_open(&dev);
	for (wire = 0; wire <= !vt_stock(); wire++) {
		one(&dev, wire, 2, 1);
		one(&dev, wire, 5000, 4999);
		one(&dev, wire, 60000, 8192);
	}
	vt_close(&dev);
	return done();
}
