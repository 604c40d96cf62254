// SPDX-License-Identifier: GPL-2.0
/*
 * Responder: executes requests in PSN order, whichever road they came by.
 *
 * rxe_resp_request() is the whole of it: sequence check, message framing, key
 * and bounds, data, reply. A segment that misses memory leaves the state as if
 * only the packets before the miss had come. The wire road around it is in
 * rxe_resp_wire.c.
 *
 * Who waits on the local road when memory is missing: the requester, which has
 * the WQE. But a sender of an unreliable service must not depend on its receiver,
 * so for UC and UD the receiver's memory parks the receiver's own side; what the
 * sender does meanwhile is told at the head of rxe_req.c.
 */
#include "rxe_qp.h"

#define REQ_KIND (RXE_OP_SEND | RXE_OP_WRITE | RXE_OP_READ_REQ | RXE_OP_ATOMIC | \
		  RXE_OP_FLUSH | RXE_OP_ATOMIC_WRITE)

/* Bytes that a FLUSH writes back before others get the processor. */
#define FLUSH_STRETCH	SZ_1M

/* One request on its way through the responder. */
struct request {
	struct rxe_qp *qp;
	const struct rxe_pkt *pkt;
	u32 npsn;
	struct rxe_iter *data;
	bool local;
	unsigned int copy_flags;
	struct rxe_side *waiter;	/* who parks on a miss */
	struct rxe_reply *reply;
	struct rxe_stop *stop;
};

static enum rxe_verdict reply_ack(struct request *rq, u8 syndrome, u32 psn)
{
	rq->reply->kind = RXE_REPLY_ACK;
	rq->reply->syndrome = syndrome;
	rq->reply->psn = psn;
	rq->reply->msn = rq->qp->resp.msn;
	return RXE_DONE;
}

static enum rxe_verdict reply_rnr(struct request *rq, u8 code)
{
	rxe_count(rq->qp->rxe, RXE_CNT_SND_RNR);
	rq->qp->resp.nak_sent = true;
	return reply_ack(rq, RXE_AETH_RNR | code, rq->qp->resp.psn);
}

/* The request breaks the connection (RC), or is ignored (UC, UD). */
static enum rxe_verdict refuse(struct request *rq, u8 syndrome)
{
	enum ib_event_type ev = syndrome == RXE_AETH_NAK_ACCESS ?
				IB_EVENT_QP_ACCESS_ERR : IB_EVENT_QP_REQ_ERR;

	if (rq->qp->type != IB_QPT_RC) {
		rq->qp->resp.in_msg = false;
		return RXE_DROPPED;
	}
	reply_ack(rq, syndrome, rq->qp->resp.psn);
	/* errors of the receive queue are told by its completion */
	rxe_qp_error(rq->qp, syndrome == RXE_AETH_NAK_OP ? 0 : ev);
	return RXE_DONE;
}

static void post_recv_wc(struct rxe_qp *qp, const struct rxe_pkt *pkt,
			 enum ib_wc_status status, u32 bytes)
{
	struct ib_wc wc = {
		.wr_id = qp->resp.rwqe.wr_id,
		.status = status,
		.opcode = IB_WC_RECV,
		.qp = &qp->ibqp,
		.byte_len = bytes,
		.port_num = 1,
		.src_qp = qp->attr.dest_qp_num,
	};

	qp->resp.have_rwqe = false;
	if (!status) {
		if (pkt->flags & RXE_OP_WRITE)
			wc.opcode = IB_WC_RECV_RDMA_WITH_IMM;
		if (pkt->flags & RXE_OP_IMMDT) {
			wc.wc_flags |= IB_WC_WITH_IMM;
			wc.ex.imm_data = pkt->imm;
		}
		if (pkt->flags & RXE_OP_IETH) {
			wc.wc_flags |= IB_WC_WITH_INVALIDATE;
			wc.ex.invalidate_rkey = pkt->inv_rkey;
		}
		if (rxe_qp_is_dgram(qp)) {
			wc.wc_flags |= IB_WC_GRH | IB_WC_WITH_NETWORK_HDR_TYPE;
			wc.network_hdr_type = qp->resp.grh[0] >> 4 == 6 ?
				RDMA_NETWORK_IPV6 : RDMA_NETWORK_IPV4;
			wc.src_qp = pkt->src_qpn;
		}
		rxe_count(qp->rxe, RXE_CNT_RDMA_RECV);
	}
	rxe_cq_post(qp->rcq, &wc, status || pkt->solicited);
}

/* The receive WQE itself is at fault. */
static enum rxe_verdict bad_recv(struct request *rq, enum ib_wc_status status,
				 u8 syndrome)
{
	struct rxe_qp *qp = rq->qp;

	post_recv_wc(qp, rq->pkt, status, 0);
	qp->resp.in_msg = false;
	if (qp->type == IB_QPT_RC)
		return refuse(rq, syndrome);
	rxe_qp_error(qp, 0);
	return RXE_DROPPED;
}

/*
 * A copy or atomic stopped. Parks the waiter if a fault may help. Returns true
 * if it parked; else stop->err says what is wrong with stop->side.
 */
static bool park(struct request *rq)
{
	if (rxe_side_gave_up(rq->waiter, rq->stop))
		return false;
	rxe_side_park(rq->waiter, &rq->stop->miss);
	return true;
}

/* As park(), for memory of the receiver of a local UC or UD message. */
static bool park_receiver(struct request *rq)
{
	struct rxe_qp *qp = rq->qp;

	if (rxe_side_gave_up(&qp->resp.side, rq->stop))
		return false;
	qp->resp.sender_waits = qp->type == IB_QPT_UC;
	rxe_side_park(&qp->resp.side, &rq->stop->miss);
	return true;
}

/* Opens the receive WQE's SGEs at @off. */
static int open_rwqe(struct rxe_qp *qp, u32 off, struct rxe_seg *seg,
		     struct rxe_iter *it)
{
	struct rxe_rwqe *rwqe = &qp->resp.rwqe;
	struct ib_pd *pd = qp->srq ? qp->srq->ibsrq.pd : qp->ibqp.pd;

	memset(it, 0, sizeof(*it));
	it->seg = seg;
	for (; it->nseg < rwqe->num_sge; it->nseg++) {
		if (rxe_seg_open_local(to_rpd(pd), &rwqe->sge[it->nseg],
				       IB_ACCESS_LOCAL_WRITE,
				       &seg[it->nseg])) {
			rxe_segs_close(seg, it->nseg);
			return -EINVAL;
		}
	}
	rxe_iter_skip(it, off);
	return 0;
}

static int open_remote(struct rxe_qp *qp, u32 rkey, u64 va, u32 len, u32 off,
		       u32 access, struct rxe_seg *seg, struct rxe_iter *it)
{
	memset(it, 0, sizeof(*it));
	if (rxe_seg_open_remote(qp->ibqp.pd, qp->qpn, rkey, va, len, access,
				seg))
		return -EINVAL;
	it->seg = seg;
	it->nseg = 1;
	it->ahead = len - off;
	rxe_iter_skip(it, off);
	return 0;
}

/* Makes sure there is a receive WQE; RXE_DONE with no reply means there is. */
static enum rxe_verdict need_rwqe(struct request *rq)
{
	struct rxe_qp *qp = rq->qp;
	int err;

	if (qp->resp.have_rwqe)
		return RXE_DONE;
	err = rxe_rq_pull(qp, &qp->resp.rwqe);
	if (err == -ENOENT) {
		if (qp->type == IB_QPT_RC)
			return reply_rnr(rq, qp->attr.min_rnr_timer);
		qp->resp.in_msg = false;
		return RXE_DROPPED;
	}
	qp->resp.have_rwqe = true;
	if (err)
		return bad_recv(rq, IB_WC_LOC_QP_OP_ERR, RXE_AETH_NAK_OP);
	return RXE_DONE;
}

/* Framing of SEND and WRITE, IBTA 9.7.4.1.2 and 9.8.2.2.7. */
static bool framing_ok(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_resp *r = &rq->qp->resp;
	u32 full = rq->npsn * rq->qp->mtu;
	u32 cls = pkt->flags & (RXE_OP_SEND | RXE_OP_WRITE);

	if (pkt->flags & RXE_OP_FIRST ? r->in_msg :
					!r->in_msg || r->cls != cls)
		return false;
	if (!(pkt->flags & RXE_OP_LAST))
		return pkt->payload == full;
	return pkt->payload <= full &&
	       (pkt->payload > full - rq->qp->mtu ||
		(rq->npsn == 1 && pkt->flags & RXE_OP_FIRST));
}

static bool write_length_ok(struct request *rq)
{
	struct rxe_resp *r = &rq->qp->resp;
	u64 end = (u64)r->off + rq->pkt->payload;

	if (r->length > RXE_MAX_MSG)
		return false;
	return rq->pkt->flags & RXE_OP_LAST ? end == r->length :
					      end < r->length;
}

/* The segment's data is in place. */
static enum rxe_verdict taken(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_qp *qp = rq->qp;
	struct rxe_resp *r = &qp->resp;

	/* a NAK names the packet that it is for, so before the PSN moves on */
	if (pkt->flags & RXE_OP_IETH &&
	    rxe_invalidate_key(qp->rxe, qp->ibqp.pd, qp->qpn, pkt->inv_rkey))
		return bad_recv(rq, IB_WC_MW_BIND_ERR, RXE_AETH_NAK_ACCESS);

	r->psn = rxe_psn_add(r->psn, rq->npsn);
	r->off += pkt->payload;
	r->in_msg = !(pkt->flags & RXE_OP_LAST);
	rq->reply->done = pkt->payload;
	if (pkt->flags & RXE_OP_LAST) {
		r->msn = rxe_psn_add(r->msn, 1);
		if (pkt->flags & RXE_OP_RECV)
			post_recv_wc(qp, pkt, IB_WC_SUCCESS, r->off);
	}
	if (qp->type == IB_QPT_RC && (rq->local || pkt->ackreq))
		return reply_ack(rq, RXE_AETH_ACK, rxe_psn_add(r->psn, -1));
	return RXE_DONE;
}

/*
 * Copying stopped after @n bytes of the segment. On a miss the whole packets
 * among them count as received.
 */
static enum rxe_verdict send_write_stopped(struct request *rq, u32 n)
{
	struct rxe_resp *r = &rq->qp->resp;
	u32 whole = n / rq->qp->mtu;
	bool theirs = rq->local && rq->qp->type != IB_QPT_RC &&
		      rq->stop->side == RXE_STOP_DST;
	bool parked = theirs ? park_receiver(rq) : park(rq);

	if (!parked && rq->stop->side == RXE_STOP_DST) {
		if (r->cls == RXE_OP_SEND)
			return bad_recv(rq, IB_WC_LOC_PROT_ERR, RXE_AETH_NAK_OP);
		return refuse(rq, RXE_AETH_NAK_ACCESS);
	}
	if (whole && rq->local && !rxe_qp_is_dgram(rq->qp)) {
		r->psn = rxe_psn_add(r->psn, whole);
		r->off += whole * rq->qp->mtu;
		r->in_msg = true;
		rq->reply->done = whole * rq->qp->mtu;
		reply_ack(rq, RXE_AETH_ACK, rxe_psn_add(r->psn, -1));
	}
	if (!parked)
		return RXE_DROPPED;
	return theirs ? RXE_LATER : RXE_MISS;
}

static enum rxe_verdict send_write(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_seg seg[RXE_MAX_SGE] compat_uninitialized;
	struct rxe_qp *qp = rq->qp;
	struct rxe_resp *r = &qp->resp;
	enum rxe_verdict v;
	struct rxe_iter it;
	u32 n, access;
	int err = 0;

	if (!framing_ok(rq))
		return refuse(rq, RXE_AETH_NAK_INV_REQ);
	if (pkt->flags & RXE_OP_FIRST) {
		r->cls = pkt->flags & (RXE_OP_SEND | RXE_OP_WRITE);
		r->off = 0;
		r->va = pkt->va;
		r->rkey = pkt->rkey;
		r->length = pkt->length;
	}
	if (r->cls == RXE_OP_WRITE &&
	    (!write_length_ok(rq) ||
	     !(qp->attr.qp_access_flags & IB_ACCESS_REMOTE_WRITE)))
		return refuse(rq, RXE_AETH_NAK_INV_REQ);

	if (pkt->flags & RXE_OP_RECV || r->cls == RXE_OP_SEND) {
		v = need_rwqe(rq);
		if (v != RXE_DONE || rq->reply->kind)
			return v;
	}
	if (r->cls == RXE_OP_SEND &&
	    (u64)r->off + pkt->payload > r->rwqe.length) {
		/* of UC it is lost, and the receive is for the next message */
		if (qp->type != IB_QPT_RC)
			return refuse(rq, 0);
		return bad_recv(rq, IB_WC_LOC_LEN_ERR, RXE_AETH_NAK_INV_REQ);
	}
	if (!pkt->payload)
		return taken(rq);

	if (r->cls == RXE_OP_SEND) {
		err = open_rwqe(qp, r->off, seg, &it);
		if (err)
			return bad_recv(rq, IB_WC_LOC_PROT_ERR,
					RXE_AETH_NAK_OP);
		/*
		 * How long a SEND on the wire is only its end tells: expect
		 * as much again as has come.
		 */
		it.ahead = max(rq->data->ahead, r->off);
	} else {
		access = IB_ACCESS_REMOTE_WRITE;
		err = open_remote(qp, r->rkey, r->va, r->length, r->off, access,
				  seg, &it);
		if (err)
			return refuse(rq, RXE_AETH_NAK_ACCESS);
	}
	n = rxe_copy(&it, rq->data, pkt->payload, rq->copy_flags, rq->stop);
	v = n == pkt->payload ? taken(rq) : send_write_stopped(rq, n);
	rxe_segs_close(seg, it.nseg);
	return v;
}

/* Remembers a READ or atomic in case the peer has to ask again. */
static void remember(struct rxe_qp *qp, const struct rxe_res *res)
{
	struct rxe_resp *r = &qp->resp;

	r->res[r->res_next] = *res;
	r->res_next = (r->res_next + 1) % r->res_n;
}

static const struct rxe_res *recall(struct rxe_qp *qp, u32 psn, bool atomic)
{
	u32 i;

	for (i = 0; i < qp->resp.res_n; i++) {
		const struct rxe_res *res = &qp->resp.res[i];

		if (res->valid && res->atomic == atomic &&
		    rxe_psn_cmp(psn, res->first_psn) >= 0 &&
		    rxe_psn_cmp(psn, res->last_psn) <= 0)
			return res;
	}
	return NULL;
}

/* READ with the requester at hand: straight into its memory. */
static enum rxe_verdict read_local(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_qp *qp = rq->qp;
	struct rxe_resp *r = &qp->resp;
	u32 want = min_t(u64, pkt->length, (u64)rq->npsn * qp->mtu);
	enum rxe_verdict v = RXE_DONE;
	struct rxe_iter it;
	struct rxe_seg seg;
	u32 n, npsn;

	if (!want) {
		n = 0;
		npsn = 1;
	} else {
		if (open_remote(qp, pkt->rkey, pkt->va, pkt->length, 0,
				IB_ACCESS_REMOTE_READ, &seg, &it))
			return refuse(rq, RXE_AETH_NAK_ACCESS);
		n = rxe_copy(rq->data, &it, want, rq->copy_flags, rq->stop);
		if (n < want) {
			v = park(rq) ? RXE_MISS : RXE_DROPPED;
			n = rounddown(n, qp->mtu);
		}
		rxe_seg_close(&seg);
		if (v == RXE_DROPPED && rq->stop->side == RXE_STOP_SRC)
			return refuse(rq, RXE_AETH_NAK_ACCESS);
		if (v != RXE_DONE && !n)
			return v;
		npsn = DIV_ROUND_UP(n, qp->mtu);
	}
	r->psn = rxe_psn_add(r->psn, npsn);
	if (n == pkt->length)
		r->msn = rxe_psn_add(r->msn, 1);
	rq->reply->kind = RXE_REPLY_READ;
	rq->reply->psn = rxe_psn_add(r->psn, -1);
	rq->reply->done = n;
	return v;
}

static enum rxe_verdict read_request(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_qp *qp = rq->qp;
	struct rxe_resp *r = &qp->resp;
	struct rxe_seg seg;

	if (r->in_msg || pkt->length > RXE_MAX_MSG || !r->res_n ||
	    !(qp->attr.qp_access_flags & IB_ACCESS_REMOTE_READ))
		return refuse(rq, RXE_AETH_NAK_INV_REQ);
	if (rq->local)
		return read_local(rq);

	if (rxe_seg_open_remote(qp->ibqp.pd, qp->qpn, pkt->rkey, pkt->va,
				pkt->length, IB_ACCESS_REMOTE_READ, &seg))
		return refuse(rq, RXE_AETH_NAK_ACCESS);
	rxe_seg_close(&seg);

	r->read = (struct rxe_res) {
		.valid = true,
		.first_psn = pkt->psn,
		.last_psn = rxe_psn_add(pkt->psn, max_t(u32, 1,
				DIV_ROUND_UP(pkt->length, qp->mtu)) - 1),
		.va = pkt->va,
		.rkey = pkt->rkey,
		.length = pkt->length,
	};
	r->read_off = 0;
	r->reading = true;
	remember(qp, &r->read);
	r->psn = rxe_psn_add(r->read.last_psn, 1);
	r->msn = rxe_psn_add(r->msn, 1);
	return RXE_DONE;
}

static enum rxe_verdict reply_atomic(struct request *rq, u32 psn, u64 orig)
{
	rq->reply->kind = RXE_REPLY_ATOMIC;
	rq->reply->psn = psn;
	rq->reply->msn = rq->qp->resp.msn;
	rq->reply->orig = orig;
	return RXE_DONE;
}

static enum rxe_verdict atomic_request(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_qp *qp = rq->qp;
	struct rxe_resp *r = &qp->resp;
	struct rxe_res res = {
		.valid = true,
		.atomic = true,
		.first_psn = pkt->psn,
		.last_psn = pkt->psn,
	};
	struct rxe_seg seg;
	int err;

	/* IBTA 9.4.5.1: the address is naturally aligned */
	if (r->in_msg || pkt->va & 7 || !r->res_n ||
	    !(qp->attr.qp_access_flags & IB_ACCESS_REMOTE_ATOMIC))
		return refuse(rq, RXE_AETH_NAK_INV_REQ);
	if (rxe_seg_open_remote(qp->ibqp.pd, qp->qpn, pkt->rkey, pkt->va, 8,
				IB_ACCESS_REMOTE_ATOMIC, &seg))
		return refuse(rq, RXE_AETH_NAK_ACCESS);
	err = rxe_atomic(&seg, pkt->opcode == IB_OPCODE_RC_COMPARE_SWAP ?
			 RXE_ATOMIC_CMP_SWAP : RXE_ATOMIC_FETCH_ADD,
			 pkt->swap_add, pkt->compare, &res.orig,
			 rq->copy_flags, rq->stop);
	if (err == -EAGAIN && park(rq)) {
		rxe_seg_close(&seg);
		return RXE_MISS;
	}
	rxe_seg_close(&seg);
	if (err)
		return refuse(rq, err == -EINVAL ? RXE_AETH_NAK_INV_REQ :
						   RXE_AETH_NAK_ACCESS);
	remember(qp, &res);
	r->psn = rxe_psn_add(r->psn, 1);
	r->msn = rxe_psn_add(r->msn, 1);
	return reply_atomic(rq, pkt->psn, res.orig);
}

static enum rxe_verdict reply_done(struct request *rq, u32 psn)
{
	rq->reply->kind = RXE_REPLY_DONE;
	rq->reply->psn = psn;
	rq->reply->msn = rq->qp->resp.msn;
	return RXE_DONE;
}

/* IBTA A19.4: eight bytes, all of them or none. */
static enum rxe_verdict atomic_write(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_qp *qp = rq->qp;
	struct rxe_resp *r = &qp->resp;
	u64 value = 0;
	struct rxe_seg kseg = { .kbuf = &value, .length = sizeof(value) };
	struct rxe_iter dst = { .seg = &kseg, .nseg = 1 };
	struct rxe_seg seg;
	int err;

	if (r->in_msg || pkt->va & 7 || pkt->payload != sizeof(value) ||
	    !(qp->attr.qp_access_flags & IB_ACCESS_REMOTE_WRITE))
		return refuse(rq, RXE_AETH_NAK_INV_REQ);
	if (rxe_copy(&dst, rq->data, sizeof(value), rq->copy_flags, rq->stop) <
	    sizeof(value))
		return park(rq) ? RXE_MISS : RXE_DROPPED;
	if (rxe_seg_open_remote(qp->ibqp.pd, qp->qpn, pkt->rkey, pkt->va,
				sizeof(value), IB_ACCESS_REMOTE_WRITE, &seg))
		return refuse(rq, RXE_AETH_NAK_ACCESS);
	err = rxe_atomic(&seg, RXE_ATOMIC_WRITE, value, 0, NULL, rq->copy_flags,
			 rq->stop);
	if (err == -EAGAIN && park(rq)) {
		rxe_seg_close(&seg);
		return RXE_MISS;
	}
	rxe_seg_close(&seg);
	if (err)
		return refuse(rq, err == -EINVAL ? RXE_AETH_NAK_INV_REQ :
						   RXE_AETH_NAK_ACCESS);
	rq->reply->done = sizeof(value);
	r->psn = rxe_psn_add(r->psn, 1);
	r->msn = rxe_psn_add(r->msn, 1);
	return reply_done(rq, pkt->psn);
}

/* The next stretch of a FLUSH from byte @off on; RXE_DONE: flush_off has moved. */
static enum rxe_verdict flush_stretch(struct request *rq, u64 va, u64 len,
				      u32 access)
{
	struct rxe_qp *qp = rq->qp;
	struct rxe_resp *r = &qp->resp;
	u32 n = min_t(u64, len - r->flush_off, FLUSH_STRETCH);
	struct rxe_iter it;
	struct rxe_seg seg;
	int err;

	if (open_remote(qp, rq->pkt->rkey, va + r->flush_off, n, 0, access,
			&seg, &it))
		return refuse(rq, RXE_AETH_NAK_ACCESS);
	err = rxe_mem_flush(&it, n, rq->copy_flags, rq->stop);
	if (err == -EAGAIN && park(rq)) {
		rxe_seg_close(&seg);
		return RXE_MISS;
	}
	rxe_seg_close(&seg);
	if (err)
		return refuse(rq, RXE_AETH_NAK_ACCESS);
	r->flush_off += n;
	return RXE_DONE;
}

/*
 * IBTA A19.3. All writes before it have been copied already, and memory is
 * coherent: global visibility takes a barrier. For persistence the range is
 * written back, a stretch at a time.
 */
static enum rxe_verdict flush(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_qp *qp = rq->qp;
	struct rxe_resp *r = &qp->resp;
	u32 type = pkt->feth & RXE_FETH_TYPE;
	u32 level = pkt->feth >> RXE_FETH_LEVEL_SHIFT & RXE_FETH_LEVEL;
	u32 access = (type & IB_FLUSH_GLOBAL ? IB_ACCESS_FLUSH_GLOBAL : 0) |
		     (type & IB_FLUSH_PERSISTENT ? IB_ACCESS_FLUSH_PERSISTENT : 0);
	u64 va = pkt->va, len = pkt->length;
	enum rxe_verdict v;
	struct rxe_seg seg;

	if (r->in_msg || !access || level > IB_FLUSH_MR ||
	    type & ~(IB_FLUSH_GLOBAL | IB_FLUSH_PERSISTENT) ||
	    (qp->attr.qp_access_flags & access) != access)
		return refuse(rq, RXE_AETH_NAK_INV_REQ);
	if (level == IB_FLUSH_MR &&
	    rxe_key_range(qp->ibqp.pd, pkt->rkey, &va, &len))
		return refuse(rq, RXE_AETH_NAK_ACCESS);

	if (type & IB_FLUSH_PERSISTENT && r->flush_off < len) {
		v = flush_stretch(rq, va, len, access);
		if (v != RXE_DONE || rq->reply->kind)
			return v;
		if (r->flush_off < len) {
			rxe_side_defer(rq->waiter);
			return RXE_MISS;
		}
	} else {
		/* the first byte and, of a range, the last one stand for all */
		if (rxe_seg_open_remote(qp->ibqp.pd, qp->qpn, pkt->rkey, va,
					level == IB_FLUSH_MR ? 1 : len, access,
					&seg))
			return refuse(rq, RXE_AETH_NAK_ACCESS);
		rxe_seg_close(&seg);
		smp_mb();	/* the data, before the response */
	}
	r->flush_off = 0;
	r->psn = rxe_psn_add(r->psn, 1);
	r->msn = rxe_psn_add(r->msn, 1);
	return reply_done(rq, pkt->psn);
}

/* A request that was executed before, IBTA 9.7.5.1.5. */
static enum rxe_verdict duplicate(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_resp *r = &rq->qp->resp;
	const struct rxe_res *res;

	rxe_count(rq->qp->rxe, RXE_CNT_DUP_REQ);
	if (pkt->flags & RXE_OP_ATOMIC) {
		res = recall(rq->qp, pkt->psn, true);
		return res ? reply_atomic(rq, pkt->psn, res->orig) :
			     RXE_DROPPED;
	}
	/* what they did lasts: say so again, and do not do it again */
	if (pkt->flags & (RXE_OP_FLUSH | RXE_OP_ATOMIC_WRITE))
		return reply_done(rq, pkt->psn);
	if (!(pkt->flags & RXE_OP_READ_REQ))
		return reply_ack(rq, RXE_AETH_ACK, rxe_psn_add(r->psn, -1));
	if (rq->local)
		return RXE_DROPPED;
	/* the peer may ask for the rest only: same end, same key */
	res = recall(rq->qp, pkt->psn, false);
	if (!res || res->rkey != pkt->rkey || pkt->va < res->va ||
	    pkt->va + pkt->length != res->va + res->length)
		return RXE_DROPPED;
	r->read = *res;
	r->read_off = pkt->va - res->va;
	if (r->read_off % rq->qp->mtu ||
	    rxe_psn_add(res->first_psn, r->read_off / rq->qp->mtu) != pkt->psn)
		return RXE_DROPPED;
	r->reading = true;
	return RXE_DONE;
}

/* UD: one packet, one receive, 40 bytes of GRH in front. */
static enum rxe_verdict datagram(struct request *rq)
{
	const struct rxe_pkt *pkt = rq->pkt;
	struct rxe_qp *qp = rq->qp;
	struct rxe_resp *r = &qp->resp;
	struct rxe_seg kseg = { .kbuf = r->grh, .length = sizeof(r->grh) };
	struct rxe_iter dst, grh = { .seg = &kseg, .nseg = 1 };
	struct rxe_seg seg[RXE_MAX_SGE] compat_uninitialized;
	enum rxe_verdict v;
	u32 qkey = qp->type == IB_QPT_GSI ? IB_QP1_QKEY : qp->attr.qkey;

	if (pkt->qkey != qkey || pkt->payload > qp->mtu)
		return RXE_DROPPED;
	v = need_rwqe(rq);
	if (v != RXE_DONE)
		return v;
	/* anybody may send anything: what does not fit never came */
	if (sizeof(r->grh) + pkt->payload > r->rwqe.length)
		return RXE_DROPPED;
	if (open_rwqe(qp, 0, seg, &dst))
		return bad_recv(rq, IB_WC_LOC_PROT_ERR, 0);
	dst.ahead = sizeof(r->grh) + pkt->payload;
	r->cls = RXE_OP_SEND;
	if (rxe_copy(&dst, &grh, sizeof(r->grh), rq->copy_flags, rq->stop) <
	    sizeof(r->grh) ||
	    rxe_copy(&dst, rq->data, pkt->payload, rq->copy_flags, rq->stop) <
	    pkt->payload) {
		v = send_write_stopped(rq, 0);
	} else {
		rq->reply->done = pkt->payload;
		post_recv_wc(qp, pkt, IB_WC_SUCCESS,
			     sizeof(r->grh) + pkt->payload);
		v = RXE_DONE;
	}
	rxe_segs_close(seg, dst.nseg);
	return v;
}

/* UC: a gap loses the message it is in. IBTA 9.8.2.2 */
static bool uc_in_sequence(struct rxe_qp *qp, const struct rxe_pkt *pkt,
			   u32 npsn)
{
	struct rxe_resp *r = &qp->resp;

	if (pkt->psn != r->psn || (pkt->flags & RXE_OP_FIRST && r->in_msg))
		r->in_msg = false;
	r->psn = pkt->psn;
	if (pkt->flags & RXE_OP_FIRST || r->in_msg)
		return true;
	r->psn = rxe_psn_add(pkt->psn, npsn);
	return false;
}

/* The local road meets a responder that waits for memory. */
static enum rxe_verdict while_waiting(struct request *rq)
{
	struct rxe_resp *r = &rq->qp->resp;

	if (rq->qp->type == IB_QPT_RC)
		return reply_rnr(rq, 1);
	if (r->deaf) {
		r->in_msg = false;
		return RXE_DROPPED;
	}
	r->sender_waits = rq->qp->type == IB_QPT_UC;
	return RXE_LATER;
}

/* see rxe_qp.h */
enum rxe_verdict rxe_resp_request(struct rxe_qp *qp, const struct rxe_pkt *pkt,
				  u32 npsn, struct rxe_iter *data, bool local,
				  unsigned int flags, struct rxe_side *waiter,
				  struct rxe_reply *reply, struct rxe_stop *stop)
{
	struct request rq = {
		.qp = qp, .pkt = pkt, .npsn = npsn, .data = data,
		.local = local, .copy_flags = flags, .waiter = waiter,
		.reply = reply, .stop = stop,
	};
	enum ib_qp_state state = READ_ONCE(qp->state);
	s32 ahead;

	memset(reply, 0, sizeof(*reply));
	memset(stop, 0, sizeof(*stop));
	if (state < IB_QPS_RTR || state == IB_QPS_ERR)
		return RXE_DROPPED;
	if (local && qp->resp.side.job)
		return while_waiting(&rq);
	/* datagrams that wait are older */
	if (local && rxe_qp_is_dgram(qp) && !skb_queue_empty(&qp->resp.side.rxq))
		return RXE_LATER;

	switch (qp->type) {
	case IB_QPT_RC:
		break;
	case IB_QPT_UC:
		return uc_in_sequence(qp, pkt, npsn) ? send_write(&rq) :
						       RXE_DROPPED;
	default:
		return datagram(&rq);
	}

	ahead = rxe_psn_cmp(pkt->psn, qp->resp.psn);
	if (ahead < 0)
		return duplicate(&rq);
	if (ahead > 0) {
		rxe_count(qp->rxe, RXE_CNT_OUT_OF_SEQ_REQ);
		if (qp->resp.nak_sent)
			return RXE_DROPPED;
		qp->resp.nak_sent = true;
		return reply_ack(&rq, RXE_AETH_NAK_SEQ, qp->resp.psn);
	}
	qp->resp.nak_sent = false;
	switch (pkt->flags & REQ_KIND) {
	case RXE_OP_SEND:
	case RXE_OP_WRITE:
		return send_write(&rq);
	case RXE_OP_READ_REQ:
		return read_request(&rq);
	case RXE_OP_ATOMIC:
		return atomic_request(&rq);
	case RXE_OP_FLUSH:
		return flush(&rq);
	case RXE_OP_ATOMIC_WRITE:
		return atomic_write(&rq);
	default:
		return refuse(&rq, RXE_AETH_NAK_INV_REQ);
	}
}
