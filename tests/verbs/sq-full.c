// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A full send queue refuses, a polled one takes again; every slot is used over and over. */
#include "vt.h"

#include <errno.h>

int main(void)
{
	int i, cap = 0, bad = 0, round, rounds = vt_slow() ? 5 : 50;
	struct vt_dev dev;
	struct vt_pair p;
	struct ibv_mr *mr;
	uint8_t *m;

	vt_open(&dev);
	/* Nothing leaves the queue while the peer has no receive. */
	vt_pair_open(&dev, &p, VT_CFG(.depth = 10, .rnr_timer = 12));
	m = vt_map(65536);
	mr = vt_reg(&dev, VT_PINNED, m, 65536, VT_RCV_ALL);
	while (cap < 10000 && !vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .id = cap, .local = m,
						   .len = 8, .lkey = mr->lkey)))
		cap++;
	ok(cap >= 10 && cap < 10000, "the queue takes at least what was asked for (%d)", cap);
	is(vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .local = m, .len = 8, .lkey = mr->lkey)),
	   ENOMEM, "and then refuses with ENOMEM");
	for (i = 0; i < cap; i++) {
		bad += !!vt_recv(&p.b, i, mr, m + 4096, 8);
		bad += vt_done(&p.a) || p.a.wc.wr_id != (uint64_t)i;
		bad += vt_rdone(&p.b) || p.b.wc.wr_id != (uint64_t)i;
	}
	is(bad, 0, "all that were taken complete, in order");

	/* Fill it to the brim again and again: indices wrap at every position. */
	for (round = 0; round < rounds; round++) {
		int n = 1 + round % cap;

		for (i = 0; i < n; i++)
			bad += !!vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .id = round * 100 + i,
						     .local = m, .len = 8, .lkey = mr->lkey,
						     .remote = (uintptr_t)m + 8192,
						     .rkey = mr->rkey, .quiet = i < n - 1));
		bad += vt_done(&p.a) || p.a.wc.wr_id != (uint64_t)round * 100 + n - 1;
	}
	is(bad, 0, "%d rounds of bursts, the last request signalled", rounds);
	vt_dereg(mr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
