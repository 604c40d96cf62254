// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "vt_umem.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "tap.h"
#include "vt_mm.h"

int vt_umem_open(void)
{
	int fd;

	if (vt_sh("[ -e /sys/module/umem_test ] || insmod /opt/odp/modules/umem_test.ko"))
		bail("cannot load umem_test");
	fd = open("/dev/umem_test", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		bail("/dev/umem_test: %m");
	return fd;
}

long vt_umem(int fd, unsigned long cmd, const void *va, size_t len, void *buf,
	     unsigned int flags)
{
	struct umem_test_io io = {
		.va = (uintptr_t)va, .len = len, .buf = (uintptr_t)buf, .flags = flags,
	};

	if (ioctl(fd, cmd, &io))
		bail("/dev/umem_test: %m");
	return io.result;
}

struct umem_test_stats vt_umem_stats(int fd)
{
	struct umem_test_stats st;

	if (ioctl(fd, UMEM_TEST_STATS, &st))
		bail("/dev/umem_test: %m");
	return st;
}
