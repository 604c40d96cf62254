// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N7, N10: memory that the kernel lends to nobody is an access error, whether a region
 * names it or an implicit one covers it: secret memory, pages of devices and of the
 * kernel, guard pages, addresses that no process has. And the device works on.
 */
#include "vt_mm.h"
#include "vt_rig.h"

#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#define LEN	(4 * PAGE)

static struct vt_rig r;
static struct ibv_mr *all;

/* A page of some PCI device's registers. Nothing here reads or writes it. */
static uint8_t *device_page(void)
{
	void *m = MAP_FAILED;
	glob_t g;
	size_t i;

	if (glob("/sys/bus/pci/devices/*/resource[0-5]", 0, NULL, &g))
		bail("no PCI device");
	for (i = 0; i < g.gl_pathc && m == MAP_FAILED; i++) {
		int fd = open(g.gl_pathv[i], O_RDWR | O_CLOEXEC);

		if (fd < 0)
			continue;
		m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	globfree(&g);
	if (m == MAP_FAILED)
		bail("no PCI device with memory to map");
	return m;
}

/* As the far end and as the near end, by both roads. */
static void refused(struct ibv_mr *mr, uint8_t *at, const char *what)
{
	int road;

	for (road = 0; road < r.roads; road++) {
		struct vt_pair *p = &r.pair[road];
		const char *k = road ? "wire" : "local";

		is(vt_read(&p->a, r.bmr, r.buf, 64, mr, at), IBV_WC_REM_ACCESS_ERR,
		   "%s, %s: not read", what, k);
		vt_pair_reopen(p);
		is(vt_write(&p->a, r.bmr, r.buf, 64, mr, at), IBV_WC_REM_ACCESS_ERR,
		   "%s, %s: not written", what, k);
		vt_pair_reopen(p);
		is(vt_write(&p->a, mr, at, 64, r.bmr, r.buf), IBV_WC_LOC_PROT_ERR,
		   "%s, %s: not sent", what, k);
		vt_pair_reopen(p);
		is(vt_read(&p->a, mr, at, 64, r.bmr, r.buf), IBV_WC_LOC_PROT_ERR,
		   "%s, %s: not received into", what, k);
		vt_pair_reopen(p);
	}
}

static void secret(void)
{
	int fd = syscall(SYS_memfd_secret, 0);
	struct ibv_mr *mr;
	uint8_t *m;

	if (fd < 0 || ftruncate(fd, LEN))
		bail("no secret memory (6.1 needs secretmem.enable=1): %m");
	m = vt_map_fd(fd, LEN);
	vt_fill(m, 0, LEN, 1);
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	refused(mr, m, "secret memory");
	refused(all, m, "secret memory, implicit");
	is(vt_check(m, 0, LEN, 1), -1, "secret memory: untouched");
	ok(!vt_try_reg(&r.dev, VT_PINNED, m, LEN, VT_RCV_ALL), "secret memory: cannot be pinned");
	vt_dereg(mr);
	munmap(m, LEN);
	close(fd);
}

int main(void)
{
	uint8_t *m, *dev;
	struct ibv_mr *mr;

	vt_rig_open(&r, LEN);
	all = vt_reg(&r.dev, VT_IMPLICIT, NULL, 0, VT_RCV_ALL);
	secret();

	dev = device_page();
	mr = vt_reg(&r.dev, VT_ODP, dev, PAGE, VT_RCV_ALL);
	refused(mr, dev, "a device's registers");
	refused(all, dev, "a device's registers, implicit");
	vt_dereg(mr);

	m = vt_map(LEN);
	mprotect(m, PAGE, PROT_NONE);
	refused(all, m, "a guard page");
	refused(all, NULL, "the null page");
	refused(all, (uint8_t *)0xffffffff81000000, "an address of the kernel");
	refused(all, (uint8_t *)0xffffffffff600000, "the last page of the kernel's for users");
	refused(all, (uint8_t *)0x8000000000000000, "an address nobody has");
	refused(all, (uint8_t *)0x7ffffffff000, "the page behind the last");

	/* Code may be read and not written. */
	is(vt_read(&r.pair[0].a, r.bmr, r.buf, 64, all, (void *)main), 0, "code is read");
	is(memcmp(r.buf, (void *)main, 64), 0, "the data");
	is(vt_write(&r.pair[0].a, r.bmr, r.buf, 64, all, (void *)main), IBV_WC_REM_ACCESS_ERR,
	   "and not written");
	vt_pair_reopen(&r.pair[0]);

	is(vt_put(&r, all, m + PAGE, LEN - PAGE, 5), 0, "and ordinary memory is written");
	vt_sees(&r, all, m + PAGE, LEN - PAGE, 5, "the data");
	vt_dereg(all);
	vt_rig_close(&r);
	return done();
}
