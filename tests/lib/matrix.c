// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Both buffers are larger than any transfer by a guard on each side, wider than
 * a page plus the largest offset: data that lands at the wrong offset, in the
 * wrong page, or one byte too far hits a guard and is seen.
 *
 * Transfers of up to two pages (64 bytes on the wire) take every source offset with
 * every target offset. Longer ones (and all, where VT_SLOW=1 says that the kernel is a slow
 * one) take the page-aligned source, the source with the target's offset, and
 * one that rotates; 1 MiB and more take only some target offsets.
 *
 * On demand, the memory of either side is now and then thrown away before the
 * transfer, so that cold and warm translations alternate at every offset.
 */
#include "matrix.h"

#include <string.h>
#include <sys/mman.h>

static const size_t offsets[] = {
	0, 1, 7, 63, 64, 100, 1023, 1024, 1025, 2048, 4000, 4095, 4096, 4097
};
#define N_OFF (sizeof(offsets) / sizeof(offsets[0]))

static const size_t lengths[] = {
	0, 1, 8, 63, 64, 256, 1000, 1024, 1025, 4095, 4096, 4097, 8192,
	65535, 65536, 100000, 1 << 20, (3 << 20) + 5
};
#define N_LEN (sizeof(lengths) / sizeof(lengths[0]))

#define GUARD	12288
#define BUF	(GUARD + 4097 + (3 << 20) + 5 + GUARD + 4096)
#define BG_SEED	77

enum how { HOW_SEND, HOW_WRITE, HOW_READ };
static const char *const how_name[] = { "send", "write", "read" };

struct run {
	const struct matrix *m;
	struct vt_dev dev;
	struct vt_pair p;
	struct ibv_mr *src_mr, *dst_mr;
	uint8_t *src, *dst;
	uint64_t serial;
};

static int transfer(struct run *r, enum how how, size_t so, size_t d_o, size_t len)
{
	void *s = r->src + GUARD + so, *d = r->dst + GUARD + d_o;
	int rc;

	switch (how) {
	case HOW_WRITE:
		return vt_write(&r->p.a, r->src_mr, s, len, r->dst_mr, d);
	case HOW_READ:
		return vt_read(&r->p.a, r->dst_mr, d, len, r->src_mr, s);
	default:
		if (vt_recv(&r->p.b, r->serial, r->dst_mr, d, len))
			return VT_TIMEOUT;
		rc = vt_do(&r->p.a, VT_OP(.op = IBV_WR_SEND, .local = s, .len = len,
					  .lkey = r->src_mr->lkey));
		if (rc)
			return rc;
		rc = vt_rdone(&r->p.b);
		if (!rc && r->p.b.wc.byte_len != len) {
			diag("  received %u bytes of %zu", r->p.b.wc.byte_len, len);
			return VT_TIMEOUT;
		}
		return rc;
	}
}

/* One transfer; true if every byte in and around the target is right. */
static bool one(struct run *r, enum how how, size_t so, size_t d_o, size_t len)
{
	bool demand = r->m->kind != VT_PINNED;
	bool cold_src = demand && r->serial % 3 == 0;
	bool cold_dst = demand && r->serial % 2 == 0;
	size_t lo = GUARD + d_o - GUARD, hi = GUARD + d_o + len + GUARD;
	uint64_t seed = 100 + ++r->serial;
	int rc;

	if (cold_src)
		madvise(r->src, BUF, MADV_DONTNEED);
	vt_fill(r->src + GUARD + so, 0, len, seed);
	/* Bytes of the source that are not to be sent differ from their neighbours. */
	vt_fill(r->src + GUARD + so - 64, 0, 64, BG_SEED + 1);
	vt_fill(r->src + GUARD + so + len, 0, 64, BG_SEED + 2);
	if (cold_dst)
		madvise(r->dst, BUF, MADV_DONTNEED);
	else
		vt_fill(r->dst + lo, lo, hi - lo, BG_SEED);

	rc = transfer(r, how, so, d_o, len);
	if (rc) {
		diag("%s of %zu bytes, offset %zu to %zu: status %d", how_name[how], len, so,
		     d_o, rc);
		vt_pair_reopen(&r->p);
		return false;
	}
	if (vt_check(r->dst + GUARD + d_o, 0, len, seed) >= 0 ||
	    (cold_dst ? vt_check_byte(r->dst + lo, GUARD, 0) :
			vt_check(r->dst + lo, lo, GUARD, BG_SEED)) >= 0 ||
	    (cold_dst ? vt_check_byte(r->dst + hi - GUARD, GUARD, 0) :
			vt_check(r->dst + hi - GUARD, hi - GUARD, GUARD, BG_SEED)) >= 0) {
		diag("%s of %zu bytes, offset %zu to %zu: wrong data or guard%s%s",
		     how_name[how], len, so, d_o, cold_src ? ", cold source" : "",
		     cold_dst ? ", cold target" : "");
		return false;
	}
	return true;
}

static void row(struct run *r, enum how how, size_t len)
{
	int tried = 0, wrong = 0;
	size_t i, j, step = len >= 1 << 20 ? 5 : 1;
	bool all = len <= (r->m->wire ? 64 : 8192) && !vt_slow();

	for (i = 0; i < N_OFF && wrong < 4; i += step) {
		size_t some[3] = { 0, offsets[i], offsets[(i * 5 + r->serial) % N_OFF] };

		for (j = 0; j < (all ? N_OFF : 3) && wrong < 4; j++, tried++)
			wrong += !one(r, how, all ? offsets[j] : some[j], offsets[i], len);
	}
	ok(!wrong, "%s %zu bytes, %d pairs of offsets", how_name[how], len, tried);
}

int matrix_main(const struct matrix *m)
{
	struct run r = { .m = m };
	size_t i, longest;
	int how, old_mtu;

	vt_open(&r.dev);
	vt_need(&r.dev, m->kind);
	if (m->wire)
		vt_need_wire();
	old_mtu = vt_netdev_mtu(&r.dev, 0);
	vt_pair_open(&r.dev, &r.p, VT_CFG(.wire = m->wire, .v6 = m->v6, .mtu = m->mtu));
	r.src = vt_map(BUF);
	r.dst = vt_map(BUF);
	r.src_mr = vt_reg(&r.dev, m->kind, r.src, BUF, VT_RCV_ALL);
	r.dst_mr = vt_reg(&r.dev, m->kind, r.dst, BUF, VT_RCV_ALL);
	/* 3 MiB are thousands of small packets, which are a minute and more on a slow kernel. */
	longest = m->wire && m->mtu && m->mtu <= 1024 && vt_slow() ? 1 << 20 : BUF;
	for (how = HOW_SEND; how <= HOW_READ; how++)
		for (i = 0; i < N_LEN; i++)
			if (lengths[i] <= longest)
				row(&r, how, lengths[i]);
	vt_dereg(r.src_mr);
	vt_dereg(r.dst_mr);
	vt_pair_close(&r.p);
	vt_netdev_mtu(&r.dev, old_mtu);
	vt_close(&r.dev);
	return done();
}
