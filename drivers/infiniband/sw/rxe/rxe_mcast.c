// SPDX-License-Identifier: GPL-2.0
/*
 * UD multicast: which QPs of a device listen to which group.
 *
 * rxe_dev.mcast is a tree of groups, keyed by MGID (IPv4 groups v4-mapped). A
 * group has an array of QP numbers, never empty, replaced as a whole and read
 * under RCU; QPs are looked up by number for each packet, so that a group never
 * keeps one alive.
 *
 * attach_lock serialises the verbs of all devices, from the first look-up to
 * the membership of the netdev; mcast_lock guards the tree against receiving.
 * The IP stack's group membership, counted per netdev there, is what programs
 * the MAC filter, so that leaving on the last detach leaves nothing behind.
 *
 * Lock order: attach_lock > rtnl; attach_lock > mcast_lock.
 */
#include <linux/igmp.h>
#include <linux/inetdevice.h>
#include <linux/mutex.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include "rxe_net.h"

struct members {
	struct rcu_head rcu;
	u32 n;
	u32 qpn[];
};

struct mcg {
	struct rb_node node;
	struct rcu_head rcu;
	struct in6_addr mgid;
	struct members __rcu *members;
};

static DEFINE_MUTEX(attach_lock);

/* Holds mcast_lock, attach_lock or both. */
static struct mcg *mcg_find(struct rxe_dev *rxe, const struct in6_addr *mgid)
{
	struct rb_node *n = rxe->mcast.rb_node;

	while (n) {
		struct mcg *g = rb_entry(n, struct mcg, node);
		int cmp = memcmp(mgid, &g->mgid, sizeof(*mgid));

		if (!cmp)
			return g;
		n = cmp < 0 ? n->rb_left : n->rb_right;
	}
	return NULL;
}

static void mcg_insert(struct rxe_dev *rxe, struct mcg *g)
{
	struct rb_node **link = &rxe->mcast.rb_node, *parent = NULL;

	spin_lock_bh(&rxe->mcast_lock);
	while (*link) {
		struct mcg *o = rb_entry(*link, struct mcg, node);

		parent = *link;
		link = memcmp(&g->mgid, &o->mgid, sizeof(g->mgid)) < 0 ?
		       &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&g->node, parent, link);
	rb_insert_color(&g->node, &rxe->mcast);
	rxe->mcast_groups++;
	spin_unlock_bh(&rxe->mcast_lock);
}

static void mcg_remove(struct rxe_dev *rxe, struct mcg *g)
{
	spin_lock_bh(&rxe->mcast_lock);
	rb_erase(&g->node, &rxe->mcast);
	rxe->mcast_groups--;
	spin_unlock_bh(&rxe->mcast_lock);
}

/* ---- membership of the netdev ---- */

static int join4(struct net_device *ndev, __be32 addr)
{
	struct in_device *in_dev = __in_dev_get_rtnl(ndev);

	if (!in_dev)
		return -ENODEV;
	ip_mc_inc_group(in_dev, addr);
	return 0;
}

static void leave4(struct net_device *ndev, __be32 addr)
{
	struct in_device *in_dev = __in_dev_get_rtnl(ndev);

	if (in_dev)
		ip_mc_dec_group(in_dev, addr);
}

static int netdev_join(struct rxe_dev *rxe, const struct in6_addr *mgid)
{
	int err;

	rtnl_lock();
	if (ipv6_addr_v4mapped(mgid))
		err = join4(rxe->ndev, mgid->s6_addr32[3]);
	else if (ipv6_mod_enabled())
		err = ipv6_dev_mc_inc(rxe->ndev, mgid);
	else
		err = -EAFNOSUPPORT;
	rtnl_unlock();
	return err;
}

/* A netdev that lost its IP configuration has left its groups already. */
static void netdev_leave(struct rxe_dev *rxe, const struct in6_addr *mgid)
{
	rtnl_lock();
	if (ipv6_addr_v4mapped(mgid))
		leave4(rxe->ndev, mgid->s6_addr32[3]);
	else if (ipv6_mod_enabled())
		ipv6_dev_mc_dec(rxe->ndev, mgid);
	rtnl_unlock();
}

/* ---- verbs ---- */

static struct members *members_alloc(u32 n)
{
	struct members *m = kmalloc(struct_size(m, qpn, n), GFP_KERNEL);

	if (m)
		m->n = n;
	return m;
}

static struct members *members_of(struct mcg *g)
{
	return rcu_dereference_protected(g->members,
					 lockdep_is_held(&attach_lock));
}

static int member_index(const struct members *m, u32 qpn)
{
	u32 i;

	for (i = 0; i < m->n; i++) {
		if (m->qpn[i] == qpn)
			return i;
	}
	return -ENOENT;
}

static void members_replace(struct mcg *g, struct members *new)
{
	struct members *old = members_of(g);

	rcu_assign_pointer(g->members, new);
	kfree_rcu(old, rcu);
}

static int join_group(struct mcg *g, u32 qpn)
{
	struct members *old = members_of(g), *new;

	if (member_index(old, qpn) >= 0)
		return 0;
	if (old->n >= RXE_MAX_MCAST_ATTACH)
		return -ENOMEM;
	new = members_alloc(old->n + 1);
	if (!new)
		return -ENOMEM;
	memcpy(new->qpn, old->qpn, old->n * sizeof(u32));
	new->qpn[old->n] = qpn;
	members_replace(g, new);
	return 0;
}

static int found_group(struct rxe_dev *rxe, const struct in6_addr *mgid, u32 qpn)
{
	struct members *m;
	struct mcg *g;
	int err;

	if (rxe->mcast_groups >= RXE_MAX_MCAST_GRP)
		return -ENOMEM;

	g = kzalloc(sizeof(*g), GFP_KERNEL);
	m = members_alloc(1);
	err = -ENOMEM;
	if (!g || !m)
		goto free;
	err = netdev_join(rxe, mgid);
	if (err)
		goto free;

	m->qpn[0] = qpn;
	g->mgid = *mgid;
	RCU_INIT_POINTER(g->members, m);
	mcg_insert(rxe, g);
	return 0;
free:
	kfree(m);
	kfree(g);
	return err;
}

int rxe_attach_mcast(struct ib_qp *ibqp, union ib_gid *gid, u16 lid)
{
	struct rxe_dev *rxe = to_rdev(ibqp->device);
	struct in6_addr mgid;
	struct mcg *g;
	int err;

	memcpy(&mgid, gid, sizeof(mgid));
	if (!rxe_is_group(&mgid))
		return -EINVAL;

	mutex_lock(&attach_lock);
	g = mcg_find(rxe, &mgid);
	if (g)
		err = join_group(g, ibqp->qp_num);
	else
		err = found_group(rxe, &mgid, ibqp->qp_num);
	mutex_unlock(&attach_lock);
	return err;
}

static int leave_group(struct rxe_dev *rxe, struct mcg *g, u32 qpn)
{
	struct members *old = members_of(g), *new;
	int i = member_index(old, qpn);

	if (i < 0)
		return -EINVAL;

	if (old->n == 1) {
		mcg_remove(rxe, g);
		netdev_leave(rxe, &g->mgid);
		kfree_rcu(old, rcu);
		kfree_rcu(g, rcu);
		return 0;
	}

	new = members_alloc(old->n - 1);
	if (!new)
		return -ENOMEM;
	memcpy(new->qpn, old->qpn, i * sizeof(u32));
	memcpy(new->qpn + i, old->qpn + i + 1, (new->n - i) * sizeof(u32));
	members_replace(g, new);
	return 0;
}

int rxe_detach_mcast(struct ib_qp *ibqp, union ib_gid *gid, u16 lid)
{
	struct rxe_dev *rxe = to_rdev(ibqp->device);
	struct in6_addr mgid;
	struct mcg *g;
	int err = -EINVAL;

	memcpy(&mgid, gid, sizeof(mgid));
	mutex_lock(&attach_lock);
	g = mcg_find(rxe, &mgid);
	if (g)
		err = leave_group(rxe, g, ibqp->qp_num);
	mutex_unlock(&attach_lock);
	return err;
}

/* ---- receiving ---- */

void rxe_mcast_receive(struct rxe_dev *rxe, const struct in6_addr *mgid,
		       struct sk_buff *skb)
{
	const struct members *m = NULL;
	struct sk_buff *copy;
	struct mcg *g;
	u32 i;

	rcu_read_lock();
	spin_lock_bh(&rxe->mcast_lock);
	g = mcg_find(rxe, mgid);
	if (g)
		m = rcu_dereference(g->members);
	spin_unlock_bh(&rxe->mcast_lock);
	if (!m) {
		kfree_skb(skb);
		goto out;
	}

	for (i = 0; i + 1 < m->n; i++) {
		copy = skb_clone(skb, GFP_ATOMIC);
		if (copy)
			rxe_rx_deliver(rxe, m->qpn[i], copy);
	}
	rxe_rx_deliver(rxe, m->qpn[i], skb);
out:
	rcu_read_unlock();
}
