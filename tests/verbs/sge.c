// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Gather lists and scatter lists: bytes go in list order, across any boundary. */
#include "vt.h"

#define TOTAL	(13000 + 1 + 4096 + 5000 + 64)

static const uint32_t lens[] = { 13000, 1, 4096, 0, 5000, 64 };
#define N	6

/* Fill @sge with pieces of @mem in reverse order, at odd places. */
static void pieces(struct ibv_sge *sge, uint8_t *mem, struct ibv_mr *mr, const uint32_t *len)
{
	int i;

	for (i = 0; i < N; i++) {
		sge[i].addr = (uintptr_t)mem + (N - 1 - i) * 20000 + 4090 + i;
		sge[i].length = len[i];
		sge[i].lkey = mr->lkey;
	}
}

static void fill(struct ibv_sge *sge, uint64_t seed)
{
	size_t pos = 0;
	int i;

	for (i = 0; i < N; pos += sge[i++].length)
		vt_fill((void *)sge[i].addr, pos, sge[i].length, seed);
}

static bool check(struct ibv_sge *sge, uint64_t seed, size_t total)
{
	size_t pos = 0;
	int i;

	for (i = 0; i < N; pos += sge[i++].length) {
		size_t n = total < pos ? 0 : total - pos;

		if (n > sge[i].length)
			n = sge[i].length;
		if (vt_check((void *)sge[i].addr, pos, n, seed) >= 0 ||
		    *(uint8_t *)(sge[i].addr - 1) || *(uint8_t *)(sge[i].addr + n)) {
			diag("piece %d of %u bytes is wrong", i, sge[i].length);
			return false;
		}
	}
	return true;
}

static void one_kind(struct vt_dev *dev, struct vt_pair *p, enum vt_kind kind)
{
	static const uint32_t other[N] = { 64, 9000, 0, 4097, 8999, 1 };
	const char *k = vt_kind_name[kind];
	uint8_t *a = vt_map(N * 20000), *b = vt_map(N * 20000), *flat = vt_map(65536);
	struct ibv_mr *amr = vt_reg(dev, kind, a, N * 20000, VT_RCV_ALL);
	struct ibv_mr *bmr = vt_reg(dev, kind, b, N * 20000, VT_RCV_ALL);
	struct ibv_mr *fmr = vt_reg(dev, kind, flat, 65536, VT_RCV_ALL);
	struct ibv_sge as[N], bs[N];
	struct ibv_recv_wr rr = { .wr_id = 1, .sg_list = bs, .num_sge = N }, *bad;

	pieces(as, a, amr, lens);
	fill(as, 1);
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_RDMA_WRITE, .sgl = as, .nsge = N,
			      .remote = (uintptr_t)flat + 3, .rkey = fmr->rkey)),
	   IBV_WC_SUCCESS, "%s: gather %d pieces into a write", k, N);
	ok(vt_check(flat + 3, 0, TOTAL, 1) < 0 && !flat[2] && !flat[3 + TOTAL],
	   "%s: the data", k);

	pieces(bs, b, bmr, other);
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_RDMA_READ, .sgl = bs, .nsge = N,
			      .remote = (uintptr_t)flat + 3, .rkey = fmr->rkey)),
	   IBV_WC_SUCCESS, "%s: scatter a read over other pieces", k);
	ok(check(bs, 1, TOTAL), "%s: the data", k);

	fill(as, 2);
	is(ibv_post_recv(p->b.qp, &rr, &bad), 0, "%s: post a scattered receive", k);
	is(vt_do(&p->a, VT_OP(.op = IBV_WR_SEND, .sgl = as, .nsge = N)),
	   IBV_WC_SUCCESS, "%s: send gathered pieces to it", k);
	is(vt_rdone(&p->b), IBV_WC_SUCCESS, "%s: received", k);
	is(p->b.wc.byte_len, TOTAL, "%s: byte_len", k);
	ok(check(bs, 2, TOTAL), "%s: the data", k);
	vt_dereg(amr);
	vt_dereg(bmr);
	vt_dereg(fmr);
}

int main(void)
{
	return vt_each_kind(VT_CFG(.sge = N), one_kind);
}
