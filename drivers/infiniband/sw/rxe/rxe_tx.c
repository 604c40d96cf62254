// SPDX-License-Identifier: GPL-2.0
/*
 * Packets on their way out.
 *
 * Shape of a packet: headers in the linear part; payload, padding and ICRC
 * either behind them (small packets) or in one page fragment, so that a 4 KiB
 * payload does not take an 8 KiB slab object. The payload is contiguous either
 * way, and nothing touches it again after the ICRC was computed over it.
 *
 * Packets that leave are owned by the stack. A gauge counts those of one QP;
 * the only thing a packet points back to is its gauge.
 */
#include <linux/interrupt.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <linux/wait.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/udp.h>
#include "rxe_net.h"

#include <trace/events/rxe.h>

/* Payload with its tail up to this many bytes stays in the linear part. */
#define LINEAR_MAX	1024

/*
 * Stopping and draining are a Dekker pair: gauge_full sets stopped and then
 * reads n, the destructor lowers n and then reads stopped; one of them sees the
 * other, and whoever clears stopped answers for the wake-up.
 */
struct rxe_gauge {
	refcount_t ref;			/* owner and each packet */
	atomic_t n;			/* packets */
	atomic_t stopped;		/* the owner waits for drained() */
	spinlock_t lock;		/* dead; irqsave */
	bool dead;
	void (*drained)(void *arg);
	void *arg;
	struct tasklet_struct tasklet;	/* scheduled under lock while not dead */
};

/* Gauges alive: the module's text must outlive the destructors. */
static atomic_t gauges = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(gauges_gone);

static void gauge_tasklet(struct tasklet_struct *t)
{
	struct rxe_gauge *g = container_of(t, struct rxe_gauge, tasklet);

	g->drained(g->arg);
}

struct rxe_gauge *rxe_gauge_alloc(void (*drained)(void *arg), void *arg)
{
	struct rxe_gauge *g = kzalloc(sizeof(*g), GFP_KERNEL);

	if (!g)
		return NULL;
	refcount_set(&g->ref, 1);
	spin_lock_init(&g->lock);
	g->drained = drained;
	g->arg = arg;
	tasklet_setup(&g->tasklet, gauge_tasklet);
	atomic_inc(&gauges);
	return g;
}

static void gauge_put(struct rxe_gauge *g)
{
	if (!refcount_dec_and_test(&g->ref))
		return;
	kfree(g);
	/* rxe_gauges_wait() also waits for this section */
	rcu_read_lock();
	if (atomic_dec_and_test(&gauges))
		wake_up_all(&gauges_gone);
	rcu_read_unlock();
}

bool rxe_gauge_full(struct rxe_gauge *g)
{
	if (likely(atomic_read(&g->n) < RXE_GAUGE_LIMIT))
		return false;
	atomic_set(&g->stopped, 1);
	smp_mb__after_atomic();		/* stopped before n, see struct rxe_gauge */
	if (atomic_read(&g->n) > RXE_GAUGE_LIMIT / 2)
		return true;
	/* drained meanwhile: either we take the wake-up back or it is coming */
	return !atomic_xchg(&g->stopped, 0);
}

void rxe_gauge_kill(struct rxe_gauge *g)
{
	if (!g)
		return;
	spin_lock_irq(&g->lock);
	g->dead = true;
	spin_unlock_irq(&g->lock);
	tasklet_kill(&g->tasklet);
	gauge_put(g);
}

static void gauge_skb_freed(struct sk_buff *skb)
{
	struct rxe_gauge *g = skb_shinfo(skb)->destructor_arg;
	unsigned long flags;

	if (atomic_dec_return(&g->n) <= RXE_GAUGE_LIMIT / 2 &&
	    atomic_read(&g->stopped) && atomic_xchg(&g->stopped, 0)) {
		spin_lock_irqsave(&g->lock, flags);
		if (!g->dead)
			tasklet_schedule(&g->tasklet);
		spin_unlock_irqrestore(&g->lock, flags);
	}
	gauge_put(g);
}

static void gauge_charge(struct rxe_gauge *g, struct sk_buff *skb)
{
	refcount_inc(&g->ref);
	atomic_inc(&g->n);
	skb_shinfo(skb)->destructor_arg = g;
	skb->destructor = gauge_skb_freed;
}

void rxe_gauges_wait(void)
{
	while (!wait_event_timeout(gauges_gone, !atomic_read(&gauges), 10 * HZ))
		pr_info("rxe: waiting for packets of %d queue pairs to leave the network stack\n",
			atomic_read(&gauges));
	synchronize_rcu();
}

static u32 ip_len(const struct rxe_path *path)
{
	return path->v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* Headers of @head bytes and @tail contiguous bytes behind them. */
static void *alloc_packet(u32 room, u32 head, u32 tail, struct sk_buff **out)
{
	struct sk_buff *skb;
	struct page *page;
	void *frag = NULL;

	if (tail > LINEAR_MAX)
		frag = netdev_alloc_frag(SKB_DATA_ALIGN(tail));

	skb = alloc_skb(room + head + (frag ? 0 : tail),
			GFP_ATOMIC | __GFP_NOWARN);
	if (!skb) {
		if (frag)
			skb_free_frag(frag);
		return NULL;
	}
	skb_reserve(skb, room);
	__skb_put(skb, head);
	*out = skb;
	if (!frag)
		return __skb_put(skb, tail);

	page = virt_to_head_page(frag);
	skb_add_rx_frag(skb, 0, page, frag - page_address(page), tail,
			SKB_DATA_ALIGN(tail));
	return frag;
}

/* A route with a reference, and the room that its headers need. */
static struct dst_entry *route_out(struct rxe_dev *rxe, struct rxe_path *path,
				   u32 *room)
{
	struct dst_entry *dst;

	if (!netif_running(rxe->ndev))
		return ERR_PTR(-ENETDOWN);
	dst = rxe_path_route(rxe, path);
	if (IS_ERR(dst))
		return ERR_PTR(-ENETUNREACH);
	*room = LL_RESERVED_SPACE(READ_ONCE(dst->dev)) + dst->header_len +
		ip_len(path) + sizeof(struct udphdr);
	return dst;
}

int rxe_tx_alloc(struct rxe_dev *rxe, struct rxe_path *path,
		 const struct rxe_pkt *pkt, struct rxe_tx *tx)
{
	struct dst_entry *dst;
	u32 room;

	tx->skb = NULL;
	dst = route_out(rxe, path, &room);
	if (IS_ERR(dst))
		return PTR_ERR(dst);

	tx->payload = alloc_packet(room, rxe_opcodes[pkt->opcode].hdr_len,
				   pkt->payload + pkt->pad + RXE_ICRC_LEN,
				   &tx->skb);
	if (!tx->payload) {
		dst_release(dst);
		return -ENOMEM;
	}
	skb_dst_set(tx->skb, dst);
	rxe_wire_build(pkt, tx->skb->data);
	memset(tx->payload + pkt->payload, 0, pkt->pad);
	return 0;
}

void rxe_tx_free(struct rxe_tx *tx)
{
	kfree_skb(tx->skb);
	tx->skb = NULL;
}

static void push_udp(struct sk_buff *skb, const struct rxe_path *path)
{
	struct udphdr *udp = __skb_push(skb, sizeof(*udp));

	skb_reset_transport_header(skb);
	udp->source = path->sport;
	udp->dest = htons(RXE_UDP_PORT);
	udp->len = htons(skb->len);
	udp->check = 0;			/* the ICRC does this job, annex A17.3.1 */
}

/* DF is set, hence the identification means nothing (RFC 6864). */
static void push_ipv4(struct sk_buff *skb, const struct rxe_path *path)
{
	struct iphdr *ip = __skb_push(skb, sizeof(*ip));

	skb_reset_network_header(skb);
	skb->protocol = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tos = path->tclass;
	ip->tot_len = htons(skb->len);
	ip->id = 0;
	ip->frag_off = htons(IP_DF);
	ip->ttl = path->hop_limit;
	ip->protocol = IPPROTO_UDP;
	ip->check = 0;			/* ip_local_out() */
	ip->saddr = path->saddr.s6_addr32[3];
	ip->daddr = path->daddr.s6_addr32[3];
}

static void push_ipv6(struct sk_buff *skb, const struct rxe_path *path)
{
	struct ipv6hdr *ip = __skb_push(skb, sizeof(*ip));

	skb_reset_network_header(skb);
	skb->protocol = htons(ETH_P_IPV6);
	ip6_flow_hdr(ip, path->tclass, cpu_to_be32(path->flow_label));
	ip->payload_len = htons(skb->len - sizeof(*ip));
	ip->nexthdr = IPPROTO_UDP;
	ip->hop_limit = path->hop_limit;
	ip->saddr = path->saddr;
	ip->daddr = path->daddr;
}

/* The last bytes of the packet become the ICRC of all before them. */
static void add_icrc(struct sk_buff *skb, u32 ip_len)
{
	const u8 *udp = skb->data + ip_len;
	u32 linear = skb_headlen(skb) - ip_len;
	u8 *end = skb_tail_pointer(skb);
	__le32 icrc;
	u32 crc;

	if (skb_is_nonlinear(skb)) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[0];
		u8 *data = skb_frag_address(frag);
		u32 len = skb_frag_size(frag) - RXE_ICRC_LEN;

		crc = rxe_icrc_headers(skb->data, ip_len, udp, linear);
		crc = rxe_icrc_add(crc, data, len);
		end = data + len;
	} else {
		crc = rxe_icrc_headers(skb->data, ip_len, udp,
				       linear - RXE_ICRC_LEN);
		end -= RXE_ICRC_LEN;
	}
	icrc = rxe_icrc_end(crc);
	memcpy(end, &icrc, sizeof(icrc));
}

static void trace_sent(struct rxe_dev *rxe, const u8 *bth, u32 bytes)
{
	trace_rxe_packet_sent(rxe->ib_dev.name, rxe_opcodes[bth[0]].name, bth,
			      bytes);
}

/* @bytes: from the IP header to the ICRC, of all of them. */
static void count_sent(struct rxe_dev *rxe, const struct rxe_path *path,
		       u32 packets, u32 bytes)
{
	rxe_count_add(rxe, RXE_CNT_SENT_PKTS, packets);
	rxe_count_add(rxe, RXE_CNT_SENT_BYTES, bytes);
	if (unlikely(rxe_is_group(&path->daddr)))
		rxe_count_add(rxe, RXE_CNT_SENT_MCAST, packets);
}

static void transmit(struct rxe_dev *rxe, const struct rxe_path *path,
		     struct sk_buff *skb, struct rxe_gauge *gauge)
{
	struct net *net = dev_net(rxe->ndev);
	int err;

	if (gauge)
		gauge_charge(gauge, skb);
#if IS_ENABLED(CONFIG_IPV6)
	if (!path->v4)
		err = ip6_local_out(net, NULL, skb);
	else
#endif
		err = ip_local_out(net, NULL, skb);
	if (unlikely(net_xmit_eval(err)))
		rxe_count(rxe, RXE_CNT_SEND_ERR);
}

void rxe_tx_send(struct rxe_dev *rxe, struct rxe_path *path, struct rxe_tx *tx,
		 struct rxe_gauge *gauge)
{
	struct sk_buff *skb = tx->skb;

	tx->skb = NULL;
	trace_sent(rxe, skb->data, skb->len);
	push_udp(skb, path);
	if (path->v4)
		push_ipv4(skb, path);
	else
		push_ipv6(skb, path);
	add_icrc(skb, ip_len(path));
	count_sent(rxe, path, 1, skb->len);
	transmit(rxe, path, skb, gauge);
}

/*
 * Bursts. Packets of one size, the last one perhaps shorter, lie one after the
 * other in pages, each whole in one of them. The stack carries them as one UDP
 * datagram with a segment size (UDP GSO) and takes them apart where they leave the
 * machine, or before our socket gets them: it repeats the headers, counts the IP
 * identification up and sets lengths and checksums, which the ICRC foresees.
 */
#define BURST_ORDER	3
#define BURST_PAGES	8		/* per CPU */

/*
 * What bursts lie in. A kernel may clear every page that it hands out, which costs
 * more than to fill it: pages that nobody else holds any more are taken again.
 * Whoever still has an old packet (a capture, a slow netdev) keeps its page.
 */
struct burst_stock {
	struct page *page[BURST_PAGES];	/* with a reference; NULL before the first use */
	u32 next;
};

static DEFINE_PER_CPU(struct burst_stock, burst_stock);

/* A page of BURST_ORDER with a reference for the caller, or NULL. */
static struct page *burst_page(void)
{
	struct burst_stock *stock;
	struct page **slot, *page;

	local_bh_disable();
	stock = this_cpu_ptr(&burst_stock);
	slot = &stock->page[stock->next++ % BURST_PAGES];
	if (!*slot || page_count(*slot) > 1) {
		page = alloc_pages(GFP_ATOMIC | __GFP_COMP | __GFP_NOWARN |
				   __GFP_NORETRY, BURST_ORDER);
		/* a reserve that packets may come from only now */
		if (!page || page_is_pfmemalloc(page))
			goto out;
		if (*slot)
			put_page(*slot);
		*slot = page;
	}
	page = *slot;
	get_page(page);
out:
	local_bh_enable();
	return page;
}

void rxe_bursts_exit(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct burst_stock *stock = per_cpu_ptr(&burst_stock, cpu);

		for (i = 0; i < BURST_PAGES; i++)
			if (stock->page[i])
				put_page(stock->page[i]);
	}
}

static u32 packets_a_page(u32 seg)
{
	return (PAGE_SIZE << BURST_ORDER) / seg;
}

int rxe_burst_alloc(struct rxe_dev *rxe, struct rxe_path *path, u32 seg,
		    u32 last, u32 n, struct rxe_tx *tx)
{
	u32 per = packets_a_page(seg), len, room, k;
	struct dst_entry *dst;
	struct sk_buff *skb;
	struct page *page;

	tx->skb = NULL;
	dst = route_out(rxe, path, &room);
	if (IS_ERR(dst))
		return PTR_ERR(dst);
	skb = alloc_skb(room, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb) {
		dst_release(dst);
		return -ENOMEM;
	}
	skb_reserve(skb, room);
	skb_dst_set(skb, dst);
	skb_shinfo(skb)->gso_size = seg;
	skb_shinfo(skb)->gso_segs = n;
	skb_shinfo(skb)->gso_type = SKB_GSO_UDP_L4;
	for (; n; n -= k) {
		k = min(n, per);
		len = k == n ? (k - 1) * seg + last : k * seg;
		page = burst_page();
		if (!page) {
			kfree_skb(skb);
			return -ENOMEM;
		}
		skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, 0, len,
				PAGE_SIZE << BURST_ORDER);
	}
	tx->skb = skb;
	tx->seg = seg;
	return 0;
}

u8 *rxe_burst_packet(const struct rxe_tx *tx, u32 i)
{
	u32 per = packets_a_page(tx->seg);

	return skb_frag_address(&skb_shinfo(tx->skb)->frags[i / per]) +
	       i % per * tx->seg;
}

/* ICRC of packet @i of a burst, whose bytes from BTH to ICRC are @len at @p. */
static void burst_icrc(const struct sk_buff *skb, const struct rxe_path *path,
		       u32 i, u8 *p, u32 len)
{
	u8 udp_bth[sizeof(struct udphdr) + IB_BTH_BYTES];
	struct udphdr *udp = (struct udphdr *)udp_bth;
	u8 hdr[sizeof(struct ipv6hdr)];
	__le32 icrc;
	u32 crc;

	memcpy(hdr, skb_network_header(skb), ip_len(path));
	if (path->v4) {
		struct iphdr *ip = (struct iphdr *)hdr;

		ip->id = htons(i);
		ip->tot_len = htons(sizeof(*ip) + sizeof(*udp) + len);
	} else {
		struct ipv6hdr *ip = (struct ipv6hdr *)hdr;

		ip->payload_len = htons(sizeof(*udp) + len);
	}
	memcpy(udp, udp_hdr(skb), sizeof(*udp));
	udp->len = htons(sizeof(*udp) + len);
	memcpy(udp + 1, p, IB_BTH_BYTES);
	crc = rxe_icrc_headers(hdr, ip_len(path), udp_bth, sizeof(udp_bth));
	crc = rxe_icrc_add(crc, p + IB_BTH_BYTES,
			   len - IB_BTH_BYTES - RXE_ICRC_LEN);
	icrc = rxe_icrc_end(crc);
	memcpy(p + len - RXE_ICRC_LEN, &icrc, sizeof(icrc));
}

/* Segments of a datagram always have a UDP checksum, which somebody else computes. */
static void ask_for_checksum(struct sk_buff *skb, const struct rxe_path *path)
{
	struct udphdr *udp = udp_hdr(skb);

	if (path->v4)
		udp->check = ~udp_v4_check(skb->len, path->saddr.s6_addr32[3],
					   path->daddr.s6_addr32[3], 0);
	else
		udp->check = ~udp_v6_check(skb->len, &path->saddr,
					   &path->daddr, 0);
	skb->csum_start = skb_transport_header(skb) - skb->head;
	skb->csum_offset = offsetof(struct udphdr, check);
	skb->ip_summed = CHECKSUM_PARTIAL;
}

void rxe_burst_send(struct rxe_dev *rxe, struct rxe_path *path,
		    struct rxe_tx *tx, struct rxe_gauge *gauge)
{
	struct sk_buff *skb = tx->skb;
	u32 i, bytes = skb->len, left = bytes;

	push_udp(skb, path);
	ask_for_checksum(skb, path);
	if (path->v4)
		push_ipv4(skb, path);
	else
		push_ipv6(skb, path);
	for (i = 0; left; i++) {
		u32 len = min(left, tx->seg);

		trace_sent(rxe, rxe_burst_packet(tx, i), len);
		burst_icrc(skb, path, i, rxe_burst_packet(tx, i), len);
		left -= len;
	}
	count_sent(rxe, path, i, i * (ip_len(path) + sizeof(struct udphdr)) + bytes);
	tx->skb = NULL;
	transmit(rxe, path, skb, gauge);
}
