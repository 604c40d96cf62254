// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * An implicit region is the address space itself: memory mapped after it was
 * registered, the stack, the heap, a file, all are reached through one key; what
 * is not mapped is an error.
 */
#include "vt.h"
#include "vt_mm.h"


#include <stdlib.h>
#include <sys/mman.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define LEN	9000

static struct vt_dev dev;
static struct vt_pair p;
static struct ibv_mr *mr;
static uint8_t data[LEN];	/* in .bss */

static void reach(void *at, const char *what)
{
	vt_fill(data, 0, LEN, (uintptr_t)at);
	is(vt_write(&p.a, mr, data, LEN, mr, at), 0, "write to %s", what);
	is(vt_check(at, 0, LEN, (uintptr_t)at), -1, "the data");
	vt_fill(at, 0, LEN, 1 + (uintptr_t)at);
	is(vt_read(&p.a, mr, data, LEN, mr, at), 0, "read it");
	is(vt_check(data, 0, LEN, 1 + (uintptr_t)at), -1, "the data");
}

int main(void)
{
	struct ibv_mr *ro, *bad;
	uint8_t stack[LEN], *m, *gone;

	vt_open(&dev);
	vt_need(&dev, VT_IMPLICIT);
	vt_pair_open(&dev, &p, VT_CFG());
	mr = vt_reg(&dev, VT_IMPLICIT, NULL, 0, VT_RCV_ALL);
	reach(stack, "the stack");
	reach(malloc(LEN), "the heap");
	reach(vt_map(LEN), "memory mapped afterwards");
	reach(vt_map_fd(vt_memfd(LEN), LEN), "a memory file");
	m = mmap((void *)0x10000, 2 * LEN, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ok(m != MAP_FAILED, "map at a low address");
	reach(m + 1, "a low address");
	m = mmap((void *)0x7000000fd000, 2ul << 20, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ok(m != MAP_FAILED, "map across a 2 MiB boundary");
	reach((void *)(0x700000200000 - 4500), "both sides of it");

	gone = vt_map(LEN);
	munmap(gone, LEN);
	is(vt_read(&p.a, mr, data, 8, mr, gone), IBV_WC_REM_ACCESS_ERR, "a hole is an error");
	vt_pair_reopen(&p);
	is(vt_write(&p.a, mr, data, 8, mr, (void *)0xffffffff81000000), IBV_WC_REM_ACCESS_ERR,
	   "so is a kernel address");
	vt_pair_reopen(&p);
	is(vt_write(&p.a, mr, (void *)0xffffffff81000000, 8, mr, data), IBV_WC_LOC_PROT_ERR,
	   "also as a source");
	vt_pair_reopen(&p);
	is(vt_write(&p.a, mr, data, 16, mr, (void *)-8), IBV_WC_REM_ACCESS_ERR,
	   "and a range that wraps");
	vt_pair_reopen(&p);
	is(vt_read(&p.a, mr, data, 8, mr, NULL), IBV_WC_REM_ACCESS_ERR, "and the null page");
	vt_pair_reopen(&p);

	ro = ibv_reg_mr(dev.pd, NULL, SIZE_MAX, IBV_ACCESS_ON_DEMAND | IBV_ACCESS_REMOTE_READ);
	ok(ro, "an implicit region without the right to write");
	is(vt_write(&p.a, mr, data, 8, ro, stack), IBV_WC_REM_ACCESS_ERR, "does not give it");
	vt_pair_reopen(&p);
	is(vt_read(&p.a, mr, data, 8, ro, stack), IBV_WC_SUCCESS, "but reads");
	bad = ibv_reg_mr(dev.pd, NULL, SIZE_MAX, IBV_ACCESS_REMOTE_READ);
	ok(!bad, "the whole address space cannot be pinned");
	vt_dereg(ro);
	vt_dereg(mr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
