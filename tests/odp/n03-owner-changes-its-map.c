// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N3: whatever the owner does to its address space while the translations are hot,
 * the next access is to what is mapped then: another mapping at the same address,
 * pages moved by mremap, zeros after MADV_DONTNEED, nothing where there is nothing.
 */
#define _GNU_SOURCE
#include "vt_mm.h"
#include "vt_rig.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES	48
#define LEN	(PAGES * PAGE)
#define GONE	IBV_WC_REM_ACCESS_ERR

/* Low, where the kernel maps nothing by itself: holes stay holes. */
static uint8_t *const here = (uint8_t *)0x20000000, *const there = (uint8_t *)0x30000000;

static struct vt_rig r;
static struct ibv_mr *mr, *away;	/* of here and there */
static const char *k;

static void map(uint8_t *at, size_t len)
{
	if (mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != at)
		bail("mmap: %m");
}

static void hot(uint64_t seed)
{
	is(vt_put(&r, mr, here, LEN, seed), 0, "%s: write", k);
	vt_sees(&r, mr, here, LEN, seed, "%s: it is there, and hot", k);
}

static void mapped_again(void)
{
	hot(1);
	munmap(here, LEN);
	is(vt_get(&r, mr, here, PAGE, 1), GONE, "%s: unmapped, it cannot be read", k);
	is(vt_put(&r, mr, here, PAGE, 1), GONE, "%s: nor written", k);
	map(here, LEN);
	vt_sees(&r, mr, here, LEN, VT_ZERO, "%s: mapped again, it is new memory", k);
	hot(2);
	map(here, LEN);
	vt_sees(&r, mr, here, LEN, VT_ZERO, "%s: mapped over, too", k);
	hot(3);
	madvise(here, LEN, MADV_DONTNEED);
	vt_sees(&r, mr, here, LEN, VT_ZERO, "%s: zeros after MADV_DONTNEED", k);
	hot(4);
	madvise(here + 5 * PAGE, 3 * PAGE, MADV_DONTNEED);
	is(vt_get(&r, mr, here, 5 * PAGE, 4), 0, "%s: of a few pages, the others stay", k);
	vt_sees(&r, mr, here + 5 * PAGE, 3 * PAGE, VT_ZERO, "%s: and those are zero", k);
}

static void moved(void)
{
	hot(5);
	map(there, LEN);
	is(vt_put(&r, away, there, LEN, 99), 0, "%s: another range is hot as well", k);
	if (mremap(here, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, there) != there)
		bail("mremap: %m");
	vt_sees(&r, away, there, LEN, 5, "%s: mremap brings the pages there", k);
	is(vt_get(&r, mr, here, LEN, 5), GONE, "%s: and leaves nothing here", k);
	is(vt_put(&r, away, there, LEN, 6), 0, "%s: write there", k);
	if (mremap(there, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, here) != here)
		bail("mremap: %m");
	vt_sees(&r, mr, here, LEN, 6, "%s: and back again", k);

	if (mremap(here, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, there) !=
	    there)
		bail("mremap: %m");
	vt_sees(&r, away, there, LEN, 6, "%s: moved with the mapping left behind", k);
	vt_sees(&r, mr, here, LEN, VT_ZERO, "%s: which is empty", k);
	munmap(there, LEN);

	hot(7);
	if (mremap(here, LEN, LEN / 2, 0) != here)
		bail("mremap: %m");
	is(vt_get(&r, mr, here, LEN, 7), GONE, "%s: shrunk, its end is gone", k);
	vt_sees(&r, mr, here, LEN / 2, 7, "%s: the rest stays", k);
	if (mremap(here, LEN / 2, LEN, 0) != here)
		bail("mremap: %m");
	vt_sees(&r, mr, here, LEN / 2, 7, "%s: grown again, that is still so", k);
	vt_sees(&r, mr, here + LEN / 2, LEN / 2, VT_ZERO, "%s: and its end is new", k);
}

static void file_over_it(void)
{
	int fd = vt_memfd(LEN);
	uint8_t *view = vt_map_fd(fd, LEN);

	vt_fill(view, 0, LEN, 8);
	hot(9);
	if (mmap(here, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != here)
		bail("mmap: %m");
	vt_sees(&r, mr, here, LEN, 8, "%s: a file mapped over it shows", k);
	is(vt_put(&r, mr, here, LEN, 10), 0, "%s: and is written", k);
	is(vt_check(view, 0, LEN, 10), -1, "%s: which its other mapping shows", k);
	munmap(view, LEN);
	close(fd);
	map(here, LEN);
}

/* A child that borrows the address space until it execs. */
static bool vfork_exec(void)
{
	int st;
	pid_t pid = vfork();

	if (!pid) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(1);
	}
	return waitpid(pid, &st, 0) == pid && !st;
}

static void vforked(void)
{
	int i, bad = 0;

	hot(11);
	for (i = 0; i < 3; i++) {
		bad += !vfork_exec();
		bad += vt_get(&r, mr, here, LEN, 11 + i) || vt_put(&r, mr, here, LEN, 12 + i);
	}
	is(bad, 0, "%s: vfork and exec of a child go unnoticed", k);
	vt_sees(&r, mr, here, LEN, 11 + i, "%s: the data", k);
}

/* Memory the C library takes and gives back. */
static void heap(void)
{
	uint8_t *m = sbrk(LEN);
	struct ibv_mr *all = vt_reg(&r.dev, VT_IMPLICIT, NULL, 0, VT_RCV_ALL);

	if (m == (void *)-1)
		bail("sbrk: %m");
	is(vt_put(&r, all, m, LEN, 20), 0, "write to the heap");
	vt_sees(&r, all, m, LEN, 20, "the data");
	if (sbrk(-(intptr_t)LEN) == (void *)-1)
		bail("sbrk: %m");
	is(vt_get(&r, all, m + PAGE, LEN - PAGE, 20), GONE, "given back, it is gone");
	if (sbrk(LEN) != m)
		bail("sbrk: %m");
	vt_sees(&r, all, m + PAGE, LEN - PAGE, VT_ZERO, "taken again, it is new");
	vt_dereg(all);
}

int main(void)
{
	int kind;

	vt_rig_open(&r, LEN);
	for (kind = VT_ODP; kind <= VT_IMPLICIT; kind++) {
		if (!vt_can(&r.dev, kind))
			continue;
		k = vt_kind_name[kind];
		map(here, LEN);
		map(there, LEN);
		mr = vt_reg(&r.dev, kind, here, LEN, VT_RCV_ALL);
		away = vt_reg(&r.dev, kind, there, LEN, VT_RCV_ALL);
		mapped_again();
		moved();
		file_over_it();
		vforked();
		if (kind == VT_IMPLICIT)
			heap();
		vt_dereg(mr);
		vt_dereg(away);
		munmap(here, LEN);
	}
	vt_rig_close(&r);
	return done();
}
