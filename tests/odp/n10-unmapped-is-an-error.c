// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N10: an access to unmapped memory is an access error on the queue pair that
 * asked, remote or local; every other one goes on, also in the same region.
 */
#include "vt.h"
#include "vt_mm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEN	(64 * PAGE)

static void one_road(struct vt_dev *dev, bool wire)
{
	const char *road = wire ? "wire" : "local";
	uint8_t *m = vt_map(LEN), *hole = m + 20 * PAGE, *src = vt_map(LEN);
	struct ibv_mr *mr = vt_reg(dev, VT_ODP, m, LEN, VT_RCV_ALL);
	struct ibv_mr *smr = vt_reg(dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	struct vt_pair p, other;
	int fd;

	vt_pair_open(dev, &p, VT_CFG(.wire = wire));
	vt_pair_open(dev, &other, VT_CFG(.wire = wire));
	vt_fill(src, 0, LEN, 1);
	is(vt_write(&p.a, smr, src, LEN, mr, m), 0, "%s: write all of a region", road);
	/* Not munmap(): nothing else may be mapped into the hole by chance. */
	if (mmap(hole, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != hole)
		bail("mmap: %m");

#define FAILS(expect, what, op, ...) do {						is(op(&p.a, __VA_ARGS__), expect, "%s: %s", road, what);			is(vt_wait_state(&p.a, IBV_QPS_ERR), IBV_QPS_ERR, "%s: in error", road);	is(vt_write(&other.a, smr, src, 20 * PAGE, mr, m), 0,				   "%s: another queue pair goes on in the same region", road);			vt_pair_reopen(&p);							} while (0)
	FAILS(IBV_WC_REM_ACCESS_ERR, "write to the hole", vt_write, smr, src, 8, mr, hole);
	FAILS(IBV_WC_REM_ACCESS_ERR, "read from it", vt_read, smr, src, 8, mr, hole);
	FAILS(IBV_WC_REM_ACCESS_ERR, "write across it", vt_write, smr, src, LEN, mr, m);
	FAILS(IBV_WC_LOC_PROT_ERR, "write with a source in it", vt_write, mr, hole, 8, smr, src);
	FAILS(IBV_WC_LOC_PROT_ERR, "read into it", vt_read, mr, hole, 8, smr, src);
	FAILS(IBV_WC_LOC_PROT_ERR, "a long one across it", vt_write, mr, m, LEN, smr, src);

	is(vt_recv(&p.b, 0, mr, hole + 1, 100), 0, "%s: a receive in the hole", road);
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .local = src, .len = 100, .lkey = smr->lkey)),
	   IBV_WC_REM_OP_ERR, "%s: its sender is told of an operation error", road);
	is(vt_rdone(&p.b), IBV_WC_LOC_PROT_ERR, "%s: the receiver has the protection error", road);
	vt_pair_reopen(&p);

	/* Mapped again, it works again. */
	if (mmap(hole, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != hole)
		bail("mmap: %m");
	vt_fill(src, 0, LEN, 2);
	is(vt_write(&p.a, smr, src, LEN, mr, m), 0, "%s: mapped again, written again", road);
	is(vt_check(m, 0, LEN, 2), -1, "%s: the data", road);

	/* Behind the end of a file, where the CPU would get SIGBUS. */
	fd = vt_memfd(4 * PAGE);
	if (mmap(hole, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != hole)
		bail("mmap: %m");
	is(vt_write(&p.a, smr, src, 4 * PAGE, mr, hole), 0, "%s: write to a file mapping", road);
	if (ftruncate(fd, PAGE))
		bail("ftruncate: %m");
	FAILS(IBV_WC_REM_ACCESS_ERR, "write behind the end of the file", vt_write, smr, src, 8, mr,
	      hole + 2 * PAGE);
	is(vt_write(&p.a, smr, src, PAGE, mr, hole), 0, "%s: before the end it works", road);
	close(fd);
	vt_pair_close(&other);
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_dereg(smr);
}

int main(void)
{
	struct vt_dev dev;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	one_road(&dev, false);
	if (!vt_stock())
		one_road(&dev, true);
	vt_close(&dev);
	return done();
}
