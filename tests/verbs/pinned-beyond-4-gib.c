// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A pinned region of 5 GiB and a bit: it registers, and what is written and read
 * through it, in one piece or across the places where 32 bits end, is where it should
 * be. The machine has less memory than that: 61 MiB are mapped over and over, which is no
 * part of a power of two, so that an offset without its upper bits is another place.
 *
 * kernels: 6.1 6.12 7.3 (to pin so many pages takes a minute with every debugging option)
 */
#include "vt.h"
#include "vt_mm.h"

#include <sys/mman.h>

#define MIB	(1ul << 20)
#define GIB	(1ul << 30)
#define TURN	(61 * MIB)
#define SIZE	(5 * GIB + 3 * PAGE)
#define LEN	(MIB + 77)

int main(void)
{
	static const uint64_t at[] = {
		0, 1, GIB - 5, 2 * GIB - 4097, 2 * GIB, 3 * GIB + 12345, 4 * GIB - 100,
		4 * GIB, 4 * GIB + PAGE + 1, SIZE - LEN,
	};
	int fd = vt_memfd(TURN), bad = 0;
	uint8_t *m, *buf;
	struct ibv_mr *mr, *bmr;
	struct vt_dev dev;
	struct vt_pair p;
	uint64_t off;
	unsigned int i;

	vt_open(&dev);
	m = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (off = 0; off < SIZE; off += TURN) {
		size_t n = SIZE - off < TURN ? SIZE - off : TURN;

		if (m == MAP_FAILED || mmap(m + off, n, PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
			bail("mmap: %m");
	}
	buf = vt_map(LEN);
	bmr = vt_reg(&dev, VT_PINNED, buf, LEN, VT_RCV_ALL);
	mr = vt_try_reg(&dev, VT_PINNED, m, SIZE, VT_RCV_ALL);
	if (!mr && vt_stock())
		skip_all("the stock driver stops near 1 GiB");
	ok(mr, "5 GiB and a bit are registered (%m)");
	if (!mr)
		return done();
	vt_pair_open(&dev, &p, VT_CFG());
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		vt_fill(buf, 0, LEN, i);
		bad += !!vt_write(&p.a, bmr, buf, LEN, mr, m + at[i]);
		bad += vt_check(m + at[i], 0, LEN, i) >= 0;
		vt_fill(m + at[i], 0, LEN, 100 + i);
		bad += !!vt_read(&p.a, bmr, buf, LEN, mr, m + at[i]);
		bad += vt_check(buf, 0, LEN, 100 + i) >= 0;
		is(bad, 0, "written and read at %#llx", (unsigned long long)at[i]);
	}
	is(vt_write(&p.a, bmr, buf, LEN, mr, m + SIZE - LEN + 1), IBV_WC_REM_ACCESS_ERR,
	   "one byte beyond its end is refused");
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_dereg(bmr);
	vt_close(&dev);
	return done();
}
