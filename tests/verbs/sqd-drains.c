// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A queue pair in SQD ends what it has begun, tells so if asked to, begins nothing
 * new, and receives as ever. Until it has drained it cannot be changed.
 */
#include "vt.h"

static int to_sqd(struct vt_qp *q, bool notify)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_SQD, .en_sqd_async_notify = notify };

	return ibv_modify_qp(q->qp, &attr, IBV_QP_STATE | IBV_QP_EN_SQD_ASYNC_NOTIFY);
}

static int draining(struct vt_qp *q)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	if (ibv_query_qp(q->qp, &attr, IBV_QP_STATE, &init))
		bail("query_qp: %m");
	return attr.sq_draining;
}

static void test(struct vt_dev *dev, bool wire)
{
	const char *road = wire ? "wire" : "local";
	struct ibv_qp_attr attr = { .min_rnr_timer = 3 };
	uint8_t *m = vt_map(8192);
	struct ibv_mr *mr = vt_reg(dev, VT_PINNED, m, 8192, VT_RCV_ALL);
	struct vt_op *op = VT_OP(.op = IBV_WR_SEND, .local = m, .len = 64, .lkey = mr->lkey);
	struct vt_pair p;
	struct ibv_wc wc;
	int i;

	vt_pair_open(dev, &p, VT_CFG(.wire = wire));
	is(vt_post(&p.a, op), 0, "%s: a send that finds no receive", road);
	is(to_sqd(&p.a, true), 0, "%s: to SQD", road);
	is(vt_qp_state(&p.a), IBV_QPS_SQD, "%s: the state", road);
	is(draining(&p.a), 1, "%s: it is draining", road);
	ok(vt_qp_to(&p.a, IBV_QPS_RTS), "%s: no way back to RTS meanwhile", road);
	ok(ibv_modify_qp(p.a.qp, &attr, IBV_QP_MIN_RNR_TIMER), "%s: nor can it be changed", road);
	op->id = 1;
	is(vt_post(&p.a, op), 0, "%s: another send is queued", road);
	op->id = 2;
	is(vt_post(&p.a, op), 0, "%s: and another", road);
	is(vt_event(dev, 50), -1, "%s: no event yet", road);
	for (i = 0; i < 3; i++)
		vt_recv(&p.b, i, mr, m + 4096, 64);
	is(vt_done(&p.a), 0, "%s: the one that had begun is done", road);
	is(p.a.wc.wr_id, 0, "%s: by its number", road);
	is(vt_rdone(&p.b), 0, "%s: and received", road);
	is(vt_event(dev, VT_WAIT_MS), IBV_EVENT_SQ_DRAINED, "%s: the event says drained", road);
	is(draining(&p.a), 0, "%s: query says so too", road);
	ok(!vt_poll(p.b.rcq, &wc, 50), "%s: the others have not begun", road);
	vt_recv(&p.a, 9, mr, m + 4096, 64);
	is(vt_do(&p.b, op), 0, "%s: the peer sends to it", road);
	is(vt_rdone(&p.a), 0, "%s: it receives", road);
	is(vt_qp_to(&p.a, IBV_QPS_RTS), 0, "%s: back to RTS", road);
	for (i = 1; i < 3; i++) {
		is(vt_done(&p.a), 0, "%s: send %d is done now", road, i);
		is(p.a.wc.wr_id, i, "%s: in order", road);
		is(vt_rdone(&p.b), 0, "%s: and received", road);
	}

	is(to_sqd(&p.a, true), 0, "%s: to SQD with nothing to do", road);
	is(vt_event(dev, VT_WAIT_MS), IBV_EVENT_SQ_DRAINED, "%s: the event comes at once", road);
	is(ibv_modify_qp(p.a.qp, &attr, IBV_QP_MIN_RNR_TIMER), 0, "%s: drained, it can be changed",
	   road);
	is(vt_qp_to(&p.a, IBV_QPS_RTS), 0, "%s: back to RTS", road);
	is(to_sqd(&p.a, false), 0, "%s: to SQD without being told", road);
	is(vt_event(dev, 50), -1, "%s: no event", road);
	is(vt_post(&p.a, op), 0, "%s: queue a send", road);
	is(vt_qp_error(&p.a), 0, "%s: SQD to error", road);
	is(vt_done(&p.a), IBV_WC_WR_FLUSH_ERR, "%s: flushes it", road);
	vt_pair_close(&p);

	/* Draining can be given up. */
	vt_pair_open(dev, &p, VT_CFG(.wire = wire));
	vt_post(&p.a, op);
	is(to_sqd(&p.a, true), 0, "%s: to SQD, draining", road);
	is(vt_qp_error(&p.a), 0, "%s: then to error", road);
	is(vt_done(&p.a), IBV_WC_WR_FLUSH_ERR, "%s: which ends it", road);
	is(vt_event(dev, 50), -1, "%s: it has not drained", road);
	vt_pair_close(&p);
	vt_dereg(mr);
}

int main(void)
{
	return vt_each_road(test);
}
