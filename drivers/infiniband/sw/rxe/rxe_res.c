// SPDX-License-Identifier: GPL-2.0
/*
 * Room "door": what "rdma -dd resource show" says of an object beyond what the
 * core knows. Anybody may ask, so there are neither keys nor addresses.
 *
 * The core may ask for an object that is being destroyed: it is still there, but
 * what it stands on need not be. Values are read as they are at the moment.
 */
#include <rdma/rdma_netlink.h>
#include <rdma/restrack.h>
#include "rxe_verbs.h"
#include "rxe_qp.h"
#include "rxe_mem.h"

static struct nlattr *details_start(struct sk_buff *msg)
{
	return nla_nest_start(msg, RDMA_NLDEV_ATTR_DRIVER);
}

static int details_end(struct sk_buff *msg, struct nlattr *table, bool ok)
{
	if (!ok) {
		nla_nest_cancel(msg, table);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, table);
	return 0;
}

/**
 * rxe_fill_res_mr_entry() - how a region holds its memory, and its windows
 * @msg: netlink message
 * @ibmr: MR
 *
 * Process context. Return: 0 or -EMSGSIZE.
 */
int rxe_fill_res_mr_entry(struct sk_buff *msg, struct ib_mr *ibmr)
{
	static const char *const kinds[] = {
		[RXE_MR_KMEM] = "kernel", [RXE_MR_PINNED] = "pinned",
		[RXE_MR_FAST] = "fast", [RXE_MR_ODP] = "odp",
		[RXE_MR_IMPLICIT] = "odp-implicit",
	};
	struct rxe_mr *mr = to_rmr(ibmr);
	struct nlattr *table = details_start(msg);

	if (!table)
		return -EMSGSIZE;
	return details_end(msg, table,
		!rdma_nl_put_driver_string(msg, "kind", kinds[READ_ONCE(mr->kind)]) &&
		!rdma_nl_put_driver_u32(msg, "windows", atomic_read(&mr->windows)));
}

/**
 * rxe_fill_res_qp_entry() - road, what is in flight, and who waits for a fault
 * @msg: netlink message
 * @ibqp: QP
 *
 * Process context. Return: 0 or -EMSGSIZE.
 */
int rxe_fill_res_qp_entry(struct sk_buff *msg, struct ib_qp *ibqp)
{
	struct rxe_qp *qp = to_rqp(ibqp);
	struct rxe_req *req = &qp->req;
	struct nlattr *table;
	const char *road;

	table = details_start(msg);
	if (!table)
		return -EMSGSIZE;
	road = rxe_qp_is_dgram(qp) ? "any" :
	       READ_ONCE(qp->path.local) ? "local" : "wire";
	return details_end(msg, table,
		!rdma_nl_put_driver_string(msg, "road", road) &&
		!rdma_nl_put_driver_u32(msg, "sends_in_flight",
			READ_ONCE(req->next) - READ_ONCE(req->head)) &&
		!rdma_nl_put_driver_u32(msg, "window", READ_ONCE(req->window)) &&
		!rdma_nl_put_driver_u32(msg, "sq_parked", !!READ_ONCE(req->side.job)) &&
		!rdma_nl_put_driver_u32(msg, "rq_parked",
			!!READ_ONCE(qp->resp.side.job)) &&
		!rdma_nl_put_driver_u32(msg, "packets_waiting",
			READ_ONCE(req->side.packets) +
			READ_ONCE(qp->resp.side.packets)));
}

/**
 * rxe_fill_res_cq_entry() - completions that wait to be polled
 * @msg: netlink message
 * @ibcq: CQ
 *
 * Process context. Return: 0 or -EMSGSIZE.
 */
int rxe_fill_res_cq_entry(struct sk_buff *msg, struct ib_cq *ibcq)
{
	struct rxe_cq *cq = to_rcq(ibcq);
	struct nlattr *table = details_start(msg);
	unsigned long flags;
	u32 unread = 0;

	if (!table)
		return -EMSGSIZE;
	spin_lock_irqsave(&cq->lock, flags);
	if (cq->queue)
		unread = rxe_queue_unread(cq->queue);
	spin_unlock_irqrestore(&cq->lock, flags);
	return details_end(msg, table,
		!rdma_nl_put_driver_u32(msg, "unread", unread) &&
		!rdma_nl_put_driver_u32(msg, "armed", !!READ_ONCE(cq->armed)) &&
		!rdma_nl_put_driver_u32(msg, "overflowed", READ_ONCE(cq->broken)));
}
