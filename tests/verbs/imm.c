// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Immediate data arrives with its message, for sends and for writes. */
#include "vt.h"

#include <arpa/inet.h>

#define LEN	5000

int main(void)
{
	struct vt_dev dev;
	struct vt_pair p;
	struct ibv_mr *mr;
	uint8_t *m;

	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG());
	m = vt_map(65536);
	mr = vt_reg(&dev, VT_PINNED, m, 65536, VT_RCV_ALL);
	vt_fill(m, 0, LEN, 1);

	vt_recv(&p.b, 11, mr, m + 20001, LEN);
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_SEND_WITH_IMM, .local = m, .len = LEN, .lkey = mr->lkey,
			     .imm = 0xa1b2c3d4)), IBV_WC_SUCCESS, "send with immediate");
	is(vt_rdone(&p.b), IBV_WC_SUCCESS, "received");
	is(p.b.wc.opcode, IBV_WC_RECV, "as a receive");
	ok(p.b.wc.wc_flags & IBV_WC_WITH_IMM, "with the immediate flag");
	is(ntohl(p.b.wc.imm_data), 0xa1b2c3d4, "and its value");
	is(p.b.wc.byte_len, LEN, "and length");
	is(p.b.wc.wr_id, 11, "and work request");
	is(p.b.wc.qp_num, p.b.qp->qp_num, "and queue pair");
	is(vt_check(m + 20001, 0, LEN, 1), -1, "and data");

	/* A write with immediate uses up a receive, and no byte of its buffer. */
	vt_fill(m + 20001, 0, LEN, 2);
	vt_recv(&p.b, 12, mr, m + 20001, LEN);
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE_WITH_IMM, .local = m, .len = LEN,
			     .lkey = mr->lkey, .remote = (uintptr_t)m + 40003, .rkey = mr->rkey,
			     .imm = 5)), IBV_WC_SUCCESS, "write with immediate");
	is(vt_rdone(&p.b), IBV_WC_SUCCESS, "announced");
	is(p.b.wc.opcode, IBV_WC_RECV_RDMA_WITH_IMM, "as a write");
	is(p.b.wc.wr_id, 12, "by the receive posted");
	ok(p.b.wc.wc_flags & IBV_WC_WITH_IMM, "with the immediate flag");
	is(ntohl(p.b.wc.imm_data), 5, "and its value");
	is(p.b.wc.byte_len, LEN, "and the length written");
	is(vt_check(m + 40003, 0, LEN, 1), -1, "the data is at the target");
	is(vt_check(m + 20001, 0, LEN, 2), -1, "the receive buffer has not changed");

	vt_recv(&p.b, 13, mr, m + 20001, LEN);
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .local = m, .len = 1, .lkey = mr->lkey)),
	   IBV_WC_SUCCESS, "send without immediate");
	is(vt_rdone(&p.b), IBV_WC_SUCCESS, "received");
	ok(!(p.b.wc.wc_flags & IBV_WC_WITH_IMM), "without the flag");
	vt_dereg(mr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
