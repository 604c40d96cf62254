// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Unsignalled requests leave no completion when they succeed, and one when they fail. */
#include "vt.h"

#define N	30

int main(void)
{
	struct vt_dev dev;
	struct vt_pair p;
	struct ibv_mr *mr;
	struct ibv_wc wc;
	uint8_t *m;
	int i, bad = 0;

	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG());
	m = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);
#define WRITE(...) vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = m, .len = 8,					       .lkey = mr->lkey, .remote = (uintptr_t)m + 4096,					       .rkey = mr->rkey, __VA_ARGS__))
	for (i = 0; i < N; i++)
		bad += !!WRITE(.id = i, .quiet = i % 10 != 9);
	is(bad, 0, "post %d writes, every tenth signalled", N);
	for (i = 9; i < N; i += 10) {
		is(vt_done(&p.a), IBV_WC_SUCCESS, "a completion");
		is(p.a.wc.wr_id, i, "of the signalled one");
	}
	ok(!vt_poll(p.a.cq, &wc, 50), "and no other");
	WRITE(.id = 50, .quiet = true);
	WRITE(.id = 51, .quiet = true, .rkey = 0x7777);
	WRITE(.id = 52, .quiet = true);
	is(vt_done(&p.a), IBV_WC_REM_ACCESS_ERR, "an unsignalled one that fails");
	is(p.a.wc.wr_id, 51, "says so");
	is(vt_done(&p.a), IBV_WC_WR_FLUSH_ERR, "and what is flushed behind it");
	is(p.a.wc.wr_id, 52, "too");
	vt_pair_close(&p);

	vt_pair_open(&dev, &p, VT_CFG(.sig_all = true));
	is(WRITE(.id = 60, .quiet = true), 0, "a queue pair that signals all");
	is(vt_done(&p.a), IBV_WC_SUCCESS, "does");
	is(p.a.wc.wr_id, 60, "for an unsignalled request");
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
