// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Each way there is to call for a registration gives a region that works; those
 * that do not ask for on-demand memory pin it.
 *
 *	registration-calls [linked | dlsym | rereg | churn SECONDS]
 *
 * Without arguments, a test. Else a program for the tests of `odp run` and `odp
 * top`: it claims nothing about pinning and tells "# pinned KIB", or it keeps
 * faulting, giving memory back, and registering.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vt.h"
#include "vt_mm.h"

#define LEN	65536ul
#define RIGHTS	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE)
#define N	6

static struct vt_dev dev;
static struct vt_pair p;

struct region {
	const char *how;
	uint8_t *m;
	struct ibv_mr *mr;
};

/* Flags that the compiler knows and flags that it does not go different ways. */
static void linked(struct region *r)
{
	volatile int rights = RIGHTS;

	for (int i = 0; i < N; i++)
		r[i].m = vt_map(LEN);
	r[0].how = "ibv_reg_mr, constant";
	r[0].mr = ibv_reg_mr(dev.pd, r[0].m, LEN, RIGHTS);
	r[1].how = "ibv_reg_mr, variable";
	r[1].mr = ibv_reg_mr(dev.pd, r[1].m, LEN, rights);
	r[2].how = "ibv_reg_mr_iova, constant";
	r[2].mr = ibv_reg_mr_iova(dev.pd, r[2].m, LEN, (uintptr_t)r[2].m, RIGHTS);
	r[3].how = "ibv_reg_mr_iova, variable";
	r[3].mr = ibv_reg_mr_iova(dev.pd, r[3].m, LEN, (uintptr_t)r[3].m, rights);
	r[4].how = "ibv_reg_mr, optional flag";
	r[4].mr = ibv_reg_mr(dev.pd, r[4].m, LEN, RIGHTS | IBV_ACCESS_RELAXED_ORDERING);
	r[5].how = "ibv_reg_mr, on demand";
	r[5].mr = ibv_reg_mr(dev.pd, r[5].m, LEN, RIGHTS | IBV_ACCESS_ON_DEMAND);
}

/* As a plugin does that is linked with nothing. */
static void by_dlsym(struct region *r)
{
	struct ibv_mr *(*reg)(struct ibv_pd *pd, void *addr, size_t len, int access);
	void *lib = dlopen("libibverbs.so.1", RTLD_NOW);

	reg = lib ? dlsym(lib, "ibv_reg_mr") : NULL;
	if (!reg)
		bail("no ibv_reg_mr: %s", dlerror());
	for (int i = 0; i < N; i++) {
		r[i].how = "ibv_reg_mr by dlsym";
		r[i].m = vt_map(LEN);
		r[i].mr = reg(dev.pd, r[i].m, LEN, RIGHTS);
	}
}

static void churn(int seconds)
{
	uint64_t end = vt_now_ms() + 1000 * seconds;
	uint8_t *a = vt_map(LEN), *b = vt_map(LEN), *c = vt_map(LEN);
	struct ibv_mr *ma = vt_reg(&dev, VT_ODP, a, LEN, VT_RCV_ALL);
	struct ibv_mr *mb = vt_reg(&dev, VT_ODP, b, LEN, VT_RCV_ALL);
	struct ibv_mr *mc;

	while (vt_now_ms() < end) {
		if (vt_write(&p.a, ma, a, LEN, mb, b))
			bail("a write failed");
		madvise(a, LEN, MADV_DONTNEED);
		madvise(b, LEN, MADV_DONTNEED);
		madvise(c, LEN, MADV_DONTNEED);
		mc = vt_reg(&dev, VT_PINNED, c, LEN, VT_RCV_ALL);
		vt_dereg(mc);
	}
}

static void rereg(struct region *r)
{
	int err = ibv_rereg_mr(r->mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0,
			       RIGHTS | IBV_ACCESS_REMOTE_READ);

	if (err == IBV_REREG_MR_ERR_INPUT && errno == EOPNOTSUPP)
		skip("rereg: the user library of this release has no rereg");
	else
		is(err, 0, "rereg");
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "test";
	struct region r[N] = {};
	long long pinned;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_pair_open(&dev, &p, VT_CFG(.mtu = 1024));
	if (!strcmp(how, "churn")) {
		churn(argc > 2 ? atoi(argv[2]) : 10);
		return 0;
	}
	if (!strcmp(how, "dlsym"))
		by_dlsym(r);
	else
		linked(r);
	for (int i = 0; i < N; i++) {
		ok(r[i].mr, "%s", r[i].how);
		if (!r[i].mr)
			bail("%s: %s", r[i].how, strerror(errno));
	}
	if (!strcmp(how, "rereg"))
		rereg(&r[0]);
	pinned = vt_status_kb("VmPin");
	diag("pinned %lld", pinned);
	if (!strcmp(how, "test"))
		is(pinned, 5 * (long long)LEN / 1024, "five of them are pinned");

	vt_fill(r[0].m, 0, LEN, 1);
	for (int i = 1; i < N; i++) {
		is(vt_write(&p.a, r[i - 1].mr, r[i - 1].m, LEN, r[i].mr, r[i].m), IBV_WC_SUCCESS,
		   "written to: %s", r[i].how);
		is(vt_check(r[i].m, 0, LEN, 1), -1, "the data");
	}
	for (int i = 0; i < N; i++)
		ibv_dereg_mr(r[i].mr);
	is(vt_status_kb("VmPin"), 0, "nothing is pinned after deregistration");
	return done();
}
