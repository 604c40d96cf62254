/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What tests of on-demand memory do to, and ask of, the memory manager. */
#ifndef VT_MM_H
#define VT_MM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096ul

/* Advice that older C libraries do not name. */
#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/*
 * Make sure that there is swap (a zram device of @mib) until the program ends.
 * Swap that was there already is used as it is.
 */
void vt_swap_on(int mib);
/* The same with a file on a disk, and with nothing else to swap to. */
void vt_swap_file(int mib);

/* /proc/self/pagemap: bits 63 present, 62 swapped, 0 to 54 the frame. */
uint64_t vt_pagemap(const void *p);
uint64_t vt_frame(const void *p);
size_t vt_count_present(const void *p, size_t len);
size_t vt_count_swapped(const void *p, size_t len);

/*
 * Page a range out, as often and on as many processors as it takes; returns the
 * pages that are in swap or gone after it.
 */
size_t vt_pageout(void *p, size_t len);

/* A memory file of @len bytes, zeroed. */
int vt_memfd(size_t len);
void *vt_map_fd(int fd, size_t len);

/*
 * A memory cgroup of our own until the program ends, for children only: it must be
 * empty at the end. vt_cgroup_enter() moves the calling process into it. Reading
 * gives the number in @file, or behind @field in it; -1 if there is none.
 */
void vt_cgroup(void);
void vt_cgroup_enter(void);
void vt_cgroup_set(const char *file, const char *value);
long long vt_cgroup_read(const char *file, const char *field);

/*
 * A thread that takes the translations of a range away over and over, by changing its
 * protection or, where that does not lose the data, by MADV_DONTNEED.
 */
enum vt_zap { VT_PROTECT, VT_DONTNEED };

struct vt_zapper {
	pthread_t thread;
	void *m;
	size_t len;
	enum vt_zap how;
	bool gentle;		/* pauses now and then, or there is nothing to take away */
	atomic_bool stop;
	atomic_ulong zaps;	/* so far */
};

void vt_zapper_start(struct vt_zapper *z, void *m, size_t len, enum vt_zap how, bool gentle);
/* Returns how often it has taken them away. */
unsigned long vt_zapper_stop(struct vt_zapper *z);

/* Run /bin/sh -c; returns its exit status. */
int vt_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
