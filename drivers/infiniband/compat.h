/* SPDX-License-Identifier: GPL-2.0 */
/* Differences between kernels 6.1, 6.12 and 7.3; the only place that asks for a version. */
#ifndef COMPAT_H
#define COMPAT_H

#include <linux/version.h>

/* ---- mr ---- */

#include <linux/memremap.h>
#include <linux/mm.h>
#include <rdma/ib_verbs.h>
#include <rdma/ib_umem.h>

/* Exempts a local variable from CONFIG_INIT_STACK_ALL_*. */
#if __has_attribute(__uninitialized__)
# define compat_uninitialized __attribute__((__uninitialized__))
#else
# define compat_uninitialized
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
/* Refused by the core before 6.2; the values are those of the later uABI. */
#define IB_ACCESS_FLUSH_GLOBAL		(1 << 8)
#define IB_ACCESS_FLUSH_PERSISTENT	(1 << 9)
#endif

static inline struct ib_umem *compat_umem_get(struct ib_device *dev,
					      unsigned long addr, size_t size,
					      int access)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	return ib_umem_get_va(dev, addr, size, access);
#else
	return ib_umem_get(dev, addr, size, access);
#endif
}

/* Is this page of a file on persistent memory (dax)? Any context. */
static inline bool compat_page_is_fsdax(const struct page *page)
{
	if (!is_zone_device_page(page))
		return false;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	return page_pgmap(page)->type == MEMORY_DEVICE_FS_DAX;
#else
	return page->pgmap->type == MEMORY_DEVICE_FS_DAX;
#endif
}

#endif /* COMPAT_H */
