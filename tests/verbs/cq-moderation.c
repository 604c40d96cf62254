// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * CQ moderation: an event comes for so many completions, or so long after the first of
 * fewer; at once for an error, and when it has been switched off. The command is issued
 * by hand: rdma-core's provider has no call for it.
 */
#include "vt.h"

#include <errno.h>
#include <poll.h>
#include <rdma/ib_user_verbs.h>
#include <time.h>
#include <unistd.h>

#define COUNT	10
#define PERIOD	60		/* milliseconds, close to the most there is */

static struct vt_pair p;
static struct ibv_mr *mr;
static uint8_t *m;

/* By the kernel's clock, leaps and all: its timer goes by it. */
static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static int moderate(struct ibv_cq *cq, unsigned int count, unsigned int ms)
{
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_ex_cmd_hdr ex;
		struct ib_uverbs_ex_modify_cq cmd;
	} msg = {
		.hdr = {
			.command = IB_USER_VERBS_EX_CMD_MODIFY_CQ |
				   IB_USER_VERBS_CMD_FLAG_EXTENDED,
			.in_words = sizeof(msg.cmd) / 8,
		},
		.cmd = {
			.cq_handle = cq->handle,
			.attr_mask = IBV_CQ_ATTR_MODERATE,
			.attr = { .cq_count = count, .cq_period = ms * 1000 },
		},
	};

	return write(cq->context->cmd_fd, &msg, sizeof(msg)) == sizeof(msg) ? 0 : errno;
}

static bool event(int ms)
{
	struct pollfd pf = { .fd = p.a.channel->fd, .events = POLLIN };
	struct ibv_cq *cq;
	void *ctx;

	if (poll(&pf, 1, ms) != 1 || ibv_get_cq_event(p.a.channel, &cq, &ctx))
		return false;
	ibv_ack_cq_events(cq, 1);
	return true;
}

static void post(uint32_t rkey)
{
	if (vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = m, .len = 8,
				.lkey = mr->lkey, .remote = (uintptr_t)m + 8, .rkey = rkey)))
		bail("post");
}

/*
 * Writes one by one, each with @wait ms for it, until there is an event; returns how
 * many, and how long it took.
 */
static int until_event(int wait, uint64_t *ms)
{
	uint64_t start = now_ms();
	int n = 0;

	if (ibv_req_notify_cq(p.a.cq, 0))
		bail("ibv_req_notify_cq: %m");
	do {
		post(mr->rkey);
		n++;
	} while (!event(wait) && n < 2 * COUNT);
	*ms = now_ms() - start;
	return n;
}

static int drain(int n)
{
	int bad = 0;

	while (n--)
		bad += !!vt_done(&p.a);
	return bad;
}

int main(void)
{
	struct vt_dev dev;
	uint64_t ms;
	int n;

	vt_open(&dev);
	if (!dev.attr.cq_mod_caps.max_cq_count && vt_stock())
		skip_all("the stock driver has no moderation");
	ok(dev.attr.cq_mod_caps.max_cq_count >= COUNT &&
	   dev.attr.cq_mod_caps.max_cq_period >= PERIOD * 1000, "the device says it can");
	vt_pair_open(&dev, &p, VT_CFG(.events = true));
	m = vt_map(4096);
	mr = vt_reg(&dev, VT_PINNED, m, 4096, VT_RCV_ALL);

	is(moderate(p.a.cq, COUNT, PERIOD), 0, "switch it on");
	n = until_event(0, &ms);
	ok(n >= COUNT || ms >= PERIOD - 1,
	   "no event before there are %d completions (%d, %llu ms)", COUNT, n,
	   (unsigned long long)ms);
	is(drain(n), 0, "all of them good");

	is(ibv_req_notify_cq(p.a.cq, 0), 0, "arm");
	ms = now_ms();
	post(mr->rkey);
	ok(event(VT_WAIT_MS), "a single one has its event, too");
	ms = now_ms() - ms;
	ok(ms >= PERIOD - 1, "but later (%llu ms)", (unsigned long long)ms);
	ok(!event(2 * PERIOD), "and it has one only");
	is(drain(1), 0, "its completion");

	is(ibv_req_notify_cq(p.a.cq, 0), 0, "arm");
	is(moderate(p.a.cq, 0, 0), 0, "switch it off");
	post(mr->rkey);
	ok(event(VT_WAIT_MS), "an event at the first completion");
	is(drain(1), 0, "which is good");
	n = until_event(VT_WAIT_MS, &ms);
	is(n, 1, "and always at the first");
	is(drain(n), 0, "good");

	is(moderate(p.a.cq, UINT16_MAX, UINT16_MAX / 1000), 0, "as much of it as can be");
	is(ibv_req_notify_cq(p.a.cq, 0), 0, "arm");
	post(mr->rkey + 1);
	is(vt_done(&p.a), IBV_WC_REM_ACCESS_ERR, "an error");
	ok(event(0), "has its event with its completion");
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
