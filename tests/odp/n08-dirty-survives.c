// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N8: what was written through RDMA survives reclaim, in the states in which a
 * page can be written without being marked dirty by the CPU's page table:
 * given to MADV_FREE, swapped in by a read, shared memory read before.
 */
#include "vt.h"
#include "vt_mm.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES	64
#define LEN	(PAGES * PAGE)

static struct vt_dev dev;
static struct vt_pair p;
static uint8_t *src;
static struct ibv_mr *smr;

static int put(struct ibv_mr *mr, void *to, uint64_t seed)
{
	vt_fill(src, 0, LEN, seed);
	return vt_write(&p.a, smr, src, LEN, mr, to);
}

/* Page @m out and look: the data must come back, and it must have been out. */
static void survives(const char *what, uint8_t *m, uint64_t seed)
{
	is(vt_pageout(m, LEN), PAGES, "%s: all pages go out", what);
	is(vt_check(m, 0, LEN, seed), -1, "%s: and come back with the data", what);
}

static void touch(volatile uint8_t *m)
{
	size_t i;

	for (i = 0; i < LEN; i += PAGE)
		(void)m[i];
}

static void anonymous(enum vt_kind kind)
{
	const char *k = vt_kind_name[kind];
	uint8_t *m = vt_map(LEN);
	struct ibv_mr *mr = vt_reg(&dev, kind, m, LEN, VT_RCV_ALL);
	char what[64];

	madvise(m, LEN, MADV_NOHUGEPAGE);
#define CASE(name) (snprintf(what, sizeof(what), "%s, " name, k), what)
	is(put(mr, m, 1), 0, "%s: write", k);
	survives(CASE("first write"), m, 1);

	is(put(mr, m, 2), 0, "%s: write, hot now", k);
	is(madvise(m, LEN, MADV_FREE), 0, "%s: MADV_FREE", k);
	is(put(mr, m, 3), 0, "%s: write", k);
	survives(CASE("write after MADV_FREE"), m, 3);

	vt_fill(m, 0, LEN, 4);
	vt_pageout(m, LEN);
	touch(m);
	is(put(mr, m, 5), 0, "%s: write to what the CPU read in from swap", k);
	survives(CASE("write after swap-in by the CPU"), m, 5);

	vt_pageout(m, LEN);
	memset(src, 0, LEN);
	is(vt_read(&p.a, smr, src, LEN, mr, m), 0, "%s: the device reads it in from swap", k);
	is(vt_check(src, 0, LEN, 5), -1, "%s: the data", k);
	is(put(mr, m, 6), 0, "%s: and writes", k);
	survives(CASE("write after swap-in by the device"), m, 6);

	vt_pageout(m, LEN);
	is(put(mr, m, 7), 0, "%s: write straight to swapped-out memory", k);
	survives(CASE("write that swaps in"), m, 7);
	vt_dereg(mr);
}

static void shared(void)
{
	int fd = vt_memfd(LEN);
	uint8_t *m = vt_map_fd(fd, LEN), *view = vt_map_fd(fd, LEN);
	struct ibv_mr *mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);

	touch(m);
	is(put(mr, m, 1), 0, "write to shared memory that the CPU has read");
	survives("shared, read by the CPU before", m, 1);
	is(vt_check(view, 0, LEN, 1), -1, "another mapping shows it too");
	munmap(view, LEN);

	vt_pageout(m, LEN);
	is(vt_read(&p.a, smr, src, LEN, mr, m), 0, "the device reads it in");
	is(put(mr, m, 2), 0, "and writes");
	survives("shared, read by the device before", m, 2);
	vt_dereg(mr);
}

int main(void)
{
	int kind;

	vt_swap_on(64);
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_pair_open(&dev, &p, VT_CFG());
	src = vt_map(LEN);
	smr = vt_reg(&dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	for (kind = VT_ODP; kind <= VT_IMPLICIT; kind++)
		if (vt_can(&dev, kind))
			anonymous(kind);
	shared();
	vt_dereg(smr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
