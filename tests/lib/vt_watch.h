/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* /dev/umem_notifier as it is, without libodp in between. */
#ifndef VT_WATCH_H
#define VT_WATCH_H

#include <rdma/umem_notifier.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vt_watch {
	int fd;
	const volatile struct umem_watch_page *page;
	uint64_t seen;		/* by vt_watch_changed() */
};

/* Open without O_NONBLOCK if @block; bails out. */
void vt_watch_open(struct vt_watch *w, bool block);
void vt_watch_close(struct vt_watch *w);

/* Watch a range; returns its id, bails out. */
uint32_t vt_watch_add(struct vt_watch *w, const void *p, size_t len, uint32_t flags,
		      uint64_t cookie);
void vt_watch_del(struct vt_watch *w, uint32_t id);

/* Has the generation changed since this was last asked? No system call. */
bool vt_watch_changed(struct vt_watch *w);

/* Read one event; false if there is none. */
bool vt_watch_event(struct vt_watch *w, struct umem_watch_event *ev);

/* Read and forget all events; returns all their event bits. */
uint32_t vt_watch_drain(struct vt_watch *w);

#endif
