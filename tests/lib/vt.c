// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "vt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>

const char *const vt_kind_name[] = { "pinned", "odp", "implicit" };

bool vt_stock(void)
{
	const char *s = getenv("VT_STOCK");

	return s && *s == '1';
}

bool vt_slow(void)
{
	const char *s = getenv("VT_SLOW");

	return s && *s == '1';
}

void vt_open_name(struct vt_dev *dev, const char *name)
{
	struct ibv_device **list;
	char path[128];
	int i, n = 0;

	memset(dev, 0, sizeof(*dev));
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	list = ibv_get_device_list(&n);
	for (i = 0; i < n && !dev->ctx; i++)
		if (!strcmp(ibv_get_device_name(list[i]), name))
			dev->ctx = ibv_open_device(list[i]);
	if (list)
		ibv_free_device_list(list);
	if (!dev->ctx)
		bail("cannot open RDMA device %s (%d found)", name, n);
	if (ibv_query_device_ex(dev->ctx, NULL, &dev->attr))
		bail("query_device_ex of %s: %m", name);
	dev->pd = ibv_alloc_pd(dev->ctx);
	if (!dev->pd)
		bail("alloc_pd: %m");
	/* Counters are to be read fresh, not from the core's cache. */
	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/1/hw_counters/lifespan", name);
	vt_write_file(path, "0");
}

void vt_open(struct vt_dev *dev)
{
	const char *name = getenv("VT_DEV");

	vt_open_name(dev, name && *name ? name : "rxe0");
}

void vt_close(struct vt_dev *dev)
{
	if (ibv_dealloc_pd(dev->pd))
		diag("dealloc_pd: %m");
	if (ibv_close_device(dev->ctx))
		diag("close_device: %m");
}

bool vt_has(const struct vt_dev *dev, enum vt_kind kind)
{
	uint64_t caps = dev->attr.odp_caps.general_caps;

	switch (kind) {
	case VT_ODP:
		return caps & IBV_ODP_SUPPORT;
	case VT_IMPLICIT:
		return caps & IBV_ODP_SUPPORT_IMPLICIT;
	default:
		return true;
	}
}

bool vt_can(const struct vt_dev *dev, enum vt_kind kind)
{
	if (vt_has(dev, kind))
		return true;
	if (vt_stock())
		skip("no %s memory regions in the stock driver of this kernel", vt_kind_name[kind]);
	else
		ok(false, "the device has %s memory regions", vt_kind_name[kind]);
	return false;
}

void vt_need(const struct vt_dev *dev, enum vt_kind kind)
{
	if (vt_has(dev, kind))
		return;
	if (vt_stock())
		skip_all("the stock driver of this kernel has no %s memory regions",
			 vt_kind_name[kind]);
	bail("%s has no %s memory regions", dev->name, vt_kind_name[kind]);
}

#define FORCE_WIRE "/sys/module/rdma_rxe/parameters/force_wire"

/* While it is on others who want it wait: who is first done would switch it off. */
bool vt_force_wire(bool on)
{
	static int lock = -1;

	if (lock < 0)
		lock = open(FORCE_WIRE, O_RDONLY | O_CLOEXEC);
	if (lock < 0 || (on && flock(lock, LOCK_EX)))
		return false;
	if (vt_write_file(FORCE_WIRE, on ? "1" : "0"))
		return false;
	return on || !flock(lock, LOCK_UN);
}

void vt_need_wire(void)
{
	if (vt_force_wire(false))
		return;
	if (vt_stock())
		skip_all("the stock driver cannot be told to use the wire on one device");
	bail("no " FORCE_WIRE);
}

/*
 * Queue pairs
 */

static int mtu_enum(int bytes)
{
	int e = IBV_MTU_256;

	while (e < IBV_MTU_4096 && (128 << (e + 1)) <= bytes)
		e++;
	return e;
}

/* RoCE v2 only; IPv4-mapped or not as asked, a routable IPv6 before link-local. */
static int find_gid(struct vt_dev *dev, bool v6, union ibv_gid *gid)
{
	struct ibv_gid_entry e[64];
	ssize_t i, n = ibv_query_gid_table(dev->ctx, e, 64, 0);
	int best = -1, score = 0;

	for (i = 0; i < n; i++) {
		bool mapped = IN6_IS_ADDR_V4MAPPED((struct in6_addr *)e[i].gid.raw);
		bool local = IN6_IS_ADDR_LINKLOCAL((struct in6_addr *)e[i].gid.raw);
		int s = mapped == v6 ? 0 : local ? 1 : 2;

		if (e[i].port_num != 1 || e[i].gid_type != IBV_GID_TYPE_ROCE_V2 || s <= score)
			continue;
		score = s;
		best = e[i].gid_index;
		*gid = e[i].gid;
	}
	return best;
}

void vt_qp_create(struct vt_dev *dev, struct vt_qp *q, const struct vt_cfg *cfg)
{
	const char *env = getenv("VT_GID");
	struct ibv_qp_init_attr init = {
		.qp_type = cfg->type ? cfg->type : IBV_QPT_RC,
		.srq = cfg->srq,
	};
	bool v6 = cfg->v6 || (env && !strcmp(env, "v6"));
	int cqe = cfg->cqe ? cfg->cqe : cfg->depth;

	memset(q, 0, sizeof(*q));
	q->dev = dev;
	q->cfg = *cfg;
	q->gid_index = find_gid(dev, v6, &q->self.gid);
	if (q->gid_index < 0)
		bail("%s has no RoCE v2 GID for IPv%d", dev->name, v6 ? 6 : 4);
	if (cfg->events) {
		q->channel = ibv_create_comp_channel(dev->ctx);
		if (!q->channel)
			bail("create_comp_channel: %m");
	}
	q->cq = ibv_create_cq(dev->ctx, cqe, q, q->channel, 0);
	q->rcq = ibv_create_cq(dev->ctx, cqe, q, q->channel, 0);
	if (!q->cq || !q->rcq)
		bail("create_cq(%d): %m", cqe);
	init.send_cq = q->cq;
	init.recv_cq = q->rcq;
	init.cap.max_send_wr = cfg->depth;
	init.cap.max_recv_wr = cfg->depth;
	init.cap.max_send_sge = cfg->sge;
	init.cap.max_recv_sge = cfg->sge;
	init.cap.max_inline_data = cfg->inl;
	init.sq_sig_all = cfg->sig_all;
	if (cfg->send_ops) {
		struct ibv_qp_init_attr_ex ex = {
			.qp_type = init.qp_type,
			.send_cq = init.send_cq,
			.recv_cq = init.recv_cq,
			.srq = init.srq,
			.cap = init.cap,
			.sq_sig_all = init.sq_sig_all,
			.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
			.pd = dev->pd,
			.send_ops_flags = cfg->send_ops,
		};

		q->qp = ibv_create_qp_ex(dev->ctx, &ex);
	} else {
		q->qp = ibv_create_qp(dev->pd, &init);
	}
	if (!q->qp)
		bail("create_qp: %m");
	q->self.qpn = q->qp->qp_num;
	/* Half of all queue pairs see their PSN wrap early. */
	q->self.psn = (q->qp->qp_num & 1) ? 0xfffff0 : (q->qp->qp_num * 2654435761u) & 0xffffff;
}

void vt_qp_connect(struct vt_qp *q, const struct vt_addr *peer)
{
	const struct vt_cfg *cfg = &q->cfg;
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .qkey = VT_QKEY };
	bool ud = cfg->type == IBV_QPT_UD, rc_type = !cfg->type || cfg->type == IBV_QPT_RC;
	struct ibv_port_attr port;
	int rc;

	attr.port_num = 1;
	attr.qp_access_flags = cfg->access;
	rc = ibv_modify_qp(q->qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			   (ud ? IBV_QP_QKEY : IBV_QP_ACCESS_FLAGS));
	if (rc)
		bail("modify_qp to INIT: %s", strerror(rc));

	if (ibv_query_port(q->dev->ctx, 1, &port))
		bail("query_port: %m");
	if (cfg->mtu && mtu_enum(cfg->mtu) > (int)port.active_mtu)
		vt_netdev_mtu(q->dev, cfg->mtu + 128);

	memset(&attr, 0, sizeof(attr));
	attr.qp_state = IBV_QPS_RTR;
	attr.path_mtu = cfg->mtu ? mtu_enum(cfg->mtu) : (int)port.active_mtu;
	attr.dest_qp_num = peer ? peer->qpn : 0;
	attr.rq_psn = peer ? peer->psn : 0;
	attr.max_dest_rd_atomic = cfg->rd_atomic;
	attr.min_rnr_timer = cfg->rnr_timer;
	attr.ah_attr.is_global = 1;
	attr.ah_attr.port_num = 1;
	if (peer)
		attr.ah_attr.grh.dgid = peer->gid;
	attr.ah_attr.grh.sgid_index = q->gid_index;
	attr.ah_attr.grh.hop_limit = 64;
	attr.ah_attr.grh.traffic_class = cfg->tclass;
	if (cfg->wire && !vt_force_wire(true))
		bail("cannot force the wire road");
	rc = ibv_modify_qp(q->qp, &attr, ud ? IBV_QP_STATE : IBV_QP_STATE | IBV_QP_AV |
			   IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
			   (rc_type ? IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER : 0));
	if (cfg->wire)
		vt_force_wire(false);
	if (rc)
		bail("modify_qp to RTR: %s", strerror(rc));

	memset(&attr, 0, sizeof(attr));
	attr.qp_state = IBV_QPS_RTS;
	attr.sq_psn = q->self.psn;
	attr.timeout = cfg->timeout;
	attr.retry_cnt = cfg->retry;
	attr.rnr_retry = cfg->rnr_retry;
	attr.max_rd_atomic = cfg->rd_atomic;
	rc = ibv_modify_qp(q->qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN |
			   (rc_type ? IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
				      IBV_QP_MAX_QP_RD_ATOMIC : 0));
	if (rc)
		bail("modify_qp to RTS: %s", strerror(rc));
}

struct ibv_ah *vt_ah(struct vt_qp *q, const union ibv_gid *gid)
{
	struct ibv_ah_attr attr = {
		.is_global = 1,
		.port_num = 1,
		.grh = { .dgid = *gid, .sgid_index = q->gid_index, .hop_limit = 64,
			 .traffic_class = q->cfg.tclass },
	};
	struct ibv_ah *ah;

	if (q->cfg.wire && !vt_force_wire(true))
		bail("cannot force the wire road");
	ah = ibv_create_ah(q->dev->pd, &attr);
	if (q->cfg.wire)
		vt_force_wire(false);
	if (!ah)
		bail("create_ah: %m");
	return ah;
}

int vt_qp_to(struct vt_qp *q, enum ibv_qp_state state)
{
	struct ibv_qp_attr attr = { .qp_state = state };

	return ibv_modify_qp(q->qp, &attr, IBV_QP_STATE);
}

int vt_qp_reset(struct vt_qp *q)
{
	return vt_qp_to(q, IBV_QPS_RESET);
}

int vt_qp_error(struct vt_qp *q)
{
	return vt_qp_to(q, IBV_QPS_ERR);
}

enum ibv_qp_state vt_qp_state(struct vt_qp *q)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	if (ibv_query_qp(q->qp, &attr, IBV_QP_STATE, &init))
		bail("query_qp: %m");
	return attr.qp_state;
}

enum ibv_qp_state vt_wait_state(struct vt_qp *q, enum ibv_qp_state want)
{
	uint64_t end = vt_now_ms() + VT_WAIT_MS;
	enum ibv_qp_state s;

	while ((s = vt_qp_state(q)) != want && vt_now_ms() < end)
		sched_yield();
	return s;
}

void vt_qp_destroy(struct vt_qp *q)
{
	int rc;

	if (q->qp && (rc = ibv_destroy_qp(q->qp)))
		bail("destroy_qp: %s", strerror(rc));
	if (q->cq && (rc = ibv_destroy_cq(q->cq)))
		bail("destroy_cq: %s", strerror(rc));
	if (q->rcq && (rc = ibv_destroy_cq(q->rcq)))
		bail("destroy_cq: %s", strerror(rc));
	if (q->channel)
		ibv_destroy_comp_channel(q->channel);
	q->qp = NULL;
	q->cq = q->rcq = NULL;
	q->channel = NULL;
}

void vt_pair_open(struct vt_dev *dev, struct vt_pair *p, const struct vt_cfg *cfg)
{
	bool ud = cfg->type == IBV_QPT_UD;

	vt_qp_create(dev, &p->a, cfg);
	vt_qp_create(dev, &p->b, cfg);
	vt_qp_connect(&p->a, ud ? NULL : &p->b.self);
	vt_qp_connect(&p->b, ud ? NULL : &p->a.self);
}

void vt_pair_close(struct vt_pair *p)
{
	vt_qp_destroy(&p->a);
	vt_qp_destroy(&p->b);
}

void vt_pair_reopen(struct vt_pair *p)
{
	struct vt_dev *dev = p->a.dev;
	struct vt_cfg cfg = p->a.cfg;

	vt_pair_close(p);
	vt_pair_open(dev, p, &cfg);
}

int vt_event(struct vt_dev *dev, int timeout_ms)
{
	struct pollfd pf = { .fd = dev->ctx->async_fd, .events = POLLIN };
	struct ibv_async_event ev;

	if (poll(&pf, 1, timeout_ms) != 1 || ibv_get_async_event(dev->ctx, &ev))
		return -1;
	ibv_ack_async_event(&ev);
	return ev.event_type;
}

/*
 * Memory
 */

void *vt_map(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		bail("mmap of %zu bytes: %m", len);
	return p;
}

struct ibv_mr *vt_try_reg(struct vt_dev *dev, enum vt_kind kind, void *addr, size_t len,
			  unsigned int access)
{
	switch (kind) {
	case VT_ODP:
		return ibv_reg_mr(dev->pd, addr, len, access | IBV_ACCESS_ON_DEMAND);
	case VT_IMPLICIT:
		return ibv_reg_mr(dev->pd, NULL, SIZE_MAX, access | IBV_ACCESS_ON_DEMAND);
	default:
		return ibv_reg_mr(dev->pd, addr, len, access);
	}
}

struct ibv_mr *vt_reg(struct vt_dev *dev, enum vt_kind kind, void *addr, size_t len,
		      unsigned int access)
{
	struct ibv_mr *mr = vt_try_reg(dev, kind, addr, len, access);

	if (!mr)
		bail("registering %zu bytes, %s: %m", len, vt_kind_name[kind]);
	return mr;
}

void vt_dereg(struct ibv_mr *mr)
{
	int rc = ibv_dereg_mr(mr);

	if (rc)
		bail("dereg_mr: %s", strerror(rc));
}

/*
 * Work
 */

int vt_post(struct vt_qp *q, const struct vt_op *op)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)op->local,
		.length = op->len,
		.lkey = op->lkey,
	};
	struct ibv_send_wr wr = {
		.wr_id = op->id,
		.opcode = op->op,
		.sg_list = op->sgl ? op->sgl : &sge,
		.num_sge = op->sgl ? op->nsge : 1,
		.imm_data = htonl(op->imm),
		.send_flags = (op->quiet ? 0 : IBV_SEND_SIGNALED) |
			      (op->inl ? IBV_SEND_INLINE : 0) |
			      (op->solicited ? IBV_SEND_SOLICITED : 0) |
			      (op->fence ? IBV_SEND_FENCE : 0),
	}, *bad;

	if (!op->sgl && !op->len && !op->lkey)
		wr.num_sge = 0;
	if (op->ah) {
		wr.wr.ud.ah = op->ah;
		wr.wr.ud.remote_qpn = op->qpn;
		wr.wr.ud.remote_qkey = op->qkey ? op->qkey : VT_QKEY;
	} else if (op->op == IBV_WR_ATOMIC_CMP_AND_SWP || op->op == IBV_WR_ATOMIC_FETCH_AND_ADD) {
		wr.wr.atomic.remote_addr = op->remote;
		wr.wr.atomic.rkey = op->rkey;
		wr.wr.atomic.compare_add = op->cmp_add;
		wr.wr.atomic.swap = op->swap;
	} else {
		wr.wr.rdma.remote_addr = op->remote;
		wr.wr.rdma.rkey = op->rkey;
	}
	return ibv_post_send(q->qp, &wr, &bad);
}

int vt_recv(struct vt_qp *q, uint64_t id, struct ibv_mr *mr, void *addr, size_t len)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)addr,
		.length = len,
		.lkey = mr ? mr->lkey : 0,
	};
	struct ibv_recv_wr wr = { .wr_id = id, .sg_list = &sge, .num_sge = !!mr }, *bad;

	return ibv_post_recv(q->qp, &wr, &bad);
}

/* A completion that should have come did not: let the kernel log say where it is. */
static void stuck(void)
{
	const char *key;

	/* Blocked tasks, what the processors do, all tasks with the work queues. */
	for (key = "wlt"; *key; key++)
		vt_write_file("/proc/sysrq-trigger", (char[]){ *key, 0 });
}

bool vt_poll(struct ibv_cq *cq, struct ibv_wc *wc, int timeout_ms)
{
	uint64_t end = 0;
	int spins = 0;

	for (;;) {
		int n = ibv_poll_cq(cq, 1, wc);

		if (n < 0)
			bail("poll_cq: %d", n);
		if (n)
			return true;
		/* The driver's workers need the processor that we spin on. */
		if (++spins < 64)
			continue;
		if (spins < 1000)
			sched_yield();
		else
			usleep(200);
		if (!end)
			end = vt_now_ms() + timeout_ms;
		else if (vt_now_ms() > end)
			break;
	}
	if (timeout_ms >= VT_WAIT_MS)
		stuck();
	return false;
}

static int next_wc(struct vt_qp *q, struct ibv_cq *cq)
{
	memset(&q->wc, 0, sizeof(q->wc));
	return vt_poll(cq, &q->wc, VT_WAIT_MS) ? (int)q->wc.status : VT_TIMEOUT;
}

int vt_done(struct vt_qp *q)
{
	return next_wc(q, q->cq);
}

int vt_done_at_once(struct vt_qp *q, int *at_once)
{
	if (ibv_poll_cq(q->cq, 1, &q->wc) != 1)
		return vt_done(q);
	++*at_once;
	return q->wc.status;
}

int vt_rdone(struct vt_qp *q)
{
	return next_wc(q, q->rcq);
}

int vt_do(struct vt_qp *q, const struct vt_op *op)
{
	int rc = vt_post(q, op);

	if (rc) {
		diag("post_send: %s", strerror(rc));
		return VT_TIMEOUT;
	}
	return vt_done(q);
}

int vt_write(struct vt_qp *q, struct ibv_mr *l, const void *p, size_t n, struct ibv_mr *r,
	     const void *to)
{
	return vt_do(q, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = p, .len = n, .lkey = l->lkey,
			      .remote = (uintptr_t)to, .rkey = r->rkey));
}

int vt_read(struct vt_qp *q, struct ibv_mr *l, void *p, size_t n, struct ibv_mr *r,
	    const void *from)
{
	return vt_do(q, VT_OP(.op = IBV_WR_RDMA_READ, .local = p, .len = n, .lkey = l->lkey,
			      .remote = (uintptr_t)from, .rkey = r->rkey));
}

int vt_each_road(void (*test)(struct vt_dev *dev, bool wire))
{
	struct vt_dev dev;

	vt_open(&dev);
	test(&dev, false);
	if (!vt_stock())
		test(&dev, true);
	vt_close(&dev);
	return done();
}

int vt_each_kind(const struct vt_cfg *cfg, void (*test)(struct vt_dev *dev, struct vt_pair *p,
							enum vt_kind kind))
{
	struct vt_dev dev;
	struct vt_pair p;
	int kind;

	vt_open(&dev);
	vt_pair_open(&dev, &p, cfg);
	for (kind = VT_PINNED; kind <= VT_ODP; kind++)
		if (vt_can(&dev, kind))
			test(&dev, &p, kind);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
