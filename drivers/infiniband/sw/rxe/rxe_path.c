// SPDX-License-Identifier: GPL-2.0
/*
 * Where packets go: from address handles to addresses, from addresses to routes.
 *
 * A route is looked up the way a socket bound to the source address would: no
 * output device is asked for, so that addresses of this host go through the
 * loopback device and policy routing works. Only when that leads out of some
 * other device than the one the source GID belongs to (two devices in one
 * subnet), or the destination means nothing without a device (link-local,
 * multicast), the device is given.
 */
#include <linux/hash.h>
#include <linux/module.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/ip6_route.h>
#include <net/route.h>
#include <rdma/ib_addr.h>
#include <rdma/ib_cache.h>
#include "rxe_net.h"

#define DEFAULT_HOP_LIMIT	64

bool rxe_force_wire;
module_param_named(force_wire, rxe_force_wire, bool, 0644);
MODULE_PARM_DESC(force_wire,
		 "send packets even to QPs of the same device (default: N)");

/* A GID of this very device; equal addresses in other namespaces are not. */
static bool is_own_gid(struct rxe_dev *rxe, const struct in6_addr *a)
{
	const struct ib_gid_attr *attr;
	union ib_gid gid;

	memcpy(&gid, a, sizeof(gid));
	attr = rdma_find_gid(&rxe->ib_dev, &gid, IB_GID_TYPE_ROCE_UDP_ENCAP,
			     NULL);
	if (IS_ERR(attr))
		return false;
	rdma_put_gid_attr(attr);
	return true;
}

static int gid_ifindex(const struct ib_gid_attr *attr)
{
	struct net_device *ndev;
	int ifindex = 0;

	rcu_read_lock();
	ndev = rcu_dereference(attr->ndev);
	if (ndev)
		ifindex = ndev->ifindex;
	rcu_read_unlock();
	return ifindex;
}

static int path_make(struct rxe_dev *rxe, const struct ib_gid_attr *sgid,
		     const void *dgid, u32 flow_label, u32 seed,
		     struct rxe_path *path)
{
	if (sgid->gid_type != IB_GID_TYPE_ROCE_UDP_ENCAP)
		return -EINVAL;

	memcpy(&path->saddr, &sgid->gid, sizeof(path->saddr));
	memcpy(&path->daddr, dgid, sizeof(path->daddr));
	path->v4 = ipv6_addr_v4mapped(&path->saddr);
	if (path->v4 != ipv6_addr_v4mapped(&path->daddr))
		return -EINVAL;
	if (ipv6_addr_any(&path->saddr) || ipv6_addr_any(&path->daddr))
		return -EINVAL;

	path->flow_label = flow_label & 0xfffff;
	path->sport = cpu_to_be16(path->flow_label ?
				  rdma_flow_label_to_udp_sport(path->flow_label) :
				  RXE_SPORT_BASE | hash_32(seed, 14));
	path->oif = gid_ifindex(sgid);
	path->local = !READ_ONCE(rxe_force_wire) &&
		      !rxe_is_group(&path->daddr) &&
		      is_own_gid(rxe, &path->daddr);
	path->ready = true;
	return 0;
}

int rxe_path_init(struct rxe_dev *rxe, const struct rdma_ah_attr *attr,
		  u32 seed, struct rxe_path *path)
{
	const struct ib_global_route *grh;
	int err;

	memset(path, 0, sizeof(*path));
	if (!(rdma_ah_get_ah_flags(attr) & IB_AH_GRH))
		return -EINVAL;
	grh = rdma_ah_read_grh(attr);
	if (!grh->sgid_attr)
		return -EINVAL;

	path->hop_limit = grh->hop_limit ?: DEFAULT_HOP_LIMIT;
	path->tclass = grh->traffic_class;
	err = path_make(rxe, grh->sgid_attr, &grh->dgid, grh->flow_label, seed,
			path);
	/* without a cache every packet looks its route up: slow, not wrong */
	if (!err && !path->local)
		(void)dst_cache_init(&path->dst, GFP_ATOMIC | __GFP_NOWARN);
	return err;
}

void rxe_path_fini(struct rxe_path *path)
{
	dst_cache_destroy(&path->dst);
	path->dst.cache = NULL;
	path->ready = false;
}

static struct dst_entry *route4(struct net *net, const struct rxe_path *path,
				int oif)
{
	struct flowi4 fl = {};
	struct rtable *rt;

	flowi4_init_output(&fl, oif, 0, path->tclass & 0xfc, RT_SCOPE_UNIVERSE,
			   IPPROTO_UDP, 0, path->daddr.s6_addr32[3],
			   path->saddr.s6_addr32[3], htons(RXE_UDP_PORT),
			   path->sport, make_kuid(net->user_ns, 0));
	rt = ip_route_output_key(net, &fl);
	return IS_ERR(rt) ? ERR_CAST(rt) : &rt->dst;
}

static struct dst_entry *route6(struct net *net, const struct rxe_path *path,
				int oif)
{
	struct flowi6 fl = {};

	if (!ipv6_mod_enabled())
		return ERR_PTR(-EAFNOSUPPORT);

	fl.flowi6_oif = oif;
	fl.flowi6_proto = IPPROTO_UDP;
	fl.daddr = path->daddr;
	fl.saddr = path->saddr;
	fl.fl6_dport = htons(RXE_UDP_PORT);
	fl.fl6_sport = path->sport;
	fl.flowlabel = ip6_make_flowinfo(path->tclass,
					 cpu_to_be32(path->flow_label));
	return ip6_dst_lookup_flow(net, NULL, &fl, NULL);
}

static struct dst_entry *route(struct net *net, const struct rxe_path *path,
			       int oif)
{
	return path->v4 ? route4(net, path, oif) : route6(net, path, oif);
}

static bool needs_oif(const struct rxe_path *path)
{
	if (rxe_is_group(&path->daddr))
		return true;
	return !path->v4 && ipv6_addr_type(&path->daddr) & IPV6_ADDR_LINKLOCAL;
}

/* Does this route leave through the device of the source GID, or not at all? */
static bool leaves_right(struct rxe_dev *rxe, const struct rxe_path *path,
			 const struct dst_entry *dst)
{
	const struct net_device *dev = READ_ONCE(dst->dev);

	return dev->flags & IFF_LOOPBACK || dev->ifindex == path->oif ||
	       dev == rxe->ndev;
}

static struct dst_entry *route_lookup(struct rxe_dev *rxe, struct rxe_path *path)
{
	struct net *net = dev_net(rxe->ndev);
	struct dst_entry *any, *dst;

	if (needs_oif(path))
		return route(net, path, path->oif);

	any = route(net, path, 0);
	if (!IS_ERR(any) && leaves_right(rxe, path, any))
		return any;

	dst = route(net, path, path->oif);
	if (IS_ERR(dst))
		return any;
	if (!IS_ERR(any))
		dst_release(any);
	return dst;
}

struct dst_entry *rxe_path_route(struct rxe_dev *rxe, struct rxe_path *path)
{
	struct dst_entry *dst;

	local_bh_disable();
	dst = dst_cache_get(&path->dst);
	if (dst)
		goto out;

	dst = route_lookup(rxe, path);
	if (IS_ERR(dst))
		goto out;
	if (path->v4)
		dst_cache_set_ip4(&path->dst, dst, path->saddr.s6_addr32[3]);
#if IS_ENABLED(CONFIG_IPV6)
	else
		dst_cache_set_ip6(&path->dst, dst, &path->saddr);
#endif
out:
	local_bh_enable();
	return dst;
}

/* rxe_rx_grh() - see rxe_net.h; any context */
void rxe_rx_grh(const struct sk_buff *skb, u8 *grh)
{
	memset(grh, 0, 40);
	if (ip_hdr(skb)->version == 4)
		memcpy(grh + 20, ip_hdr(skb), sizeof(struct iphdr));
	else
		memcpy(grh, ipv6_hdr(skb), sizeof(struct ipv6hdr));
}

/* rxe_grh_build() - as rxe_rx_grh() for @payload bytes that travel no wire */
void rxe_grh_build(const struct rxe_path *path, u32 payload, u8 *grh)
{
	u32 len = sizeof(struct udphdr) + IB_BTH_BYTES + IB_DETH_BYTES +
		  payload + (-payload & 3) + RXE_ICRC_LEN;

	memset(grh, 0, 40);
	if (path->v4) {
		struct iphdr *ip = (struct iphdr *)(grh + 20);

		ip->version = 4;
		ip->ihl = 5;
		ip->tos = path->tclass;
		ip->tot_len = htons(sizeof(*ip) + len);
		ip->frag_off = htons(IP_DF);
		ip->ttl = path->hop_limit;
		ip->protocol = IPPROTO_UDP;
		ip->saddr = path->saddr.s6_addr32[3];
		ip->daddr = path->daddr.s6_addr32[3];
		ip->check = ip_fast_csum(ip, ip->ihl);
	} else {
		struct ipv6hdr *ip = (struct ipv6hdr *)grh;

		ip6_flow_hdr(ip, path->tclass, htonl(path->flow_label));
		ip->payload_len = htons(len);
		ip->nexthdr = IPPROTO_UDP;
		ip->hop_limit = path->hop_limit;
		ip->saddr = path->saddr;
		ip->daddr = path->daddr;
	}
}
