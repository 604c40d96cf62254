// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Verified traffic of every kind between two queue pairs of one device.
 *
 *	traffic [ROAD [KIND [SECONDS]]]
 *
 * ROAD is local or wire, KIND pinned, odp or implicit. Without arguments it is a
 * test of its own: two seconds of each road. The tests of this directory run it
 * while they disturb the network or take the device away.
 */
#include <stdlib.h>
#include <string.h>

#include "vt.h"

#define LEN	(1ul << 20)
#define BATCH	8

static unsigned int state = 1;

static unsigned int rnd(void)
{
	state = state * 1103515245 + 12345;
	return state >> 8;
}

struct traffic {
	struct vt_pair p;
	uint8_t *src, *dst;
	struct ibv_mr *smr, *dmr;
	unsigned long messages, bytes;
};

static void post(struct traffic *t, int how, uint8_t *src, uint8_t *dst, size_t len, int i)
{
	struct vt_op op = { .op = how, .local = src, .len = len, .lkey = t->smr->lkey,
			    .remote = (uintptr_t)dst, .rkey = t->dmr->rkey, .id = i };

	if (how == IBV_WR_RDMA_READ) {
		op.local = dst;
		op.lkey = t->dmr->lkey;
		op.remote = (uintptr_t)src;
		op.rkey = t->smr->rkey;
	}
	if (how == IBV_WR_SEND)
		vt_recv(&t->p.b, i, t->dmr, dst, len);
	if (vt_post(&t->p.a, &op))
		bail("post_send: %m");
}

/* Some messages at once, of one kind each, to places that do not overlap. */
static int batch(struct traffic *t)
{
	static const int ops[] = { IBV_WR_SEND, IBV_WR_RDMA_WRITE, IBV_WR_RDMA_READ };
	size_t room = LEN / BATCH, len[BATCH], at[BATCH];
	int i, st, sends = 0;
	uint64_t seed = rnd();

	vt_fill(t->src, 0, LEN, seed);
	memset(t->dst, 0, LEN);
	for (i = 0; i < BATCH; i++) {
		int how = ops[rnd() % 3];

		at[i] = i * room + rnd() % 4200;
		len[i] = 1 + rnd() % (rnd() % 8 ? 9000 : room - 4300);
		sends += how == IBV_WR_SEND;
		post(t, how, t->src + at[i], t->dst + at[i], len[i], i);
	}
	for (i = 0; i < BATCH; i++) {
		st = vt_done(&t->p.a);
		if (st || t->p.a.wc.wr_id != (uint64_t)i)
			return st ? st : VT_TIMEOUT;
	}
	while (sends--) {
		st = vt_rdone(&t->p.b);
		if (st)
			return st;
	}
	for (i = 0; i < BATCH; i++) {
		size_t before = i ? at[i - 1] + len[i - 1] : 0;

		if (vt_check(t->dst + at[i], at[i], len[i], seed) >= 0 ||
		    vt_check_byte(t->dst + before, at[i] - before, 0) >= 0) {
			diag("message %d, %zu bytes at %zu, is wrong", i, len[i], at[i]);
			return -1;
		}
		t->bytes += len[i];
	}
	t->messages += BATCH;
	return 0;
}

static int run(struct vt_dev *dev, bool wire, enum vt_kind kind, int seconds)
{
	uint64_t end = vt_now_ms() + seconds * 1000ull;
	struct traffic t = { .src = vt_map(LEN), .dst = vt_map(LEN) };
	int st = 0;

	/* Patient: loss and delay must not look like a dead peer. */
	vt_pair_open(dev, &t.p, VT_CFG(.wire = wire, .timeout = 14, .retry = 7));
	t.smr = vt_reg(dev, kind, t.src, LEN, VT_RCV_ALL);
	t.dmr = vt_reg(dev, kind, t.dst, LEN, VT_RCV_ALL);
	while (!st && vt_now_ms() < end)
		st = batch(&t);
	ok(!st, "%s, %s: %lu messages, %lu bytes, all right%s%s", wire ? "wire" : "local",
	   vt_kind_name[kind], t.messages, t.bytes, st ? ", but then: " : "",
	   st > 0 && st != VT_TIMEOUT ? ibv_wc_status_str(st) : st > 0 ? "timeout" :
	   st ? "wrong data" : "");
	ok(t.messages, "%s, %s: there was traffic", wire ? "wire" : "local", vt_kind_name[kind]);
	vt_pair_close(&t.p);
	vt_dereg(t.smr);
	vt_dereg(t.dmr);
	return st;
}

int main(int argc, char **argv)
{
	enum vt_kind kind = VT_PINNED;
	struct vt_dev dev;

	vt_open(&dev);
	if (argc > 2)
		while (kind < VT_IMPLICIT && strcmp(vt_kind_name[kind], argv[2]))
			kind++;
	if (argc > 1) {
		run(&dev, !strcmp(argv[1], "wire"), kind, argc > 3 ? atoi(argv[3]) : 2);
	} else {
		run(&dev, false, kind, 2);
		if (!vt_stock())
			run(&dev, true, kind, 2);
		else
			skip("the stock driver cannot be told to use the wire on one device");
	}
	vt_close(&dev);
	return done();
}
