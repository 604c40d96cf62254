// SPDX-License-Identifier: GPL-2.0
/*
 * Shared receive queues.
 *
 * rxe_srq.lock serialises the consumer, which is the responder of any QP, the
 * limit and the replacement of the ring; rxe_srq.prod_lock the kernel
 * producers. Order: prod_lock > lock. Both are taken with interrupts off, as a
 * kernel consumer may post with interrupts off and a responder run in its call.
 */
#include "rxe_verbs.h"
#include "rxe_qp.h"

/* A receive WQE as it stands in the ring, at its largest. */
#define SRQ_WQE_SIZE(nsge) \
	(sizeof(struct rxe_recv_wqe) + (nsge) * sizeof(struct rxe_sge))

static void srq_limit_event(struct rxe_srq *srq)
{
	struct ib_event ev = {
		.device		= srq->ibsrq.device,
		.element.srq	= &srq->ibsrq,
		.event		= IB_EVENT_SRQ_LIMIT_REACHED,
	};

	if (srq->ibsrq.event_handler)
		srq->ibsrq.event_handler(&ev, srq->ibsrq.srq_context);
}

int rxe_srq_pull(struct rxe_srq *srq, struct rxe_rwqe *rwqe)
{
	u8 raw[SRQ_WQE_SIZE(RXE_MAX_SRQ_SGE)] __aligned(8);
	bool got, limit = false;
	unsigned long flags;

	spin_lock_irqsave(&srq->lock, flags);
	got = rxe_queue_peek(srq->queue, 0, raw, SRQ_WQE_SIZE(srq->max_sge));
	if (got) {
		rxe_queue_consume(srq->queue, 1);
		if (srq->limit && rxe_queue_pending(srq->queue) < srq->limit) {
			srq->limit = 0;
			limit = true;
		}
	}
	spin_unlock_irqrestore(&srq->lock, flags);

	if (limit)
		srq_limit_event(srq);
	if (!got)
		return -ENOENT;

	return rxe_rwqe_check((const void *)raw, srq->max_sge, rwqe);
}

static u32 srq_capacity(const struct rxe_queue *q)
{
	return min_t(u32, rxe_queue_capacity(q), RXE_MAX_SRQ_WR);
}

/**
 * rxe_create_srq() - create_srq verb
 * @ibsrq: allocated by the core
 * @init: basic SRQs only; the sizes are replaced by the real ones
 * @udata: user consumer, or NULL
 *
 * Process context. Return: 0, -EOPNOTSUPP for another type, -EINVAL, -ENOMEM
 * (memory, or as many SRQs as the device has), -EFAULT.
 */
int rxe_create_srq(struct ib_srq *ibsrq, struct ib_srq_init_attr *init,
		   struct ib_udata *udata)
{
	struct rxe_create_srq_resp __user *resp = NULL;
	struct rxe_dev *rxe = to_rdev(ibsrq->device);
	struct ib_srq_attr *attr = &init->attr;
	struct rxe_srq *srq = to_rsrq(ibsrq);
	int err;

	if (init->srq_type != IB_SRQT_BASIC)
		return -EOPNOTSUPP;
	if (!attr->max_wr || attr->max_wr > RXE_MAX_SRQ_WR ||
	    attr->max_sge > RXE_MAX_SRQ_SGE || attr->srq_limit > attr->max_wr)
		return -EINVAL;

	if (udata) {
		if (udata->outlen < sizeof(*resp))
			return -EINVAL;
		resp = udata->outbuf;
	}

	rxe_ref_init(&srq->ref);
	spin_lock_init(&srq->lock);
	spin_lock_init(&srq->prod_lock);
	srq->rxe = rxe;
	srq->user = !!udata;
	srq->max_sge = max_t(u32, attr->max_sge, 1);
	srq->limit = attr->srq_limit;

	srq->queue = rxe_queue_create(rxe, attr->max_wr,
				      SRQ_WQE_SIZE(srq->max_sge), udata,
				      resp ? &resp->mi : NULL);
	if (IS_ERR(srq->queue))
		return PTR_ERR(srq->queue);
	srq->max_wr = srq_capacity(srq->queue);

	err = xa_alloc(&rxe->srqs, &srq->num, srq, XA_LIMIT(1, RXE_MAX_SRQ),
		       GFP_KERNEL);
	if (err) {
		if (err == -EBUSY)
			err = -ENOMEM;
		goto err_queue;
	}

	if (resp && put_user(srq->num, &resp->srq_num)) {
		err = -EFAULT;
		goto err_num;
	}

	attr->max_wr = srq->max_wr;
	attr->max_sge = srq->max_sge;
	return 0;

err_num:
	xa_erase(&rxe->srqs, srq->num);
err_queue:
	rxe_queue_destroy(srq->queue);
	return err;
}

/* New ring of @max_wr elements, swapped in with what is posted. */
static int srq_resize(struct rxe_srq *srq, u32 max_wr, const u32 *limit,
		      struct ib_udata *udata)
{
	struct mminfo __user *out = NULL;
	struct rxe_modify_srq_cmd cmd;
	struct rxe_queue *q, *drop;
	int err;

	if (!max_wr || max_wr > RXE_MAX_SRQ_WR)
		return -EINVAL;

	if (udata) {
		if (udata->inlen < sizeof(cmd))
			return -EINVAL;
		err = ib_copy_from_udata(&cmd, udata, sizeof(cmd));
		if (err)
			return err;
		out = u64_to_user_ptr(cmd.mmap_info_addr);
		if (!out)
			return -EINVAL;
	}

	q = rxe_queue_create(srq->rxe, max_wr, SRQ_WQE_SIZE(srq->max_sge),
			     udata, out);
	if (IS_ERR(q))
		return PTR_ERR(q);

	spin_lock_irq(&srq->prod_lock);
	spin_lock(&srq->lock);
	if ((limit ? *limit : srq->limit) > max_wr ||
	    rxe_queue_pending(srq->queue) > max_wr)
		err = -EINVAL;
	else
		err = rxe_queue_move_pending(q, srq->queue);

	drop = q;
	if (!err) {
		drop = srq->queue;
		srq->queue = q;
		srq->max_wr = srq_capacity(q);
		if (limit)
			srq->limit = *limit;
	}
	spin_unlock(&srq->lock);
	spin_unlock_irq(&srq->prod_lock);

	rxe_queue_destroy(drop);
	return err;
}

/**
 * rxe_modify_srq() - modify_srq verb: size, limit or both
 * @ibsrq: SRQ
 * @attr: new values
 * @mask: which of them
 * @udata: user consumer: struct rxe_modify_srq_cmd says where the new ring's
 *	   mminfo goes; or NULL
 *
 * Process context. Nothing changes on error. Return: 0, -EINVAL (out of range,
 * below what is posted, or below the limit), -ENOMEM, -EFAULT.
 */
int rxe_modify_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr,
		   enum ib_srq_attr_mask mask, struct ib_udata *udata)
{
	struct rxe_srq *srq = to_rsrq(ibsrq);
	const u32 *limit = mask & IB_SRQ_LIMIT ? &attr->srq_limit : NULL;
	int err = 0;

	if (mask & ~(IB_SRQ_MAX_WR | IB_SRQ_LIMIT))
		return -EINVAL;
	if (mask & IB_SRQ_MAX_WR)
		return srq_resize(srq, attr->max_wr, limit, udata);
	if (!limit)
		return 0;

	spin_lock_irq(&srq->lock);
	if (*limit > srq->max_wr)
		err = -EINVAL;
	else
		srq->limit = *limit;
	spin_unlock_irq(&srq->lock);
	return err;
}

/**
 * rxe_query_srq() - query_srq verb
 * @ibsrq: SRQ
 * @attr: result
 *
 * Process context. Return: 0.
 */
int rxe_query_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr)
{
	struct rxe_srq *srq = to_rsrq(ibsrq);

	spin_lock_irq(&srq->lock);
	attr->max_wr = srq->max_wr;
	attr->max_sge = srq->max_sge;
	attr->srq_limit = srq->limit;
	spin_unlock_irq(&srq->lock);
	return 0;
}

/**
 * rxe_destroy_srq() - destroy_srq verb
 * @ibsrq: SRQ, no QP is attached to it
 * @udata: unused
 *
 * Process context. Return: 0.
 */
int rxe_destroy_srq(struct ib_srq *ibsrq, struct ib_udata *udata)
{
	struct rxe_srq *srq = to_rsrq(ibsrq);

	xa_erase(&srq->rxe->srqs, srq->num);
	rxe_ref_kill(&srq->ref);
	rxe_queue_destroy(srq->queue);
	return 0;
}

static int srq_post_one(struct rxe_srq *srq, const struct ib_recv_wr *wr)
{
	u8 raw[SRQ_WQE_SIZE(RXE_MAX_SRQ_SGE)] __aligned(8);
	struct rxe_recv_wqe *wqe = (void *)raw;
	struct rxe_sge *sge = (void *)(raw + sizeof(*wqe));
	u64 length = 0;
	int i;

	if (wr->num_sge < 0 || wr->num_sge > srq->max_sge)
		return -EINVAL;

	memset(wqe, 0, sizeof(*wqe));
	wqe->wr_id = wr->wr_id;
	wqe->dma.num_sge = wr->num_sge;
	for (i = 0; i < wr->num_sge; i++) {
		sge[i].addr = wr->sg_list[i].addr;
		sge[i].length = wr->sg_list[i].length;
		sge[i].lkey = wr->sg_list[i].lkey;
		length += sge[i].length;
	}
	if (length > RXE_MAX_MSG)
		return -EINVAL;
	wqe->dma.length = length;
	wqe->dma.resid = length;

	return rxe_queue_kpush(srq->queue, raw, SRQ_WQE_SIZE(wr->num_sge)) ?
	       0 : -ENOMEM;
}

/**
 * rxe_post_srq_recv() - post_srq_recv verb of kernel consumers
 * @ibsrq: SRQ
 * @wr: list of receives
 * @bad: first one that was not posted
 *
 * Any context. Return: 0, -EINVAL (a user's SRQ, too many
 * SGEs, too long), -ENOMEM (full).
 */
int rxe_post_srq_recv(struct ib_srq *ibsrq, const struct ib_recv_wr *wr,
		      const struct ib_recv_wr **bad)
{
	struct rxe_srq *srq = to_rsrq(ibsrq);
	unsigned long flags;
	int err = 0;

	if (srq->user) {
		*bad = wr;
		return -EINVAL;
	}

	spin_lock_irqsave(&srq->prod_lock, flags);
	for (; wr; wr = wr->next) {
		err = srq_post_one(srq, wr);
		if (err) {
			*bad = wr;
			break;
		}
	}
	spin_unlock_irqrestore(&srq->prod_lock, flags);
	return err;
}
