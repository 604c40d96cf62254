// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Register a buffer with the best means there are, prefetch it, and see what the
 * device has translated before and after half of it is unmapped.
 *
 *	odp-example-best-means [DEVICE]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <odp.h>

#define LEN	(64 * 4096ul)

static int fail(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(err));
	return 1;
}

static struct ibv_context *open_device(const char *name)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *ctx = NULL;
	int i;

	for (i = 0; list && list[i] && !ctx; i++)
		if (!name || !strcmp(ibv_get_device_name(list[i]), name))
			ctx = ibv_open_device(list[i]);
	if (list)
		ibv_free_device_list(list);
	return ctx;
}

static void show(const char *when, void *buf)
{
	unsigned char vec[LEN / 4096];
	size_t translated;
	int err;

	err = odp_residency(buf, LEN, vec, &translated);
	if (err)
		printf("%s: no residency to be seen (%s)\n", when, strerror(err));
	else
		printf("%s: %zu of %zu pages translated\n", when, translated, sizeof(vec));
}

int main(int argc, char **argv)
{
	struct ibv_context *ctx = open_device(argc > 1 ? argv[1] : NULL);
	struct odp_pd *opd;
	struct odp_mr *mr;
	struct ibv_pd *pd;
	char *buf;
	int err;

	if (!ctx)
		return fail("no such RDMA device", ENODEV);
	pd = ibv_alloc_pd(ctx);
	if (!pd)
		return fail("ibv_alloc_pd", errno);
	opd = odp_pd_open(pd, ODP_FOR(ODP_RC));
	if (!opd)
		return fail("odp_pd_open", errno);
	buf = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED)
		return fail("mmap", errno);

	/* A peer may write here, so the region covers the buffer and no more. */
	mr = odp_reg(opd, buf, LEN, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE, 0);
	if (!mr)
		return fail("odp_reg", errno);
	printf("%s: registered %zu bytes: %s, rkey 0x%x\n", ibv_get_device_name(ctx->device),
	       mr->length, odp_kind_str(mr->kind), mr->rkey);

	err = odp_prefetch(mr, buf, LEN, ODP_PREFETCH_WRITE | ODP_PREFETCH_WAIT);
	if (err)
		printf("no prefetch: %s\n", strerror(err));
	show("after prefetch", buf);
	munmap(buf + LEN / 2, LEN / 2);
	show("after munmap of half", buf);

	err = odp_dereg(mr);
	if (err)
		return fail("odp_dereg", err);
	odp_pd_close(opd);
	ibv_dealloc_pd(pd);
	ibv_close_device(ctx);
	return 0;
}
