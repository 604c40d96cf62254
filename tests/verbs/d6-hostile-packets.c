// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D6: whatever arrives on UDP port 4791, the kernel does not complain (the
 * harness looks at its log), a wrong ICRC is never believed, and connections that
 * are not addressed live on.
 *
 * The packets are built here, IP header included, because the ICRC covers it.
 * That our idea of the ICRC is the right one is shown first: a packet made here
 * is received as a message.
 */
#include "vt.h"

#include "vt_roce.h"

#define LEN		65536

static unsigned int state = 4711;

static unsigned int rnd(void)
{
	state = state * 1103515245 + 12345;
	return state >> 8;
}

/* A packet made here is taken if its ICRC is right, and not if it is wrong. */
static void believed(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	struct vt_roce pk;
	struct vt_pair p;
	struct ibv_wc wc;
	int i;

	vt_pair_open(dev, &p, VT_CFG(.wire = true));
	vt_recv(&p.b, 1, mr, m, 64);
	memset(m, 0, 64);
	for (i = 0; i < 200; i++) {
		vt_roce_bth(&pk, ROCE_RC_SEND_ONLY, 0, p.b.qp->qp_num, p.a.self.psn);
		vt_fill(pk.data + 12, 0, 32, 66);
		vt_roce_send(&pk, 12 + 32, false);
	}
	ok(!vt_poll(p.b.rcq, &wc, 200), "200 packets with a wrong ICRC are not received");
	is(vt_check_byte(m, 64, 0), -1, "and move nothing");
	vt_roce_bth(&pk, ROCE_RC_SEND_ONLY, 0, p.b.qp->qp_num, p.a.self.psn);
	vt_fill(pk.data + 12, 0, 32, 66);
	vt_roce_send(&pk, 12 + 32, true);
	is(vt_rdone(&p.b), IBV_WC_SUCCESS, "the same packet with a right one is");
	is(p.b.wc.byte_len, 32, "with its length");
	is(vt_check(m, 0, 32, 66), -1, "and its data");
	vt_pair_close(&p);
}

/* Well-formed but for one thing that a responder must notice by itself. */
static void traps(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	struct vt_roce pk;
	struct vt_pair p;
	int i;

	memset(&pk, 0x5a, sizeof(pk));
	for (i = 0; i < 8; i++) {
		uint32_t psn, qpn;

		vt_pair_open(dev, &p, VT_CFG(.wire = true, .timeout = 8, .retry = 1));
		psn = p.a.self.psn;
		qpn = p.b.qp->qp_num;
		vt_recv(&p.b, 1, mr, m, 64);
		switch (i) {
		case 0:		/* a write of no length that carries data, no key */
			vt_roce_bth(&pk, ROCE_RC_WRITE_ONLY, 0, qpn, psn);
			vt_roce_reth(&pk, 0, 0, 0);
			vt_roce_send(&pk, 28 + 64, true);
			break;
		case 1:		/* a first packet that is not of MTU size */
			vt_roce_bth(&pk, ROCE_RC_WRITE_FIRST, 0, qpn, psn);
			vt_roce_reth(&pk, (uintptr_t)m, mr->rkey, 100000);
			vt_roce_send(&pk, 28 + 100, true);
			break;
		case 2:		/* more data than the header says */
			vt_roce_bth(&pk, ROCE_RC_WRITE_ONLY, 0, qpn, psn);
			vt_roce_reth(&pk, (uintptr_t)m + LEN - 8, mr->rkey, 8);
			vt_roce_send(&pk, 28 + 1000, true);
			break;
		case 3:		/* more padding than payload */
			vt_roce_bth(&pk, ROCE_RC_SEND_ONLY, 3, qpn, psn);
			vt_roce_send(&pk, 12, true);
			break;
		case 4:		/* a read of 4 GiB */
			vt_roce_bth(&pk, ROCE_RC_READ, 0, qpn, psn);
			vt_roce_reth(&pk, (uintptr_t)m, mr->rkey, 0xffffffff);
			vt_roce_send(&pk, 28, true);
			break;
		case 5:		/* a header cut short */
			vt_roce_bth(&pk, ROCE_RC_READ, 0, qpn, psn);
			vt_roce_send(&pk, 20, true);
			break;
		case 6:		/* an answer to nothing, of a reserved kind */
			vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .local = m, .len = 8,
					    .lkey = mr->lkey));
			vt_roce_bth(&pk, ROCE_RC_ACK, 0, p.a.qp->qp_num, p.b.self.psn);
			pk.data[12] = 0x7f;
			vt_roce_send(&pk, 16, true);
			break;
		default:	/* a write whose range wraps around */
			vt_roce_bth(&pk, ROCE_RC_WRITE_ONLY, 0, qpn, psn);
			vt_roce_reth(&pk, ~0ull - 3, mr->rkey, 64);
			vt_roce_send(&pk, 28 + 64, true);
		}
		vt_pair_close(&p);
	}
	ok(true, "%d packets with one lie each", i);
	is(vt_check_byte(m + 64, LEN - 64, 0), -1, "none of them moves a byte");
}

/* Anything at all, at queue pairs that exist and that do not. */
static void garbage(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	int i, n = vt_slow() ? 2000 : 20000;
	struct vt_roce pk;
	struct vt_pair p;
	size_t k;

	vt_pair_open(dev, &p, VT_CFG(.wire = true));
	vt_fill(pk.data, 0, sizeof(pk.data), 3);
	for (i = 0; i < n; i++) {
		uint32_t qpns[] = { p.a.qp->qp_num, p.b.qp->qp_num, 0, 1, 0xffffff, rnd() };
		size_t len = 12 + rnd() % (rnd() % 4 ? 60 : 1100);

		for (k = 12; k < 40; k++)
			pk.data[k] = rnd() % 3 ? rnd() : rnd() % 2 * 255;
		vt_roce_bth(&pk, i, rnd() % 4, qpns[rnd() % 6],
		    (rnd() % 2 ? p.a.self.psn : p.b.self.psn) + rnd() % 5 - 1);
		if (rnd() % 3 == 0)
			vt_roce_reth(&pk, (uintptr_t)m + rnd() % LEN, mr->rkey, rnd() % 3 * 700);
		if (rnd() % 4 == 0)
			pk.data[rnd() % 12] ^= 1 << rnd() % 8;
		if (rnd() % 8 == 0)
			vt_roce_send_raw(pk.data, rnd() % 40);
		else
			vt_roce_send(&pk, len, rnd() % 4);
		/* Queue pairs that have been brought down take in less. */
		if (i % 500 == 499)
			vt_pair_reopen(&p);
	}
	vt_pair_close(&p);
	ok(true, "%d packets of garbage", n);
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

	believed(&dev, mr, m);
	vt_fill(src, 0, LEN, 9);
	traps(&dev, mr, m);
	garbage(&dev, mr, m);
	is(vt_write(&calm.a, smr, src, LEN, mr, m), 0, "a connection not addressed works on");
	is(vt_check(m, 0, LEN, 9), -1, "the data");
	is(vt_read(&calm.a, smr, src, LEN, mr, m), 0, "and back");
	vt_pair_close(&calm);
	vt_dereg(mr);
	vt_dereg(smr);
	vt_close(&dev);
	return done();
}
