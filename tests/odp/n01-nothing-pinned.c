// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N1: no page is pinned or referenced between accesses. The kernel's counts of
 * pins and locked memory do not move, a process that may lock nothing registers
 * as it likes, and a page that has been accessed can be paged out at once.
 */
#include "vt.h"
#include "vt_mm.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(4ul << 20)

static struct vt_dev dev;

static void one_kind(enum vt_kind kind)
{
	const char *k = vt_kind_name[kind];
	uint8_t *a = vt_map(LEN), *b = vt_map(LEN);
	long long pins = vt_pins(), vmpin = vt_status_kb("VmPin");
	struct ibv_mr *amr, *bmr;
	struct vt_pair p;
	int wire;

	amr = vt_reg(&dev, kind, a, LEN, VT_RCV_ALL);
	bmr = vt_reg(&dev, kind, b, LEN, VT_RCV_ALL);
	vt_fill(a, 0, LEN, 1);
	for (wire = 0; wire <= !vt_stock(); wire++) {
		vt_pair_open(&dev, &p, VT_CFG(.wire = wire));
		is(vt_write(&p.a, amr, a, LEN, bmr, b), IBV_WC_SUCCESS, "%s: write 4 MiB", k);
		is(vt_pins() - pins, 0, "%s: no page is pinned after a write", k);
		is(vt_read(&p.a, amr, a, LEN, bmr, b), IBV_WC_SUCCESS, "%s: read 4 MiB", k);
		is(vt_pins() - pins, 0, "%s: no page is pinned after a read", k);
		is(vt_recv(&p.b, 0, bmr, b, LEN), 0, "%s: post a receive", k);
		is(vt_pins() - pins, 0, "%s: nor by a receive that waits", k);
		vt_pair_close(&p);
	}
	is(vt_status_kb("VmPin") - vmpin, 0, "%s: VmPin has not moved", k);
	is(vt_status_kb("VmLck"), 0, "%s: VmLck is 0", k);
	is(vt_pageout(b, LEN), LEN / PAGE, "%s: every page can be paged out at once", k);
	is(vt_check(b, 0, LEN, 1), -1, "%s: and comes back with its data", k);
	vt_dereg(amr);
	vt_dereg(bmr);
}

/* A process without rights and without a limit to lock memory under. */
static int unprivileged(void)
{
	struct rlimit none = { 0, 0 };
	struct ibv_mr *odp, *pinned;
	struct vt_dev d;
	uint8_t *m = vt_map(LEN);

	vt_open(&d);
	if (setrlimit(RLIMIT_MEMLOCK, &none) || setuid(65534))
		return 2;
	pinned = vt_try_reg(&d, VT_PINNED, m, LEN, VT_RCV_ALL);
	odp = vt_try_reg(&d, VT_ODP, m, LEN, VT_RCV_ALL);
	return pinned ? 3 : !odp;
}

int main(void)
{
	long long pins, vmpin;
	struct ibv_mr *mr;
	int kind, st = -1;
	uint8_t *m;
	pid_t pid;

	vt_swap_on(64);
	pid = fork();
	if (!pid)
		_exit(unprivileged());
	waitpid(pid, &st, 0);

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	is(st, 0, "a process that may lock no memory registers on demand, and only so");

	/* The measure itself: pinned memory shows. */
	m = vt_map(LEN);
	pins = vt_pins();
	vmpin = vt_status_kb("VmPin");
	mr = vt_reg(&dev, VT_PINNED, m, LEN, VT_RCV_ALL);
	is(vt_pins() - pins, LEN / PAGE, "a pinned region shows in nr_foll_pin_*");
	is(vt_status_kb("VmPin") - vmpin, LEN / 1024, "and in VmPin");
	vt_dereg(mr);
	is(vt_pins() - pins, 0, "until it is deregistered");

	for (kind = VT_ODP; kind <= VT_IMPLICIT; kind++)
		if (vt_can(&dev, kind))
			one_kind(kind);
	vt_close(&dev);
	return done();
}
