/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queue pairs: two directions, each with one owner at a time.
 *
 * A direction ("side") is the requester, which also completes, or the
 * responder. Whoever has work for a side enters its turn: if the side is free
 * the caller becomes its owner and works, in whatever context it is (poster's
 * system call, softirq, worker); if not, the owner is told to look again and
 * the caller goes its way. All fields of a side belong to its owner; nothing
 * else locks them. Nobody ever waits for a turn but the verbs that change or
 * destroy a QP, in process context.
 *
 * On the local road the requester of one QP enters the responder's turn of the
 * peer while owning its own. It only ever tries: on failure it comes back from
 * a worker. There is no other nesting, so turns cannot deadlock.
 *
 * A side whose memory is not translated parks: it starts a fault job and gives
 * its turn back. Parked sides hold no reference to any MR and no turn, so that
 * destroying anything never waits for a fault (N10).
 *
 * Lock order: turn (req, then peer's resp) > srq->lock > cq->lock.
 */
#ifndef RXE_QP_H
#define RXE_QP_H

#include <linux/timer.h>
#include <linux/workqueue.h>
#include <rdma/ib_mad.h>
#include "rxe.h"
#include "rxe_wire.h"
#include "rxe_net.h"
#include "rxe_mem.h"

/* Who is running a side: decides what it may do and for how long. */
enum rxe_ctx {
	RXE_CTX_CALLER,		/* system call of the poster; may be rescheduled */
	RXE_CTX_SOFTIRQ,
	RXE_CTX_WORKER,		/* kernel thread; may take the slow road */
};

enum { RXE_TURN_OWNED = 1, RXE_TURN_AGAIN = 2, RXE_TURN_WAITER = 4 };

/* What the last fault of a side ended with. */
struct rxe_fault {
	unsigned long va;	/* page it was for */
	const void *ex;		/* in this address space; compared only */
	long err;		/* 0 or negative errno */
	u32 tries;		/* faults in a row for this very page */
};

/* Packets that came before one that was sent before them, see rxe_early.c. */
struct rxe_early {
	struct timer_list timer;
	unsigned long tick;		/* bit 0, set by the timer */
	bool waiting;
	u32 psn;			/* for this one ... */
	u32 left;			/* ... so many ticks more */
	bool vain;			/* the last one never came: no other wait ... */
	unsigned long pause_end;	/* ... until then, jiffies */
};

struct rxe_side {
	atomic_t turn;
	struct rxe_qp *qp;
	bool (*run)(struct rxe_qp *qp, enum rxe_ctx ctx, u32 *budget);
	struct work_struct work;
	struct sk_buff_head rxq;	/* not yet handled; own lock */
	u32 packets;			/* in rxq, a burst counts all of its own; lock of rxq */

	/* owner only, but for job_state and job_result, which the job writes */
	struct umem_fault_job *job;
	int job_state;			/* RXE_JOB_* */
	long job_result;
	u64 parked_at;			/* ktime, ns */
	struct rxe_mr_count *count;	/* referenced while parked */
	struct rxe_fault fault;
	struct rxe_early early;
	unsigned int copy_flags;	/* RXE_COPY_*, of this run */
	bool slow;			/* next run takes the slow road (N6) */
	bool again;			/* this run did not get to its memory: slow and tries stand */
};

enum { RXE_JOB_NONE, RXE_JOB_RUNS, RXE_JOB_DONE };

/* A send WQE, copied out of the ring once and validated (D5). */
struct rxe_wqe {
	u64 wr_id;
	u32 opcode;			/* enum ib_wr_opcode */
	u32 flags;			/* enum ib_send_flags */
	union {
		__be32 imm;
		u32 inv_rkey;
	};
	union {
		struct {
			u64 remote_addr;
			u64 compare_add;
			u64 swap;
			u32 rkey;
			u32 flush_len;	/* FLUSH: of the range; its own length is 0 */
			u8 flush_type, flush_level;
		};
		struct {
			u32 ud_qpn;
			u32 ud_qkey;
			struct rxe_dest *dest;	/* referenced */
		};
		struct rxe_bind bind;
		struct {
			struct ib_mr *reg_mr;	/* kernel consumers only */
			u32 reg_key;
			u32 reg_access;
		};
	};
	u32 length;
	u32 num_sge;			/* 0 with IB_SEND_INLINE */

	/* progress, of the requester's owner */
	bool started;			/* PSNs assigned */
	bool local_op;			/* done at this side, no PSN */
	u8 status;			/* enum ib_wc_status it is to fail with */
	u32 first_psn, last_psn;
	u32 sent;			/* bytes handed out (READ: asked for) */
	u32 got;			/* READ: bytes answered */
	bool all_sent;
	bool answered;			/* atomic: result is in swap */

	union {
		DECLARE_FLEX_ARRAY(struct rxe_sge, sge);
		DECLARE_FLEX_ARRAY(u8, data);	/* inline */
	};
};

/* A READ or atomic that the responder may have to repeat. */
struct rxe_res {
	bool valid;
	u32 first_psn, last_psn;
	bool atomic;
	u64 orig;			/* atomic: result */
	u64 va;				/* READ */
	u32 rkey, length;
};

struct rxe_req {
	struct rxe_side side;
	/* slots: [head, next) sent or being sent, [next, tail) copied out */
	u32 head, next, tail;
	u32 psn;			/* for the next new message */
	u32 una;			/* oldest PSN not acknowledged */
	u32 top;			/* one past the highest PSN ever sent */
	u32 window;			/* packets that may be unacknowledged, see narrow() */
	bool narrowed;			/* for what was on its way, until una is ... */
	u32 narrowed_top;		/* ... this */
	u32 rd_atomic;			/* READs and atomics outstanding */
	u32 retry, rnr_retry;		/* left */
	u32 since_ack;			/* packets since the last AckReq */
	u8 nak;				/* syndrome of a NAK that ends it all, or 0 ... */
	u32 nak_psn;			/* ... of this packet, which answers may still precede */
	bool rnr_wait;			/* until rnr_timer */
	bool gap;			/* before the packet at hand one is missing */
	bool seq_rewound;		/* gap already acted on, until progress */
	bool draining;			/* SQD asked for, event not yet raised */
	u32 waits;			/* UC: begun for memory of a local peer ... */
	unsigned long wait_end;		/* ... jiffies, of the last one */
	unsigned long events;		/* RXE_REQ_*, set by timers */
	u32 parts;			/* of the ack time-out, still to come ... */
	unsigned long part;		/* ... jiffies, of each */
	struct timer_list timer, rnr_timer;
};

enum { RXE_REQ_TIMEOUT, RXE_REQ_RNR_OVER };

struct rxe_resp {
	struct rxe_side side;
	u32 psn;			/* expected */
	u32 msn;
	bool nak_sent;			/* out-of-order packets are dropped until psn comes */
	/* message being received */
	bool in_msg;
	u32 cls;			/* RXE_OP_SEND or RXE_OP_WRITE */
	u32 off;			/* bytes received */
	u64 va;				/* WRITE: RETH */
	u32 rkey, length;
	bool have_rwqe;
	struct rxe_rwqe rwqe;
	u8 grh[40];			/* of the datagram at hand */
	/* READ being answered on the wire road */
	bool reading;
	struct rxe_res read;
	u32 read_off;
	u32 read_start;			/* PSN its first response carries */
	u64 flush_off;			/* bytes of the FLUSH at hand written back */
	/* replay store */
	struct rxe_res *res;
	u32 res_n, res_next;
	/* acknowledgement owed at the end of the burst */
	bool ack_due;
	u32 ack_psn;
	/* parked longer than the peer can wait: answer RNR (D4) */
	struct timer_list rnr_timer;
	unsigned long rnr_due;		/* bit 0, set by the timer */
	bool rnr_told;
	struct sk_buff *parked_last;	/* in the queue, the last one looked at */
	u32 parked_psn;			/* of the last packet that came */
	u32 parked_oldest;		/* the oldest that waits for an answer */
	DECLARE_BITMAP(parked_seen, RXE_MAX_PARKED_PKTS); /* those that came, from psn on */
	/* UC, parked for a local sender: it waits; it waited long enough */
	bool sender_waits, deaf;
	bool last_wqe_told;
	unsigned long late_wait;	/* ERR: jiffies to the next look at the ring */
};

struct rxe_qp {
	struct ib_qp ibqp;
	struct rxe_dev *rxe;
	struct rxe_ref ref;
	u32 qpn;
	enum ib_qp_type type;
	bool user;
	bool sig_all;
	bool dying;			/* destroy has begun: runs do nothing */
	enum ib_qp_state state;		/* written with both turns, or by rxe_qp_error() */
	spinlock_t state_lock;		/* transition to ERR from either side */
	struct ib_qp_attr attr;		/* both turns */
	u32 mtu;			/* bytes */

	struct rxe_pd *pd;
	struct rxe_cq *scq, *rcq;
	struct rxe_srq *srq;

	struct rxe_queue *sq, *rq;	/* sq: user consumers only */
	spinlock_t post_lock, rpost_lock; /* kernel producers */
	void *slots;
	u32 slot_size, slot_mask;
	u32 max_send_wr, max_send_sge, max_inline;
	u32 max_recv_wr, max_recv_sge;

	struct rxe_path path;		/* RC, UC */
	struct rxe_gauge *gauge;
	u64 cnp_at;			/* ns, the last congestion notification sent */

	struct rxe_req req;
	struct rxe_resp resp;
};

static inline struct rxe_qp *to_rqp(struct ib_qp *qp)
{
	return qp ? container_of(qp, struct rxe_qp, ibqp) : NULL;
}

/* Where an AH leads; see rxe_av.c. */
struct rxe_dest {
	refcount_t ref;
	struct rcu_head rcu;
	struct ib_pd *pd;
	struct rdma_ah_attr attr;
	struct rxe_path path;
};

struct rxe_ah {
	struct ib_ah ibah;
	u32 num;
	struct rxe_dest *dest;
};

static inline struct rxe_ah *to_rah(struct ib_ah *ah)
{
	return container_of(ah, struct rxe_ah, ibah);
}

struct rxe_dest *rxe_dest_find(struct rxe_dev *rxe, u32 num, struct ib_pd *pd);
void rxe_dest_put(struct rxe_dest *dest);

static inline struct rxe_wqe *rxe_slot(struct rxe_qp *qp, u32 i)
{
	return qp->slots + (size_t)(i & qp->slot_mask) * qp->slot_size;
}

static inline bool rxe_qp_is_dgram(const struct rxe_qp *qp)
{
	return qp->type == IB_QPT_UD || qp->type == IB_QPT_GSI;
}

static inline bool rxe_op_is_atomic(u32 op)
{
	return op == IB_WR_ATOMIC_CMP_AND_SWP ||
	       op == IB_WR_ATOMIC_FETCH_AND_ADD;
}

/* Requests that are answered, of which a QP may have max_rd_atomic under way. */
static inline bool rxe_op_is_answered(u32 op)
{
	return op == IB_WR_RDMA_READ || rxe_op_is_atomic(op) ||
	       op == IB_WR_FLUSH || op == IB_WR_ATOMIC_WRITE;
}

/* Has work begun that is not complete? Requester's turn owned. */
static inline bool rxe_sq_outstanding(struct rxe_qp *qp)
{
	return qp->req.head != qp->req.tail &&
	       rxe_slot(qp, qp->req.head)->started;
}

/* ---- rxe_turn.c ---- */
void rxe_side_init(struct rxe_side *s, struct rxe_qp *qp,
		   bool (*run)(struct rxe_qp *, enum rxe_ctx, u32 *));
bool rxe_turn_try(struct rxe_side *s);
bool rxe_turn_leave(struct rxe_side *s);
void rxe_turn_lock(struct rxe_side *s);
void rxe_turn_unlock(struct rxe_side *s);
void rxe_side_run(struct rxe_side *s, enum rxe_ctx ctx);
void rxe_side_defer(struct rxe_side *s);
void rxe_side_park(struct rxe_side *s, const struct rxe_miss *miss);
bool rxe_side_parked(struct rxe_side *s, enum rxe_ctx ctx);
bool rxe_side_gave_up(struct rxe_side *s, struct rxe_stop *stop);
bool rxe_side_abandon(struct rxe_side *s, enum rxe_ctx ctx);
void rxe_side_stop(struct rxe_side *s);
bool rxe_side_enqueue(struct rxe_side *s, struct sk_buff *skb);
void rxe_side_packet_done(struct rxe_side *s, struct sk_buff *skb);
void rxe_side_purge(struct rxe_side *s);

/* ---- rxe_early.c ---- */
void rxe_early_init(struct rxe_early *e);
void rxe_early_stop(struct rxe_early *e);
bool rxe_early_wait(struct rxe_side *s, const struct sk_buff *skb, u32 psn);
void rxe_early_end(struct rxe_side *s);
void rxe_early_reset(struct rxe_side *s);
struct sk_buff *rxe_side_after(struct rxe_side *s, const struct sk_buff *skb);

/* ---- rxe_qp.c ---- */
void rxe_qp_error(struct rxe_qp *qp, enum ib_event_type event);
void rxe_qp_send_error(struct rxe_qp *qp);
void rxe_qp_event(struct rxe_qp *qp, enum ib_event_type event);

/* ---- rxe_wqe.c: rings to snapshots ---- */
struct rxe_wqe *rxe_sq_next(struct rxe_qp *qp);
int rxe_sq_kpost(struct rxe_qp *qp, const struct ib_send_wr *wr);
void rxe_sq_release(struct rxe_qp *qp);
int rxe_rq_pull(struct rxe_qp *qp, struct rxe_rwqe *rwqe);
int rxe_rwqe_check(const struct rxe_recv_wqe *raw, u32 max_sge,
		   struct rxe_rwqe *rwqe);

/* ---- rxe_req.c ---- */
bool rxe_req_run(struct rxe_qp *qp, enum rxe_ctx ctx, u32 *budget);
void rxe_req_rewind(struct rxe_qp *qp);
void rxe_req_arm(struct rxe_qp *qp);
bool rxe_req_arm_next(struct rxe_qp *qp);
void rxe_req_reset(struct rxe_qp *qp);
u32 rxe_wqe_npsn(const struct rxe_qp *qp, const struct rxe_wqe *wqe);

/*
 * What the responder has to say about a request. On the wire road it becomes a
 * packet, on the local road it is handed to rxe_comp_reply() as it is.
 */
struct rxe_reply {
	enum {
		RXE_REPLY_NONE, RXE_REPLY_ACK, RXE_REPLY_READ, RXE_REPLY_ATOMIC,
		RXE_REPLY_DONE,	/* FLUSH, ATOMIC_WRITE: a READ response of no length */
	} kind;
	u8 syndrome;
	u32 psn, msn;
	u64 orig;		/* ATOMIC */
	u32 done;		/* payload bytes taken over, READ: delivered */
};

/* ---- rxe_resp.c, rxe_resp_wire.c ---- */
enum rxe_verdict {
	RXE_DONE,		/* handled; the reply, if any, is to be delivered */
	RXE_DROPPED,		/* as if never received */
	RXE_MISS,		/* memory is not translated; call again after a fault */
	RXE_LATER,		/* local UC and UD: the receiver itself waits for memory */
};

/**
 * rxe_resp_request() - execute a request, or as much of it as memory allows
 * @qp: responder, turn owned
 * @pkt: headers; on the local road a segment covers @npsn packets
 * @npsn: PSNs of the segment
 * @data: payload source (READ on the local road: payload destination), advanced
 * @local: requester is at hand: READ data goes to @data, replies are always wanted
 * @flags: RXE_COPY_*
 * @waiter: side that parks on a miss: the requester's on the local road
 * @reply: out
 * @stop: out, for RXE_MISS and for errors on the requester's side of a copy
 *
 * On RXE_MISS and RXE_LATER whole packets already taken over are in reply->done
 * and acknowledged in the responder's state. A failure of the requester's own
 * memory ends as RXE_DROPPED with stop->side set.
 */
enum rxe_verdict rxe_resp_request(struct rxe_qp *qp, const struct rxe_pkt *pkt,
				  u32 npsn, struct rxe_iter *data, bool local,
				  unsigned int flags, struct rxe_side *waiter,
				  struct rxe_reply *reply, struct rxe_stop *stop);
bool rxe_resp_run(struct rxe_qp *qp, enum rxe_ctx ctx, u32 *budget);
void rxe_resp_reset(struct rxe_qp *qp);
void rxe_resp_local_grh(struct rxe_qp *peer, const struct rxe_path *path,
			u32 payload);
bool rxe_resp_enqueue(struct rxe_qp *qp, struct sk_buff *skb);
void rxe_resp_notice(struct rxe_qp *qp, const struct sk_buff *skb);

/* ---- rxe_comp.c ---- */
void rxe_comp_reply(struct rxe_qp *qp, const struct rxe_reply *reply);
bool rxe_comp_packets(struct rxe_qp *qp);
bool rxe_comp_pending(struct rxe_qp *qp);
void rxe_comp_timeout(struct rxe_qp *qp);
void rxe_comp_wqe(struct rxe_qp *qp, struct rxe_wqe *wqe, enum ib_wc_status status);
void rxe_comp_fail(struct rxe_qp *qp, enum ib_wc_status status);
bool rxe_comp_flush(struct rxe_qp *qp);

/* Opens the SGEs of a send WQE as an iterator; at most RXE_MAX_SGE segments. */
int rxe_wqe_open(struct rxe_qp *qp, struct rxe_wqe *wqe, u32 access, u32 off,
		 struct rxe_seg *seg, struct rxe_iter *it);
void rxe_segs_close(struct rxe_seg *seg, u32 n);

#endif /* RXE_QP_H */
