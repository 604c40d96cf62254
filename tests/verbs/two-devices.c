// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Queue pairs of two devices of one machine talk to each other, over either IP version. */
#include "vt.h"

#include <stdio.h>
#include <stdlib.h>

#define LEN	200000

static void one(struct vt_dev *da, struct vt_dev *db, enum vt_kind kind, bool v6)
{
	const char *k = vt_kind_name[kind];
	uint8_t *m = vt_map(LEN), *n = vt_map(LEN);
	struct ibv_mr *amr = vt_reg(da, kind, m, LEN, VT_RCV_ALL);
	struct ibv_mr *bmr = vt_reg(db, kind, n, LEN, VT_RCV_ALL);
	struct vt_qp a, b;

	vt_qp_create(da, &a, VT_CFG(.v6 = v6));
	vt_qp_create(db, &b, VT_CFG(.v6 = v6));
	vt_qp_connect(&a, &b.self);
	vt_qp_connect(&b, &a.self);
	vt_fill(m, 0, LEN, 1);
	is(vt_write(&a, amr, m, LEN - 1, bmr, n + 1), 0, "%s, IPv%d: write", k, v6 ? 6 : 4);
	is(vt_check(n + 1, 0, LEN - 1, 1), -1, "%s: the data", k);
	vt_fill(n, 0, LEN, 2);
	is(vt_read(&a, amr, m, LEN, bmr, n), 0, "%s: read", k);
	is(vt_check(m, 0, LEN, 2), -1, "%s: the data", k);
	vt_recv(&a, 1, amr, m, LEN);
	vt_fill(n, 0, LEN, 3);
	is(vt_do(&b, VT_OP(.op = IBV_WR_SEND, .local = n, .len = LEN, .lkey = bmr->lkey)), 0,
	   "%s: send the other way", k);
	is(vt_rdone(&a), 0, "%s: received", k);
	is(vt_check(m, 0, LEN, 3), -1, "%s: the data", k);
	is(vt_do(&a, VT_OP(.op = IBV_WR_ATOMIC_FETCH_AND_ADD, .local = m, .len = 8,
			   .lkey = amr->lkey, .remote = (uintptr_t)n, .rkey = bmr->rkey,
			   .cmp_add = 1)), 0, "%s: an atomic", k);
	/* A key of one device is nothing to the other. */
	is(vt_write(&a, amr, m, 8, amr, m + 8), IBV_WC_REM_ACCESS_ERR,
	   "%s: a key of the wrong device", k);
	vt_qp_destroy(&a);
	vt_qp_destroy(&b);
	vt_dereg(amr);
	vt_dereg(bmr);
}

int main(void)
{
	const char *other = getenv("VT_DEV2");
	struct vt_dev a, b;
	int k, v6;

	vt_open(&a);
	vt_open_name(&b, other ? other : "rxe1");
	vt_accept_local(&a);
	vt_accept_local(&b);
	for (k = VT_PINNED; k <= VT_ODP; k++)
		for (v6 = 0; v6 < 2 && vt_can(&a, k); v6++)
			one(&a, &b, k, v6);
	vt_close(&a);
	vt_close(&b);
	return done();
}
