// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N1, N3: compaction moves pages that RDMA has translated, while RDMA goes on beside
 * it; the data is right before, during and after.
 *
 * timeout: 120
 */
#include "vt_mm.h"
#include "vt_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEN	(4ul << 20)
#define PAGES	(LEN / PAGE)

static struct vt_rig r, busy;
static uint8_t *m, *traffic;
static struct ibv_mr *mr, *tmr;
static uint64_t frames[PAGES];
static atomic_bool stop;
static atomic_ulong rounds, errors;

/* Writes and reads a region of its own all the time. */
static void *stream(void *arg)
{
	uint64_t seed = 1;

	(void)arg;
	while (!stop) {
		int st = vt_put(&busy, tmr, traffic, LEN / 8, seed);

		errors += st || vt_get(&busy, tmr, traffic, LEN / 8, seed);
		seed++;
		rounds++;
	}
	return NULL;
}

static void remember(void)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		frames[i] = vt_frame(m + i * PAGE);
}

static size_t moved(void)
{
	size_t i, n = 0;

	for (i = 0; i < PAGES; i++)
		n += vt_frame(m + i * PAGE) != frames[i];
	return n;
}

/*
 * Many frames taken and all given back but ours, which lie between them: a compaction
 * that gets that far moves ours. It goes from the low frames up until it meets
 * itself, so @far has to be large enough for some of them to be low.
 */
static void scatter(size_t far)
{
	uint8_t *waste = vt_map(far);
	size_t i;

	madvise(m, LEN, MADV_DONTNEED);
	madvise(waste, far, MADV_NOHUGEPAGE);
	for (i = 0; i < far; i += PAGE) {
		waste[i] = 1;
		if (i / PAGE % (far / LEN) == 1)
			m[i / (far / LEN) & ~(PAGE - 1)] = 1;
	}
	munmap(waste, far);
}

static void compaction(void)
{
	size_t far;
	int st = 0;

	for (far = 64ul << 20; far <= 1024ul << 20; far *= 2) {
		scatter(far);
		st = vt_put(&r, mr, m, LEN, 1);
		if (st)
			break;
		remember();
		vt_write_file("/proc/sys/vm/compact_memory", "1");
		if (moved())
			break;
	}
	is(st, 0, "write, now it is hot");
	ok(moved() > 0, "compaction moves pages (%zu of %zu)", moved(), PAGES);
	vt_sees(&r, mr, m, LEN, 1, "the data");
	is(vt_put(&r, mr, m, LEN, 2), 0, "write to where they are now");
	vt_sees(&r, mr, m, LEN, 2, "the data");
}

int main(void)
{
	long long pins;
	pthread_t t;

	vt_rig_open(&r, LEN);
	vt_rig_open(&busy, LEN / 8);
	pins = vt_pins();
	m = vt_map(LEN);
	madvise(m, LEN, MADV_NOHUGEPAGE);
	traffic = vt_map(LEN / 8);
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	tmr = vt_reg(&busy.dev, VT_ODP, traffic, LEN / 8, VT_RCV_ALL);
	pthread_create(&t, NULL, stream, NULL);
	compaction();
	stop = true;
	pthread_join(t, NULL);
	ok(rounds && !errors, "RDMA went on all the time: %lu rounds, %lu errors", rounds, errors);
	is(vt_pins() - pins, 0, "nothing is pinned");
	vt_dereg(mr);
	vt_dereg(tmr);
	vt_rig_close(&busy);
	vt_rig_close(&r);
	return done();
}
