// SPDX-License-Identifier: GPL-2.0
/*
 * Requester: messages to segments, segments to one of two roads (D2).
 *
 * A segment is a run of whole packets of one message. On the wire road it is
 * one packet; on the local road it is handed to the responder of the peer QP at
 * once and may span many. Either way the answer comes to rxe_comp.c.
 *
 * An unreliable sender does not wait for its receiver's memory. A datagram becomes
 * a packet in the receiver's queue, as if the wire had brought it, and is
 * complete. A UC message, which may be long, waits a bounded time; then it is
 * lost, and so are those after it until the receiver's fault has ended.
 *
 * A WQE is at one of three places: [head, next) sent, at next being sent,
 * (next, tail) waiting. Going back (go-back-N, RNR, partial READ) only moves
 * next to head and sets how much of each WQE has been sent.
 */
#include <linux/sched.h>
#include "rxe_qp.h"

/* Bytes of one local segment, hence between two looks at the scheduler. */
#define LOCAL_SEGMENT	SZ_1M
/* Acknowledgements asked for in each window, the end of a message aside. */
#define ACKS_PER_WINDOW	4
/*
 * A local UC message waits for its receiver's memory this many times, and once more
 * for each 10 MiB. Many short waits instead of a long one: where the whole machine
 * stands still, the clock goes on and the fault does not, and that costs one.
 */
#define LOCAL_WAIT_MS	50
#define LOCAL_WAITS	20
/* Parts of an acknowledgement time-out. */
#define TIMEOUT_PARTS	4

enum outcome {
	GO_ON,		/* look at the next thing to send */
	WAIT,		/* an event (reply, timer, drained queue, fault) runs the side again */
	FAILED,		/* the QP is in error */
};

static bool is_read(const struct rxe_wqe *wqe)
{
	return wqe->opcode == IB_WR_RDMA_READ;
}

/* rxe_wqe_npsn() - PSNs a message takes (READ: those of its response) */
u32 rxe_wqe_npsn(const struct rxe_qp *qp, const struct rxe_wqe *wqe)
{
	if (rxe_op_is_atomic(wqe->opcode) || !wqe->length)
		return 1;
	return DIV_ROUND_UP(wqe->length, qp->mtu);
}

static u32 next_psn(const struct rxe_qp *qp, const struct rxe_wqe *wqe)
{
	return rxe_psn_add(wqe->first_psn, wqe->sent / qp->mtu);
}

/**
 * rxe_req_arm() - start or push out the acknowledgement time-out
 * @qp: requester's turn owned
 *
 * 4.096 us * 2^timeout, IBTA 9.7.6.1.3; 0 waits for ever. It may be up to four
 * times that, which the later tries in a row make use of: what is lost for want of
 * room is not helped by coming back soon. It is waited for in parts: where the whole
 * machine, and with it the peer, stands still for a while, that costs one part.
 */
void rxe_req_arm(struct rxe_qp *qp)
{
	struct rxe_req *req = &qp->req;
	u32 tries = min_t(u32, qp->attr.retry_cnt - req->retry, 2);
	u64 ns = 4096ULL << (qp->attr.timeout + tries);
	unsigned long wait = max(1UL, nsecs_to_jiffies(ns));

	if (!qp->attr.timeout)
		return;
	req->parts = min_t(unsigned long, wait, TIMEOUT_PARTS);
	req->part = DIV_ROUND_UP(wait, TIMEOUT_PARTS);
	mod_timer(&req->timer, jiffies + req->part);
}

/**
 * rxe_req_arm_next() - a part of the acknowledgement time-out is over
 * @qp: requester's turn owned
 *
 * Returns false if it was the last one, else waits for the next.
 */
bool rxe_req_arm_next(struct rxe_qp *qp)
{
	struct rxe_req *req = &qp->req;

	if (req->parts <= 1)
		return false;
	req->parts--;
	mod_timer(&req->timer, jiffies + req->part);
	return true;
}

/* Bytes at the start of a message that need not be sent any more. */
static u32 settled(const struct rxe_qp *qp, const struct rxe_wqe *wqe)
{
	s32 acked = rxe_psn_cmp(qp->req.una, wqe->first_psn);

	if (is_read(wqe))
		return wqe->got;
	if (acked <= 0 || rxe_op_is_atomic(wqe->opcode))
		return 0;
	return min_t(u64, (u64)acked * qp->mtu, wqe->length);
}

/**
 * rxe_req_rewind() - send again from the oldest unacknowledged packet
 * @qp: requester's turn owned
 */
void rxe_req_rewind(struct rxe_qp *qp)
{
	struct rxe_req *req = &qp->req;
	u32 i;

	for (i = req->head; i != req->tail; i++) {
		struct rxe_wqe *wqe = rxe_slot(qp, i);

		if (!wqe->started)
			break;
		wqe->all_sent = false;
		wqe->sent = settled(qp, wqe);
	}
	req->next = req->head;
	req->rd_atomic = 0;
	req->since_ack = 0;
}

/* rxe_req_reset() - as after creation; both turns owned, no WQE left */
void rxe_req_reset(struct rxe_qp *qp)
{
	struct rxe_req *req = &qp->req;

	compat_timer_delete(&req->timer);
	compat_timer_delete(&req->rnr_timer);
	rxe_early_reset(&req->side);
	req->next = req->head;
	req->window = RXE_MAX_PSN_WINDOW;
	req->narrowed = false;
	req->rd_atomic = 0;
	req->since_ack = 0;
	req->nak = 0;
	req->rnr_wait = false;
	req->seq_rewound = false;
	req->draining = false;
	req->waits = 0;
	req->events = 0;
}

static u8 send_opcode(u32 op, bool first, bool last)
{
	static const u8 send[2][2] = {		/* [first][last] */
		{ IB_OPCODE_SEND_MIDDLE, IB_OPCODE_SEND_LAST },
		{ IB_OPCODE_SEND_FIRST, IB_OPCODE_SEND_ONLY },
	};
	static const u8 write[2][2] = {
		{ IB_OPCODE_RDMA_WRITE_MIDDLE, IB_OPCODE_RDMA_WRITE_LAST },
		{ IB_OPCODE_RDMA_WRITE_FIRST, IB_OPCODE_RDMA_WRITE_ONLY },
	};

	switch (op) {
	case IB_WR_SEND_WITH_IMM:
		if (last)
			return first ? IB_OPCODE_SEND_ONLY_WITH_IMMEDIATE :
				       IB_OPCODE_SEND_LAST_WITH_IMMEDIATE;
		break;
	case IB_WR_SEND_WITH_INV:
		if (last)
			return first ? IB_OPCODE_SEND_ONLY_WITH_INVALIDATE :
				       IB_OPCODE_SEND_LAST_WITH_INVALIDATE;
		break;
	case IB_WR_RDMA_WRITE_WITH_IMM:
		if (last)
			return first ? IB_OPCODE_RDMA_WRITE_ONLY_WITH_IMMEDIATE :
				       IB_OPCODE_RDMA_WRITE_LAST_WITH_IMMEDIATE;
		fallthrough;
	case IB_WR_RDMA_WRITE:
		return write[first][last];
	case IB_WR_RDMA_READ:
		return IB_OPCODE_RDMA_READ_REQUEST;
	case IB_WR_ATOMIC_CMP_AND_SWP:
		return IB_OPCODE_COMPARE_SWAP;
	case IB_WR_ATOMIC_FETCH_AND_ADD:
		return IB_OPCODE_FETCH_ADD;
	case IB_WR_FLUSH:
		return IB_OPCODE_FLUSH;
	case IB_WR_ATOMIC_WRITE:
		return IB_OPCODE_ATOMIC_WRITE;
	}
	return send[first][last];
}

static u8 transport(const struct rxe_qp *qp)
{
	return qp->type == IB_QPT_RC ? IB_OPCODE_RC :
	       qp->type == IB_QPT_UC ? IB_OPCODE_UC : IB_OPCODE_UD;
}

/*
 * The WQE at next cannot go on. It fails when those before it have completed:
 * until then its status keeps the requester from going past it.
 */
static enum outcome fail_next(struct rxe_qp *qp, struct rxe_wqe *wqe,
			      enum ib_wc_status status)
{
	wqe->status = status;
	if (qp->req.head != qp->req.next)
		return WAIT;
	rxe_comp_fail(qp, status);
	return FAILED;
}

/* Headers of the segment of @bytes payload at wqe->sent. */
static void make_request(struct rxe_qp *qp, const struct rxe_wqe *wqe, u32 bytes,
			 bool last, struct rxe_pkt *pkt)
{
	memset(pkt, 0, sizeof(*pkt));
	pkt->opcode = transport(qp) | send_opcode(wqe->opcode, !wqe->sent, last);
	pkt->flags = rxe_opcodes[pkt->opcode].flags;
	pkt->hdr_len = rxe_opcodes[pkt->opcode].hdr_len;
	pkt->pkey = IB_DEFAULT_PKEY_FULL;
	pkt->psn = next_psn(qp, wqe);
	pkt->solicited = last && wqe->flags & IB_SEND_SOLICITED;
	pkt->imm = wqe->imm;
	pkt->inv_rkey = wqe->inv_rkey;
	if (rxe_qp_is_dgram(qp)) {
		pkt->qpn = wqe->ud_qpn & RXE_PSN_MASK;
		/* IBTA 10.2.5: the high bit asks for the QP's own Q_Key */
		pkt->qkey = wqe->ud_qkey & BIT(31) ? qp->attr.qkey :
						     wqe->ud_qkey;
		if (qp->type == IB_QPT_GSI)
			pkt->qkey = IB_QP1_QKEY;
		pkt->src_qpn = qp->qpn;
	} else {
		pkt->qpn = qp->attr.dest_qp_num;
		pkt->va = wqe->remote_addr + wqe->sent;
		pkt->rkey = wqe->rkey;
		pkt->length = wqe->length - wqe->sent;
	}
	if (rxe_op_is_atomic(wqe->opcode)) {
		bool cas = wqe->opcode == IB_WR_ATOMIC_CMP_AND_SWP;

		pkt->swap_add = cas ? wqe->swap : wqe->compare_add;
		pkt->compare = cas ? wqe->compare_add : 0;
		return;
	}
	if (wqe->opcode == IB_WR_FLUSH) {
		pkt->length = wqe->flush_len;
		pkt->feth = wqe->flush_level << RXE_FETH_LEVEL_SHIFT |
			    wqe->flush_type;
	}
	if (is_read(wqe))
		return;
	pkt->payload = bytes;
	pkt->pad = -bytes & 3;
}

/* The whole message has been handed out. */
static void sent_all(struct rxe_qp *qp, struct rxe_wqe *wqe)
{
	wqe->all_sent = true;
	qp->req.waits = 0;
	if (rxe_op_is_answered(wqe->opcode))
		qp->req.rd_atomic++;
	qp->req.next++;
}

static void note_sent(struct rxe_qp *qp, u32 last_psn)
{
	if (rxe_psn_cmp(last_psn, qp->req.top) >= 0)
		qp->req.top = rxe_psn_add(last_psn, 1);
}

/* The network or the peer swallowed the message from here on. */
static void lost(struct rxe_qp *qp, struct rxe_wqe *wqe)
{
	note_sent(qp, wqe->last_psn);
	wqe->sent = wqe->length;
	sent_all(qp, wqe);
	if (qp->type == IB_QPT_RC)
		rxe_req_arm(qp);
	else
		rxe_comp_wqe(qp, wqe, IB_WC_SUCCESS);
}

/* Peer of a local message, referenced and with its responder's turn. */
static struct rxe_qp *peer_enter(struct rxe_qp *qp, struct rxe_wqe *wqe,
				 bool *busy)
{
	struct rxe_qp *peer;

	*busy = false;
	peer = rxe_qp_find(qp->rxe, rxe_qp_is_dgram(qp) ?
			   wqe->ud_qpn & RXE_PSN_MASK : qp->attr.dest_qp_num);
	if (!peer)
		return NULL;
	if (transport(peer) != transport(qp))
		goto none;
	if (!rxe_turn_try(&peer->resp.side)) {
		*busy = true;
		goto none;
	}
	/* a connected peer listens to its own peer only */
	if (!peer->dying && (rxe_qp_is_dgram(qp) ||
			     (peer->attr.dest_qp_num == qp->qpn &&
			      ipv6_addr_equal(&peer->path.daddr,
					      &qp->path.saddr))))
		return peer;
	rxe_turn_unlock(&peer->resp.side);
none:
	rxe_qp_put(peer);
	return NULL;
}

static void peer_leave(struct rxe_qp *peer)
{
	rxe_turn_unlock(&peer->resp.side);
	rxe_qp_put(peer);
}

/* May this UC sender wait no longer for its receiver's memory? */
static bool waited_enough(const struct rxe_qp *qp, const struct rxe_wqe *wqe)
{
	const struct rxe_req *req = &qp->req;
	u32 most = LOCAL_WAITS + (wqe->length - wqe->sent) / (10 * SZ_1M);

	return req->waits >= most && time_after_eq(jiffies, req->wait_end);
}

/* The receiver of a local UC message has no memory for it yet. */
static enum outcome wait_for_peer(struct rxe_qp *qp)
{
	struct rxe_req *req = &qp->req;

	if (!req->waits || time_after_eq(jiffies, req->wait_end)) {
		req->waits++;
		req->wait_end = jiffies + msecs_to_jiffies(LOCAL_WAIT_MS);
	}
	req->rnr_wait = true;
	mod_timer(&req->rnr_timer, req->wait_end);
	return WAIT;
}

/*
 * The receiver of a datagram waits for memory: give it a packet to keep. @it is
 * at the start of the payload.
 */
static enum rxe_verdict hand_over(struct rxe_qp *qp, struct rxe_qp *peer,
				  const struct rxe_path *path,
				  const struct rxe_pkt *pkt,
				  struct rxe_iter *it, struct rxe_reply *reply,
				  struct rxe_stop *stop)
{
	struct rxe_seg kseg = { .length = pkt->payload };
	struct rxe_iter dst = { .seg = &kseg, .nseg = 1 };
	struct rxe_tx tx;

	memset(stop, 0, sizeof(*stop));
	if (rxe_rx_alloc(qp->rxe, path, pkt, &tx))
		return RXE_DROPPED;
	kseg.kbuf = tx.payload;
	if (rxe_copy(&dst, it, pkt->payload, qp->req.side.copy_flags,
		     stop) < pkt->payload) {
		rxe_tx_free(&tx);
		if (rxe_side_gave_up(&qp->req.side, stop))
			return RXE_DROPPED;
		rxe_side_park(&qp->req.side, &stop->miss);
		return RXE_MISS;
	}
	if (!rxe_resp_enqueue(peer, tx.skb))
		return RXE_DROPPED;
	reply->done = pkt->payload;
	return RXE_DONE;
}

/* What the responder did with a local segment. */
static enum outcome local_result(struct rxe_qp *qp, struct rxe_wqe *wqe,
				 enum rxe_verdict verdict,
				 const struct rxe_reply *reply,
				 const struct rxe_stop *stop)
{
	if (verdict == RXE_DROPPED) {
		if (stop->side == (is_read(wqe) ? RXE_STOP_DST : RXE_STOP_SRC))
			return fail_next(qp, wqe, IB_WC_LOC_PROT_ERR);
		lost(qp, wqe);
		return GO_ON;
	}

	wqe->sent += reply->done;
	if (reply->done)
		qp->req.waits = 0;
	if (verdict == RXE_LATER) {
		if (!waited_enough(qp, wqe))
			return wait_for_peer(qp);
		lost(qp, wqe);
		return GO_ON;
	}
	if (verdict == RXE_MISS) {
		if (reply->kind != RXE_REPLY_NONE)
			rxe_comp_reply(qp, reply);
		return WAIT;
	}
	if (qp->type != IB_QPT_RC) {
		if (wqe->sent == wqe->length) {
			rxe_count(qp->rxe, RXE_CNT_LOCAL_MSGS);
			sent_all(qp, wqe);
			rxe_comp_wqe(qp, wqe, IB_WC_SUCCESS);
		}
		return GO_ON;
	}
	if (wqe->sent == wqe->length || rxe_op_is_atomic(wqe->opcode)) {
		rxe_count(qp->rxe, RXE_CNT_LOCAL_MSGS);
		sent_all(qp, wqe);
	}
	rxe_comp_reply(qp, reply);
	return READ_ONCE(qp->state) == IB_QPS_ERR ? FAILED : GO_ON;
}

static enum outcome send_local(struct rxe_qp *qp, struct rxe_wqe *wqe,
			       struct rxe_path *path, enum rxe_ctx ctx,
			       u32 *budget)
{
	u32 left = rxe_op_is_atomic(wqe->opcode) ? 0 : wqe->length - wqe->sent;
	u32 bytes = min_t(u32, left, rounddown(LOCAL_SEGMENT, qp->mtu));
	u32 npsn = max_t(u32, 1, DIV_ROUND_UP(bytes, qp->mtu));
	struct rxe_seg seg[RXE_MAX_SGE] compat_uninitialized;
	enum rxe_verdict verdict;
	struct rxe_reply reply;
	struct rxe_stop stop;
	enum outcome out;
	struct rxe_iter it, start;
	struct rxe_qp *peer;
	struct rxe_pkt pkt;
	bool busy;

	if (rxe_wqe_open(qp, wqe, is_read(wqe) ? IB_ACCESS_LOCAL_WRITE : 0,
			 wqe->sent, seg, &it))
		return fail_next(qp, wqe, IB_WC_LOC_PROT_ERR);
	it.ahead = left;
	peer = peer_enter(qp, wqe, &busy);
	if (peer) {
		make_request(qp, wqe, bytes, bytes == left, &pkt);
		note_sent(qp, rxe_psn_add(pkt.psn, npsn - 1));
		if (waited_enough(qp, wqe) && peer->resp.side.job)
			peer->resp.deaf = true;
		if (rxe_qp_is_dgram(qp))
			rxe_resp_local_grh(peer, path, bytes);
		start = it;
		verdict = rxe_resp_request(peer, &pkt, npsn, &it, true,
					   qp->req.side.copy_flags, &qp->req.side,
					   &reply, &stop);
		if (verdict == RXE_LATER && rxe_qp_is_dgram(qp))
			verdict = hand_over(qp, peer, path, &pkt, &start,
					    &reply, &stop);
		peer_leave(peer);
	} else {
		memset(&reply, 0, sizeof(reply));
		memset(&stop, 0, sizeof(stop));
		verdict = RXE_DROPPED;
	}
	rxe_segs_close(seg, it.nseg);

	if (busy) {
		qp->req.side.again = true;
		rxe_side_defer(&qp->req.side);
		return WAIT;
	}
	out = local_result(qp, wqe, verdict, &reply, &stop);
	*budget -= min(*budget, bytes + 256);
	if (out == GO_ON && ctx != RXE_CTX_SOFTIRQ)
		cond_resched();
	return out;
}

/* A message of the wire cannot be read on: parks, or fails it. */
static enum outcome source_stopped(struct rxe_qp *qp, struct rxe_wqe *wqe,
				   struct rxe_stop *stop)
{
	if (rxe_side_gave_up(&qp->req.side, stop))
		return fail_next(qp, wqe, IB_WC_LOC_PROT_ERR);
	rxe_side_park(&qp->req.side, &stop->miss);
	return WAIT;
}

/* Fills a packet's payload from the WQE. */
static enum outcome fill_payload(struct rxe_qp *qp, struct rxe_wqe *wqe,
				 struct rxe_tx *tx, u32 bytes)
{
	struct rxe_seg kseg = { .kbuf = tx->payload, .length = bytes };
	struct rxe_iter dst = { .seg = &kseg, .nseg = 1 };
	struct rxe_seg seg[RXE_MAX_SGE] compat_uninitialized;
	enum outcome out = GO_ON;
	struct rxe_stop stop;
	struct rxe_iter it;

	if (rxe_wqe_open(qp, wqe, 0, wqe->sent, seg, &it))
		return fail_next(qp, wqe, IB_WC_LOC_PROT_ERR);
	it.ahead = wqe->length - wqe->sent;
	if (rxe_copy(&dst, &it, bytes, qp->req.side.copy_flags, &stop) < bytes)
		out = source_stopped(qp, wqe, &stop);
	rxe_segs_close(seg, it.nseg);
	return out;
}

/* Asked for at the end of a message, and some times in each window. */
static bool ask_for_ack(struct rxe_qp *qp, bool last)
{
	if (qp->type != IB_QPT_RC ||
	    (!last && ++qp->req.since_ack < qp->req.window / ACKS_PER_WINDOW))
		return false;
	qp->req.since_ack = 0;
	return true;
}

/* The next @bytes of the message are on their way, @last: which is all of it. */
static void handed_out(struct rxe_qp *qp, struct rxe_wqe *wqe, u32 bytes,
		       bool last, u32 *budget)
{
	bool rc = qp->type == IB_QPT_RC;

	wqe->sent += bytes;
	note_sent(qp, last ? wqe->last_psn : rxe_psn_add(next_psn(qp, wqe), -1));
	*budget -= min(*budget, (is_read(wqe) ? 0 : bytes) + 256);
	if (last) {
		sent_all(qp, wqe);
		if (!rc)
			rxe_comp_wqe(qp, wqe, IB_WC_SUCCESS);
	}
	if (rc && !timer_pending(&qp->req.timer))
		rxe_req_arm(qp);
}

/*
 * How many packets from the next one on can be a burst, and in *@last the size of
 * the last of them: full ones with the headers of the first, and the rest of the
 * message if it is not longer than they are.
 */
static u32 burst_packets(const struct rxe_qp *qp, const struct rxe_wqe *wqe,
			 u32 seg, u32 *last)
{
	u32 left = wqe->length - wqe->sent;
	u32 room = RXE_BURST_BYTES / seg, n, tail;

	if (qp->type == IB_QPT_RC)
		room = min_t(u32, room, qp->req.window -
			     rxe_psn_cmp(next_psn(qp, wqe), qp->req.una));
	n = min(DIV_ROUND_UP(left, qp->mtu) - 1, room);
	*last = seg;
	if (n < room) {
		tail = left - n * qp->mtu;
		tail = rxe_opcodes[transport(qp) | send_opcode(wqe->opcode,
			false, true)].hdr_len + round_up(tail, 4) + RXE_ICRC_LEN;
		if (tail <= seg) {
			*last = tail;
			n++;
		}
	}
	return n;
}

/* Fills a burst; *@bytes of the message are in it then. */
static enum outcome fill_burst(struct rxe_qp *qp, struct rxe_wqe *wqe,
			       struct rxe_tx *tx, u32 n, u32 *bytes)
{
	struct rxe_seg seg[RXE_MAX_SGE] compat_uninitialized;
	enum outcome out = GO_ON;
	u32 i, start = wqe->sent;
	struct rxe_stop stop;
	struct rxe_pkt pkt;
	struct rxe_iter it;

	if (rxe_wqe_open(qp, wqe, 0, start, seg, &it))
		return fail_next(qp, wqe, IB_WC_LOC_PROT_ERR);
	it.ahead = wqe->length - start;
	for (i = 0; i < n && out == GO_ON; i++) {
		u32 left = wqe->length - wqe->sent, len = min(left, qp->mtu);
		struct rxe_seg kseg = { .length = len };
		struct rxe_iter dst = { .seg = &kseg, .nseg = 1 };
		u8 *p = rxe_burst_packet(tx, i);

		make_request(qp, wqe, len, len == left, &pkt);
		pkt.ackreq = ask_for_ack(qp, len == left);
		p += rxe_wire_build(&pkt, p);
		kseg.kbuf = p;
		if (rxe_copy(&dst, &it, len, qp->req.side.copy_flags,
			     &stop) < len)
			out = source_stopped(qp, wqe, &stop);
		memset(p + len, 0, pkt.pad);
		wqe->sent += len;
	}
	*bytes = wqe->sent - start;
	wqe->sent = start;
	rxe_segs_close(seg, it.nseg);
	return out;
}

/*
 * Sends several packets of the message at once. *@tried is false if it has to be
 * one packet after all.
 */
static enum outcome send_burst(struct rxe_qp *qp, struct rxe_wqe *wqe,
			       struct rxe_path *path, const struct rxe_pkt *first,
			       u32 *budget, bool *tried)
{
	u32 seg = first->hdr_len + qp->mtu + RXE_ICRC_LEN;
	enum outcome out;
	u32 n, last, bytes;
	struct rxe_tx tx;

	/* the RETH of a first packet makes it longer than those that follow */
	n = first->hdr_len > IB_BTH_BYTES ? 0 :
	    burst_packets(qp, wqe, seg, &last);
	*tried = n > 1 && !rxe_burst_alloc(qp->rxe, path, seg, last, n, &tx);
	if (!*tried)
		return GO_ON;
	out = fill_burst(qp, wqe, &tx, n, &bytes);
	if (out != GO_ON) {
		rxe_tx_free(&tx);
		return out;
	}
	rxe_burst_send(qp->rxe, path, &tx, qp->gauge);
	handed_out(qp, wqe, bytes, wqe->sent + bytes == wqe->length, budget);
	return GO_ON;
}

/*
 * A READ is asked for in pieces, so that the answers on their way are bounded
 * like everything else. A piece that is asked for again ends where it did
 * before, which is how the responder knows it.
 */
static u32 read_piece(const struct rxe_qp *qp, const struct rxe_wqe *wqe)
{
	u32 piece = RXE_MAX_PSN_WINDOW * qp->mtu;

	return piece - wqe->sent % piece;
}

static enum outcome send_wire(struct rxe_qp *qp, struct rxe_wqe *wqe,
			      struct rxe_path *path, u32 *budget)
{
	bool rc = qp->type == IB_QPT_RC, last, tried;
	u32 left, bytes, payload;
	struct rxe_pkt pkt;
	struct rxe_tx tx;

	if (rxe_gauge_full(qp->gauge))
		return WAIT;
	if (rc) {
		/* acknowledgements of what was sent before going back */
		wqe->sent = max(wqe->sent, settled(qp, wqe));
		if (rxe_psn_cmp(next_psn(qp, wqe), qp->req.una) >=
		    (s32)qp->req.window)
			return WAIT;
	}
	left = rxe_op_is_atomic(wqe->opcode) ? 0 : wqe->length - wqe->sent;
	bytes = min(left, is_read(wqe) ? read_piece(qp, wqe) : qp->mtu);
	payload = is_read(wqe) ? 0 : bytes;
	last = bytes == left;
	if (is_read(wqe) && wqe->sent && next_psn(qp, wqe) != qp->req.una)
		return WAIT;		/* one piece at a time */

	make_request(qp, wqe, bytes, last, &pkt);
	if (is_read(wqe))
		pkt.length = bytes;
	if (payload && !last) {
		enum outcome out = send_burst(qp, wqe, path, &pkt, budget, &tried);

		if (tried)
			return out;
	}
	pkt.ackreq = ask_for_ack(qp, last);
	if (rxe_tx_alloc(qp->rxe, path, &pkt, &tx)) {
		rxe_count(qp->rxe, RXE_CNT_SEND_ERR);
		lost(qp, wqe);
		return GO_ON;
	}
	if (payload) {
		enum outcome out = fill_payload(qp, wqe, &tx, payload);

		if (out != GO_ON) {
			rxe_tx_free(&tx);
			return out;
		}
	}
	rxe_tx_send(qp->rxe, path, &tx, qp->gauge);
	handed_out(qp, wqe, bytes, last, budget);
	return GO_ON;
}

/* LOCAL_INV, REG_MR, BIND_MW: nothing leaves this side. */
static enum ib_wc_status local_op(struct rxe_qp *qp, struct rxe_wqe *wqe)
{
	u32 rkey;
	int err;

	switch (wqe->opcode) {
	case IB_WR_LOCAL_INV:
		err = rxe_invalidate_key(qp->rxe, qp->ibqp.pd, qp->qpn,
					 wqe->inv_rkey);
		break;
	case IB_WR_REG_MR:
		err = rxe_fast_reg(qp->ibqp.pd, wqe->reg_mr, wqe->reg_key,
				   wqe->reg_access);
		break;
	default:
		err = rxe_bind_mw(qp->ibqp.pd, qp->qpn, &wqe->bind, &rkey);
	}
	return err ? IB_WC_MW_BIND_ERR : IB_WC_SUCCESS;
}

/* A WQE that completes without leaving: local operation, or malformed. */
static enum outcome finish_here(struct rxe_qp *qp, struct rxe_wqe *wqe)
{
	u8 status = wqe->status;

	if (qp->req.head != qp->req.next)
		return WAIT;		/* completions keep the posting order */
	if (!status)
		status = local_op(qp, wqe);
	if (status) {
		rxe_comp_fail(qp, status);
		return FAILED;
	}
	qp->req.next++;
	rxe_comp_wqe(qp, wqe, IB_WC_SUCCESS);
	return GO_ON;
}

static bool may_start(struct rxe_qp *qp, const struct rxe_wqe *wqe)
{
	if (qp->state != IB_QPS_RTS)
		return false;		/* SQD finishes what has begun */
	if (wqe->flags & IB_SEND_FENCE && qp->req.rd_atomic)
		return false;
	return true;
}

static enum outcome send_next(struct rxe_qp *qp, enum rxe_ctx ctx, u32 *budget)
{
	struct rxe_wqe *wqe = rxe_sq_next(qp);
	struct rxe_path *path;

	if (!wqe)
		return WAIT;
	if (!wqe->started && !may_start(qp, wqe))
		return WAIT;
	if (wqe->status || wqe->local_op)
		return finish_here(qp, wqe);
	if (!wqe->started) {
		wqe->started = true;
		wqe->first_psn = qp->req.psn;
		qp->req.psn = rxe_psn_add(qp->req.psn, rxe_wqe_npsn(qp, wqe));
		wqe->last_psn = rxe_psn_add(qp->req.psn, -1);
	}
	if (rxe_op_is_answered(wqe->opcode) &&
	    qp->req.rd_atomic >= max_t(u32, qp->attr.max_rd_atomic, 1))
		return WAIT;
	path = rxe_qp_is_dgram(qp) ? &wqe->dest->path : &qp->path;
	if (path->local)
		return send_local(qp, wqe, path, ctx, budget);
	return send_wire(qp, wqe, path, budget);
}

/* Did nothing change the state meanwhile? */
static bool may_go_on(const struct rxe_qp *qp)
{
	enum ib_qp_state state = READ_ONCE(qp->state);

	return state == IB_QPS_RTS || state == IB_QPS_SQD;
}

static void drained(struct rxe_qp *qp)
{
	if (qp->state == IB_QPS_SQD && qp->req.draining &&
	    !rxe_sq_outstanding(qp)) {
		qp->req.draining = false;
		rxe_qp_event(qp, IB_EVENT_SQ_DRAINED);
	}
}

/**
 * rxe_req_run() - one run of the requester side, see rxe_side_run()
 * @qp: requester's turn owned
 * @ctx: context
 * @budget: bytes it may still move
 *
 * Returns true when there is more to do than the budget allows.
 */
bool rxe_req_run(struct rxe_qp *qp, enum rxe_ctx ctx, u32 *budget)
{
	struct rxe_req *req = &qp->req;
	bool was_parked = req->side.job;
	enum outcome out;

	switch (READ_ONCE(qp->state)) {
	case IB_QPS_RTS:
	case IB_QPS_SQD:
		break;
	case IB_QPS_ERR:
	case IB_QPS_SQE:
		if (!rxe_side_abandon(&req->side, ctx))
			return false;
		return rxe_comp_flush(qp);
	default:
		/* what was posted too early has been refused */
		if (qp->user)
			rxe_queue_consume(qp->sq, rxe_queue_pending(qp->sq));
		rxe_side_purge(&req->side);
		return false;
	}
	if (rxe_side_parked(&req->side, ctx))
		return false;

	/* time spent waiting for our own memory is not the peer's fault */
	if (was_parked && test_and_clear_bit(RXE_REQ_TIMEOUT, &req->events))
		rxe_req_arm(qp);
	if (test_and_clear_bit(RXE_REQ_RNR_OVER, &req->events))
		req->rnr_wait = false;
	if (rxe_comp_packets(qp))
		return false;
	if (test_and_clear_bit(RXE_REQ_TIMEOUT, &req->events))
		rxe_comp_timeout(qp);

	out = GO_ON;
	while (out == GO_ON && !req->rnr_wait && !rxe_comp_pending(qp) &&
	       may_go_on(qp)) {
		if (!*budget)
			return true;
		out = send_next(qp, ctx, budget);
	}
	if (out != WAIT || !(req->side.job || req->side.again))
		req->side.slow = false;
	drained(qp);
	return false;
}
