// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A region of 1 TiB of which little is touched, at random: what describes it is in
 * proportion to what is touched and is given back when that is unmapped; and
 * prefetching what is resident does not look for it in the holes.
 */
#include "vt.h"
#include "vt_mm.h"
#include "vt_umem.h"

#include <stdlib.h>
#include <sys/mman.h>

#define LEN	(1ul << 40)
#define GIB	(1ul << 30)

static size_t place(unsigned int *seed)
{
	return ((size_t)rand_r(seed) << 20 ^ (size_t)rand_r(seed) << 3) % LEN & ~7ul;
}

int main(void)
{
	unsigned int seed, i, n = vt_slow() ? 100 : 500;
	struct umem_test_stats before, st;
	struct ibv_mr *mr, *smr;
	uint64_t *src, wrong = 0;
	struct vt_dev dev;
	struct vt_pair p;
	uint8_t *mem;
	int fd;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	fd = vt_umem_open();
	src = vt_map(PAGE);
	smr = vt_reg(&dev, VT_PINNED, src, PAGE, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG());
	mem = vt_map(LEN);
	madvise(mem, LEN, MADV_NOHUGEPAGE);
	before = vt_umem_stats(fd);
	mr = vt_reg(&dev, VT_ODP, mem, LEN, VT_RCV_ALL);
	st = vt_umem_stats(fd);
	ok(st.leaves + st.interior == before.leaves + before.interior, "registering takes none");

	for (seed = 1, i = 0; i < n && !wrong; i++) {
		*src = i + 1;
		wrong += !!vt_write(&p.a, smr, src, 8, mr, mem + place(&seed));
	}
	is(wrong, 0, "%u writes at random places", n);
	for (seed = 1, i = 0; i < n; i++)
		wrong += *(uint64_t *)(mem + place(&seed)) != i + 1;
	is(wrong, 0, "each is where it belongs");
	st = vt_umem_stats(fd);
	diag("%u writes: %llu entries, %llu leaves, %llu pages above", n,
	     (unsigned long long)(st.resident - before.resident),
	     (unsigned long long)(st.leaves - before.leaves),
	     (unsigned long long)(st.interior - before.interior));
	ok(st.leaves - before.leaves <= n && st.interior - before.interior <= 2 * n + 4,
	   "the table is in proportion to them");

	vt_umem(fd, UMEM_TEST_DO_FAULT, mem, PAGE, NULL, 0);
	/* The owner touches some more; of 1 TiB only these are there to be found. */
	for (i = 1; i <= 40; i++)
		mem[i * 25 * GIB + 12345] = 1;
	st = vt_umem_stats(fd);
	vt_umem(fd, UMEM_TEST_DO_FAULT, mem, LEN, NULL,
		UMEM_TEST_NOFAULT | UMEM_TEST_PREFETCH | UMEM_TEST_WRITE);
	is(vt_umem_stats(fd).prefetch_pages - st.prefetch_pages, 40ull,
	   "prefetching what is resident of 1 TiB finds just that");

	munmap(mem, LEN / 2);
	st = vt_umem_stats(fd);
	ok(st.interior - before.interior <= 2 * 512 + 4, "unmapping half of it gives memory back");
	for (i = LEN / 2 / GIB; i < LEN / GIB; i += 8)
		munmap(mem + i * GIB, 8 * GIB);
	st = vt_umem_stats(fd);
	is(st.resident, before.resident, "unmapped piece by piece, nothing is translated");
	is(st.leaves, before.leaves, "no leaf is left");
	is(st.interior, before.interior, "and nothing above");
	vt_dereg(mr);
	vt_dereg(smr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
