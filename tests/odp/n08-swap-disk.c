// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N8: memory goes to a swap file on a disk and comes back by RDMA, with what RDMA
 * wrote; and what MADV_FREE gave away is for the device what it is for the CPU.
 */
#include "vt_mm.h"
#include "vt_rig.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES	512
#define LEN	(PAGES * PAGE)

static struct vt_rig r;

int main(void)
{
	size_t i, kept = 0, zero = 0, other = 0;
	struct ibv_mr *mr;
	uint8_t *m;
	int round;

	vt_swap_file(64);
	vt_rig_open(&r, LEN);
	m = vt_map(LEN);
	madvise(m, LEN, MADV_NOHUGEPAGE);
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	for (round = 1; round <= 3; round++) {
		is(vt_put(&r, mr, m, LEN, round), 0, "round %d: write", round);
		is(vt_pageout(m, LEN), PAGES, "round %d: all of it goes to the disk", round);
		is(vt_count_swapped(m, LEN), PAGES, "round %d: none of it is dropped", round);
		vt_sees(&r, mr, m, LEN, round, "round %d: the device brings it back", round);
	}
	is(vt_pageout(m, LEN), PAGES, "out again");
	is(vt_put(&r, mr, m + LEN / 4 + 5, LEN / 2, 9), 0, "write while it is out");
	vt_sees(&r, mr, m + LEN / 4 + 5, LEN / 2, 9, "the data");
	vt_fill(r.buf, 0, LEN, 3);
	ok(!memcmp(m, r.buf, LEN / 4 + 5) &&
	   !memcmp(m + LEN * 3 / 4 + 5, r.buf + LEN * 3 / 4 + 5, LEN / 4 - 5),
	   "what is around it is as before");

	/* Given away and not written since: old bytes or zeros, the same for both. */
	is(vt_put(&r, mr, m, LEN, 10), 0, "write, now it is hot");
	is(madvise(m, LEN, MADV_FREE), 0, "MADV_FREE");
	is(vt_put(&r, mr, m, LEN / 2, 11), 0, "write half of it again");
	vt_pageout(m, LEN);
	is(vt_read(&r.pair[0].a, r.bmr, r.buf, LEN, mr, m), 0, "read it");
	is(memcmp(m, r.buf, LEN), 0, "device and CPU find the same");
	is(vt_check(m, 0, LEN / 2, 11), -1, "what was written since is kept");
	vt_fill(r.buf, 0, LEN, 10);
	for (i = LEN / 2; i < LEN; i += PAGE) {
		if (!memcmp(m + i, r.buf + i, PAGE))
			kept++;
		else if (vt_check_byte(m + i, PAGE, 0) < 0)
			zero++;
		else
			other++;
	}
	is(other, 0, "the rest is old (%zu pages) or zero (%zu)", kept, zero);
	ok(zero > 0, "reclaim has dropped some of it");
	vt_dereg(mr);
	vt_rig_close(&r);
	return done();
}
