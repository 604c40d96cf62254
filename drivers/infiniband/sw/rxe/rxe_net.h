/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Room "net": where packets go (rxe_path.c), leave (rxe_tx.c) and come in
 * (rxe_net.c), and who listens to a multicast group (rxe_mcast.c).
 */
#ifndef RXE_NET_H
#define RXE_NET_H

#include <linux/in.h>
#include <net/dsfield.h>
#include <net/dst_cache.h>
#include <net/inet_ecn.h>
#include <net/ipv6.h>
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
	int oif;			/* ifindex of the netdev that owns saddr */
	struct dst_cache dst;		/* without storage if there was none */
};

/* Is this the address of a multicast group? */
static inline bool rxe_is_group(const struct in6_addr *a)
{
	if (ipv6_addr_v4mapped(a))
		return ipv4_is_multicast(a->s6_addr32[3]);
	return ipv6_addr_is_multicast(a);
}

/**
 * rxe_path_init() - resolve an address handle
 * @rxe: device
 * @attr: GRH attributes with an sgid_attr (RoCE)
 * @seed: spreads the UDP source port (QP number)
 * @path: result, to be released with rxe_path_fini()
 *
 * Process or softirq context; never sleeps. Whether the peer is local is
 * decided here, so force_wire counts for address handles and QPs made after
 * it was set. Returns 0, or -EINVAL for a missing GRH, an unusable GID or
 * addresses of two families.
 */
int rxe_path_init(struct rxe_dev *rxe, const struct rdma_ah_attr *attr,
		  u32 seed, struct rxe_path *path);
/* Process or softirq context; a path that was zeroed but never made is fine. */
void rxe_path_fini(struct rxe_path *path);
/* Route with a reference, or ERR_PTR(-ENETUNREACH, ...). Process or softirq context. */
struct dst_entry *rxe_path_route(struct rxe_dev *rxe, struct rxe_path *path);

/* A packet being made. */
struct rxe_tx {
	struct sk_buff *skb;
	void *payload;		/* contiguous room for pkt->payload bytes */
	u32 seg;		/* burst: bytes of a packet from BTH to ICRC */
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
 * Any context. A drop by the stack is a lost packet, not an error.
 */
struct rxe_gauge;
void rxe_tx_send(struct rxe_dev *rxe, struct rxe_path *path, struct rxe_tx *tx,
		 struct rxe_gauge *gauge);
void rxe_tx_free(struct rxe_tx *tx);

/**
 * rxe_burst_alloc() - room for packets that travel through the stack as one
 * @rxe: device
 * @path: destination
 * @seg: bytes of each packet from BTH to ICRC, a multiple of 4
 * @last: the same of the last packet, not more
 * @n: packets, 2 or more; n * seg at most RXE_BURST_BYTES
 * @tx: result
 *
 * Any context. The caller writes headers, payload and padding of each packet at
 * rxe_burst_packet() and then calls rxe_burst_send() or rxe_tx_free(). Returns
 * as rxe_tx_alloc(); without memory for a burst there may be some for a packet.
 */
#define RXE_BURST_BYTES (SZ_64K - 128)
int rxe_burst_alloc(struct rxe_dev *rxe, struct rxe_path *path, u32 seg,
		    u32 last, u32 n, struct rxe_tx *tx);
u8 *rxe_burst_packet(const struct rxe_tx *tx, u32 i);
/* As rxe_tx_send(). @gauge counts a burst as one. */
void rxe_burst_send(struct rxe_dev *rxe, struct rxe_path *path,
		    struct rxe_tx *tx, struct rxe_gauge *gauge);

/*
 * Packets of one QP that the stack still holds. Outlives the QP: skb
 * destructors own references to it, never to the QP. rxe_gauge_kill() makes
 * later drains silent; @drained runs in a tasklet of its own, never inside
 * rxe_tx_send(), when the count falls to half of the limit after
 * rxe_gauge_full() said yes. It may run once in vain.
 */
#define RXE_GAUGE_LIMIT 64

/* NULL when out of memory; process context. */
struct rxe_gauge *rxe_gauge_alloc(void (*drained)(void *arg), void *arg);
bool rxe_gauge_full(struct rxe_gauge *g);
void rxe_gauge_kill(struct rxe_gauge *g);	/* process context; waits for a running drained() */

/*
 * What came in is one packet, or a burst: packets of one size, the last one perhaps
 * shorter, each whole in one page fragment with its ICRC and nothing in the linear
 * part. They are handled one by one; all that is asked of an skb is about the one at
 * hand. struct rxe_rx_cb is in skb->cb.
 */
struct rxe_rx_cb {
	u16 packets;
	u16 at;			/* the one at hand */
	bool may_overtake;	/* came a way with a queue per processor, see rxe_early.c */
};

static inline struct rxe_rx_cb *rxe_rx_cb(const struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct rxe_rx_cb) > sizeof_field(struct sk_buff, cb));
	return (struct rxe_rx_cb *)skb->cb;
}

static inline u32 rxe_rx_packets(const struct sk_buff *skb)
{
	return rxe_rx_cb(skb)->packets;
}

/* Goes on to the next packet of a burst; false if there is none. */
static inline bool rxe_rx_next(struct sk_buff *skb)
{
	return ++rxe_rx_cb(skb)->at < rxe_rx_packets(skb);
}

/* Packet @i of a burst. */
static inline u8 *rxe_rx_burst(const struct sk_buff *skb, u32 i)
{
	const skb_frag_t *frag = skb_shinfo(skb)->frags;
	u32 off = i * skb_shinfo(skb)->gso_size;

	while (off >= skb_frag_size(frag))
		off -= skb_frag_size(frag++);
	return skb_frag_address(frag) + off;
}

/* Its bytes from BTH to the end of the padding. */
static inline u32 rxe_rx_burst_len(const struct sk_buff *skb, u32 i)
{
	u32 seg = skb_shinfo(skb)->gso_size;

	return min(seg, skb->data_len - i * seg) - RXE_ICRC_LEN;
}

/* BTH of a received packet; its headers are contiguous. */
static inline u8 *rxe_rx_bth(const struct sk_buff *skb)
{
	return skb_headlen(skb) ? skb->data :
	       rxe_rx_burst(skb, rxe_rx_cb(skb)->at);
}

/* PSN of a received packet. */
static inline u32 rxe_rx_psn(const struct sk_buff *skb)
{
	return get_unaligned_be24(rxe_rx_bth(skb) + 9);
}

/* Bytes of a received packet from BTH to the end of the padding. */
static inline u32 rxe_rx_len(const struct sk_buff *skb)
{
	return rxe_rx_packets(skb) == 1 ? skb->len :
	       rxe_rx_burst_len(skb, rxe_rx_cb(skb)->at);
}

/* Payload of a received packet, contiguous; @hdr_len as rxe_wire_parse() found it. */
static inline void *rxe_rx_payload(const struct sk_buff *skb, u32 hdr_len)
{
	if (skb_is_nonlinear(skb) && skb_headlen(skb))
		return skb_frag_address(&skb_shinfo(skb)->frags[0]);
	return rxe_rx_bth(skb) + hdr_len;
}

/**
 * rxe_rx_alloc() - a packet as if it had been received, for one that never travels
 * @rxe: device
 * @path: of the sender
 * @pkt: headers
 * @tx: result; tx->payload is for the caller to fill
 *
 * Any context. Returns 0, or -ENOMEM. The packet is freed with rxe_tx_free().
 */
int rxe_rx_alloc(struct rxe_dev *rxe, const struct rxe_path *path,
		 const struct rxe_pkt *pkt, struct rxe_tx *tx);

/* Source and destination of a received packet, for GRH and QP checks. */
void rxe_rx_addrs(const struct sk_buff *skb, struct in6_addr *saddr,
		  struct in6_addr *daddr);
/*
 * The 40 bytes in front of a received datagram: the IPv6 header, or 20 bytes
 * of zero and the IPv4 header (annex A17.4.5.1).
 */
void rxe_rx_grh(const struct sk_buff *skb, u8 *grh);
void rxe_grh_build(const struct rxe_path *path, u32 payload, u8 *grh);

/* Did the packet travel from the far end of @path to its near end? */
static inline bool rxe_rx_is_peer(const struct rxe_path *path,
				  const struct sk_buff *skb)
{
	struct in6_addr saddr, daddr;

	rxe_rx_addrs(skb, &saddr, &daddr);
	return ipv6_addr_equal(&saddr, &path->daddr) &&
	       ipv6_addr_equal(&daddr, &path->saddr);
}

/* Has somebody on the way marked the packet, because of congestion (RFC 3168)? */
static inline bool rxe_rx_marked(const struct sk_buff *skb)
{
	return INET_ECN_is_ce(ip_hdr(skb)->version == 4 ? ip_hdr(skb)->tos :
			      ipv6_get_dsfield(ipv6_hdr(skb)));
}

/**
 * rxe_net_add() - open the sockets of a device's namespace, let packets find it
 * @rxe: device; ndev, qps and mcast are set up, registered or not yet
 *
 * Process context. Returns 0, -ENOMEM, or the error of the IPv4 socket
 * (-EADDRINUSE when something else owns port 4791). IPv6 may be missing.
 */
int rxe_net_add(struct rxe_dev *rxe);

/**
 * rxe_net_del() - undo rxe_net_add(); no packet reaches the device afterwards
 * @rxe: device, before its netdev is released; harmless without rxe_net_add()
 *
 * Process context, sleeps.
 */
void rxe_net_del(struct rxe_dev *rxe);

/* Module load and unload. Exit waits for packets that still have a gauge. */
int rxe_net_init(void);
void rxe_net_exit(void);

/* To a QP, see rxe_qp_receive(); @skb is consumed, the QP need not exist. */
void rxe_rx_deliver(struct rxe_dev *rxe, u32 qpn, struct sk_buff *skb);

/* rxe_net.c -> rxe_tx.c */
void rxe_gauges_wait(void);
void rxe_bursts_exit(void);

extern bool rxe_force_wire;		/* module parameter force_wire */

/*
 * Verbs. Sleep, and take the rtnl lock. The first QP of a group makes the
 * device's netdev a member of the IP multicast group, the last one ends that.
 */
int rxe_attach_mcast(struct ib_qp *qp, union ib_gid *gid, u16 lid);
int rxe_detach_mcast(struct ib_qp *qp, union ib_gid *gid, u16 lid);

/**
 * rxe_mcast_receive() - give a packet to every QP attached to its group
 * @rxe: device
 * @mgid: destination address
 * @skb: packet as rxe_qp_receive() wants it, consumed
 *
 * Softirq context, under RCU.
 */
void rxe_mcast_receive(struct rxe_dev *rxe, const struct in6_addr *mgid,
		       struct sk_buff *skb);

#endif /* RXE_NET_H */
