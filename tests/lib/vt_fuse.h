/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A file whose pages come from a process, when the test says so. The file system
 * is that one file; its server is a child of the test that speaks the kernel's
 * protocol itself.
 */
#ifndef VT_FUSE_H
#define VT_FUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vt_fuse {
	char path[64];		/* of the file */
	pid_t server;
	int to, from;		/* pipes */
};

/* A file of @len bytes: stream @seed, which nobody gets to read yet. */
void vt_fuse_open(struct vt_fuse *f, size_t len, uint64_t seed);

/* Wait until somebody is blocked reading; false if that takes VT_WAIT_MS. */
bool vt_fuse_wait(struct vt_fuse *f);

/* Answer that read, and all that come after it. */
void vt_fuse_allow(struct vt_fuse *f);

/* The server dies without an answer: who waits gets an error. */
void vt_fuse_kill(struct vt_fuse *f);

void vt_fuse_close(struct vt_fuse *f);

#endif
