// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N7: an access does to the mapping what an access of the CPU would do: reads
 * fill read-only, writes only where the mapping may be written, private mappings
 * are copied on write, protection changes count at once.
 */
#include "vt.h"
#include "vt_mm.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEN	(16 * PAGE)

static struct vt_dev dev;
static struct vt_pair p;
static uint8_t *src;
static struct ibv_mr *smr;

static int put(struct ibv_mr *mr, void *to, uint64_t seed)
{
	int st;

	vt_fill(src, 0, LEN, seed);
	st = vt_write(&p.a, smr, src, LEN, mr, to);
	if (st)
		vt_pair_reopen(&p);
	return st;
}

static int get(struct ibv_mr *mr, void *from)
{
	int st;

	memset(src, 0x99, LEN);
	st = vt_read(&p.a, smr, src, LEN, mr, from);
	if (st)
		vt_pair_reopen(&p);
	return st;
}

static void zero_page(void)
{
	size_t big = 8ul << 20, at;
	uint8_t *m = vt_map(big);
	struct ibv_mr *mr = vt_reg(&dev, VT_ODP, m, big, VT_RCV_ALL);
	long long rss;
	int bad = 0;

	madvise(m, big, MADV_NOHUGEPAGE);	/* a huge zero page would be charged */
	rss = vt_status_kb("RssAnon");
	for (at = 0; at < big; at += LEN)
		bad += get(mr, m + at) || vt_check_byte(src, LEN, 0) >= 0;
	is(bad, 0, "reading untouched memory gives zeros");
	rss = vt_status_kb("RssAnon") - rss;
	ok(rss < 1024, "and allocates nothing (%lld KiB for 8 MiB)", rss);
	is(put(mr, m + LEN, 3), IBV_WC_SUCCESS, "writing to memory that was read before");
	is(vt_check(m + LEN, 0, LEN, 3), -1, "the CPU sees it");
	is(get(mr, m + LEN), IBV_WC_SUCCESS, "reading it again");
	is(vt_check(src, 0, LEN, 3), -1, "so does the device");
	is(vt_check_byte(m, LEN, 0), -1, "the zero page is still zero");
	is(vt_check_byte(vt_map(LEN), LEN, 0), -1, "for everyone");
	vt_dereg(mr);
}

static void protection(void)
{
	uint8_t *m = vt_map(LEN);
	struct ibv_mr *mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);

	is(put(mr, m, 1), IBV_WC_SUCCESS, "write to a writable mapping");
	mprotect(m, LEN, PROT_READ);
	is(put(mr, m, 2), IBV_WC_REM_ACCESS_ERR, "after mprotect(PROT_READ) it is refused");
	is(vt_check(m, 0, LEN, 1), -1, "and has changed nothing");
	is(get(mr, m), IBV_WC_SUCCESS, "reading is allowed");
	is(vt_check(src, 0, LEN, 1), -1, "and right");
	mprotect(m, LEN, PROT_NONE);
	is(get(mr, m), IBV_WC_REM_ACCESS_ERR, "after mprotect(PROT_NONE) not even reading");
	is(vt_check_byte(src, LEN, 0x99), -1, "nothing was read");
	mprotect(m, LEN, PROT_READ | PROT_WRITE);
	is(put(mr, m, 3), IBV_WC_SUCCESS, "made writable again, it is written");
	is(vt_check(m, 0, LEN, 3), -1, "the data");
	/* Only the last page may not be written: all of the message is refused. */
	mprotect(m + LEN - PAGE, PAGE, PROT_READ);
	is(put(mr, m, 4), IBV_WC_REM_ACCESS_ERR, "a range that ends in a read-only page");
	is(vt_check(m + LEN - PAGE, LEN - PAGE, PAGE, 3), -1, "that page has not changed");
	vt_dereg(mr);
}

static void files(void)
{
	char name[] = "/tmp/vt-n07-XXXXXX";
	int fd = mkstemp(name);
	uint8_t *m, *now = vt_map(LEN);
	struct ibv_mr *mr;

	unlink(name);
	vt_fill(now, 0, LEN, 7);
	if (fd < 0 || write(fd, now, LEN) != LEN)
		bail("file: %m");

	m = mmap(NULL, LEN, PROT_READ, MAP_SHARED, fd, 0);
	mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);
	is(get(mr, m), IBV_WC_SUCCESS, "a read-only mapping of a file can be read");
	is(vt_check(src, 0, LEN, 7), -1, "the data");
	is(put(mr, m, 8), IBV_WC_REM_ACCESS_ERR, "and not written");
	vt_dereg(mr);

	m = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);
	is(get(mr, m), IBV_WC_SUCCESS, "a private mapping can be read");
	is(vt_check(src, 0, LEN, 7), -1, "the file's data");
	is(put(mr, m, 9), IBV_WC_SUCCESS, "and written");
	is(vt_check(m, 0, LEN, 9), -1, "in this mapping");
	if (pread(fd, now, LEN, 0) != LEN)
		bail("pread: %m");
	is(vt_check(now, 0, LEN, 7), -1, "the file is the same as before");
	is(get(mr, m), IBV_WC_SUCCESS, "reading it again");
	is(vt_check(src, 0, LEN, 9), -1, "gives the copy");
	vt_dereg(mr);
	close(fd);
}

int main(void)
{
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_pair_open(&dev, &p, VT_CFG());
	src = vt_map(LEN);
	smr = vt_reg(&dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	zero_page();
	protection();
	files();
	vt_dereg(smr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
