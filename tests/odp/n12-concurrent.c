// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N12: with threads that add, remove, map and unmap at once, no unmapping is missed
 * by the thread that did it, and a reader that sleeps, in read() or in poll(), gets every
 * range's event.
 */
#include "vt.h"
#include "vt_mm.h"
#include "vt_watch.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS	4
#define LEN	(8 * PAGE)

static struct vt_watch w;
static int rounds;
static atomic_uint told[THREADS];	/* rounds whose event has been read */
static atomic_int missed, stuck, churned;
static atomic_bool stop;

static void *unmapper(void *arg)
{
	unsigned int me = (uintptr_t)arg, round;
	struct vt_watch mine = w;

	for (round = 1; round <= (unsigned int)rounds && !stuck; round++) {
		uint64_t end = vt_now_ms() + VT_WAIT_MS;
		uint8_t *p = vt_map(LEN);
		uint32_t id;

		p[0] = 1;
		id = vt_watch_add(&mine, p, LEN, 0, (uint64_t)me << 32 | round);
		mine.seen = mine.page->generation;
		munmap(p, LEN);
		if (!vt_watch_changed(&mine))
			missed++;
		/* What was unmapped may be mapped again by another thread by now. */
		while (told[me] < round && vt_now_ms() < end)
			usleep(100);
		stuck += told[me] < round;
		vt_watch_del(&mine, id);
	}
	return NULL;
}

/* Ranges come and go, and files, while others are reported. */
static void *churner(void *arg)
{
	(void)arg;
	while (!stop) {
		struct vt_watch other;
		uint8_t *p = vt_map(LEN);
		uint32_t id = vt_watch_add(&w, p, LEN, UMEM_WATCH_F_CLEAR, ~0ull);

		vt_watch_open(&other, false);
		vt_watch_add(&other, p, LEN, 0, 0);
		p[0] = 1;
		madvise(p, LEN, MADV_DONTNEED);
		vt_watch_del(&w, id);
		munmap(p, LEN);
		missed += !vt_watch_changed(&other);
		vt_watch_close(&other);
		churned++;
	}
	return NULL;
}

static void *reader(void *arg)
{
	struct pollfd pfd = { .fd = w.fd, .events = POLLIN };
	bool polls = arg;
	int turn = 0;

	while (!stop) {
		struct umem_watch_event ev;

		if (polls && turn++ % 2 && poll(&pfd, 1, VT_WAIT_MS) != 1)
			stuck++;
		if (!vt_watch_event(&w, &ev))
			bail("read() returned without an event");
		if (ev.cookie != ~0ull && (ev.events & UMEM_WATCH_UNMAPPED))
			told[ev.cookie >> 32] = ev.cookie & 0xffffffff;
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS], r, c;
	uint8_t *p;
	uintptr_t i;

	rounds = vt_slow() ? 30 : 200;
	vt_watch_open(&w, true);
	pthread_create(&r, NULL, reader, &w);
	pthread_create(&c, NULL, churner, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, unmapper, (void *)i);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	stop = true;
	/* One event more, for the reader to see that it may go. */
	p = vt_map(PAGE);
	vt_watch_add(&w, p, PAGE, 0, ~0ull);
	munmap(p, PAGE);
	pthread_join(r, NULL);
	pthread_join(c, NULL);
	is(missed, 0, "%d unmappings by %d threads, each seen when munmap() has returned",
	   rounds, THREADS);
	is(stuck, 0, "and each told to the reader");
	ok(churned, "while ranges and files came and went (%d)", churned);
	vt_watch_close(&w);
	return done();
}
