// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * 64 queue pairs use one region at once while its translations are taken away all
 * the time: each finds its own data, and no addition to a word that they share is
 * lost or made twice.
 */
#include "vt.h"
#include "vt_mm.h"

#include <string.h>
#include <sys/mman.h>

#define PAIRS	64
#define PART	(3 * PAGE + 24)
#define LEN	(PAIRS * PART)

static uint8_t *mem;
static uint64_t *shared;

int main(void)
{
	int i, round, rounds = vt_slow() ? 3 : 15, bad = 0, adds = 0;
	struct ibv_mr *mr, *lmr;
	struct vt_pair p[PAIRS];
	struct vt_dev dev;
	uint8_t *src, *back;
	struct vt_zapper z;
	unsigned long zaps;
	uint64_t *old;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	mem = vt_map(LEN + PAGE);
	shared = (void *)(mem + LEN / 8 * 8);
	mr = vt_reg(&dev, VT_ODP, mem, LEN + PAGE, VT_RCV_ALL);
	src = vt_map(3 * LEN);
	back = src + LEN;
	old = (void *)(src + 2 * LEN);
	lmr = vt_reg(&dev, VT_PINNED, src, 3 * LEN, VT_RCV_ALL);
	for (i = 0; i < PAIRS; i++)
		vt_pair_open(&dev, &p[i], VT_CFG(.depth = 8, .wire = i % 4 == 3 && !vt_stock()));
	vt_zapper_start(&z, mem, LEN, VT_PROTECT, true);

	for (round = 0; round < rounds && !bad; round++) {
		vt_fill(src, 0, LEN, round);
		for (i = 0; i < PAIRS; i++) {
			uint8_t *part = mem + i * PART;

			bad += !!vt_post(&p[i].a, VT_OP(.op = IBV_WR_RDMA_WRITE,
				.local = src + i * PART, .len = PART, .lkey = lmr->lkey,
				.remote = (uintptr_t)part, .rkey = mr->rkey));
			bad += !!vt_post(&p[i].a, VT_OP(.op = IBV_WR_ATOMIC_FETCH_AND_ADD,
				.local = &old[i], .len = 8, .lkey = lmr->lkey,
				.remote = (uintptr_t)shared, .rkey = mr->rkey, .cmp_add = i + 1));
			bad += !!vt_post(&p[i].a, VT_OP(.op = IBV_WR_RDMA_READ,
				.local = back + i * PART, .len = PART, .lkey = lmr->lkey,
				.remote = (uintptr_t)part, .rkey = mr->rkey));
			adds += i + 1;
		}
		for (i = 0; i < 3 * PAIRS; i++)
			bad += !!vt_done(&p[i / 3].a);
		bad += vt_check(mem, 0, LEN, round) >= 0;
		bad += vt_check(back, 0, LEN, round) >= 0;
	}
	zaps = vt_zapper_stop(&z);
	is(bad, 0, "%d rounds of a write, an addition and a read each", rounds);
	is(*shared, (uint64_t)adds, "every addition counts once");
	ok(zaps, "and %lu times the region was invalidated", zaps);
	for (i = 0; i < PAIRS; i++)
		vt_pair_close(&p[i]);
	vt_dereg(mr);
	vt_dereg(lmr);
	vt_close(&dev);
	return done();
}
