// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D6: a burst of packets comes in as one piece, and any user can send such a piece
 * with a datagram socket. Whatever is in it, the kernel does not complain (the harness
 * looks at its log), and connections that are not addressed live on.
 *
 * That bursts made here get as far as a queue pair is shown first.
 */
#include "vt.h"
#include "vt_roce.h"

#include <string.h>

#define LEN	65536
#define PKT	(12 + 32 + 4)	/* header, 32 bytes, room for an ICRC */
#define N	20

static unsigned int state = 815;

static unsigned int rnd(void)
{
	state = state * 1103515245 + 12345;
	return state >> 8;
}

/* Packet @i of a burst at @p: a message of 32 bytes. */
static void message(uint8_t *p, int i, size_t seg, uint32_t qpn, uint32_t psn)
{
	struct vt_roce pk;

	vt_roce_bth(&pk, ROCE_RC_SEND_ONLY, 0, qpn, psn + i);
	memcpy(p + i * seg, pk.data, 12);
	vt_fill(p + i * seg + 12, i * 32, 32, 5);
}

static void taken(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	long long bursts = vt_counter(dev, "rcvd_bursts");
	uint8_t burst[N * PKT] = {};
	struct vt_pair p;
	int i, bad = 0;

	vt_pair_open(dev, &p, VT_CFG(.wire = true));
	for (i = 0; i < N; i++) {
		vt_recv(&p.b, i, mr, m + i * 32, 32);
		message(burst, i, PKT, p.b.qp->qp_num, p.a.self.psn);
	}
	vt_roce_send_burst(burst, sizeof(burst), PKT);
	for (i = 0; i < N; i++)
		bad += vt_rdone(&p.b) || p.b.wc.wr_id != (uint64_t)i || p.b.wc.byte_len != 32;
	is(bad, 0, "%d messages in a burst are %d messages, in order", N, N);
	is(vt_check(m, 0, N * 32, 5), -1, "the data");
	is(vt_counter(dev, "rcvd_bursts"), bursts + 1, "they came as one");
	vt_pair_close(&p);
}

/* Packets that may not come as one come one by one: for other queue pairs, cut short. */
static void taken_apart(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	long long bursts = vt_counter(dev, "rcvd_bursts");
	uint8_t burst[N * PKT] = {};
	struct vt_pair p;
	struct ibv_wc wc;
	int i;

	vt_pair_open(dev, &p, VT_CFG(.wire = true));
	memset(m, 0, LEN);
	for (i = 0; i < N; i++) {
		vt_recv(&p.b, i, mr, m + i * 32, 32);
		message(burst, i, PKT, i % 2 ? p.a.qp->qp_num : p.b.qp->qp_num,
			i % 2 ? p.b.self.psn : p.a.self.psn);
	}
	vt_roce_send_burst(burst, sizeof(burst), PKT);
	for (i = 0; i < N; i++)
		message(burst, i, PKT, p.b.qp->qp_num, p.a.self.psn);
	burst[PKT + 2] ^= 1;	/* the partition of one of them */
	vt_roce_send_burst(burst, sizeof(burst), PKT);
	burst[PKT + 2] ^= 1;
	vt_roce_send_burst(burst, sizeof(burst) - PKT + 13, PKT);
	is(vt_counter(dev, "rcvd_bursts"), bursts, "bursts that are none are taken apart");
	while (vt_poll(p.b.rcq, &wc, 100))
		;
	vt_pair_close(&p);
}

/* What a burst of garbage is made of: bytes of a packet, opcode, bytes a RETH names. */
struct kind {
	size_t seg;
	int opcode;
	uint32_t reth;
};

/* Most are well formed, or nearly: they get further. */
static struct kind any_kind(void)
{
	size_t n = 4 * (1 + rnd() % 250);

	switch (rnd() % 8) {
	case 0:
		return (struct kind){ 12 + n + 4, ROCE_RC_SEND_ONLY, rnd() };
	case 1:
		return (struct kind){ 28 + 4, ROCE_RC_READ, rnd() % 3 * 70000 };
	case 2:
		return (struct kind){ 16 + 4, ROCE_RC_ACK, 0 };
	case 3:
		return (struct kind){ 12 + 1024 + 4, ROCE_RC_READ_MIDDLE, rnd() };
	case 4:
		return (struct kind){ 28 + n + 4, ROCE_RC_WRITE_ONLY, n };
	case 5:
		return (struct kind){ 28 + 256 + 4, ROCE_RC_WRITE_FIRST, 1000 };
	case 6:
		return (struct kind){ 12 + n + 4, ROCE_UC_SEND_ONLY, rnd() };
	default:
		return (struct kind){ 1 + rnd() % 1400, rnd(), rnd() % 3 * 700 };
	}
}

/* Anything at all, at queue pairs that exist and that do not. */
static void garbage(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	long long bursts = vt_counter(dev, "rcvd_bursts");
	int i, n = vt_slow() ? 1000 : 10000;
	static uint8_t burst[64000];
	struct vt_roce pk;
	struct vt_pair p;

	vt_pair_open(dev, &p, VT_CFG(.wire = true));
	vt_fill(burst, 0, sizeof(burst), 3);
	for (i = 0; i < n; i++) {
		uint32_t qpns[] = { p.a.qp->qp_num, p.b.qp->qp_num, 0, 1, 0xffffff, rnd() };
		uint32_t qpn = qpns[rnd() % 6], psn = rnd() % 2 ? p.a.self.psn : p.b.self.psn;
		struct kind kind = any_kind();
		size_t most = sizeof(burst) / kind.seg, k;
		size_t len = kind.seg * (2 + rnd() % ((most < 60 ? most : 60) - 2));
		size_t cut = rnd() % 8 ? 0 : rnd() % 16;

		for (k = 0; k < len / kind.seg; k++) {
			vt_roce_bth(&pk, kind.opcode, 0, qpn, psn + k);
			vt_roce_reth(&pk, (uintptr_t)m + rnd() % LEN, mr->rkey, kind.reth);
			memcpy(burst + k * kind.seg, pk.data, kind.seg < 28 ? kind.seg : 28);
		}
		if (rnd() % 4 == 0)
			burst[rnd() % len] ^= 1 << rnd() % 8;
		vt_roce_send_burst(burst, len > cut ? len - cut : len, kind.seg);
		if (i % 200 == 199)
			vt_pair_reopen(&p);
	}
	vt_pair_close(&p);
	bursts = vt_counter(dev, "rcvd_bursts") - bursts;
	ok(bursts > n / 4 && bursts < n, "%d bursts of garbage, %lld of them taken as they are",
	   n, bursts);
}

int main(void)
{
	struct ibv_mr *mr, *smr;
	struct vt_pair calm;
	struct vt_dev dev;
	uint8_t *m, *src;

	vt_open(&dev);
	vt_need_wire();
	m = vt_map(LEN);
	src = vt_map(LEN);
	mr = vt_reg(&dev, VT_PINNED, m, LEN, VT_RCV_ALL);
	smr = vt_reg(&dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	vt_pair_open(&dev, &calm, VT_CFG(.wire = true));
	vt_roce_open(&calm.a.self.gid);

	taken(&dev, mr, m);
	taken_apart(&dev, mr, m);
	garbage(&dev, mr, m);
	vt_fill(src, 0, LEN, 9);
	is(vt_write(&calm.a, smr, src, LEN, mr, m), 0, "a connection not addressed works on");
	is(vt_check(m, 0, LEN, 9), -1, "the data");
	is(vt_read(&calm.a, smr, src, LEN, mr, m), 0, "and back");
	vt_pair_close(&calm);
	vt_dereg(mr);
	vt_dereg(smr);
	vt_close(&dev);
	return done();
}
