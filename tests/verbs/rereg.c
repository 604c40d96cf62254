// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Registering a region again changes its protection domain, its rights or its memory
 * and keeps its keys; what fails leaves it as it was. The command is issued by hand:
 * rdma-core's provider has no call for it.
 */
#include "vt.h"

#include <errno.h>
#include <rdma/ib_user_verbs.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEN	65536

static int rereg(struct ibv_mr *mr, int flags, struct ibv_pd *pd, void *addr, size_t len,
		 unsigned int access)
{
	struct ib_uverbs_rereg_mr_resp resp;
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_rereg_mr cmd;
	} msg = {
		.hdr = {
			.command = IB_USER_VERBS_CMD_REREG_MR,
			.in_words = sizeof(msg) / 4,
			.out_words = sizeof(resp) / 4,
		},
		.cmd = {
			.response = (uintptr_t)&resp,
			.mr_handle = mr->handle,
			.flags = flags,
			.start = (uintptr_t)addr,
			.hca_va = (uintptr_t)addr,
			.length = len,
			.pd_handle = pd ? pd->handle : 0,
			.access_flags = access,
		},
	};

	if (write(mr->context->cmd_fd, &msg, sizeof(msg)) != sizeof(msg))
		return errno;
	return resp.lkey == mr->lkey && resp.rkey == mr->rkey ? 0 : -1;
}

/* What a write to @to by @rkey ends with, on a pair of its own. */
static int try_write(struct vt_dev *dev, struct ibv_pd *pd, struct ibv_mr *mr, void *to)
{
	struct vt_dev d = *dev;
	uint8_t *s = vt_map(4096);
	struct ibv_mr *smr;
	struct vt_pair p;
	int st;

	d.pd = pd;
	smr = vt_reg(&d, VT_PINNED, s, 4096, VT_RCV_ALL);
	vt_fill(s, 0, 64, 4);
	vt_pair_open(&d, &p, VT_CFG());
	st = vt_write(&p.a, smr, s, 64, mr, to);
	vt_pair_close(&p);
	vt_dereg(smr);
	return st;
}

static void test(struct vt_dev *dev, enum vt_kind kind)
{
	unsigned int od = kind == VT_PINNED ? 0 : IBV_ACCESS_ON_DEMAND;
	const char *k = vt_kind_name[kind];
	uint8_t *m = vt_map(LEN), *n = vt_map(2 * LEN), *ro;
	struct ibv_pd *pd2 = ibv_alloc_pd(dev->ctx);
	struct ibv_mr *mr = vt_reg(dev, kind, m, LEN, VT_RCV_ALL);

	is(try_write(dev, dev->pd, mr, m), 0, "%s: a write", k);
	is(rereg(mr, IBV_REREG_MR_CHANGE_PD, pd2, NULL, 0, 0), 0, "%s: another domain", k);
	is(try_write(dev, dev->pd, mr, m), IBV_WC_REM_ACCESS_ERR, "%s: refused in the old one", k);
	is(try_write(dev, pd2, mr, m), 0, "%s: not in the new one", k);
	is(ibv_dealloc_pd(pd2), EBUSY, "%s: which cannot go", k);
	is(rereg(mr, IBV_REREG_MR_CHANGE_PD, dev->pd, NULL, 0, 0), 0, "%s: back", k);
	is(ibv_dealloc_pd(pd2), 0, "%s: now it can", k);

	is(rereg(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0, od | IBV_ACCESS_LOCAL_WRITE |
		 IBV_ACCESS_REMOTE_READ), 0, "%s: other rights", k);
	is(try_write(dev, dev->pd, mr, m), IBV_WC_REM_ACCESS_ERR, "%s: no writing", k);
	is(rereg(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0, od | VT_RCV_ALL), 0,
	   "%s: the old ones", k);
	is(try_write(dev, dev->pd, mr, m + 100), 0, "%s: writing", k);
	is(vt_check(m + 100, 0, 64, 4), -1, "%s: the data", k);

	memset(m, 0, LEN);
	is(rereg(mr, IBV_REREG_MR_CHANGE_TRANSLATION, NULL, n + 4096, LEN + 1, 0), 0,
	   "%s: other memory", k);
	is(try_write(dev, dev->pd, mr, n + 4096 + LEN + 1 - 64), 0, "%s: a write to its end", k);
	is(vt_check(n + 4096 + LEN + 1 - 64, 0, 64, 4), -1, "%s: the data", k);
	is(try_write(dev, dev->pd, mr, m), IBV_WC_REM_ACCESS_ERR, "%s: the old memory", k);
	is(vt_check_byte(m, LEN, 0), -1, "%s: is left alone", k);

	ok(rereg(mr, IBV_REREG_MR_CHANGE_TRANSLATION, NULL, (void *)~0xffful, LEN, 0),
	   "%s: memory that is not there", k);
	ok(rereg(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0, od | IBV_ACCESS_REMOTE_WRITE),
	   "%s: rights that contradict", k);
	ok(rereg(mr, 0, NULL, NULL, 0, 0), "%s: nothing at all", k);
	is(try_write(dev, dev->pd, mr, n + 4096), 0, "%s: refused, it is as it was", k);

	/* Rights that the memory does not give. */
	ro = vt_map(LEN);
	memset(ro, 1, LEN);
	if (mprotect(ro, LEN, PROT_READ))
		bail("mprotect: %m");
	vt_dereg(mr);
	mr = vt_reg(dev, kind, ro, LEN, IBV_ACCESS_REMOTE_READ);
	if (kind == VT_PINNED)
		ok(rereg(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0, VT_RCV_ALL),
		   "%s: writing to memory that is read-only", k);
	else
		is(rereg(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0, od | VT_RCV_ALL), 0,
		   "%s: rights are those of each access", k);
	is(try_write(dev, dev->pd, mr, ro), IBV_WC_REM_ACCESS_ERR, "%s: it is not written to", k);
	is(vt_check_byte(ro, LEN, 1), -1, "%s: the data", k);
	vt_dereg(mr);
}

int main(void)
{
	struct vt_dev dev;

	vt_open(&dev);
	test(&dev, VT_PINNED);
	if (vt_can(&dev, VT_ODP))
		test(&dev, VT_ODP);
	vt_close(&dev);
	return done();
}
