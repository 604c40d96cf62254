// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * timeout: 120
 *
 * The export notifier alone, through the make-believe device of kmod/: what a
 * device sees of an address space while its owner maps, unmaps, protects, forks
 * and dies. umem_reclaim.c is about memory that is taken away.
 */
#define _GNU_SOURCE
#include "umem_dev.h"
#include "vt.h"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void test_copy(void)
{
	static const size_t offset[] = { 0, 1, 63, PAGE - 1, PAGE + 7 };
	static const size_t length[] = { 1, 8, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 5 };
	char *p = anon(8 * PAGE), *want = malloc(8 * PAGE), *got = malloc(8 * PAGE);
	unsigned int o, l, i, bad = 0;

	ok(dev_read(p, got, 1, 0) == -EAGAIN, "an untouched page misses");
	for (i = 0; i < 8 * PAGE; i++)
		want[i] = p[i] = i * 31 >> 3;
	for (o = 0; o < 5; o++) {
		for (l = 0; l < 6; l++) {
			size_t at = offset[o], n = length[l];

			bad += dev_read(p + at, got, n, FAULT) != (long)n ||
			       memcmp(got, want + at, n);
			for (i = 0; i < n; i++)
				want[at + i] ^= 0x55 + l;
			bad += dev_write(p + at, want + at, n, FAULT) != (long)n ||
			       memcmp(p, want, 8 * PAGE);
		}
	}
	ok(!bad, "reads and writes move the right bytes at every offset");
	ok(dev_read(p, got, 4 * PAGE, 0) == 4 * PAGE, "and hit from then on");
	munmap(p + 7 * PAGE, PAGE);
	ok(dev_read(p + 6 * PAGE + 1, got, PAGE, FAULT) == PAGE - 1,
	   "a copy ends with the mapping");
	munmap(p, 8 * PAGE);

	p = anon(8 * PAGE);
	memset(p, 'a', 8 * PAGE);
	ok(dev_read(p + 5, got, 3 * PAGE, SLOW) == 3 * PAGE && got[3 * PAGE - 1] == 'a' &&
	   dev_write(p + PAGE + 9, "slow", 4, SLOW) == 4 && !memcmp(p + PAGE + 9, "slow", 4) &&
	   !resident(p, 8 * PAGE), "the slow road moves bytes and enters nothing");
	munmap(p, 8 * PAGE);
	free(want);
	free(got);
}

static void test_no_pin(void)
{
	char *p = anon(LEAF);
	long long pinned;

	memset(p, 1, LEAF);
	pinned = vt_pins();
	ok(fault(p, LEAF, W) == LEAF, "a fault translates 2 MiB");
	ok(resident(p, LEAF) == LEAF, "which are resident");
	ok(vt_pins() == pinned, "no page is pinned");
	ok(!vt_status_kb("VmPin") && !vt_status_kb("VmLck"), "nor locked");
	munmap(p, LEAF);
}

static void test_range(void)
{
	char *p = anon(4 * LEAF);
	struct umem_test_stats a = stats(), b;

	munmap(p + LEAF + 5 * PAGE, PAGE);
	ok(fault(p + 3, 2 * LEAF, 0) == LEAF + 5 * PAGE - 3, "a fault ends at a hole");
	ok(fault(p + LEAF + 5 * PAGE, 1, 0) == -EFAULT, "and fails in it");
	ok(fault(p, 0, 0) == -EFAULT && fault((void *)-PAGE, 2 * PAGE, 0) == -EFAULT &&
	   fault((void *)0xffff800000000000, 1, 0) == -EFAULT, "as outside user space");
	ok(fault(p + 2 * LEAF, LEAF, UMEM_TEST_NOFAULT) == -EAGAIN &&
	   !resident(p + 2 * LEAF, LEAF), "without faulting nothing comes in");
	p[2 * LEAF] = p[2 * LEAF + 7 * PAGE] = p[3 * LEAF - 1] = 1;
	ok(fault(p + 2 * LEAF, LEAF, UMEM_TEST_NOFAULT | UMEM_TEST_PREFETCH | W) == PAGE &&
	   resident(p + 2 * LEAF, LEAF) == 3 * PAGE, "but what is there, past holes");
	b = stats();
	ok(b.prefetch_pages - a.prefetch_pages == 3 && b.prefetches - a.prefetches == 1 &&
	   b.fault_pages - a.fault_pages == 512 + 5, "statistics say so");
	ok(resident(p, 4 * LEAF) == (long)(512 + 5 + 3) * (long)PAGE &&
	   resident(p + PAGE, LEAF) == 512 * PAGE, "resident counts parts of leaves");
	munmap(p, 4 * LEAF);
	fault(p + LEAF, 1, 0);
	b = stats();
	ok(!resident(p, 4 * LEAF) && b.leaves <= a.leaves && b.resident == a.resident,
	   "unmapping frees the leaves, and faults in nothing add none");
	ok(b.invalidated_pages - a.invalidated_pages == 512 + 5 + 3, "page for page");
}

static void test_nowait(void)
{
	char *p = anon(8 * PAGE);
	struct umem_test_stats a = stats(), b;

	p[0] = p[PAGE] = p[3 * PAGE] = 1;
	ok(fault(p + 5, 8 * PAGE - 5, UMEM_TEST_NOWAIT | W) == 2 * PAGE - 5 &&
	   resident(p, 8 * PAGE) == 2 * PAGE, "without waiting comes what is there, up to a hole");
	ok(fault(p + 2 * PAGE, 2 * PAGE, UMEM_TEST_NOWAIT) < 0 &&
	   resident(p, 8 * PAGE) == 2 * PAGE, "in a hole nothing");
	b = stats();
	ok(b.faults - a.faults == 1 && b.fault_pages - a.fault_pages == 2,
	   "that does not count as a fault");
	mprotect(p + 3 * PAGE, PAGE, PROT_READ);
	ok(fault(p + 3 * PAGE, 1, UMEM_TEST_NOWAIT | W) < 0 &&
	   fault(p + 3 * PAGE, 1, UMEM_TEST_NOWAIT) == 1 && hit(p + 3 * PAGE, 0),
	   "with the rights that there are");
	munmap(p, 8 * PAGE);
	ok(fault(p, 1, UMEM_TEST_NOWAIT) < 0 && fault(p, 0, UMEM_TEST_NOWAIT) < 0 &&
	   fault((void *)-PAGE, 2 * PAGE, UMEM_TEST_NOWAIT) < 0, "and none where nothing is");
}

static void test_unmap(void)
{
	char *p = anon(16 * PAGE), c = 0;

	memset(p, 'x', 16 * PAGE);
	fault(p, 16 * PAGE, W);
	munmap(p + 4 * PAGE, 4 * PAGE);
	ok(hit(p + 3 * PAGE, W) && !hit(p + 4 * PAGE, 0) && !hit(p + 8 * PAGE - 1, 0) &&
	   hit(p + 8 * PAGE, W), "munmap zaps what it unmaps and no more");
	ok(dev_read(p + 4 * PAGE, &c, 1, FAULT) == -EFAULT &&
	   dev_write(p + 4 * PAGE, &c, 1, FAULT) == -EFAULT &&
	   dev_read(p + 4 * PAGE, &c, 1, SLOW) == -EFAULT, "access is an error then");
	map_at(p + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	p[4 * PAGE] = 'y';
	ok(dev_read(p + 4 * PAGE, &c, 1, FAULT) == 1 && c == 'y', "a new mapping is seen");
	madvise(p, PAGE, MADV_DONTNEED);
	ok(dev_read(p, &c, 1, FAULT) == 1 && !c, "MADV_DONTNEED gives zeros");
	p[PAGE] = 'm';
	must(mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 5 * PAGE) ==
	     p + 5 * PAGE);
	ok(dev_read(p + PAGE, &c, 1, FAULT) == -EFAULT &&
	   dev_read(p + 5 * PAGE, &c, 1, FAULT) == 1 && c == 'm', "mremap moves");
	munmap(p, 16 * PAGE);
}

static void test_rights(void)
{
	char *p = anon(4 * PAGE), c = 1;

	ok(dev_read(p, &c, 1, FAULT) == 1 && !c && dev_write(p, "w", 1, 0) == -EAGAIN,
	   "a page read first is zero and not for writing");
	ok(dev_write(p, "w", 1, FAULT) == 1 && *p == 'w' && hit(p, W), "until it is written");
	ok(dev_read(p + PAGE, &c, 1, FAULT) == 1 && !c, "other zeros stay zero");
	mprotect(p, PAGE, PROT_READ);
	ok(dev_write(p, "v", 1, 0) == -EAGAIN && dev_write(p, "v", 1, FAULT) == -EFAULT &&
	   dev_write(p, "v", 1, SLOW) == -EFAULT, "mprotect ends writing");
	ok(dev_read(p, &c, 1, FAULT) == 1 && c == 'w', "but not reading");
	mprotect(p, PAGE, PROT_NONE);
	ok(dev_read(p, &c, 1, FAULT) == -EFAULT, "PROT_NONE ends that too");
	munmap(p, 4 * PAGE);
}

static void test_fork(void)
{
	char *p = anon(PAGE);
	int go[2], back[2], status;
	char c = 0;
	pid_t pid;

	must(!pipe(go) && !pipe(back));
	*p = 'a';
	fault(p, PAGE, W);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		if (read(go[0], &c, 1) != 1 || write(back[1], p, 1) != 1)
			_exit(1);
		_exit(0);
	}
	ok(dev_write(p, "b", 1, 0) == -EAGAIN, "fork ends writing to what is shared now");
	ok(dev_write(p, "b", 1, FAULT) == 1 && *p == 'b', "the device's write goes to the parent");
	must(write(go[1], "", 1) == 1 && read(back[0], &c, 1) == 1);
	ok(c == 'a', "and not to the child");
	waitpid(pid, &status, 0);
	munmap(p, PAGE);
}

static void test_file(void)
{
	char path[] = "/var/tmp/umem.XXXXXX", got[PAGE];
	int fd = mkstemp(path);
	char *p;

	must(fd >= 0 && !ftruncate(fd, 4 * PAGE));
	p = map_at(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	ok(dev_write(p + 10, "first", 5, FAULT) == 5 && hit(p, W), "a shared file is written");
	must(!fsync(fd));
	ok(dev_write(p + 20, "x", 1, 0) == -EAGAIN, "writeback ends writing");
	dev_write(p + 20, "second", 6, FAULT);
	must(!fsync(fd));
	munmap(p, 4 * PAGE);
	must(!posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	must(pread(fd, got, PAGE, 0) == PAGE);
	ok(!memcmp(got + 10, "first", 5) && !memcmp(got + 20, "second", 6),
	   "both writes are in the file");
	p = map_at(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd);
	fault(p, 4 * PAGE, 0);
	must(!ftruncate(fd, PAGE));
	ok(hit(p, 0) && !hit(p + PAGE, 0) && fault(p + PAGE, 1, 0) == -EFAULT,
	   "truncation zaps what it cuts");
	munmap(p, 4 * PAGE);
	close(fd);
	unlink(path);
}

static void test_sparse(void)
{
	size_t len = 1UL << 40;
	char *p = anon(len);
	struct umem_test_stats a = stats(), b;
	unsigned int i;

	for (i = 0; i < 1024; i++)
		if (dev_write(p + ((size_t)i << 30) + i, "z", 1, FAULT) != 1)
			break;
	b = stats();
	ok(i == 1024 && b.resident - a.resident == 1024, "1 TiB takes a page here and there");
	ok(b.leaves - a.leaves == 1024, "and costs what was touched");
	munmap(p, len);
	b = stats();
	ok(b.resident == a.resident && b.leaves == a.leaves, "unmapped in one go");
}

/* ---- invalidation against access ---- */

static bool hold_over;

static void *hold_thread(void *va)
{
	void *ret = (void *)call(dev, UMEM_TEST_HOLD, va, 1, NULL, 0, 300);

	__atomic_store_n(&hold_over, true, __ATOMIC_RELEASE);
	return ret;
}

static void test_wait_for_holder(void)
{
	unsigned int tries, met = 0, late = 0;

	/* A holder that came and went while we were off the processor is no use. */
	for (tries = 0; met < 3 && tries < 1000; tries++) {
		char *p = anon(PAGE);
		pthread_t thread;
		void *ret;

		*p = 1;
		fault(p, PAGE, 0);
		hold_over = false;
		must(!pthread_create(&thread, NULL, hold_thread, p));
		while (!call(dev, UMEM_TEST_HOLDERS, NULL, 0, NULL, 0, 0) &&
		       !__atomic_load_n(&hold_over, __ATOMIC_ACQUIRE))
			sched_yield();
		met += call(dev, UMEM_TEST_HOLDERS, NULL, 0, NULL, 0, 0) != 0;
		munmap(p, PAGE);
		late += call(dev, UMEM_TEST_HOLDERS, NULL, 0, NULL, 0, 0) != 0;
		pthread_join(thread, &ret);
		late += !!ret;
	}
	ok(met == 3 && !late, "munmap returns after the last access");
}

static char *storm;
static unsigned long storm_floor;	/* what is unmapped is below this */
static bool storm_over;
static unsigned long storm_hits, storm_stale, storm_progress;

#define STORM_PAGES	8

static void *storm_reader(void *arg)
{
	unsigned int flags = (uintptr_t)arg, n = 0;

	while (!__atomic_load_n(&storm_over, __ATOMIC_RELAXED)) {
		unsigned long floor = __atomic_load_n(&storm_floor, __ATOMIC_ACQUIRE);
		unsigned long got[2];
		char *va = storm + n++ % STORM_PAGES * PAGE;

		if (dev_read(va + PAGE - 16, got, sizeof(got), flags) != sizeof(got))
			continue;
		__atomic_fetch_add(&storm_hits, 1, __ATOMIC_RELAXED);
		/* Zero: mapped and not filled yet. */
		if (got[0] && got[0] < floor)
			__atomic_fetch_add(&storm_stale, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_unmap_storm(void)
{
	pthread_t thread[3];
	unsigned long round;
	unsigned int i;

	storm = anon(STORM_PAGES * PAGE);
	storm_over = false;
	storm_floor = storm_hits = storm_stale = 0;
	for (i = 0; i < 3; i++)
		must(!pthread_create(&thread[i], NULL, storm_reader,
				     (void *)(uintptr_t)(i ? FAULT : 0)));
	for (round = 1; round <= 300 || (round < 100000 && storm_hits < 100); round++) {
		map_at(storm, STORM_PAGES * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1);
		for (i = 0; i < STORM_PAGES; i++)
			*(unsigned long *)(storm + i * PAGE + PAGE - 16) = round;
		sched_yield();
		if (round % 2)
			munmap(storm, STORM_PAGES * PAGE);
		else
			madvise(storm, STORM_PAGES * PAGE, MADV_DONTNEED);
		__atomic_store_n(&storm_floor, round + 1, __ATOMIC_RELEASE);
	}
	storm_over = true;
	for (i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	diag("%lu rounds, %lu reads", round - 1, storm_hits);
	ok(storm_hits && !storm_stale, "no read after munmap or MADV_DONTNEED sees the old page");
	munmap(storm, STORM_PAGES * PAGE);
}

static void *protect_thread(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&storm_over, __ATOMIC_RELAXED)) {
		mprotect(storm, PAGE, PROT_READ);
		mprotect(storm, PAGE, PROT_READ | PROT_WRITE);
		__atomic_fetch_add(&storm_progress, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_progress(void)
{
	unsigned long i, rounds = 0, errors = 0, done[2] = { 0, 0 };
	pthread_t thread;

	storm = anon(PAGE);
	storm_over = false;
	storm_progress = 0;
	must(!pthread_create(&thread, NULL, protect_thread, NULL));
	for (i = 0; i < 300 || (rounds < 300 && i < 1000000); i++) {
		long ret;

		/* -EFAULT is what a CPU's write would meet half of the time. */
		ret = dev_write(storm + 8 * (i % 512), &i, 8, i % 2 ? FAULT : SLOW);
		if (ret == 8)
			done[i % 2]++;
		else
			errors += ret != -EFAULT && ret != -EAGAIN;
		rounds = __atomic_load_n(&storm_progress, __ATOMIC_RELAXED);
	}
	storm_over = true;
	pthread_join(thread, NULL);
	diag("%lu rounds of mprotect, %lu and %lu of %lu writes", rounds, done[0],
	     done[1], i);
	ok(!errors && rounds && done[0] && done[1], "access makes progress against mprotect");
	munmap(storm, PAGE);
}

/* ---- faults that block ---- */

static int uffd_register(char *p, size_t len)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)p, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	must(fd >= 0 && !ioctl(fd, UFFDIO_API, &api));
	must(!ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

static void uffd_resolve(int uffd, char *p)
{
	char page[PAGE] __attribute__((aligned(4096)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)p, .src = (uintptr_t)page, .len = PAGE,
	};

	memset(page, 'u', PAGE);
	must(!ioctl(uffd, UFFDIO_COPY, &copy));
}

#define BLOCKED	64

static void test_blocked(void)
{
	char *p = anon(2 * BLOCKED * PAGE), *q = anon(PAGE), c = 0;
	int fd[BLOCKED], uffd, i, bad = 0;
	struct pollfd poll_uffd;

	uffd = uffd_register(p, 2 * BLOCKED * PAGE);
	for (i = 0; i < BLOCKED; i++) {
		fd[i] = test_open();
		bad += async(fd[i], p + 2 * i * PAGE, PAGE, i % 2 ? W : 0) != 0;
	}
	poll_uffd = (struct pollfd){ .fd = uffd, .events = POLLIN };
	must(poll(&poll_uffd, 1, 30000) == 1);
	ok(!bad && wait_job(fd[0], 50) == -ETIME, "%d faults wait for userfaultfd", BLOCKED);
	ok(!async(dev, q, 1, W) && wait_job(dev, 30000) == 1, "others do not");
	ok(dev_write(q, "q", 1, FAULT) == 1 && *q == 'q', "nor does access");
	munmap(q, PAGE);

	uffd_resolve(uffd, p);
	ok(wait_job(fd[0], 30000) == PAGE, "a resolved one ends");
	ok(dev_read(p + 1, &c, 1, FAULT) == 1 && c == 'u', "with the page that came");
	ok(!ioctl(fd[1], UMEM_TEST_CANCEL) && wait_job(fd[1], 50) == -ETIME,
	   "a cancelled one is silent");
	for (i = 2; i < BLOCKED; i++)
		close(fd[i]);
	ok(true, "closing waits for none");
	/* What is abandoned must end before the address space can. */
	uffd_resolve(uffd, p + 2 * PAGE);
	close(uffd);
	close(fd[0]);
	close(fd[1]);
	munmap(p, 2 * BLOCKED * PAGE);
}

static void test_jobs(void)
{
	char *p = anon(4 * LEAF);
	int i, bad = 0;

	ok(!async(dev, p + 5, 2 * LEAF, W) && wait_job(dev, 30000) == 2 * LEAF &&
	   hit(p + 2 * LEAF + 4, W), "a job faults and tells");
	ok(!ioctl(dev, UMEM_TEST_CANCEL) && !ioctl(dev, UMEM_TEST_CANCEL),
	   "ending it afterwards is fine");
	ok(!async(dev, (void *)PAGE, 1, 0) && wait_job(dev, 30000) == -EFAULT,
	   "a job tells of errors");
	ok(!call(dev, UMEM_TEST_CHAIN, p, PAGE, NULL, 0, 100) && wait_job(dev, 30000) == PAGE,
	   "done() may start the next job and end its own");
	for (i = 0; i < 200; i++) {
		bad += call(dev, UMEM_TEST_CHAIN, p + i * PAGE, PAGE, NULL, W, 3) != 0;
		if (i % 3)
			sched_yield();
		bad += ioctl(dev, UMEM_TEST_CANCEL) != 0;
	}
	ok(!bad, "ending jobs at any moment");
	munmap(p, 4 * LEAF);
}

/* ---- the end of an address space ---- */

static void test_death(bool exec)
{
	char *p = anon(PAGE), c = 0;
	int sock[2], fd, status;
	pid_t pid;

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	*p = 'p';
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		*p = 'c';
		send_fd(sock[1], test_open());
		if (read(sock[1], &c, 1) != 1)
			_exit(1);
		if (exec)
			execl("/bin/sleep", "sleep", "1000", NULL);
		_exit(0);
	}
	fd = recv_fd(sock[0]);
	ok(call(fd, UMEM_TEST_ACCESS, p, 1, &c, FAULT, 0) == 1 && c == 'c',
	   "a device file exports the address space of its opener");
	must(write(sock[0], "", 1) == 1);
	if (!exec)
		waitpid(pid, &status, 0);
	ok(dies(fd, p), "access after %s is an error", exec ? "exec" : "exit");
	ok(call(fd, UMEM_TEST_ACCESS, p, 1, &c, SLOW, 0) == -ESRCH &&
	   !async(fd, p, PAGE, 0) && wait_job(fd, 30000) == -ESRCH, "on every road");
	close(fd);
	if (exec) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	munmap(p, PAGE);
}

static void test_blocked_death(void)
{
	int sock[2], fd, uffd, status;
	char *p;
	pid_t pid;

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		struct pollfd pfd = { .events = POLLIN };

		p = anon(PAGE);
		fd = test_open();
		uffd = uffd_register(p, PAGE);
		send_fd(sock[1], uffd);
		if (async(fd, p, PAGE, W))
			_exit(1);
		pfd.fd = uffd;
		_exit(poll(&pfd, 1, 30000) != 1);
	}
	uffd = recv_fd(sock[0]);
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && !WEXITSTATUS(status),
	   "a process ends while a fault of its device is blocked");
	close(uffd);
}

int main(void)
{
	umem_dev_open();
	test_copy();
	test_no_pin();
	test_range();
	test_nowait();
	test_unmap();
	test_rights();
	test_fork();
	test_file();
	test_sparse();
	test_wait_for_holder();
	test_unmap_storm();
	test_progress();
	test_jobs();
	test_blocked();
	test_death(false);
	test_death(true);
	test_blocked_death();
	ok(system("rmmod umem_test 2>/dev/null") != 0, "an open device keeps the module");
	ok(umem_dev_close(), "when the last is closed it unloads");
	return done();
}
