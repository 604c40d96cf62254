/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The make-believe device of odp/kmod: what a program that includes this does to
 * its own memory through the export notifier, with no RDMA driver in between.
 */
#ifndef UMEM_DEV_H
#define UMEM_DEV_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../odp/kmod/umem_test.h"
#include "tap.h"
#include "vt_mm.h"

#define LEAF	(512 * PAGE)
#define W	UMEM_TEST_WRITE
#define FAULT	UMEM_TEST_FAULT
#define SLOW	UMEM_TEST_SLOW

#define must(cond) do {							\
	if (!(cond))							\
		bail("line %d: %s: %s", __LINE__, #cond, strerror(errno)); \
} while (0)

static int dev;

static inline int test_open(void)
{
	int fd = open("/dev/umem_test", O_RDWR);

	must(fd >= 0);
	return fd;
}

static inline long call(int fd, unsigned long cmd, const void *va, size_t len, void *buf,
		 unsigned int flags, unsigned int arg)
{
	struct umem_test_io io = {
		.va = (uintptr_t)va, .len = len, .buf = (uintptr_t)buf,
		.flags = flags, .arg = arg,
	};

	must(!ioctl(fd, cmd, &io));
	return io.result;
}

/* What the device does to our memory. */
static inline long dev_read(const void *va, void *buf, size_t len, unsigned int flags)
{
	return call(dev, UMEM_TEST_ACCESS, va, len, buf, flags, 0);
}

static inline long dev_write(void *va, const void *buf, size_t len, unsigned int flags)
{
	return call(dev, UMEM_TEST_ACCESS, va, len, (void *)buf, flags | W, 0);
}

static inline long fault(const void *va, size_t len, unsigned int flags)
{
	return call(dev, UMEM_TEST_DO_FAULT, va, len, NULL, flags, 0);
}

static inline long resident(const void *va, size_t len)
{
	return call(dev, UMEM_TEST_RESIDENT, va, len, NULL, 0, 0);
}

static inline struct umem_test_stats stats(void)
{
	struct umem_test_stats st;

	must(!ioctl(dev, UMEM_TEST_STATS, &st));
	return st;
}

/* Is the byte at @va translated for reading (for writing)? */
static inline bool hit(const void *va, unsigned int write)
{
	char c;

	if (write) {
		/* Writes what is there. */
		if (dev_read(va, &c, 1, 0) != 1)
			return false;
		return dev_write((void *)va, &c, 1, 0) == 1;
	}
	return dev_read(va, &c, 1, 0) == 1;
}

static inline char *map_at(void *at, size_t len, int prot, int flags, int fd)
{
	char *p = mmap(at, len, prot, flags | (at ? MAP_FIXED : 0), fd, 0);

	must(p != MAP_FAILED);
	return p;
}

/* Private memory without huge pages. */
static inline char *anon(size_t len)
{
	char *p = map_at(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);

	madvise(p, len, MADV_NOHUGEPAGE);
	return p;
}

static inline long async(int fd, const void *va, size_t len, unsigned int flags)
{
	return call(fd, UMEM_TEST_ASYNC, va, len, NULL, flags, 0);
}

static inline long wait_job(int fd, unsigned int ms)
{
	return call(fd, UMEM_TEST_WAIT, NULL, 0, NULL, 0, ms);
}

static inline void send_fd(int sock, int fd)
{
	char c = 0, control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	must(sendmsg(sock, &msg, 0) == 1);
}

static inline int recv_fd(int sock)
{
	char c, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &c, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	must(recvmsg(sock, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* Wait for -ESRCH: the address space goes a little after the process. */
static inline bool dies(int fd, void *va)
{
	char c;
	int i;

	for (i = 0; i < 3000; i++) {
		long ret = call(fd, UMEM_TEST_ACCESS, va, 1, &c, FAULT, 0);

		if (ret == -ESRCH)
			return call(fd, UMEM_TEST_DO_FAULT, va, 1, NULL, 0, 0) == -ESRCH;
		/* Reaped, and not yet gone. */
		if (ret != 1 && ret != -EFAULT && ret != -ENOMEM)
			return false;
		usleep(10000);
	}
	return false;
}

static inline void umem_dev_open(void)
{
	must(!vt_sh("for m in umem_notifier umem_test; do\n"
		    "	[ -e /sys/module/$m ] || insmod /opt/odp/modules/$m.ko || exit\n"
		    "done"));
	dev = test_open();
}

/* The last one to have it open: the module goes with it. */
static inline bool umem_dev_close(void)
{
	close(dev);
	return !vt_sh("for i in $(seq 50); do rmmod umem_test && exit 0; sleep 0.2; done; exit 1");
}

#endif
