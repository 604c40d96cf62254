// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N3: pages are collapsed into a huge page and huge pages are split under hot
 * translations: by mprotect, partial munmap, partial MADV_DONTNEED, mremap, paging
 * out. In anonymous and in shared memory, and with data checked after each.
 */
#define _GNU_SOURCE
#include "vt_mm.h"
#include "vt_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE	(2ul << 20)
#define LEN	(2 * HUGE)
#define ODD	777		/* transfers do not start on page boundaries */

static struct vt_rig r;
static uint8_t *m;
static struct ibv_mr *mr;

/* KiB of [m, m + LEN) that huge pages map. */
static long huge_kb(void)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	bool mine = false;
	char line[256];
	long kb = 0, n;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			mine = from >= (uintptr_t)m && to <= (uintptr_t)m + LEN;
		else if (mine && (sscanf(line, "AnonHugePages: %ld", &n) == 1 ||
				  sscanf(line, "ShmemPmdMapped: %ld", &n) == 1))
			kb += n;
	}
	if (f)
		fclose(f);
	return kb;
}

static void map(void)
{
	if (mmap(m, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != m)
		bail("mmap: %m");
}

/* Two huge pages, written by RDMA, every byte but the first few. */
static void make_huge(uint64_t seed)
{
	map();
	madvise(m, LEN, MADV_HUGEPAGE);
	memset(m, 0, LEN);
	is(vt_put(&r, mr, m + ODD, LEN - ODD, seed), 0, "write to huge pages");
	is(huge_kb(), LEN / 1024, "which they are");
}

/* What is left: all but the page @hole (0: none) of stream @seed. */
static bool intact(size_t hole, uint64_t seed)
{
	uint8_t *want = vt_map(LEN);
	size_t after = hole ? hole + PAGE : LEN;
	bool right;
	int st;

	vt_fill(want + ODD, 0, LEN - ODD, seed);
	memset(r.buf, 0, LEN);
	st = vt_read(&r.pair[0].a, r.bmr, r.buf, hole ? hole : LEN, mr, m);
	if (!st && hole)
		st = vt_read(&r.pair[r.roads - 1].a, r.bmr, r.buf + after, LEN - after, mr,
			     m + after);
	right = !st && !memcmp(r.buf, want, hole ? hole : LEN) &&
		!memcmp(r.buf + after, want + after, LEN - after) &&
		!memcmp(m, want, hole ? hole : LEN) &&
		!memcmp(m + after, want + after, LEN - after);
	munmap(want, LEN);
	return right;
}

/* May fail for a moment while someone else looks at a page. */
static bool collapsed(void)
{
	int i;

	madvise(m, LEN, MADV_HUGEPAGE);
	for (i = 0; i < 200; i++) {
		if (!madvise(m, LEN, MADV_COLLAPSE))
			return true;
		if (errno != EAGAIN && errno != EBUSY)
			break;
		usleep(5000);
	}
	return false;
}

static void collapse(void)
{
	map();
	madvise(m, LEN, MADV_NOHUGEPAGE);
	is(vt_put(&r, mr, m + ODD, LEN - ODD, 1), 0, "write to small pages, now they are hot");
	is(huge_kb(), 0, "small they are");
	ok(collapsed() && huge_kb() == LEN / 1024, "collapsed into huge pages");
	ok(intact(0, 1), "the data");
	is(vt_put(&r, mr, m + ODD, LEN - ODD, 2), 0, "write again");
	ok(intact(0, 2), "the data");
}

static void split(void)
{
	uint8_t *away = (uint8_t *)0x50000000;

	make_huge(3);
	mprotect(m + 5 * PAGE, PAGE, PROT_READ);
	ok(huge_kb() < (long)LEN / 1024, "mprotect of a page splits");
	ok(intact(0, 3), "the data");
	is(vt_put(&r, mr, m, LEN, 4), IBV_WC_REM_ACCESS_ERR, "that page cannot be written");
	is(vt_put(&r, mr, m + 6 * PAGE, LEN - 6 * PAGE, 4), 0, "what follows it can");
	vt_sees(&r, mr, m + 6 * PAGE, LEN - 6 * PAGE, 4, "the data");

	make_huge(5);
	munmap(m + 100 * PAGE, PAGE);
	ok(intact(100 * PAGE, 5), "munmap of a page leaves the others");
	is(vt_get(&r, mr, m + 100 * PAGE, 8, 5), IBV_WC_REM_ACCESS_ERR, "it is gone");

	make_huge(6);
	madvise(m + 300 * PAGE, PAGE, MADV_DONTNEED);
	ok(intact(300 * PAGE, 6), "so does MADV_DONTNEED");
	vt_sees(&r, mr, m + 300 * PAGE, PAGE, VT_ZERO, "it is zero");

	make_huge(7);
	if (mremap(m + 200 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, away) != away ||
	    mremap(away, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, m + 200 * PAGE) !=
	    m + 200 * PAGE)
		bail("mremap: %m");
	ok(intact(0, 7), "a page moved away and back is the same");

	/* Whole huge pages move by their page table entry. */
	make_huge(8);
	away = (uint8_t *)0x60000000;
	if (mremap(m, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, away) != away)
		bail("mremap: %m");
	is(vt_get(&r, mr, m, 8, 8), IBV_WC_REM_ACCESS_ERR, "moved away, they are gone");
	if (mremap(away, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, m) != m)
		bail("mremap: %m");
	ok(intact(0, 8), "and back, they are the same");

	make_huge(9);
	is(vt_pageout(m, LEN), LEN / PAGE, "paged out");
	is(vt_put(&r, mr, m + HUGE, HUGE, 10), 0, "half of it is written while it is out");
	vt_sees(&r, mr, m + HUGE, HUGE, 10, "the data");
	vt_fill(r.buf, 0, LEN, 9);
	is(memcmp(m + ODD, r.buf, HUGE - ODD), 0, "and the other half is back");
}

/* Shared memory, as the page cache of a memory file. */
static void shared(void)
{
	int fd = vt_memfd(LEN);

	if (mmap(m, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != m)
		bail("mmap: %m");
	is(vt_put(&r, mr, m + ODD, LEN - ODD, 11), 0, "write to shared memory");
	if (!collapsed())
		diag("shared memory is not collapsed: %m");
	ok(intact(0, 11), "the data, after collapsing");
	is(vt_put(&r, mr, m + ODD, LEN - ODD, 12), 0, "write again");
	is(madvise(m + 40 * PAGE, PAGE, MADV_REMOVE), 0, "punch a hole");
	ok(intact(40 * PAGE, 12), "the others stay");
	vt_sees(&r, mr, m + 40 * PAGE, PAGE, VT_ZERO, "it is zero");
	close(fd);
}

int main(void)
{
	vt_swap_on(64);
	vt_rig_open(&r, LEN);
	m = (uint8_t *)0x40000000;
	map();
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	collapse();
	split();
	shared();
	vt_dereg(mr);
	vt_rig_close(&r);
	return done();
}
