// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A queue pair lets its peer do what its access flags say, whatever the region allows. */
#include "vt.h"

static void one(struct vt_dev *dev, struct ibv_mr *mr, uint64_t *m, unsigned int access)
{
	static const struct {
		enum ibv_wr_opcode op;
		unsigned int needs;
		const char *name;
	} ops[] = {
		{ IBV_WR_RDMA_WRITE, IBV_ACCESS_REMOTE_WRITE, "write" },
		{ IBV_WR_RDMA_READ, IBV_ACCESS_REMOTE_READ, "read" },
		{ IBV_WR_ATOMIC_FETCH_AND_ADD, IBV_ACCESS_REMOTE_ATOMIC, "atomic" },
	};
	struct vt_pair p;
	unsigned int i;
	int st;

	vt_pair_open(dev, &p, VT_CFG(.access = access));
	for (i = 0; i < 3; i++) {
		m[0] = 1;
		m[512] = 2;
		st = vt_do(&p.a, VT_OP(.op = ops[i].op, .local = m, .len = 8, .lkey = mr->lkey,
				       .remote = (uintptr_t)(m + 512), .rkey = mr->rkey,
				       .cmp_add = 1));
		if (access & ops[i].needs) {
			is(st, IBV_WC_SUCCESS, "access 0x%x: %s goes through", access, ops[i].name);
			continue;
		}
		ok((st == IBV_WC_REM_INV_REQ_ERR || st == IBV_WC_REM_ACCESS_ERR) &&
		   m[0] == 1 && m[512] == 2, "access 0x%x: %s is refused (%s)", access,
		   ops[i].name, ibv_wc_status_str(st));
		vt_pair_reopen(&p);
	}
	vt_pair_close(&p);
}

int main(void)
{
	struct vt_dev dev;
	struct ibv_mr *mr;
	uint64_t *m;

	vt_open(&dev);
	m = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);
	one(&dev, mr, m, 0);
	one(&dev, mr, m, IBV_ACCESS_REMOTE_WRITE);
	one(&dev, mr, m, IBV_ACCESS_REMOTE_READ);
	one(&dev, mr, m, IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
