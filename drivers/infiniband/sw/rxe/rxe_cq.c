// SPDX-License-Identifier: GPL-2.0
/*
 * Completion queues.
 *
 * rxe_cq.lock serialises everything that replaces the ring, fills it, empties
 * it for a kernel consumer, or arms the CQ. It is taken in any context, with
 * interrupts off. Handlers of consumers are called without it.
 *
 * A kernel consumer's handler may post work and so come back into the engine;
 * it runs from a tasklet. The handler of a user's CQ only queues an event for
 * a reader and runs inline.
 *
 * Moderation holds a notification back: the CQ stays armed, completions that would
 * have been told of are counted, and the last of them or the timer tells.
 */
#include "rxe_verbs.h"

/* An element holds either form, so that every ring has the same stride. */
union rxe_cqe {
	struct ib_wc kernel;
	struct ib_uverbs_wc user;
};

/* Flags of a user's completion: libibverbs' numbers, not the kernel's. */
enum {
	RXE_UWC_GRH		= 1 << 0,
	RXE_UWC_WITH_IMM	= 1 << 1,
	RXE_UWC_WITH_INV	= 1 << 3,
};

static u32 wc_flags_to_user(int flags)
{
	return (flags & IB_WC_GRH ? RXE_UWC_GRH : 0) |
	       (flags & IB_WC_WITH_IMM ? RXE_UWC_WITH_IMM : 0) |
	       (flags & IB_WC_WITH_INVALIDATE ? RXE_UWC_WITH_INV : 0);
}

/*
 * RoCE v2 has no service level. What a user finds there after a datagram is the
 * kind of packet, annex A17.4.5.1, in the encoding that UCX expects: bit 3 for
 * UDP, 1 for IPv6, 2 for IPv4. It tells where in the GRH the address is.
 */
static u8 wc_sl_to_user(const struct ib_wc *wc)
{
	if (!(wc->wc_flags & IB_WC_WITH_NETWORK_HDR_TYPE))
		return wc->sl;
	return BIT(3) | (wc->network_hdr_type == RDMA_NETWORK_IPV6 ? 1 : 2);
}

static void wc_to_user(struct ib_uverbs_wc *to, const struct ib_wc *wc)
{
	*to = (struct ib_uverbs_wc) {
		.wr_id		= wc->wr_id,
		.status		= wc->status,
		.opcode		= wc->opcode,
		.vendor_err	= wc->vendor_err,
		.byte_len	= wc->byte_len,
		.qp_num		= wc->qp ? wc->qp->qp_num : 0,
		.src_qp		= wc->src_qp,
		.wc_flags	= wc_flags_to_user(wc->wc_flags),
		.pkey_index	= wc->pkey_index,
		.slid		= wc->slid,
		.sl		= wc_sl_to_user(wc),
		.dlid_path_bits	= wc->dlid_path_bits,
		.port_num	= wc->port_num,
	};

	/* one word on either side, whichever arm is in use */
	if (wc->wc_flags & IB_WC_WITH_INVALIDATE)
		to->ex.invalidate_rkey = wc->ex.invalidate_rkey;
	else
		to->ex.imm_data = wc->ex.imm_data;
}

static void cq_notify(struct tasklet_struct *t)
{
	struct rxe_cq *cq = from_tasklet(cq, t, notify);

	cq->ibcq.comp_handler(&cq->ibcq, cq->ibcq.cq_context);
}

static void cq_overflow(struct rxe_cq *cq)
{
	struct ib_event ev = {
		.device		= cq->ibcq.device,
		.element.cq	= &cq->ibcq,
		.event		= IB_EVENT_CQ_ERR,
	};

	if (cq->ibcq.event_handler)
		cq->ibcq.event_handler(&ev, cq->ibcq.cq_context);
}

/* Would whoever armed the CQ be told of this completion? */
static bool cq_wanted(const struct rxe_cq *cq, const struct ib_wc *wc, bool solicited)
{
	return cq->armed & IB_CQ_NEXT_COMP ||
	       (cq->armed & IB_CQ_SOLICITED &&
		(solicited || wc->status != IB_WC_SUCCESS));
}

/* And now, or later? An error is told of at once. */
static bool cq_due(struct rxe_cq *cq, const struct ib_wc *wc)
{
	if (likely(cq->mod_count <= 1 || !cq->mod_usecs) ||
	    wc->status != IB_WC_SUCCESS || ++cq->untold >= cq->mod_count)
		return true;
	if (cq->untold == 1)
		hrtimer_start(&cq->mod_timer, ns_to_ktime(cq->mod_usecs * NSEC_PER_USEC),
			      HRTIMER_MODE_REL_SOFT);
	return false;
}

static void cq_disarm(struct rxe_cq *cq)
{
	cq->armed = 0;
	cq->untold = 0;
}

static void cq_tell(struct rxe_cq *cq)
{
	if (!cq->ibcq.comp_handler)
		return;
	if (cq->user)
		cq->ibcq.comp_handler(&cq->ibcq, cq->ibcq.cq_context);
	else
		tasklet_schedule(&cq->notify);
}

static enum hrtimer_restart cq_mod_timer(struct hrtimer *t)
{
	struct rxe_cq *cq = container_of(t, struct rxe_cq, mod_timer);
	unsigned long flags;
	bool notify;

	spin_lock_irqsave(&cq->lock, flags);
	notify = cq->untold;
	if (notify)
		cq_disarm(cq);
	spin_unlock_irqrestore(&cq->lock, flags);
	if (notify)
		cq_tell(cq);
	return HRTIMER_NORESTART;
}

void rxe_cq_post(struct rxe_cq *cq, const struct ib_wc *wc, bool solicited)
{
	bool notify = false, overflow = false, pushed;
	struct ib_uverbs_wc uwc;
	unsigned long flags;

	if (cq->user)
		wc_to_user(&uwc, wc);

	spin_lock_irqsave(&cq->lock, flags);
	if (cq->user)
		pushed = rxe_queue_push(cq->queue, &uwc, sizeof(uwc));
	else
		pushed = rxe_queue_push(cq->queue, wc, sizeof(*wc));

	if (!pushed) {
		overflow = !cq->broken;
		cq->broken = true;
	} else if (cq_wanted(cq, wc, solicited) && cq_due(cq, wc)) {
		cq_disarm(cq);
		notify = true;
	}
	spin_unlock_irqrestore(&cq->lock, flags);

	if (overflow)
		cq_overflow(cq);

	if (notify)
		cq_tell(cq);
}

/* Ring of at least @cqe elements, its mminfo in the response of either verb. */
static struct rxe_queue *cq_ring(struct rxe_dev *rxe, u32 cqe,
				 struct ib_udata *udata)
{
	struct mminfo __user *out = NULL;

	BUILD_BUG_ON(sizeof(struct rxe_create_cq_resp) !=
		     sizeof(struct mminfo));
	BUILD_BUG_ON(sizeof(struct rxe_resize_cq_resp) !=
		     sizeof(struct mminfo));

	if (!cqe || cqe > RXE_MAX_CQE)
		return ERR_PTR(-EINVAL);

	if (udata) {
		if (udata->outlen < sizeof(*out))
			return ERR_PTR(-EINVAL);
		out = udata->outbuf;
	}
	return rxe_queue_create(rxe, cqe, sizeof(union rxe_cqe), udata, out);
}

static u32 cq_capacity(const struct rxe_queue *q)
{
	return min_t(u32, rxe_queue_capacity(q), RXE_MAX_CQE);
}

/**
 * rxe_create_cq() - create_cq verb
 * @ibcq: allocated by the core
 * @attr: size and completion vector; no flag is supported
 * @attrs: user consumer, or NULL
 *
 * Process context. Return: 0, -EOPNOTSUPP for flags, -EINVAL, -ENOMEM (memory,
 * or as many CQs as the device has), -EFAULT.
 */
int rxe_create_cq(struct ib_cq *ibcq, const struct ib_cq_init_attr *attr,
		  struct compat_cq_udata *attrs)
{
	struct ib_udata *udata = compat_to_udata(attrs);
	struct rxe_dev *rxe = to_rdev(ibcq->device);
	struct rxe_cq *cq = to_rcq(ibcq);
	struct rxe_queue *q;

	if (attr->flags)
		return -EOPNOTSUPP;
	if (attr->comp_vector >= ibcq->device->num_comp_vectors)
		return -EINVAL;
	if (!atomic_add_unless(&rxe->ncqs, 1, RXE_MAX_CQ))
		return -ENOMEM;

	q = cq_ring(rxe, attr->cqe, udata);
	if (IS_ERR(q)) {
		atomic_dec(&rxe->ncqs);
		return PTR_ERR(q);
	}

	spin_lock_init(&cq->lock);
	tasklet_setup(&cq->notify, cq_notify);
	compat_hrtimer_setup(&cq->mod_timer, cq_mod_timer, CLOCK_MONOTONIC,
			     HRTIMER_MODE_REL_SOFT);
	cq->user = !!udata;
	cq->queue = q;
	ibcq->cqe = cq_capacity(q);
	return 0;
}

/**
 * rxe_modify_cq() - modify_cq verb: moderation
 * @ibcq: CQ
 * @count: completions that are worth a notification
 * @usecs: microseconds that the first of fewer waits for it
 *
 * Off if @count is below two or @usecs is zero. What is held back is not: its time
 * runs on. Process context. Return: 0.
 */
int rxe_modify_cq(struct ib_cq *ibcq, u16 count, u16 usecs)
{
	struct rxe_cq *cq = to_rcq(ibcq);
	unsigned long flags;

	spin_lock_irqsave(&cq->lock, flags);
	cq->mod_count = count;
	cq->mod_usecs = usecs;
	spin_unlock_irqrestore(&cq->lock, flags);
	return 0;
}

/**
 * rxe_resize_cq() - resize verb
 * @ibcq: CQ
 * @cqe: completions wanted
 * @udata: user consumer, or NULL
 *
 * Process context; unread completions move along. Two calls at a time are
 * possible: the one that comes last wins. Return: 0, -EINVAL for a size out of
 * range or below what is unread, -ENOMEM, -EFAULT.
 */
int rxe_resize_cq(struct ib_cq *ibcq, compat_cqe_t cqe, struct ib_udata *udata)
{
	struct rxe_dev *rxe = to_rdev(ibcq->device);
	struct rxe_cq *cq = to_rcq(ibcq);
	struct rxe_queue *q, *drop;
	unsigned long flags;
	int err;

	q = cq_ring(rxe, cqe, udata);
	if (IS_ERR(q))
		return PTR_ERR(q);

	spin_lock_irqsave(&cq->lock, flags);
	if (rxe_queue_unread(cq->queue) > (u32)cqe)
		err = -EINVAL;
	else
		err = rxe_queue_move_unread(q, cq->queue);

	drop = q;
	if (!err) {
		drop = cq->queue;
		cq->queue = q;
		cq->broken = false;
		ibcq->cqe = cq_capacity(q);
	}
	spin_unlock_irqrestore(&cq->lock, flags);

	rxe_queue_destroy(drop);
	return err;
}

/**
 * rxe_destroy_cq() - destroy_cq verb
 * @ibcq: CQ, no QP uses it
 * @udata: unused
 *
 * Process context. Return: 0.
 */
int rxe_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata)
{
	struct rxe_cq *cq = to_rcq(ibcq);
	struct rxe_queue *q = cq->queue;
	unsigned long flags;

	hrtimer_cancel(&cq->mod_timer);
	tasklet_kill(&cq->notify);
	/* A netlink dump may still find the CQ. */
	spin_lock_irqsave(&cq->lock, flags);
	cq->queue = NULL;
	spin_unlock_irqrestore(&cq->lock, flags);
	rxe_queue_destroy(q);
	atomic_dec(&to_rdev(ibcq->device)->ncqs);
	return 0;
}

/**
 * rxe_poll_cq() - poll_cq verb of kernel consumers
 * @ibcq: CQ
 * @n: completions wanted
 * @wc: where to
 *
 * Any context. Return: completions taken, or -EINVAL on a user's CQ.
 */
int rxe_poll_cq(struct ib_cq *ibcq, int n, struct ib_wc *wc)
{
	struct rxe_cq *cq = to_rcq(ibcq);
	unsigned long flags;
	int i;

	/* the far side of that ring is not ours to move */
	if (cq->user)
		return -EINVAL;

	spin_lock_irqsave(&cq->lock, flags);
	for (i = 0; i < n; i++)
		if (!rxe_queue_kpull(cq->queue, &wc[i], sizeof(wc[i])))
			break;
	spin_unlock_irqrestore(&cq->lock, flags);
	return i;
}

/**
 * rxe_peek_cq() - peek_cq verb
 * @ibcq: CQ
 * @n: completions of interest
 *
 * Any context. Return: unread completions, at most @n.
 */
int rxe_peek_cq(struct ib_cq *ibcq, int n)
{
	struct rxe_cq *cq = to_rcq(ibcq);
	unsigned long flags;
	u32 unread;

	spin_lock_irqsave(&cq->lock, flags);
	unread = rxe_queue_unread(cq->queue);
	spin_unlock_irqrestore(&cq->lock, flags);
	return min_t(u32, unread, max(n, 0));
}

/**
 * rxe_req_notify_cq() - arm a CQ
 * @ibcq: CQ
 * @flags: what to arm for; IB_CQ_NEXT_COMP outlasts IB_CQ_SOLICITED
 *
 * Any context. Return: 1 if IB_CQ_REPORT_MISSED_EVENTS is set and completions
 * are waiting, else 0.
 */
int rxe_req_notify_cq(struct ib_cq *ibcq, enum ib_cq_notify_flags flags)
{
	struct rxe_cq *cq = to_rcq(ibcq);
	unsigned long irq;
	int missed = 0;

	spin_lock_irqsave(&cq->lock, irq);
	/* SMC-R asks for both, and means the next completion. */
	cq->armed |= flags & IB_CQ_SOLICITED_MASK;
	if ((flags & IB_CQ_REPORT_MISSED_EVENTS) && rxe_queue_unread(cq->queue))
		missed = 1;
	spin_unlock_irqrestore(&cq->lock, irq);
	return missed;
}
