// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D3: on the local road and warm memory the poster's own system call runs the
 * whole of a message: when ibv_post_send() returns, the completion is there.
 */
#include "vt.h"

#define N	500

static void one(struct vt_dev *dev, enum vt_kind kind, enum ibv_wr_opcode op, const char *name)
{
	uint8_t *m = vt_map(65536);
	struct ibv_mr *mr = vt_reg(dev, kind, m, 65536, VT_RCV_ALL);
	int i, at_once = 0, failed = 0;
	struct vt_pair p;

	vt_pair_open(dev, &p, VT_CFG());
	vt_fill(m, 0, 65536, 1);
	for (i = 0; i < N && !failed; i++) {
		if (op == IBV_WR_SEND)
			vt_recv(&p.b, i, mr, m + 8192, 64);
		vt_post(&p.a, VT_OP(.op = op, .local = m, .len = op == IBV_WR_SEND ? 64 : 8,
				    .lkey = mr->lkey, .remote = (uintptr_t)m + 4096,
				    .rkey = mr->rkey));
		failed += vt_done_at_once(&p.a, &at_once);
		if (op == IBV_WR_SEND)
			failed += vt_rdone(&p.b);
	}
	is(failed, 0, "%s, %s: %d messages", vt_kind_name[kind], name, N);
	/* The first ones may have been cold. */
	ok(at_once >= N - 10, "%s, %s: complete when the system call returns (%d of %d)",
	   vt_kind_name[kind], name, at_once, N);
	vt_pair_close(&p);
	vt_dereg(mr);
}

int main(void)
{
	struct vt_dev dev;
	int kind;

	vt_open(&dev);
	for (kind = VT_PINNED; kind <= VT_ODP; kind++) {
		if (!vt_can(&dev, kind))
			continue;
		one(&dev, kind, IBV_WR_RDMA_WRITE, "write");
		one(&dev, kind, IBV_WR_RDMA_READ, "read");
		one(&dev, kind, IBV_WR_SEND, "send");
		one(&dev, kind, IBV_WR_ATOMIC_FETCH_AND_ADD, "atomic");
	}
	vt_close(&dev);
	return done();
}
