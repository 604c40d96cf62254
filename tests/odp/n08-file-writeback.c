// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* N8: what was written through RDMA into a shared file mapping is in the file on the disk. */
#include "vt.h"
#include "vt_mm.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#define LEN	(64 * PAGE)

static struct vt_dev dev;
static struct vt_pair p;
static uint8_t *src, *now;
static struct ibv_mr *smr;

static int put(struct ibv_mr *mr, void *to, uint64_t seed)
{
	vt_fill(src, 0, LEN, seed);
	return vt_write(&p.a, smr, src, LEN, mr, to);
}

/* What is on the disk: past the page cache, which is dropped first. */
static void on_disk(int fd, uint64_t seed, const char *what)
{
	posix_fadvise(fd, 0, LEN, POSIX_FADV_DONTNEED);
	vt_write_file("/proc/sys/vm/drop_caches", "1");
	is(pread(fd, now, LEN, 0), LEN, "%s: read the file", what);
	is(vt_check(now, 0, LEN, seed), -1, "%s: the data is on the disk", what);
}

int main(void)
{
	char name[] = "/var/tmp/vt-n08-XXXXXX";
	struct ibv_mr *mr;
	struct statfs fs;
	uint8_t *m;
	int fd;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_pair_open(&dev, &p, VT_CFG());
	src = vt_map(LEN);
	now = vt_map(LEN);
	smr = vt_reg(&dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	fd = mkstemp(name);
	unlink(name);
	if (fd < 0 || fstatfs(fd, &fs))
		bail("%s: %m", name);
	diag("file system type 0x%lx", (unsigned long)fs.f_type);
	if (fs.f_type == TMPFS_MAGIC)
		bail("/var/tmp is in memory: there is no disk to write to");
	vt_fill(now, 0, LEN, 1);
	if (write(fd, now, LEN) != LEN || fsync(fd))
		bail("write: %m");

	m = vt_map_fd(fd, LEN);
	mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);
	is(vt_read(&p.a, smr, src, LEN, mr, m), 0, "the device reads the file");
	is(vt_check(src, 0, LEN, 1), -1, "the data");
	is(put(mr, m, 2), 0, "and writes it");
	is(msync(m, LEN, MS_SYNC), 0, "msync");
	on_disk(fd, 2, "mapped, after msync");
	/* Cleaned by the writeback: the next write must mark it dirty again. */
	is(put(mr, m, 3), 0, "write after writeback");
	is(fsync(fd), 0, "fsync");
	on_disk(fd, 3, "mapped, second time");
	is(put(mr, m, 4), 0, "write once more");
	vt_dereg(mr);
	munmap(m, LEN);
	is(fsync(fd), 0, "fsync after munmap");
	on_disk(fd, 4, "unmapped");
	close(fd);
	vt_dereg(smr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
