/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR BSD-2-Clause */
/*
 * /dev/umem_notifier: what a process can learn about its own address space.
 *
 * Watch
 *	An open file belongs to the address space that opened it. Ranges are
 *	added to it; when the kernel takes a mapping away that overlaps one, the
 *	file's generation changes before the system call that did it returns.
 *	The generation is in a page that is mapped read-only, so that asking costs
 *	no system call; read() says which ranges are meant.
 *
 *	Migration, copy-on-write, NUMA balancing, reclaim and mprotect() keep
 *	address and content and are never UMEM_WATCH_UNMAPPED.
 *
 * Residency and statistics
 *	Of the translations that the export notifier keeps for RDMA devices.
 *
 * The file is not inherited in any useful sense: calls by another address space
 * (after fork() or exec(), or by who was sent the descriptor) fail with EPERM.
 */
#ifndef _UAPI_RDMA_UMEM_NOTIFIER_H
#define _UAPI_RDMA_UMEM_NOTIFIER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define UMEM_NOTIFIER_PATH	"/dev/umem_notifier"

/*
 * Events.
 *
 * UNMAPPED: munmap(), mmap() over it, mremap() away, brk() down, exit.
 * Reported to every range.
 *
 * CLEARED: pages were taken out of the page table while the mapping stays:
 * MADV_DONTNEED, MADV_REMOVE, hole punching, truncation. The kernel
 * does not distinguish these from some that keep the content (copy-on-write,
 * migration, reclaim, MADV_FREE), so a false alarm is possible, a missing one is
 * not. Pages that are pinned, as those of a registration cache are, are left
 * alone by nearly all of the latter. Reported to ranges with UMEM_WATCH_F_CLEAR.
 */
#define UMEM_WATCH_UNMAPPED	(1U << 0)
#define UMEM_WATCH_CLEARED	(1U << 1)

/* Flags of struct umem_watch_range. */
#define UMEM_WATCH_F_CLEAR	(1U << 0)	/* CLEARED too */

/* Ranges of one open file, at most. */
#define UMEM_WATCH_MAX		65536

/**
 * struct umem_watch_range - a range to be watched
 * @start: first byte; need not be mapped
 * @length: bytes, at least 1
 * @cookie: returned in events
 * @flags: UMEM_WATCH_F_*
 * @id: set by UMEM_IOC_WATCH_ADD, for UMEM_IOC_WATCH_DEL and events
 */
struct umem_watch_range {
	__u64 start;
	__u64 length;
	__u64 cookie;
	__u32 flags;
	__u32 id;
};

/**
 * struct umem_watch_event - what read() returns, one for each range
 * @cookie: of the range
 * @start: first byte of the range that is concerned
 * @length: from there to the last byte that is concerned
 * @id: of the range
 * @events: UMEM_WATCH_UNMAPPED, UMEM_WATCH_CLEARED
 *
 * Several changes between two read() are one event.
 */
struct umem_watch_event {
	__u64 cookie;
	__u64 start;
	__u64 length;
	__u32 id;
	__u32 events;
};

/* State of struct umem_watch_page. */
#define UMEM_WATCH_GONE		(1U << 0)	/* the address space is no more */

/**
 * struct umem_watch_page - the page to map, one page at offset 0, read-only
 * @generation: grows with each report; load it with acquire semantics
 * @pending: ranges whose event has not been read
 * @state: UMEM_WATCH_GONE
 */
struct umem_watch_page {
	__u64 generation;
	__u32 pending;
	__u32 state;
};

/* A byte of the residency vector. */
#define UMEM_PAGE_TRANSLATED	(1U << 0)
#define UMEM_PAGE_WRITE		(1U << 1)	/* for writing too */
#define UMEM_PAGE_ACCESSED	(1U << 2)	/* used since the kernel last asked */

/**
 * struct umem_residency - which pages RDMA devices have translated
 * @start: first byte, page aligned
 * @length: bytes, rounded up to pages
 * @vec: address of a byte for each page
 * @translated: set to the number of pages that are
 */
struct umem_residency {
	__u64 start;
	__u64 length;
	__u64 vec;
	__u64 translated;
};

/**
 * struct umem_export_info - statistics of the caller's address space
 * @faults: fault batches that had to look pages up
 * @fault_pages: translations made by faults
 * @prefetches: prefetch batches
 * @prefetch_pages: translations made by prefetch
 * @invalidations: kernel notifications that met a translation
 * @invalidated_pages: translations removed
 * @retries: batches that raced with an invalidation
 * @slow: accesses that went around the translations
 * @resident: translations there are now
 * @table_pages: memory the translations take
 * @reserved: 0
 */
struct umem_export_info {
	__u64 faults;
	__u64 fault_pages;
	__u64 prefetches;
	__u64 prefetch_pages;
	__u64 invalidations;
	__u64 invalidated_pages;
	__u64 retries;
	__u64 slow;
	__u64 resident;
	__u64 table_pages;
	__u64 reserved[6];
};

#define UMEM_IOC_WATCH_ADD	_IOWR(0xe5, 0x01, struct umem_watch_range)
#define UMEM_IOC_WATCH_DEL	_IOW(0xe5, 0x02, __u32)
#define UMEM_IOC_RESIDENCY	_IOWR(0xe5, 0x10, struct umem_residency)
#define UMEM_IOC_INFO		_IOR(0xe5, 0x11, struct umem_export_info)

#endif /* _UAPI_RDMA_UMEM_NOTIFIER_H */
