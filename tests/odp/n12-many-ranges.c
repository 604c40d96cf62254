// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N12: as many ranges as the header promises, and none more; an unmapping is told to
 * exactly those that it overlaps, however many events there are to be read.
 */
#include "vt.h"
#include "vt_mm.h"
#include "vt_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define N	UMEM_WATCH_MAX
#define STEP	(PAGE / 2)	/* two neighbours share a page, each spans two */
#define LEN	((N + 2) * STEP)

static uint32_t id[N];
static uint8_t hit[N];

/* Read all events, 50 at a time; returns how many there were. */
static int collect(struct vt_watch *w)
{
	struct umem_watch_event ev[50];
	int i, total = 0;
	ssize_t n;

	for (i = 0; i < N; i++)
		hit[i] = 0;
	while ((n = read(w->fd, ev, sizeof(ev))) > 0) {
		for (i = 0; i < n / (ssize_t)sizeof(ev[0]); i++, total++) {
			uint64_t c = ev[i].cookie;

			if (c < N && ev[i].id == id[c] && ev[i].events == UMEM_WATCH_UNMAPPED)
				hit[c]++;
		}
	}
	return total;
}

/* Unmap pages [from, to) and see that the right ranges are told. */
static void unmap(struct vt_watch *w, uint8_t *m, size_t from, size_t to, const char *what)
{
	int i, want = 0, wrong = 0, got;

	munmap(m + from * PAGE, (to - from) * PAGE);
	ok(vt_watch_changed(w), "%s: the generation changes", what);
	got = collect(w);
	for (i = 0; i < N; i++) {
		bool in = i * STEP < to * PAGE && i * STEP + PAGE > from * PAGE;

		want += in;
		wrong += hit[i] != in;
	}
	is(got, want, "%s: as many events as ranges overlap", what);
	is(wrong, 0, "%s: one for each of them, none for another", what);
}

int main(void)
{
	struct umem_watch_range r = { .length = PAGE };
	uint8_t *m = vt_map(LEN);
	struct vt_watch w;
	int i;

	vt_watch_open(&w, false);
	/* In an order that is none. */
	for (i = 0; i < N; i++) {
		int k = (i * 40503u) % N;

		id[k] = vt_watch_add(&w, m + k * STEP, PAGE, 0, k);
	}
	r.start = (uintptr_t)m;
	ok(ioctl(w.fd, UMEM_IOC_WATCH_ADD, &r) && errno == ENOSPC, "one range more is refused");
	ok(!vt_watch_changed(&w), "%d ranges: nothing has changed", N);

	unmap(&w, m, 100, 101, "a page");
	unmap(&w, m, 5000, 6000, "a thousand pages");
	vt_watch_del(&w, id[30000]);
	r.cookie = 30000;
	r.start = (uintptr_t)m + 30000 * STEP;
	is(ioctl(w.fd, UMEM_IOC_WATCH_ADD, &r), 0, "a range for one that was removed");
	id[30000] = r.id;
	unmap(&w, m, 6000, LEN / PAGE, "the rest");
	for (i = 0; i < N; i++)
		vt_watch_del(&w, id[i]);
	m = mmap(m, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	munmap(m, PAGE);
	ok(!vt_watch_changed(&w), "all removed: nothing is reported");
	vt_watch_close(&w);
	return done();
}
