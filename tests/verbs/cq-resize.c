// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A completion queue is resized with completions in it: none is lost or made up. */
#include "vt.h"

#define N 6

static struct vt_pair p;
static struct ibv_mr *mr;
static uint64_t *m;		/* [0] source, [512] target, [1] and [2] read into */

/* Posts @n signalled writes, numbered from @first. */
static int writes(uint64_t first, int n)
{
	int i, bad = 0;

	for (i = 0; i < n; i++)
		bad += !!vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .id = first + i, .local = m,
					     .len = 8, .lkey = mr->lkey,
					     .remote = (uintptr_t)&m[512], .rkey = mr->rkey));
	return bad;
}

/* Reads the target back without a completion, and waits for the data. */
static bool read_back(volatile uint64_t *to)
{
	uint64_t end = vt_now_ms() + VT_WAIT_MS;

	*to = 0;
	if (vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_READ, .local = (void *)to, .len = 8,
				.lkey = mr->lkey, .remote = (uintptr_t)&m[512], .rkey = mr->rkey,
				.quiet = true)))
		return false;
	while (*to != m[0])
		if (vt_now_ms() > end)
			return false;
	return true;
}

/*
 * Work completes in order: when a second read has data, everything that was
 * posted before the first one is in the completion queue.
 */
static bool settle(void)
{
	return read_back(&m[1]) && read_back(&m[2]);
}

/* How many of the completions @first to @first + @n come, in order. */
static int reap(uint64_t first, int n)
{
	struct ibv_wc wc;
	int i, good = 0;

	for (i = 0; i < n && vt_poll(p.a.cq, &wc, VT_WAIT_MS); i++)
		good += wc.status == IBV_WC_SUCCESS && wc.wr_id == first + i;
	return good;
}

int main(void)
{
	struct vt_dev dev;
	struct ibv_wc wc;
	int max, round;

	vt_open(&dev);
	max = dev.attr.orig_attr.max_cqe;
	vt_pair_open(&dev, &p, VT_CFG(.cqe = 2 * N));
	m = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);

	for (round = 1; round <= 3; round++) {
		m[0] = round;
		is(writes(10 * round, N), 0, "post %d writes", N);
		ok(settle(), "they are done");
		ok(ibv_resize_cq(p.a.cq, N - 1), "a size below the unread completions is refused");
		is(ibv_resize_cq(p.a.cq, 100 << round), 0, "grow");
		ok(p.a.cq->cqe >= 100 << round, "it has the size (%d)", p.a.cq->cqe);
		is(reap(10 * round, N), N, "all completions are there, in order");
		is(ibv_poll_cq(p.a.cq, 1, &wc), 0, "and no more");
		is(ibv_resize_cq(p.a.cq, 2 * N), 0, "shrink it when empty");
	}
	ok(ibv_resize_cq(p.a.cq, max + 1), "max_cqe + 1 is refused");
	is(ibv_resize_cq(p.a.cq, max), 0, "max_cqe is not");
	is(vt_write(&p.a, mr, m, 8, mr, &m[512]), IBV_WC_SUCCESS, "the queue works on");

	vt_dereg(mr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
