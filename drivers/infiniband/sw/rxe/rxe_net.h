/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Room "net": UDP sockets, routes, sending and receiving packets, and the
 * question whether a peer lives on this device (local road).
 */
#ifndef RXE_NET_H
#define RXE_NET_H

#include <net/dst_cache.h>
#include "rxe.h"
#include "rxe_wire.h"

/* Where packets of a QP or an AH go. Immutable but for the route cache. */
struct rxe_path {
	struct in6_addr saddr, daddr;	/* IPv4 as v4-mapped */
	bool v4;
	bool local;			/* daddr is a GID of this very device */
	bool ready;			/* rxe_path_init() succeeded */
	u8 hop_limit, tclass;
	u32 flow_label;
	__be16 sport;
	struct dst_cache dst;
};

/**
 * rxe_path_init() - resolve an address handle
 * @rxe: device
 * @attr: GRH attributes with an sgid_attr (RoCE)
 * @seed: spreads the UDP source port (QP number)
 * @path: result, to be released with rxe_path_fini()
 *
 * Process context, or atomic for AHs created there. Returns 0, -EINVAL for a
 * missing GRH or unusable GID, -ENOMEM.
 */
int rxe_path_init(struct rxe_dev *rxe, const struct rdma_ah_attr *attr,
		  u32 seed, struct rxe_path *path);
/* The same from the address vector that a user library built itself. */
int rxe_path_from_av(struct rxe_dev *rxe, const struct rxe_av *av, u32 seed,
		     struct rxe_path *path);
void rxe_path_fini(struct rxe_path *path);

/* A packet being made. */
struct rxe_tx {
	struct sk_buff *skb;
	void *payload;		/* contiguous room for pkt->payload bytes */
};

/**
 * rxe_tx_alloc() - packet with its transport headers written
 * @rxe: device
 * @path: destination
 * @pkt: headers; payload and pad are honoured
 * @tx: result
 *
 * Any context. The caller fills tx->payload (padding is zeroed here) and then
 * calls rxe_tx_send() or rxe_tx_free(). Returns 0 or -ENOMEM, -ENETUNREACH
 * (no route), -ENETDOWN.
 */
int rxe_tx_alloc(struct rxe_dev *rxe, struct rxe_path *path,
		 const struct rxe_pkt *pkt, struct rxe_tx *tx);

/**
 * rxe_tx_send() - add IP, UDP and ICRC and transmit
 * @rxe: device
 * @path: destination
 * @tx: packet, consumed whatever happens
 * @gauge: counts packets not yet freed by the stack, or NULL
 *
 * Any context. A drop by the stack is a lost packet, not an error; returns 0
 * or a negative errno when nothing was handed to the stack.
 */
struct rxe_gauge;
int rxe_tx_send(struct rxe_dev *rxe, struct rxe_path *path, struct rxe_tx *tx,
		struct rxe_gauge *gauge);
void rxe_tx_free(struct rxe_tx *tx);

/*
 * Packets of one QP that the stack still holds. Outlives the QP: skb
 * destructors own references to it, never to the QP. rxe_gauge_kill() makes
 * later drains silent; @drained runs in softirq when the count falls to half
 * of the limit after rxe_gauge_full() said yes.
 */
struct rxe_gauge *rxe_gauge_alloc(void (*drained)(void *arg), void *arg);
bool rxe_gauge_full(struct rxe_gauge *g);
void rxe_gauge_kill(struct rxe_gauge *g);	/* process context; waits for a running drained() */

/* Source and destination of a received packet, for GRH and QP checks. */
void rxe_rx_addrs(const struct sk_buff *skb, struct in6_addr *saddr,
		  struct in6_addr *daddr);
struct rxe_dev *rxe_rx_dev(const struct sk_buff *skb);

int rxe_net_add(struct rxe_dev *rxe);	/* sockets of the device's namespace; findable by rx */
void rxe_net_del(struct rxe_dev *rxe);
int rxe_net_init(void);
void rxe_net_exit(void);

extern bool rxe_force_wire;		/* module parameter force_wire */

int rxe_attach_mcast(struct ib_qp *qp, union ib_gid *gid, u16 lid);
int rxe_detach_mcast(struct ib_qp *qp, union ib_gid *gid, u16 lid);

#endif /* RXE_NET_H */
