// SPDX-License-Identifier: GPL-2.0
/*
 * Completer: replies to completions. Runs in the requester's turn.
 *
 * Replies of both roads meet in take_reply(), but for READ responses. Work completes
 * in posting order only; a READ or atomic completes when its data is in place, and an
 * acknowledgement beyond one that was not answered means that the answer was lost, or
 * was overtaken and is still to come (rxe_early.c).
 */
#include "rxe_qp.h"

#include <trace/events/rxe.h>

/* Does its answer bring data? */
static bool wants_data(const struct rxe_wqe *wqe)
{
	return wqe->opcode == IB_WR_RDMA_READ || rxe_op_is_atomic(wqe->opcode);
}

/* Bytes a READ or atomic puts into the requester's memory. */
static u32 answer_len(const struct rxe_wqe *wqe)
{
	return rxe_op_is_atomic(wqe->opcode) ? 8 : wqe->length;
}

static enum ib_wc_opcode wc_opcode(u32 op)
{
	switch (op) {
	case IB_WR_RDMA_WRITE:
	case IB_WR_RDMA_WRITE_WITH_IMM:
		return IB_WC_RDMA_WRITE;
	case IB_WR_RDMA_READ:
		return IB_WC_RDMA_READ;
	case IB_WR_ATOMIC_CMP_AND_SWP:
		return IB_WC_COMP_SWAP;
	case IB_WR_ATOMIC_FETCH_AND_ADD:
		return IB_WC_FETCH_ADD;
	case IB_WR_LOCAL_INV:
		return IB_WC_LOCAL_INV;
	case IB_WR_REG_MR:
		return IB_WC_REG_MR;
	case IB_WR_BIND_MW:
		return IB_WC_BIND_MW;
	case IB_WR_FLUSH:
		return IB_WC_FLUSH;
	case IB_WR_ATOMIC_WRITE:
		return IB_WC_ATOMIC_WRITE;
	default:
		return IB_WC_SEND;
	}
}

/**
 * rxe_wqe_open() - the memory of a send WQE as an iterator
 * @qp: requester's turn owned
 * @wqe: WQE
 * @access: 0 to read it, IB_ACCESS_LOCAL_WRITE to write answers
 * @off: byte to start at
 * @seg: room for RXE_MAX_SGE segments
 * @it: result; end with rxe_segs_close(@seg, it->nseg), on success only
 *
 * Returns 0 or -EINVAL (local protection error).
 */
int rxe_wqe_open(struct rxe_qp *qp, struct rxe_wqe *wqe, u32 access, u32 off,
		 struct rxe_seg *seg, struct rxe_iter *it)
{
	memset(it, 0, sizeof(*it));
	it->seg = seg;
	if (wqe->flags & IB_SEND_INLINE) {
		seg[0] = (struct rxe_seg){ .kbuf = wqe->data,
					   .length = wqe->length };
		it->nseg = 1;
	}
	for (; it->nseg < wqe->num_sge; it->nseg++) {
		if (rxe_seg_open_local(qp->pd, &wqe->sge[it->nseg], access,
				       &seg[it->nseg])) {
			rxe_segs_close(seg, it->nseg);
			return -EINVAL;
		}
	}
	rxe_iter_skip(it, off);
	return 0;
}

void rxe_segs_close(struct rxe_seg *seg, u32 n)
{
	while (n--)
		rxe_seg_close(&seg[n]);
}

/**
 * rxe_comp_wqe() - complete the WQE at req.head
 * @qp: requester's turn owned
 * @wqe: that WQE
 * @status: IB_WC_SUCCESS, or an error, which is always reported
 */
void rxe_comp_wqe(struct rxe_qp *qp, struct rxe_wqe *wqe,
		  enum ib_wc_status status)
{
	bool told = status || qp->sig_all || wqe->flags & IB_SEND_SIGNALED;
	struct ib_wc wc = {
		.wr_id = wqe->wr_id,
		.status = status,
		.opcode = wc_opcode(wqe->opcode),
		.qp = &qp->ibqp,
		.byte_len = wants_data(wqe) ? answer_len(wqe) : wqe->length,
	};

	if (wqe->opcode == IB_WR_RDMA_WRITE_WITH_IMM ||
	    wqe->opcode == IB_WR_SEND_WITH_IMM)
		wc.wc_flags = IB_WC_WITH_IMM;
	if (wqe->all_sent && rxe_op_is_answered(wqe->opcode))
		qp->req.rd_atomic--;
	if (!status && !wqe->local_op)
		rxe_count_request(qp->rxe, wqe->length);
	/* whoever sees the completion may post into the place at once */
	rxe_sq_release(qp);
	if (told)
		rxe_cq_post(qp->scq, &wc, status);
}

/**
 * rxe_comp_flush() - flush the send queue of a QP in ERR or SQE
 * @qp: requester's turn owned
 *
 * Returns true when a ring that keeps growing should be looked at again.
 */
bool rxe_comp_flush(struct rxe_qp *qp)
{
	struct rxe_req *req = &qp->req;
	u32 n;

	rxe_side_purge(&req->side);
	compat_timer_delete(&req->timer);
	compat_timer_delete(&req->rnr_timer);
	req->rnr_wait = false;
	req->waits = 0;
	for (n = 0; n <= qp->max_send_wr; n++) {
		req->next = req->head;
		if (!rxe_sq_next(qp))
			return false;
		rxe_comp_wqe(qp, rxe_slot(qp, req->head), IB_WC_WR_FLUSH_ERR);
	}
	return true;
}

/**
 * rxe_comp_fail() - the oldest WQE failed, and the send queue with it
 * @qp: requester's turn owned
 * @status: for that WQE; what is behind it is flushed
 *
 * See rxe_qp_send_error() for what becomes of the QP.
 */
void rxe_comp_fail(struct rxe_qp *qp, enum ib_wc_status status)
{
	if (qp->req.head != qp->req.next || rxe_sq_next(qp))
		rxe_comp_wqe(qp, rxe_slot(qp, qp->req.head), status);
	rxe_qp_send_error(qp);
}

static void progress(struct rxe_qp *qp)
{
	struct rxe_req *req = &qp->req;
	bool late = test_bit(RXE_REQ_TIMEOUT, &req->events);

	if (req->window < RXE_MAX_PSN_WINDOW)
		req->window++;
	if (req->narrowed && rxe_psn_cmp(req->una, req->narrowed_top) >= 0)
		req->narrowed = false;
	req->retry = qp->attr.retry_cnt;
	req->rnr_retry = qp->attr.rnr_retry;
	req->seq_rewound = false;
	if (!late && !timer_pending(&req->timer))
		return;
	if (late)	/* but it has come */
		clear_bit(RXE_REQ_TIMEOUT, &req->events);
	if (rxe_sq_outstanding(qp))
		rxe_req_arm(qp);
	else
		compat_timer_delete(&req->timer);
}

/* PSN of the next answer a READ or atomic waits for. */
static u32 answer_psn(const struct rxe_qp *qp, const struct rxe_wqe *wqe)
{
	return rxe_psn_add(wqe->first_psn, wqe->got / qp->mtu);
}

/*
 * Everything up to @psn was executed by the responder. Returns false if an
 * answer to a READ or atomic in there is missing.
 */
static bool acked_through(struct rxe_qp *qp, u32 psn)
{
	bool whole = true, any = false;

	while (rxe_sq_outstanding(qp) && rxe_psn_cmp(psn, qp->req.una) >= 0) {
		struct rxe_wqe *wqe = rxe_slot(qp, qp->req.head);

		if (wants_data(wqe) && wqe->got < answer_len(wqe)) {
			whole = rxe_psn_cmp(psn, answer_psn(qp, wqe)) < 0;
			break;
		}
		any = true;
		if (rxe_psn_cmp(wqe->last_psn, psn) > 0) {
			qp->req.una = rxe_psn_add(psn, 1);
			break;
		}
		qp->req.una = rxe_psn_add(wqe->last_psn, 1);
		rxe_comp_wqe(qp, wqe, IB_WC_SUCCESS);
	}
	if (any)
		progress(qp);
	return whole;
}

/*
 * Whoever drops or marks packets for want of room is given less to hold: half a
 * window, and one more packet with each acknowledgement.
 */
static void narrow(struct rxe_req *req)
{
	req->window = max_t(u32, req->window / 2, RXE_MIN_PSN_WINDOW);
	req->narrowed = true;
	req->narrowed_top = req->top;
}

/* The peer has got marked packets: all that is on its way tells the same. */
static void congested(struct rxe_qp *qp)
{
	rxe_count(qp->rxe, RXE_CNT_CNP_HANDLED);
	if (!qp->req.narrowed)
		narrow(&qp->req);
}

/* Some packet did not make it: again from the oldest, as often as allowed. */
static void go_back(struct rxe_qp *qp)
{
	if (qp->req.seq_rewound)
		return;
	if (!qp->req.retry) {
		rxe_count(qp->rxe, RXE_CNT_RETRY_EXCEEDED);
		rxe_comp_fail(qp, IB_WC_RETRY_EXC_ERR);
		return;
	}
	qp->req.retry--;
	qp->req.seq_rewound = true;
	narrow(&qp->req);
	rxe_count(qp->rxe, RXE_CNT_COMP_RETRY);
	trace_rxe_retry(qp->rxe->ib_dev.name, qp->qpn, qp->req.una, qp->req.retry);
	rxe_req_rewind(qp);
}

/* RNR timer codes in units of 10 us, IBTA table 45. */
static const u16 rnr_10us[32] = {
	65535, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192,
	256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288,
	16384, 24576, 32768, 49152,
};

/*
 * The peer is not ready, and asks to come back later. It is alive: what is missing of
 * the answers before its PSN is asked for again then, which costs no retry. More of
 * the same while we wait is of packets that will be sent again anyway.
 */
static void receiver_not_ready(struct rxe_qp *qp, u8 code)
{
	rxe_count(qp->rxe, RXE_CNT_RCV_RNR);
	if (qp->req.rnr_wait)
		return;
	if (!qp->req.rnr_retry) {
		rxe_count(qp->rxe, RXE_CNT_RNR_RETRY_EXCEEDED);
		rxe_comp_fail(qp, IB_WC_RNR_RETRY_EXC_ERR);
		return;
	}
	if (qp->req.rnr_retry != 7)	/* 7 is for ever */
		qp->req.rnr_retry--;
	trace_rxe_rnr_received(qp->rxe->ib_dev.name, qp->qpn, qp->req.una,
			       qp->req.rnr_retry);
	rxe_req_rewind(qp);
	qp->req.rnr_wait = true;
	/* the peer is alive: time-outs before count no more, and there is none while it waits */
	qp->req.retry = qp->attr.retry_cnt;
	compat_timer_delete(&qp->req.timer);
	mod_timer(&qp->req.rnr_timer, jiffies + 1 +
		  usecs_to_jiffies(rnr_10us[code] * 10));
}

static enum ib_wc_status nak_status(u8 syndrome)
{
	switch (syndrome) {
	case RXE_AETH_NAK_INV_REQ:
		return IB_WC_REM_INV_REQ_ERR;
	case RXE_AETH_NAK_ACCESS:
		return IB_WC_REM_ACCESS_ERR;
	case RXE_AETH_NAK_OP:
		return IB_WC_REM_OP_ERR;
	default:
		return IB_WC_BAD_RESP_ERR;
	}
}

/* The message that the peer refused fails once it is the oldest. */
static void fail_refused(struct rxe_qp *qp)
{
	struct rxe_req *req = &qp->req;

	if (!req->nak || !rxe_sq_outstanding(qp) ||
	    rxe_psn_cmp(rxe_slot(qp, req->head)->last_psn, req->nak_psn) < 0)
		return;
	rxe_comp_fail(qp, nak_status(req->nak));
	req->nak = 0;
}

static void acknowledged(struct rxe_qp *qp, u8 syndrome, u32 psn)
{
	bool ack = (syndrome & RXE_AETH_TYPE) == (RXE_AETH_ACK & RXE_AETH_TYPE);
	bool rnr = (syndrome & RXE_AETH_TYPE) == RXE_AETH_RNR;
	/* a NAK acknowledges what came before its PSN */
	bool whole = acked_through(qp, ack ? psn : rxe_psn_add(psn, -1));

	if (!ack && !rnr && syndrome != RXE_AETH_NAK_SEQ) {
		/* the last that is heard: asking again would be no use */
		qp->req.nak = syndrome;
		qp->req.nak_psn = psn;
		fail_refused(qp);
		return;
	}
	if (!rxe_sq_outstanding(qp) || (ack && whole))
		return;
	if (rnr) {
		receiver_not_ready(qp, syndrome & RXE_AETH_VALUE);
	} else if (ack) {
		qp->req.gap = true;
	} else {
		rxe_count(qp->rxe, RXE_CNT_RCV_SEQ_ERR);
		go_back(qp);
	}
}

/*
 * Copies an answer into the memory of the WQE at req.head. Returns true when
 * it is there; else the QP failed, or the side is parked (side.job) or about to
 * be run again by a worker.
 */
static bool store_answer(struct rxe_qp *qp, struct rxe_wqe *wqe, void *from,
			 u32 len)
{
	struct rxe_seg kseg = { .kbuf = from, .length = len };
	struct rxe_iter dst, src = { .seg = &kseg, .nseg = 1 };
	struct rxe_seg seg[RXE_MAX_SGE] compat_uninitialized;
	struct rxe_stop stop;
	bool stored = false;

	if (rxe_wqe_open(qp, wqe, IB_ACCESS_LOCAL_WRITE, wqe->got, seg, &dst)) {
		rxe_comp_fail(qp, IB_WC_LOC_PROT_ERR);
		return false;
	}
	dst.ahead = answer_len(wqe) - wqe->got;
	if (rxe_copy(&dst, &src, len, qp->req.side.copy_flags, &stop) == len)
		stored = true;
	else if (rxe_side_gave_up(&qp->req.side, &stop))
		rxe_comp_fail(qp, IB_WC_LOC_PROT_ERR);
	else
		rxe_side_park(&qp->req.side, &stop.miss);
	rxe_segs_close(seg, dst.nseg);
	return stored;
}

/* Bytes of the answer at req.head that end with @psn are in place. */
static void answer_stored(struct rxe_qp *qp, struct rxe_wqe *wqe, u32 len,
			  u32 psn)
{
	wqe->got += len;
	qp->req.una = rxe_psn_add(psn, 1);
	if (wqe->got == answer_len(wqe))
		rxe_comp_wqe(qp, wqe, IB_WC_SUCCESS);
	progress(qp);
}

/*
 * rxe_comp_pending() - is the result of an atomic still to be stored?
 * Nothing is sent meanwhile: what came after it could not complete.
 */
bool rxe_comp_pending(struct rxe_qp *qp)
{
	struct rxe_wqe *wqe = rxe_slot(qp, qp->req.head);

	return rxe_sq_outstanding(qp) && rxe_op_is_atomic(wqe->opcode) && wqe->answered;
}

/* An answered atomic at req.head; the result waits in the WQE until stored. */
static void store_atomic(struct rxe_qp *qp)
{
	struct rxe_wqe *wqe = rxe_slot(qp, qp->req.head);

	if (rxe_comp_pending(qp) && !qp->req.side.job &&
	    store_answer(qp, wqe, &wqe->swap, 8))
		answer_stored(qp, wqe, 8, wqe->first_psn);
}

static void atomic_answered(struct rxe_qp *qp, u32 psn, u64 orig)
{
	struct rxe_wqe *wqe;

	if (!acked_through(qp, rxe_psn_add(psn, -1))) {
		qp->req.gap = true;
		return;
	}
	wqe = rxe_slot(qp, qp->req.head);
	if (!rxe_sq_outstanding(qp) || !rxe_op_is_atomic(wqe->opcode) || wqe->first_psn != psn)
		return;
	if (!wqe->answered) {
		wqe->answered = true;
		wqe->swap = orig;
	}
	store_atomic(qp);
}

/* Sets req.gap if the reply is no use before another one. */
static void take_reply(struct rxe_qp *qp, const struct rxe_reply *reply)
{
	/* only what was sent and not yet acknowledged can be answered */
	if (rxe_psn_cmp(reply->psn, qp->req.top) >= 0 ||
	    rxe_psn_cmp(reply->psn, qp->req.una) < 0 || !rxe_sq_outstanding(qp))
		return;
	switch (reply->kind) {
	case RXE_REPLY_ACK:
		acknowledged(qp, reply->syndrome, reply->psn);
		return;
	case RXE_REPLY_ATOMIC:
		atomic_answered(qp, reply->psn, reply->orig);
		return;
	case RXE_REPLY_DONE:
		acknowledged(qp, RXE_AETH_ACK, reply->psn);
		return;
	case RXE_REPLY_READ:
		if (rxe_slot(qp, qp->req.head)->opcode == IB_WR_RDMA_READ)
			answer_stored(qp, rxe_slot(qp, qp->req.head),
				      reply->done, reply->psn);
		return;
	case RXE_REPLY_NONE:
		return;
	}
}

/**
 * rxe_comp_reply() - a reply arrived by the local road
 * @qp: requester's turn owned
 * @reply: RXE_REPLY_READ means that reply->done bytes are in place already
 */
void rxe_comp_reply(struct rxe_qp *qp, const struct rxe_reply *reply)
{
	qp->req.gap = false;
	take_reply(qp, reply);
	if (qp->req.gap)
		go_back(qp);
}

/* One READ response packet. Returns false to have it looked at again. */
static bool read_response(struct rxe_qp *qp, struct sk_buff *skb,
			  const struct rxe_pkt *pkt)
{
	struct rxe_wqe *wqe;

	if (rxe_psn_cmp(pkt->psn, qp->req.top) >= 0)
		return true;
	if (!acked_through(qp, rxe_psn_add(pkt->psn, -1))) {
		qp->req.gap = true;
		return true;
	}
	wqe = rxe_slot(qp, qp->req.head);
	if (!rxe_sq_outstanding(qp))
		return true;
	if (wqe->opcode == IB_WR_FLUSH || wqe->opcode == IB_WR_ATOMIC_WRITE) {
		if (pkt->psn == wqe->first_psn && !pkt->payload)
			acknowledged(qp, RXE_AETH_ACK, pkt->psn);
		return true;
	}
	if (wqe->opcode != IB_WR_RDMA_READ)
		return true;
	if (pkt->psn != answer_psn(qp, wqe)) {
		qp->req.gap = rxe_psn_cmp(pkt->psn, answer_psn(qp, wqe)) > 0;
		return true;
	}
	if (pkt->payload != min(qp->mtu, wqe->length - wqe->got)) {
		rxe_comp_fail(qp, IB_WC_BAD_RESP_ERR);
		return true;
	}
	if (store_answer(qp, wqe, rxe_rx_payload(skb, pkt->hdr_len),
			 pkt->payload)) {
		answer_stored(qp, wqe, pkt->payload, pkt->psn);
		return true;
	}
	return READ_ONCE(qp->state) == IB_QPS_ERR;
}

/*
 * Is the packet at hand to be kept, because one before it is missing? Not after going
 * back: then it will be sent again.
 */
static bool is_early(const struct rxe_req *req)
{
	return req->gap && !req->seq_rewound;
}

/*
 * Returns false if the packet has to be looked at again. If it is early nothing has been
 * done with it.
 */
static bool response(struct rxe_qp *qp, struct sk_buff *skb)
{
	struct rxe_reply reply = {};
	struct rxe_pkt pkt;

	qp->req.gap = false;
	if (rxe_wire_parse(rxe_rx_bth(skb), rxe_rx_len(skb), &pkt) ||
	    !rxe_rx_is_peer(&qp->path, skb))
		return true;
	if (pkt.flags & RXE_OP_CNP) {
		congested(qp);
		return true;
	}
	if (pkt.flags & RXE_OP_READ_RSP) {
		if (!read_response(qp, skb, &pkt))
			return false;
	} else {
		reply.psn = pkt.psn;
		if (pkt.flags & RXE_OP_ATOMIC_ACK) {
			reply.kind = RXE_REPLY_ATOMIC;
			reply.orig = pkt.orig;
		} else {
			reply.kind = RXE_REPLY_ACK;
			reply.syndrome = pkt.syndrome;
		}
		take_reply(qp, &reply);
	}
	if (!is_early(&qp->req))
		rxe_resp_notice(qp, skb);
	return true;
}

/*
 * The packet at hand is early. Returns the one to go on with: behind it in the queue, or,
 * if there is a gap, the first again. NULL: the missing one is worth waiting for.
 */
static struct sk_buff *after_early(struct rxe_qp *qp, struct sk_buff *skb)
{
	struct rxe_side *side = &qp->req.side;
	struct sk_buff *first = skb_peek(&side->rxq);

	skb = rxe_side_after(side, skb);
	if (skb || rxe_early_wait(side, first, qp->req.una))
		return skb;
	go_back(qp);
	return first;
}

/**
 * rxe_comp_packets() - handle what waits for the completer
 * @qp: requester's turn owned
 *
 * Returns true if the side parked or a worker goes on.
 */
bool rxe_comp_packets(struct rxe_qp *qp)
{
	struct rxe_side *side = &qp->req.side;
	struct sk_buff *skb = skb_peek(&side->rxq);

	store_atomic(qp);
	fail_refused(qp);
	while (!side->job && skb) {
		/* what comes after a failure is flushed, also if it is answered */
		if (READ_ONCE(qp->state) == IB_QPS_ERR || !response(qp, skb))
			return true;
		if (is_early(&qp->req)) {
			skb = after_early(qp, skb);
			continue;
		}
		fail_refused(qp);
		rxe_side_packet_done(side, skb);
		skb = skb_peek(&side->rxq);
	}
	if (skb_queue_empty(&side->rxq))
		rxe_early_end(side);
	return side->job;
}

/* rxe_comp_timeout() - no acknowledgement for a part of the time; requester's turn owned */
void rxe_comp_timeout(struct rxe_qp *qp)
{
	if (!rxe_sq_outstanding(qp) || qp->req.rnr_wait || qp->type != IB_QPT_RC)
		return;
	if (rxe_req_arm_next(qp))
		return;
	qp->req.seq_rewound = false;
	go_back(qp);
	if (rxe_sq_outstanding(qp))
		rxe_req_arm(qp);
}
