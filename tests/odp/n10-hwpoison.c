// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N3, N10: memory that fails. A page the kernel has given up is an access error for
 * the device, not old data, though it was translated; its neighbours work on. A page
 * taken out of use with its content moves and nobody notices.
 */
#include "vt_mm.h"
#include "vt_rig.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE 101
#endif

#define PAGES	16
#define LEN	(PAGES * PAGE)
#define BAD	(6 * PAGE)

static struct vt_rig r;

static uint8_t *region(size_t len)
{
	uint8_t *m = vt_map(len);

	madvise(m, len, MADV_NOHUGEPAGE);
	return m;
}

static void retired(void)
{
	uint8_t *m = region(LEN);
	struct ibv_mr *mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	uint64_t frame;
	int i;

	is(vt_put(&r, mr, m, LEN, 1), 0, "write, now it is hot");
	frame = vt_frame(m + BAD);
	/* Busy for a moment is possible: try again. */
	for (i = 0; i < 20 && madvise(m + BAD, PAGE, MADV_SOFT_OFFLINE); i++)
		usleep(10000);
	ok(vt_frame(m + BAD) != frame, "a page is taken out of use");
	vt_sees(&r, mr, m, LEN, 1, "the data");
	is(vt_put(&r, mr, m, LEN, 2), 0, "write again");
	vt_sees(&r, mr, m, LEN, 2, "the data");
	vt_dereg(mr);
	munmap(m, LEN);
}

/* Newer kernels tell the process that injects the failure, too. */
static void told(int sig)
{
	(void)sig;
}

static void failed(enum vt_kind kind)
{
	const char *k = vt_kind_name[kind];
	uint8_t *m = region(LEN);
	struct ibv_mr *mr = vt_reg(&r.dev, kind, m, LEN, VT_RCV_ALL);
	int road;

	is(vt_put(&r, mr, m, LEN, 3), 0, "%s: write, now it is hot", k);
	is(madvise(m + BAD, PAGE, MADV_HWPOISON), 0, "%s: a page fails", k);
	for (road = 0; road < r.roads; road++) {
		is(vt_get(&r, mr, m + BAD, PAGE, 3), IBV_WC_REM_ACCESS_ERR,
		   "%s: it cannot be read", k);
		is(vt_put(&r, mr, m + BAD + 100, 8, 4), IBV_WC_REM_ACCESS_ERR, "%s: nor written", k);
		is(vt_write(&r.pair[road].a, mr, m + BAD, 8, r.bmr, r.buf), IBV_WC_LOC_PROT_ERR,
		   "%s: nor sent from", k);
		vt_pair_reopen(&r.pair[road]);
	}
	is(vt_get(&r, mr, m, LEN, 3), IBV_WC_REM_ACCESS_ERR, "%s: nor read across", k);
	vt_sees(&r, mr, m, BAD, 3, "%s: what is before it is right", k);
	is(vt_put(&r, mr, m + BAD + PAGE, LEN - BAD - PAGE, 5), 0, "%s: what follows is written", k);
	vt_sees(&r, mr, m + BAD + PAGE, LEN - BAD - PAGE, 5, "%s: the data", k);
	/* Another page in its place. */
	if (mmap(m + BAD, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0) != m + BAD)
		bail("mmap: %m");
	is(vt_put(&r, mr, m, LEN, 6), 0, "%s: replaced, all of it is written", k);
	vt_sees(&r, mr, m, LEN, 6, "%s: the data", k);
	vt_dereg(mr);
	munmap(m, LEN);
}

int main(void)
{
	int kind;

	signal(SIGBUS, told);
	vt_rig_open(&r, LEN);
	retired();
	for (kind = VT_ODP; kind <= VT_IMPLICIT; kind++)
		if (vt_can(&r.dev, kind))
			failed(kind);
	vt_rig_close(&r);
	return done();
}
