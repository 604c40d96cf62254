// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N1, N3, N7: memory of hugetlbfs, private and shared: data at odd offsets and across
 * huge pages, copy on write after fork, holes, and every huge page back in the pool
 * when it is unmapped though it was translated.
 */
#define _GNU_SOURCE
#include "vt_mm.h"
#include "vt_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE	(2ul << 20)
#define LEN	(3 * HUGE)
#define POOL	"/proc/sys/vm/nr_hugepages"

static struct vt_rig r;

static long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	long n = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			n = strtol(line + strlen(name) + 1, NULL, 10);
	if (f)
		fclose(f);
	return n;
}

static void basics(const char *k, uint8_t *m, struct ibv_mr *mr)
{
	is(vt_put(&r, mr, m + 3333, LEN - 3333, 1), 0, "%s: write at an odd offset", k);
	vt_sees(&r, mr, m + 3333, LEN - 3333, 1, "%s: the data", k);
	is(vt_check_byte(m, 3333, 0), -1, "%s: nothing before it", k);
	is(vt_put(&r, mr, m + HUGE - 100, 5000, 2), 0, "%s: write across huge pages", k);
	vt_sees(&r, mr, m + HUGE - 100, 5000, 2, "%s: the data", k);
	mprotect(m, LEN, PROT_READ);
	is(vt_put(&r, mr, m, 100, 3), IBV_WC_REM_ACCESS_ERR, "%s: read-only, not written", k);
	mprotect(m, LEN, PROT_READ | PROT_WRITE);
	is(vt_put(&r, mr, m, LEN, 4), 0, "%s: writable, written", k);
	vt_sees(&r, mr, m, LEN, 4, "%s: the data", k);
}

/* The child's memory is what it was at the fork, whatever RDMA writes here. */
static void forked(uint8_t *m, struct ibv_mr *mr)
{
	int go[2], st;
	pid_t pid;
	char c;

	if (pipe(go))
		bail("pipe: %m");
	pid = fork();
	if (!pid)
		_exit(read(go[0], &c, 1) != 1 || vt_check(m, 0, LEN, 4) >= 0);
	is(vt_put(&r, mr, m, HUGE, 5), 0, "private: write after fork");
	vt_sees(&r, mr, m, HUGE, 5, "private: the data");
	if (write(go[1], "", 1) != 1)
		bail("pipe: %m");
	waitpid(pid, &st, 0);
	is(st, 0, "private: the child has its own");
}

static void private_memory(void)
{
	uint8_t *m = mmap(NULL, LEN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	struct ibv_mr *mr;

	if (m == MAP_FAILED)
		bail("mmap of huge pages: %m");
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	basics("private", m, mr);
	forked(m, mr);
	madvise(m + HUGE, HUGE, MADV_DONTNEED);
	vt_sees(&r, mr, m + HUGE, HUGE, VT_ZERO, "private: zeros after MADV_DONTNEED");
	munmap(m, LEN);
	is(vt_get(&r, mr, m, 8, 4), IBV_WC_REM_ACCESS_ERR, "private: unmapped, it is gone");
	vt_dereg(mr);
}

static void shared_memory(void)
{
	int fd = memfd_create("vt", MFD_CLOEXEC | MFD_HUGETLB);
	uint8_t *m, *view;
	struct ibv_mr *mr;

	if (fd < 0 || ftruncate(fd, LEN))
		bail("memfd of huge pages: %m");
	m = vt_map_fd(fd, LEN);
	view = vt_map_fd(fd, LEN);
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	basics("shared", m, mr);
	is(vt_check(view, 0, LEN, 4), -1, "shared: another mapping shows it");
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, HUGE, HUGE), 0,
	   "shared: punch a hole");
	vt_sees(&r, mr, m + HUGE, HUGE, VT_ZERO, "shared: it is zero");
	is(vt_put(&r, mr, m + HUGE, HUGE, 6), 0, "shared: write into it");
	is(vt_check(view + HUGE, 0, HUGE, 6), -1, "shared: the other mapping shows it");
	if (ftruncate(fd, HUGE))
		bail("ftruncate: %m");
	is(vt_get(&r, mr, m + HUGE, 8, 6), IBV_WC_REM_ACCESS_ERR, "shared: cut off, it is gone");
	vt_sees(&r, mr, m, HUGE, 4, "shared: the rest stays");
	vt_dereg(mr);
	munmap(m, LEN);
	munmap(view, LEN);
	close(fd);
}

int main(void)
{
	long before = meminfo("HugePages_Total"), total;
	char text[32];

	vt_rig_open(&r, LEN);
	/* Two regions' worth: the child of a fork keeps its pages. */
	snprintf(text, sizeof(text), "%ld", before + 6);
	vt_sh("echo 1 >/proc/sys/vm/compact_memory");
	vt_write_file(POOL, text);
	total = meminfo("HugePages_Total");
	if (total < before + 6)
		bail("only %ld huge pages", total);
	private_memory();
	is(meminfo("HugePages_Free"), total, "every huge page is back");
	shared_memory();
	is(meminfo("HugePages_Free"), total, "every huge page is back");
	snprintf(text, sizeof(text), "%ld", before);
	vt_write_file(POOL, text);
	is(meminfo("HugePages_Total"), before, "and can be given back");
	vt_rig_close(&r);
	return done();
}
