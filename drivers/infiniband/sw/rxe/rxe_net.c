// SPDX-License-Identifier: GPL-2.0
/*
 * Packets on their way in, and the sockets they come through.
 *
 * A network namespace that has devices in it has one struct rxe_ns with an IPv4
 * and, where the kernel knows IPv6, an IPv6-only UDP socket. Devices share it by
 * count. A namespace can end before a device that was made in it is gone (a
 * physical netdev moves back to the initial one): then the sockets are closed
 * with the namespace, and the empty struct stays for the devices.
 *
 * rxe_net_lock orders all of that. Receiving takes no lock of ours: devices
 * are found in a hash under RCU, and rxe_net_del() waits for a grace period.
 *
 * A packet is looked at in the order of cost: lengths, headers, device, ICRC,
 * QP. Nothing before the ICRC check writes anything but a counter.
 */
#define COMPAT_NET
#include <linux/hashtable.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/mutex.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/xfrm.h>
#include <rdma/ib_cache.h>
#include "rxe_net.h"

#include <trace/events/rxe.h>

#define MULTICAST_QPN	0xffffff
#define MAX_PACKET	(sizeof(struct udphdr) + RXE_MAX_HDR + 4096 + RXE_ICRC_LEN)

struct rxe_ns {
	u32 users;			/* rxe_net_lock */
	struct socket *sock4, *sock6;	/* NULL when closed */
};

static DEFINE_MUTEX(rxe_net_lock);
static DEFINE_HASHTABLE(rxe_devs, 4);	/* by netdev; written under rxe_net_lock */
static unsigned int rxe_ns_id;		/* struct rxe_ns * per namespace */

static struct compat_crc32 crc32_impl;

u32 rxe_crc32(u32 crc, const void *p, size_t len)
{
	return compat_crc32(&crc32_impl, crc, p, len);
}

/* ---- devices ---- */

static struct rxe_dev *dev_by_netdev(const struct net_device *ndev)
{
	struct rxe_dev *rxe;

	hash_for_each_possible_rcu(rxe_devs, rxe, node, (unsigned long)ndev) {
		if (rxe->ndev == ndev)
			return rxe;
	}
	return NULL;
}

static bool has_gid(struct rxe_dev *rxe, const struct in6_addr *addr)
{
	const struct ib_gid_attr *attr;
	union ib_gid gid;

	/* the GID table exists while the device is registered */
	if (!ib_device_try_get(&rxe->ib_dev))
		return false;
	memcpy(&gid, addr, sizeof(gid));
	attr = rdma_find_gid(&rxe->ib_dev, &gid, IB_GID_TYPE_ROCE_UDP_ENCAP,
			     NULL);
	if (!IS_ERR(attr))
		rdma_put_gid_attr(attr);
	ib_device_put(&rxe->ib_dev);
	return !IS_ERR(attr);
}

/*
 * Packets from this host to itself come in through the loopback device, others
 * through a bridge, bond or the like on top of ours: ask for the address.
 */
static struct rxe_dev *dev_by_address(struct net *net,
				      const struct in6_addr *addr)
{
	struct rxe_dev *rxe;
	int i;

	hash_for_each_rcu(rxe_devs, i, rxe, node) {
		if (net_eq(dev_net(rxe->ndev), net) && has_gid(rxe, addr))
			return rxe;
	}
	return NULL;
}

static struct rxe_dev *dev_of_packet(struct net *net, const struct sk_buff *skb,
				     const struct in6_addr *daddr)
{
	struct rxe_dev *rxe = dev_by_netdev(skb->dev);

	if (likely(rxe))
		return rxe;
	if (is_vlan_dev(skb->dev)) {
		rxe = dev_by_netdev(vlan_dev_real_dev(skb->dev));
		if (rxe)
			return rxe;
	}
	return dev_by_address(net, daddr);
}

/* ---- receiving ---- */

void rxe_rx_addrs(const struct sk_buff *skb, struct in6_addr *saddr,
		  struct in6_addr *daddr)
{
	if (ip_hdr(skb)->version == 4) {
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, saddr);
		ipv6_addr_set_v4mapped(ip_hdr(skb)->daddr, daddr);
	} else {
		*saddr = ipv6_hdr(skb)->saddr;
		*daddr = ipv6_hdr(skb)->daddr;
	}
}

int rxe_rx_alloc(struct rxe_dev *rxe, const struct rxe_path *path,
		 const struct rxe_pkt *pkt, struct rxe_tx *tx)
{
	u32 len = pkt->hdr_len + pkt->payload + pkt->pad;
	struct sk_buff *skb = alloc_skb(40 + len, GFP_ATOMIC | __GFP_NOWARN);

	if (!skb)
		return -ENOMEM;
	rxe_grh_build(path, pkt->payload, __skb_put(skb, 40));
	skb_set_network_header(skb, path->v4 ? 40 - sizeof(struct iphdr) : 0);
	__skb_pull(skb, 40);
	rxe_wire_build(pkt, __skb_put(skb, pkt->hdr_len));
	tx->skb = skb;
	tx->payload = __skb_put_zero(skb, pkt->payload + pkt->pad);
	*rxe_rx_cb(skb) = (struct rxe_rx_cb) { .packets = 1 };
	return 0;
}

/* Length of the IP header, or 0 if there are options between it and UDP. */
static u32 ip_header_len(const struct sk_buff *skb)
{
	u32 len = -skb_network_offset(skb);

	if (ip_hdr(skb)->version == 4)
		return len == sizeof(struct iphdr) ? len : 0;
	return len == sizeof(struct ipv6hdr) ? len : 0;
}

/*
 * Headers in the linear part, payload and ICRC behind them or in one fragment, or
 * all from the BTH on in one fragment: what we send has one of these shapes when it
 * comes in through loopback, veth or a bridge, and need not be copied. Anything
 * else is made linear.
 */
static bool shaped_as_sent(const struct sk_buff *skb)
{
	const skb_frag_t *frag = &skb_shinfo(skb)->frags[0];
	const struct page *page;
	u32 hdr_len;

	if (skb_has_frag_list(skb) || skb_shinfo(skb)->nr_frags != 1 ||
	    skb_headlen(skb) < sizeof(struct udphdr))
		return false;
	page = skb_frag_page(frag);
	if (!page || PageHighMem(page))
		return false;
	if (skb_headlen(skb) == sizeof(struct udphdr))
		return skb_frag_size(frag) >= IB_BTH_BYTES + RXE_ICRC_LEN;
	hdr_len = rxe_opcodes[skb->data[sizeof(struct udphdr)]].hdr_len;
	return skb_headlen(skb) == sizeof(struct udphdr) + hdr_len &&
	       skb_frag_size(frag) > RXE_ICRC_LEN;
}

/* BTH of a packet whose data is at the UDP header. */
static const u8 *bth_of(const struct sk_buff *skb)
{
	return skb_headlen(skb) == sizeof(struct udphdr) ?
	       skb_frag_address(&skb_shinfo(skb)->frags[0]) :
	       skb->data + sizeof(struct udphdr);
}

/*
 * A UDP checksum that is still to be computed: nobody has written to the packet since
 * its sender did, nor sent it anywhere but through memory, or skb_checksum_help() (or
 * hardware) would have computed it first. TCP trusts that as well. Our bursts come in
 * like this through loopback, veth, bridges and from other virtual machines; of what
 * was received from a wire, nothing does that was sent with a checksum of 0.
 */
static bool unchanged(const struct sk_buff *skb)
{
	return skb->ip_summed == CHECKSUM_PARTIAL;
}

static bool pkey_ok(const struct rxe_pkt *pkt)
{
	return (pkt->pkey & 0x7fff) == 0x7fff;
}

static bool icrc_ok(const struct sk_buff *skb, u32 ip_len)
{
	u8 udp_bth[sizeof(struct udphdr) + IB_BTH_BYTES];
	const u8 *data = bth_of(skb), *end = skb_tail_pointer(skb);
	__le32 want;
	u32 crc;

	memcpy(udp_bth, skb->data, sizeof(struct udphdr));
	memcpy(udp_bth + sizeof(struct udphdr), data, IB_BTH_BYTES);
	crc = rxe_icrc_headers(skb_network_header(skb), ip_len, udp_bth,
			       sizeof(udp_bth));
	data += IB_BTH_BYTES;
	if (skb_is_nonlinear(skb)) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[0];

		if (skb_headlen(skb) > sizeof(struct udphdr)) {
			crc = rxe_icrc_add(crc, data, end - data);
			data = skb_frag_address(frag);
		}
		end = skb_frag_address(frag) + skb_frag_size(frag);
	}
	end -= RXE_ICRC_LEN;
	want = rxe_icrc_end(rxe_icrc_add(crc, data, end - data));
	return !memcmp(end, &want, sizeof(want));
}

/* What loopback and veth carry is queued by the processor that sends, then received. */
static bool may_overtake(const struct net_device *ndev)
{
	return ndev->flags & IFF_LOOPBACK ||
	       (ndev->rtnl_link_ops && !strcmp(ndev->rtnl_link_ops->kind, "veth"));
}

/*
 * Data moves on from the UDP header to the BTH. Lets go of everything that belongs to
 * the way here: a QP may keep it long.
 */
static void make_ours(struct sk_buff *skb, u32 packets)
{
	skb_orphan(skb);
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	skb_ext_reset(skb);
	*rxe_rx_cb(skb) = (struct rxe_rx_cb) {
		.packets = packets,
		.may_overtake = may_overtake(skb->dev),
	};
	skb->dev = NULL;
	__skb_pull(skb, sizeof(struct udphdr));
}

static void trace_received(struct rxe_dev *rxe, const u8 *bth, u32 bytes)
{
	trace_rxe_packet_received(rxe->ib_dev.name, rxe_opcodes[bth[0]].name,
				  bth, bytes);
}

/* @bytes: from the IP header to the ICRC, of all of them. */
static void count_received(struct rxe_dev *rxe, u32 packets, u32 bytes)
{
	rxe_count_add(rxe, RXE_CNT_RCVD_PKTS, packets);
	rxe_count_add(rxe, RXE_CNT_RCVD_BYTES, bytes);
}

void rxe_rx_deliver(struct rxe_dev *rxe, u32 qpn, struct sk_buff *skb)
{
	struct rxe_qp *qp = rxe_qp_find(rxe, qpn);

	if (!qp) {
		kfree_skb(skb);
		return;
	}
	rxe_qp_receive(qp, skb);
	rxe_qp_put(qp);
}

/* UDP has checked its length and checksum; data is at the UDP header. */
static int rxe_net_rcv(struct sock *sk, struct sk_buff *skb)
{
	const u32 around = sizeof(struct udphdr) + RXE_ICRC_LEN;
	struct in6_addr saddr, daddr;
	struct rxe_dev *rxe;
	struct rxe_pkt pkt;
	u32 ip_len, bytes;
	bool mc;

	if (skb->len <= around || skb->len > MAX_PACKET)
		goto drop;
	if (skb_is_nonlinear(skb) && !shaped_as_sent(skb) && skb_linearize(skb))
		goto drop;

	rxe_rx_addrs(skb, &saddr, &daddr);
	rxe = dev_of_packet(sock_net(sk), skb, &daddr);
	if (!rxe)
		goto drop;

	ip_len = ip_header_len(skb);
	if (!ip_len)
		goto bad;
	if (rxe_wire_parse(bth_of(skb), skb->len - around, &pkt))
		goto bad;
	mc = pkt.qpn == MULTICAST_QPN;
	if (!pkey_ok(&pkt) || mc != rxe_is_group(&daddr))
		goto bad;
	if (!unchanged(skb) && !icrc_ok(skb, ip_len))
		goto bad;

	bytes = ip_len + skb->len;
	/* copies a fragment's descriptor, not its bytes, if somebody listens in */
	if (pskb_trim(skb, skb->len - RXE_ICRC_LEN))
		goto drop;
	trace_received(rxe, bth_of(skb), bytes - ip_len - sizeof(struct udphdr));
	make_ours(skb, 1);
	count_received(rxe, 1, bytes);

	if (mc) {
		rxe_count(rxe, RXE_CNT_RCVD_MCAST);
		rxe_mcast_receive(rxe, &daddr, skb);
		return 0;
	}
	rxe_rx_deliver(rxe, pkt.qpn, skb);
	return 0;
bad:
	rxe_count(rxe, RXE_CNT_BAD_PKTS);
drop:
	kfree_skb(skb);
	return 0;
}

/* ---- bursts ---- */

#if IS_ENABLED(CONFIG_NETFILTER)
/*
 * A burst that comes in through loopback, veth or a bridge is still one skb. UDP takes
 * it apart for a socket like ours, which costs more than all that is done with its
 * packets afterwards. So what is a burst beyond doubt is taken where UDP would get it,
 * behind the filter rules; anything else goes on to UDP.
 */

/*
 * How many packets there are, if each lies whole in a fragment and nothing else does,
 * or 0. Data is at the IP header.
 */
static u32 burst_packets(const struct sk_buff *skb, u32 ip_len)
{
	const struct skb_shared_info *info = skb_shinfo(skb);
	u32 seg = info->gso_size, size = 0, i;

	if (skb_headlen(skb) != ip_len + sizeof(struct udphdr) ||
	    skb_has_frag_list(skb) || !info->nr_frags ||
	    seg < IB_BTH_BYTES + RXE_ICRC_LEN || seg > MAX_PACKET)
		return 0;
	for (i = 0; i < info->nr_frags; i++) {
		const struct page *page = skb_frag_page(&info->frags[i]);

		if (!page || PageHighMem(page) || size % seg)
			return 0;
		size = skb_frag_size(&info->frags[i]);
		if (!size)
			return 0;
	}
	size %= seg;			/* of a last one that is shorter */
	if (size && size < IB_BTH_BYTES + RXE_ICRC_LEN)
		return 0;
	return DIV_ROUND_UP(skb->data_len, seg);
}

/* Length of the IP header if UDP follows at once, or 0. Data is at the IP header. */
static u32 udp_offset(const struct sk_buff *skb, u8 pf)
{
	if (pf == NFPROTO_IPV6)
		return ipv6_hdr(skb)->nexthdr == IPPROTO_UDP ?
		       sizeof(struct ipv6hdr) : 0;
	return ip_hdr(skb)->protocol == IPPROTO_UDP && ip_hdr(skb)->ihl == 5 ?
	       sizeof(struct iphdr) : 0;
}

/* Well formed, of a connected service, and all for one side of one QP? */
static bool burst_ok(const struct sk_buff *skb, u32 packets, u32 *qpn)
{
	struct rxe_pkt first, pkt;
	u32 i;

	for (i = 0; i < packets; i++) {
		if (rxe_wire_parse(rxe_rx_burst(skb, i),
				   rxe_rx_burst_len(skb, i), &pkt))
			return false;
		if (!i)
			first = pkt;
		if (!pkey_ok(&pkt) || pkt.qpn != first.qpn ||
		    (pkt.opcode ^ first.opcode) & RXE_OPCODE_TRANSPORT ||
		    (pkt.flags ^ first.flags) & RXE_OP_RSP)
			return false;
	}
	*qpn = first.qpn;
	return (first.opcode & RXE_OPCODE_TRANSPORT) <= IB_OPCODE_UC;
}

static unsigned int burst_in(void *priv, struct sk_buff *skb,
			     const struct nf_hook_state *state)
{
	u32 ip_len, packets, qpn, bytes, i;
	struct in6_addr saddr, daddr;
	const struct udphdr *udp;
	struct rxe_dev *rxe;

	if (!skb_is_gso(skb) || !unchanged(skb) ||
	    !(skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4))
		return NF_ACCEPT;
	ip_len = udp_offset(skb, state->pf);
	packets = ip_len ? burst_packets(skb, ip_len) : 0;
	if (!packets)
		return NF_ACCEPT;
	udp = (const struct udphdr *)(skb->data + ip_len);
	if (udp->dest != htons(RXE_UDP_PORT) ||
	    ntohs(udp->len) != skb->len - ip_len)
		return NF_ACCEPT;
	rxe_rx_addrs(skb, &saddr, &daddr);
	rxe = dev_of_packet(state->net, skb, &daddr);
	if (!rxe || !burst_ok(skb, packets, &qpn) ||
	    !xfrm_policy_check(NULL, XFRM_POLICY_IN, skb, state->pf))
		return NF_ACCEPT;

	if (trace_rxe_packet_received_enabled())
		for (i = 0; i < packets; i++)
			trace_received(rxe, rxe_rx_burst(skb, i),
				       rxe_rx_burst_len(skb, i) + RXE_ICRC_LEN);
	bytes = packets * (ip_len + sizeof(struct udphdr)) + skb->data_len;
	__skb_pull(skb, ip_len);
	make_ours(skb, packets);
	count_received(rxe, packets, bytes);
	rxe_count(rxe, RXE_CNT_RCVD_BURSTS);
	rxe_rx_deliver(rxe, qpn, skb);
	return NF_STOLEN;
}

static const struct nf_hook_ops burst_hooks[] = {
	{
		.hook = burst_in,
		.pf = NFPROTO_IPV4,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP_PRI_LAST,
	},
	{
		.hook = burst_in,
		.pf = NFPROTO_IPV6,
		.hooknum = NF_INET_LOCAL_IN,
		.priority = NF_IP6_PRI_LAST,
	},
};

static int bursts_open(struct net *net)
{
	return nf_register_net_hooks(net, burst_hooks, ARRAY_SIZE(burst_hooks));
}

static void bursts_close(struct net *net)
{
	nf_unregister_net_hooks(net, burst_hooks, ARRAY_SIZE(burst_hooks));
}
#else
static int bursts_open(struct net *net)
{
	return 0;
}

static void bursts_close(struct net *net)
{
}
#endif

/* ---- sockets ---- */

static struct socket *open_socket(struct net *net, u8 family)
{
	struct udp_tunnel_sock_cfg tunnel = {
		.encap_type = 1,
		.encap_rcv = rxe_net_rcv,
	};
	struct udp_port_cfg cfg = {
		.family = family,
		.local_udp_port = htons(RXE_UDP_PORT),
		.ipv6_v6only = family == AF_INET6,
	};
	struct socket *sock;
	int err;

	err = udp_sock_create(net, &cfg, &sock);
	if (err < 0)
		return ERR_PTR(err);
	compat_udp_tunnel_setup(net, sock, &tunnel);
	/* what a tunnel wants: checksums computed for nested packets, see unchanged() */
	inet_dec_convert_csum(sock->sk);
	return sock;
}

static void close_sockets(struct rxe_ns *ns)
{
	if (ns->sock4) {
		bursts_close(sock_net(ns->sock4->sk));
		compat_udp_tunnel_release(ns->sock4);
	}
	if (ns->sock6)
		compat_udp_tunnel_release(ns->sock6);
	ns->sock4 = NULL;
	ns->sock6 = NULL;
}

static int open_sockets(struct net *net, struct rxe_ns *ns)
{
	struct socket *sock;
	int err;

	sock = open_socket(net, AF_INET);
	if (IS_ERR(sock))
		return PTR_ERR(sock);
	err = bursts_open(net);
	if (err) {
		compat_udp_tunnel_release(sock);
		return err;
	}
	ns->sock4 = sock;

	sock = open_socket(net, AF_INET6);
	if (!IS_ERR(sock)) {
		ns->sock6 = sock;
		return 0;
	}
	if (PTR_ERR(sock) == -EAFNOSUPPORT || PTR_ERR(sock) == -EPFNOSUPPORT) {
		pr_warn_once("rxe: no IPv6 in this kernel, IPv4 only\n");
		return 0;
	}
	close_sockets(ns);
	return PTR_ERR(sock);
}

static struct rxe_ns *ns_get(struct net *net)
{
	struct rxe_ns **slot = net_generic(net, rxe_ns_id);
	struct rxe_ns *ns = *slot;
	int err;

	lockdep_assert_held(&rxe_net_lock);
	if (!ns) {
		ns = kzalloc(sizeof(*ns), GFP_KERNEL);
		if (!ns)
			return ERR_PTR(-ENOMEM);
		err = open_sockets(net, ns);
		if (err) {
			kfree(ns);
			return ERR_PTR(err);
		}
		*slot = ns;
	}
	ns->users++;
	return ns;
}

static void ns_put(struct rxe_ns *ns)
{
	struct rxe_ns **slot;

	lockdep_assert_held(&rxe_net_lock);
	if (--ns->users)
		return;
	if (ns->sock4) {		/* else the namespace went first */
		slot = net_generic(sock_net(ns->sock4->sk), rxe_ns_id);
		*slot = NULL;
		close_sockets(ns);
	}
	kfree(ns);
}

static void __net_exit rxe_ns_exit(struct net *net)
{
	struct rxe_ns **slot = net_generic(net, rxe_ns_id);

	mutex_lock(&rxe_net_lock);
	if (*slot)
		close_sockets(*slot);
	*slot = NULL;
	mutex_unlock(&rxe_net_lock);
}

static struct pernet_operations rxe_ns_ops = {
	.exit = rxe_ns_exit,
	.id = &rxe_ns_id,
	.size = sizeof(struct rxe_ns *),
};

int rxe_net_add(struct rxe_dev *rxe)
{
	struct rxe_ns *ns;
	int err = 0;

	mutex_lock(&rxe_net_lock);
	ns = ns_get(dev_net(rxe->ndev));
	if (IS_ERR(ns)) {
		err = PTR_ERR(ns);
	} else {
		rxe->ns = ns;
		hash_add_rcu(rxe_devs, &rxe->node, (unsigned long)rxe->ndev);
	}
	mutex_unlock(&rxe_net_lock);
	return err;
}

void rxe_net_del(struct rxe_dev *rxe)
{
	mutex_lock(&rxe_net_lock);
	if (rxe->ns) {
		hash_del_rcu(&rxe->node);
		ns_put(rxe->ns);
		rxe->ns = NULL;
	}
	mutex_unlock(&rxe_net_lock);
	synchronize_net();
}

int rxe_net_init(void)
{
	int err;

	compat_crc32_init(&crc32_impl);
	err = register_pernet_subsys(&rxe_ns_ops);
	if (err)
		compat_crc32_exit(&crc32_impl);
	return err;
}

void rxe_net_exit(void)
{
	unregister_pernet_subsys(&rxe_ns_ops);
	rxe_gauges_wait();
	rxe_bursts_exit();
	compat_crc32_exit(&crc32_impl);
}
