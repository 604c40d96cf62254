/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels we run on: every test of LINUX_VERSION_CODE
 * is here, behind a wrapper named for what it does. Each section includes only
 * what its own wrappers need, under the macro that its users define:
 *
 *	#define COMPAT_MM
 *	#include "../compat.h"
 */
#ifndef _ODP_COMPAT_H
#define _ODP_COMPAT_H

#include <linux/version.h>

/* ---- mm ---- */
#ifdef COMPAT_MM
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

/* What the mmu notifier's aging callbacks return. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
typedef int compat_young_t;
#else
typedef bool compat_young_t;
#endif

/*
 * Look up user pages of another address space. mmap_lock is held for reading;
 * *@locked becomes 0 if it had to be dropped.
 */
static inline long compat_get_user_pages_remote(struct mm_struct *mm,
						unsigned long va,
						unsigned long nr,
						unsigned int gup_flags,
						struct page **pages, int *locked)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, va, nr, gup_flags, pages, NULL, locked);
#else
	return get_user_pages_remote(mm, va, nr, gup_flags, pages, locked);
#endif
}

static inline long compat_pin_user_pages_remote(struct mm_struct *mm,
						unsigned long va,
						unsigned long nr,
						unsigned int gup_flags,
						struct page **pages, int *locked)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return pin_user_pages_remote(mm, va, nr, gup_flags, pages, NULL, locked);
#else
	return pin_user_pages_remote(mm, va, nr, gup_flags, pages, locked);
#endif
}
#endif /* COMPAT_MM */

/* ---- verbs ---- */

/* ---- net ---- */

#endif /* _ODP_COMPAT_H */
