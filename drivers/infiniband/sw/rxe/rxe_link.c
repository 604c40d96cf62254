// SPDX-License-Identifier: GPL-2.0
/*
 * Devices come and go with their netdev: "rdma link add", and what happens to
 * the netdev afterwards. One device a netdev.
 *
 * The netdevice notifier runs under RTNL and finds the device through the
 * core, which hands out references only while it is registered.
 */
#include <linux/if_vlan.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <rdma/rdma_netlink.h>
#include "rxe_verbs.h"

/* IPv6, UDP, BTH, RETH, ImmDt, ICRC: the most that goes with payload. */
#define RXE_OVERHEAD	(40 + 8 + 12 + 16 + 4 + RXE_ICRC_LEN)

/* Two links asked for at the same time on one netdev. */
static DEFINE_MUTEX(newlink_mutex);

/**
 * rxe_set_mtu() - derive the RDMA MTU from the netdev's
 * @rxe: device
 *
 * Process context. The largest MTU that fits; 256 if none does. Queue pairs
 * keep the path MTU they were given.
 */
void rxe_set_mtu(struct rxe_dev *rxe)
{
	int room = (int)READ_ONCE(rxe->ndev->mtu) - RXE_OVERHEAD;
	enum ib_mtu mtu = IB_MTU_4096;

	while (mtu > IB_MTU_256 && ib_mtu_enum_to_int(mtu) > room)
		mtu--;
	WRITE_ONCE(rxe->mtu, mtu);
}

/**
 * rxe_port_event() - tell consumers about the port
 * @rxe: device
 * @event: IB_EVENT_PORT_ACTIVE, IB_EVENT_PORT_ERR, ...
 *
 * Any context.
 */
void rxe_port_event(struct rxe_dev *rxe, enum ib_event_type event)
{
	struct ib_event ev = {
		.device			= &rxe->ib_dev,
		.element.port_num	= 1,
		.event			= event,
	};

	ib_dispatch_event(&ev);
}

/**
 * rxe_port_is_up() - state of the port
 * @rxe: device
 *
 * Any context. Return: true if the netdev is up and has a carrier.
 */
bool rxe_port_is_up(const struct rxe_dev *rxe)
{
	return netif_running(rxe->ndev) && netif_carrier_ok(rxe->ndev);
}

static void port_refresh(struct rxe_dev *rxe)
{
	bool up = rxe_port_is_up(rxe);

	ASSERT_RTNL();

	if (up == rxe->port_up)
		return;
	rxe->port_up = up;

	if (up) {
		rxe_port_event(rxe, IB_EVENT_PORT_ACTIVE);
	} else {
		rxe_count(rxe, RXE_CNT_LINK_DOWNED);
		rxe_port_event(rxe, IB_EVENT_PORT_ERR);
	}
	rxe_qp_kick_all(rxe);
}

static struct rxe_dev *get_by_netdev(struct net_device *ndev)
{
	struct ib_device *ibdev;

	ibdev = ib_device_get_by_netdev(ndev, RDMA_DRIVER_RXE);
	return ibdev ? to_rdev(ibdev) : NULL;
}

static int netdev_notify(struct notifier_block *nb, unsigned long event,
			 void *arg)
{
	struct net_device *ndev = netdev_notifier_info_to_dev(arg);
	struct rxe_dev *rxe;

	rxe = get_by_netdev(ndev);
	if (!rxe)
		return NOTIFY_DONE;

	switch (event) {
	case NETDEV_UNREGISTER:
		/* also when it moves to another namespace */
		ib_unregister_device_queued(&rxe->ib_dev);
		break;
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
		port_refresh(rxe);
		break;
	case NETDEV_CHANGEMTU:
		rxe_set_mtu(rxe);
		break;
	case NETDEV_CHANGEADDR:
		/* GIDs are the core's business; the GUIDs stay what they were */
		rxe_qp_kick_all(rxe);
		break;
	default:
		break;
	}

	ib_device_put(&rxe->ib_dev);
	return NOTIFY_DONE;
}

static struct notifier_block netdev_nb = {
	.notifier_call = netdev_notify,
};

/* What the notifier would have done while the device was being registered. */
static void catch_up(struct net_device *ndev)
{
	struct rxe_dev *rxe;

	rtnl_lock();
	rxe = get_by_netdev(ndev);
	if (rxe) {
		if (ndev->reg_state != NETREG_REGISTERED)
			ib_unregister_device_queued(&rxe->ib_dev);
		rxe_set_mtu(rxe);
		port_refresh(rxe);
		ib_device_put(&rxe->ib_dev);
	}
	rtnl_unlock();
}

static int rxe_newlink(const char *name, struct net_device *ndev)
{
	struct rxe_dev *rxe;
	int err = 0;

	/* the core keeps a VLAN's addresses with the device below it */
	if (is_vlan_dev(ndev))
		return -EPERM;
	mutex_lock(&newlink_mutex);
	rxe = get_by_netdev(ndev);
	if (rxe) {
		ib_device_put(&rxe->ib_dev);
		err = -EEXIST;
	} else {
		rxe = rxe_dev_create(ndev, name);
		if (IS_ERR(rxe))
			err = PTR_ERR(rxe);
		else
			catch_up(ndev);
	}
	mutex_unlock(&newlink_mutex);
	return err;
}

/* The core unregisters the device after this; rxe_dev_release() does the rest. */
static int __maybe_unused rxe_dellink(struct ib_device *ibdev)
{
	return 0;
}

static struct rdma_link_ops link_ops = {
	.type = "rxe",
	.newlink = rxe_newlink,
	COMPAT_OP_DELLINK(rxe_dellink)
};

/**
 * rxe_link_init() - take requests for links and follow netdevs
 *
 * Process context. Return: 0 or a negative errno.
 */
int rxe_link_init(void)
{
	int err;

	err = register_netdevice_notifier(&netdev_nb);
	if (err)
		return err;

	rdma_link_register(&link_ops);
	return 0;
}

/**
 * rxe_link_exit() - the reverse of rxe_link_init()
 *
 * Process context. Existing devices stay, but no longer follow their netdev.
 */
void rxe_link_exit(void)
{
	rdma_link_unregister(&link_ops);
	unregister_netdevice_notifier(&netdev_nb);
}
