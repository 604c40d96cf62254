// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The two parts of the demonstration that no stock program can do:
 *
 *	demo register	how long registering takes, on demand and pinned
 *	demo move	the kernel takes memory away from under an RDMA target
 *
 * Each prints lines for a reader who knows neither RDMA nor this project, and
 * exits with 1 if anything was not as the lines claim.
 */
#include "vt.h"
#include "vt_mm.h"

#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define REGION	(64ul << 30)
#define LEN	(16ul << 20)
#define PAGES	(LEN / PAGE)
#define TIMES	9

static struct vt_dev dev;
static bool failed;

/* Pages pinned in the machine now; the counters are gathered from all CPUs first. */
static long long pins(void)
{
	vt_write_file("/proc/sys/vm/stat_refresh", "1");
	return vt_pins();
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Median nanoseconds of @times registrations; pages pinned meanwhile to @pinned. */
static uint64_t register_time(enum vt_kind kind, void *m, size_t len, int times, long long *pinned)
{
	long long before = pins();
	uint64_t ns[TIMES];
	int i;

	for (i = 0; i < times; i++) {
		uint64_t start = now_ns();
		struct ibv_mr *mr = vt_reg(&dev, kind, m, len, VT_RCV_ALL);

		ns[i] = now_ns() - start;
		*pinned = pins() - before;
		vt_dereg(mr);
	}
	qsort(ns, times, sizeof(ns[0]), by_value);
	return ns[times / 2];
}

static void pinned_gib(int advice, const char *name)
{
	const size_t len = 1ul << 30;
	void *m = vt_map(len);
	long long pinned;
	uint64_t ns;

	if (madvise(m, len, advice) || madvise(m, len, MADV_POPULATE_WRITE))
		bail("1 GiB of memory: %m");
	ns = register_time(VT_PINNED, m, len, 3, &pinned);
	munmap(m, len);
	printf("      1 GiB pinned, %-16s %9.0f microseconds %9lld pages pinned\n", name, ns / 1e3,
	       pinned);
	fflush(stdout);
	if (pinned != (long long)(len / PAGE)) {
		printf("     WRONG: %lu pages were expected to be pinned\n", len / PAGE);
		failed = true;
	}
}

static int registering(void)
{
	void *m = vt_map(REGION);
	long long pinned;
	uint64_t ns;

	ns = register_time(VT_ODP, m, REGION, TIMES, &pinned);
	munmap(m, REGION);
	printf("     64 GiB on demand                %9.0f microseconds %9lld pages pinned\n", ns / 1e3,
	       pinned);
	fflush(stdout);
	if (pinned) {
		printf("     WRONG: nothing was to be pinned\n");
		failed = true;
	}
	pinned_gib(MADV_HUGEPAGE, "2 MiB pages");
	pinned_gib(MADV_NOHUGEPAGE, "4 KiB pages");
	return failed;
}

/*
 * Memory that moves
 */

static long long first_pins;

static long long entries(void)
{
	return vt_counter(&dev, "odp_resident_pages");
}

/* One line of the table; @want is what the step should do to the entries. */
static void row(const char *what, long long before, long long want, bool good, const char *data)
{
	long long after = entries(), pinned = pins() - first_pins;

	good = good && after - before == want && pinned == 0;
	printf("     %-36s %6lld -> %-6lld %6lld   %s\n", what, before, after, pinned,
	       good ? data : "WRONG");
	fflush(stdout);
	failed = failed || !good;
}

/* Move every page of @m to the other node; returns how many have another frame. */
static size_t migrate(uint8_t *m)
{
	static uint64_t frame[PAGES];
	static int nodes[PAGES], status[PAGES];
	static void *pages[PAGES];
	size_t i, moved = 0;
	int here, tries;

	for (i = 0; i < PAGES; i++) {
		pages[i] = m + i * PAGE;
		frame[i] = vt_pagemap(pages[i]);
	}
	if (numa_move_pages(0, PAGES, pages, NULL, status, 0))
		return 0;
	for (i = 0; i < PAGES; i++) {
		here = status[i] < 0 ? 0 : status[i];
		nodes[i] = !here;
	}
	/* The kernel's own batches may hold a page for a moment. */
	for (tries = 0; tries < 50 && moved < PAGES; tries++) {
		numa_move_pages(0, PAGES, pages, nodes, status, MPOL_MF_MOVE);
		for (i = 0, moved = 0; i < PAGES; i++)
			moved += vt_pagemap(pages[i]) >> 63 && vt_pagemap(pages[i]) != frame[i];
	}
	return moved;
}

static int moving(void)
{
	uint8_t *region, *m, *src, *back;
	struct ibv_mr *mr, *smr, *bmr;
	long long before, out;
	struct vt_pair p;
	bool good;

	if (numa_available() < 0 || numa_max_node() < 1)
		bail("this needs a machine with two NUMA nodes (kernel argument numa=fake=2)");
	vt_swap_on(128);
	vt_pair_open(&dev, &p, VT_CFG());
	region = vt_map(REGION);
	mr = vt_reg(&dev, VT_ODP, region, REGION, VT_RCV_ALL);
	m = region + REGION / 2;
	src = vt_map(LEN);
	smr = vt_reg(&dev, VT_ODP, src, LEN, VT_RCV_ALL);
	back = vt_map(LEN);
	bmr = vt_reg(&dev, VT_ODP, back, LEN, VT_RCV_ALL);

	/* Nothing but what is asked for below shall move the pages. */
	madvise(region, REGION, MADV_NOHUGEPAGE);
	madvise(src, LEN, MADV_NOHUGEPAGE);
	madvise(back, LEN, MADV_NOHUGEPAGE);
	/* Translations of the two buffers on this side are not what is counted. */
	vt_fill(src, 0, LEN, 0);
	vt_write(&p.a, smr, src, LEN, bmr, back);
	first_pins = pins();

	printf("     %-36s %16s %6s   %s\n", "", "entries", "pinned", "16 MiB of data");
	vt_fill(src, 0, LEN, 1);
	before = entries();
	good = !vt_write(&p.a, smr, src, LEN, mr, m) && vt_check(m, 0, LEN, 1) == -1;
	row("RDMA write", before, PAGES, good, "right");

	before = entries();
	munmap(m, LEN);
	out = entries() - before;
	good = out == -(long long)PAGES && vt_write(&p.a, smr, src, LEN, mr, m) == IBV_WC_REM_ACCESS_ERR;
	row("unmapped (munmap)", before, -(long long)PAGES, good, "gone: the next RDMA write is refused");
	vt_pair_reopen(&p);

	before = entries();
	if (mmap(m, LEN, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		bail("mapping it again: %m");
	vt_fill(src, 0, LEN, 2);
	good = !vt_write(&p.a, smr, src, LEN, mr, m) && vt_check(m, 0, LEN, 2) == -1;
	row("new memory there, RDMA write", before, PAGES, good, "right");

	before = entries();
	good = vt_pageout(m, LEN) == PAGES && vt_count_swapped(m, LEN) == PAGES;
	row("swapped out (all of it is in swap)", before, -(long long)PAGES, good, "in swap");

	before = entries();
	memset(back, 0, LEN);
	good = !vt_read(&p.a, bmr, back, LEN, mr, m) && vt_check(back, 0, LEN, 2) == -1 &&
	       vt_check(m, 0, LEN, 2) == -1;
	row("RDMA read brings it back", before, PAGES, good, "right");

	before = entries();
	good = migrate(m) == PAGES;
	row("migrated to the other NUMA node", before, -(long long)PAGES, good, "every page has moved");

	before = entries();
	memset(back, 0, LEN);
	good = !vt_read(&p.a, bmr, back, LEN, mr, m) && vt_check(back, 0, LEN, 2) == -1;
	row("RDMA read from where it is now", before, PAGES, good, "right");

	before = entries();
	vt_fill(src, 0, LEN, 3);
	good = !vt_write(&p.a, smr, src, LEN, mr, m) && vt_check(m, 0, LEN, 3) == -1;
	row("RDMA write again", before, 0, good, "right");

	if (vt_status_kb("VmPin") != 0) {
		printf("     WRONG: this process has %lld KiB pinned (VmPin)\n", vt_status_kb("VmPin"));
		failed = true;
	}
	vt_dereg(mr);
	vt_dereg(smr);
	vt_dereg(bmr);
	vt_pair_close(&p);
	return failed;
}

int main(int argc, char **argv)
{
	int rc;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	if (argc == 2 && !strcmp(argv[1], "register"))
		rc = registering();
	else if (argc == 2 && !strcmp(argv[1], "move"))
		rc = moving();
	else
		bail("usage: demo register|move");
	vt_close(&dev);
	return rc;
}
