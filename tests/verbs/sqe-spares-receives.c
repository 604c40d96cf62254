// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A request that fails takes a UD or UC queue pair to SQE: what is behind it is
 * flushed, receiving goes on, and modify_qp brings it back. RC goes to error.
 */
#include "vt.h"

struct rig {
	struct vt_dev dev;
	struct vt_pair p;
	struct ibv_mr *mr;
	struct ibv_ah *ah;
	uint8_t *m;
};

static struct vt_op *send_op(struct rig *r, int id, uint32_t lkey)
{
	static struct vt_op op;

	op = *VT_OP(.op = IBV_WR_SEND, .id = id, .local = r->m, .len = 32, .lkey = lkey,
		    .ah = r->ah, .qpn = r->p.b.self.qpn);
	return &op;
}

/* Three requests in one call, the first with a bad key. */
static void post_three(struct rig *r)
{
	struct ibv_sge sge[3];
	struct ibv_send_wr wr[3] = {}, *bad;
	int i;

	for (i = 0; i < 3; i++) {
		sge[i] = (struct ibv_sge){ (uintptr_t)r->m, 32, i ? r->mr->lkey : 0x4711 };
		wr[i].wr_id = 10 + i;
		wr[i].next = i < 2 ? &wr[i + 1] : NULL;
		wr[i].sg_list = &sge[i];
		wr[i].num_sge = 1;
		wr[i].opcode = IBV_WR_SEND;
		wr[i].send_flags = IBV_SEND_SIGNALED;
		if (r->ah) {
			wr[i].wr.ud.ah = r->ah;
			wr[i].wr.ud.remote_qpn = r->p.b.self.qpn;
			wr[i].wr.ud.remote_qkey = VT_QKEY;
		}
	}
	is(ibv_post_send(r->p.a.qp, wr, &bad), 0, "post three requests, the first is bad");
}

static void unreliable(enum ibv_qp_type type)
{
	const char *t = type == IBV_QPT_UD ? "UD" : "UC";
	struct ibv_wc wc;
	struct rig r = {};
	int i;

	vt_open(&r.dev);
	vt_pair_open(&r.dev, &r.p, VT_CFG(.type = type));
	r.m = vt_map(8192);
	r.mr = vt_reg(&r.dev, VT_PINNED, r.m, 8192, VT_RCV_ALL);
	if (type == IBV_QPT_UD)
		r.ah = vt_ah(&r.p.a, &r.p.b.self.gid);

	vt_recv(&r.p.a, 100, r.mr, r.m + 4096, 1024);
	is(vt_do(&r.p.a, send_op(&r, 1, 0x4711)), IBV_WC_LOC_PROT_ERR, "%s: a send fails", t);
	is(vt_qp_state(&r.p.a), IBV_QPS_SQE, "%s: the queue pair is in SQE", t);
	is(vt_do(&r.p.a, send_op(&r, 2, r.mr->lkey)), IBV_WC_WR_FLUSH_ERR,
	   "%s: a good one behind it is flushed", t);
	ok(!vt_poll(r.p.a.rcq, &wc, 50), "%s: the receive is not", t);
	if (r.ah) {
		struct ibv_ah *back = vt_ah(&r.p.b, &r.p.a.self.gid);

		is(vt_do(&r.p.b, VT_OP(.op = IBV_WR_SEND, .local = r.m, .len = 32, .ah = back,
				       .lkey = r.mr->lkey, .qpn = r.p.a.self.qpn)), 0,
		   "%s: the peer sends", t);
		ibv_destroy_ah(back);
	} else {
		is(vt_do(&r.p.b, VT_OP(.op = IBV_WR_SEND, .local = r.m, .len = 32,
				       .lkey = r.mr->lkey)), 0, "%s: the peer sends", t);
	}
	is(vt_rdone(&r.p.a), 0, "%s: and it receives", t);
	is(r.p.a.wc.wr_id, 100, "%s: by its number", t);

	is(vt_qp_to(&r.p.a, IBV_QPS_RTS), 0, "%s: back to RTS", t);
	vt_recv(&r.p.b, 200, r.mr, r.m + 4096, 1024);
	is(vt_do(&r.p.a, send_op(&r, 3, r.mr->lkey)), 0, "%s: a send works again", t);
	is(vt_rdone(&r.p.b), 0, "%s: and arrives", t);

	/* None of them is sent late, however fast the way back is. */
	vt_recv(&r.p.b, 201, r.mr, r.m + 4096, 1024);
	for (i = 0; i < 20; i++) {
		post_three(&r);
		if (!is(vt_qp_to(&r.p.a, IBV_QPS_RTS), 0, "%s: back to RTS at once", t))
			break;
		is(vt_done(&r.p.a), IBV_WC_LOC_PROT_ERR, "%s: the bad one fails", t);
		is(vt_done(&r.p.a), IBV_WC_WR_FLUSH_ERR, "%s: the second is flushed", t);
		is(vt_done(&r.p.a), IBV_WC_WR_FLUSH_ERR, "%s: the third is flushed", t);
	}
	ok(!vt_poll(r.p.b.rcq, &wc, 20), "%s: none of them was sent", t);
	is(vt_qp_error(&r.p.a), 0, "%s: to error", t);
	is(vt_qp_state(&r.p.a), IBV_QPS_ERR, "%s: which it is", t);
	if (r.ah)
		ibv_destroy_ah(r.ah);
	vt_pair_close(&r.p);
	vt_dereg(r.mr);
	vt_close(&r.dev);
}

static void reliable(void)
{
	struct rig r = {};

	vt_open(&r.dev);
	vt_pair_open(&r.dev, &r.p, VT_CFG());
	r.m = vt_map(8192);
	r.mr = vt_reg(&r.dev, VT_PINNED, r.m, 8192, VT_RCV_ALL);
	vt_recv(&r.p.a, 100, r.mr, r.m + 4096, 1024);
	is(vt_do(&r.p.a, send_op(&r, 1, 0x4711)), IBV_WC_LOC_PROT_ERR, "RC: a send fails");
	is(vt_qp_state(&r.p.a), IBV_QPS_ERR, "RC: the queue pair is in error");
	is(vt_rdone(&r.p.a), IBV_WC_WR_FLUSH_ERR, "RC: receives are flushed");
	ok(vt_qp_to(&r.p.a, IBV_QPS_RTS), "RC: there is no way back to RTS");
	vt_pair_close(&r.p);
	vt_dereg(r.mr);
	vt_close(&r.dev);
}

int main(void)
{
	unreliable(IBV_QPT_UD);
	unreliable(IBV_QPT_UC);
	reliable();
	return done();
}
