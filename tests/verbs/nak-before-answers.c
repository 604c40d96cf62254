// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A peer that refuses says so once and is deaf from then on. Its word counts, also
 * where it overtakes answers that were sent before it: what they complete is complete,
 * and what was refused fails for the reason given. The answers are made here.
 */
#include "vt.h"
#include "vt_roce.h"

#include <string.h>

#define MTU	256
#define LEN	(4 * MTU)

static struct vt_dev dev;
static struct vt_pair p;
static struct vt_roce pk;
static struct ibv_mr *mr;
static uint8_t *m;

/* An answer to packet @n of the sender, with @data bytes of @byte. */
static void answer(int opcode, uint8_t syndrome, uint32_t n, size_t data, uint8_t byte)
{
	vt_roce_answer(&pk, opcode, syndrome, p.a.self.qpn, p.a.self.psn + n, data, byte);
}

static void nak_access(uint32_t n)
{
	answer(ROCE_RC_ACK, 0x62, n, 0, 0);
}

/* Two READs of four packets each, to a peer that hears nothing. */
static void two_reads(void)
{
	int i;

	memset(m, 0, 4 * LEN);
	vt_pair_open(&dev, &p, VT_CFG(.wire = true, .mtu = MTU, .timeout = 17, .retry = 1));
	vt_qp_reset(&p.b);
	for (i = 0; i < 2; i++)
		vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_READ, .local = m + i * LEN, .len = LEN,
				    .lkey = mr->lkey, .remote = (uintptr_t)m + 2 * LEN,
				    .rkey = mr->rkey));
}

int main(void)
{
	struct ibv_wc wc;

	vt_open(&dev);
	vt_need_wire();
	m = vt_map(4 * LEN);
	mr = vt_reg(&dev, VT_PINNED, m, 4 * LEN, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG(.wire = true, .mtu = MTU));
	vt_roce_open(&p.b.self.gid);
	vt_pair_close(&p);

	two_reads();
	nak_access(2);
	is(vt_done(&p.a), IBV_WC_REM_ACCESS_ERR, "refused before any of its data is here");
	is(vt_done(&p.a), IBV_WC_WR_FLUSH_ERR, "what was behind it is flushed");
	vt_pair_close(&p);

	two_reads();
	nak_access(5);
	ok(!vt_poll(p.a.cq, &wc, 10), "the second is refused, the first is still waited for");
	answer(ROCE_RC_READ_FIRST, 0x1f, 0, MTU, 1);
	answer(ROCE_RC_READ_MIDDLE, 0, 1, MTU, 2);
	answer(ROCE_RC_READ_MIDDLE, 0, 2, MTU, 3);
	answer(ROCE_RC_READ_LAST, 0x1f, 3, MTU, 4);
	is(vt_done(&p.a), 0, "its data comes and completes it");
	ok(m[0] == 1 && m[MTU] == 2 && m[2 * MTU] == 3 && m[LEN - 1] == 4, "the data");
	is(vt_done(&p.a), IBV_WC_REM_ACCESS_ERR, "the second then fails for the reason given");
	vt_pair_close(&p);

	two_reads();
	nak_access(5);
	is(vt_done(&p.a), IBV_WC_RETRY_EXC_ERR, "data that never comes is lost");
	is(vt_done(&p.a), IBV_WC_WR_FLUSH_ERR, "with what was behind it");
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
