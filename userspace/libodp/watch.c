// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The watch of umem_notifier(4), for registration caches. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rdma/umem_notifier.h>

#include "internal.h"

#define EVENTS	32	/* a read() */

_Static_assert(ODP_WATCH_UNMAPPED == UMEM_WATCH_UNMAPPED &&
	       ODP_WATCH_CLEARED == UMEM_WATCH_CLEARED, "the kernel's events are handed through");

/**
 * struct odp_watch - an open watch
 * @fd: of the device
 * @page_size: length of the mapping
 * @page: the kernel's
 */
struct odp_watch {
	int fd;
	size_t page_size;
	const struct umem_watch_page *page;
};

struct odp_watch *odp_watch_open(void)
{
	struct odp_watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return NULL;
	w->page_size = sysconf(_SC_PAGESIZE);
	w->fd = open(UMEM_NOTIFIER_PATH, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (w->fd < 0) {
		err = errno == ENOENT || errno == ENXIO ? EOPNOTSUPP : errno;
		goto free;
	}
	w->page = mmap(NULL, w->page_size, PROT_READ, MAP_SHARED, w->fd, 0);
	if (w->page == MAP_FAILED) {
		err = errno;
		close(w->fd);
		goto free;
	}
	return w;
free:
	free(w);
	errno = err;
	return NULL;
}

void odp_watch_close(struct odp_watch *w)
{
	if (!w)
		return;
	munmap((void *)w->page, w->page_size);
	close(w->fd);
	free(w);
}

int odp_watch_fd(const struct odp_watch *w)
{
	return w->fd;
}

int odp_watch_add(struct odp_watch *w, const void *addr, size_t length, unsigned int events,
		  uint64_t cookie, uint32_t *id)
{
	struct umem_watch_range range = {
		.start = (uintptr_t)addr,
		.length = length,
		.cookie = cookie,
		.flags = events & ODP_WATCH_CLEARED ? UMEM_WATCH_F_CLEAR : 0,
	};

	if (!(events & ODP_WATCH_UNMAPPED) || (events & ~(ODP_WATCH_UNMAPPED | ODP_WATCH_CLEARED)))
		return EINVAL;
	if (ioctl(w->fd, UMEM_IOC_WATCH_ADD, &range))
		return errno;
	*id = range.id;
	return 0;
}

int odp_watch_del(struct odp_watch *w, uint32_t id)
{
	__u32 arg = id;

	return ioctl(w->fd, UMEM_IOC_WATCH_DEL, &arg) ? errno : 0;
}

uint64_t odp_watch_generation(const struct odp_watch *w)
{
	return __atomic_load_n(&w->page->generation, __ATOMIC_ACQUIRE);
}

int odp_watch_read(struct odp_watch *w, struct odp_watch_event *events, int max)
{
	struct umem_watch_event ev[EVENTS];
	ssize_t got;
	int i, n;

	if (max <= 0) {
		errno = EINVAL;
		return -1;
	}
	got = read(w->fd, ev, (max < EVENTS ? max : EVENTS) * sizeof(ev[0]));
	if (got < 0)
		return errno == EAGAIN ? 0 : -1;
	n = got / sizeof(ev[0]);
	for (i = 0; i < n; i++)
		events[i] = (struct odp_watch_event) {
			.cookie = ev[i].cookie,
			.addr = (void *)(uintptr_t)ev[i].start,
			.length = ev[i].length,
			.id = ev[i].id,
			.events = ev[i].events,
		};
	return n;
}
