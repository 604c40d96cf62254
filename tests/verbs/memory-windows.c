// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Memory windows: bounds and rights of their own, enforced to the byte; keys that
 * change with every bind; type 2 for its queue pair only, until invalidated by
 * either side; a region with a window cannot go.
 */
#include "vt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LEN	16384
#define FROM	1000		/* the window's first byte */
#define SIZE	5000		/* and its length */

static struct vt_pair p;
static struct ibv_mr *mr, *smr;
static uint8_t *m, *s;
static char name[64];

/* Post a bind on @q's send queue; its status. The window's next key is in @rkey. */
static int bind(struct vt_qp *q, struct ibv_mw *mw, struct ibv_mr *of, const void *at, size_t len,
		unsigned int access, uint32_t *rkey)
{
	struct ibv_send_wr wr = {
		.opcode = IBV_WR_BIND_MW,
		.send_flags = IBV_SEND_SIGNALED,
		.bind_mw = {
			.mw = mw,
			.rkey = ibv_inc_rkey(mw->rkey),
			.bind_info = {
				.mr = of,
				.addr = (uintptr_t)at,
				.length = len,
				.mw_access_flags = access,
			},
		},
	}, *bad;
	int st;

	if (mw->type == IBV_MW_TYPE_1) {
		struct ibv_mw_bind b = {
			.send_flags = IBV_SEND_SIGNALED,
			.bind_info = wr.bind_mw.bind_info,
		};

		if (ibv_bind_mw(q->qp, mw, &b))
			return VT_TIMEOUT;
		*rkey = mw->rkey;
		return vt_done(q);
	}
	if (ibv_post_send(q->qp, &wr, &bad))
		return VT_TIMEOUT;
	st = vt_done(q);
	if (!st)
		mw->rkey = *rkey = wr.bind_mw.rkey;
	return st;
}

static struct ibv_mw *make(struct vt_dev *dev, enum ibv_mw_type type)
{
	struct ibv_mw *mw = ibv_alloc_mw(dev->pd, type);

	if (!mw)
		bail("alloc_mw: %m");
	return mw;
}

static int access_by(struct vt_qp *q, enum ibv_wr_opcode op, const void *at, size_t len,
		     uint32_t rkey)
{
	return vt_do(q, VT_OP(.op = op, .local = s, .len = len, .lkey = smr->lkey,
			      .remote = (uintptr_t)at, .rkey = rkey));
}

/* An access that must be refused, and the pair that it costs. */
static void refused(enum ibv_wr_opcode op, const void *at, size_t len, uint32_t rkey,
		    const char *what)
{
	is(access_by(&p.a, op, at, len, rkey), IBV_WC_REM_ACCESS_ERR, "%s: %s is refused", name,
	   what);
	vt_qp_reset(&p.a);
	vt_qp_reset(&p.b);
	vt_qp_connect(&p.a, &p.b.self);
	vt_qp_connect(&p.b, &p.a.self);
}

static void bounds(struct vt_dev *dev, enum ibv_mw_type type)
{
	struct ibv_mw *mw = make(dev, type), *mw2;
	uint8_t *w = m + FROM;
	uint32_t rkey = 0, old, key2;

	memset(m, 0, LEN);
	vt_fill(s, 0, SIZE, 3);
	is(bind(&p.b, mw, mr, w, SIZE, IBV_ACCESS_REMOTE_WRITE, &rkey), 0, "%s: bind", name);
	is(access_by(&p.a, IBV_WR_RDMA_WRITE, w, SIZE, rkey), 0, "%s: write all of it", name);
	is(vt_check(w, 0, SIZE, 3), -1, "%s: the data", name);
	is(access_by(&p.a, IBV_WR_RDMA_WRITE, w + SIZE - 1, 1, rkey), 0, "%s: its last byte", name);
	memset(s, 0xff, SIZE);
	refused(IBV_WR_RDMA_WRITE, w - 1, 1, rkey, "the byte before");
	refused(IBV_WR_RDMA_WRITE, w + SIZE, 1, rkey, "the byte behind");
	refused(IBV_WR_RDMA_WRITE, w, SIZE + 1, rkey, "one byte too many");
	refused(IBV_WR_RDMA_READ, w, 8, rkey, "reading");
	refused(IBV_WR_ATOMIC_FETCH_AND_ADD, m + 1024, 8, rkey, "an atomic");
	refused(IBV_WR_RDMA_WRITE, w, 8, rkey ^ 1, "another key");
	ok(vt_check_byte(m, FROM, 0) < 0 && vt_check_byte(w + SIZE, LEN - FROM - SIZE, 0) < 0,
	   "%s: nothing around it has changed", name);

	is(ibv_dereg_mr(mr), EBUSY, "%s: the region cannot go", name);
	if (type == IBV_MW_TYPE_2) {
		is(ibv_dealloc_mw(mw), 0, "%s: destroyed while bound", name);
		return;
	}
	old = rkey;
	is(bind(&p.b, mw, mr, w + 100, 8, IBV_ACCESS_REMOTE_READ, &rkey), 0,
	   "%s: bind it elsewhere", name);
	ok(rkey != old, "%s: the key has changed", name);
	is(access_by(&p.a, IBV_WR_RDMA_READ, w + 100, 8, rkey), 0, "%s: read there", name);
	refused(IBV_WR_RDMA_WRITE, w, 8, old, "the old key");
	is(bind(&p.b, mw, mr, w, 0, 0, &rkey), 0, "%s: unbind", name);
	refused(IBV_WR_RDMA_READ, w + 100, 8, rkey, "a window bound to nothing");
	mw2 = make(dev, type);
	is(bind(&p.b, mw2, mr, w, SIZE, IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC, &key2),
	   0, "%s: another window", name);
	is(access_by(&p.a, IBV_WR_ATOMIC_FETCH_AND_ADD, m + 1024, 8, key2), 0, "%s: an atomic",
	   name);
	is(ibv_dealloc_mw(mw2), 0, "%s: destroyed while bound", name);
	refused(IBV_WR_RDMA_READ, w, 8, key2, "its key");
	is(ibv_dealloc_mw(mw), 0, "%s: destroyed", name);
}

/* What may not be bound; each costs the queue pair. */
static void bind_errors(struct vt_dev *dev, enum vt_kind kind, enum ibv_mw_type type)
{
	struct ibv_mr *nobind = vt_reg(dev, kind, m, LEN, VT_RCV_ALL);
	struct ibv_mr *ro = vt_reg(dev, kind, m, LEN, IBV_ACCESS_REMOTE_READ | IBV_ACCESS_MW_BIND);
	struct ibv_mw *mw = make(dev, type);
	const struct {
		struct ibv_mr *mr;
		uint8_t *at;
		size_t len;
		unsigned int access;
		const char *what;
	} bad[] = {
		{ nobind, m, 8, IBV_ACCESS_REMOTE_READ, "a region that allows no windows" },
		{ ro, m, 8, IBV_ACCESS_REMOTE_WRITE, "writing to a region one cannot write" },
		{ mr, m + LEN - 7, 8, IBV_ACCESS_REMOTE_READ, "beyond the end" },
		{ mr, m - 1, 8, IBV_ACCESS_REMOTE_READ, "before the start" },
	};
	uint32_t rkey;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is(bind(&p.b, mw, bad[i].mr, bad[i].at, bad[i].len, bad[i].access, &rkey),
		   IBV_WC_MW_BIND_ERR, "%s: bind %s", name, bad[i].what);
		ibv_dealloc_mw(mw);
		mw = make(dev, type);
		vt_qp_reset(&p.a);
		vt_qp_reset(&p.b);
		vt_qp_connect(&p.a, &p.b.self);
		vt_qp_connect(&p.b, &p.a.self);
	}
	ibv_dealloc_mw(mw);
	vt_dereg(nobind);
	vt_dereg(ro);
}

static int local_inv(struct vt_qp *q, uint32_t rkey)
{
	struct ibv_send_wr wr = {
		.opcode = IBV_WR_LOCAL_INV,
		.send_flags = IBV_SEND_SIGNALED,
		.invalidate_rkey = rkey,
	}, *bad;

	return ibv_post_send(q->qp, &wr, &bad) ? VT_TIMEOUT : vt_done(q);
}

static int send_inv(struct vt_qp *q, uint32_t rkey)
{
	struct ibv_sge sge = { (uintptr_t)s, 3000, smr->lkey };
	struct ibv_send_wr wr = {
		.opcode = IBV_WR_SEND_WITH_INV,
		.send_flags = IBV_SEND_SIGNALED,
		.sg_list = &sge,
		.num_sge = 1,
		.invalidate_rkey = rkey,
	}, *bad;

	return ibv_post_send(q->qp, &wr, &bad) ? VT_TIMEOUT : vt_done(q);
}

/* Type 2: the binder's queue pair only; ends by invalidation from either side. */
static void type2(struct vt_dev *dev, bool wire)
{
	struct ibv_mw *mw = make(dev, IBV_MW_TYPE_2);
	struct vt_pair other;
	uint32_t rkey, again;

	vt_pair_open(dev, &other, VT_CFG(.wire = wire));
	is(bind(&p.b, mw, mr, m + FROM, SIZE, IBV_ACCESS_REMOTE_WRITE, &rkey), 0, "%s: bind", name);
	is(access_by(&p.a, IBV_WR_RDMA_WRITE, m + FROM, 8, rkey), 0, "%s: write", name);
	is(access_by(&other.a, IBV_WR_RDMA_WRITE, m + FROM, 8, rkey), IBV_WC_REM_ACCESS_ERR,
	   "%s: through another queue pair is refused", name);
	vt_recv(&p.b, 1, smr, s + 8192, 4096);
	is(send_inv(&p.a, rkey), 0, "%s: send with invalidate", name);
	is(vt_rdone(&p.b), 0, "%s: received", name);
	ok(p.b.wc.wc_flags & IBV_WC_WITH_INV && p.b.wc.invalidated_rkey == rkey,
	   "%s: with the key", name);
	refused(IBV_WR_RDMA_WRITE, m + FROM, 8, rkey, "the invalidated key");

	is(bind(&p.b, mw, mr, m + FROM, SIZE, IBV_ACCESS_REMOTE_WRITE, &rkey), 0, "%s: bind again",
	   name);
	is(local_inv(&p.b, rkey), 0, "%s: invalidated by its owner", name);
	refused(IBV_WR_RDMA_WRITE, m + FROM, 8, rkey, "its key");
	is(bind(&p.b, mw, mr, m + FROM, SIZE, IBV_ACCESS_REMOTE_WRITE, &rkey), 0, "%s: bind again",
	   name);
	is(bind(&p.b, mw, mr, m, SIZE, IBV_ACCESS_REMOTE_WRITE, &again), IBV_WC_MW_BIND_ERR,
	   "%s: binding it twice is refused", name);
	is(ibv_dealloc_mw(mw), 0, "%s: destroyed", name);
	vt_pair_close(&other);
	vt_pair_close(&p);
	vt_pair_open(dev, &p, VT_CFG(.wire = wire));

	vt_recv(&p.b, 1, smr, s + 8192, 4096);
	is(send_inv(&p.a, mr->rkey), IBV_WC_REM_ACCESS_ERR,
	   "%s: a user's region cannot be invalidated", name);
	vt_pair_close(&p);
	vt_pair_open(dev, &p, VT_CFG(.wire = wire));
	is(access_by(&p.a, IBV_WR_RDMA_WRITE, m, 8, mr->rkey), 0, "%s: and is not", name);
}

static void one(struct vt_dev *dev, bool wire, enum vt_kind kind)
{
	int type;

	m = vt_map(LEN + 4096) + 4096;
	s = vt_map(LEN);
	mr = vt_reg(dev, kind, m, LEN, VT_RCV_ALL | IBV_ACCESS_MW_BIND);
	smr = vt_reg(dev, VT_PINNED, s, LEN, VT_RCV_ALL);
	vt_pair_open(dev, &p, VT_CFG(.wire = wire));
	for (type = IBV_MW_TYPE_1; type <= IBV_MW_TYPE_2; type++) {
		snprintf(name, sizeof(name), "%s, %s, type %d", wire ? "wire" : "local",
			 vt_kind_name[kind], type);
		bounds(dev, type);
		bind_errors(dev, kind, type);
	}
	type2(dev, wire);
	vt_pair_close(&p);
	is(ibv_dereg_mr(mr), 0, "%s: no window left, the region can go", name);
	vt_dereg(smr);
}

static void test(struct vt_dev *dev, bool wire)
{
	one(dev, wire, VT_PINNED);
	if (vt_can(dev, VT_ODP))
		one(dev, wire, VT_ODP);
}

int main(void)
{
	return vt_each_road(test);
}
