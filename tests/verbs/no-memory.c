// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Every allocation that a verb makes in the kernel fails once: the verb says so or
 * manages without, leaves nothing behind (the end of the run looks for leaks), and works
 * the next time.
 *
 * kernels: debug (the others cannot make allocations fail)
 * timeout: 120
 */
#include "vt.h"
#include "vt_mm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(64 * PAGE)
#define MOST	2000	/* allocations of one verb */

static struct vt_dev dev;
static struct vt_pair p;
static uint8_t *m;
static int nth = -1;

/* Let allocations that may wait fail too, and say nothing about it. */
static void allow(const char *what)
{
	if (vt_sh("cd /sys/kernel/debug/%s && echo N >ignore-gfp-wait && echo 0 >verbose", what))
		bail("no fault injection: %s", what);
}

static void arm(int n)
{
	char text[16];
	int len = sprintf(text, "%d", n);

	/* What was armed before may hit this. */
	while (pwrite(nth, text, len, 0) != len)
		if (errno != EFAULT)
			bail("fail-nth: %m");
}

/* Was there an allocation that failed? Asking may be what fails: then there was none. */
static bool disarm(void)
{
	char text[16] = "";
	bool told = pread(nth, text, sizeof(text) - 1, 0) > 0;

	arm(0);
	return told && !atoi(text);
}

struct verb {
	const char *name;
	void *(*make)(void);
	int (*undo)(void *made);
};

static void *open_device(void)
{
	return ibv_open_device(dev.ctx->device);
}

static int close_device(void *made)
{
	return ibv_close_device(made);
}

static void *alloc_pd(void)
{
	return ibv_alloc_pd(dev.ctx);
}

static int dealloc_pd(void *made)
{
	return ibv_dealloc_pd(made);
}

static void *reg_pinned(void)
{
	return vt_try_reg(&dev, VT_PINNED, m, LEN, VT_RCV_ALL);
}

static void *reg_odp(void)
{
	return vt_try_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);
}

static void *reg_implicit(void)
{
	return vt_try_reg(&dev, VT_IMPLICIT, NULL, 0, VT_RCV_ALL);
}

static int dereg(void *made)
{
	return ibv_dereg_mr(made);
}

static void *create_cq(void)
{
	return ibv_create_cq(dev.ctx, 1000, NULL, NULL, 0);
}

static int destroy_cq(void *made)
{
	return ibv_destroy_cq(made);
}

static void *create_srq(void)
{
	return ibv_create_srq(dev.pd, &(struct ibv_srq_init_attr) {
		.attr = { .max_wr = 100, .max_sge = 4 } });
}

static int destroy_srq(void *made)
{
	return ibv_destroy_srq(made);
}

static void *create_qp(enum ibv_qp_type type)
{
	return ibv_create_qp(dev.pd, &(struct ibv_qp_init_attr) {
		.send_cq = p.a.cq, .recv_cq = p.a.rcq, .qp_type = type,
		.cap = { .max_send_wr = 64, .max_recv_wr = 64, .max_send_sge = 4,
			 .max_recv_sge = 4 } });
}

static void *create_rc(void)
{
	return create_qp(IBV_QPT_RC);
}

static void *create_ud(void)
{
	return create_qp(IBV_QPT_UD);
}

static int destroy_qp(void *made)
{
	return ibv_destroy_qp(made);
}

static void *alloc_mw(void)
{
	return ibv_alloc_mw(dev.pd, IBV_MW_TYPE_2);
}

static int dealloc_mw(void *made)
{
	return ibv_dealloc_mw(made);
}

static void *create_ah(void)
{
	struct ibv_ah_attr attr = {
		.is_global = 1, .port_num = 1,
		.grh = { .dgid = p.b.self.gid, .sgid_index = p.a.gid_index, .hop_limit = 64 },
	};

	return ibv_create_ah(dev.pd, &attr);
}

static int destroy_ah(void *made)
{
	return ibv_destroy_ah(made);
}

/* Of things that are there: done is done. */
static void *resize_cq(void)
{
	int rc = ibv_resize_cq(p.b.cq, 300);

	errno = rc;
	return rc ? NULL : p.b.cq;
}

static int nothing(void *made)
{
	(void)made;
	return 0;
}

static void each(const struct verb *v)
{
	int n, failed = 0, odd = 0;
	bool hit = true;
	void *made = NULL;

	for (n = 1; n < MOST && hit; n++) {
		arm(n);
		errno = 0;
		made = v->make();
		hit = disarm();
		if (made && v->undo(made))
			bail("%s: what was made cannot be undone: %m", v->name);
		if (made)
			continue;
		failed++;
		if (!errno && !odd++)
			diag("%s, allocation %d: no errno", v->name, n);
	}
	ok(made && !hit, "%s: works when nothing fails (%d of %d failures failed it)", v->name,
	   failed, n - 2);
	is(odd, 0, "%s: it is said why", v->name);
}

/* The first on-demand region of an address space makes more than the others. */
static void first_of_a_process(void)
{
	int n, status, failed = 0;

	for (n = 1, status = 1 << 8; status == 1 << 8 && n < MOST; n++) {
		pid_t pid = fork();

		if (!pid) {
			struct ibv_context *ctx = ibv_open_device(dev.ctx->device);
			struct ibv_pd *pd = ctx ? ibv_alloc_pd(ctx) : NULL;
			struct ibv_mr *mr;

			if (!pd)
				_exit(3);
			nth = open("/proc/thread-self/fail-nth", O_RDWR);
			arm(n);
			mr = ibv_reg_mr(pd, m, LEN, IBV_ACCESS_ON_DEMAND);
			if (!mr && !errno)
				_exit(2);
			_exit(disarm() ? 1 : mr ? 0 : 4);
		}
		waitpid(pid, &status, 0);
		failed++;
	}
	ok(!status && failed > 1, "the first region of a process: %d failures, then it works",
	   failed - 1);
}

int main(void)
{
	static const struct verb verbs[] = {
		{ "open a device", open_device, close_device },
		{ "a protection domain", alloc_pd, dealloc_pd },
		{ "a pinned region", reg_pinned, dereg },
		{ "a region on demand", reg_odp, dereg },
		{ "an implicit region", reg_implicit, dereg },
		{ "a completion queue", create_cq, destroy_cq },
		{ "a shared receive queue", create_srq, destroy_srq },
		{ "a reliable connection", create_rc, destroy_qp },
		{ "a datagram queue pair", create_ud, destroy_qp },
		{ "a memory window", alloc_mw, dealloc_mw },
		{ "an address handle", create_ah, destroy_ah },
		{ "a new size of a queue", resize_cq, nothing },
	};
	struct ibv_mr *mr;
	unsigned int i;

	vt_open(&dev);
	vt_sh("mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug");
	allow("failslab");
	allow("fail_page_alloc");
	vt_sh("echo 0 >/sys/kernel/debug/fail_page_alloc/min-order");
	vt_pair_open(&dev, &p, VT_CFG());
	m = vt_map(LEN);
	nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (nth < 0)
		bail("fail-nth: %m");
	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		each(&verbs[i]);
	first_of_a_process();
	mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);
	is(vt_write(&p.a, mr, m, LEN / 2, mr, m + LEN / 2), 0, "everything still works");
	vt_dereg(mr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
