// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N6: progress. Threads that invalidate the very range in use, without a pause,
 * cannot keep an access from being done: correctness and progress never depend
 * on a translation staying installed.
 */
#include "vt.h"
#include "vt_mm.h"

#include <sys/mman.h>

#define LEN	(16 * PAGE)

static uint8_t *mem;		/* a shared file: zapping it loses no data */

static void one(struct vt_dev *dev, bool wire)
{
	const char *road = wire ? "wire" : "local";
	uint8_t *src = vt_map(LEN), *back = vt_map(LEN);
	struct ibv_mr *smr = vt_reg(dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	struct ibv_mr *bmr = vt_reg(dev, VT_PINNED, back, LEN, VT_RCV_ALL);
	struct ibv_mr *mr = vt_reg(dev, VT_ODP, mem, LEN, VT_RCV_ALL);
	uint64_t *word = (void *)(mem + LEN - 8), *res = (void *)back;
	int i, bad = 0, n = vt_slow() ? 30 : 300;
	struct vt_pair p;

	vt_pair_open(dev, &p, VT_CFG(.wire = wire));
	for (i = 0; i < n && !bad; i++) {
		vt_fill(src, 0, LEN - 16, i);
		bad += vt_write(&p.a, smr, src, LEN - 16, mr, mem + 5);
		bad += vt_read(&p.a, bmr, back, LEN - 16, mr, mem + 5);
		bad += vt_check(back, 0, LEN - 16, i) >= 0;
	}
	is(bad, 0, "%s: %d writes and reads of 64 KiB, data right", road, n);
	*word = 0;
	for (i = 0; i < n && !bad; i++)
		bad += vt_do(&p.a, VT_OP(.op = IBV_WR_ATOMIC_FETCH_AND_ADD, .local = res, .len = 8,
					 .lkey = bmr->lkey, .remote = (uintptr_t)word,
					 .rkey = mr->rkey, .cmp_add = 1)) || *res != (uint64_t)i;
	is(bad, 0, "%s: %d atomics, each counts once", road, n);
	for (i = 0; i < n && !bad; i++) {
		vt_fill(src, 0, 5000, i);
		bad += vt_recv(&p.b, 0, mr, mem + 77, 5000);
		bad += vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .local = src, .len = 5000,
					 .lkey = smr->lkey));
		bad += vt_rdone(&p.b);
		bad += vt_check(mem + 77, 0, 5000, i) >= 0;
	}
	is(bad, 0, "%s: %d sends", road, n);
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_dereg(smr);
	vt_dereg(bmr);
}

int main(void)
{
	struct vt_zapper z[2];
	unsigned long zaps;
	struct vt_dev dev;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	mem = vt_map_fd(vt_memfd(LEN), LEN);
	vt_zapper_start(&z[0], mem, LEN, VT_PROTECT, false);
	vt_zapper_start(&z[1], mem, LEN, VT_DONTNEED, false);
	one(&dev, false);
	if (!vt_stock())
		one(&dev, true);
	zaps = vt_zapper_stop(&z[0]) + vt_zapper_stop(&z[1]);
	ok(zaps > 100, "the adversaries were real (%lu invalidations)", zaps);
	vt_close(&dev);
	return done();
}
