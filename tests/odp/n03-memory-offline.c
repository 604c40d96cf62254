// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N1, N3: the memory under an export is unplugged. Nothing pins it, so the kernel can
 * empty a whole block of it, pages that RDMA uses included, and the data is right on
 * the new ones.
 *
 * memory: 1024
 * append: numa=fake=2 movablecore=512M nokaslr
 * kernels: 6.1 6.12 7.3 (another boot is a minute with every debugging option)
 * timeout: 120
 */
#define _GNU_SOURCE
#include "vt_mm.h"
#include "vt_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LEN	(8ul << 20)
#define BLOCKS	64
#define DIR	"/sys/devices/system/memory/"

static struct vt_rig r;
static uint8_t *m;
static unsigned long block_pages;

static unsigned long block_size(void)
{
	unsigned long size = 0;
	FILE *f = fopen(DIR "block_size_bytes", "r");

	if (!f || fscanf(f, "%lx", &size) != 1 || size < LEN)
		bail("no memory blocks");
	fclose(f);
	return size;
}

static size_t pages_in(unsigned int block)
{
	size_t i, n = 0;

	for (i = 0; i < LEN; i += PAGE)
		n += vt_frame(m + i) / block_pages == block;
	return n;
}

static int set_state(unsigned int block, const char *state)
{
	return vt_sh("echo %s 2>/dev/null >" DIR "memory%u/state", state, block);
}

/* What is busy for the moment ends an attempt. */
static bool unplug(unsigned int block)
{
	int tries;

	for (tries = 0; tries < 10; tries++)
		if (!set_state(block, "offline"))
			return true;
	return false;
}

/* One that has nothing of the kernel's own in it: unplugged now. */
static unsigned int unplug_one(void)
{
	unsigned int b;

	for (b = BLOCKS; b--;)
		if (!vt_sh("grep -q ^Movable " DIR "memory%u/valid_zones 2>/dev/null", b) &&
		    !set_state(b, "offline"))
			return b;
	bail("no memory block can be unplugged");
}

/* @len bytes, of @node where it has room. */
static uint8_t *map_on(int node, size_t len)
{
	unsigned long nodes = 1ul << node;
	uint8_t *p = vt_map(len);

	madvise(p, len, MADV_NOHUGEPAGE);
	if (syscall(SYS_mbind, p, len, 1 /* MPOL_PREFERRED */, &nodes, 8, 0))
		bail("mbind: %m");
	return p;
}

/* Memory of @block, which is unplugged: all else there is of its kind is taken. */
static void map_in(unsigned int block)
{
	const size_t len = (block_pages + block_pages / 4) * PAGE;
	int node = vt_sh("test -e " DIR "memory%u/node1", block) == 0;
	uint8_t *rest = map_on(node, len);

	memset(rest, 1, len);
	if (set_state(block, "online_movable"))
		bail("block %u does not come back", block);
	m = map_on(node, LEN);
	memset(m, 0, LEN);
	munmap(rest, len);
}

static void unplugged(enum vt_kind kind, unsigned int block)
{
	const char *k = vt_kind_name[kind];
	long long pins = vt_pins();
	struct ibv_mr *mr;

	map_in(block);
	mr = vt_reg(&r.dev, kind, m, LEN, VT_RCV_ALL);
	is(vt_put(&r, mr, m, LEN, kind + 1), 0, "%s: write, now it is hot", k);
	ok(pages_in(block) > 0, "%s: block %u has %zu of its pages", k, block, pages_in(block));
	ok(unplug(block), "%s: it can be unplugged", k);
	is(pages_in(block), 0, "%s: no page is left in it", k);
	vt_sees(&r, mr, m, LEN, kind + 1, "%s: the data", k);
	is(vt_put(&r, mr, m, LEN, kind + 10), 0, "%s: write again", k);
	vt_sees(&r, mr, m, LEN, kind + 10, "%s: the data", k);
	is(vt_pins() - pins, 0, "%s: no page is pinned", k);
	vt_dereg(mr);
	munmap(m, LEN);
}

int main(void)
{
	unsigned int block;
	int kind;

	block_pages = block_size() / PAGE;
	vt_rig_open(&r, LEN);
	block = unplug_one();
	for (kind = VT_ODP; kind <= VT_IMPLICIT; kind++)
		if (vt_can(&r.dev, kind))
			unplugged(kind, block);
	is(set_state(block, "online_movable"), 0, "the block is back");
	vt_rig_close(&r);
	return done();
}
