// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* More reads and atomics than the agreed number may be posted; they wait their turn, in order. */
#include "vt.h"

#define N	60
#define LEN	6000

static void one(struct vt_dev *dev, int depth, bool wire)
{
	uint8_t *src = vt_map(N * LEN), *dst = vt_map(N * LEN + 4096);
	struct ibv_mr *smr = vt_reg(dev, VT_PINNED, src, N * LEN, VT_RCV_ALL);
	struct ibv_mr *dmr = vt_reg(dev, VT_PINNED, dst, N * LEN + 4096, VT_RCV_ALL);
	uint64_t *results = (void *)(dst + N * LEN);
	struct vt_pair p;
	int i, bad = 0;

	vt_pair_open(dev, &p, VT_CFG(.rd_atomic = depth, .depth = 2 * N, .wire = wire));
	vt_fill(src + 8, 8, N * LEN - 8, 4);
	for (i = 0; i < N; i++) {
		bad += !!vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_READ, .id = 2 * i,
					     .local = dst + i * LEN, .len = LEN, .lkey = dmr->lkey,
					     .remote = (uintptr_t)src + i * LEN,
					     .rkey = smr->rkey));
		bad += !!vt_post(&p.a, VT_OP(.op = IBV_WR_ATOMIC_FETCH_AND_ADD, .id = 2 * i + 1,
					     .local = results + i, .len = 8, .lkey = dmr->lkey,
					     .remote = (uintptr_t)src, .rkey = smr->rkey,
					     .cmp_add = 1));
	}
	is(bad, 0, "post %d reads and %d atomics, %d may be out", N, N, depth);
	for (i = 0; i < 2 * N; i++)
		bad += vt_done(&p.a) || p.a.wc.wr_id != (uint64_t)i;
	is(bad, 0, "they complete in order");
	is(vt_check(dst + 8, 8, N * LEN - 8, 4), -1, "the data");
	for (i = 0; i < N; i++)
		bad += results[i] != (uint64_t)i;
	is(bad, 0, "each atomic ran once, in order");
	is(*(uint64_t *)src, N, "and the word shows them");
	vt_pair_close(&p);
	vt_dereg(smr);
	vt_dereg(dmr);
}

int main(void)
{
	struct vt_dev dev;
	int wire;

	vt_open(&dev);
	for (wire = 0; wire <= !vt_stock(); wire++) {
		one(&dev, 1, wire);
		one(&dev, 4, wire);
		one(&dev, 16, wire);
	}
	vt_close(&dev);
	return done();
}
