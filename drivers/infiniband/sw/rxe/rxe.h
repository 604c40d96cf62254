/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Soft-RoCE over on-demand memory: the device and its objects.
 *
 * Rooms, from the top down; a room calls only rooms below it:
 *
 *	door	rxe.c rxe_verbs.c rxe_stats.c rxe_mad.c rxe_res.c rxe_link.c rxe_cq.c rxe_srq.c
 *	engine	rxe_req.c rxe_resp.c rxe_comp.c
 *	qp	rxe_qp.c rxe_av.c
 *	mem	rxe_mr.c rxe_mw.c rxe_mem.c
 *	net	rxe_net.c rxe_mcast.c
 *	ring	rxe_queue.c		the only code that touches user-mapped memory
 *	wire	rxe_wire.c rxe_opcode.c	pure functions, compiled in user space too
 *
 * Lifetime: every object that a key, a number or a packet can name lives in an
 * xarray and is looked up under RCU with a reference that is only taken while
 * the object is alive. Destroying takes the object out of the xarray, waits
 * for the references, which are held for bounded, non-sleeping work only, and
 * never waits for a page fault.
 */
#ifndef RXE_H
#define RXE_H

#include <linux/skbuff.h>
#include <linux/xarray.h>
#include <linux/completion.h>
#include <linux/refcount.h>
#include <rdma/ib_verbs.h>
#include <rdma/ib_umem.h>
#include <rdma/uverbs_ioctl.h>
#include <rdma/rdma_user_rxe.h>
#include <rdma/umem_notifier.h>

#define COMPAT_VERBS
#define COMPAT_WQE
#define COMPAT_NET
#define COMPAT_MR
#define COMPAT_TIMER
#include "../../compat.h"
#include "rxe_queue.h"
#include "rxe_param.h"

struct rxe_qp;

/* One reference-counted, RCU-looked-up object. */
struct rxe_ref {
	refcount_t n;
	struct completion gone;
};

static inline void rxe_ref_init(struct rxe_ref *r)
{
	refcount_set(&r->n, 1);
	init_completion(&r->gone);
}

static inline bool rxe_ref_get(struct rxe_ref *r)
{
	return refcount_inc_not_zero(&r->n);
}

static inline void rxe_ref_put(struct rxe_ref *r)
{
	if (refcount_dec_and_test(&r->n))
		complete(&r->gone);
}

/* Drops the owner's reference and sleeps until the others are gone. */
static inline void rxe_ref_kill(struct rxe_ref *r)
{
	rxe_ref_put(r);
	wait_for_completion(&r->gone);
}

enum rxe_counter {
	RXE_CNT_SENT_PKTS,
	RXE_CNT_RCVD_PKTS,
	RXE_CNT_DUP_REQ,
	RXE_CNT_OUT_OF_SEQ_REQ,
	RXE_CNT_RCV_RNR,
	RXE_CNT_SND_RNR,
	RXE_CNT_RCV_SEQ_ERR,
	RXE_CNT_ACK_DEFERRED,	/* answers that had to wait for their requester */
	RXE_CNT_RETRY_EXCEEDED,
	RXE_CNT_RNR_RETRY_EXCEEDED,
	RXE_CNT_COMP_RETRY,
	RXE_CNT_SEND_ERR,
	RXE_CNT_LINK_DOWNED,
	RXE_CNT_RDMA_SEND,
	RXE_CNT_RDMA_RECV,
	/* since 7.3; from the IP header to the ICRC */
	RXE_CNT_SENT_BYTES,
	RXE_CNT_RCVD_BYTES,
	/* ours */
	RXE_CNT_BAD_PKTS,	/* packets that wire refused, wrong ICRC included */
	RXE_CNT_LOCAL_MSGS,	/* messages that took the local road */
	RXE_CNT_ECN_MARKED,	/* packets received */
	RXE_CNT_CNP_SENT,
	RXE_CNT_CNP_HANDLED,
	RXE_CNT_PARKS,		/* times a QP direction waited for a fault */
	RXE_CNT_SENT_MCAST,	/* packets to and from multicast groups */
	RXE_CNT_RCVD_MCAST,
	RXE_CNT_RDMA_BYTES,	/* sent, written and read by what RDMA_SEND counts */
	RXE_CNT_RCVD_BURSTS,	/* of packets that came in as one */
	RXE_CNT_OVERTAKEN,	/* packets that came after some that were sent after them */
	RXE_CNT_MAX
};

/*
 * Times that a QP direction waited for a fault, by how long: less than 1 us, and
 * from 1 << (n - 1) us to less than twice that; the last without a limit.
 */
#define RXE_FAULT_TIMES	22

struct rxe_stats {
	u64 c[RXE_CNT_MAX];
	u64 fault_us[RXE_FAULT_TIMES];
};

struct rxe_dev {
	struct ib_device ib_dev;
	struct net_device *ndev;	/* held while the device is registered */
	struct ib_device_attr attr;
	enum ib_mtu mtu;		/* active MTU */
	struct rxe_stats __percpu *stats;
	u32 port_caps;			/* IB_PORT_CM_SUP and the like */
	bool port_up;			/* last state reported, RTNL */
	atomic_t ncqs, npds;		/* against RXE_MAX_CQ, RXE_MAX_PD */
	u32 mr_next, mw_next;		/* cursors of cyclic index allocation; rooms mr, mw */

	u32 qp_next;			/* cursor of cyclic QP numbers; under xa_lock of qps */
	struct xarray qps;		/* qpn -> struct rxe_qp */
	struct xarray mrs;		/* key >> 8 -> struct rxe_mr; XA_FLAGS_ALLOC */
	struct xarray mws;		/* key >> 8 -> struct rxe_window; XA_FLAGS_ALLOC */
	struct xarray ahs;		/* ah_num -> struct rxe_ah */
	struct xarray srqs;		/* srq_num -> struct rxe_srq */
	struct rxe_qp __rcu *gsi;	/* QP1 */

	spinlock_t mmap_lock;		/* mmaps */
	struct list_head mmaps;		/* struct rxe_mmap not yet mapped */
	u64 mmap_next;			/* next cookie */

	spinlock_t mcast_lock;
	struct rb_root mcast;		/* multicast groups, rxe_mcast.c */
	u32 mcast_groups;
	struct hlist_node node;		/* rxe_net.c: all devices, RCU */
	struct rxe_ns *ns;		/* rxe_net.c: sockets */
};

static inline struct rxe_dev *to_rdev(struct ib_device *ibdev)
{
	return container_of(ibdev, struct rxe_dev, ib_dev);
}

static inline void rxe_count(struct rxe_dev *rxe, enum rxe_counter c)
{
	this_cpu_inc(rxe->stats->c[c]);
}

static inline void rxe_count_add(struct rxe_dev *rxe, enum rxe_counter c, u32 n)
{
	this_cpu_add(rxe->stats->c[c], n);
}

/* A requester has completed a request of so many bytes. */
static inline void rxe_count_request(struct rxe_dev *rxe, u32 bytes)
{
	rxe_count(rxe, RXE_CNT_RDMA_SEND);
	rxe_count_add(rxe, RXE_CNT_RDMA_BYTES, bytes);
}

struct rxe_ucontext {
	struct ib_ucontext ibuc;
	struct umem_export *ex;		/* of the first ODP MR, see rxe_mem_forget() */
};

struct rxe_pd {
	struct ib_pd ibpd;
};

struct rxe_cq {
	struct ib_cq ibcq;
	struct rxe_queue *queue;
	spinlock_t lock;		/* queue producer side, armed, dead; irqsave */
	u8 armed;			/* IB_CQ_SOLICITED / IB_CQ_NEXT_COMP or 0 */
	bool user;
	bool broken;			/* overflowed: event raised once */
	struct tasklet_struct notify;	/* kernel consumers: comp_handler outside the engine */
	/* moderation: a handler is told of this many completions, or after so long */
	u16 mod_count, mod_usecs;
	u32 untold;			/* completions since the CQ was armed */
	struct hrtimer mod_timer;
};

struct rxe_srq {
	struct ib_srq ibsrq;
	struct rxe_ref ref;
	struct rxe_dev *rxe;
	u32 num;
	struct rxe_queue *queue;
	spinlock_t lock;		/* consumer side and limit; irqsave */
	spinlock_t prod_lock;		/* kernel producers */
	u32 max_wr, max_sge, limit;
	bool user, error;
};

static inline struct rxe_cq *to_rcq(struct ib_cq *cq)
{
	return cq ? container_of(cq, struct rxe_cq, ibcq) : NULL;
}

static inline struct rxe_pd *to_rpd(struct ib_pd *pd)
{
	return pd ? container_of(pd, struct rxe_pd, ibpd) : NULL;
}

static inline struct rxe_srq *to_rsrq(struct ib_srq *srq)
{
	return srq ? container_of(srq, struct rxe_srq, ibsrq) : NULL;
}

/*
 * A receive WQE, copied out of the ring once and validated (D5).
 * Owned by the responder of one QP until completed.
 */
struct rxe_rwqe {
	u64 wr_id;
	u32 length;			/* sum of the SGE lengths */
	u32 num_sge;
	struct rxe_sge sge[RXE_MAX_SGE];
};

/* ---- door: rxe.c, rxe_cq.c, rxe_srq.c ---- */

/**
 * rxe_cq_post() - add a completion
 * @cq: completion queue
 * @wc: completion in kernel form; translated to struct ib_uverbs_wc for user
 *	CQs (wc->qp gives the QP number)
 * @solicited: raises an event on a CQ armed for solicited completions
 *
 * Any context. A full ring loses the completion, breaks the CQ and raises
 * IB_EVENT_CQ_ERR once (IBTA C11-31). User comp_handlers run inline, kernel
 * ones from the CQ's tasklet, so that the engine is never re-entered.
 */
void rxe_cq_post(struct rxe_cq *cq, const struct ib_wc *wc, bool solicited);

/**
 * rxe_srq_pull() - take the next receive WQE of a shared receive queue
 * @srq: queue
 * @rwqe: where the validated snapshot goes
 *
 * Softirq or process context. Raises IB_EVENT_SRQ_LIMIT_REACHED when the
 * fill drops below the armed limit. Returns 0, -ENOENT when empty, -EINVAL
 * for a malformed WQE (consumed).
 */
int rxe_srq_pull(struct rxe_srq *srq, struct rxe_rwqe *rwqe);

struct rxe_dev *rxe_dev_create(struct net_device *ndev, const char *name);
void rxe_port_event(struct rxe_dev *rxe, enum ib_event_type event);
void rxe_set_mtu(struct rxe_dev *rxe);

/* ---- qp: rxe_qp.c, the verbs ---- */
int rxe_create_qp(struct ib_qp *ibqp, struct ib_qp_init_attr *init,
		  struct ib_udata *udata);
int rxe_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		  struct ib_udata *udata);
int rxe_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		 struct ib_qp_init_attr *init);
int rxe_destroy_qp(struct ib_qp *ibqp, struct ib_udata *udata);
int rxe_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
		  const struct ib_send_wr **bad);
int rxe_post_recv(struct ib_qp *ibqp, const struct ib_recv_wr *wr,
		  const struct ib_recv_wr **bad);

/* ---- qp: rxe_av.c ---- */
int rxe_create_ah(struct ib_ah *ibah, struct rdma_ah_init_attr *init,
		  struct ib_udata *udata);
int rxe_modify_ah(struct ib_ah *ibah, struct rdma_ah_attr *attr);
int rxe_query_ah(struct ib_ah *ibah, struct rdma_ah_attr *attr);
int rxe_destroy_ah(struct ib_ah *ibah, u32 flags);

/* ---- engine entry for received packets ---- */

/**
 * rxe_qp_receive() - give a validated packet, or a burst, to its QP
 * @qp: destination, caller holds a reference
 * @skb: struct rxe_rx_cb and network header set, data at the BTH; a burst is all for
 *	 one side. What is in it is found with rxe_rx_bth() and its neighbours. Ownership
 *	 passes to the QP
 *
 * Softirq context.
 */
void rxe_qp_receive(struct rxe_qp *qp, struct sk_buff *skb);
struct rxe_qp *rxe_qp_find(struct rxe_dev *rxe, u32 qpn);
void rxe_qp_put(struct rxe_qp *qp);
/* Sends, completions and path state of every QP are looked at again. */
void rxe_qp_kick_all(struct rxe_dev *rxe);

int rxe_engine_init(void);
void rxe_engine_exit(void);

#endif /* RXE_H */
