// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "vt_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

void vt_watch_open(struct vt_watch *w, bool block)
{
	w->fd = open(UMEM_NOTIFIER_PATH, O_RDWR | O_CLOEXEC | (block ? 0 : O_NONBLOCK));
	if (w->fd < 0)
		bail(UMEM_NOTIFIER_PATH ": %m");
	w->page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, w->fd, 0);
	if (w->page == MAP_FAILED)
		bail("mmap of " UMEM_NOTIFIER_PATH ": %m");
	w->seen = w->page->generation;
}

void vt_watch_close(struct vt_watch *w)
{
	munmap((void *)w->page, 4096);
	close(w->fd);
}

uint32_t vt_watch_add(struct vt_watch *w, const void *p, size_t len, uint32_t flags,
		      uint64_t cookie)
{
	struct umem_watch_range r = {
		.start = (uintptr_t)p, .length = len, .cookie = cookie, .flags = flags,
	};

	if (ioctl(w->fd, UMEM_IOC_WATCH_ADD, &r))
		bail("watching %zu bytes: %m", len);
	return r.id;
}

void vt_watch_del(struct vt_watch *w, uint32_t id)
{
	if (ioctl(w->fd, UMEM_IOC_WATCH_DEL, &id))
		bail("watching no longer: %m");
}

bool vt_watch_changed(struct vt_watch *w)
{
	uint64_t now = w->page->generation;
	bool changed = now != w->seen;

	w->seen = now;
	return changed;
}

bool vt_watch_event(struct vt_watch *w, struct umem_watch_event *ev)
{
	ssize_t n = read(w->fd, ev, sizeof(*ev));

	if (n < 0 && errno != EAGAIN)
		bail("reading an event: %m");
	return n == sizeof(*ev);
}

uint32_t vt_watch_drain(struct vt_watch *w)
{
	struct umem_watch_event ev;
	uint32_t events = 0;

	while (vt_watch_event(w, &ev))
		events |= ev.events;
	vt_watch_changed(w);
	return events;
}
