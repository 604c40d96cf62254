// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D2: the local and the wire road are one engine. The same requests give the
 * same completions and the same memory on both; and each road is what it says:
 * only the wire puts packets on the network.
 */
#include "vt.h"

#include <stdio.h>
#include <string.h>

#define LEN	70000
#define MAX	256

struct trace {
	struct {
		int side, status, opcode, flags;
		uint64_t id;
		uint32_t bytes, imm;
	} e[MAX];
	int n;
	uint8_t image[3 * LEN];
	long long packets;
};

static struct trace traces[2];

static long long packets(void)
{
	FILE *f = fopen("/sys/class/net/lo/statistics/tx_packets", "re");
	long long n = -1;

	if (!f || fscanf(f, "%lld", &n) != 1)
		bail("no packet count of lo");
	fclose(f);
	return n;
}

static void note(struct trace *t, struct vt_qp *q, bool receive)
{
	int st = receive ? vt_rdone(q) : vt_done(q);

	t->e[t->n].side = receive;
	t->e[t->n].status = st;
	t->e[t->n].id = q->wc.wr_id;
	if (!st) {
		t->e[t->n].opcode = q->wc.opcode;
		t->e[t->n].flags = q->wc.wc_flags;
		t->e[t->n].bytes = q->wc.opcode == IBV_WC_RDMA_WRITE || q->wc.opcode == IBV_WC_SEND ?
			0 : q->wc.byte_len;
		t->e[t->n].imm = q->wc.wc_flags & IBV_WC_WITH_IMM ? q->wc.imm_data : 0;
	}
	t->n++;
}

static void run(struct vt_dev *dev, bool wire, struct trace *t)
{
	static const int ops[] = {
		IBV_WR_SEND, IBV_WR_RDMA_WRITE, IBV_WR_RDMA_READ, IBV_WR_SEND_WITH_IMM,
		IBV_WR_RDMA_WRITE_WITH_IMM, IBV_WR_ATOMIC_FETCH_AND_ADD, IBV_WR_ATOMIC_CMP_AND_SWP,
	};
	static const size_t lens[] = { 0, 1, 100, 1024, 4096, 4097, 65536 };
	uint8_t *m = vt_map(3 * LEN);
	struct ibv_mr *mr = vt_reg(dev, VT_PINNED, m, 3 * LEN, VT_RCV_ALL);
	struct vt_pair p;
	unsigned int o, l;
	int id = 0;

	vt_pair_open(dev, &p, VT_CFG(.wire = wire));
	vt_fill(m, 0, 3 * LEN, 1);
	memset(m, 0, 16);
	t->packets = packets();
	for (o = 0; o < sizeof(ops) / sizeof(ops[0]); o++) {
		bool atomic = o >= 5, takes = o == 0 || o == 3 || o == 4;

		for (l = 0; l < sizeof(lens) / sizeof(lens[0]); l++, id++) {
			size_t len = atomic ? 8 : lens[l];

			if (takes)
				vt_recv(&p.b, 1000 + id, mr, m + 2 * LEN + 8 * o, LEN / 2 + 31000);
			vt_post(&p.a, VT_OP(.op = ops[o], .id = id, .len = len, .lkey = mr->lkey,
					    .local = m + LEN + 8 * l, .rkey = mr->rkey, .imm = id,
					    .remote = (uintptr_t)m + (atomic ? 0 : 8 * id),
					    .cmp_add = o + l, .swap = l));
			note(t, &p.a, false);
			if (takes)
				note(t, &p.b, true);
		}
	}
	/* And an error at the end, with something behind it to flush. */
	vt_recv(&p.b, 2000, mr, m, 8);
	vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .id = 3000, .local = m, .len = LEN,
			    .lkey = mr->lkey, .remote = (uintptr_t)m + 2 * LEN + 1,
			    .rkey = mr->rkey));
	vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .id = 3001, .local = m, .len = 8, .lkey = mr->lkey));
	note(t, &p.a, false);
	note(t, &p.a, false);
	note(t, &p.b, true);
	t->packets = packets() - t->packets;
	memcpy(t->image, m, 3 * LEN);
	vt_pair_close(&p);
	vt_dereg(mr);
}

int main(void)
{
	struct vt_dev dev;
	int i, differ = 0;

	vt_open(&dev);
	vt_need_wire();
	for (i = 0; i < 2; i++)
		run(&dev, i, &traces[i]);
	is(traces[1].n, traces[0].n, "as many completions");
	for (i = 0; i < traces[0].n; i++) {
		if (!memcmp(&traces[0].e[i], &traces[1].e[i], sizeof(traces[0].e[i])))
			continue;
		differ++;
		diag("completion %d: request %d, status %d and %d, opcode %d and %d, %u and %u bytes",
		     i, (int)traces[0].e[i].id, traces[0].e[i].status, traces[1].e[i].status,
		     traces[0].e[i].opcode, traces[1].e[i].opcode, traces[0].e[i].bytes,
		     traces[1].e[i].bytes);
	}
	is(differ, 0, "that are the same");
	ok(!memcmp(traces[0].image, traces[1].image, sizeof(traces[0].image)), "the same memory");
	is(traces[0].e[traces[0].n - 3].status, IBV_WC_REM_ACCESS_ERR, "the error is the right one");
	is(traces[0].e[traces[0].n - 2].status, IBV_WC_WR_FLUSH_ERR, "the flush too");
	ok(traces[0].packets < 50, "the local road puts nothing on the network (%lld packets)",
	   traces[0].packets);
	/* A burst counts as one there. */
	ok(traces[1].packets > 60, "the wire road does (%lld packets)", traces[1].packets);
	vt_close(&dev);
	return done();
}
