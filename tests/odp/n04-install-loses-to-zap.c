// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N4: a translation is installed only if nothing was unmapped meanwhile.
 *
 * Three queue pairs fault the same page all the time, so that fills are under
 * way at any moment, while the page is replaced as fast as possible. A fill that
 * looked the old page up before the replacement and installed it after would
 * send later writes to it: the old page must not change from the moment on that the
 * replacement is there, whichever road the writes under way take.
 */
#include "vt.h"
#include "vt_mm.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define WRITERS	3
#define FILES	4

static struct vt_dev dev;
static uint8_t *target;
static struct ibv_mr *mr;
static atomic_bool stop;
static atomic_ulong done_by[WRITERS];
static atomic_int failed;

static void *writer(void *arg)
{
	int id = (intptr_t)arg;
	uint64_t *src = vt_map(PAGE);
	struct ibv_mr *smr = vt_reg(&dev, VT_PINNED, src, PAGE, VT_RCV_ALL);
	struct vt_pair p;

	vt_pair_open(&dev, &p, VT_CFG());
	while (!stop && !failed) {
		src[0] = done_by[id] + 1;
		failed += !!vt_write(&p.a, smr, src, 64, mr, target + id * 64);
		done_by[id]++;
	}
	vt_pair_close(&p);
	vt_dereg(smr);
	return NULL;
}

/* Wait until every writer has begun a write after this call and ended it. */
static void pass(void)
{
	uint64_t end = vt_now_ms() + VT_WAIT_MS;
	unsigned long before[WRITERS];
	int i;

	for (i = 0; i < WRITERS; i++)
		before[i] = done_by[i];
	for (i = 0; i < WRITERS; i++)
		while (done_by[i] < before[i] + 2 && !failed && vt_now_ms() < end)
			sched_yield();
}

int main(void)
{
	int i, fd[FILES], round, rounds = vt_slow() ? 256 : 3000, moved = 0;
	uint8_t *view[FILES], snap[PAGE];
	pthread_t t[WRITERS];

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	for (i = 0; i < FILES; i++) {
		fd[i] = vt_memfd(PAGE);
		view[i] = vt_map_fd(fd[i], PAGE);
	}
	target = vt_map_fd(fd[0], PAGE);
	mr = vt_reg(&dev, VT_ODP, target, PAGE, VT_RCV_ALL);
	for (i = 0; i < WRITERS; i++)
		pthread_create(&t[i], NULL, writer, (void *)(intptr_t)i);
	for (round = 1; round <= rounds && !failed; round++) {
		int old = (round - 1) % FILES;

		if (mmap(target, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			 fd[round % FILES], 0) != target)
			bail("mmap: %m");
		memcpy(snap, view[old], PAGE);
		/* Now and then let every writer pass; else just race on. */
		if (round % 64 == 0)
			pass();
		moved += !!memcmp(snap, view[old], PAGE);
	}
	stop = true;
	for (i = 0; i < WRITERS; i++) {
		pthread_join(t[i], NULL);
		ok(done_by[i] > 0, "writer %d: %lu writes", i, done_by[i]);
	}
	is(failed, 0, "no write fails");
	is(moved, 0, "%d replacements: no write reaches the old page after them", rounds);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
