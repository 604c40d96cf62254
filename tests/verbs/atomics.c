// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Compare-and-swap and fetch-and-add: result, effect, alignment. */
#include "vt.h"

static int atomic(struct vt_pair *p, struct ibv_mr *mr, uint64_t *result, enum ibv_wr_opcode op,
		  void *at, uint64_t a, uint64_t b)
{
	return vt_do(&p->a, VT_OP(.op = op, .local = result, .len = 8, .lkey = mr->lkey,
				  .remote = (uintptr_t)at, .rkey = mr->rkey, .cmp_add = a,
				  .swap = b));
}

static void one(struct vt_dev *dev, enum vt_kind kind, bool wire)
{
	const enum ibv_wr_opcode cas = IBV_WR_ATOMIC_CMP_AND_SWP;
	const enum ibv_wr_opcode faa = IBV_WR_ATOMIC_FETCH_AND_ADD;
	const char *k = vt_kind_name[kind], *road = wire ? "wire" : "local";
	uint64_t *m = vt_map(16384), *res = m, *w = m + 1000;
	struct ibv_mr *mr = vt_reg(dev, kind, m, 16384, VT_RCV_ALL);
	struct vt_pair p;

	vt_pair_open(dev, &p, VT_CFG(.wire = wire));
	/* Untouched memory first: an atomic must fault it in for writing. */
	is(atomic(&p, mr, res, faa, w, 5, 0), IBV_WC_SUCCESS, "%s, %s: add to zero", k, road);
	is(p.a.wc.opcode, IBV_WC_FETCH_ADD, "%s: completion opcode", k);
	is(p.a.wc.byte_len, 8, "%s: eight bytes", k);
	is(*res, 0, "%s: returns what was there", k);
	is(*w, 5, "%s: adds", k);
	is(atomic(&p, mr, res, faa, w, UINT64_MAX, 0), IBV_WC_SUCCESS, "%s: add -1", k);
	ok(*res == 5 && *w == 4, "%s: wraps", k);
	*w = 0x0102030405060708ull;
	w[1] = w[-1] = 0x5555;
	is(atomic(&p, mr, res, cas, w, 0x0102030405060708ull, 0xa1a2a3a4a5a6a7a8ull),
	   IBV_WC_SUCCESS, "%s: compare and swap", k);
	is(p.a.wc.opcode, IBV_WC_COMP_SWAP, "%s: completion opcode", k);
	ok(*res == 0x0102030405060708ull && *w == 0xa1a2a3a4a5a6a7a8ull, "%s: swaps when equal", k);
	is(atomic(&p, mr, res, cas, w, 0x0102030405060708ull, 1), IBV_WC_SUCCESS,
	   "%s: compare with something else", k);
	ok(*res == 0xa1a2a3a4a5a6a7a8ull && *w == *res, "%s: leaves it alone when not", k);
	ok(w[1] == 0x5555 && w[-1] == 0x5555, "%s: the neighbours are untouched", k);
	/* The last word of a page and of the region. */
	is(atomic(&p, mr, res, faa, (char *)m + 4088, 7, 0), IBV_WC_SUCCESS, "%s: end of a page", k);
	is(atomic(&p, mr, res, faa, (char *)m + 16376, 8, 0), IBV_WC_SUCCESS, "%s: end of all", k);
	ok(m[511] == 7 && m[2047] == 8, "%s: both have it", k);
	ok(vt_post(&p.a, VT_OP(.op = faa, .local = res, .len = 8, .lkey = mr->lkey,
			       .remote = (uintptr_t)m + 4092, .rkey = mr->rkey)),
	   "%s: a misaligned one cannot be posted", k);
	vt_dereg(mr);
	vt_pair_close(&p);
}

int main(void)
{
	struct vt_dev dev;
	int kind, wire;

	vt_open(&dev);
	for (kind = VT_PINNED; kind <= VT_ODP; kind++)
		for (wire = 0; wire <= !vt_stock(); wire++)
			if (vt_can(&dev, kind))
				one(&dev, kind, wire);
	vt_close(&dev);
	return done();
}
