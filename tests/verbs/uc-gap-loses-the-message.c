// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A UC message of which a packet is missing never was, whichever packet it is; the
 * receive it had taken serves the next one. The packets are made here.
 */
#include "vt.h"
#include "vt_roce.h"

#include <string.h>

#define MTU	256

static struct vt_roce pk;

/* Part @part of a message of four packets, with PSN @psn. */
static void part(struct vt_pair *p, int part, uint32_t psn, uint64_t seed)
{
	static const int ops[] = {
		ROCE_UC_SEND_FIRST, ROCE_UC_SEND_MIDDLE, ROCE_UC_SEND_MIDDLE, ROCE_UC_SEND_LAST,
	};

	vt_roce_bth(&pk, ops[part], 0, p->b.self.qpn, psn & 0xffffff);
	vt_fill(pk.data + 12, part * MTU, MTU, seed);
	vt_roce_send(&pk, 12 + MTU, true);
}

int main(void)
{
	struct vt_dev dev;
	struct ibv_mr *mr;
	struct vt_pair p;
	struct ibv_wc wc;
	uint8_t *m;
	uint32_t psn;
	int lost, i;

	vt_open(&dev);
	vt_need_wire();
	m = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, m, 8192, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG(.type = IBV_QPT_UC, .wire = true, .mtu = MTU));
	vt_roce_open(&p.a.self.gid);
	psn = p.a.self.psn;
	for (i = 0; i < 4; i++)
		vt_recv(&p.b, i, mr, m, 4 * MTU);
	for (lost = 0; lost < 4; lost++) {
		for (i = 0; i < 4; i++)
			if (i != lost)
				part(&p, i, psn + i, 1);
		psn += 4;
		ok(!vt_poll(p.b.rcq, &wc, 50), "without packet %d nothing arrives", lost);
		for (i = 0; i < 4; i++)
			part(&p, i, psn + i, 10 + lost);
		psn += 4;
		is(vt_rdone(&p.b), 0, "the message after it does");
		is(p.b.wc.wr_id, lost, "in the receive that is next");
		is(p.b.wc.byte_len, 4 * MTU, "whole");
		is(vt_check(m, 0, 4 * MTU, 10 + lost), -1, "the data");
	}
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
