// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N12: /dev/umem_notifier is open to every user. Bad arguments get their errno,
 * other address spaces nothing, an event whose buffer is bad is not lost, and
 * whatever is thrown at it at random does no harm.
 */
#define _GNU_SOURCE
#include "vt.h"
#include "vt_mm.h"
#include "vt_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(16 * PAGE)

static struct vt_watch w;
static uint8_t *m;
static void *volatile nowhere = (void *)8;

static void refused(long ret, int want, const char *what)
{
	int err = errno;

	ok(ret < 0 && err == want, "%s: %s", what, strerror(want));
	if (ret >= 0 || err != want)
		diag("  returned %ld, %s", ret, strerror(err));
}

/* LEN bytes with nothing behind them. */
static void *guarded(void)
{
	uint8_t *p = vt_map(LEN + PAGE);

	if (mprotect(p + LEN, PAGE, PROT_NONE))
		bail("mprotect: %m");
	return p;
}

static long add(uint64_t start, uint64_t len, uint32_t flags)
{
	struct umem_watch_range r = { .start = start, .length = len, .flags = flags };

	return ioctl(w.fd, UMEM_IOC_WATCH_ADD, &r);
}

static long map(size_t len, int prot, int flags, off_t off)
{
	void *p = mmap(NULL, len, prot, flags, w.fd, off);

	if (p == MAP_FAILED)
		return -1;
	munmap(p, len);
	return 0;
}

static long residency(uint64_t start, uint64_t len, uint64_t vec)
{
	struct umem_residency r = { .start = start, .length = len, .vec = vec };

	return ioctl(w.fd, UMEM_IOC_RESIDENCY, &r);
}

static void arguments(void)
{
	uint64_t p = (uintptr_t)m;
	uint32_t id = 12345;

	refused(add(p, 0, 0), EINVAL, "a range of no bytes");
	refused(add(p, UINT64_MAX, 0), EINVAL, "a range that wraps");
	refused(add(UINT64_MAX, 1, 0), EINVAL, "the last byte there is");
	refused(add(1ull << 63, PAGE, 0), EINVAL, "memory of the kernel");
	refused(add(p, PAGE, 2), EINVAL, "a flag that is none");
	refused(ioctl(w.fd, UMEM_IOC_WATCH_ADD, NULL), EFAULT, "no range");
	refused(ioctl(w.fd, UMEM_IOC_WATCH_ADD, m + LEN - 8), EFAULT, "half a range");
	refused(ioctl(w.fd, UMEM_IOC_WATCH_DEL, NULL), EFAULT, "no id");
	refused(ioctl(w.fd, UMEM_IOC_WATCH_DEL, &id), ENOENT, "an id that is none");
	refused(ioctl(w.fd, _IO(0xe5, 0x7f), NULL), ENOTTY, "a call that is none");
	refused(ioctl(w.fd, UMEM_IOC_INFO, NULL), ENOENT, "statistics before there are any");
	refused(map(2 * PAGE, PROT_READ, MAP_SHARED, 0), EINVAL, "mapping two pages");
	refused(map(PAGE, PROT_READ, MAP_SHARED, PAGE), EINVAL, "mapping the second page");
	refused(map(PAGE, PROT_READ, MAP_PRIVATE, 0), EINVAL, "mapping it privately");
	refused(map(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0), EACCES, "mapping it for writing");
	refused(mprotect((void *)w.page, PAGE, PROT_READ | PROT_WRITE), EACCES,
		"making the mapping writable");
	refused(read(w.fd, m, sizeof(struct umem_watch_event) - 1), EINVAL, "less than an event");
	refused(read(w.fd, m, LEN), EAGAIN, "an event when there is none");
	refused(residency(p, PAGE, p), ENOENT, "residency before there is any");
	refused(residency(p + 1, PAGE, p), EINVAL, "residency of half pages");
	refused(residency(p, 0, p), EINVAL, "residency of nothing");
	refused(residency(p, UINT64_MAX - p, p), EINVAL, "residency of the kernel");
	is(add(0, 1, 0), 0, "the first byte there is may be watched");
	is(add(0, 0x7ffffffff000, UMEM_WATCH_F_CLEAR), 0, "and all of them");
}

static void events_stay(void)
{
	struct umem_watch_event ev;
	uint8_t *p = vt_map(PAGE);
	uint32_t id;

	id = vt_watch_add(&w, p, PAGE, 0, 5);
	vt_watch_drain(&w);
	munmap(p, PAGE);
	refused(read(w.fd, nowhere, sizeof(ev)), EFAULT, "a buffer that is none");
	refused(read(w.fd, p, sizeof(ev)), EFAULT, "a buffer that is gone");
	ok(vt_watch_event(&w, &ev), "the event is still there");
	/* The range over all memory has one too, and it may come first. */
	if (ev.id != id)
		ok(vt_watch_event(&w, &ev), "the other one");
	ok(ev.id == id && ev.start == (uintptr_t)p && ev.length == PAGE &&
	   ev.events == UMEM_WATCH_UNMAPPED, "as it was");
	vt_watch_drain(&w);
}

static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int st;

	if (!pid)
		_exit(fn());
	return waitpid(pid, &st, 0) == pid ? st : -1;
}

static int by_child(void)
{
	struct umem_watch_event ev;

	if (add((uintptr_t)m, PAGE, 0) >= 0 || errno != EPERM)
		return 1;
	if (read(w.fd, &ev, sizeof(ev)) >= 0 || errno != EPERM)
		return 2;
	if (map(PAGE, PROT_READ, MAP_SHARED, 0) >= 0 || errno != EPERM)
		return 3;
	return residency((uintptr_t)m, PAGE, (uintptr_t)m) >= 0 || errno != EPERM;
}

static int by_nobody(void)
{
	struct vt_watch mine;

	if (setgid(65534) || setuid(65534))
		return 1;
	vt_watch_open(&mine, false);
	vt_watch_add(&mine, m, LEN, 0, 0);
	munmap(m, LEN);
	return !vt_watch_changed(&mine);
}

/* Calls at random, some nearly right. */
static int at_random(void)
{
	static const unsigned long calls[] = {
		UMEM_IOC_WATCH_ADD, UMEM_IOC_WATCH_DEL, UMEM_IOC_RESIDENCY, UMEM_IOC_INFO,
	};
	uint64_t arg[16];
	int i, j, n = vt_slow() ? 2000 : 20000;
	uint8_t *p = guarded();
	struct vt_dev dev;

	/* From now on there are translations to be asked about. */
	vt_open(&dev);
	vt_reg(&dev, VT_ODP, p, LEN, VT_RCV_ALL);
	vt_watch_open(&w, false);
	srandom(1);
	for (i = 0; i < n; i++) {
		unsigned long call = calls[random() % 4];
		void *at = arg;

		for (j = 0; j < 16; j++) {
			switch (random() % 5) {
			case 0:
				arg[j] = random() % 5;
				break;
			case 1:
				arg[j] = (uint64_t)random() << (random() % 40);
				break;
			case 2:
				arg[j] = (uintptr_t)p + random() % LEN;
				break;
			case 3:
				arg[j] = random() % (2 * LEN);
				break;
			default:
				arg[j] = -(uint64_t)(random() % 3);
			}
		}
		if (random() % 16 == 0)
			at = (void *)(uintptr_t)arg[3];
		if (random() % 16 == 0)
			call ^= 1ul << (random() % 32);
		/* A vector of random length: from here it ends at the guard. */
		if (call == UMEM_IOC_RESIDENCY && at == arg)
			arg[2] = (uintptr_t)p + random() % LEN;
		ioctl(w.fd, call, at);
		if (random() % 32 == 0)
			madvise(p + random() % 16 * PAGE, PAGE, MADV_DONTNEED);
		if (random() % 64 == 0)
			vt_watch_drain(&w);
	}
	vt_watch_close(&w);
	return 0;
}

int main(void)
{
	m = guarded();
	memset(m, 1, LEN);
	vt_watch_open(&w, false);
	arguments();
	events_stay();
	is(in_child(by_child), 0, "a child that inherited the file is refused");
	is(in_child(by_nobody), 0, "an unprivileged user may watch his own memory");
	vt_watch_close(&w);
	is(in_child(at_random), 0, "calls at random");
	return done();
}
