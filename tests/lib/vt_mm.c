// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#define _GNU_SOURCE
#include "vt_mm.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "vt.h"

static char swap_dev[64];
static int swap_id = -1;
static pid_t swap_owner;

static int read_line(const char *path, char *line, size_t size)
{
	FILE *f = fopen(path, "re");
	bool got = f && fgets(line, size, f);

	if (f)
		fclose(f);
	return got ? 0 : -1;
}

static bool swap_is_on(void)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[256];
	int lines = 0;

	while (f && fgets(line, sizeof(line), f))
		lines++;
	if (f)
		fclose(f);
	return lines > 1;
}

static void swap_off(void)
{
	if (getpid() != swap_owner)	/* a child's exit() is not the end */
		return;
	if (swapoff(swap_dev))
		diag("swapoff: %m");
	else if (swap_id < 0)
		unlink(swap_dev);
	else
		vt_sh("echo 1 >/sys/block/zram%d/reset; echo %d >/sys/class/zram-control/hot_remove",
		      swap_id, swap_id);
}

void vt_swap_on(int mib)
{
	char line[64];

	if (swap_is_on())
		return;
	vt_sh("[ -e /sys/class/zram-control ] || modprobe zram num_devices=1");
	if (read_line("/sys/class/zram-control/hot_add", line, sizeof(line)))
		bail("no zram for swapping");
	swap_id = atoi(line);
	snprintf(swap_dev, sizeof(swap_dev), "/dev/zram%d", swap_id);
	if (vt_sh("echo %dM >/sys/block/zram%d/disksize && mkswap %s >/dev/null", mib, swap_id,
		  swap_dev) || swapon(swap_dev, 0))
		bail("swapon %s: %m", swap_dev);
	swap_owner = getpid();
	atexit(swap_off);
}

void vt_swap_file(int mib)
{
	snprintf(swap_dev, sizeof(swap_dev), "/var/tmp/vt-swap-%d", getpid());
	swap_owner = getpid();
	atexit(swap_off);
	if (swap_is_on() ||
	    vt_sh("fallocate -l %dM %s && chmod 600 %s && mkswap %s >/dev/null", mib, swap_dev,
		  swap_dev, swap_dev) ||
	    swapon(swap_dev, 0))
		bail("swapon %s: %m", swap_dev);
}

uint64_t vt_pagemap(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) != 8)
		bail("pagemap: %m");
	close(fd);
	return entry;
}

uint64_t vt_frame(const void *p)
{
	return vt_pagemap(p) & ((1ull << 55) - 1);
}

static size_t count(const void *p, size_t len, int bit)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry[512];
	size_t total = 0, page = (uintptr_t)p / PAGE, end = ((uintptr_t)p + len + PAGE - 1) / PAGE;

	while (page < end) {
		size_t i, n = end - page < 512 ? end - page : 512;

		if (fd < 0 || pread(fd, entry, n * 8, page * 8) != (ssize_t)n * 8)
			bail("pagemap: %m");
		for (i = 0; i < n; i++)
			total += entry[i] >> bit & 1;
		page += n;
	}
	close(fd);
	return total;
}

size_t vt_count_present(const void *p, size_t len)
{
	return count(p, len, 63);
}

size_t vt_count_swapped(const void *p, size_t len)
{
	return count(p, len, 62);
}

size_t vt_pageout(void *p, size_t len)
{
	size_t pages = (len + PAGE - 1) / PAGE, left = pages;
	int tries, cpu, cpus = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t before, one;

	sched_getaffinity(0, sizeof(before), &before);
	for (tries = 0; tries < 20 && left; tries++) {
		/* Each processor has a batch of new pages that only it can let go. */
		for (cpu = 0; cpu < cpus; cpu++) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			sched_setaffinity(0, sizeof(one), &one);
			if (madvise(p, len, MADV_PAGEOUT))
				bail("MADV_PAGEOUT: %m");
		}
		left = vt_count_present(p, len);
		if (left && tries > 1)
			usleep(10000);
	}
	sched_setaffinity(0, sizeof(before), &before);
	return pages - left;
}

int vt_memfd(size_t len)
{
	int fd = memfd_create("vt", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, len))
		bail("memfd of %zu bytes: %m", len);
	return fd;
}

void *vt_map_fd(int fd, size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		bail("mmap of a file: %m");
	return p;
}

static char group_mount[32], group[64];
static pid_t group_owner;

static void cgroup_off(void)
{
	if (getpid() != group_owner)
		return;
	/* Who was killed may be a moment in leaving. */
	vt_sh("for i in $(seq 100); do rmdir %s && break; sleep 0.1; done 2>/dev/null; umount %s && rmdir %s",
	      group, group_mount, group_mount);
}

void vt_cgroup(void)
{
	strcpy(group_mount, "/tmp/vt-cgroup-XXXXXX");
	if (!mkdtemp(group_mount) || vt_sh("mount -t cgroup2 none %s", group_mount))
		bail("cannot mount cgroup2");
	snprintf(group, sizeof(group), "%s/vt-%d", group_mount, getpid());
	group_owner = getpid();
	atexit(cgroup_off);
	if (vt_sh("echo +memory >%s/cgroup.subtree_control && mkdir %s", group_mount, group))
		bail("cannot make a memory cgroup");
}

void vt_cgroup_set(const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	if (vt_write_file(path, value))
		bail("%s: %m", path);
}

void vt_cgroup_enter(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	vt_cgroup_set("cgroup.procs", pid);
}

long long vt_cgroup_read(const char *file, const char *field)
{
	char path[128], line[128];
	long long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", group, file);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!field)
			value = atoll(line);
		else if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ' ')
			value = atoll(line + strlen(field));
	}
	if (f)
		fclose(f);
	return value;
}

int vt_sh(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	int st;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	st = system(cmd);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 255;
}

static void *zap(void *arg)
{
	struct vt_zapper *z = arg;

	while (!z->stop) {
		if (z->how == VT_DONTNEED) {
			madvise(z->m, z->len, MADV_DONTNEED);
		} else {
			mprotect(z->m, z->len, PROT_READ | PROT_WRITE | PROT_EXEC);
			mprotect(z->m, z->len, PROT_READ | PROT_WRITE);
		}
		if (++z->zaps % 8 == 0 && z->gentle)
			sched_yield();
	}
	return NULL;
}

void vt_zapper_start(struct vt_zapper *z, void *m, size_t len, enum vt_zap how, bool gentle)
{
	*z = (struct vt_zapper){ .m = m, .len = len, .how = how, .gentle = gentle };
	if (pthread_create(&z->thread, NULL, zap, z))
		bail("pthread_create");
}

unsigned long vt_zapper_stop(struct vt_zapper *z)
{
	z->stop = true;
	pthread_join(z->thread, NULL);
	return z->zaps;
}
