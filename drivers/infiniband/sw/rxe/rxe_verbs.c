// SPDX-License-Identifier: GPL-2.0
/*
 * Room "door": the verbs table, and the verbs that are too small for a file of
 * their own. No logic of the transport.
 */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <rdma/ib_cache.h>
#include <rdma/ib_mad.h>
#include "rxe_verbs.h"
#include "rxe_qp.h"
#include "rxe_mem.h"
#include "rxe_net.h"

#define RXE_UVERBS_ABI_VERSION	2	/* what user libraries ask for */
#define RXE_PKEY		0xffff	/* the one entry of the table */

/* ---- device and port ---- */

static int rxe_query_device(struct ib_device *ibdev,
			    struct ib_device_attr *attr,
			    struct ib_udata *udata)
{
	if (udata && (udata->inlen || udata->outlen))
		return -EINVAL;

	*attr = to_rdev(ibdev)->attr;
	return 0;
}

static int rxe_modify_device(struct ib_device *ibdev, int mask,
			     struct ib_device_modify *attr)
{
	if (mask & ~(IB_DEVICE_MODIFY_SYS_IMAGE_GUID |
		     IB_DEVICE_MODIFY_NODE_DESC))
		return -EOPNOTSUPP;

	if (mask & IB_DEVICE_MODIFY_SYS_IMAGE_GUID)
		to_rdev(ibdev)->attr.sys_image_guid =
			cpu_to_be64(attr->sys_image_guid);
	if (mask & IB_DEVICE_MODIFY_NODE_DESC)
		memcpy(ibdev->node_desc, attr->node_desc,
		       sizeof(ibdev->node_desc));
	return 0;
}

static int rxe_query_port(struct ib_device *ibdev, u32 port,
			  struct ib_port_attr *attr)
{
	struct rxe_dev *rxe = to_rdev(ibdev);

	/* zeroed by the core */
	if (rxe_port_is_up(rxe)) {
		attr->state = IB_PORT_ACTIVE;
		attr->phys_state = IB_PORT_PHYS_STATE_LINK_UP;
	} else {
		attr->state = IB_PORT_DOWN;
		attr->phys_state = netif_running(rxe->ndev) ?
				   IB_PORT_PHYS_STATE_POLLING :
				   IB_PORT_PHYS_STATE_DISABLED;
	}

	attr->max_mtu = IB_MTU_4096;
	attr->active_mtu = READ_ONCE(rxe->mtu);
	attr->gid_tbl_len = RXE_GID_TABLE_LEN;
	attr->ip_gids = true;
	attr->port_cap_flags = READ_ONCE(rxe->port_caps);
	attr->max_msg_sz = RXE_MAX_MSG;
	attr->pkey_tbl_len = 1;
	attr->max_vl_num = 1;
	return ib_get_eth_speed(ibdev, port, &attr->active_speed,
				&attr->active_width);
}

static int rxe_modify_port(struct ib_device *ibdev, u32 port, int mask,
			   struct ib_port_modify *attr)
{
	struct rxe_dev *rxe = to_rdev(ibdev);

	if (mask & ~IB_PORT_RESET_QKEY_CNTR)	/* which stays 0 anyway */
		return -EOPNOTSUPP;

	WRITE_ONCE(rxe->port_caps, (rxe->port_caps | attr->set_port_cap_mask) &
				   ~attr->clr_port_cap_mask);
	return 0;
}

static int rxe_query_pkey(struct ib_device *ibdev, u32 port, u16 index,
			  u16 *pkey)
{
	if (index)
		return -EINVAL;

	*pkey = RXE_PKEY;
	return 0;
}

static enum rdma_link_layer rxe_get_link_layer(struct ib_device *ibdev,
					       u32 port)
{
	return IB_LINK_LAYER_ETHERNET;
}

static int rxe_get_port_immutable(struct ib_device *ibdev, u32 port,
				  struct ib_port_immutable *imm)
{
	imm->core_cap_flags = RDMA_CORE_PORT_IBA_ROCE_UDP_ENCAP;
	imm->pkey_tbl_len = 1;
	imm->gid_tbl_len = RXE_GID_TABLE_LEN;
	imm->max_mad_size = IB_MGMT_MAD_SIZE;
	return 0;
}

/* The netdevice notifier of rxe_link.c reports these already. */
static void __maybe_unused rxe_report_port_event(struct ib_device *ibdev,
						 struct net_device *ndev,
						 unsigned long event)
{
}

/* ---- contexts and protection domains ---- */

static int rxe_alloc_ucontext(struct ib_ucontext *ibuc, struct ib_udata *udata)
{
	return 0;
}

static void rxe_dealloc_ucontext(struct ib_ucontext *ibuc)
{
	rxe_mem_forget(container_of(ibuc, struct rxe_ucontext, ibuc));
}

/*
 * Being there is what lets a device go while processes have it open: the core
 * destroys their objects. Mappings of rings outlive the device by themselves.
 */
static void rxe_disassociate_ucontext(struct ib_ucontext *ibuc)
{
}

static int rxe_alloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	struct rxe_dev *rxe = to_rdev(ibpd->device);

	return atomic_add_unless(&rxe->npds, 1, RXE_MAX_PD) ? 0 : -ENOMEM;
}

static int rxe_dealloc_pd(struct ib_pd *ibpd, struct ib_udata *udata)
{
	atomic_dec(&to_rdev(ibpd->device)->npds);
	return 0;
}

/* ---- memory regions ---- */

static struct ib_mr *rxe_reg_user_mr(struct ib_pd *pd, u64 start, u64 length,
				     u64 iova, int access, COMPAT_DMAH_ARG
				     struct ib_udata *udata)
{
	if (COMPAT_DMAH_GIVEN)
		return ERR_PTR(-EOPNOTSUPP);

	return rxe_reg_user_mr_common(pd, start, length, iova, access, udata);
}

/* ---- sysfs ---- */

static ssize_t parent_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct rxe_dev *rxe = rdma_device_to_drv_device(dev, struct rxe_dev,
							ib_dev);

	return sysfs_emit(buf, "%s\n", netdev_name(rxe->ndev));
}
static DEVICE_ATTR_RO(parent);

static struct attribute *rxe_attrs[] = {
	&dev_attr_parent.attr,
	NULL
};

static const struct attribute_group rxe_attr_group = {
	.attrs = rxe_attrs,
};

/* ---- the table ---- */

static const struct ib_device_ops rxe_ops = {
	.owner = THIS_MODULE,
	.driver_id = RDMA_DRIVER_RXE,
	.uverbs_abi_ver = RXE_UVERBS_ABI_VERSION,
	.device_group = &rxe_attr_group,

	.dealloc_driver = rxe_dev_release,
	.disassociate_ucontext = rxe_disassociate_ucontext,

	.query_device = rxe_query_device,
	.modify_device = rxe_modify_device,
	.query_port = rxe_query_port,
	.modify_port = rxe_modify_port,
	.query_pkey = rxe_query_pkey,
	.get_link_layer = rxe_get_link_layer,
	.get_port_immutable = rxe_get_port_immutable,
	COMPAT_OP_PORT_EVENT(rxe_report_port_event)

	.alloc_ucontext = rxe_alloc_ucontext,
	.dealloc_ucontext = rxe_dealloc_ucontext,
	.mmap = rxe_mmap,
	.alloc_pd = rxe_alloc_pd,
	.dealloc_pd = rxe_dealloc_pd,

	.create_cq = rxe_create_cq,
	.modify_cq = rxe_modify_cq,
	COMPAT_OP_RESIZE_CQ(rxe_resize_cq),
	.destroy_cq = rxe_destroy_cq,
	.poll_cq = rxe_poll_cq,
	.peek_cq = rxe_peek_cq,
	.req_notify_cq = rxe_req_notify_cq,

	.create_srq = rxe_create_srq,
	.modify_srq = rxe_modify_srq,
	.query_srq = rxe_query_srq,
	.destroy_srq = rxe_destroy_srq,
	.post_srq_recv = rxe_post_srq_recv,

	.create_ah = rxe_create_ah,
	.create_user_ah = rxe_create_ah,
	.modify_ah = rxe_modify_ah,
	.query_ah = rxe_query_ah,
	.destroy_ah = rxe_destroy_ah,

	.create_qp = rxe_create_qp,
	.modify_qp = rxe_modify_qp,
	.query_qp = rxe_query_qp,
	.destroy_qp = rxe_destroy_qp,
	.post_send = rxe_post_send,
	.post_recv = rxe_post_recv,
	.attach_mcast = rxe_attach_mcast,
	.detach_mcast = rxe_detach_mcast,

	.get_dma_mr = rxe_get_dma_mr,
	.reg_user_mr = rxe_reg_user_mr,
	.rereg_user_mr = rxe_rereg_user_mr,
	.alloc_mr = rxe_alloc_mr,
	.map_mr_sg = rxe_map_mr_sg,
	.dereg_mr = rxe_dereg_mr,
	.advise_mr = rxe_advise_mr,
	.alloc_mw = rxe_alloc_mw,
	.dealloc_mw = rxe_dealloc_mw,

	.alloc_hw_port_stats = rxe_alloc_hw_port_stats,
	.get_hw_stats = rxe_get_hw_stats,
	.process_mad = rxe_process_mad,
	.fill_stat_mr_entry = rxe_fill_stat_mr_entry,
	.fill_res_mr_entry = rxe_fill_res_mr_entry,
	.fill_res_qp_entry = rxe_fill_res_qp_entry,
	.fill_res_cq_entry = rxe_fill_res_cq_entry,

	INIT_RDMA_OBJ_SIZE(ib_ah, rxe_ah, ibah),
	INIT_RDMA_OBJ_SIZE(ib_cq, rxe_cq, ibcq),
	INIT_RDMA_OBJ_SIZE(ib_mw, rxe_mw, ibmw),
	INIT_RDMA_OBJ_SIZE(ib_pd, rxe_pd, ibpd),
	INIT_RDMA_OBJ_SIZE(ib_qp, rxe_qp, ibqp),
	INIT_RDMA_OBJ_SIZE(ib_srq, rxe_srq, ibsrq),
	INIT_RDMA_OBJ_SIZE(ib_ucontext, rxe_ucontext, ibuc),
};

/**
 * rxe_dev_register() - hand a device to the core
 * @rxe: device, everything below the door is set up
 * @name: its name, may be a pattern with %d
 *
 * Process context. Whatever the result, ib_dealloc_device() will release the
 * device from now on. Return: 0 or a negative errno.
 */
int rxe_dev_register(struct rxe_dev *rxe, const char *name)
{
	struct ib_device *ibdev = &rxe->ib_dev;
	int err;

	strscpy(ibdev->node_desc, "rxe", sizeof(ibdev->node_desc));
	ibdev->node_type = RDMA_NODE_IB_CA;
	ibdev->phys_port_cnt = 1;
	ibdev->num_comp_vectors = num_possible_cpus();
	ibdev->local_dma_lkey = 0;

	/* doorbell and CQ arming go through write commands of their own */
	ibdev->uverbs_cmd_mask |= BIT_ULL(IB_USER_VERBS_CMD_POST_SEND) |
				  BIT_ULL(IB_USER_VERBS_CMD_REQ_NOTIFY_CQ);

	ib_set_device_ops(ibdev, &rxe_ops);

	err = ib_device_set_netdev(ibdev, rxe->ndev, 1);
	if (err)
		return err;

	return ib_register_device(ibdev, name, NULL);
}
