// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What a queue pair does with its own side's keys: every breach is a local protection error. */
#include "vt.h"

#define LEN	10000

static void one_kind(struct vt_dev *dev, struct vt_pair *p, enum vt_kind kind)
{
	const char *k = vt_kind_name[kind];
	uint8_t *mem = vt_map(3 * LEN), *start = mem + LEN + 77, *peer = vt_map(3 * LEN);
	struct ibv_mr *ro = vt_reg(dev, kind, start, LEN, 0);
	struct ibv_mr *rw = vt_reg(dev, kind, start, LEN, IBV_ACCESS_LOCAL_WRITE);
	struct ibv_mr *pmr = vt_reg(dev, VT_PINNED, peer, 3 * LEN, VT_RCV_ALL);

	vt_fill(start, 0, LEN, 5);
	is(vt_write(&p->a, ro, start, LEN, pmr, peer), IBV_WC_SUCCESS,
	   "%s: a region without rights can be gathered from", k);
	is(vt_check(peer, 0, LEN, 5), -1, "%s: with its data", k);

	is(vt_read(&p->a, ro, start, 100, pmr, peer + 2 * LEN), IBV_WC_LOC_PROT_ERR,
	   "%s: reading into a region without local write", k);
	is(vt_check(start, 0, LEN, 5), -1, "%s: has not changed it", k);
	vt_pair_reopen(p);

	is(vt_write(&p->a, rw, start - 1, 2, pmr, peer), IBV_WC_LOC_PROT_ERR,
	   "%s: gathering a byte before the start", k);
	vt_pair_reopen(p);
	is(vt_write(&p->a, rw, start + LEN - 1, 2, pmr, peer), IBV_WC_LOC_PROT_ERR,
	   "%s: gathering a byte past the end", k);
	vt_pair_reopen(p);
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_SEND, .local = start, .len = 8,
			      .lkey = rw->lkey ^ 0x3300)),
	   IBV_WC_LOC_PROT_ERR, "%s: gathering with a wrong key", k);
	vt_pair_reopen(p);

	/* Receives: the receiver has the local error, the sender is told of it. */
	is(vt_recv(&p->b, 0, ro, start, 100), 0, "%s: a receive into a read-only region", k);
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_SEND, .local = start, .len = 100, .lkey = rw->lkey)),
	   IBV_WC_REM_OP_ERR, "%s: the sender sees a remote operation error", k);
	is(vt_rdone(&p->b), IBV_WC_LOC_PROT_ERR, "%s: the receiver a protection error", k);
	is(vt_check(start, 0, LEN, 5), -1, "%s: the region has not changed", k);
	vt_pair_reopen(p);
	is(vt_recv(&p->b, 0, rw, start + LEN - 99, 100), 0, "%s: a receive past the end", k);
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_SEND, .local = start, .len = 100, .lkey = rw->lkey)),
	   IBV_WC_REM_OP_ERR, "%s: the sender sees a remote operation error", k);
	is(vt_rdone(&p->b), IBV_WC_LOC_PROT_ERR, "%s: the receiver a protection error", k);
	vt_pair_reopen(p);
	vt_dereg(ro);
	vt_dereg(rw);
	vt_dereg(pmr);
}

int main(void)
{
	return vt_each_kind(VT_CFG(), one_kind);
}
