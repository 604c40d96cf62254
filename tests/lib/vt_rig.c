// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "vt_rig.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

void vt_rig_open(struct vt_rig *r, size_t len)
{
	int i;

	memset(r, 0, sizeof(*r));
	vt_open(&r->dev);
	vt_need(&r->dev, VT_ODP);
	r->roads = vt_stock() ? 1 : 2;
	for (i = 0; i < r->roads; i++)
		vt_pair_open(&r->dev, &r->pair[i], VT_CFG(.wire = i));
	r->len = len;
	r->buf = vt_map(len);
	r->bmr = vt_reg(&r->dev, VT_ODP, r->buf, len, VT_RCV_ALL);
}

void vt_rig_close(struct vt_rig *r)
{
	int i;

	vt_dereg(r->bmr);
	munmap(r->buf, r->len);
	for (i = 0; i < r->roads; i++)
		vt_pair_close(&r->pair[i]);
	vt_close(&r->dev);
}

static int transfer(struct vt_rig *r, enum ibv_wr_opcode op, struct ibv_mr *mr, const void *at,
		    size_t len)
{
	struct vt_pair *p = &r->pair[r->turn++ % r->roads];
	int st;

	if (len > r->len)
		bail("%zu bytes are more than the rig's buffer", len);
	st = vt_do(&p->a, VT_OP(.op = op, .local = r->buf, .len = len, .lkey = r->bmr->lkey,
				.remote = (uintptr_t)at, .rkey = mr->rkey));
	if (st)
		vt_pair_reopen(p);
	return st;
}

int vt_put(struct vt_rig *r, struct ibv_mr *mr, void *to, size_t len, uint64_t seed)
{
	vt_fill(r->buf, 0, len, seed);
	return transfer(r, IBV_WR_RDMA_WRITE, mr, to, len);
}

static ssize_t wrong(const void *p, size_t len, uint64_t seed)
{
	return seed == VT_ZERO ? vt_check_byte(p, len, 0) : vt_check(p, 0, len, seed);
}

int vt_get(struct vt_rig *r, struct ibv_mr *mr, const void *from, size_t len, uint64_t seed)
{
	int st;

	memset(r->buf, 0xa5, len);
	st = transfer(r, IBV_WR_RDMA_READ, mr, from, len);
	if (!st && wrong(r->buf, len, seed) >= 0)
		st = VT_WRONG;
	return st;
}

bool vt_sees(struct vt_rig *r, struct ibv_mr *mr, const void *m, size_t len, uint64_t seed,
	     const char *fmt, ...)
{
	bool cpu, right = true;
	char what[128];
	va_list ap;
	int i;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	/* The device first: what the CPU touches is there for the device. */
	for (i = 0; i < r->roads; i++) {
		int st = vt_get(r, mr, m, len, seed);

		if (st)
			diag("  by RDMA: %s", st == VT_WRONG ? "wrong data" :
			     st == VT_TIMEOUT ? "timeout" : ibv_wc_status_str(st));
		right &= !st;
	}
	cpu = wrong(m, len, seed) < 0;
	if (!cpu)
		diag("  by the CPU");
	return ok(right && cpu, "%s", what);
}
