// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D3: pages that are there and only not translated are no reason to wait. The poster's
 * own system call translates them, counts them as faults, and completes the message;
 * pages that are not there park the queue pair.
 */
#include "vt.h"
#include "vt_mm.h"

#include <sys/mman.h>

#define N	500
#define LEN	(N * PAGE)

static struct vt_dev dev;

static void one(enum vt_kind kind, enum ibv_wr_opcode op, const char *name)
{
	uint8_t *m = vt_map(LEN), *other = vt_map(PAGE);
	struct ibv_mr *mr, *omr;
	long long faults = vt_counter(&dev, "odp_faults"), parks = vt_counter(&dev, "parks");
	int i, at_once = 0, failed = 0;
	struct vt_pair p;

	madvise(m, LEN, MADV_NOHUGEPAGE);
	vt_fill(m, 0, LEN, 1);
	vt_fill(other, 0, PAGE, 2);
	mr = vt_reg(&dev, kind, m, LEN, VT_RCV_ALL);
	omr = vt_reg(&dev, VT_PINNED, other, PAGE, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG());
	for (i = 0; i < N && !failed; i++) {
		uint8_t *at = m + i * PAGE;

		if (op == IBV_WR_SEND)
			vt_recv(&p.b, i, mr, at, 64);
		vt_post(&p.a, VT_OP(.op = op, .local = other,
				    .len = op == IBV_WR_ATOMIC_FETCH_AND_ADD ? 8 : 64,
				    .lkey = omr->lkey, .remote = (uintptr_t)at, .rkey = mr->rkey));
		failed += vt_done_at_once(&p.a, &at_once);
		if (op == IBV_WR_SEND)
			failed += vt_rdone(&p.b);
		/* An answer put the page's data there; the others took its own. */
		if (op == IBV_WR_SEND || op == IBV_WR_RDMA_WRITE)
			failed += vt_check(at, 0, 64, 2) >= 0;
	}
	faults = vt_counter(&dev, "odp_faults") - faults;
	parks = vt_counter(&dev, "parks") - parks;
	is(failed, 0, "%s, %s: %d pages", vt_kind_name[kind], name, N);
	/* A lock may be taken just then. */
	ok(at_once >= N - 25, "%s, %s: complete when the system call returns (%d of %d)",
	   vt_kind_name[kind], name, at_once, N);
	ok(faults >= N, "%s, %s: each was a fault (%lld)", vt_kind_name[kind], name, faults);
	ok(parks <= 25, "%s, %s: none had to be waited for (%lld)", vt_kind_name[kind], name, parks);

	/* Not there: a fault that takes a worker. */
	madvise(m, PAGE, MADV_DONTNEED);
	vt_fill(other, 0, PAGE, 2);
	parks = vt_counter(&dev, "parks");
	is(vt_write(&p.a, omr, other, 64, mr, m), 0, "%s, %s: then to a page that is not there",
	   vt_kind_name[kind], name);
	ok(vt_counter(&dev, "parks") > parks, "%s, %s: it waits", vt_kind_name[kind], name);
	is(vt_check(m, 0, 64, 2), -1, "%s, %s: the data", vt_kind_name[kind], name);
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_dereg(omr);
	munmap(m, LEN);
	munmap(other, PAGE);
}

int main(void)
{
	int kind;

	vt_open(&dev);
	vt_need(&dev, VT_IMPLICIT);
	for (kind = VT_ODP; kind <= VT_IMPLICIT; kind++) {
		one(kind, IBV_WR_RDMA_WRITE, "write");
		one(kind, IBV_WR_RDMA_READ, "read");
		one(kind, IBV_WR_SEND, "send");
		one(kind, IBV_WR_ATOMIC_FETCH_AND_ADD, "atomic");
	}
	vt_close(&dev);
	return done();
}
