/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Memory whose faults wait until the test resolves them. */
#ifndef VT_UFFD_H
#define VT_UFFD_H

#include <stddef.h>
#include <stdint.h>

/* Make faults in untouched anonymous @p block; returns the userfaultfd. */
int vt_uffd(void *p, size_t len);

/* Wait for the next fault; its address, or 0 if none came within VT_WAIT_MS. */
uint64_t vt_uffd_wait(int fd);

/* Fill all of the range with stream @seed and let who waits go on. */
void vt_uffd_fill(int fd, void *p, size_t len, uint64_t seed);

#endif
