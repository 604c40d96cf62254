// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * timeout: 120
 * kernels: 6.1 6.12 7.3	(with every debugging option it takes minutes)
 *
 * 100,000 regions in one process, over the same few MiB: each works, and unmapping
 * a page is one invalidation of one entry, not one for each region.
 */
#include "vt.h"
#include "vt_mm.h"

#include <stdlib.h>
#include <sys/mman.h>

#define REGIONS	100000
#define LEN	(4ul << 20)

int main(void)
{
	struct ibv_mr **mr = calloc(REGIONS, sizeof(*mr)), *smr;
	long long calls, pages;
	int i, bad = 0;
	uint64_t *src;
	struct vt_dev dev;
	struct vt_pair p;
	uint8_t *mem;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	mem = vt_map(LEN);
	madvise(mem, LEN, MADV_NOHUGEPAGE);
	src = vt_map(PAGE);
	smr = vt_reg(&dev, VT_PINNED, src, PAGE, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG());
	ok(dev.attr.orig_attr.max_mr >= REGIONS, "the device has room for %d", REGIONS);
	for (i = 0; i < REGIONS; i++) {
		/* From any byte to the end: they all overlap. */
		mr[i] = vt_try_reg(&dev, VT_ODP, mem + i * 41ul % (LEN / 2),
				   LEN - i * 41ul % (LEN / 2), VT_RCV_ALL);
		if (!mr[i])
			break;
	}
	is(i, REGIONS, "they register");
	for (i = 0; i < 500 && !bad; i++) {
		struct ibv_mr *m = mr[i * 197 % REGIONS];

		*src = i;
		bad += vt_write(&p.a, smr, src, 8, m, m->addr) ||
		       *(volatile uint64_t *)m->addr != (uint64_t)i;
	}
	is(bad, 0, "every 197th is written through its own key");

	is(vt_write(&p.a, smr, src, 8, mr[0], mem + LEN - PAGE), IBV_WC_SUCCESS,
	   "a page that all of them contain");
	calls = vt_counter(&dev, "odp_invalidations");
	pages = vt_counter(&dev, "odp_invalidated_pages");
	munmap(mem + LEN - PAGE, PAGE);
	is(vt_counter(&dev, "odp_invalidations") - calls, 1, "unmapped: one invalidation");
	is(vt_counter(&dev, "odp_invalidated_pages") - pages, 1, "of one entry");
	for (i = 0; i < REGIONS; i++)
		bad += !!ibv_dereg_mr(mr[i]);
	is(bad, 0, "they deregister");
	vt_dereg(smr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
