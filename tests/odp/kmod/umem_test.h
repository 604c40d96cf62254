/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/umem_test: a make-believe device that uses the export notifier. */
#ifndef _UMEM_TEST_H
#define _UMEM_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define UMEM_TEST_WRITE		1	/* UMEM_* of the kernel API */
#define UMEM_TEST_NOFAULT	2
#define UMEM_TEST_PREFETCH	4
#define UMEM_TEST_FAULT		16	/* on a miss, fault and try again */
#define UMEM_TEST_SLOW		32	/* on a miss, take the slow road */
#define UMEM_TEST_NOWAIT	64	/* fault only: umem_fault_nowait() */

/**
 * struct umem_test_io - a range of the address space that opened the device
 * @va: first byte
 * @len: bytes; an access moves at most 64 KiB
 * @buf: where an access copies to or, with UMEM_TEST_WRITE, from
 * @flags: UMEM_TEST_*
 * @arg: milliseconds, or number of times
 * @result: bytes done, or -errno
 */
struct umem_test_io {
	__u64 va;
	__u64 len;
	__u64 buf;
	__u32 flags;
	__u32 arg;
	__s64 result;
};

struct umem_test_stats {
	__u64 faults, fault_pages, prefetches, prefetch_pages;
	__u64 invalidations, invalidated_pages, retries, slow;
	__u64 resident, leaves, interior;
};

/* Copy, page by page. Stops at the first page that fails. */
#define UMEM_TEST_ACCESS	_IOWR('U', 1, struct umem_test_io)
#define UMEM_TEST_DO_FAULT	_IOWR('U', 2, struct umem_test_io)
/* Start the file's job; wait @arg ms for its result; end it. */
#define UMEM_TEST_ASYNC		_IOWR('U', 3, struct umem_test_io)
#define UMEM_TEST_WAIT		_IOWR('U', 4, struct umem_test_io)
#define UMEM_TEST_CANCEL	_IO('U', 5)
/* Hold a page and do nothing for @arg ms. */
#define UMEM_TEST_HOLD		_IOWR('U', 6, struct umem_test_io)
/* How many UMEM_TEST_HOLD hold now, in @result. */
#define UMEM_TEST_HOLDERS	_IOWR('U', 7, struct umem_test_io)
#define UMEM_TEST_RESIDENT	_IOWR('U', 8, struct umem_test_io)
#define UMEM_TEST_STATS		_IOR('U', 9, struct umem_test_stats)
/* @arg jobs in a row, each started inside the done() of the one before. */
#define UMEM_TEST_CHAIN		_IOWR('U', 10, struct umem_test_io)

#endif /* _UMEM_TEST_H */
