// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N9: aging. Pages that only RDMA uses are as young as pages the CPU uses.
 *
 * In a memory cgroup that is far too small, new memory streams through; between
 * any two chunks of it all of a hot region is read, by the CPU in one run and by
 * RDMA in another, and before that reading we count the hot pages that reclaim
 * has thrown out. A region nobody touches is the witness that reclaim worked.
 *
 * kernels: 6.1 6.12 7.3 (two minutes with every debugging option; umem_reclaim is there)
 * timeout: 120
 */
#include "vt.h"
#include "vt_mm.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB		(1ul << 20)
#define HOT		(8 * MIB)
#define LIMIT		"40M"
#define CHUNKS		96

enum how { BY_CPU, BY_RDMA, BY_NOBODY };

struct result {
	long evicted;		/* hot pages found swapped out, over all chunks */
	long idle;		/* pages of the witness that are out at the end */
	int wrong;
};

static void dirty(uint8_t *m, size_t len)
{
	size_t at;

	for (at = 0; at < len; at += PAGE)
		*(uint64_t *)(m + at) = at + 1;
}

static void run(enum how how, struct result *r)
{
	uint8_t *hot = vt_map(HOT), *witness = vt_map(HOT), *sink = vt_map(MIB);
	struct ibv_mr *mr, *smr;
	struct vt_dev dev;
	struct vt_pair p;
	size_t at;
	int i;

	madvise(hot, HOT, MADV_NOHUGEPAGE);
	madvise(witness, HOT, MADV_NOHUGEPAGE);
	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG());
	smr = vt_reg(&dev, VT_PINNED, sink, MIB, VT_RCV_ALL);
	mr = vt_reg(&dev, VT_ODP, hot, HOT, VT_RCV_ALL);
	dirty(hot, HOT);
	dirty(witness, HOT);
	for (i = 0; i < CHUNKS; i++) {
		uint8_t *chunk = vt_map(MIB);

		madvise(chunk, MIB, MADV_NOHUGEPAGE);
		dirty(chunk, MIB);
		r->evicted += vt_count_swapped(hot, HOT);
		for (at = 0; at < HOT; at += MIB) {
			if (how == BY_CPU)
				memcpy(sink, hot + at, MIB);
			else if (how == BY_RDMA)
				r->wrong += !!vt_read(&p.a, smr, sink, MIB, mr, hot + at);
			else
				*(uint64_t *)sink = at + 1;
			r->wrong += *(uint64_t *)sink != at + 1;
		}
	}
	r->idle = vt_count_swapped(witness, HOT);
}

static struct result in_group(enum how how)
{
	struct result *r = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0), copy;
	int st;
	pid_t pid = fork();

	if (!pid) {
		vt_cgroup_enter();
		run(how, r);
		_exit(0);
	}
	waitpid(pid, &st, 0);
	copy = *r;
	copy.wrong += !!st;
	munmap(r, PAGE);
	return copy;
}

int main(void)
{
	const long pages = HOT / PAGE;
	struct result cpu, rdma, idle;
	struct vt_dev dev;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_close(&dev);
	vt_swap_on(256);
	vt_cgroup();
	vt_cgroup_set("memory.max", LIMIT);

	idle = in_group(BY_NOBODY);
	cpu = in_group(BY_CPU);
	rdma = in_group(BY_RDMA);

	is(idle.wrong + cpu.wrong + rdma.wrong, 0, "all three runs come to their end, data right");
	diag("hot pages found evicted: by nobody %ld, by the CPU %ld, by RDMA %ld", idle.evicted,
	     cpu.evicted, rdma.evicted);
	ok(idle.evicted >= pages, "pages that nobody uses are thrown out (%ld of %ld times %d)",
	   idle.evicted, pages, CHUNKS);
	ok(cpu.idle >= pages * 3 / 4 && rdma.idle >= pages * 3 / 4,
	   "the witness is thrown out in both runs (%ld and %ld of %ld)", cpu.idle, rdma.idle,
	   pages);
	ok(rdma.evicted <= 2 * cpu.evicted + pages / 4,
	   "pages hot through RDMA stay like pages hot through the CPU (%ld and %ld)",
	   rdma.evicted, cpu.evicted);
	return done();
}
