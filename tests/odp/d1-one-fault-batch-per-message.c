// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D1: a message is translated and faulted as a whole. Four cold MiB cost a
 * handful of fault batches, not one for each of 1,024 pages or packets. Only the
 * packets of a send do not say how long it is: its receiver may fault ahead in
 * steps that double, which makes eleven.
 */
#include "vt.h"
#include "vt_mm.h"

#include <string.h>
#include <sys/mman.h>

#define LEN	(4ul << 20)
#define PAGES	(LEN / PAGE)
#define HANDFUL		8
#define DOUBLING	12

static struct vt_dev dev;
static uint8_t *cold, *warm;
static struct ibv_mr *cmr, *wmr;
static long long faults, pages;

static void start(void)
{
	madvise(cold, LEN, MADV_DONTNEED);
	faults = vt_counter(&dev, "odp_faults");
	pages = vt_counter(&dev, "odp_fault_pages");
}

static void finish(int st, const char *road, const char *what, int most)
{
	faults = vt_counter(&dev, "odp_faults") - faults;
	pages = vt_counter(&dev, "odp_fault_pages") - pages;
	is(st, 0, "%s: %s", road, what);
	ok(faults >= 1 && faults <= most, "%s: %s: %lld fault batches", road, what, faults);
	ok(pages >= (long long)PAGES, "%s: %s: they brought %lld pages", road, what, pages);
}

static void one_road(bool wire)
{
	const char *road = wire ? "wire" : "local";
	struct vt_pair p;
	int st;

	vt_pair_open(&dev, &p, VT_CFG(.wire = wire));
	start();
	st = vt_write(&p.a, wmr, warm, LEN, cmr, cold);
	finish(st, road, "write to cold memory", HANDFUL);
	is(vt_check(cold, 0, LEN, 1), -1, "%s: the data", road);

	start();
	st = vt_write(&p.a, cmr, cold, LEN, wmr, warm + LEN);
	finish(st, road, "write from cold memory", HANDFUL);
	is(vt_check_byte(warm + LEN, LEN, 0), -1, "%s: zeros", road);

	start();
	st = vt_read(&p.a, wmr, warm + LEN, LEN, cmr, cold);
	finish(st, road, "read from cold memory", HANDFUL);

	start();
	st = vt_read(&p.a, cmr, cold, LEN, wmr, warm);
	finish(st, road, "read to cold memory", HANDFUL);
	is(vt_check(cold, 0, LEN, 1), -1, "%s: the data", road);

	start();
	st = vt_recv(&p.b, 0, cmr, cold, LEN) ||
	     vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .local = warm, .len = LEN, .lkey = wmr->lkey)) ||
	     vt_rdone(&p.b);
	finish(st, road, "send to cold memory", wire ? DOUBLING : HANDFUL);
	is(vt_check(cold, 0, LEN, 1), -1, "%s: the data", road);
	vt_pair_close(&p);
}

int main(void)
{
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	cold = vt_map(LEN);
	warm = vt_map(2 * LEN);
	/* 4 KiB pages: the count is to be what it is without huge pages. */
	madvise(cold, LEN, MADV_NOHUGEPAGE);
	cmr = vt_reg(&dev, VT_ODP, cold, LEN, VT_RCV_ALL);
	wmr = vt_reg(&dev, VT_PINNED, warm, 2 * LEN, VT_RCV_ALL);
	vt_fill(warm, 0, LEN, 1);
	ok(vt_counter(&dev, "odp_faults") >= 0, "the device counts faults");
	one_road(false);
	if (!vt_stock())
		one_road(true);
	vt_dereg(cmr);
	vt_dereg(wmr);
	vt_close(&dev);
	return done();
}
