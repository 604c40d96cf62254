// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Unreliable connections: what arrives is whole and right; what cannot be taken is
 * dropped without a word, and the messages after it arrive.
 */
#include "vt.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#define LEN	(1 << 20)

/* Byte by byte: what arrives meanwhile may make memcmp() find no difference in the end. */
static bool same(const volatile uint8_t *p, const uint8_t *want, size_t len)
{
	size_t i;

	for (i = 0; i < len && p[i] == want[i]; i++)
		;
	return i == len;
}

/* Who sends does not hear when, or whether, an unreliable message arrives. */
static bool arrived(const uint8_t *p, size_t len, uint64_t seed)
{
	uint64_t end = vt_now_ms() + VT_WAIT_MS;
	static uint8_t want[LEN];

	vt_fill(want, 0, len, seed);
	while (!same(p, want, len)) {
		if (vt_now_ms() > end)
			return false;
		usleep(1000);
	}
	return true;
}

static void arrives(struct vt_dev *dev, bool wire, enum vt_kind kind)
{
	static const size_t lens[] = { 0, 1, 1024, 1025, 5000, 65536, 200001 };
	const char *road = wire ? "wire" : "local", *k = vt_kind_name[kind];
	uint8_t *m = vt_map(2 * LEN), *n = m + LEN;
	struct ibv_mr *mr = vt_reg(dev, kind, m, 2 * LEN, VT_RCV_ALL);
	struct vt_pair p;
	unsigned int i;

	vt_pair_open(dev, &p, VT_CFG(.type = IBV_QPT_UC, .wire = wire, .mtu = 1024));
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len = lens[i];

		/* More than the wire's queue holds of a cold page would be lost. */
		memset(n, 0x11, len + 8);
		vt_fill(m + 3, 0, len, i + 1);
		is(vt_write(&p.a, mr, m + 3, len, mr, n + 1), 0, "%s %s: write %zu", road, k, len);
		ok(arrived(n + 1, len, i + 1), "%s %s: its data", road, k);
		vt_recv(&p.b, i, mr, n, 8);
		is(vt_do(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE_WITH_IMM, .local = m + 3, .len = 1,
				     .lkey = mr->lkey, .remote = (uintptr_t)n + len + 4,
				     .rkey = mr->rkey, .imm = 77 + i)), 0,
		   "%s %s: then a write with immediate", road, k);
		is(vt_rdone(&p.b), 0, "%s %s: which is received", road, k);
		ok(p.b.wc.wr_id == i && p.b.wc.opcode == IBV_WC_RECV_RDMA_WITH_IMM &&
		   ntohl(p.b.wc.imm_data) == 77 + i, "%s %s: with it", road, k);
		is(vt_check(n + 1, 0, len, i + 1), -1, "%s %s: the data of the write stays", road, k);

		memset(n, 0x11, len + 8);
		vt_recv(&p.b, 100 + i, mr, n, len + 8);
		is(vt_do(&p.a, VT_OP(.op = IBV_WR_SEND_WITH_IMM, .local = m + 3, .len = len,
				     .lkey = mr->lkey, .imm = i)), 0, "%s %s: send", road, k);
		is(vt_rdone(&p.b), 0, "%s %s: received", road, k);
		ok(p.b.wc.byte_len == len && ntohl(p.b.wc.imm_data) == i, "%s %s: its length",
		   road, k);
		is(vt_check(n, 0, len, i + 1), -1, "%s %s: the data", road, k);
	}
	vt_pair_close(&p);
	vt_dereg(mr);
}

static void dropped(struct vt_dev *dev, bool wire)
{
	const char *road = wire ? "wire" : "local";
	uint8_t *m = vt_map(2 * LEN), *n = m + LEN;
	struct ibv_mr *mr = vt_reg(dev, VT_PINNED, m, 2 * LEN, VT_RCV_ALL);
	struct vt_op *send = VT_OP(.op = IBV_WR_SEND, .local = m, .len = 3000, .lkey = mr->lkey);
	struct vt_pair p;
	struct ibv_wc wc;

	vt_pair_open(dev, &p, VT_CFG(.type = IBV_QPT_UC, .wire = wire, .mtu = 1024));
	vt_fill(m, 0, 3000, 4);
	is(vt_do(&p.a, send), 0, "%s: a send without a receive", road);
	is(vt_write(&p.a, mr, m, 3000, &(struct ibv_mr){ .rkey = 0x4711 }, n), 0,
	   "%s: a write with a key that nobody has", road);
	vt_recv(&p.b, 1, mr, n, 2999);
	is(vt_do(&p.a, send), 0, "%s: a send that is longer than its receive", road);
	ok(!vt_poll(p.b.rcq, &wc, 100), "%s: none of them arrives", road);
	is(vt_qp_state(&p.b), IBV_QPS_RTS, "%s: nobody is worse for it", road);
	send->len = 2999;
	is(vt_do(&p.a, send), 0, "%s: one that fits", road);
	is(vt_rdone(&p.b), 0, "%s: does", road);
	is(p.b.wc.wr_id, 1, "%s: in the receive that was there", road);
	is(vt_check(n, 0, 2999, 4), -1, "%s: the data", road);
	is(vt_read(&p.a, mr, m, 8, mr, n), IBV_WC_LOC_QP_OP_ERR, "%s: UC has no reads", road);
	vt_pair_close(&p);
	vt_dereg(mr);
}

static void test(struct vt_dev *dev, bool wire)
{
	arrives(dev, wire, VT_PINNED);
	if (vt_can(dev, VT_ODP))
		arrives(dev, wire, VT_ODP);
	dropped(dev, wire);
}

int main(void)
{
	return vt_each_road(test);
}
