// SPDX-License-Identifier: GPL-2.0
/*
 * Work requests: from a ring or a kernel consumer's list to private snapshots.
 *
 * A send WQE is copied out of the user's ring into its slot once, checked
 * there, and never read from the ring again (D5). A WQE that makes no sense is
 * kept with a bad status and completes in its turn with that status.
 *
 * A receive WQE is copied when a message needs it, and leaves the ring at once.
 */
#include "rxe_qp.h"

/* The largest raw WQEs: header, then SGEs or inline data. */
#define RAW_SEND_MAX (sizeof(struct rxe_send_wqe) + RXE_MAX_INLINE)
#define RAW_RECV_MAX (sizeof(struct rxe_recv_wqe) + \
		      RXE_MAX_SGE * sizeof(struct rxe_sge))

static bool opcode_allowed(enum ib_qp_type type, bool user, u32 op)
{
	switch (op) {
	case IB_WR_SEND:
	case IB_WR_SEND_WITH_IMM:
		return true;
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_WRITE_WITH_IMM:
		return type == IB_QPT_RC || type == IB_QPT_UC;
	case IB_WR_SEND_WITH_INV:
	case IB_WR_RDMA_READ:
	case IB_WR_ATOMIC_CMP_AND_SWP:
	case IB_WR_ATOMIC_FETCH_AND_ADD:
	case IB_WR_ATOMIC_WRITE:
		return type == IB_QPT_RC;
	case IB_WR_FLUSH:
		return COMPAT_HAS_FLUSH && type == IB_QPT_RC;
	case IB_WR_LOCAL_INV:
	case IB_WR_BIND_MW:
		return type == IB_QPT_RC || type == IB_QPT_UC;
	case IB_WR_REG_MR:
		return !user && type == IB_QPT_RC;
	default:
		return false;
	}
}

static bool is_local_op(u32 op)
{
	return op == IB_WR_LOCAL_INV || op == IB_WR_BIND_MW ||
	       op == IB_WR_REG_MR;
}

/* Sum of the SGEs; false if it does not fit a message. */
static bool sge_total(const struct rxe_sge *sge, u32 n, u32 *total)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < n; i++)
		sum += sge[i].length;
	*total = sum;
	return sum <= RXE_MAX_MSG;
}

/* What holds for a WQE however it came here; the result is wqe->status. */
static u8 wqe_check(struct rxe_qp *qp, struct rxe_wqe *wqe)
{
	bool inl = wqe->flags & IB_SEND_INLINE;

	if (!opcode_allowed(qp->type, qp->user, wqe->opcode))
		return IB_WC_LOC_QP_OP_ERR;
	if (inl && (wqe->opcode == IB_WR_RDMA_READ ||
		    rxe_op_is_atomic(wqe->opcode)))
		return IB_WC_LOC_QP_OP_ERR;
	if (inl ? wqe->length > qp->max_inline :
		  !sge_total(wqe->sge, wqe->num_sge, &wqe->length))
		return IB_WC_LOC_LEN_ERR;
	if (rxe_op_is_atomic(wqe->opcode) && wqe->length < 8)
		return IB_WC_LOC_LEN_ERR;
	if (wqe->opcode == IB_WR_ATOMIC_WRITE && wqe->length != 8)
		return IB_WC_LOC_LEN_ERR;
	if (rxe_qp_is_dgram(qp) && wqe->length > qp->mtu)
		return IB_WC_LOC_LEN_ERR;
	return IB_WC_SUCCESS;
}

/* The part of a user's WQE that depends on the opcode. */
static u8 wqe_from_user(struct rxe_qp *qp, const struct rxe_send_wqe *raw,
			struct rxe_wqe *wqe)
{
	const struct rxe_send_wr *wr = &raw->wr;
	struct compat_flush flush;

	wqe->imm = wr->ex.imm_data;	/* same word as the key to invalidate */

	switch (wqe->opcode) {
	case IB_WR_ATOMIC_CMP_AND_SWP:
	case IB_WR_ATOMIC_FETCH_AND_ADD:
		wqe->remote_addr = wr->wr.atomic.remote_addr;
		wqe->rkey = wr->wr.atomic.rkey;
		wqe->compare_add = wr->wr.atomic.compare_add;
		wqe->swap = wr->wr.atomic.swap;
		return IB_WC_SUCCESS;
	case IB_WR_BIND_MW:
		wqe->bind = (struct rxe_bind) {
			.mw_rkey = wr->wr.mw.mw_rkey,
			.mr_lkey = wr->wr.mw.mr_lkey,
			.rkey = wr->wr.mw.rkey,
			.access = wr->wr.mw.access,
			.addr = wr->wr.mw.addr,
			.length = wr->wr.mw.length,
		};
		return IB_WC_SUCCESS;
	case IB_WR_FLUSH:
		flush = compat_wr_flush(wr);
		wqe->remote_addr = flush.va;
		wqe->rkey = flush.rkey;
		/* not wr.flush.length: the provider leaves that alone */
		wqe->flush_len = raw->dma.length;
		wqe->flush_type = flush.type;
		wqe->flush_level = flush.level;
		return IB_WC_SUCCESS;
	case IB_WR_SEND:
	case IB_WR_SEND_WITH_IMM:
		if (!rxe_qp_is_dgram(qp))
			return IB_WC_SUCCESS;
		wqe->ud_qpn = wr->wr.ud.remote_qpn;
		wqe->ud_qkey = wr->wr.ud.remote_qkey;
		wqe->dest = rxe_dest_find(qp->rxe, wr->wr.ud.ah_num,
					  qp->ibqp.pd);
		return wqe->dest ? IB_WC_SUCCESS : IB_WC_LOC_QP_OP_ERR;
	default:
		wqe->remote_addr = wr->wr.rdma.remote_addr;
		wqe->rkey = wr->wr.rdma.rkey;
		return IB_WC_SUCCESS;
	}
}

static void wqe_clear(struct rxe_wqe *wqe)
{
	memset(wqe, 0, offsetof(struct rxe_wqe, sge));
}

/* Copies the next element of the user's ring into the slot at req.tail. */
static bool sq_snapshot(struct rxe_qp *qp)
{
	struct rxe_wqe *wqe = rxe_slot(qp, qp->req.tail);
	u8 buf[RAW_SEND_MAX] __aligned(8);
	const struct rxe_send_wqe *raw = (void *)buf;
	u8 status;

	if (qp->req.tail - qp->req.head >= qp->max_send_wr ||
	    !rxe_queue_peek(qp->sq, qp->req.tail - qp->req.head, buf,
			    qp->sq->elem_size))
		return false;

	wqe_clear(wqe);
	wqe->wr_id = raw->wr.wr_id;
	wqe->opcode = raw->wr.opcode;
	wqe->flags = raw->wr.send_flags;
	/* these come without SGEs: the one has no payload, the other's is here */
	if (wqe->opcode == IB_WR_FLUSH)
		wqe->flags &= ~IB_SEND_INLINE;
	else if (wqe->opcode == IB_WR_ATOMIC_WRITE && !raw->dma.num_sge)
		wqe->flags |= IB_SEND_INLINE;

	if (wqe->flags & IB_SEND_INLINE) {
		wqe->length = raw->dma.length;
		memcpy(wqe->data, raw->dma.inline_data, min(wqe->length, qp->max_inline));
	} else {
		wqe->num_sge = wqe->opcode == IB_WR_FLUSH ? 0 : raw->dma.num_sge;
		if (wqe->num_sge > qp->max_send_sge) {
			wqe->num_sge = 0;
			wqe->status = IB_WC_LOC_QP_OP_ERR;
		}
		memcpy(wqe->sge, raw->dma.sge,
		       wqe->num_sge * sizeof(wqe->sge[0]));
	}
	status = wqe_check(qp, wqe);
	if (!status)
		status = wqe_from_user(qp, raw, wqe);
	if (!wqe->status)
		wqe->status = status;
	wqe->local_op = is_local_op(wqe->opcode);
	qp->req.tail++;
	return true;
}

/**
 * rxe_sq_next() - the WQE at req.next
 * @qp: requester's turn owned
 *
 * Takes it out of the user's ring if it is not there yet. NULL when the send
 * queue has no more.
 */
struct rxe_wqe *rxe_sq_next(struct rxe_qp *qp)
{
	u32 tail = qp->user ? qp->req.tail : smp_load_acquire(&qp->req.tail);

	if (qp->req.next == tail && !(qp->user && sq_snapshot(qp)))
		return NULL;
	return rxe_slot(qp, qp->req.next);
}

/**
 * rxe_sq_release() - the WQE at req.head has completed
 * @qp: requester's turn owned
 */
void rxe_sq_release(struct rxe_qp *qp)
{
	struct rxe_wqe *wqe = rxe_slot(qp, qp->req.head);

	if (rxe_qp_is_dgram(qp) && wqe->dest)
		rxe_dest_put(wqe->dest);
	if (qp->user)
		rxe_queue_consume(qp->sq, 1);
	if (qp->req.next == qp->req.head)
		qp->req.next++;
	smp_store_release(&qp->req.head, qp->req.head + 1);
}

static void wqe_from_kernel(struct rxe_qp *qp, const struct ib_send_wr *wr,
			    struct rxe_wqe *wqe)
{
	wqe->wr_id = (uintptr_t)wr->wr_cqe;
	wqe->opcode = wr->opcode;
	wqe->flags = wr->send_flags;
	wqe->imm = wr->ex.imm_data;

	if (rxe_qp_is_dgram(qp)) {
		wqe->ud_qpn = ud_wr(wr)->remote_qpn;
		wqe->ud_qkey = ud_wr(wr)->remote_qkey;
		/* the AH lives until this call returns */
		wqe->dest = to_rah(ud_wr(wr)->ah)->dest;
		refcount_inc(&wqe->dest->ref);
		return;
	}
	switch (wqe->opcode) {
	case IB_WR_ATOMIC_CMP_AND_SWP:
	case IB_WR_ATOMIC_FETCH_AND_ADD:
		wqe->remote_addr = atomic_wr(wr)->remote_addr;
		wqe->rkey = atomic_wr(wr)->rkey;
		wqe->compare_add = atomic_wr(wr)->compare_add;
		wqe->swap = atomic_wr(wr)->swap;
		break;
	case IB_WR_REG_MR:
		wqe->reg_mr = reg_wr(wr)->mr;
		wqe->reg_key = reg_wr(wr)->key;
		wqe->reg_access = reg_wr(wr)->access;
		break;
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_WRITE_WITH_IMM:
	case IB_WR_RDMA_READ:
	case IB_WR_ATOMIC_WRITE:
		wqe->remote_addr = rdma_wr(wr)->remote_addr;
		wqe->rkey = rdma_wr(wr)->rkey;
		break;
	case IB_WR_LOCAL_INV:
		break;
	default:
		break;
	}
}

static int wqe_kernel_data(struct rxe_qp *qp, const struct ib_send_wr *wr,
			   struct rxe_wqe *wqe)
{
	int i;

	if (wr->send_flags & IB_SEND_INLINE) {
		for (i = 0; i < wr->num_sge; i++) {
			const struct ib_sge *sge = &wr->sg_list[i];

			if (sge->length > qp->max_inline - wqe->length)
				return -EINVAL;
			memcpy(wqe->data + wqe->length,
			       (void *)(uintptr_t)sge->addr, sge->length);
			wqe->length += sge->length;
		}
		return 0;
	}
	wqe->num_sge = wr->num_sge;
	for (i = 0; i < wr->num_sge; i++) {
		wqe->sge[i].addr = wr->sg_list[i].addr;
		wqe->sge[i].length = wr->sg_list[i].length;
		wqe->sge[i].lkey = wr->sg_list[i].lkey;
	}
	return 0;
}

/**
 * rxe_sq_kpost() - queue a kernel consumer's work request
 * @qp: QP, post_lock held
 * @wr: work request
 *
 * Any context. Returns 0, -ENOMEM when the queue is full, -EINVAL.
 */
int rxe_sq_kpost(struct rxe_qp *qp, const struct ib_send_wr *wr)
{
	struct rxe_wqe *wqe = rxe_slot(qp, qp->req.tail);
	int err;

	if (qp->req.tail - smp_load_acquire(&qp->req.head) >= qp->max_send_wr)
		return -ENOMEM;
	if (wr->num_sge < 0 || wr->num_sge > qp->max_send_sge)
		return -EINVAL;

	wqe_clear(wqe);
	err = wqe_kernel_data(qp, wr, wqe);
	if (err)
		return err;
	wqe_from_kernel(qp, wr, wqe);
	wqe->status = wqe_check(qp, wqe);
	wqe->local_op = is_local_op(wqe->opcode);
	smp_store_release(&qp->req.tail, qp->req.tail + 1);
	return 0;
}

/**
 * rxe_rwqe_check() - validate a receive WQE that was copied out of a ring
 * @raw: private copy, SGEs behind it
 * @max_sge: limit of the queue
 * @rwqe: result
 *
 * Returns 0 or -EINVAL; wr_id is set in either case.
 */
int rxe_rwqe_check(const struct rxe_recv_wqe *raw, u32 max_sge,
		   struct rxe_rwqe *rwqe)
{
	rwqe->wr_id = raw->wr_id;
	rwqe->num_sge = 0;
	rwqe->length = 0;
	if (raw->dma.num_sge > min_t(u32, max_sge, RXE_MAX_SGE))
		return -EINVAL;
	rwqe->num_sge = raw->dma.num_sge;
	memcpy(rwqe->sge, raw->dma.sge, rwqe->num_sge * sizeof(rwqe->sge[0]));
	return sge_total(rwqe->sge, rwqe->num_sge, &rwqe->length) ? 0 : -EINVAL;
}

/**
 * rxe_rq_pull() - take the next receive WQE of a QP
 * @qp: responder's turn owned
 * @rwqe: validated snapshot
 *
 * Returns 0, -ENOENT when there is none, -EINVAL for a malformed one, which is
 * consumed all the same.
 */
int rxe_rq_pull(struct rxe_qp *qp, struct rxe_rwqe *rwqe)
{
	u8 buf[RAW_RECV_MAX] __aligned(8);

	if (qp->srq)
		return rxe_srq_pull(qp->srq, rwqe);
	if (!qp->rq || !rxe_queue_peek(qp->rq, 0, buf, qp->rq->elem_size))
		return -ENOENT;
	rxe_queue_consume(qp->rq, 1);
	return rxe_rwqe_check((void *)buf, qp->max_recv_sge, rwqe);
}
