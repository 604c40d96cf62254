// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Inline data is taken when it is posted: the buffer is free at once, and needs no key. */
#include "vt.h"

#include <string.h>

#define N	32

int main(void)
{
	static uint8_t src[256];
	struct ibv_sge three[3];
	struct vt_dev dev;
	struct vt_pair p;
	struct ibv_mr *mr;
	int i, bad = 0;
	uint8_t *m;

	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG(.inl = 200));
	m = vt_map(65536);
	mr = vt_reg(&dev, VT_PINNED, m, 65536, VT_RCV_ALL);

	for (i = 0; i < N; i++) {
		vt_fill(src, 0, 200, i);
		bad += !!vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .id = i, .local = src,
					     .len = 200 - i, .inl = true,
					     .remote = (uintptr_t)m + i * 1000 + i,
					     .rkey = mr->rkey));
		memset(src, 0xee, sizeof(src));
	}
	is(bad, 0, "post %d inline writes from one unregistered buffer, overwritten at once", N);
	for (i = 0; i < N; i++)
		bad += vt_done(&p.a) != IBV_WC_SUCCESS || p.a.wc.wr_id != (uint64_t)i;
	is(bad, 0, "they complete in order");
	for (i = 0; i < N; i++)
		bad += vt_check(m + i * 1001, 0, 200 - i, i) >= 0 || m[i * 1001 + 200 - i];
	is(bad, 0, "with the data of the moment they were posted");

	vt_fill(src, 0, 100, 99);
	for (i = 0; i < 3; i++) {
		three[i].addr = (uintptr_t)src + (2 - i) * 30;
		three[i].length = 30;
	}
	vt_recv(&p.b, 0, mr, m + 50000, 100);
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .sgl = three, .nsge = 3, .inl = true)),
	   IBV_WC_SUCCESS, "an inline send of three pieces");
	is(vt_rdone(&p.b), IBV_WC_SUCCESS, "received");
	is(p.b.wc.byte_len, 90, "90 bytes");
	for (i = 0; i < 3; i++)
		is(vt_check(m + 50000 + i * 30, (2 - i) * 30, 30, 99), -1, "piece %d", i);

	/* An inline request longer than agreed on does not leave the library. */
	ok(vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = m, .len = 65536, .inl = true,
			       .remote = (uintptr_t)m, .rkey = mr->rkey)),
	   "too much inline data is refused");
	vt_dereg(mr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
