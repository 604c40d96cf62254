// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#define _GNU_SOURCE
#include "vt_fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vt.h"
#include "vt_mm.h"

#define BUFFER	(1 << 18)

/* In the server. */
static int dev;
static uint64_t file_seed;
static size_t file_len;

static void answer(const struct fuse_in_header *in, int error, const void *data, size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + len, .error = error, .unique = in->unique,
	};
	struct iovec iov[] = { { &out, sizeof(out) }, { (void *)data, len } };

	/* -ENOENT: who asked is gone. */
	if (writev(dev, iov, 2) < 0 && errno != ENOENT)
		_exit(3);
}

static void attributes(const struct fuse_in_header *in)
{
	struct fuse_attr_out out = {
		.attr_valid = 1000,
		.attr = {
			.ino = FUSE_ROOT_ID, .size = file_len, .blocks = file_len / 512,
			.mode = S_IFREG | 0600, .nlink = 1, .blksize = PAGE,
		},
	};

	answer(in, 0, &out, sizeof(out));
}

static void read_file(const struct fuse_in_header *in, const struct fuse_read_in *arg)
{
	static uint8_t data[BUFFER];
	size_t len = arg->size;

	if (arg->offset >= file_len)
		len = 0;
	else if (len > file_len - arg->offset)
		len = file_len - arg->offset;
	vt_fill(data, arg->offset, len, file_seed);
	answer(in, 0, data, len);
}

static void start(const struct fuse_in_header *in, const struct fuse_init_in *arg)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = arg->max_readahead, .max_background = 8,
		.congestion_threshold = 8, .max_write = 65536,
	};

	if (arg->minor < out.minor)
		out.minor = arg->minor;
	answer(in, 0, &out, sizeof(out));
}

static void serve(int in_pipe, int out_pipe)
{
	static uint8_t buf[BUFFER] __attribute__((aligned(8)));
	const struct fuse_in_header *in = (void *)buf;
	bool blocked = true;
	int fd;
	char c;

	/* The test's devices are not ours to keep open. */
	for (fd = 3; fd < 1024; fd++)
		if (fd != dev && fd != in_pipe && fd != out_pipe)
			close(fd);
	for (;;) {
		if (read(dev, buf, sizeof(buf)) < 0) {
			if (errno == EINTR || errno == EAGAIN || errno == ENOENT)
				continue;
			_exit(errno != ENODEV);	/* unmounted */
		}
		switch (in->opcode) {
		case FUSE_INIT:
			start(in, (void *)(in + 1));
			break;
		case FUSE_GETATTR:
			attributes(in);
			break;
		case FUSE_OPEN:
			answer(in, 0, &(struct fuse_open_out){ .fh = 1 },
			       sizeof(struct fuse_open_out));
			break;
		case FUSE_READ:
			if (blocked && (write(out_pipe, "", 1) != 1 || read(in_pipe, &c, 1) != 1))
				_exit(2);
			blocked = false;
			read_file(in, (void *)(in + 1));
			break;
		case FUSE_FLUSH:
		case FUSE_RELEASE:
		case FUSE_ACCESS:
			answer(in, 0, NULL, 0);
			break;
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			break;		/* want no answer */
		default:
			answer(in, -ENOSYS, NULL, 0);
		}
	}
}

void vt_fuse_open(struct vt_fuse *f, size_t len, uint64_t seed)
{
	int to[2], from[2], fd;
	char options[128];

	if (access("/dev/fuse", F_OK) && vt_sh("modprobe fuse"))
		bail("no FUSE in this kernel");
	snprintf(f->path, sizeof(f->path), "/var/tmp/vt-fuse-XXXXXX");
	fd = mkstemp(f->path);
	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0 || dev < 0 || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		bail("FUSE: %m");
	close(fd);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100000,user_id=0,group_id=0", dev);
	if (mount("vt", f->path, "fuse", MS_NOSUID | MS_NODEV, options))
		bail("mount of FUSE: %m");
	file_len = len;
	file_seed = seed;
	f->server = fork();
	if (!f->server) {
		close(to[1]);
		close(from[0]);
		serve(to[0], from[1]);
	}
	close(dev);
	close(to[0]);
	close(from[1]);
	f->to = to[1];
	f->from = from[0];
}

bool vt_fuse_wait(struct vt_fuse *f)
{
	struct pollfd pf = { .fd = f->from, .events = POLLIN };
	char c;

	return poll(&pf, 1, VT_WAIT_MS) == 1 && read(f->from, &c, 1) == 1;
}

void vt_fuse_allow(struct vt_fuse *f)
{
	if (write(f->to, "", 1) != 1)
		bail("the file's server is gone");
}

void vt_fuse_kill(struct vt_fuse *f)
{
	/* The last to have /dev/fuse open: the connection ends with it. */
	kill(f->server, SIGKILL);
	waitpid(f->server, NULL, 0);
	f->server = 0;
}

void vt_fuse_close(struct vt_fuse *f)
{
	close(f->to);
	close(f->from);
	if (umount2(f->path, MNT_DETACH))
		diag("umount of FUSE: %m");
	if (f->server)
		vt_fuse_kill(f);
	unlink(f->path);
}
