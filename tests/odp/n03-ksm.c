// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N3, N7: KSM merges pages that RDMA has written and has translated, RDMA reads the
 * merged page, its write gives the writer a page of its own again, and unmerging goes
 * unnoticed.
 */
#include "vt_mm.h"
#include "vt_rig.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES	16
#define LEN	(PAGES * PAGE)
#define KSM	"/sys/kernel/mm/ksm/"

static struct vt_rig r;
static uint8_t *m[2];
static struct ibv_mr *mr[2];

static int shared(void)
{
	int i, n = 0;

	for (i = 0; i < PAGES; i++)
		n += vt_frame(m[0] + i * PAGE) == vt_frame(m[1] + i * PAGE);
	return n;
}

/* Wait until so many pages of the two regions are merged. */
static int merged(int want)
{
	uint64_t end = vt_now_ms() + VT_WAIT_MS;

	while (shared() != want && vt_now_ms() < end)
		usleep(5000);
	return shared();
}

int main(void)
{
	long long pins;
	int i, round;

	vt_rig_open(&r, LEN);
	pins = vt_pins();
	if (vt_write_file(KSM "sleep_millisecs", "1") ||
	    vt_write_file(KSM "pages_to_scan", "1000") || vt_write_file(KSM "run", "1"))
		bail("no KSM in this kernel");
	/* From 6.7 on, pages that have changed are left out of more and more scans. */
	vt_write_file(KSM "smart_scan", "0");
	for (i = 0; i < 2; i++) {
		m[i] = vt_map(LEN);
		mr[i] = vt_reg(&r.dev, i ? VT_ODP : VT_IMPLICIT, m[i], LEN, VT_RCV_ALL);
		if (madvise(m[i], LEN, MADV_MERGEABLE) || madvise(m[i], LEN, MADV_NOHUGEPAGE))
			bail("madvise: %m");
	}
	for (round = 1; round <= 2; round++) {
		/* Equal pages, translated for writing. */
		for (i = 0; i < 2; i++)
			is(vt_put(&r, mr[i], m[i], LEN, round), 0, "round %d: write", round);
		is(merged(PAGES), PAGES, "round %d: hot pages are merged", round);
		for (i = 0; i < 2; i++)
			vt_sees(&r, mr[i], m[i], LEN, round, "round %d: the data, read merged", round);
		is(shared(), PAGES, "round %d: reading leaves them merged", round);

		is(vt_put(&r, mr[0], m[0], LEN / 2, 10 + round), 0, "round %d: write half of one", round);
		vt_sees(&r, mr[0], m[0], LEN / 2, 10 + round, "round %d: it is written", round);
		vt_sees(&r, mr[1], m[1], LEN, round, "round %d: the other is not", round);
		is(shared(), PAGES / 2, "round %d: what was written is merged no longer", round);
	}

	is(vt_put(&r, mr[0], m[0], LEN, 5), 0, "write one");
	is(vt_put(&r, mr[1], m[1], LEN, 5), 0, "and the other");
	is(merged(PAGES), PAGES, "merged again");
	is(madvise(m[0], LEN, MADV_UNMERGEABLE), 0, "MADV_UNMERGEABLE");
	is(shared(), 0, "they are apart");
	is(vt_put(&r, mr[1], m[1], LEN, 6), 0, "write one");
	vt_sees(&r, mr[0], m[0], LEN, 5, "the other is what it was");
	vt_sees(&r, mr[1], m[1], LEN, 6, "and this is what was written");

	madvise(m[0], LEN, MADV_MERGEABLE);
	is(vt_put(&r, mr[0], m[0], LEN, 6), 0, "write the same to the other");
	is(merged(PAGES), PAGES, "merged once more");
	/* Unmerges all there is, and waits for it. */
	is(vt_write_file(KSM "run", "2"), 0, "stop and unmerge everything");
	is(shared(), 0, "they are apart");
	is(vt_put(&r, mr[0], m[0], LEN, 7), 0, "write one");
	vt_sees(&r, mr[0], m[0], LEN, 7, "it is written");
	vt_sees(&r, mr[1], m[1], LEN, 6, "the other is not");
	is(vt_pins() - pins, 0, "nothing is pinned");
	vt_write_file(KSM "run", "0");
	vt_write_file(KSM "smart_scan", "1");
	vt_write_file(KSM "pages_to_scan", "100");
	vt_write_file(KSM "sleep_millisecs", "20");
	for (i = 0; i < 2; i++)
		vt_dereg(mr[i]);
	vt_rig_close(&r);
	return done();
}
