// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Requests take effect in the order they were posted: a send announces the
 * writes before it, a fenced write sees the read before it, and of many writes
 * to one place the last one stays.
 */
#include "vt.h"

#define LEN	70000

static void one_road(struct vt_dev *dev, bool wire)
{
	const char *road = wire ? "wire" : "local";
	int i, bad = 0, n = vt_slow() ? 5 : 60;
	uint8_t *src = vt_map(1 << 20), *dst = vt_map(1 << 20);
	struct ibv_mr *smr = vt_reg(dev, VT_PINNED, src, 1 << 20, VT_RCV_ALL);
	struct ibv_mr *dmr = vt_reg(dev, VT_PINNED, dst, 1 << 20, VT_RCV_ALL);
	struct vt_pair p;

	vt_pair_open(dev, &p, VT_CFG(.wire = wire, .depth = 128));
	for (i = 0; i < n; i++) {
		vt_fill(src, 0, LEN, i);
		vt_recv(&p.b, i, dmr, dst + 500000, 8);
		vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = src, .len = LEN,
				    .lkey = smr->lkey, .remote = (uintptr_t)dst + 3,
				    .rkey = dmr->rkey, .quiet = true));
		vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .local = src, .len = 8, .lkey = smr->lkey));
		/* Only the receive is waited for: that must be enough. */
		bad += vt_rdone(&p.b) || vt_check(dst + 3, 0, LEN, i) >= 0;
		bad += vt_done(&p.a);
	}
	is(bad, 0, "%s: what was written is there when the send after it is received", road);

	for (i = 0; i < n; i++) {
		vt_fill(dst, 0, LEN, 1000 + i);
		vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_READ, .local = src, .len = LEN,
				    .lkey = smr->lkey, .remote = (uintptr_t)dst,
				    .rkey = dmr->rkey, .quiet = true));
		vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = src, .len = LEN,
				    .lkey = smr->lkey, .remote = (uintptr_t)dst + 100000,
				    .rkey = dmr->rkey, .fence = true));
		bad += vt_done(&p.a) || vt_check(dst + 100000, 0, LEN, 1000 + i) >= 0;
	}
	is(bad, 0, "%s: a fenced write sends what the read before it brought", road);

	for (i = 0; i < 100; i++) {
		vt_fill(src + i * 4096, 0, 3000, i);
		bad += !!vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = src + i * 4096,
					     .len = 3000, .lkey = smr->lkey, .id = i,
					     .remote = (uintptr_t)dst + 77, .rkey = dmr->rkey));
	}
	for (i = 0; i < 100; i++)
		bad += vt_done(&p.a) || p.a.wc.wr_id != (uint64_t)i;
	is(bad, 0, "%s: a hundred writes to one place complete in order", road);
	is(vt_check(dst + 77, 0, 3000, 99), -1, "%s: the last one stays", road);
	vt_pair_close(&p);
	vt_dereg(smr);
	vt_dereg(dmr);
}

int main(void)
{
	return vt_each_road(one_road);
}
