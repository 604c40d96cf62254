// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N3: when munmap() has returned, no access reaches the old page any more.
 *
 * RDMA writes stream into a range that is mapped from one of two memory files.
 * The range is switched to the other file; from then on the first file, watched
 * through another mapping, must not change by a single byte, whichever road the writes
 * that are under way take.
 */
#define _GNU_SOURCE
#include "vt.h"
#include "vt_mm.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES	16
#define LEN	(PAGES * PAGE)

static struct vt_dev dev;
static uint8_t *target, snap[LEN];
static int stuck;
static struct ibv_mr *mr;
static atomic_bool stop;
static atomic_ulong sent[2], failed;

static void *stream(void *arg)
{
	int id = (intptr_t)arg;
	struct vt_pair p;
	uint64_t *src = vt_map(LEN);
	struct ibv_mr *smr = vt_reg(&dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	uint64_t n = 0;

	vt_pair_open(&dev, &p, VT_CFG(.wire = id && !vt_stock()));
	while (!stop) {
		size_t i, len = n % 3 ? LEN : 3000;

		for (i = 0; i < len / 8; i += 32)
			src[i] = n + 1;
		if (vt_write(&p.a, smr, src, len, mr, target + (n % 3 ? 0 : (n * 1000) % 40000))) {
			failed++;
			vt_pair_reopen(&p);
		}
		n++;
		sent[id]++;
	}
	vt_dereg(smr);
	vt_pair_close(&p);
	return NULL;
}

/* Wait until each stream has ended an operation that it began after this call. */
static void pass(void)
{
	unsigned long until[2] = { sent[0] + 2, sent[1] + 2 };
	uint64_t end = vt_now_ms() + VT_WAIT_MS;
	int i;

	for (i = 0; i < 2; i++) {
		while (sent[i] < until[i] && vt_now_ms() < end)
			sched_yield();
		stuck += sent[i] < until[i];
	}
}

/* Does @view change any more, while the operations under way come to their end? */
static bool changes(uint8_t *view)
{
	memcpy(snap, view, LEN);
	pass();
	return memcmp(snap, view, LEN);
}

int main(void)
{
	int i, round, fd[2], rounds = vt_slow() ? 10 : 40, moved = 0, reached = 0;
	uint8_t *view[2];
	pthread_t t[2];

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	for (i = 0; i < 2; i++) {
		fd[i] = vt_memfd(LEN);
		view[i] = vt_map_fd(fd[i], LEN);
	}
	/* Where the kernel maps nothing by itself: the hole is to stay one. */
	target = mmap((void *)0x20000000, LEN, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED_NOREPLACE, fd[0], 0);
	if (target != (void *)0x20000000)
		bail("mmap: %m");
	mr = vt_reg(&dev, VT_ODP, target, LEN, VT_RCV_ALL);
	pthread_create(&t[0], NULL, stream, (void *)0);
	pthread_create(&t[1], NULL, stream, (void *)1);
	for (round = 0; round < rounds && !stuck; round++) {
		int old = round & 1, new = !old;

		pass();
		memset(view[new], 0, LEN);
		if (round % 3 == 2) {
			/* A hole, in which both streams fail, before the new file. */
			munmap(target, LEN);
			moved += changes(view[old]);
		}
		if (mmap(target, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd[new], 0) !=
		    target)
			bail("mmap: %m");
		moved += changes(view[old]);
		reached += *(uint64_t *)view[new] != 0;
	}
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	is(moved, 0, "in %d remappings no write reaches the old pages afterwards", rounds);
	is(stuck, 0, "the writes go on all the time");
	is(reached, rounds, "and reach the new pages every time");
	ok(failed, "writes into the hole failed (%lu of %lu)", failed, sent[0] + sent[1]);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
