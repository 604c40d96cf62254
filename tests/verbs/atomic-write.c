// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * ATOMIC_WRITE: eight aligned bytes, which no reader ever sees half, under the
 * rights and bounds of a write; executed once however often it arrives.
 */
#include "vt.h"
#include "vt_roce.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define LEN	8192

static int atomic_write(struct vt_qp *q, uint32_t rkey, const void *to, uint64_t value)
{
	struct ibv_qp_ex *x = ibv_qp_to_qp_ex(q->qp);

	ibv_wr_start(x);
	x->wr_id = 7;
	x->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_atomic_write(x, rkey, (uintptr_t)to, &value);
	if (ibv_wr_complete(x))
		return VT_TIMEOUT;
	return vt_done(q);
}

static _Atomic uint64_t *word;
static atomic_bool stop;

/* Both halves of what is written are always equal. */
static void *reader(void *arg)
{
	long *torn = arg;

	while (!stop) {
		uint64_t v = *word;

		*torn += (uint32_t)v != v >> 32;
	}
	return NULL;
}

static void one(struct vt_dev *dev, bool wire, enum vt_kind kind)
{
	const struct vt_cfg *cfg = VT_CFG(.wire = wire, .send_ops = IBV_QP_EX_WITH_ATOMIC_WRITE |
					  IBV_QP_EX_WITH_RDMA_READ);
	const char *road = wire ? "wire" : "local", *k = vt_kind_name[kind];
	uint8_t *m = vt_map(LEN), *n = vt_map(LEN);
	struct ibv_mr *mr = vt_reg(dev, kind, m, LEN, VT_RCV_ALL);
	struct ibv_mr *ro = vt_reg(dev, kind, n, LEN, IBV_ACCESS_LOCAL_WRITE |
				   IBV_ACCESS_REMOTE_READ);
	uint64_t v = 0x0123456789abcdefull;
	struct vt_pair p;
	pthread_t t;
	long torn = 0;
	int i, bad = 0;

	vt_pair_open(dev, &p, cfg);
	is(atomic_write(&p.a, mr->rkey, m + 4088, v), 0, "%s %s: atomic write", road, k);
	is(p.a.wc.opcode, IBV_WC_ATOMIC_WRITE, "%s %s: its completion", road, k);
	is(p.a.wc.wr_id, 7, "%s %s: by its number", road, k);
	ok(!memcmp(m + 4088, &v, 8), "%s %s: the data", road, k);
	ok(vt_check_byte(m, 4088, 0) < 0 && vt_check_byte(m + 4096, LEN - 4096, 0) < 0,
	   "%s %s: and nothing else", road, k);
	word = (void *)(m + 128);
	if (pthread_create(&t, NULL, reader, &torn))
		bail("pthread_create");
	for (i = 0; i < 300; i++)
		bad += atomic_write(&p.a, mr->rkey, (void *)word,
				    i & 1 ? ~0ull : i * 0x100000001ull) != 0;
	stop = true;
	pthread_join(t, NULL);
	stop = false;
	is(bad, 0, "%s %s: 300 atomic writes", road, k);
	is(torn, 0, "%s %s: a reader sees none of them half", road, k);

	is(atomic_write(&p.a, mr->rkey, m + 4, v), IBV_WC_REM_INV_REQ_ERR,
	   "%s %s: an address that is not aligned", road, k);
	vt_pair_reopen(&p);
	is(atomic_write(&p.a, ro->rkey, n, v), IBV_WC_REM_ACCESS_ERR,
	   "%s %s: no right to write", road, k);
	vt_pair_reopen(&p);
	is(atomic_write(&p.a, mr->rkey, m + LEN, v), IBV_WC_REM_ACCESS_ERR,
	   "%s %s: behind the end", road, k);
	ok(vt_check_byte(n, LEN, 0) < 0, "%s %s: which changes nothing", road, k);
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_dereg(ro);
}

/* The second copy of a packet changes nothing. */
static void once(struct vt_dev *dev)
{
	struct vt_roce pk;
	uint8_t *m = vt_map(LEN);
	struct ibv_mr *mr = vt_reg(dev, VT_PINNED, m, LEN, VT_RCV_ALL);
	_Atomic uint64_t *w = (void *)m;
	struct vt_pair p;
	uint64_t end;
	int i;

	vt_pair_open(dev, &p, VT_CFG(.wire = true));
	vt_roce_open(&p.a.self.gid);
	for (i = 0; i < 2; i++) {
		vt_roce_bth(&pk, ROCE_RC_ATOMIC_WRITE, 0, p.b.self.qpn, p.a.self.psn);
		vt_roce_reth(&pk, (uintptr_t)m, mr->rkey, 8);
		memset(pk.data + 28, 0x77, 8);
		vt_roce_send(&pk, 36, true);
		end = vt_now_ms() + (i ? 50 : VT_WAIT_MS);
		while (vt_now_ms() < end && *w != 0x7777777777777777ull)
			;
		if (!i)
			is(*w, 0x7777777777777777ll, "a packet made here writes");
		else
			is(*w, 0, "its duplicate does not");
		*w = 0;
	}
	vt_pair_close(&p);
	vt_dereg(mr);
}

static void test(struct vt_dev *dev, bool wire)
{
	one(dev, wire, VT_PINNED);
	if (vt_can(dev, VT_ODP))
		one(dev, wire, VT_ODP);
	if (wire)
		once(dev);
}

int main(void)
{
	struct vt_dev dev;
	bool can;

	vt_open(&dev);
	can = dev.attr.device_cap_flags_ex & 1ull << 40;
	vt_close(&dev);
	if (!can && vt_stock())
		skip_all("the stock driver of this kernel has no atomic writes");
	ok(can, "the device says that it can");
	return vt_each_road(test);
}
