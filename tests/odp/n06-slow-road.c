// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N6 and N3 of the slow road alone, through the make-believe device: while threads
 * invalidate the memory without a pause, so that hardly a moment is left in which a
 * translation could be entered, every single access succeeds, on the page that
 * is mapped; and when a mapping has been replaced, none reaches the old page.
 */
#include "vt.h"
#include "vt_mm.h"
#include "vt_umem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES	4
#define LEN	(PAGES * PAGE)
#define SLOW	UMEM_TEST_SLOW
#define WRITE	UMEM_TEST_WRITE

static int dev;
static uint8_t *mem;
static atomic_bool stop;
static atomic_ulong writes, failed;

static void adversaries(void)
{
	uint64_t i, got = 0, n = vt_slow() ? 300 : 3000, wrong = 0;
	struct umem_test_stats before = vt_umem_stats(dev), st;
	struct vt_zapper z[3];
	unsigned long zaps = 0;
	uint8_t *view;
	int fd = vt_memfd(LEN), k;

	mem = vt_map_fd(fd, LEN);
	view = vt_map_fd(fd, LEN);
	for (k = 0; k < 3; k++)
		vt_zapper_start(&z[k], mem, LEN, k ? VT_DONTNEED : VT_PROTECT, false);
	for (i = 1; i <= n || z[0].zaps < 100; i++) {
		uint64_t *at = (void *)(mem + i * 1048 % LEN / 8 * 8);
		uint64_t *seen = (void *)(view + ((uint8_t *)at - mem));

		failed += vt_umem(dev, UMEM_TEST_ACCESS, at, 8, &i, SLOW | WRITE) != 8;
		wrong += *seen != i;
		failed += vt_umem(dev, UMEM_TEST_ACCESS, at, 8, &got, SLOW) != 8;
		wrong += got != i;
	}
	for (k = 0; k < 3; k++)
		zaps += vt_zapper_stop(&z[k]);
	is(failed, 0ul, "each of %lu accesses is made at once (%lu invalidations)",
	   (unsigned long)(2 * i), zaps);
	is(wrong, 0ull, "and the data is right");
	st = vt_umem_stats(dev);
	ok(st.slow - before.slow >= 2 * n && st.resident == before.resident,
	   "all of them went the slow road");
	munmap(mem, LEN);
	munmap(view, LEN);
}

static void *writer(void *arg)
{
	uint64_t i, buf[512];

	for (i = 1; !stop; i++) {
		memset(buf, i, sizeof(buf));
		failed += vt_umem(dev, UMEM_TEST_ACCESS, mem, PAGE, buf, SLOW | WRITE) != PAGE;
		writes++;
	}
	return arg;
}

static void replacements(void)
{
	int fd[2] = { vt_memfd(PAGE), vt_memfd(PAGE) }, round, rounds = vt_slow() ? 200 : 2000;
	unsigned long until, changed = 0, reached = 0;
	uint8_t *view[2], snap[PAGE];
	uint64_t end;
	pthread_t t[2];
	int k;

	for (k = 0; k < 2; k++)
		view[k] = vt_map_fd(fd[k], PAGE);
	mem = vt_map_fd(fd[0], PAGE);
	failed = 0;
	for (k = 0; k < 2; k++)
		pthread_create(&t[k], NULL, writer, NULL);
	for (round = 1; round <= rounds; round++) {
		if (mmap(mem, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 fd[round & 1], 0) != mem)
			bail("mmap: %m");
		memcpy(snap, view[~round & 1], PAGE);
		memset(view[round & 1], 0, 8);
		until = writes + 4;
		end = vt_now_ms() + VT_WAIT_MS;
		while (round % 16 == 0 && writes < until && vt_now_ms() < end)
			sched_yield();
		changed += !!memcmp(snap, view[~round & 1], PAGE);
		reached += round % 16 == 0 && *(volatile uint64_t *)view[round & 1];
	}
	stop = true;
	for (k = 0; k < 2; k++)
		pthread_join(t[k], NULL);
	is(changed, 0ul, "%d replacements: no write reaches the old page after them", rounds);
	ok(reached, "but the new one (seen %lu times, %lu writes)", reached, writes);
	is(failed, 0ul, "and none fails");
}

int main(void)
{
	dev = vt_umem_open();
	adversaries();
	replacements();
	return done();
}
