// SPDX-License-Identifier: GPL-2.0
/*
 * The responder's side of the wire road: the packet queue, acknowledgements,
 * READ responses as packets, and keeping a peer alive while this side waits for
 * a fault.
 *
 * Parking (D4). While a fault is pending packets wait in the queue, which is
 * bounded. If the fault outlasts half of the time-out (20 ms for a peer that was sending
 * again when it began), or the peer sends again what it has sent before, because its own
 * time-out is a shorter one, it gets an RNR NAK and the queue is emptied; from then on
 * each time that it asks again is answered so at once, until the fault has ended. The
 * RNR NAK is for the oldest packet that it asks for: that may be a READ before the one
 * that waits, whose answer got lost. The peer's time-out does not run out again, and its
 * RNR retry count decides how long it waits (7: for ever).
 */
#include "rxe_qp.h"

#include <trace/events/rxe.h>

/* RNR NAK of a parked responder asks the peer to come back in 122.88 ms. */
#define PARKED_RNR_CODE		27
/* Longest a peer is left without an answer that does not ask again. */
#define PARKED_PATIENCE_MS	1000
/* The same, if it had begun to ask again before. */
#define PARKED_HURRY_MS		20
/* Between two congestion notifications to a peer. */
#define CNP_INTERVAL_NS		(50 * NSEC_PER_USEC)

static u8 reply_opcode(const struct rxe_reply *reply)
{
	switch (reply->kind) {
	case RXE_REPLY_ATOMIC:
		return IB_OPCODE_RC_ATOMIC_ACKNOWLEDGE;
	case RXE_REPLY_DONE:
		return IB_OPCODE_RC_RDMA_READ_RESPONSE_ONLY;
	default:
		return IB_OPCODE_RC_ACKNOWLEDGE;
	}
}

/* What cannot be sent is a lost packet: the peer asks again. */
static void send_control(struct rxe_qp *qp, struct rxe_pkt *pkt)
{
	struct rxe_tx tx;

	pkt->pkey = IB_DEFAULT_PKEY_FULL;
	pkt->qpn = qp->attr.dest_qp_num;
	pkt->flags = rxe_opcodes[pkt->opcode].flags;
	pkt->hdr_len = rxe_opcodes[pkt->opcode].hdr_len;
	if (rxe_tx_alloc(qp->rxe, &qp->path, pkt, &tx))
		rxe_count(qp->rxe, RXE_CNT_SEND_ERR);
	else
		rxe_tx_send(qp->rxe, &qp->path, &tx, NULL);
}

static void send_reply(struct rxe_qp *qp, const struct rxe_reply *reply)
{
	struct rxe_pkt pkt = {
		.opcode = reply_opcode(reply),
		.psn = reply->psn,
		.syndrome = reply->kind == RXE_REPLY_ACK ? reply->syndrome :
							   RXE_AETH_ACK,
		.msn = reply->msn,
		.orig = reply->orig,
	};

	send_control(qp, &pkt);
}

/**
 * rxe_resp_notice() - tell the peer if its packet was marked on the way
 * @qp: RC QP, the turn of the side that got it owned
 * @skb: packet of the peer
 *
 * Any context. At most one congestion notification in CNP_INTERVAL_NS (annex A17.9).
 */
void rxe_resp_notice(struct rxe_qp *qp, const struct sk_buff *skb)
{
	struct rxe_pkt pkt = { .opcode = RXE_OPCODE_CNP, .becn = true };
	u64 now;

	if (likely(!rxe_rx_marked(skb)))
		return;
	rxe_count(qp->rxe, RXE_CNT_ECN_MARKED);
	now = ktime_get_ns();
	/* either side may: one too many now and then does not matter */
	if (now - READ_ONCE(qp->cnp_at) < CNP_INTERVAL_NS)
		return;
	WRITE_ONCE(qp->cnp_at, now);
	rxe_count(qp->rxe, RXE_CNT_CNP_SENT);
	send_control(qp, &pkt);
}

static void send_rnr(struct rxe_qp *qp, u32 psn)
{
	struct rxe_reply reply = {
		.kind = RXE_REPLY_ACK,
		.syndrome = RXE_AETH_RNR | PARKED_RNR_CODE,
		.psn = psn,
		.msn = qp->resp.msn,
	};

	rxe_count(qp->rxe, RXE_CNT_SND_RNR);
	trace_rxe_rnr_parked(qp->rxe->ib_dev.name, qp->qpn, psn);
	send_reply(qp, &reply);
}

/* Acknowledges the burst as a whole. */
static void flush_ack(struct rxe_qp *qp)
{
	struct rxe_reply reply = {
		.kind = RXE_REPLY_ACK,
		.syndrome = RXE_AETH_ACK,
		.psn = qp->resp.ack_psn,
		.msn = qp->resp.msn,
	};

	if (!qp->resp.ack_due)
		return;
	qp->resp.ack_due = false;
	send_reply(qp, &reply);
}

static void deliver_reply(struct rxe_qp *qp, const struct rxe_reply *reply)
{
	if (reply->kind == RXE_REPLY_ACK && reply->syndrome == RXE_AETH_ACK) {
		qp->resp.ack_due = true;
		qp->resp.ack_psn = reply->psn;
		return;
	}
	flush_ack(qp);
	if (reply->kind != RXE_REPLY_NONE)
		send_reply(qp, reply);
}

/* PSN of a packet of the peer; false if it is none. */
static bool peer_psn(const struct rxe_qp *qp, struct sk_buff *skb, u32 *psn)
{
	struct rxe_pkt pkt;

	if (rxe_wire_parse(rxe_rx_bth(skb), rxe_rx_len(skb), &pkt) ||
	    !rxe_rx_is_peer(&qp->path, skb))
		return false;
	*psn = pkt.psn;
	return true;
}

/* Has the parked responder had this packet before? One may overtake another. */
static bool came_before(struct rxe_resp *r, u32 psn)
{
	s32 ahead = rxe_psn_cmp(psn, r->psn);

	if (ahead < 0)
		return true;
	if (ahead < RXE_MAX_PARKED_PKTS)
		return __test_and_set_bit(ahead, r->parked_seen);
	return rxe_psn_cmp(psn, r->parked_psn) <= 0;
}

/*
 * Looks at what has come in since the last look. Has the peer begun to send again what
 * it has sent before?
 */
static bool peer_asks_again(struct rxe_qp *qp)
{
	struct rxe_resp *r = &qp->resp;
	struct sk_buff_head *q = &r->side.rxq;
	bool again = false;
	struct sk_buff *skb;
	unsigned long flags;
	u32 psn;

	spin_lock_irqsave(&q->lock, flags);
	skb = r->parked_last ? r->parked_last->next : q->next;
	for (; skb != (struct sk_buff *)q; skb = skb->next) {
		r->parked_last = skb;
		if (!peer_psn(qp, skb, &psn))
			continue;
		again |= came_before(r, psn);
		r->parked_psn = psn;
		if (rxe_psn_cmp(psn, r->parked_oldest) < 0)
			r->parked_oldest = psn;
	}
	spin_unlock_irqrestore(&q->lock, flags);
	return again;
}

static void start_patience(struct rxe_qp *qp)
{
	struct rxe_resp *r = &qp->resp;
	u64 ns = qp->attr.timeout ? 4096ULL << qp->attr.timeout :
				    2 * PARKED_PATIENCE_MS * NSEC_PER_MSEC;

	ns = min_t(u64, ns / 2, PARKED_PATIENCE_MS * NSEC_PER_MSEC);
	clear_bit(0, &r->rnr_due);
	if (qp->type == IB_QPT_RC) {
		r->parked_last = NULL;
		bitmap_zero(r->parked_seen, RXE_MAX_PARKED_PKTS);
		r->parked_psn = rxe_psn_add(r->psn, -1);
		r->parked_oldest = r->psn;
		/* a READ has been taken in, but not answered */
		if (r->reading)
			r->parked_oldest = rxe_psn_add(r->read.first_psn,
						       r->read_off / qp->mtu);
		if (peer_asks_again(qp))
			ns = min_t(u64, ns, PARKED_HURRY_MS * NSEC_PER_MSEC);
	}
	mod_timer(&r->rnr_timer, jiffies + max(1UL, nsecs_to_jiffies(ns)));
}

/* Still parked: what arrived meanwhile is queued, or answered with RNR. */
static void while_parked(struct rxe_qp *qp)
{
	struct rxe_resp *r = &qp->resp;
	struct sk_buff *skb;
	u32 psn;

	if (qp->type != IB_QPT_RC)
		return;
	if (!r->rnr_told) {
		bool again = peer_asks_again(qp);

		if (!test_and_clear_bit(0, &r->rnr_due) && !again)
			return;
		r->rnr_told = true;
		r->nak_sent = true;
		r->reading = false;	/* it asks for the rest again: a duplicate */
		send_rnr(qp, r->parked_oldest);
		rxe_side_purge(&r->side);
		return;
	}
	while ((skb = skb_peek(&r->side.rxq))) {
		if (peer_psn(qp, skb, &psn)) {
			if (rxe_psn_cmp(psn, r->parked_psn) <= 0)
				send_rnr(qp, rxe_psn_cmp(psn, r->psn) < 0 ?
						     psn : r->psn);
			r->parked_psn = psn;
		}
		rxe_side_packet_done(&r->side, skb);
	}
}

static u8 read_opcode(bool first, bool last)
{
	if (first)
		return last ? IB_OPCODE_RC_RDMA_READ_RESPONSE_ONLY :
			      IB_OPCODE_RC_RDMA_READ_RESPONSE_FIRST;
	return last ? IB_OPCODE_RC_RDMA_READ_RESPONSE_LAST :
		      IB_OPCODE_RC_RDMA_READ_RESPONSE_MIDDLE;
}

/* The window of a READ cannot be read (any more). */
static void read_failed(struct rxe_qp *qp, u32 psn)
{
	struct rxe_reply reply = {
		.kind = RXE_REPLY_ACK,
		.syndrome = RXE_AETH_NAK_ACCESS,
		.psn = psn,
		.msn = qp->resp.msn,
	};

	qp->resp.reading = false;
	send_reply(qp, &reply);
	rxe_qp_error(qp, IB_EVENT_QP_ACCESS_ERR);
}

/* Headers of the answer of @bytes at @off of the READ at hand. */
static void make_answer(const struct rxe_qp *qp, u32 off, u32 bytes,
			struct rxe_pkt *pkt)
{
	const struct rxe_resp *r = &qp->resp;
	u32 psn = rxe_psn_add(r->read.first_psn, off / qp->mtu);

	*pkt = (struct rxe_pkt) {
		.opcode = read_opcode(psn == r->read_start,
				      off + bytes == r->read.length),
		.pkey = IB_DEFAULT_PKEY_FULL,
		.qpn = qp->attr.dest_qp_num,
		.psn = psn,
		.syndrome = RXE_AETH_ACK,
		.msn = r->msn,
		.payload = bytes,
		.pad = -bytes & 3,
	};
	pkt->flags = rxe_opcodes[pkt->opcode].flags;
	pkt->hdr_len = rxe_opcodes[pkt->opcode].hdr_len;
}

/*
 * Copies what the READ at hand reads at @off; false: parked, or failed from the
 * first packet not yet sent on. Keys are opened for each packet, so that a window
 * that goes is noticed.
 */
static bool read_payload(struct rxe_qp *qp, u32 off, void *to, u32 bytes)
{
	struct rxe_resp *r = &qp->resp;
	struct rxe_seg seg, kseg = { .kbuf = to, .length = bytes };
	u32 psn = rxe_psn_add(r->read.first_psn, r->read_off / qp->mtu);
	struct rxe_iter src, dst = { .seg = &kseg, .nseg = 1 };
	struct rxe_stop stop;
	bool ok;

	if (!bytes)
		return true;
	if (rxe_seg_open_remote(qp->ibqp.pd, qp->qpn, r->read.rkey, r->read.va,
				r->read.length, IB_ACCESS_REMOTE_READ, &seg)) {
		read_failed(qp, psn);
		return false;
	}
	src = (struct rxe_iter) {
		.seg = &seg, .nseg = 1, .ahead = r->read.length - off,
	};
	rxe_iter_skip(&src, off);
	ok = rxe_copy(&dst, &src, bytes, r->side.copy_flags, &stop) == bytes;
	if (!ok && rxe_side_gave_up(&r->side, &stop))
		read_failed(qp, psn);
	else if (!ok)
		rxe_side_park(&r->side, &stop.miss);
	rxe_seg_close(&seg);
	return ok;
}

static void answered(struct rxe_qp *qp, u32 bytes, u32 *budget)
{
	struct rxe_resp *r = &qp->resp;

	*budget -= min(*budget, bytes + 256);
	r->read_off += bytes;
	if (r->read_off == r->read.length)
		r->reading = false;
}

/* How many answers from the next one on can be a burst, see burst_packets(). */
static u32 answers_at_once(const struct rxe_qp *qp, u32 seg, u32 *last)
{
	u32 left = qp->resp.read.length - qp->resp.read_off;
	u32 room = RXE_BURST_BYTES / seg, tail;
	u32 n = min(DIV_ROUND_UP(left, qp->mtu) - 1, room);

	*last = seg;
	if (n < room) {
		tail = rxe_opcodes[IB_OPCODE_RC_RDMA_READ_RESPONSE_LAST].hdr_len +
		       round_up(left - n * qp->mtu, 4) + RXE_ICRC_LEN;
		if (tail <= seg) {
			*last = tail;
			n++;
		}
	}
	return n;
}

/*
 * Sends several answers at once. *@tried is false if it has to be one after all;
 * returns as read_packet().
 */
static bool read_burst(struct rxe_qp *qp, u32 *budget, bool *tried)
{
	struct rxe_resp *r = &qp->resp;
	u32 seg = IB_BTH_BYTES + qp->mtu + RXE_ICRC_LEN;
	u32 off = r->read_off, i, n, last, bytes;
	struct rxe_pkt pkt;
	struct rxe_tx tx;
	u8 *p;

	n = answers_at_once(qp, seg, &last);
	*tried = n > 1 &&
		 !rxe_burst_alloc(qp->rxe, &qp->path, seg, last, n, &tx);
	if (!*tried)
		return true;
	for (i = 0; i < n; i++, off += bytes) {
		bytes = min(qp->mtu, r->read.length - off);
		make_answer(qp, off, bytes, &pkt);
		p = rxe_burst_packet(&tx, i);
		p += rxe_wire_build(&pkt, p);
		if (!read_payload(qp, off, p, bytes)) {
			rxe_tx_free(&tx);
			return false;
		}
		memset(p + bytes, 0, pkt.pad);
	}
	rxe_burst_send(qp->rxe, &qp->path, &tx, qp->gauge);
	answered(qp, off - r->read_off, budget);
	return true;
}

/*
 * Sends the next packets of the READ at hand. Returns false when it has to wait:
 * for the stack, for a fault, or for ever.
 */
static bool read_packet(struct rxe_qp *qp, u32 *budget)
{
	struct rxe_resp *r = &qp->resp;
	u32 bytes = min(qp->mtu, r->read.length - r->read_off);
	struct rxe_pkt pkt;
	struct rxe_tx tx;
	bool tried, go_on;

	if (rxe_gauge_full(qp->gauge))
		return false;
	make_answer(qp, r->read_off, bytes, &pkt);
	if (pkt.opcode == IB_OPCODE_RC_RDMA_READ_RESPONSE_MIDDLE) {
		go_on = read_burst(qp, budget, &tried);
		if (tried)
			return go_on;
	}
	if (rxe_tx_alloc(qp->rxe, &qp->path, &pkt, &tx)) {
		r->reading = false;	/* lost; the peer asks again */
		return true;
	}
	if (!read_payload(qp, r->read_off, tx.payload, bytes)) {
		rxe_tx_free(&tx);
		return false;
	}
	rxe_tx_send(qp->rxe, &qp->path, &tx, qp->gauge);
	answered(qp, bytes, budget);
	return true;
}

/* Is the packet expected, or one that nothing has to come before? */
static bool in_turn(const struct rxe_qp *qp, struct sk_buff *skb)
{
	u32 psn;

	return rxe_psn_cmp(rxe_rx_psn(skb), qp->resp.psn) <= 0 ||
	       !peer_psn(qp, skb, &psn);
}

/* The next packet to handle; NULL if there is none, or it is worth waiting for. */
static struct sk_buff *next_packet(struct rxe_qp *qp)
{
	struct rxe_resp *r = &qp->resp;
	struct sk_buff *first = skb_peek(&r->side.rxq), *skb = first;

	/* after a NAK, what comes is to come again */
	if (!first || rxe_qp_is_dgram(qp) || r->nak_sent || in_turn(qp, first)) {
		rxe_early_end(&r->side);
		return first;
	}
	while (skb && !in_turn(qp, skb))
		skb = rxe_side_after(&r->side, skb);
	if (skb || rxe_early_wait(&r->side, first, r->psn))
		return skb;
	return first;
}

/* One request packet. Returns false if it has to be looked at again. */
static bool request(struct rxe_qp *qp, struct sk_buff *skb)
{
	struct rxe_resp *r = &qp->resp;
	struct rxe_iter it = { .nseg = 1 };
	enum rxe_verdict verdict;
	struct rxe_reply reply;
	struct rxe_stop stop;
	struct rxe_seg kseg;
	struct rxe_pkt pkt;

	if (rxe_wire_parse(rxe_rx_bth(skb), rxe_rx_len(skb), &pkt))
		return true;
	if (rxe_qp_is_dgram(qp))
		rxe_rx_grh(skb, r->grh);
	else if (!rxe_rx_is_peer(&qp->path, skb))
		return true;
	kseg = (struct rxe_seg) {
		.kbuf = rxe_rx_payload(skb, pkt.hdr_len),
		.length = pkt.payload,
	};
	it.seg = &kseg;
	it.ahead = pkt.payload;
	verdict = rxe_resp_request(qp, &pkt, 1, &it, false, r->side.copy_flags,
				   &r->side, &reply, &stop);
	if (verdict == RXE_DONE)
		deliver_reply(qp, &reply);
	if (r->reading)
		r->read_start = pkt.psn;
	if (verdict == RXE_MISS)
		return false;
	if (qp->type == IB_QPT_RC)
		rxe_resp_notice(qp, skb);
	return true;
}

/*
 * A user posts receives without telling us: look for late ones from time to
 * time, the less often the longer there was none.
 */
static void watch_receives(struct rxe_qp *qp, bool found)
{
	struct rxe_resp *r = &qp->resp;

	if (!qp->user || qp->srq)
		return;
	r->late_wait = found ? 1 : clamp(2 * r->late_wait, 1UL, HZ / 2UL);
	mod_timer(&r->rnr_timer, jiffies + r->late_wait);
}

/*
 * Receive WQEs of a QP in error. An SRQ's belong to the SRQ. Returns true when
 * a ring that keeps growing should be looked at again.
 */
static bool flush_receives(struct rxe_qp *qp)
{
	struct ib_wc wc = {
		.status = IB_WC_WR_FLUSH_ERR,
		.opcode = IB_WC_RECV,
		.qp = &qp->ibqp,
	};
	struct rxe_resp *r = &qp->resp;
	u32 n;

	rxe_side_purge(&r->side);
	r->reading = false;
	r->in_msg = false;
	for (n = 0; n <= qp->max_recv_wr; n++) {
		if (!r->have_rwqe) {
			if (qp->srq || rxe_rq_pull(qp, &r->rwqe) == -ENOENT)
				break;
		}
		r->have_rwqe = false;
		wc.wr_id = r->rwqe.wr_id;
		rxe_cq_post(qp->rcq, &wc, true);
	}
	if (qp->srq && !r->last_wqe_told) {
		r->last_wqe_told = true;
		rxe_qp_event(qp, IB_EVENT_QP_LAST_WQE_REACHED);
	}
	if (n > qp->max_recv_wr)
		return true;
	watch_receives(qp, n);
	return false;
}

/* The memory that a local UC sender waits for is there, or never will be. */
static void wake_sender(struct rxe_qp *qp)
{
	struct rxe_qp *peer = rxe_qp_find(qp->rxe, qp->attr.dest_qp_num);

	qp->resp.sender_waits = false;
	qp->resp.deaf = false;
	if (!peer)
		return;
	if (peer->type == IB_QPT_UC) {
		set_bit(RXE_REQ_RNR_OVER, &peer->req.events);
		rxe_side_defer(&peer->req.side);
	}
	rxe_qp_put(peer);
}

/**
 * rxe_resp_run() - one run of the responder side, see rxe_side_run()
 * @qp: responder's turn owned
 * @ctx: context
 * @budget: bytes it may still move
 *
 * Returns true when there is more to do than the budget allows.
 */
bool rxe_resp_run(struct rxe_qp *qp, enum rxe_ctx ctx, u32 *budget)
{
	struct rxe_resp *r = &qp->resp;
	enum ib_qp_state state = READ_ONCE(qp->state);
	struct sk_buff *skb;
	bool more = false;

	if (state == IB_QPS_ERR)
		return rxe_side_abandon(&r->side, ctx) && flush_receives(qp);
	if (state < IB_QPS_RTR) {
		rxe_side_purge(&r->side);
		return false;
	}
	if (rxe_side_parked(&r->side, ctx)) {
		while_parked(qp);
		return false;
	}
	compat_timer_delete(&r->rnr_timer);
	r->rnr_told = false;
	if (r->sender_waits)
		wake_sender(qp);

	for (;;) {
		if (!*budget) {
			more = true;
			break;
		}
		if (r->reading) {
			if (!read_packet(qp, budget))
				break;
			continue;
		}
		skb = next_packet(qp);
		if (!skb)
			break;
		*budget -= min(*budget, rxe_rx_len(skb));
		if (!request(qp, skb))
			break;
		rxe_side_packet_done(&r->side, skb);
	}
	flush_ack(qp);
	if (r->side.job)
		start_patience(qp);
	else
		r->side.slow = false;
	return more;
}

/* rxe_resp_reset() - as after creation; both turns owned */
void rxe_resp_reset(struct rxe_qp *qp)
{
	struct rxe_resp *r = &qp->resp;
	u32 i;

	compat_timer_delete(&r->rnr_timer);
	rxe_early_reset(&r->side);
	r->msn = 0;
	r->nak_sent = false;
	r->in_msg = false;
	r->have_rwqe = false;
	r->reading = false;
	r->flush_off = 0;
	r->ack_due = false;
	r->rnr_told = false;
	r->sender_waits = false;
	r->deaf = false;
	r->last_wqe_told = false;
	r->late_wait = 0;
	for (i = 0; i < r->res_n; i++)
		r->res[i].valid = false;
}

/**
 * rxe_resp_local_grh() - GRH of a datagram that never was a packet
 * @peer: receiver, responder's turn owned
 * @path: sender's path
 * @payload: bytes
 */
void rxe_resp_local_grh(struct rxe_qp *peer, const struct rxe_path *path,
			u32 payload)
{
	rxe_grh_build(path, payload, peer->resp.grh);
}

/**
 * rxe_resp_enqueue() - a packet that has to wait for the responder
 * @qp: QP, responder's turn owned
 * @skb: request packet as rxe_qp_receive() wants it, consumed
 *
 * Any context. Returns false if the queue was full and the packet is gone (D4).
 */
bool rxe_resp_enqueue(struct rxe_qp *qp, struct sk_buff *skb)
{
	struct rxe_side *side = &qp->resp.side;

	if (!rxe_side_enqueue(side, skb))
		return false;
	if (!side->job)
		rxe_side_defer(side);
	return true;
}

/* see rxe.h */
void rxe_qp_receive(struct rxe_qp *qp, struct sk_buff *skb)
{
	static const u8 transports[] = {
		[IB_QPT_GSI] = IB_OPCODE_UD, [IB_QPT_RC] = IB_OPCODE_RC,
		[IB_QPT_UC] = IB_OPCODE_UC, [IB_QPT_UD] = IB_OPCODE_UD,
	};
	u8 opcode = rxe_rx_bth(skb)[0];
	bool rsp = rxe_opcodes[opcode].flags & RXE_OP_RSP;
	struct rxe_side *side = rsp ? &qp->req.side : &qp->resp.side;

	if ((opcode & RXE_OPCODE_TRANSPORT) != transports[qp->type] &&
	    !(opcode == RXE_OPCODE_CNP && qp->type == IB_QPT_RC)) {
		kfree_skb(skb);
		return;
	}
	/* an answer that finds its requester at work or waiting */
	if (rsp && (atomic_read(&side->turn) & RXE_TURN_OWNED ||
		    READ_ONCE(side->job)))
		rxe_count(qp->rxe, RXE_CNT_ACK_DEFERRED);
	if (rxe_side_enqueue(side, skb))
		rxe_side_run(side, RXE_CTX_SOFTIRQ);
}
