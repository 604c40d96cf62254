// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* modify_qp refuses every attribute that is out of range, and then changes nothing at all. */
#include "vt.h"

#include <string.h>

#define RTR	(IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | \
		 IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER)
#define RTS	(IBV_QP_STATE | IBV_QP_SQ_PSN | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | \
		 IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC)
#define ALL	(IBV_QP_DEST_QPN * 2 - 1)

static struct ibv_qp_attr now(struct ibv_qp *qp)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr a;

	memset(&a, 0, sizeof(a));
	if (ibv_query_qp(qp, &a, ALL, &init))
		bail("query_qp: %m");
	return a;
}

static void refused(struct ibv_qp *qp, struct ibv_qp_attr a, int mask, const char *what)
{
	struct ibv_qp_attr before = now(qp), after;

	ok(ibv_modify_qp(qp, &a, mask), "%s is refused", what);
	after = now(qp);
	ok(!memcmp(&before, &after, sizeof(after)), "%s: nothing has changed", what);
}

#define BAD(base, mask, field, value) do {					\
	struct ibv_qp_attr _a = base;						\
	_a.field = value;							\
	refused(a.qp, _a, mask, #field " " #value);				\
} while (0)

int main(void)
{
	struct ibv_qp_attr init = { .qp_state = IBV_QPS_INIT, .port_num = 1,
				    .qp_access_flags = IBV_ACCESS_REMOTE_WRITE };
	struct ibv_qp_attr rtr = { .qp_state = IBV_QPS_RTR, .path_mtu = IBV_MTU_1024 };
	struct ibv_qp_attr rts = { .qp_state = IBV_QPS_RTS, .sq_psn = 77, .timeout = 14,
				   .retry_cnt = 3, .rnr_retry = 4, .max_rd_atomic = 2 };
	struct ibv_device_attr dev_attr;
	struct vt_dev dev;
	struct vt_qp a, b;
	struct ibv_qp_attr q;
	int max;

	vt_open(&dev);
	ibv_query_device(dev.ctx, &dev_attr);
	max = dev_attr.max_qp_rd_atom;
	vt_qp_create(&dev, &a, VT_CFG());
	vt_qp_create(&dev, &b, VT_CFG());
	BAD(init, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS,
	    pkey_index, 1);
	BAD(init, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS,
	    port_num, 2);
	refused(a.qp, init, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT, "a missing attribute");
	is(ibv_modify_qp(a.qp, &init, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			 IBV_QP_ACCESS_FLAGS), 0, "to INIT");

	rtr.dest_qp_num = b.self.qpn;
	rtr.rq_psn = 0x123456;
	rtr.max_dest_rd_atomic = 5;
	rtr.min_rnr_timer = 12;
	rtr.ah_attr.is_global = 1;
	rtr.ah_attr.port_num = 1;
	rtr.ah_attr.grh.dgid = b.self.gid;
	rtr.ah_attr.grh.sgid_index = a.gid_index;
	rtr.ah_attr.grh.hop_limit = 64;
	rtr.ah_attr.grh.traffic_class = 0x20;
	rtr.ah_attr.grh.flow_label = 0x12345;
	BAD(rtr, RTR, path_mtu, 0);
	BAD(rtr, RTR, path_mtu, 6);
	BAD(rtr, RTR, min_rnr_timer, 32);
	BAD(rtr, RTR, max_dest_rd_atomic, max + 1);
	BAD(rtr, RTR, ah_attr.is_global, 0);
	BAD(rtr, RTR, ah_attr.grh.sgid_index, 250);
	refused(a.qp, rtr, RTR & ~IBV_QP_AV, "RTR without a path");
	is(ibv_modify_qp(a.qp, &rtr, RTR), 0, "to RTR");
	BAD(rts, RTS, timeout, 32);
	BAD(rts, RTS, retry_cnt, 8);
	BAD(rts, RTS, rnr_retry, 8);
	BAD(rts, RTS, max_rd_atomic, max + 1);
	refused(a.qp, rts, RTS & ~IBV_QP_SQ_PSN, "RTS without a PSN");
	is(ibv_modify_qp(a.qp, &rts, RTS), 0, "to RTS");
	BAD(rts, IBV_QP_STATE | IBV_QP_CUR_STATE, cur_qp_state, IBV_QPS_SQD);

	q = now(a.qp);
	is(q.qp_state, IBV_QPS_RTS, "query: state");
	is(q.cur_qp_state, IBV_QPS_RTS, "query: present state");
	is(q.qp_access_flags, IBV_ACCESS_REMOTE_WRITE, "query: access");
	is(q.rq_psn, 0x123456, "query: PSN expected");
	is(q.sq_psn, 77, "query: PSN to send");
	is(q.max_dest_rd_atomic, 5, "query: atomics taken");
	is(q.max_rd_atomic, 2, "query: atomics sent");
	is(q.path_mtu, IBV_MTU_1024, "query: MTU");
	is(q.sq_draining, 0, "query: not draining");
	is(q.ah_attr.grh.traffic_class, 0x20, "query: traffic class");
	is(q.ah_attr.grh.flow_label, 0x12345, "query: flow label");

	vt_qp_reset(&a);
	q = now(a.qp);
	is(q.qp_state, IBV_QPS_RESET, "reset");
	is(q.dest_qp_num, 0, "reset forgets the peer");
	is(q.qp_access_flags, 0, "and the rights");
	vt_qp_destroy(&a);
	vt_qp_destroy(&b);
	vt_close(&dev);
	return done();
}
