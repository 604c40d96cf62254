// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N12: what keeps address and content is no unmapping. Copy-on-write, mprotect,
 * migration, paging out and in, merging, splitting, growing: the generation of a range
 * that is watched for unmapping stays, and a range that is watched for clearing too is
 * never told that it was unmapped.
 */
#define _GNU_SOURCE
#include "vt.h"
#include "vt_mm.h"
#include "vt_watch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE	(2ul << 20)
#define LEN	(2 * HUGE)

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

static uint8_t *m;

static void child_ends(pid_t pid)
{
	int st;

	if (pid < 0 || waitpid(pid, &st, 0) != pid || st)
		bail("the child failed");
}

static void do_fork_cow(void)
{
	int go[2];
	pid_t pid;
	char c;

	if (pipe(go))
		bail("pipe: %m");
	pid = fork();
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &c, 1) ? 1 : 0);
	}
	close(go[0]);
	memset(m, 2, 64 * PAGE);
	vt_fill(m, 0, LEN, 1);
	close(go[1]);
	child_ends(pid);
}

static void do_fork_child_writes(void)
{
	pid_t pid = fork();

	if (!pid) {
		memset(m, 9, 64 * PAGE);
		munmap(m, LEN);
		_exit(0);
	}
	child_ends(pid);
}

static void do_mprotect(void)
{
	if (mprotect(m, LEN, PROT_READ) || mprotect(m, LEN, PROT_NONE) ||
	    mprotect(m, LEN, PROT_READ | PROT_WRITE))
		bail("mprotect: %m");
}

#define FRAME(entry)	((entry) & ((1ull << 55) - 1))

static void do_migrate(void)
{
	uint64_t before = FRAME(vt_pagemap(m + 5 * PAGE));

	/* Moves the page elsewhere, as bad memory is evaded. */
	if (madvise(m + 5 * PAGE, PAGE, MADV_SOFT_OFFLINE))
		bail("MADV_SOFT_OFFLINE: %m");
	if (FRAME(vt_pagemap(m + 5 * PAGE)) == before)
		bail("the page was not migrated");
}

static void do_pageout(void)
{
	if (!vt_pageout(m, 256 * PAGE))
		bail("nothing was paged out");
}

static void do_compact(void)
{
	if (vt_write_file("/proc/sys/vm/compact_memory", "1"))
		bail("compact_memory: %m");
}

static void do_huge(void)
{
	/* Collapsing is newer than 6.1; on request it may fail for want of memory. */
	madvise(m, LEN, MADV_HUGEPAGE);
	madvise(m, LEN, MADV_COLLAPSE);
	if (mprotect(m + PAGE, PAGE, PROT_READ) || mprotect(m + PAGE, PAGE, PROT_READ | PROT_WRITE))
		bail("mprotect: %m");
}

static void do_merge(void)
{
	size_t i;

	for (i = 0; i < 16; i++)
		memset(m + i * PAGE, 0x5a, PAGE);
	if (madvise(m, 16 * PAGE, MADV_MERGEABLE) || vt_write_file("/sys/kernel/mm/ksm/run", "1"))
		bail("KSM: %m");
	if (vt_sh("for i in $(seq 400); do\n"
		  "[ $(cat /sys/kernel/mm/ksm/pages_sharing) -ge 8 ] && exit; sleep 0.05; done; exit 1"))
		bail("equal pages were not merged");
	if (madvise(m, 16 * PAGE, MADV_UNMERGEABLE))
		bail("MADV_UNMERGEABLE: %m");
	vt_write_file("/sys/kernel/mm/ksm/run", "0");
	vt_fill(m, 0, LEN, 1);
}

static void do_cold(void)
{
	if (madvise(m, LEN, MADV_COLD) || madvise(m, LEN, MADV_WILLNEED))
		bail("madvise: %m");
}

static void do_neighbours(void)
{
	uint8_t *p = vt_map(LEN);

	memset(p, 1, LEN);
	munmap(p, LEN);
	if (mlock(m, LEN) || munlock(m, LEN))
		bail("mlock: %m");
}

static const struct {
	const char *what;
	void (*run)(void);
} ops[] = {
	{ "mprotect to read-only, to nothing, and back", do_mprotect },
	{ "copy-on-write after fork", do_fork_cow },
	{ "a child that writes and unmaps", do_fork_child_writes },
	{ "migration", do_migrate },
	{ "paging out, and in again", do_pageout },
	{ "compaction", do_compact },
	{ "huge pages made and split", do_huge },
	{ "merging of equal pages, and the end of it", do_merge },
	{ "advice that it is cold", do_cold },
	{ "unmapping of other memory, and mlock", do_neighbours },
};

int main(void)
{
	struct vt_watch plain, clear;
	uint8_t *all = vt_map(LEN + HUGE);
	uint32_t id;
	size_t i;

	m = (uint8_t *)(((uintptr_t)all + HUGE - 1) & ~(HUGE - 1));
	vt_swap_on(64);
	vt_watch_open(&plain, false);
	vt_watch_open(&clear, false);
	id = vt_watch_add(&plain, m, LEN, 0, 0);
	vt_watch_add(&clear, m, LEN, UMEM_WATCH_F_CLEAR, 0);
	vt_fill(m, 0, LEN, 1);
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		bool changed, content;

		vt_watch_changed(&plain);
		ops[i].run();
		content = vt_check(m, 0, LEN, 1) == -1;
		changed = vt_watch_changed(&plain);
		ok(content && !changed, "%s is no unmapping", ops[i].what);
		ok(!(vt_watch_drain(&clear) & UMEM_WATCH_UNMAPPED),
		   "%s: nor for who hears of clearing", ops[i].what);
	}
	is(plain.page->pending, 0, "no event waits");
	munmap(m + LEN - PAGE, PAGE);
	ok(vt_watch_changed(&plain), "and at last an unmapping is one");
	vt_watch_del(&plain, id);
	vt_watch_close(&plain);
	vt_watch_close(&clear);
	return done();
}
