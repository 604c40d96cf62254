// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Rings are mapped through cookies: only as offered, and never twice. */
#include "vt.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static bool maps(struct ibv_context *ctx, size_t len, int flags, off_t cookie)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, ctx->cmd_fd, cookie);

	if (p == MAP_FAILED)
		return false;
	munmap(p, len);
	return true;
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct vt_dev dev;
	struct ibv_cq *cq;
	int hits = 0;
	off_t i;

	vt_open(&dev);
	cq = ibv_create_cq(dev.ctx, 100, NULL, NULL, 0);
	ok(cq, "create a completion queue");

	/* cookies are page offsets, handed out in order */
	for (i = 0; i < 4096; i++)
		hits += maps(dev.ctx, page, MAP_SHARED, i * page);
	is(hits, 0, "a cookie that was used, or never given, maps nothing");
	ok(!maps(dev.ctx, page, MAP_SHARED, (off_t)1 << 62), "nor does a wild one");

	is(ibv_destroy_cq(cq), 0, "destroy it");
	vt_close(&dev);
	return done();
}
