// SPDX-License-Identifier: GPL-2.0
/*
 * QP verbs and state transitions.
 *
 * modify_qp owns both turns while it changes anything, so that the engine never
 * sees a half-made transition. The one transition the engine makes itself, to
 * ERR, is a single store under state_lock; both sides are then run and flush.
 */
#include "rxe_qp.h"

#include <trace/events/rxe.h>

/* rxe_qp_find() - look a QP number up, with a reference; any context */
struct rxe_qp *rxe_qp_find(struct rxe_dev *rxe, u32 qpn)
{
	struct rxe_qp *qp;

	rcu_read_lock();
	qp = qpn == IB_QPT_GSI ? rcu_dereference(rxe->gsi) :
				 xa_load(&rxe->qps, qpn);
	if (qp && !rxe_ref_get(&qp->ref))
		qp = NULL;
	rcu_read_unlock();
	return qp;
}

void rxe_qp_put(struct rxe_qp *qp)
{
	rxe_ref_put(&qp->ref);
}

/* rxe_qp_event() - affiliated asynchronous event; any context */
void rxe_qp_event(struct rxe_qp *qp, enum ib_event_type event)
{
	struct ib_event ev = {
		.device = qp->ibqp.device,
		.event = event,
		.element.qp = &qp->ibqp,
	};

	if (qp->ibqp.event_handler)
		qp->ibqp.event_handler(&ev, qp->ibqp.qp_context);
}

/* Under state_lock. */
static void change_state(struct rxe_qp *qp, enum ib_qp_state to)
{
	if (qp->state != to)
		trace_rxe_qp_state(qp->rxe->ib_dev.name, qp->qpn, qp->state, to);
	WRITE_ONCE(qp->state, to);
}

/**
 * rxe_qp_error() - the engine moves a QP to the error state
 * @qp: QP; the caller owns one of its turns
 * @event: what to tell the consumer, or 0
 *
 * Any context. The first caller wins; both sides flush from a worker.
 */
void rxe_qp_error(struct rxe_qp *qp, enum ib_event_type event)
{
	bool first;

	spin_lock_bh(&qp->state_lock);
	first = qp->state != IB_QPS_ERR && qp->state != IB_QPS_RESET;
	if (first)
		change_state(qp, IB_QPS_ERR);
	spin_unlock_bh(&qp->state_lock);
	if (!first)
		return;
	if (event)
		rxe_qp_event(qp, event);
	rxe_side_defer(&qp->req.side);
	rxe_side_defer(&qp->resp.side);
}

/**
 * rxe_qp_send_error() - a work request of the send queue failed
 * @qp: QP; the caller owns the requester's turn
 *
 * Any context. A connection is lost with it: RC goes to ERR. UC and UD go to
 * SQE, where the send queue is flushed while the receive queue works on, until
 * the consumer brings them back to RTS (IBTA 10.3.1.7).
 */
void rxe_qp_send_error(struct rxe_qp *qp)
{
	bool first;

	if (qp->type == IB_QPT_RC) {
		rxe_qp_error(qp, 0);
		return;
	}
	spin_lock_bh(&qp->state_lock);
	first = qp->state == IB_QPS_RTS || qp->state == IB_QPS_SQD;
	if (first)
		change_state(qp, IB_QPS_SQE);
	spin_unlock_bh(&qp->state_lock);
	if (first)
		rxe_side_defer(&qp->req.side);
}

/* rxe_qp_kick_all() - something about the device changed that sends may wait for */
void rxe_qp_kick_all(struct rxe_dev *rxe)
{
	struct rxe_qp *qp;
	unsigned long i;

	rcu_read_lock();
	xa_for_each(&rxe->qps, i, qp) {
		if (!rxe_ref_get(&qp->ref))
			continue;
		rxe_side_defer(&qp->req.side);
		rxe_qp_put(qp);
	}
	rcu_read_unlock();
}

static void gauge_drained(void *arg)
{
	struct rxe_qp *qp = arg;

	rxe_side_run(&qp->req.side, RXE_CTX_SOFTIRQ);
	rxe_side_run(&qp->resp.side, RXE_CTX_SOFTIRQ);
}

static void resp_rnr_timer(struct timer_list *t)
{
	struct rxe_resp *resp = compat_timer_container(resp, t, rnr_timer);

	set_bit(0, &resp->rnr_due);
	rxe_side_run(&resp->side, RXE_CTX_SOFTIRQ);
}

static void req_timer(struct timer_list *t)
{
	struct rxe_req *req = compat_timer_container(req, t, timer);

	set_bit(RXE_REQ_TIMEOUT, &req->events);
	rxe_side_run(&req->side, RXE_CTX_SOFTIRQ);
}

static void req_rnr_timer(struct timer_list *t)
{
	struct rxe_req *req = compat_timer_container(req, t, rnr_timer);

	set_bit(RXE_REQ_RNR_OVER, &req->events);
	rxe_side_run(&req->side, RXE_CTX_SOFTIRQ);
}

static int init_check(struct rxe_dev *rxe, const struct ib_qp_init_attr *init)
{
	const struct ib_qp_cap *cap = &init->cap;

	switch (init->qp_type) {
	case IB_QPT_RC:
	case IB_QPT_UC:
	case IB_QPT_UD:
	case IB_QPT_GSI:
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (init->create_flags)
		return -EOPNOTSUPP;
	if (!init->send_cq || !init->recv_cq)
		return -EINVAL;
	if (cap->max_send_wr > RXE_MAX_QP_WR ||
	    cap->max_send_sge > RXE_MAX_SGE ||
	    cap->max_inline_data > RXE_MAX_INLINE)
		return -EINVAL;
	if (!init->srq && (cap->max_recv_wr > RXE_MAX_QP_WR ||
			   cap->max_recv_sge > RXE_MAX_SGE))
		return -EINVAL;
	if (init->qp_type == IB_QPT_GSI && rcu_access_pointer(rxe->gsi))
		return -EBUSY;
	return 0;
}

static int make_send_queue(struct rxe_qp *qp, struct ib_qp_init_attr *init,
			   struct ib_udata *udata, struct mminfo __user *out)
{
	struct ib_qp_cap *cap = &init->cap;
	u32 data = max_t(u32, cap->max_send_sge * sizeof(struct rxe_sge),
			 cap->max_inline_data);

	/* inline data and SGEs share the room, so either may use all of it */
	data = max_t(u32, round_up(data, sizeof(struct rxe_sge)),
		     4 * sizeof(struct rxe_sge));
	qp->max_send_sge = data / sizeof(struct rxe_sge);
	qp->max_inline = data;
	qp->max_send_wr = roundup_pow_of_two(max(cap->max_send_wr, 1u) + 1) - 1;

	qp->slot_size = ALIGN(sizeof(struct rxe_wqe) + data, 8);
	qp->slot_mask = qp->max_send_wr;
	qp->slots = kvcalloc(qp->slot_mask + 1, qp->slot_size,
			     GFP_KERNEL_ACCOUNT);
	if (!qp->slots)
		return -ENOMEM;
	if (udata) {
		qp->sq = rxe_queue_create(qp->rxe, qp->max_send_wr,
					  sizeof(struct rxe_send_wqe) + data,
					  udata, out);
		if (IS_ERR(qp->sq))
			return PTR_ERR(qp->sq);
	}
	cap->max_send_wr = qp->max_send_wr;
	cap->max_send_sge = qp->max_send_sge;
	cap->max_inline_data = qp->max_inline;
	return 0;
}

static int make_recv_queue(struct rxe_qp *qp, struct ib_qp_init_attr *init,
			   struct ib_udata *udata, struct mminfo __user *out)
{
	struct ib_qp_cap *cap = &init->cap;

	if (init->srq) {
		qp->srq = to_rsrq(init->srq);
		cap->max_recv_wr = 0;
		cap->max_recv_sge = 0;
		return 0;
	}
	qp->max_recv_sge = max(cap->max_recv_sge, 1u);
	qp->rq = rxe_queue_create(qp->rxe, max(cap->max_recv_wr, 1u),
				  sizeof(struct rxe_recv_wqe) +
				  qp->max_recv_sge * sizeof(struct rxe_sge),
				  udata, out);
	if (IS_ERR(qp->rq))
		return PTR_ERR(qp->rq);
	qp->max_recv_wr = rxe_queue_capacity(qp->rq);
	cap->max_recv_wr = qp->max_recv_wr;
	cap->max_recv_sge = qp->max_recv_sge;
	return 0;
}

static void free_queues(struct rxe_qp *qp)
{
	if (!IS_ERR_OR_NULL(qp->sq))
		rxe_queue_destroy(qp->sq);
	if (!IS_ERR_OR_NULL(qp->rq))
		rxe_queue_destroy(qp->rq);
	kvfree(qp->slots);
	kfree(qp->resp.res);
}

static int publish(struct rxe_qp *qp)
{
	int err;

	if (qp->type == IB_QPT_GSI) {
		qp->qpn = 1;
		rcu_assign_pointer(qp->rxe->gsi, qp);
		return 0;
	}
	/* a number is not used again soon: type 2B windows and peers know it */
	err = xa_alloc_cyclic(&qp->rxe->qps, &qp->qpn, qp,
			      XA_LIMIT(RXE_MIN_QPN, RXE_MIN_QPN + RXE_MAX_QP - 1),
			      &qp->rxe->qp_next, GFP_KERNEL);
	return err < 0 ? err : 0;
}

/**
 * rxe_create_qp() - .create_qp
 *
 * Returns -EOPNOTSUPP for types and flags that do not exist here, -EINVAL
 * beyond the advertised limits, -ENOMEM, -EFAULT for a bad response buffer.
 */
int rxe_create_qp(struct ib_qp *ibqp, struct ib_qp_init_attr *init,
		  struct ib_udata *udata)
{
	struct rxe_create_qp_resp __user *resp = NULL;
	struct rxe_qp *qp = to_rqp(ibqp);
	int err;

	if (udata) {
		if (udata->inlen || udata->outlen < sizeof(*resp))
			return -EINVAL;
		resp = udata->outbuf;
	}
	err = init_check(to_rdev(ibqp->device), init);
	if (err)
		return err;

	qp->rxe = to_rdev(ibqp->device);
	qp->type = init->qp_type;
	qp->user = udata;
	qp->sig_all = init->sq_sig_type == IB_SIGNAL_ALL_WR;
	qp->pd = to_rpd(ibqp->pd);
	qp->scq = to_rcq(init->send_cq);
	qp->rcq = to_rcq(init->recv_cq);
	qp->state = IB_QPS_RESET;
	qp->mtu = ib_mtu_enum_to_int(qp->rxe->mtu);
	rxe_ref_init(&qp->ref);
	spin_lock_init(&qp->state_lock);
	spin_lock_init(&qp->post_lock);
	spin_lock_init(&qp->rpost_lock);
	rxe_side_init(&qp->req.side, qp, rxe_req_run);
	rxe_side_init(&qp->resp.side, qp, rxe_resp_run);
	qp->req.window = RXE_MAX_PSN_WINDOW;
	timer_setup(&qp->req.timer, req_timer, 0);
	timer_setup(&qp->req.rnr_timer, req_rnr_timer, 0);
	timer_setup(&qp->resp.rnr_timer, resp_rnr_timer, 0);

	err = make_send_queue(qp, init, udata, resp ? &resp->sq_mi : NULL);
	if (err)
		goto err_queues;
	err = make_recv_queue(qp, init, udata, resp ? &resp->rq_mi : NULL);
	if (err)
		goto err_queues;
	err = -ENOMEM;
	qp->gauge = rxe_gauge_alloc(gauge_drained, qp);
	if (!qp->gauge)
		goto err_queues;
	err = publish(qp);
	if (err)
		goto err_gauge;
	ibqp->qp_num = qp->qpn;
	return 0;

err_gauge:
	rxe_gauge_kill(qp->gauge);
err_queues:
	free_queues(qp);
	return err;
}

static void unpublish(struct rxe_qp *qp)
{
	if (qp->type == IB_QPT_GSI)
		RCU_INIT_POINTER(qp->rxe->gsi, NULL);
	else
		xa_erase(&qp->rxe->qps, qp->qpn);
}

/* Gives back what outstanding send WQEs hold. */
static void drop_wqes(struct rxe_qp *qp)
{
	while (qp->req.head != qp->req.tail)
		rxe_sq_release(qp);
}

/**
 * rxe_destroy_qp() - .destroy_qp
 *
 * Waits for bounded work and for RCU, never for a page fault (N10).
 * Outstanding work requests vanish without completions.
 */
int rxe_destroy_qp(struct ib_qp *ibqp, struct ib_udata *udata)
{
	struct rxe_qp *qp = to_rqp(ibqp);

	unpublish(qp);
	rxe_turn_lock(&qp->req.side);
	rxe_turn_lock(&qp->resp.side);
	qp->dying = true;
	rxe_turn_unlock(&qp->resp.side);
	rxe_turn_unlock(&qp->req.side);

	rxe_gauge_kill(qp->gauge);
	compat_timer_shutdown_sync(&qp->req.timer);
	compat_timer_shutdown_sync(&qp->req.rnr_timer);
	compat_timer_shutdown_sync(&qp->resp.rnr_timer);
	rxe_ref_kill(&qp->ref);
	rxe_side_stop(&qp->req.side);
	rxe_side_stop(&qp->resp.side);

	drop_wqes(qp);
	if (qp->path.ready)
		rxe_path_fini(&qp->path);
	free_queues(qp);
	/* rxe_qp_find() may still look at the reference count */
	synchronize_rcu();
	return 0;
}

static void reset(struct rxe_qp *qp)
{
	rxe_side_abandon(&qp->req.side, RXE_CTX_CALLER);
	rxe_side_abandon(&qp->resp.side, RXE_CTX_CALLER);
	rxe_side_purge(&qp->req.side);
	rxe_side_purge(&qp->resp.side);
	drop_wqes(qp);
	if (qp->user)
		rxe_queue_consume(qp->sq, rxe_queue_pending(qp->sq));
	if (qp->rq)
		rxe_queue_consume(qp->rq, rxe_queue_pending(qp->rq));
	rxe_req_reset(qp);
	rxe_resp_reset(qp);
	if (qp->path.ready)
		rxe_path_fini(&qp->path);
	memset(&qp->attr, 0, sizeof(qp->attr));
}

/* What a change needs that may not be had. */
struct change {
	struct rxe_path path;		/* .ready if there is a new one */
	struct rxe_res *res;		/* replay store, or NULL */
};

static bool attrs_valid(struct rxe_qp *qp, const struct ib_qp_attr *attr,
			int mask)
{
	if (mask & IB_QP_PKEY_INDEX && attr->pkey_index)
		return false;
	if (mask & IB_QP_PORT && attr->port_num != 1)
		return false;
	if (mask & IB_QP_PATH_MTU && (attr->path_mtu < IB_MTU_256 ||
				      attr->path_mtu > qp->rxe->mtu))
		return false;
	if (mask & IB_QP_MAX_QP_RD_ATOMIC &&
	    attr->max_rd_atomic > RXE_MAX_RD_ATOMIC)
		return false;
	if (mask & IB_QP_MAX_DEST_RD_ATOMIC &&
	    attr->max_dest_rd_atomic > RXE_MAX_RD_ATOMIC)
		return false;
	if (mask & IB_QP_MIN_RNR_TIMER && attr->min_rnr_timer > 31)
		return false;
	if (mask & IB_QP_TIMEOUT && attr->timeout > 31)
		return false;
	if (mask & IB_QP_RETRY_CNT && attr->retry_cnt > 7)
		return false;
	return !(mask & IB_QP_RNR_RETRY && attr->rnr_retry > 7);
}

/* Everything that can fail; changes nothing of the QP. */
static int prepare(struct rxe_qp *qp, const struct ib_qp_attr *attr, int mask,
		   struct change *c)
{
	int err;

	if (!attrs_valid(qp, attr, mask))
		return -EINVAL;
	if (mask & IB_QP_ALT_PATH)
		return -EOPNOTSUPP;
	if (mask & IB_QP_MAX_DEST_RD_ATOMIC) {
		c->res = kcalloc(max_t(u32, attr->max_dest_rd_atomic, 1),
				 sizeof(*c->res), GFP_KERNEL_ACCOUNT);
		if (!c->res)
			return -ENOMEM;
	}
	if (mask & IB_QP_AV) {
		err = rxe_path_init(qp->rxe, &attr->ah_attr, qp->qpn, &c->path);
		if (err) {
			kfree(c->res);
			return err;
		}
	}
	return 0;
}

static void take_change(struct rxe_qp *qp, const struct ib_qp_attr *attr,
			const struct change *c)
{
	if (c->res) {
		kfree(qp->resp.res);
		qp->resp.res = c->res;
		qp->resp.res_n = attr->max_dest_rd_atomic;
		qp->resp.res_next = 0;
		qp->attr.max_dest_rd_atomic = attr->max_dest_rd_atomic;
	}
	if (c->path.ready) {
		if (qp->path.ready)
			rxe_path_fini(&qp->path);
		qp->path = c->path;
		qp->attr.ah_attr = attr->ah_attr;
		qp->attr.ah_attr.grh.sgid_attr = NULL;
	}
}

static void take_attrs(struct rxe_qp *qp, const struct ib_qp_attr *attr,
		       int mask)
{
	struct ib_qp_attr *a = &qp->attr;

	if (mask & IB_QP_PKEY_INDEX)
		a->pkey_index = attr->pkey_index;
	if (mask & IB_QP_PORT)
		a->port_num = attr->port_num;
	if (mask & IB_QP_ACCESS_FLAGS)
		a->qp_access_flags = attr->qp_access_flags;
	if (mask & IB_QP_QKEY)
		a->qkey = attr->qkey;
	if (mask & IB_QP_PATH_MTU) {
		a->path_mtu = attr->path_mtu;
		qp->mtu = ib_mtu_enum_to_int(attr->path_mtu);
	}
	if (mask & IB_QP_DEST_QPN)
		a->dest_qp_num = attr->dest_qp_num & RXE_PSN_MASK;
	if (mask & IB_QP_MAX_QP_RD_ATOMIC)
		a->max_rd_atomic = attr->max_rd_atomic;
	if (mask & IB_QP_MIN_RNR_TIMER)
		a->min_rnr_timer = attr->min_rnr_timer;
	if (mask & IB_QP_TIMEOUT)
		a->timeout = attr->timeout;
	if (mask & IB_QP_RETRY_CNT) {
		a->retry_cnt = attr->retry_cnt;
		qp->req.retry = a->retry_cnt;
	}
	if (mask & IB_QP_RNR_RETRY) {
		a->rnr_retry = attr->rnr_retry;
		qp->req.rnr_retry = a->rnr_retry;
	}
	if (mask & IB_QP_RQ_PSN) {
		a->rq_psn = attr->rq_psn & RXE_PSN_MASK;
		qp->resp.psn = a->rq_psn;
	}
	if (mask & IB_QP_SQ_PSN) {
		a->sq_psn = attr->sq_psn & RXE_PSN_MASK;
		qp->req.psn = a->sq_psn;
		qp->req.una = a->sq_psn;
		qp->req.top = a->sq_psn;
	}
	if (mask & IB_QP_PATH_MIG_STATE)
		a->path_mig_state = attr->path_mig_state;
}

static void set_state(struct rxe_qp *qp, const struct ib_qp_attr *attr, int mask,
		      enum ib_qp_state next)
{
	if (next == IB_QPS_RESET)
		reset(qp);
	/* what was behind the failure must not be sent after all */
	if (qp->state == IB_QPS_SQE && next == IB_QPS_RTS) {
		rxe_side_abandon(&qp->req.side, RXE_CTX_CALLER);
		rxe_comp_flush(qp);
	}
	qp->req.draining = next == IB_QPS_SQD && qp->state != IB_QPS_SQD &&
			   mask & IB_QP_EN_SQD_ASYNC_NOTIFY &&
			   attr->en_sqd_async_notify;
	spin_lock_bh(&qp->state_lock);
	change_state(qp, next);
	spin_unlock_bh(&qp->state_lock);
}

/*
 * May the QP be changed in the state it is in? A send queue that is still
 * draining has not arrived in SQD; it can only be given up.
 */
static bool may_change(struct rxe_qp *qp, enum ib_qp_state cur,
		       enum ib_qp_state next, int mask)
{
	if (!ib_modify_qp_is_ok(cur, next, qp->type, mask))
		return false;
	return cur != IB_QPS_SQD || next == IB_QPS_RESET ||
	       next == IB_QPS_ERR || !rxe_sq_outstanding(qp);
}

/* rxe_modify_qp() - .modify_qp; IBTA 11.2.5.2. Nothing changes on error. */
int rxe_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		  struct ib_udata *udata)
{
	struct rxe_qp *qp = to_rqp(ibqp);
	enum ib_qp_state cur, next;
	struct change c = {};
	int err = -EINVAL;

	if (mask & ~IB_QP_ATTR_STANDARD_BITS)
		return -EOPNOTSUPP;

	rxe_turn_lock(&qp->req.side);
	rxe_turn_lock(&qp->resp.side);
	cur = qp->state;
	next = mask & IB_QP_STATE ? attr->qp_state : cur;
	if (mask & IB_QP_CUR_STATE && attr->cur_qp_state != cur)
		goto out;
	if (!may_change(qp, cur, next, mask))
		goto out;
	err = prepare(qp, attr, mask, &c);
	if (err)
		goto out;
	take_change(qp, attr, &c);
	take_attrs(qp, attr, mask);
	if (mask & IB_QP_STATE)
		set_state(qp, attr, mask, next);
out:
	rxe_turn_unlock(&qp->resp.side);
	rxe_turn_unlock(&qp->req.side);
	if (!err) {
		/* flush, go on after SQD, or drain */
		rxe_side_run(&qp->req.side, RXE_CTX_CALLER);
		rxe_side_run(&qp->resp.side, RXE_CTX_CALLER);
	}
	return err;
}

/* rxe_query_qp() - .query_qp */
int rxe_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		 struct ib_qp_init_attr *init)
{
	struct rxe_qp *qp = to_rqp(ibqp);

	rxe_turn_lock(&qp->req.side);
	rxe_turn_lock(&qp->resp.side);
	*attr = qp->attr;
	attr->qp_state = qp->state;
	attr->cur_qp_state = qp->state;
	attr->sq_psn = qp->req.psn;
	attr->rq_psn = qp->resp.psn;
	attr->sq_draining = qp->state == IB_QPS_SQD && rxe_sq_outstanding(qp);
	rxe_turn_unlock(&qp->resp.side);
	rxe_turn_unlock(&qp->req.side);

	attr->cap.max_send_wr = qp->max_send_wr;
	attr->cap.max_send_sge = qp->max_send_sge;
	attr->cap.max_inline_data = qp->max_inline;
	attr->cap.max_recv_wr = qp->max_recv_wr;
	attr->cap.max_recv_sge = qp->max_recv_sge;
	init->event_handler = ibqp->event_handler;
	init->qp_context = ibqp->qp_context;
	init->send_cq = ibqp->send_cq;
	init->recv_cq = ibqp->recv_cq;
	init->srq = ibqp->srq;
	init->cap = attr->cap;
	init->sq_sig_type = qp->sig_all ? IB_SIGNAL_ALL_WR : IB_SIGNAL_REQ_WR;
	init->qp_type = qp->type;
	return 0;
}

/**
 * rxe_post_send() - .post_send
 * @ibqp: QP
 * @wr: kernel consumer's list; NULL is a user's doorbell
 * @bad: first request that was not queued
 *
 * A user's doorbell runs the requester in the system call (D3). Kernel
 * consumers may call with interrupts off, so theirs runs in a worker. Returns
 * -EINVAL in a state in which nothing may be posted (a user's requests are then
 * taken out of the ring), -ENOMEM when a kernel consumer's queue is full.
 */
int rxe_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
		  const struct ib_send_wr **bad)
{
	struct rxe_qp *qp = to_rqp(ibqp);
	enum ib_qp_state state = READ_ONCE(qp->state);
	unsigned long flags;
	int err = 0;

	if (qp->user) {
		rxe_side_run(&qp->req.side, RXE_CTX_CALLER);
		return state < IB_QPS_RTS ? -EINVAL : 0;
	}
	if (state < IB_QPS_RTS) {
		*bad = wr;
		return -EINVAL;
	}
	spin_lock_irqsave(&qp->post_lock, flags);
	for (; wr && !err; wr = err ? wr : wr->next) {
		err = rxe_sq_kpost(qp, wr);
		if (err)
			*bad = wr;
	}
	spin_unlock_irqrestore(&qp->post_lock, flags);
	rxe_side_defer(&qp->req.side);
	return err;
}

/* One receive request of a kernel consumer into @q; SRQs use it too. */
static int kpost_recv(struct rxe_queue *q, u32 max_sge,
		      const struct ib_recv_wr *wr)
{
	u8 buf[sizeof(struct rxe_recv_wqe) +
	       RXE_MAX_SGE * sizeof(struct rxe_sge)] __aligned(8);
	struct rxe_recv_wqe *raw = (void *)buf;
	int i;

	if (wr->num_sge < 0 || wr->num_sge > max_sge)
		return -EINVAL;
	memset(raw, 0, sizeof(*raw));
	raw->wr_id = (uintptr_t)wr->wr_cqe;
	raw->dma.num_sge = wr->num_sge;
	for (i = 0; i < wr->num_sge; i++) {
		raw->dma.sge[i].addr = wr->sg_list[i].addr;
		raw->dma.sge[i].length = wr->sg_list[i].length;
		raw->dma.sge[i].lkey = wr->sg_list[i].lkey;
	}
	return rxe_queue_kpush(q, raw, sizeof(*raw) + wr->num_sge *
			       sizeof(struct rxe_sge)) ? 0 : -ENOMEM;
}

/* rxe_post_recv() - .post_recv, kernel consumers only */
int rxe_post_recv(struct ib_qp *ibqp, const struct ib_recv_wr *wr,
		  const struct ib_recv_wr **bad)
{
	struct rxe_qp *qp = to_rqp(ibqp);
	unsigned long flags;
	int err = 0;

	if (qp->user || !qp->rq || READ_ONCE(qp->state) == IB_QPS_RESET) {
		*bad = wr;
		return -EINVAL;
	}
	spin_lock_irqsave(&qp->rpost_lock, flags);
	for (; wr && !err; wr = err ? wr : wr->next) {
		err = kpost_recv(qp->rq, qp->max_recv_sge, wr);
		if (err)
			*bad = wr;
	}
	spin_unlock_irqrestore(&qp->rpost_lock, flags);
	/* Either the flush that follows the store of ERR sees the request, or we see ERR. */
	smp_mb();
	if (READ_ONCE(qp->state) == IB_QPS_ERR)
		rxe_side_defer(&qp->resp.side);
	return err;
}
