// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "vt_uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vt.h"
#include "vt_mm.h"

int vt_uffd(void *p, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)p, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg))
		bail("userfaultfd: %m");
	/* A neighbour's huge page may have brought some of it in already. */
	if (madvise(p, len, MADV_DONTNEED))
		bail("madvise: %m");
	return fd;
}

uint64_t vt_uffd_wait(int fd)
{
	struct pollfd pf = { .fd = fd, .events = POLLIN };
	struct uffd_msg msg;

	while (poll(&pf, 1, VT_WAIT_MS) == 1)
		if (read(fd, &msg, sizeof(msg)) == sizeof(msg) &&
		    msg.event == UFFD_EVENT_PAGEFAULT)
			return msg.arg.pagefault.address;
	return 0;
}

void vt_uffd_fill(int fd, void *p, size_t len, uint64_t seed)
{
	void *from = vt_map(len);
	size_t at;

	vt_fill(from, 0, len, seed);
	/* Page by page: one that is there already is no reason to stop. */
	for (at = 0; at < len; at += PAGE) {
		struct uffdio_copy copy = {
			.dst = (uintptr_t)p + at,
			.src = (uintptr_t)from + at,
			.len = PAGE,
		};

		while (ioctl(fd, UFFDIO_COPY, &copy) && errno != EEXIST) {
			if (errno != EAGAIN)
				bail("UFFDIO_COPY: %m");
			copy.copy = 0;
		}
	}
	munmap(from, len);
}
