// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N1, N3, N6: pages that RDMA uses move between nodes: by hand while RDMA goes on, and
 * by NUMA balancing. The data is right before, during and after, and nobody comes to a
 * standstill. The nodes are the kernel's make-believe.
 *
 * memory: 1024
 * append: numa=fake=2 movablecore=512M nokaslr
 * kernels: 6.1 6.12 7.3 (the one with debugging has no knobs for balancing)
 * timeout: 120
 */
#define _GNU_SOURCE
#include "vt_mm.h"
#include "vt_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LEN	(4ul << 20)
#define PAGES	(LEN / PAGE)
#define MOVE	2		/* MPOL_MF_MOVE */
#define KNOBS	"/sys/kernel/debug/sched/numa_balancing/"

static struct vt_rig r, other;
static uint8_t *m;
static struct ibv_mr *mr, *omr;
static atomic_bool stop;
static atomic_ulong rounds, errors;

/* Move all of it to @node; returns how many pages are there afterwards. */
static size_t move_to(int node)
{
	static void *page[PAGES];
	static int nodes[PAGES], status[PAGES];
	size_t i, n = 0;
	int tries;

	for (i = 0; i < PAGES; i++) {
		page[i] = m + i * PAGE;
		nodes[i] = node;
	}
	/* A page somebody looks at stays for the moment. */
	for (tries = 0; tries < 20 && n < PAGES; tries++) {
		if (syscall(SYS_move_pages, 0, PAGES, page, nodes, status, MOVE) < 0 ||
		    syscall(SYS_move_pages, 0, PAGES, page, NULL, status, MOVE) < 0)
			bail("move_pages: %m");
		for (i = n = 0; i < PAGES; i++)
			n += status[i] == node;
	}
	return n;
}

static void by_hand(void)
{
	int round;

	is(vt_put(&r, mr, m, LEN, 1), 0, "write, now it is hot");
	for (round = 2; round < 6; round++) {
		int node = round & 1;

		is(move_to(node), PAGES, "all of it moves to node %d", node);
		vt_sees(&r, mr, m, LEN, round - 1, "the data");
		is(vt_put(&r, mr, m, LEN, round), 0, "write on that node");
		vt_sees(&r, mr, m, LEN, round, "the data");
	}
}

/* Another device context, another pair of pairs, the same memory. */
static void *stream(void *arg)
{
	uint64_t seed = 100;

	(void)arg;
	while (!stop) {
		errors += vt_put(&other, omr, m, LEN, ++seed) || vt_get(&other, omr, m, LEN, seed);
		rounds++;
	}
	return NULL;
}

static void start(pthread_t *t)
{
	stop = false;
	rounds = errors = 0;
	pthread_create(t, NULL, stream, NULL);
}

static void end(pthread_t t, const char *what)
{
	stop = true;
	pthread_join(t, NULL);
	ok(rounds > 0 && !errors, "%s: RDMA went on, %lu rounds, %lu errors", what, rounds, errors);
}

static void under_way(void)
{
	size_t moved = 0;
	pthread_t t;
	int i;

	start(&t);
	for (i = 0; i < 200 || rounds < 3; i++)
		moved += move_to(i & 1);
	end(t, "moved to and fro");
	ok(moved > PAGES, "pages did move (%zu times)", moved);
}

static void balancing(void)
{
	long long updates = vt_vmstat("numa_pte_updates");
	uint64_t until = vt_now_ms() + VT_WAIT_MS;
	pthread_t t;

	if (vt_sh("mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug") ||
	    vt_write_file("/proc/sys/kernel/numa_balancing", "1") ||
	    vt_write_file(KNOBS "scan_delay_ms", "1") ||
	    vt_write_file(KNOBS "scan_period_min_ms", "10") ||
	    vt_write_file(KNOBS "scan_period_max_ms", "20"))
		bail("no NUMA balancing");
	start(&t);
	while ((rounds < 20 || vt_vmstat("numa_pte_updates") - updates < (long long)PAGES) &&
	       vt_now_ms() < until)
		usleep(10000);
	end(t, "balancing");
	updates = vt_vmstat("numa_pte_updates") - updates;
	ok(updates >= (long long)PAGES, "pages were made to fault for balancing (%lld)", updates);
	vt_write_file("/proc/sys/kernel/numa_balancing", "0");
}

int main(void)
{
	long long pins;

	if (access("/sys/devices/system/node/node1", F_OK))
		bail("one node only: boot with what is said in the head of this file");
	vt_write_file("/proc/sys/kernel/numa_balancing", "0");
	vt_rig_open(&r, LEN);
	vt_rig_open(&other, LEN);
	pins = vt_pins();
	m = vt_map(LEN);
	madvise(m, LEN, MADV_NOHUGEPAGE);
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	omr = vt_reg(&other.dev, VT_IMPLICIT, m, LEN, VT_RCV_ALL);
	by_hand();
	under_way();
	balancing();
	is(vt_pins() - pins, 0, "nothing is pinned");
	vt_dereg(mr);
	vt_dereg(omr);
	vt_rig_close(&other);
	vt_rig_close(&r);
	return done();
}
