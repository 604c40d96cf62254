// SPDX-License-Identifier: GPL-2.0
/*
 * The module and its devices: what a device is made of, what it says it can
 * do, and the order in which things are set up and taken down.
 *
 * Life of a device: rxe_dev_create() builds it bottom up and registers it. From
 * then on anybody may unregister it (rdma link delete, the netdev going away,
 * module exit); when the core has destroyed the last object, it calls
 * rxe_dev_release(), which takes down what rxe_dev_create() had built.
 */
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <net/addrconf.h>
#include <rdma/ib_mad.h>
#include <rdma/rdma_netlink.h>
#include "rxe_verbs.h"
#include "rxe_mem.h"
#include "rxe_net.h"

#define RXE_VENDOR_ID		0xffffff	/* none, IBTA A3.3.1 */

/* Every operation that touches memory does so through one iterator. */
#define RXE_ODP_MSG_CAPS	(IB_ODP_SUPPORT_SEND | IB_ODP_SUPPORT_RECV)
#define RXE_ODP_RC_CAPS		(RXE_ODP_MSG_CAPS | IB_ODP_SUPPORT_WRITE | \
				 IB_ODP_SUPPORT_READ | IB_ODP_SUPPORT_ATOMIC | \
				 IB_ODP_SUPPORT_SRQ_RECV | COMPAT_ODP_FLUSH_CAPS)
#define RXE_ODP_UC_CAPS		(RXE_ODP_MSG_CAPS | IB_ODP_SUPPORT_WRITE | \
				 IB_ODP_SUPPORT_SRQ_RECV)
#define RXE_ODP_UD_CAPS		(RXE_ODP_MSG_CAPS | IB_ODP_SUPPORT_SRQ_RECV)

static const struct ib_device_attr rxe_attr = {
	.vendor_id		= RXE_VENDOR_ID,
	.max_mr_size		= U64_MAX,
	.page_size_cap		= 0xfffff000,
	.max_qp			= RXE_MAX_QP,
	.max_qp_wr		= RXE_MAX_QP_WR,
	.device_cap_flags	= IB_DEVICE_UD_AV_PORT_ENFORCE |
				  IB_DEVICE_PORT_ACTIVE_EVENT |
				  IB_DEVICE_SYS_IMAGE_GUID |
				  IB_DEVICE_RC_RNR_NAK_GEN |
				  IB_DEVICE_SRQ_RESIZE |
				  IB_DEVICE_MEM_MGT_EXTENSIONS |
				  IB_DEVICE_MEM_WINDOW |
				  IB_DEVICE_MEM_WINDOW_TYPE_2B |
				  IB_DEVICE_ATOMIC_WRITE | COMPAT_DEVICE_FLUSH,
	.kernel_cap_flags	= IBK_ALLOW_USER_UNREG | IBK_ON_DEMAND_PAGING,
	.max_send_sge		= RXE_MAX_SGE,
	.max_recv_sge		= RXE_MAX_SGE,
	.max_sge_rd		= RXE_MAX_SGE,
	.max_cq			= RXE_MAX_CQ,
	.max_cqe		= RXE_MAX_CQE,
	.cq_caps = {
		.max_cq_moderation_count	= U16_MAX,
		.max_cq_moderation_period	= U16_MAX,
	},
	.max_mr			= RXE_MAX_MR_INDEX - RXE_MIN_MR_INDEX + 1,
	.max_mw			= RXE_MAX_MW_INDEX - RXE_MIN_MW_INDEX + 1,
	.max_pd			= RXE_MAX_PD,
	.max_qp_rd_atom		= RXE_MAX_RD_ATOMIC,
	.max_res_rd_atom	= RXE_MAX_RD_ATOMIC * RXE_MAX_QP,
	.max_qp_init_rd_atom	= RXE_MAX_RD_ATOMIC,
	.atomic_cap		= IB_ATOMIC_HCA,
	.max_mcast_grp		= RXE_MAX_MCAST_GRP,
	.max_mcast_qp_attach	= RXE_MAX_MCAST_ATTACH,
	.max_total_mcast_qp_attach = RXE_MAX_MCAST_GRP * RXE_MAX_MCAST_ATTACH,
	.max_ah			= RXE_MAX_AH,
	.max_srq		= RXE_MAX_SRQ,
	.max_srq_wr		= RXE_MAX_SRQ_WR,
	.max_srq_sge		= RXE_MAX_SRQ_SGE,
	.max_fast_reg_page_list_len = RXE_MAX_FRMR_PAGES,
	.max_pkeys		= 1,
	.local_ca_ack_delay	= 15,
	.odp_caps		= {
		.general_caps = IB_ODP_SUPPORT | IB_ODP_SUPPORT_IMPLICIT,
		.per_transport_caps = {
			.rc_odp_caps = RXE_ODP_RC_CAPS,
			.uc_odp_caps = RXE_ODP_UC_CAPS,
			.ud_odp_caps = RXE_ODP_UD_CAPS,
		},
	},
};

/* A netdev without a MAC address of its own (lo, tun) gets a random GUID. */
static void set_guids(struct rxe_dev *rxe)
{
	u8 mac[ETH_ALEN];
	__be64 guid;

	if (rxe->ndev->addr_len == ETH_ALEN &&
	    !is_zero_ether_addr(rxe->ndev->dev_addr))
		ether_addr_copy(mac, rxe->ndev->dev_addr);
	else
		eth_random_addr(mac);

	addrconf_addr_eui48((u8 *)&guid, mac);
	rxe->attr.sys_image_guid = guid;
	rxe->ib_dev.node_guid = guid;
}

static void init_tables(struct rxe_dev *rxe)
{
	xa_init_flags(&rxe->qps, XA_FLAGS_ALLOC);
	xa_init_flags(&rxe->mrs, XA_FLAGS_ALLOC);
	xa_init_flags(&rxe->mws, XA_FLAGS_ALLOC);
	/* kernel consumers create and destroy AHs in any context */
	xa_init_flags(&rxe->ahs, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_IRQ);
	xa_init_flags(&rxe->srqs, XA_FLAGS_ALLOC);

	spin_lock_init(&rxe->mmap_lock);
	INIT_LIST_HEAD(&rxe->mmaps);
	rxe->mmap_next = PAGE_SIZE;	/* 0 is no cookie */

	spin_lock_init(&rxe->mcast_lock);
	rxe->mcast = RB_ROOT;
}

static void destroy_tables(struct rxe_dev *rxe)
{
	WARN_ON_ONCE(!xa_empty(&rxe->qps) || !xa_empty(&rxe->mrs) ||
		     !xa_empty(&rxe->mws) || !xa_empty(&rxe->ahs) ||
		     !xa_empty(&rxe->srqs) || !list_empty(&rxe->mmaps));

	xa_destroy(&rxe->qps);
	xa_destroy(&rxe->mrs);
	xa_destroy(&rxe->mws);
	xa_destroy(&rxe->ahs);
	xa_destroy(&rxe->srqs);
}

/**
 * rxe_dev_release() - dealloc_driver: take a device down
 * @ibdev: device, all of its objects are gone; freed by the core afterwards
 *
 * Process context.
 */
void rxe_dev_release(struct ib_device *ibdev)
{
	struct rxe_dev *rxe = to_rdev(ibdev);

	rxe_net_del(rxe);
	destroy_tables(rxe);
	free_percpu(rxe->stats);
	dev_put(rxe->ndev);
}

/**
 * rxe_dev_create() - make a device and register it
 * @ndev: its netdev, held by the caller meanwhile
 * @name: its name, may be a pattern with %d
 *
 * Process context without RTNL.
 * Return: the device or ERR_PTR. The device may be unregistered by anybody at
 * once, hence it must not be touched without a reference from the core.
 */
struct rxe_dev *rxe_dev_create(struct net_device *ndev, const char *name)
{
	struct rxe_dev *rxe;
	int err = -ENOMEM;

	rxe = compat_ib_alloc_device(rxe_dev, ib_dev, dev_net(ndev));
	if (!rxe)
		return ERR_PTR(-ENOMEM);

	dev_hold(ndev);
	rxe->ndev = ndev;
	rxe->attr = rxe_attr;
	rxe->port_caps = IB_PORT_CM_SUP;
	set_guids(rxe);
	rxe_set_mtu(rxe);
	init_tables(rxe);

	rxe->stats = alloc_percpu(struct rxe_stats);
	if (!rxe->stats)
		goto err_tables;

	err = rxe_net_add(rxe);
	if (err)
		goto err_stats;

	/* from here on ib_dealloc_device() calls rxe_dev_release() */
	err = rxe_dev_register(rxe, name);
	if (err) {
		ib_dealloc_device(&rxe->ib_dev);
		return ERR_PTR(err);
	}
	return rxe;

err_stats:
	free_percpu(rxe->stats);
err_tables:
	destroy_tables(rxe);
	dev_put(ndev);
	ib_dealloc_device(&rxe->ib_dev);
	return ERR_PTR(err);
}

static int __init rxe_init(void)
{
	int err;

	err = rxe_net_init();
	if (err)
		return err;

	err = rxe_engine_init();
	if (err)
		goto err_net;

	err = rxe_link_init();
	if (err)
		goto err_engine;
	return 0;

err_engine:
	rxe_engine_exit();
err_net:
	rxe_net_exit();
	return err;
}

static void __exit rxe_exit(void)
{
	rxe_link_exit();	/* no new devices */
	ib_unregister_driver(RDMA_DRIVER_RXE);
	rxe_engine_exit();
	rxe_mem_exit();
	rxe_net_exit();
	rcu_barrier();		/* objects freed by call_rcu() */
}

module_init(rxe_init);
module_exit(rxe_exit);

MODULE_DESCRIPTION("Soft RDMA over Converged Ethernet, with on-demand paging");
MODULE_LICENSE("GPL");
MODULE_ALIAS_RDMA_LINK("rxe");
