// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Memory registered at an address of the user's choice is reached there, and only there. */
#include "vt.h"

#include <string.h>

#define LEN	20000
#define IOVA	0x7000000ull	/* a page boundary far from any mapping */

static void one_kind(struct vt_dev *dev, struct vt_pair *p, enum vt_kind kind)
{
	const char *k = vt_kind_name[kind];
	unsigned int access = VT_RCV_ALL | (kind == VT_ODP ? IBV_ACCESS_ON_DEMAND : 0);
	uint8_t *mem = vt_map(65536), *src = vt_map(65536);
	struct ibv_mr *mr, *smr = vt_reg(dev, VT_PINNED, src, 65536, VT_RCV_ALL);
	/* The start is 321 bytes into a page, as the iova must be too. */
	uint8_t *start = mem + 8192 + 321;
	uint64_t iova = IOVA + 321;
	size_t at;

	ok(!ibv_reg_mr_iova(dev->pd, start, LEN, iova + 1, access),
	   "%s: an iova with another offset in its page is refused", k);
	mr = ibv_reg_mr_iova(dev->pd, start, LEN, iova, access);
	if (!ok(mr, "%s: register with an iova", k))
		return;

	vt_fill(src, 0, LEN, 1);
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = src, .len = LEN,
			      .lkey = smr->lkey, .remote = iova, .rkey = mr->rkey)),
	   IBV_WC_SUCCESS, "%s: write all of it at its iova", k);
	is(vt_check(start, 0, LEN, 1), -1, "%s: the data is there", k);
	is(vt_check_byte(mem, start - mem, 0), -1, "%s: nothing before it", k);
	is(vt_check_byte(start + LEN, 65536 - (start - mem) - LEN, 0), -1, "%s: nothing after", k);

	for (at = 1; at < LEN - 5000; at += 3777) {
		memset(src + 40000, 0, 5000);
		is(vt_do(&p->a, VT_OP(.op = IBV_WR_RDMA_READ, .local = src + 40000, .len = 5000,
				      .lkey = smr->lkey, .remote = iova + at, .rkey = mr->rkey)),
		   IBV_WC_SUCCESS, "%s: read at iova + %zu", k, at);
		is(vt_check(src + 40000, at, 5000, 1), -1, "%s: the right bytes", k);
	}

	/* As a local address too: gather from it, scatter into it. */
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = (void *)(iova + 99), .len = 9000,
			      .lkey = mr->lkey, .remote = (uintptr_t)src + 1, .rkey = smr->rkey)),
	   IBV_WC_SUCCESS, "%s: gather from an iova", k);
	is(vt_check(src + 1, 99, 9000, 1), -1, "%s: the gathered bytes", k);
	vt_fill(src, 0, 9000, 2);
	is(vt_recv(&p->b, 0, mr, (void *)(iova + 4001), 9000), 0, "%s: post a receive at an iova", k);
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_SEND, .local = src, .len = 9000, .lkey = smr->lkey)),
	   IBV_WC_SUCCESS, "%s: send to it", k);
	is(vt_rdone(&p->b), IBV_WC_SUCCESS, "%s: it is received", k);
	is(vt_check(start + 4001, 0, 9000, 2), -1, "%s: the received bytes", k);

	/* The virtual address is no address of this region. */
	is(vt_write(&p->a, smr, src, 8, mr, start), IBV_WC_REM_ACCESS_ERR,
	   "%s: a write to the virtual address is refused", k);
	vt_pair_reopen(p);
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = src, .len = 2, .lkey = smr->lkey,
			      .remote = iova + LEN - 1, .rkey = mr->rkey)),
	   IBV_WC_REM_ACCESS_ERR, "%s: one byte past the end is refused", k);
	vt_pair_reopen(p);
	vt_dereg(mr);
	vt_dereg(smr);
}

int main(void)
{
	return vt_each_kind(VT_CFG(), one_kind);
}
