// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * timeout: 120
 *
 * The export notifier alone, as umem_export.c, while the kernel takes memory away:
 * reclaim, aging, and the OOM killer.
 */
#define _GNU_SOURCE
#include "umem_dev.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#define CGROUP	"/tmp/umem.cgroup"

static bool shell(const char *cmd)
{
	return !system(cmd);
}

/*
 * Swap, and a cgroup of our own that can be reclaimed from. Not swap on a disk: what is
 * on its way there is not counted as reclaimed, so that a busy disk makes reclaim take
 * far more than it was asked to.
 */
static void reclaim_setup(void)
{
	char cmd[128];

	vt_swap_on(128);
	must(shell("mkdir -p " CGROUP " && { mountpoint -q " CGROUP " ||\n"
		   "	mount -t cgroup2 none " CGROUP "; } &&\n"
		   "echo +memory >" CGROUP "/cgroup.subtree_control &&\n"
		   "mkdir -p " CGROUP "/umem"));
	snprintf(cmd, sizeof(cmd), "echo %d >" CGROUP "/umem/cgroup.procs", getpid());
	must(shell(cmd));
}

static void reclaim_cleanup(void)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd),
		 "echo %d >" CGROUP "/cgroup.procs; echo 0 >" CGROUP "/cgroup.procs\n"
		 "rmdir " CGROUP "/umem; "
		 "umount " CGROUP "; rmdir " CGROUP, getpid());
	shell(cmd);
}

static bool page_out(char *p, size_t len)
{
	return vt_pageout(p, len) == len / PAGE;
}

#define DIRTY_PAGES	64

static void dirty(char *p)
{
	unsigned int i;

	for (i = 0; i < DIRTY_PAGES; i++)
		must(dev_write(p + i * PAGE + 8, &i, sizeof(i), FAULT) == sizeof(i));
}

static bool survived(const char *p)
{
	unsigned int i;

	for (i = 0; i < DIRTY_PAGES; i++)
		if (memcmp(p + i * PAGE + 8, &i, sizeof(i)))
			return false;
	return true;
}

static void test_dirty(void)
{
	size_t len = DIRTY_PAGES * PAGE;
	unsigned int i, sum = 0;
	char *p = anon(len);

	memset(p, 1, len);
	must(!madvise(p, len, MADV_FREE));
	dirty(p);
	ok(page_out(p, len) && !resident(p, len) && survived(p),
	   "writes after MADV_FREE survive reclaim");

	must(page_out(p, len));
	for (i = 0; i < DIRTY_PAGES; i++)
		sum += p[i * PAGE];
	dirty(p);
	for (i = 0; i < DIRTY_PAGES; i++)
		must(dev_write(p + i * PAGE + 8, &i, sizeof(i), 0) == sizeof(i));
	ok(sum && page_out(p, len) && survived(p),
	   "writes to what was swapped in by reading survive");
	munmap(p, len);

	p = map_at(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	for (i = 0, sum = 0; i < DIRTY_PAGES; i++)
		sum += p[i * PAGE];
	dirty(p);
	ok(!sum && page_out(p, len) && survived(p),
	   "writes to shared memory read first survive");
	munmap(p, len);

	p = anon(len);
	memset(p, 1, len);
	must(page_out(p, len));
	dirty(p);
	ok(page_out(p, len) && survived(p) && p[PAGE] == 1,
	   "the device swaps in, and its writes survive");
	munmap(p, len);
}

#define AGE_PAGES	4096

static void touch(const char *p)
{
	unsigned int i;
	char c;

	for (i = 0; i < AGE_PAGES; i++)
		must(dev_read(p + i * PAGE, &c, 1, FAULT) == 1);
}

/*
 * Half of the memory is used by the device only, half by nobody; three quarters
 * of the other half's size are taken away bit by bit.
 */
static void test_aging(void)
{
	char *hot = anon(AGE_PAGES * PAGE), *cold = anon(AGE_PAGES * PAGE);
	size_t hot_left, cold_left;
	unsigned int round;
	struct umem_test_stats a, b;

	memset(hot, 1, AGE_PAGES * PAGE);
	memset(cold, 2, AGE_PAGES * PAGE);
	fault(hot, AGE_PAGES * PAGE, 0);
	fault(cold, AGE_PAGES * PAGE, 0);
	a = stats();
	for (round = 0; round < 200; round++) {
		touch(hot);
		shell("echo 512K >" CGROUP "/umem/memory.reclaim 2>/dev/null");
		if (vt_count_present(cold, AGE_PAGES * PAGE) < AGE_PAGES / 4)
			break;
	}
	b = stats();
	hot_left = vt_count_present(hot, AGE_PAGES * PAGE);
	cold_left = vt_count_present(cold, AGE_PAGES * PAGE);
	diag("%zu of %u hot pages left, %zu cold; %llu zapped", hot_left, AGE_PAGES,
	     cold_left, b.invalidated_pages - a.invalidated_pages);
	ok(cold_left < AGE_PAGES / 4 && hot_left > AGE_PAGES * 3 / 4,
	   "pages that only the device uses stay, others go");
	ok(b.invalidated_pages - a.invalidated_pages < AGE_PAGES * 3 / 2,
	   "and stay translated");
	munmap(hot, AGE_PAGES * PAGE);
	munmap(cold, AGE_PAGES * PAGE);
}

/*
 * A process whose device needs more memory than its cgroup has. Its address
 * space is emptied by the OOM reaper, under the worker that fills it.
 */
static void test_oom(bool in_worker)
{
	size_t len = 64 << 20;
	int sock[2], fd, status;
	char *p, cmd[128];
	pid_t pid;

	must(shell("mkdir -p " CGROUP "/oom && cd " CGROUP "/oom &&\n"
		   "echo 16M >memory.max && echo 0 >memory.swap.max"));
	p = anon(len);
	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		snprintf(cmd, sizeof(cmd), "echo %d >" CGROUP "/oom/cgroup.procs", getpid());
		must(shell(cmd));
		fd = test_open();
		send_fd(sock[1], fd);
		if (in_worker) {
			async(fd, p, len, W);
			for (;;)
				pause();
		}
		call(fd, UMEM_TEST_DO_FAULT, p, len, NULL, W, 0);
		_exit(0);
	}
	fd = recv_fd(sock[0]);
	must(waitpid(pid, &status, 0) == pid);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	   "out of memory in %s kills the owner", in_worker ? "a worker" : "its own fault");
	ok(dies(fd, p), "whose address space ends");
	close(fd);
	close(sock[0]);
	close(sock[1]);
	munmap(p, len);
	must(shell("for i in $(seq 100); do rmdir " CGROUP "/oom && exit; sleep 0.1; done 2>/dev/null"));
}
int main(void)
{
	umem_dev_open();
	reclaim_setup();
	test_dirty();
	test_aging();
	test_oom(false);
	test_oom(true);
	reclaim_cleanup();
	ok(umem_dev_close(), "nothing of all that keeps the module");
	return done();
}
