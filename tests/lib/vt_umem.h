/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The export notifier of this process, through /dev/umem_test. It is the one that
 * the process's RDMA regions use.
 */
#ifndef VT_UMEM_H
#define VT_UMEM_H

#include <stddef.h>

#include "../odp/kmod/umem_test.h"

/* Loads the test module, and opens its device; bails out. */
int vt_umem_open(void);
/* One of UMEM_TEST_ACCESS and so on; the result, or a negative errno. */
long vt_umem(int fd, unsigned long cmd, const void *va, size_t len, void *buf,
	     unsigned int flags);
struct umem_test_stats vt_umem_stats(int fd);

#endif
