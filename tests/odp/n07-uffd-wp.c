// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N7, N10: memory that userfaultfd protects against writing: the device reads it, a
 * write waits until its handler has allowed it, as a write of the CPU would, and the
 * handler sees every first write although the translations were hot.
 */
#include "vt_mm.h"
#include "vt_rig.h"
#include "vt_uffd.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LEN	(16 * PAGE)

static struct vt_rig r;
static int fd;

static void protect(void *p, size_t len, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (uintptr_t)p, .len = len },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	if (ioctl(fd, UFFDIO_WRITEPROTECT, &wp))
		bail("UFFDIO_WRITEPROTECT: %m");
}

static void open_uffd(void *p)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)p, .len = LEN },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg))
		bail("userfaultfd for write protection: %m");
}

static void one_road(int road)
{
	struct vt_qp *a = &r.pair[road].a;
	const char *k = road ? "wire" : "local";
	uint8_t *m = vt_map(LEN);
	struct ibv_mr *mr;
	struct ibv_wc wc;
	size_t page;

	madvise(m, LEN, MADV_NOHUGEPAGE);
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	is(vt_put(&r, mr, m, LEN, 1), 0, "%s: write, now it is hot", k);
	open_uffd(m);
	protect(m, LEN, true);
	vt_sees(&r, mr, m, LEN, 1, "%s: protected, it is read", k);

	vt_fill(r.buf, 0, LEN, 2);
	is(vt_post(a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = r.buf, .len = LEN,
			    .lkey = r.bmr->lkey, .remote = (uintptr_t)m, .rkey = mr->rkey)), 0,
	   "%s: post a write", k);
	/* Each page once, in order; the handler looks at what was there before. */
	for (page = 0; page < LEN; page += PAGE) {
		uint64_t at = vt_uffd_wait(fd);

		if (at / PAGE != ((uintptr_t)m + page) / PAGE)
			break;
		if (vt_check(m + page, page, PAGE, 1) >= 0 || vt_poll(a->cq, &wc, 0))
			break;
		protect(m + page, PAGE, false);
	}
	is(page, LEN, "%s: every page's first write waits for its handler", k);
	is(vt_done(a), 0, "%s: then the write is done", k);
	vt_sees(&r, mr, m, LEN, 2, "%s: the data", k);
	is(vt_put(&r, mr, m, LEN, 3), 0, "%s: allowed, it is written at once", k);
	protect(m, LEN, true);
	vt_sees(&r, mr, m, LEN, 3, "%s: protected again, it is read", k);
	close(fd);
	is(vt_put(&r, mr, m, LEN, 4), 0, "%s: nobody watches any more: written", k);
	vt_sees(&r, mr, m, LEN, 4, "%s: the data", k);
	vt_dereg(mr);
	munmap(m, LEN);
}

int main(void)
{
	int road;

	vt_rig_open(&r, LEN);
	for (road = 0; road < r.roads; road++)
		one_road(road);
	vt_rig_close(&r);
	return done();
}
