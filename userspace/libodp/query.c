// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Residency and statistics. The device is opened for each call: it answers about
 * who opened it, which after fork() is somebody else.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <rdma/umem_notifier.h>

#include "internal.h"

_Static_assert(ODP_PAGE_TRANSLATED == UMEM_PAGE_TRANSLATED && ODP_PAGE_WRITE == UMEM_PAGE_WRITE &&
	       ODP_PAGE_ACCESSED == UMEM_PAGE_ACCESSED, "the kernel's vector is handed through");

static int ask(unsigned long request, void *arg)
{
	int fd, ret;

	fd = open(UMEM_NOTIFIER_PATH, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENXIO ? EOPNOTSUPP : errno;
	ret = ioctl(fd, request, arg) ? errno : 0;
	close(fd);
	/* Nothing was registered on demand, so far. */
	return ret == ENOENT ? ENODATA : ret;
}

int odp_residency(const void *addr, size_t length, unsigned char *vec, size_t *translated)
{
	struct umem_residency res = {
		.start = (uintptr_t)addr,
		.length = length,
		.vec = (uintptr_t)vec,
	};
	int ret;

	ret = ask(UMEM_IOC_RESIDENCY, &res);
	if (!ret && translated)
		*translated = res.translated;
	return ret;
}

int odp_stats(struct odp_stats *stats)
{
	struct umem_export_info info = { .faults = 0 };
	int ret;

	ret = ask(UMEM_IOC_INFO, &info);
	*stats = (struct odp_stats) {
		.faults = info.faults,
		.fault_pages = info.fault_pages,
		.prefetches = info.prefetches,
		.prefetch_pages = info.prefetch_pages,
		.invalidations = info.invalidations,
		.invalidated_pages = info.invalidated_pages,
		.retries = info.retries,
		.slow = info.slow,
		.resident = info.resident,
		.table_pages = info.table_pages,
	};
	return ret;
}
