// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Registering on demand costs the same for a page, 64 GiB or 1 TiB, allocates
 * nothing in proportion, and the memory is usable at any point of it.
 */
#include "vt.h"
#include "vt_mm.h"

#include <sys/mman.h>

#define MRS	100

static struct vt_dev dev;
static struct vt_pair p;
static uint8_t *src;
static struct ibv_mr *smr;

static long long mem_free_kb(void)
{
	return vt_vmstat("nr_free_pages") * 4;
}

/* Write and read back around @at, across a page boundary. */
static void use(struct ibv_mr *mr, uint8_t *at, const char *where)
{
	vt_fill(src, 0, 10000, (uintptr_t)at);
	is(vt_write(&p.a, smr, src, 10000, mr, at), 0, "write %s", where);
	is(vt_check(at, 0, 10000, (uintptr_t)at), -1, "the data");
	is(vt_read(&p.a, smr, src + 20000, 10000, mr, at), 0, "read it");
	is(vt_check(src + 20000, 0, 10000, (uintptr_t)at), -1, "the data");
}

static void one_size(size_t len, const char *name)
{
	uint8_t *m = vt_map(len);
	long long before, leaves = vt_counter(&dev, "odp_leaves");
	struct ibv_mr *mr[MRS];
	uint64_t x = 88172645463325252ull;
	int i, bad = 0;

	before = mem_free_kb();
	for (i = 0; i < MRS; i++) {
		mr[i] = vt_try_reg(&dev, VT_ODP, m, len, VT_RCV_ALL);
		bad += !mr[i];
	}
	if (!is(bad, 0, "%d regions of %s", MRS, name)) {
		for (i = 0; i < MRS; i++)
			if (mr[i])
				vt_dereg(mr[i]);
		munmap(m, len);
		return;
	}
	before -= mem_free_kb();
	ok(before < 65536, "take no memory to speak of (%lld KiB in all)", before);
	if (!vt_stock())
		is(vt_counter(&dev, "odp_leaves"), leaves, "and no part of the table");
	use(mr[0], m + 1, "at the start");
	use(mr[1], m + len - 10000, "at the very end");
	for (i = 0; i < 20; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		use(mr[i], m + x % (len - 10000), "at random");
	}
	/* Overlapping regions are one memory. */
	use(mr[MRS - 1], m + 1, "through another region");
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_RDMA_READ, .local = src, .len = 2, .lkey = smr->lkey,
			     .remote = (uintptr_t)m + len - 1, .rkey = mr[0]->rkey)),
	   IBV_WC_REM_ACCESS_ERR, "one byte past the end of %s", name);
	vt_pair_reopen(&p);
	for (i = 0; i < MRS; i++)
		vt_dereg(mr[i]);
	munmap(m, len);
}

int main(void)
{
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_pair_open(&dev, &p, VT_CFG());
	src = vt_map(65536);
	smr = vt_reg(&dev, VT_PINNED, src, 65536, VT_RCV_ALL);
	one_size(5ul << 20, "5 MiB");
	/* Sizes that go wrong where somebody counts bytes in an int. */
	one_size(2ul << 30, "2 GiB");
	one_size(3ul << 30, "3 GiB");
	one_size((4ul << 30) + 12288, "4 GiB and a bit");
	one_size(64ul << 30, "64 GiB");
	one_size(1ul << 40, "1 TiB");
	vt_dereg(smr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
