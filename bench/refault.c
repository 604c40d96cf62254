// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Aging: how often pages of a hot set have to be faulted in again, because reclaim
 * has thrown them out, while new memory streams through a memory cgroup that has no
 * room for both.
 *
 *	refault cpu|rdma|rdma-no-aging [HOT [LIMIT [COLD]]]
 *
 * All in MiB (24, 48, 4). Prints a line of test ("refault_cpu" and so on), size of the
 * hot set and refaults, separated by tabs; and as a comment what else there is to know.
 *
 * Between any two COLD MiB of new memory all of the hot set is gone through once, by
 * reads and writes in turns: by RDMA in an on-demand region, or by memcpy. That is
 * the only difference. With rdma-no-aging the module parameter no_aging is set
 * meanwhile; with the distribution's driver, which has no aging, rdma does it.
 *
 * A refault is a page that is not mapped right before it is touched. Each piece of
 * the hot set is looked at by itself, so that what an earlier piece has pushed out
 * counts. The first half of the passes is left out: at first all pages look alike to the
 * kernel, which throws out the oldest, and what it takes to learn is not what is asked.
 */
#include "vt.h"
#include "vt_mm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB	(1ul << 20)
#define PIECE	(256ul << 10)
#define PASSES	48
#define WARM	24
#define NO_AGING "/sys/module/umem_notifier/parameters/no_aging"

struct result {
	long refaults[PASSES], cold_out;
	int wrong;
};

static void stamp(uint8_t *m, size_t len, uint64_t seed)
{
	size_t at;

	for (at = 0; at < len; at += PAGE)
		*(uint64_t *)(m + at) = at + seed;
}

static bool stamped(const uint8_t *m, size_t len, uint64_t seed)
{
	size_t at;

	for (at = 0; at < len; at += PAGE)
		if (*(const uint64_t *)(m + at) != at + seed)
			return false;
	return true;
}

static uint8_t *small_pages(size_t len)
{
	uint8_t *m = vt_map(len);

	madvise(m, len, MADV_NOHUGEPAGE);
	return m;
}

static void passes(bool rdma, size_t hot_len, size_t cold_len, struct result *r)
{
	uint8_t *hot = small_pages(hot_len), *buf = vt_map(PIECE);
	uint8_t *cold = small_pages(PASSES * cold_len);
	struct ibv_mr *mr, *bmr;
	struct vt_dev dev;
	struct vt_pair p;
	size_t at;
	int i;

	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG());
	bmr = vt_reg(&dev, VT_PINNED, buf, PIECE, VT_RCV_ALL);
	mr = vt_reg(&dev, VT_ODP, hot, hot_len, VT_RCV_ALL);
	for (at = 0; at < hot_len; at += PIECE)
		stamp(hot + at, PIECE, at);
	for (i = 0; i < PASSES; i++) {
		bool write = i & 1;

		stamp(cold + i * cold_len, cold_len, i);
		for (at = 0; at < hot_len; at += PIECE) {
			r->refaults[i] += PIECE / PAGE - vt_count_present(hot + at, PIECE);
			if (write)
				stamp(buf, PIECE, at + i);
			if (!rdma)
				memcpy(write ? hot + at : buf, write ? buf : hot + at, PIECE);
			else if (write)
				r->wrong += !!vt_write(&p.a, bmr, buf, PIECE, mr, hot + at);
			else
				r->wrong += !!vt_read(&p.a, bmr, buf, PIECE, mr, hot + at);
			/* What is read was written in the pass before. */
			r->wrong += !write && !stamped(buf, PIECE, i ? at + i - 1 : at);
		}
	}
	r->cold_out = PASSES * cold_len / PAGE - vt_count_present(cold, PASSES * cold_len);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	size_t hot = (argc > 2 ? strtoul(argv[2], NULL, 0) : 24) * MIB;
	size_t cold = (argc > 4 ? strtoul(argv[4], NULL, 0) : 4) * MIB;
	bool no_aging = !strcmp(what, "rdma-no-aging"), rdma = no_aging || !strcmp(what, "rdma");
	struct result *r = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0);
	long total = 0;
	char limit[16];
	pid_t pid;
	int i, st;

	if (r == MAP_FAILED || !hot || !cold || (!rdma && strcmp(what, "cpu")))
		bail("usage: refault cpu|rdma|rdma-no-aging [HOT [LIMIT [COLD]]]");
	snprintf(limit, sizeof(limit), "%sM", argc > 3 ? argv[3] : "48");
	vt_swap_on(512);
	/* No neighbours are read in: they would be mapped by accident. */
	vt_write_file("/proc/sys/vm/page-cluster", "0");
	vt_cgroup();
	vt_cgroup_set("memory.max", limit);
	if (no_aging && vt_write_file(NO_AGING, "1"))
		bail(NO_AGING ": %m");
	pid = fork();
	if (!pid) {
		vt_cgroup_enter();
		passes(rdma, hot, cold, r);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid)
		st = -1;
	if (no_aging)
		vt_write_file(NO_AGING, "0");
	vt_write_file("/proc/sys/vm/page-cluster", "3");
	if (st || r->wrong)
		bail("%s: status %d, %d pieces wrong", what, st, r->wrong);
	printf("# %s, refaults of %lu pages in each pass:", what, hot / PAGE);
	for (i = 0; i < PASSES; i++) {
		printf(" %ld", r->refaults[i]);
		if (i >= WARM)
			total += r->refaults[i];
	}
	printf("; %ld of %lu cold pages are out\n", r->cold_out, PASSES * cold / PAGE);
	printf("refault_%s\t%zu\t%ld\n", what, hot, total);
	return 0;
}
