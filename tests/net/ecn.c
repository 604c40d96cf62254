// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Congestion is heard of before it costs packets: the receiver of a marked packet
 * tells its sender (annex A17.9), who then keeps less on its way, and more again when
 * the marks are over. Here a queueing discipline of the loopback device marks every
 * packet that may be.
 *
 * timeout: 120
 */
#include "vt.h"
#include "vt_mm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEN	(64u << 10)
#define ECT_0	2
#define WHOLE	128		/* packets on their way, without congestion */

static struct vt_dev dev;
static struct vt_pair p;
static uint8_t *from, *to;
static struct ibv_mr *fmr, *tmr;

/* Packets that @q may have on their way now. */
static long window(struct vt_qp *q)
{
	char line[4096] = "", command[128];
	const char *at = NULL;
	FILE *f;

	snprintf(command, sizeof(command), "rdma -dd -j resource show qp link %s/1 lqpn %u",
		 dev.name, q->self.qpn);
	f = popen(command, "r");
	while (f && !at && fgets(line, sizeof(line), f))
		at = strstr(line, "\"drv_window\":");
	if (f)
		pclose(f);
	return at ? strtol(at + strlen("\"drv_window\":"), NULL, 10) : -1;
}

static void traffic(const char *when, int n, size_t len)
{
	int i, failed = 0, wrong = 0;

	for (i = 0; i < n; i++) {
		vt_fill(from, 0, len, i);
		failed += !!vt_write(&p.a, fmr, from, len, tmr, to);
		wrong += vt_check(to, 0, len, i) >= 0;
		if (i % 8)
			continue;
		vt_fill(to, 0, len, i + 1000);
		failed += !!vt_read(&p.a, fmr, from, len, tmr, to);
		wrong += vt_check(from, 0, len, i + 1000) >= 0;
	}
	ok(!failed && !wrong, "%s: %d writes, and reads between, with the right data", when, n);
}

struct seen {
	long long marked, sent, handled, retries;
};

static struct seen look(void)
{
	return (struct seen){
		.marked = vt_counter(&dev, "np_ecn_marked_roce_packets"),
		.sent = vt_counter(&dev, "np_cnp_sent"),
		.handled = vt_counter(&dev, "rp_cnp_handled"),
		.retries = vt_counter(&dev, "completer_retry_err"),
	};
}

int main(void)
{
	struct seen before, after;
	int tries = 100;

	vt_open(&dev);
	vt_need_wire();
	from = vt_map(LEN);
	to = vt_map(LEN);
	fmr = vt_reg(&dev, VT_PINNED, from, LEN, VT_RCV_ALL);
	tmr = vt_reg(&dev, VT_ODP, to, LEN, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG(.wire = true, .tclass = ECT_0));

	before = look();
	traffic("no congestion", 10, LEN);
	after = look();
	is(after.marked + after.sent - before.marked - before.sent, 0,
	   "nobody marks, nobody tells");
	is(window(&p.a), WHOLE, "the window is whole");

	vt_sh("modprobe -q sch_netem");
	if (vt_sh("tc qdisc replace dev lo root netem limit 10000 loss 100%% ecn"))
		bail("no netem on this kernel");
	before = look();
	traffic("every packet marked", 60, LEN);
	do {
		after = look();
	} while (after.handled - before.handled < after.sent - before.sent && --tries);
	vt_sh("tc qdisc del dev lo root");
	ok(after.marked - before.marked > 100, "the receivers saw %lld marks",
	   after.marked - before.marked);
	ok(after.sent > before.sent, "and told so %lld times", after.sent - before.sent);
	is(after.handled - before.handled, after.sent - before.sent, "the senders heard all");
	is(after.retries - before.retries, 0, "nothing was lost or sent again");
	ok(window(&p.a) <= WHOLE / 4, "the window is down to %ld", window(&p.a));

	traffic("congestion over", 2 * WHOLE, 100);
	is(window(&p.a), WHOLE, "the window is whole again");
	vt_pair_close(&p);
	vt_dereg(fmr);
	vt_dereg(tmr);
	vt_close(&dev);
	return done();
}
