// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * FLUSH: after it the writes before it can be seen, of a range or of all the region;
 * under rights of its own, and refused where memory does not persist.
 *
 * kernels: 6.12 7.3
 * (6.1 and its libibverbs have no such operation.)
 */
#include "vt.h"

#include <linux/version.h>

#define LEN	65536
#define GLOBAL	(1 << 8)	/* access flags */
#define PERSIST	(1 << 9)

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)

static int flush(struct vt_qp *q, uint32_t rkey, const void *at, size_t len, uint8_t type,
		 uint8_t level)
{
	struct ibv_qp_ex *x = ibv_qp_to_qp_ex(q->qp);

	ibv_wr_start(x);
	x->wr_id = 8;
	x->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_flush(x, rkey, (uintptr_t)at, len, type, level);
	if (ibv_wr_complete(x))
		return VT_TIMEOUT;
	return vt_done(q);
}

static void one(struct vt_dev *dev, bool wire, enum vt_kind kind)
{
	const struct vt_cfg *cfg = VT_CFG(.wire = wire, .access = VT_RCV_ALL | GLOBAL | PERSIST,
					  .send_ops = IBV_QP_EX_WITH_FLUSH |
					  IBV_QP_EX_WITH_RDMA_WRITE);
	const char *road = wire ? "wire" : "local", *k = vt_kind_name[kind];
	uint8_t *m = vt_map(LEN), *n = vt_map(LEN);
	struct ibv_mr *mr = vt_reg(dev, kind, m, LEN, VT_RCV_ALL | GLOBAL);
	struct ibv_mr *no = vt_reg(dev, kind, n, LEN, VT_RCV_ALL);
	struct ibv_mr *per;
	struct vt_pair p;
	int i, bad = 0;

	vt_pair_open(dev, &p, cfg);
	for (i = 0; i < 50; i++) {
		vt_fill(n, 0, 20000, i);
		vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = n, .len = 20000, .quiet = true,
				    .lkey = no->lkey, .remote = (uintptr_t)m + i, .rkey = mr->rkey));
		bad += flush(&p.a, mr->rkey, m + i, 20000, IBV_FLUSH_GLOBAL,
			     i & 1 ? IBV_FLUSH_MR : IBV_FLUSH_RANGE) != 0 ||
		       p.a.wc.opcode != IBV_WC_FLUSH || p.a.wc.wr_id != 8 ||
		       vt_check(m + i, 0, 20000, i) >= 0;
	}
	is(bad, 0, "%s %s: %d writes, each seen after its flush", road, k, i);
	is(flush(&p.a, mr->rkey, m, 0, IBV_FLUSH_GLOBAL, IBV_FLUSH_RANGE), 0,
	   "%s %s: of nothing", road, k);
	is(flush(&p.a, mr->rkey, m, LEN, IBV_FLUSH_GLOBAL, IBV_FLUSH_RANGE), 0,
	   "%s %s: of everything", road, k);
	is(flush(&p.a, mr->rkey, m + 1, LEN, IBV_FLUSH_GLOBAL, IBV_FLUSH_RANGE),
	   IBV_WC_REM_ACCESS_ERR, "%s %s: beyond the end", road, k);
	vt_pair_reopen(&p);
	is(flush(&p.a, no->rkey, n, 8, IBV_FLUSH_GLOBAL, IBV_FLUSH_RANGE), IBV_WC_REM_ACCESS_ERR,
	   "%s %s: of a region that does not allow it", road, k);
	vt_pair_reopen(&p);
	is(flush(&p.a, 0x4711, n, 8, IBV_FLUSH_GLOBAL, IBV_FLUSH_MR), IBV_WC_REM_ACCESS_ERR,
	   "%s %s: of no region", road, k);
	vt_pair_reopen(&p);
	is(flush(&p.a, mr->rkey, m, 8, IBV_FLUSH_PERSISTENT, IBV_FLUSH_RANGE),
	   IBV_WC_REM_ACCESS_ERR, "%s %s: persistent, where that is not allowed", road, k);
	vt_pair_close(&p);
	vt_pair_open(dev, &p, VT_CFG(.wire = wire, .send_ops = IBV_QP_EX_WITH_FLUSH));
	is(flush(&p.a, mr->rkey, m, 8, IBV_FLUSH_GLOBAL, IBV_FLUSH_RANGE),
	   IBV_WC_REM_INV_REQ_ERR, "%s %s: by a queue pair that does not allow it", road, k);
	vt_pair_close(&p);

	/* Plain memory forgets: pinned, that is known at once. */
	per = vt_try_reg(dev, kind, m, LEN, VT_RCV_ALL | PERSIST);
	if (kind == VT_PINNED) {
		ok(!per, "%s %s: no persistence in plain memory", road, k);
	} else {
		if (!per)
			bail("reg_mr: %m");
		vt_pair_open(dev, &p, cfg);
		is(flush(&p.a, per->rkey, m, 4096, IBV_FLUSH_PERSISTENT, IBV_FLUSH_RANGE),
		   IBV_WC_REM_ACCESS_ERR, "%s %s: no persistence in plain memory", road, k);
		vt_pair_close(&p);
		vt_dereg(per);
	}
	vt_dereg(mr);
	vt_dereg(no);
}

static void test(struct vt_dev *dev, bool wire)
{
	one(dev, wire, VT_PINNED);
	if (vt_can(dev, VT_ODP))
		one(dev, wire, VT_ODP);
}

int main(void)
{
	struct vt_dev dev;

	vt_open(&dev);
	is(dev.attr.device_cap_flags_ex >> 38 & 3, 3, "the device says that it can");
	vt_close(&dev);
	return vt_each_road(test);
}

#else

int main(void)
{
	bail("compiled without the operation");
}

#endif
