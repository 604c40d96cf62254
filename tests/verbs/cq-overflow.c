// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* More completions than a queue holds: an asynchronous event, and the process lives. */
#include "vt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

int main(void)
{
	struct ibv_async_event ev;
	int i, bad = 0, fatal = 0, polled = 0;
	struct vt_dev dev;
	struct vt_pair p;
	struct pollfd pf;
	struct ibv_mr *mr;
	struct ibv_wc wc;
	uint8_t *m;

	vt_open(&dev);
	vt_pair_open(&dev, &p, VT_CFG(.cqe = 8, .depth = 200));
	m = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);
	fcntl(dev.ctx->async_fd, F_SETFL, fcntl(dev.ctx->async_fd, F_GETFL) | O_NONBLOCK);
	diag("the completion queue has %d entries", p.a.cq->cqe);
	for (i = 0; i < 150; i++)
		bad += !!vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = m, .len = 8,
					     .lkey = mr->lkey, .remote = (uintptr_t)m + 4096,
					     .rkey = mr->rkey));
	is(bad, 0, "post 150 signalled writes and poll none");
	pf = (struct pollfd){ .fd = dev.ctx->async_fd, .events = POLLIN };
	while (!fatal && poll(&pf, 1, VT_WAIT_MS) == 1 && !ibv_get_async_event(dev.ctx, &ev)) {
		fatal = ev.event_type == IBV_EVENT_CQ_ERR && ev.element.cq == p.a.cq;
		ibv_ack_async_event(&ev);
	}
	ok(fatal, "the overflow is told as IBV_EVENT_CQ_ERR of that queue");
	while (polled < 1000 && ibv_poll_cq(p.a.cq, 1, &wc) > 0)
		polled++;
	ok(polled <= p.a.cq->cqe, "no more completions than fit can be polled (%d)", polled);
	while (!ibv_get_async_event(dev.ctx, &ev))
		ibv_ack_async_event(&ev);
	vt_dereg(mr);
	vt_pair_close(&p);
	vt_pair_open(&dev, &p, VT_CFG());
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);
	is(vt_write(&p.a, mr, m, 8, mr, m + 4096), IBV_WC_SUCCESS, "the device works on");
	vt_dereg(mr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
