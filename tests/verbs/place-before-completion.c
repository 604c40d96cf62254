// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Whoever has seen a completion may post again, even if the send queue has one
 * place only: the place is free before the completion is there. The network runs
 * on the other processor, so that the two can really meet.
 */
#define _GNU_SOURCE
#include <sched.h>

#include "vt.h"

#define TIMES	4000

static void steer(const char *processors)
{
	if (vt_write_file("/sys/class/net/lo/queues/rx-0/rps_cpus", processors))
		bail("rps_cpus: %m");
}

int main(void)
{
	uint8_t *m = vt_map(4096);
	int i, st = 0, refused = 0;
	struct ibv_mr *mr;
	struct vt_dev dev;
	struct vt_pair p;
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (sched_setaffinity(0, sizeof(first), &first))
		bail("sched_setaffinity: %m");
	vt_open(&dev);
	vt_need_wire();
	vt_pair_open(&dev, &p, VT_CFG(.depth = 1, .wire = true));
	mr = vt_reg(&dev, VT_PINNED, m, 4096, VT_RCV_ALL);
	steer("2");
	for (i = 0; i < TIMES && !st && !refused; i++) {
		refused = vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .id = i, .local = m, .len = 8,
					      .lkey = mr->lkey, .remote = (uintptr_t)m + 8,
					      .rkey = mr->rkey));
		while (!refused && !ibv_poll_cq(p.a.cq, 1, &p.a.wc))
			;
		st = refused ? 0 : p.a.wc.status;
	}
	steer("0");
	is(st, 0, "the writes succeed");
	is(refused, 0, "there was always a place, %d times", i);
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
