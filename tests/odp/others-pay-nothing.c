// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * timeout: 60
 *
 * 100 processes map one file, one of them exports it. What the other 99 do to
 * their mappings never calls the export notifier; what happens to the file calls
 * it for the one mapping that is exported, however many there are. The kernel's own
 * tracer counts the calls.
 */
#define _GNU_SOURCE
#include "vt.h"
#include "vt_mm.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHERS	99
#define PAGES	16
#define LEN	(PAGES * PAGE)
#define TRACE	"/sys/kernel/tracing/instances/odp"

static int fd;

/* Calls since the last time it was asked. */
static int calls(void)
{
	char line[512];
	int n = 0;
	FILE *f = fopen(TRACE "/trace", "r");

	if (!f)
		bail(TRACE "/trace: %m");
	while (fgets(line, sizeof(line), f))
		n += *line != '#' && strstr(line, "umem_invalidate_start") != NULL;
	fclose(f);
	close(open(TRACE "/trace", O_WRONLY | O_TRUNC));
	return n;
}

static void trace_on(void)
{
	if (vt_sh("mountpoint -q /sys/kernel/tracing ||\n"
		  "	mount -t tracefs none /sys/kernel/tracing || exit\n"
		  "mkdir -p " TRACE " && cd " TRACE " &&\n"
		  "echo umem_invalidate_start >set_ftrace_filter &&\n"
		  "echo function >current_tracer && echo 1 >tracing_on"))
		bail("the function tracer does not work");
	calls();
}

/* One of the others, when told: all that it can do to its own mapping. */
static void other(int start, int go, int ready)
{
	char c = 0, *m;
	int i;

	if (read(start, &c, 1) != 1)
		_exit(1);
	m = vt_map_fd(fd, LEN);
	for (i = 0; i < PAGES; i++)
		c += m[i * PAGE];
	mprotect(m, LEN, PROT_READ);
	madvise(m, LEN / 2, MADV_DONTNEED);
	m = mremap(m, LEN, 2 * LEN, MREMAP_MAYMOVE);
	munmap(m + LEN, LEN);
	for (i = 0; i < PAGES; i++)
		c += m[i * PAGE];
	if (write(ready, &c, 1) != 1 || read(go, &c, 1) != 0)
		_exit(1);
	_exit(0);
}

/* Lose the second half of the file under everybody's mapping. */
static int cut(void)
{
	int n;

	calls();
	if (ftruncate(fd, LEN / 2))
		bail("ftruncate: %m");
	n = calls();
	if (ftruncate(fd, LEN))
		bail("ftruncate: %m");
	return n;
}

int main(void)
{
	int start[2], go[2], ready[2], i, alone, status, bad = 0;
	struct ibv_mr *mr, *lmr;
	struct vt_dev dev;
	struct vt_pair p;
	uint8_t *m, *back;
	char c = 0;

	fd = vt_memfd(LEN);
	if (pipe(start) || pipe(go) || pipe(ready))
		bail("pipe: %m");
	/* Before anything is exported: forking itself notifies. */
	for (i = 0; i < OTHERS; i++)
		if (!fork()) {
			close(go[1]);
			other(start[0], go[0], ready[1]);
		}
	trace_on();
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	m = vt_map_fd(fd, LEN);
	back = vt_map(LEN);
	mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);
	lmr = vt_reg(&dev, VT_PINNED, back, LEN, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG());
	vt_fill(m, 0, LEN, 1);
	is(vt_read(&p.a, lmr, back, LEN, mr, m), IBV_WC_SUCCESS, "the exported mapping is read");
	alone = cut();
	ok(alone > 0, "cutting the file calls the notifier (%d)", alone);
	vt_fill(m, 0, LEN, 2);
	is(vt_read(&p.a, lmr, back, LEN, mr, m), IBV_WC_SUCCESS, "and the device sees new pages");

	calls();
	for (i = 0; i < OTHERS; i++)
		bad += write(start[1], &c, 1) != 1;
	for (i = 0; i < OTHERS; i++)
		bad += read(ready[0], &c, 1) != 1;
	is(bad, 0, "%d others map the file, protect, drop, move and unmap", OTHERS);
	is(calls(), 0, "which calls nothing");
	is(cut(), alone, "cutting the file under %d mappings calls it as often as under one",
	   OTHERS + 1);
	calls();
	close(go[1]);
	for (i = 0; i < OTHERS; i++)
		bad += wait(&status) < 0 || status;
	is(bad, 0, "the others end");
	is(calls(), 0, "which calls nothing either");
	vt_fill(m, 0, LEN, 3);
	is(vt_read(&p.a, lmr, back, LEN, mr, m), IBV_WC_SUCCESS, "the exported mapping lives");
	is(vt_check(back, 0, LEN, 3), -1, "with its data");
	vt_sh("cd " TRACE "/.. && rmdir odp");
	vt_dereg(mr);
	vt_dereg(lmr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
