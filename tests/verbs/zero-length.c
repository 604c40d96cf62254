// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Operations of length zero need no key and touch no memory, but complete in order. */
#include "vt.h"

int main(void)
{
	struct vt_dev dev;
	struct vt_pair p;

	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG());

	is(vt_do(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .remote = 0xdead0001, .rkey = 0x123)),
	   IBV_WC_SUCCESS, "an empty write to no address with no key");
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_RDMA_READ, .remote = 0xdead0001, .rkey = 0x123)),
	   IBV_WC_SUCCESS, "an empty read");
	is(vt_recv(&p.b, 7, NULL, NULL, 0), 0, "an empty receive");
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_SEND)), IBV_WC_SUCCESS, "an empty send");
	is(vt_rdone(&p.b), IBV_WC_SUCCESS, "is received");
	is(p.b.wc.byte_len, 0, "with no byte");
	is(p.b.wc.wr_id, 7, "by the receive that was posted");
	is(vt_recv(&p.b, 8, NULL, NULL, 0), 0, "another empty receive");
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE_WITH_IMM, .imm = 0x01020304)),
	   IBV_WC_SUCCESS, "an empty write with immediate data");
	is(vt_rdone(&p.b), IBV_WC_SUCCESS, "is announced");
	is(p.b.wc.opcode, IBV_WC_RECV_RDMA_WITH_IMM, "as a write with immediate");
	is(vt_qp_state(&p.a), IBV_QPS_RTS, "requester still up");
	is(vt_qp_state(&p.b), IBV_QPS_RTS, "responder still up");
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
