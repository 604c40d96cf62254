// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Shared receive queues: each receive serves one message of one of the queue pairs,
 * connected or not, in the order posted; the limit event comes once when the fill
 * falls below it; resizing keeps what is posted.
 */
#include "vt.h"

#include <errno.h>
#include <string.h>

#define SLOT	4096
#define SLOTS	64
#define PAIRS	3

static struct ibv_mr *mr, *smr;
static uint8_t *m, *s;

static struct ibv_srq *make(struct vt_dev *dev, int max_wr, int max_sge)
{
	struct ibv_srq_init_attr init = { .attr = { .max_wr = max_wr, .max_sge = max_sge } };
	struct ibv_srq *srq = ibv_create_srq(dev->pd, &init);

	if (!srq)
		bail("create_srq: %m");
	return srq;
}

/* Receive @id into slot @id % SLOTS, in three pieces. */
static int post(struct ibv_srq *srq, int id)
{
	uintptr_t at = (uintptr_t)m + id % SLOTS * SLOT;
	struct ibv_sge sge[3] = {
		{ at, 7, mr->lkey }, { at + 7, 1000, mr->lkey }, { at + 1007, SLOT - 1007, mr->lkey },
	};
	struct ibv_recv_wr wr = { .wr_id = id, .sg_list = sge, .num_sge = 3 }, *bad;

	return ibv_post_srq_recv(srq, &wr, &bad);
}

static struct ibv_srq_attr query(struct ibv_srq *srq)
{
	struct ibv_srq_attr a = {};

	if (ibv_query_srq(srq, &a))
		bail("query_srq: %m");
	return a;
}

static bool one_message(struct vt_qp *from, struct vt_qp *to, struct ibv_ah *ah, int id)
{
	size_t len = 100 + id * 37 % 1900, grh = ah ? 40 : 0;

	vt_fill(s, 0, len, id);
	return !vt_do(from, VT_OP(.op = IBV_WR_SEND, .local = s, .len = len, .lkey = smr->lkey,
				  .ah = ah, .qpn = to->self.qpn)) &&
	       !vt_rdone(to) && to->wc.wr_id == (uint64_t)id && to->wc.byte_len == len + grh &&
	       to->wc.qp_num == to->self.qpn &&
	       vt_check(m + id % SLOTS * SLOT + grh, 0, len, id) < 0;
}

static void shared(struct vt_dev *dev, bool wire, enum vt_kind kind)
{
	const char *road = wire ? "wire" : "local", *k = vt_kind_name[kind];
	struct ibv_srq *srq = make(dev, SLOTS, 3);
	struct vt_pair p[PAIRS];
	int i, bad = 0, id = 0;
	struct ibv_ah *ah;
	struct ibv_wc wc;

	for (i = 0; i < PAIRS; i++)
		vt_pair_open(dev, &p[i], VT_CFG(.srq = srq, .wire = wire,
						.type = i == 2 ? IBV_QPT_UD : i ? IBV_QPT_UC : 0));
	ah = vt_ah(&p[2].a, &p[2].b.self.gid);
	for (i = 0; i < 50; i++)
		bad += !!post(srq, i);
	for (; id < 150; id++) {
		i = id * 7 % PAIRS;
		bad += !one_message(&p[i].a, &p[i].b, i == 2 ? ah : NULL, id);
		bad += !!post(srq, id + 50);
		if (bad) {
			diag("message %d, pair %d: %s", id, i, ibv_wc_status_str(p[i].b.wc.status));
			break;
		}
	}
	is(bad, 0, "%s %s: %d messages of RC, UC and UD, each in the next receive", road, k, id);

	/* A queue pair that goes takes nothing with it. */
	vt_pair_close(&p[1]);
	for (i = 0; i < 50; i++, id++)
		bad += !one_message(&p[0].a, &p[0].b, NULL, id);
	is(bad, 0, "%s %s: one queue pair destroyed, the receives serve the others", road, k);

	is(vt_do(&p[2].a, VT_OP(.op = IBV_WR_SEND, .local = s, .len = 8, .lkey = smr->lkey,
				.ah = ah, .qpn = p[2].b.self.qpn)), 0,
	   "%s %s: empty, a datagram", road, k);
	ok(!vt_poll(p[2].b.rcq, &wc, 50), "%s %s: is dropped", road, k);
	is(vt_post(&p[0].a, VT_OP(.op = IBV_WR_SEND, .local = s, .len = 8, .lkey = smr->lkey)), 0,
	   "%s %s: an RC message", road, k);
	ok(!vt_poll(p[0].a.cq, &wc, 50), "%s %s: waits", road, k);
	post(srq, 900);
	is(vt_done(&p[0].a), 0, "%s %s: until there is a receive", road, k);
	is(vt_rdone(&p[0].b), 0, "%s %s: which it gets", road, k);
	ibv_destroy_ah(ah);
	is(ibv_destroy_srq(srq), EBUSY, "%s %s: a queue in use is not destroyed", road, k);
	vt_pair_close(&p[0]);
	vt_pair_close(&p[2]);
	is(ibv_destroy_srq(srq), 0, "%s %s: unused it is", road, k);
}

static void limit(struct vt_dev *dev)
{
	struct ibv_srq_attr a = { .srq_limit = 5 };
	struct ibv_srq *srq = make(dev, 16, 3);
	struct vt_pair p;
	int i;

	vt_pair_open(dev, &p, VT_CFG(.srq = srq));
	for (i = 0; i < 8; i++)
		post(srq, i);
	is(ibv_modify_srq(srq, &a, IBV_SRQ_LIMIT), 0, "limit 5, 8 posted");
	is(query(srq).srq_limit, 5, "query says 5");
	for (i = 0; i < 3; i++)
		ok(one_message(&p.a, &p.b, NULL, i), "a message");
	is(vt_event(dev, 50), -1, "5 left: no event");
	ok(one_message(&p.a, &p.b, NULL, 3), "a message");
	is(vt_event(dev, VT_WAIT_MS), IBV_EVENT_SRQ_LIMIT_REACHED, "4 left: the event");
	is(query(srq).srq_limit, 0, "the limit is off");
	ok(one_message(&p.a, &p.b, NULL, 4), "a message");
	is(vt_event(dev, 50), -1, "no second event");
	a.srq_limit = 100;
	ok(ibv_modify_srq(srq, &a, IBV_SRQ_LIMIT), "a limit beyond the size is refused");
	vt_pair_close(&p);
	ibv_destroy_srq(srq);
}

static void resize(struct vt_dev *dev)
{
	struct ibv_srq_attr a = { .max_wr = 200 };
	struct ibv_srq *srq = make(dev, 15, 3);
	struct vt_pair p;
	int i, n, id = 0;

	vt_pair_open(dev, &p, VT_CFG(.srq = srq));
	n = query(srq).max_wr;
	ok(n >= 15, "room for %d", n);
	for (i = 0; i < n; i++)
		if (post(srq, i))
			break;
	is(i, n, "posts that fit");
	ok(post(srq, i), "one more does not");
	/* The ring's wrap is in the middle of what is posted. */
	for (; id < 9; id++) {
		ok(one_message(&p.a, &p.b, NULL, id), "message %d", id);
		is(post(srq, n + id), 0, "its receive again");
	}
	a.max_wr = n - 1;
	ok(ibv_modify_srq(srq, &a, IBV_SRQ_MAX_WR), "smaller than what is posted: refused");
	is(query(srq).max_wr, n, "and unchanged");
	a.max_wr = 100;
	is(ibv_modify_srq(srq, &a, IBV_SRQ_MAX_WR), 0, "larger");
	ok(query(srq).max_wr >= 100, "it is");
	for (i = n + id; i < 60; i++)
		if (post(srq, i))
			break;
	is(i, 60, "more posts fit");
	for (; id < 60; id++)
		if (!one_message(&p.a, &p.b, NULL, id))
			break;
	is(id, 60, "all are there, in order");
	a.max_wr = 3;
	is(ibv_modify_srq(srq, &a, IBV_SRQ_MAX_WR), 0, "empty, it can shrink");
	is(post(srq, id), 0, "post");
	ok(one_message(&p.a, &p.b, NULL, id), "and it works");
	vt_pair_close(&p);
	ibv_destroy_srq(srq);
}

static void test(struct vt_dev *dev, bool wire)
{
	int kind;

	for (kind = VT_PINNED; kind <= VT_ODP; kind++) {
		if (!vt_can(dev, kind))
			continue;
		m = vt_map(SLOTS * SLOT);
		s = vt_map(SLOT);
		mr = vt_reg(dev, kind, m, SLOTS * SLOT, VT_RCV_ALL);
		smr = vt_reg(dev, kind, s, SLOT, VT_RCV_ALL);
		shared(dev, wire, kind);
		if (kind == VT_PINNED && !wire) {
			limit(dev);
			resize(dev);
		}
		vt_dereg(mr);
		vt_dereg(smr);
	}
}

int main(void)
{
	return vt_each_road(test);
}
