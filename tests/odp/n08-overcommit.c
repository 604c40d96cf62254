// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N1, N8: a region of four times the machine's memory, written and read back by RDMA
 * over compressed swap, every byte checked.
 *
 * Each 512 bytes have a word of their own and otherwise the page's, so that a page
 * compresses well and no two parts of the region are alike.
 *
 * timeout: 300
 * memory: 384
 * kernels: 7.3 (it takes long)
 */
#include "vt_mm.h"
#include "vt_rig.h"

#include <sys/mman.h>
#include <unistd.h>

#define CHUNK	(1ul << 20)

static struct vt_rig r;

static uint64_t word(uint64_t at)
{
	return at % 512 ? (at / PAGE + 1) * 0x0101010101ull : ~at;
}

static void fill(uint64_t at)
{
	uint64_t *p = (uint64_t *)r.buf;
	size_t i;

	for (i = 0; i < CHUNK; i += 8)
		p[i / 8] = word(at + i);
}

static bool right(uint64_t at)
{
	const uint64_t *p = (uint64_t *)r.buf;
	size_t i;

	for (i = 0; i < CHUNK; i += 8)
		if (p[i / 8] != word(at + i)) {
			diag("  at %zu: %llx, want %llx", at + i, (long long)p[i / 8],
			     (long long)word(at + i));
			return false;
		}
	return true;
}

int main(void)
{
	size_t memory = sysconf(_SC_PHYS_PAGES) * PAGE, len = (4 * memory / CHUNK + 1) * CHUNK, at;
	long long pins, out = vt_vmstat("pswpout");
	int st = 0, turn = 0;
	struct ibv_mr *mr;
	bool good = true;
	uint8_t *m;

	vt_swap_on(len / CHUNK + 64);
	vt_rig_open(&r, CHUNK);
	pins = vt_pins();
	m = vt_map(len);
	madvise(m, len, MADV_NOHUGEPAGE);
	mr = vt_reg(&r.dev, VT_ODP, m, len, VT_RCV_ALL);
	diag("%zu MiB of memory, a region of %zu MiB", memory / CHUNK, len / CHUNK);
	for (at = 0; at < len && !st; at += CHUNK) {
		fill(at);
		st = vt_write(&r.pair[turn++ % r.roads].a, r.bmr, r.buf, CHUNK, mr, m + at);
	}
	is(st, 0, "write all of it");
	out = vt_vmstat("pswpout") - out;
	ok(out * PAGE > len / 2, "more than half of it is in swap (%lld MiB)",
	   out / (long long)(CHUNK / PAGE));
	for (at = 0; at < len && !st && good; at += CHUNK) {
		st = vt_read(&r.pair[turn++ % r.roads].a, r.bmr, r.buf, CHUNK, mr, m + at);
		good = right(at);
	}
	is(st, 0, "read all of it");
	ok(good, "every byte is right");
	is(vt_pins() - pins, 0, "nothing is pinned");
	vt_dereg(mr);
	munmap(m, len);
	vt_rig_close(&r);
	return done();
}
