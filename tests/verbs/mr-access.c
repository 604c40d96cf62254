// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A region gives what its access flags and bounds say and not one byte more:
 * the right completion status at the requester, both queue pairs in error, and
 * no byte moved.
 */
#include "vt.h"

#define LEN	10000

struct rig {
	struct vt_dev dev;
	struct vt_pair p;
	uint8_t *mem, *local;
	struct ibv_mr *lmr;
	const char *kind;
};

/* The peer refuses @op with a remote access error, and nothing has moved. */
static void refused(struct rig *r, const struct vt_op *op, const char *what)
{
	vt_fill(r->mem, 0, 3 * LEN, 1);
	vt_fill(r->local, 0, 3 * LEN, 2);
	is(vt_do(&r->p.a, op), IBV_WC_REM_ACCESS_ERR, "%s: %s is refused", r->kind, what);
	is(vt_wait_state(&r->p.a, IBV_QPS_ERR), IBV_QPS_ERR, "%s: requester in error", r->kind);
	is(vt_wait_state(&r->p.b, IBV_QPS_ERR), IBV_QPS_ERR, "%s: responder in error", r->kind);
	ok(vt_check(r->mem, 0, 3 * LEN, 1) < 0 && vt_check(r->local, 0, 3 * LEN, 2) < 0,
	   "%s: no byte has moved", r->kind);
	vt_pair_reopen(&r->p);
}

static void rdma(struct rig *r, enum ibv_wr_opcode op, void *at, size_t len, uint32_t rkey,
		 const char *what)
{
	refused(r, VT_OP(.op = op, .local = r->local, .len = len, .lkey = r->lmr->lkey,
			 .remote = (uintptr_t)at, .rkey = rkey, .cmp_add = 1), what);
}

static void one_kind(struct rig *r, enum vt_kind kind)
{
	uint8_t *start = r->mem + LEN + 123;
	struct ibv_pd *pd2 = ibv_alloc_pd(r->dev.ctx);
	struct ibv_pd *pd = r->dev.pd;
	struct ibv_mr *mr, *mr2;
	uint32_t old;

	r->kind = vt_kind_name[kind];
	mr = vt_reg(&r->dev, kind, start, LEN, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
	rdma(r, IBV_WR_RDMA_WRITE, start, 8, mr->rkey, "a write without the right");
	rdma(r, IBV_WR_RDMA_WRITE, start, 9000, mr->rkey, "a long write without the right");
	rdma(r, IBV_WR_ATOMIC_FETCH_AND_ADD, start + 5, 8, mr->rkey, "an atomic without the right");
	vt_dereg(mr);

	mr = vt_reg(&r->dev, kind, start, LEN, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	rdma(r, IBV_WR_RDMA_READ, start, 8, mr->rkey, "a read without the right");
	vt_dereg(mr);

	mr = vt_reg(&r->dev, kind, start, LEN, VT_RCV_ALL);
	rdma(r, IBV_WR_RDMA_WRITE, start - 1, 2, mr->rkey, "a write from a byte before the start");
	rdma(r, IBV_WR_RDMA_WRITE, start + LEN - 1, 2, mr->rkey, "a write to a byte past the end");
	rdma(r, IBV_WR_RDMA_WRITE, start, LEN + 1, mr->rkey, "a long write by one byte too long");
	rdma(r, IBV_WR_RDMA_READ, start - 1, 2, mr->rkey, "a read from a byte before the start");
	rdma(r, IBV_WR_RDMA_READ, start + LEN - 1, 2, mr->rkey, "a read to a byte past the end");
	rdma(r, IBV_WR_RDMA_READ, start, LEN + 1, mr->rkey, "a long read by one byte too long");
	rdma(r, IBV_WR_RDMA_WRITE, (void *)(UINTPTR_MAX - 3), 8, mr->rkey, "a write that wraps");
	rdma(r, IBV_WR_RDMA_WRITE, start, 8, mr->rkey ^ 1, "a key with a wrong low byte");
	rdma(r, IBV_WR_RDMA_WRITE, start, 8, mr->rkey ^ 0x5500, "a key of nothing");
	old = mr->rkey;
	vt_dereg(mr);
	rdma(r, IBV_WR_RDMA_WRITE, start, 8, old, "the key of a deregistered region");
	rdma(r, IBV_WR_RDMA_READ, start, 8, old, "reading with it");

	/* A region of another protection domain. */
	r->dev.pd = pd2;
	mr2 = vt_reg(&r->dev, kind, start, LEN, VT_RCV_ALL);
	r->dev.pd = pd;
	rdma(r, IBV_WR_RDMA_WRITE, start, 8, mr2->rkey, "a region of another domain");
	vt_dereg(mr2);
	ibv_dealloc_pd(pd2);
}

int main(void)
{
	struct rig r;
	int kind;

	vt_open(&r.dev);
	vt_pair_open(&r.dev, &r.p, VT_CFG());
	r.mem = vt_map(3 * LEN);
	r.local = vt_map(3 * LEN);
	r.lmr = vt_reg(&r.dev, VT_PINNED, r.local, 3 * LEN, VT_RCV_ALL);
	for (kind = VT_PINNED; kind <= VT_ODP; kind++)
		if (vt_can(&r.dev, kind))
			one_kind(&r, kind);
	vt_dereg(r.lmr);
	vt_pair_close(&r.p);
	vt_close(&r.dev);
	return done();
}
