// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* query_qp returns what create_qp gave and modify_qp set. */
#include "vt.h"

#define ALL	(IBV_QP_DEST_QPN * 2 - 1)

int main(void)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr a;
	struct vt_dev dev;
	struct vt_pair p;

	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG(.depth = 17, .sge = 3, .inl = 64, .timeout = 15, .retry = 5,
				      .rnr_retry = 6, .rnr_timer = 9, .rd_atomic = 3, .mtu = 1024,
				      .access = IBV_ACCESS_REMOTE_READ));
	is(ibv_query_qp(p.a.qp, &a, ALL, &init), 0, "query_qp");
	is(a.qp_state, IBV_QPS_RTS, "qp_state");
	is(a.path_mtu, IBV_MTU_1024, "path_mtu");
	is(a.dest_qp_num, p.b.qp->qp_num, "dest_qp_num");
	is(a.rq_psn, p.b.self.psn, "rq_psn");
	is(a.sq_psn, p.a.self.psn, "sq_psn");
	is(a.qp_access_flags, IBV_ACCESS_REMOTE_READ, "qp_access_flags");
	is(a.max_rd_atomic, 3, "max_rd_atomic");
	ok(a.max_dest_rd_atomic >= 3, "max_dest_rd_atomic");
	is(a.min_rnr_timer, 9, "min_rnr_timer");
	is(a.timeout, 15, "timeout");
	is(a.retry_cnt, 5, "retry_cnt");
	is(a.rnr_retry, 6, "rnr_retry");
	is(a.port_num, 1, "port_num");
	is(a.ah_attr.is_global, 1, "ah_attr.is_global");
	is(a.ah_attr.grh.sgid_index, p.a.gid_index, "ah_attr.grh.sgid_index");
	is(a.ah_attr.grh.hop_limit, 64, "ah_attr.grh.hop_limit");
	ok(!__builtin_memcmp(&a.ah_attr.grh.dgid, &p.b.self.gid, 16), "ah_attr.grh.dgid");
	ok(a.cap.max_send_wr >= 17 && a.cap.max_recv_wr >= 17, "queue depths");
	ok(a.cap.max_send_sge >= 3 && a.cap.max_recv_sge >= 3, "SGEs");
	ok(a.cap.max_inline_data >= 64, "inline data");
	is(init.qp_type, IBV_QPT_RC, "qp_type");
	ok(init.send_cq == p.a.cq && init.recv_cq == p.a.rcq, "completion queues");

	a.min_rnr_timer = 20;
	a.qp_access_flags = VT_RCV_ALL;
	is(ibv_modify_qp(p.a.qp, &a, IBV_QP_MIN_RNR_TIMER | IBV_QP_ACCESS_FLAGS), 0,
	   "change attributes in RTS");
	is(ibv_modify_qp(p.a.qp, &a, IBV_QP_STATE | IBV_QP_ACCESS_FLAGS), 0,
	   "the same when the state it has is asked for");
	ibv_query_qp(p.a.qp, &a, ALL, &init);
	is(a.min_rnr_timer, 20, "min_rnr_timer has changed");
	ok((a.qp_access_flags & IBV_ACCESS_REMOTE_WRITE), "qp_access_flags have changed");

	a.qp_state = IBV_QPS_INIT;
	ok(ibv_modify_qp(p.a.qp, &a, IBV_QP_STATE), "RTS to INIT is refused");
	is(vt_qp_state(&p.a), IBV_QPS_RTS, "and changes nothing");
	vt_qp_reset(&p.a);
	a.qp_state = IBV_QPS_RTS;
	ok(ibv_modify_qp(p.a.qp, &a, IBV_QP_STATE), "RESET to RTS is refused");
	is(vt_qp_state(&p.a), IBV_QPS_RESET, "and changes nothing");
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
