// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N3, N10: pages of a file that are cut off or punched out are gone for the device as
 * for the CPU: zeros in a hole, an error behind the end; and what is written into a
 * hole afterwards is in the file. In memory and on a disk.
 */
#define _GNU_SOURCE
#include "vt_mm.h"
#include "vt_rig.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES	64
#define LEN	(PAGES * PAGE)
#define AT	(16 * PAGE)
#define HOLE	(8 * PAGE)

static struct vt_rig r;

/* What read() finds in the file. */
static bool in_file(int fd, size_t at, size_t len, uint64_t seed)
{
	uint8_t *now = vt_map(len);
	bool right = pread(fd, now, len, at) == (ssize_t)len &&
		     (seed == VT_ZERO ? vt_check_byte(now, len, 0) : vt_check(now, 0, len, seed)) < 0;

	munmap(now, len);
	return right;
}

static void one_file(int fd, bool disk, const char *f)
{
	uint8_t *m = vt_map_fd(fd, LEN);
	struct ibv_mr *mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	int i;

	for (i = 0; i < 2; i++) {
		const char *how = i ? "MADV_REMOVE" : "fallocate";
		int rc;

		is(vt_put(&r, mr, m, LEN, 1 + i), 0, "%s: write, now it is hot", f);
		rc = i ? madvise(m + AT, HOLE, MADV_REMOVE) :
			 fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, AT, HOLE);
		is(rc, 0, "%s: punch a hole by %s", f, how);
		vt_sees(&r, mr, m + AT, HOLE, VT_ZERO, "%s: zeros in the hole", f);
		vt_sees(&r, mr, m, AT, 1 + i, "%s: what is before it stays", f);
		is(vt_put(&r, mr, m + AT + 100, 2 * PAGE, 30 + i), 0, "%s: write into it", f);
		vt_sees(&r, mr, m + AT + 100, 2 * PAGE, 30 + i, "%s: the data", f);
		ok(in_file(fd, AT + 100, 2 * PAGE, 30 + i), "%s: which is in the file", f);
		ok(in_file(fd, AT + 4 * PAGE, 4 * PAGE, VT_ZERO), "%s: beside zeros", f);
	}

	is(vt_put(&r, mr, m, LEN, 5), 0, "%s: write all of it", f);
	if (ftruncate(fd, AT + 1000))
		bail("ftruncate: %m");
	vt_sees(&r, mr, m, AT + 1000, 5, "%s: cut off, the rest stays", f);
	is(vt_get(&r, mr, m + AT + PAGE, 8, 5), IBV_WC_REM_ACCESS_ERR,
	   "%s: behind the end it cannot be read", f);
	is(vt_put(&r, mr, m + AT + PAGE, 8, 6), IBV_WC_REM_ACCESS_ERR, "%s: nor written", f);
	if (ftruncate(fd, LEN))
		bail("ftruncate: %m");
	vt_sees(&r, mr, m + AT + 1000, LEN - AT - 1000, VT_ZERO, "%s: made longer, zeros", f);
	is(vt_put(&r, mr, m, LEN, 7), 0, "%s: written again", f);
	ok(in_file(fd, 0, LEN, 7), "%s: which is in the file", f);

	if (disk) {
		/* Bytes taken out of the middle: what follows moves up. */
		is(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, AT, HOLE), 0, "%s: collapse a range", f);
		vt_sees(&r, mr, m, AT, 7, "%s: what is before it stays", f);
		vt_fill(r.buf, 0, LEN, 7);
		is(memcmp(m + AT, r.buf + AT + HOLE, LEN - AT - HOLE), 0, "%s: the rest moves", f);
		is(vt_write(&r.pair[0].a, r.bmr, r.buf, AT, mr, m + AT), 0, "%s: write there", f);
		ok(in_file(fd, AT, AT, 7), "%s: the moved pages are written", f);
	}
	vt_dereg(mr);
	munmap(m, LEN);
}

/* A private mapping: what was copied on write stays when the file loses the page. */
static void private_copy(int fd)
{
	uint8_t *m;
	struct ibv_mr *mr;

	if (ftruncate(fd, 0) || ftruncate(fd, LEN))
		bail("ftruncate: %m");
	m = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	is(vt_put(&r, mr, m, AT, 1), 0, "private: write the beginning");
	is(vt_get(&r, mr, m + AT, HOLE, VT_ZERO), 0, "private: read the file's pages");
	vt_fill(r.buf, 0, LEN, 2);
	if (pwrite(fd, r.buf, LEN, 0) != LEN)
		bail("pwrite: %m");
	vt_sees(&r, mr, m, AT, 1, "private: the copy stays when the file is written");
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LEN), 0, "private: a hole");
	vt_sees(&r, mr, m, AT, 1, "private: the copy stays");
	vt_sees(&r, mr, m + AT, HOLE, VT_ZERO, "private: the file's pages are gone");
	vt_dereg(mr);
	munmap(m, LEN);
}

int main(void)
{
	char name[] = "/var/tmp/vt-n03-XXXXXX";
	int fd;

	vt_rig_open(&r, LEN);
	fd = vt_memfd(LEN);
	one_file(fd, false, "memfd");
	private_copy(fd);
	close(fd);
	fd = mkstemp(name);
	unlink(name);
	if (fd < 0 || ftruncate(fd, LEN))
		bail("%s: %m", name);
	one_file(fd, true, "ext4");
	private_copy(fd);
	close(fd);
	vt_rig_close(&r);
	return done();
}
