// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "odp.h"
#include "selftest.h"

#define ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | \
		IBV_ACCESS_REMOTE_ATOMIC)
#define PATIENCE_S 30

/* RoCE: a GID of version 2 that is not link-local, if there is one. */
static int choose_gid(struct ibv_context *ctx, uint8_t port, const struct ibv_port_attr *attr,
		      union ibv_gid *gid)
{
	const char *dev = ibv_get_device_name(ctx->device);
	char file[48], type[32];
	union ibv_gid g;
	int best = -1;

	for (int i = 0; i < attr->gid_tbl_len; i++) {
		if (ibv_query_gid(ctx, port, i, &g) || !g.global.interface_id)
			continue;
		snprintf(file, sizeof(file), "gid_attrs/types/%d", i);
		if (attr->link_layer == IBV_LINK_LAYER_ETHERNET &&
		    (!port_file(dev, port, file, type, sizeof(type)) || !strstr(type, "v2")))
			continue;
		if (best < 0 || gid->raw[0] == 0xfe) {
			best = i;
			*gid = g;
		}
	}
	return best;
}

static int connect_one(struct ibv_qp *qp, uint32_t peer, uint8_t port,
		       const struct ibv_port_attr *port_attr, int gid_index,
		       const union ibv_gid *gid)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = port,
		.qp_access_flags = ACCESS,
	};
	int err;

	err = ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			    IBV_QP_ACCESS_FLAGS);
	if (err)
		return err;

	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTR,
		.path_mtu = port_attr->active_mtu,
		.dest_qp_num = peer,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 1,
		.ah_attr = { .dlid = port_attr->lid, .port_num = port },
	};
	if (gid_index >= 0) {
		attr.ah_attr.is_global = 1;
		attr.ah_attr.grh.dgid = *gid;
		attr.ah_attr.grh.sgid_index = gid_index;
		attr.ah_attr.grh.hop_limit = 64;
	}
	err = ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
			    IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
			    IBV_QP_MIN_RNR_TIMER);
	if (err)
		return err;

	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTS,
		.timeout = 18,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};
	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			     IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

bool pair_open(struct pair *p, struct ibv_context *ctx, uint8_t port, const char **what)
{
	struct ibv_qp_init_attr init = {
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
		.cap = { .max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1 },
	};
	struct ibv_port_attr attr;
	union ibv_gid gid = {};
	int index, err;

	*p = (struct pair){ .ctx = ctx };
	*what = "the port cannot be queried";
	err = ibv_query_port(ctx, port, &attr);
	if (err)
		goto fail;
	*what = "the port is not active";
	err = ENETDOWN;
	if (attr.state != IBV_PORT_ACTIVE)
		goto fail;
	index = choose_gid(ctx, port, &attr, &gid);
	*what = "the port has no address";
	err = EADDRNOTAVAIL;
	if (index < 0 && attr.link_layer == IBV_LINK_LAYER_ETHERNET)
		goto fail;

	errno = 0;
	*what = "no protection domain";
	p->pd = ibv_alloc_pd(ctx);
	if (p->pd) {
		*what = "no completion queue";
		p->cq = ibv_create_cq(ctx, 16, NULL, NULL, 0);
	}
	init.send_cq = init.recv_cq = p->cq;
	for (int i = 0; p->cq && i < 2; i++) {
		*what = "no queue pair";
		p->qp[i] = ibv_create_qp(p->pd, &init);
	}
	err = errno;
	if (!p->qp[0] || !p->qp[1])
		goto fail;
	*what = "the queue pairs do not connect";
	for (int i = 0; i < 2; i++) {
		err = connect_one(p->qp[i], p->qp[!i]->qp_num, port, &attr, index, &gid);
		if (err)
			goto fail;
	}
	return true;

fail:
	pair_close(p);
	errno = err;
	return false;
}

void pair_close(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		if (p->qp[i])
			ibv_destroy_qp(p->qp[i]);
	if (p->cq)
		ibv_destroy_cq(p->cq);
	if (p->pd)
		ibv_dealloc_pd(p->pd);
	*p = (struct pair){};
}

int pair_do(struct pair *p, enum ibv_wr_opcode op, struct ibv_mr *lmr, void *local,
	    struct ibv_mr *rmr, void *remote, size_t len, uint64_t add, uint64_t swap)
{
	struct ibv_sge sge = { .addr = (uintptr_t)local, .length = len, .lkey = lmr->lkey };
	struct ibv_sge rsge = { .addr = (uintptr_t)remote, .length = len, .lkey = rmr->lkey };
	struct ibv_recv_wr recv = { .sg_list = &rsge, .num_sge = 1 }, *bad_recv;
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = op }, *bad;
	int waiting = 1, status = IBV_WC_SUCCESS, n;
	time_t end = time(NULL) + PATIENCE_S;
	struct ibv_wc wc;

	if (op == IBV_WR_SEND) {
		if (ibv_post_recv(p->qp[1], &recv, &bad_recv))
			return IBV_WC_GENERAL_ERR;
		waiting++;
	} else if (op == IBV_WR_ATOMIC_CMP_AND_SWP || op == IBV_WR_ATOMIC_FETCH_AND_ADD) {
		wr.wr.atomic.remote_addr = (uintptr_t)remote;
		wr.wr.atomic.rkey = rmr->rkey;
		wr.wr.atomic.compare_add = add;
		wr.wr.atomic.swap = swap;
	} else {
		wr.wr.rdma.remote_addr = (uintptr_t)remote;
		wr.wr.rdma.rkey = rmr->rkey;
	}
	if (ibv_post_send(p->qp[0], &wr, &bad))
		return IBV_WC_GENERAL_ERR;
	while (waiting) {
		n = ibv_poll_cq(p->cq, 1, &wc);
		if (n < 0)
			return IBV_WC_GENERAL_ERR;
		if (n) {
			waiting--;
			if (!status)
				status = wc.status;
			/* The receive of a send that failed may never complete. */
			if (status)
				break;
			continue;
		}
		if (time(NULL) > end)
			return PAIR_TIMEOUT;
		usleep(50);
	}
	return status;
}
