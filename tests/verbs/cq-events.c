// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Completion events: armed once, told once, for any completion or for solicited ones only. */
#include "vt.h"

#include <poll.h>

static bool event(struct vt_qp *q, struct ibv_cq *want, int ms)
{
	struct pollfd pf = { .fd = q->channel->fd, .events = POLLIN };
	struct ibv_cq *cq;
	void *ctx;

	if (poll(&pf, 1, ms) != 1 || ibv_get_cq_event(q->channel, &cq, &ctx))
		return false;
	ibv_ack_cq_events(cq, 1);
	return cq == want && ctx == q;
}

int main(void)
{
	struct vt_dev dev;
	struct vt_pair p;
	struct ibv_mr *mr;
	uint8_t *m;
	int i;

	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG(.events = true));
	m = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);

#define SEND(...) vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .local = m, .len = 8,					    .lkey = mr->lkey, __VA_ARGS__))
	for (i = 0; i < 16; i++)
		vt_recv(&p.b, i, mr, m + 4096, 8);
	is(SEND(), 0, "a send to a queue that is not armed");
	ok(!event(&p.b, p.b.rcq, 50), "makes no event");
	is(vt_rdone(&p.b), 0, "but a completion");

	is(ibv_req_notify_cq(p.b.rcq, 0), 0, "arm for any");
	is(SEND(), 0, "send");
	ok(event(&p.b, p.b.rcq, VT_WAIT_MS), "an event of the right queue");
	is(SEND(), 0, "a second send");
	ok(!event(&p.b, p.b.rcq, 50), "no second event: it was armed once");
	vt_rdone(&p.b);
	is(vt_rdone(&p.b), 0, "two completions");

	is(ibv_req_notify_cq(p.b.rcq, 1), 0, "arm for solicited");
	is(SEND(), 0, "an ordinary send");
	ok(!event(&p.b, p.b.rcq, 50), "makes no event");
	is(SEND(.solicited = true), 0, "a solicited send");
	ok(event(&p.b, p.b.rcq, VT_WAIT_MS), "makes one");
	vt_rdone(&p.b);
	vt_rdone(&p.b);

	is(ibv_req_notify_cq(p.b.rcq, 1), 0, "arm for solicited");
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE_WITH_IMM, .local = m, .len = 8,
			     .lkey = mr->lkey, .remote = (uintptr_t)m + 4096, .rkey = mr->rkey,
			     .solicited = true)), 0, "a solicited write with immediate");
	ok(event(&p.b, p.b.rcq, VT_WAIT_MS), "makes an event");
	vt_rdone(&p.b);

	is(ibv_req_notify_cq(p.b.rcq, 1), 0, "arm for solicited");
	vt_qp_error(&p.b);
	ok(event(&p.b, p.b.rcq, VT_WAIT_MS), "errors are as good as solicited");

	is(ibv_req_notify_cq(p.a.cq, 0), 0, "arm the sender's queue");
	is(vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .local = m, .len = 8, .lkey = 0x1)), 0,
	   "a send that fails");
	ok(event(&p.a, p.a.cq, VT_WAIT_MS), "is told");
	vt_dereg(mr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
