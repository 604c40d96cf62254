/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Memory of another process, as the far end of a connection. The child registers it
 * and then does nothing but look when it is told to.
 */
#ifndef VT_PEER_H
#define VT_PEER_H

#include "vt.h"

struct vt_peer {
	struct vt_peer *next;
	pid_t pid;
	int to, from;
	struct vt_qp qp;	/* ours */
	struct vt_addr addr;	/* its memory and key */
};

/*
 * Fork a process with @len bytes of @kind; @prepare, if any, is the first thing the
 * child does. @cfg is for both queue pairs.
 */
void vt_peer_open(struct vt_dev *dev, struct vt_peer *p, enum vt_kind kind, size_t len,
		  const struct vt_cfg *cfg, void (*prepare)(void));

/* Has it stream @seed in its first @len bytes? Asked of its CPU. */
bool vt_peer_has(struct vt_peer *p, size_t len, uint64_t seed);

/* Write to, or read from, the start of its memory; returns the completion status. */
int vt_peer_write(struct vt_peer *p, struct ibv_mr *mr, const void *from, size_t len);
int vt_peer_read(struct vt_peer *p, struct ibv_mr *mr, void *to, size_t len);

/* End it; returns its wait status. */
int vt_peer_close(struct vt_peer *p);

/* All of @n bytes through a pipe; ends the program if the other end is gone. */
void vt_get_pipe(int fd, void *p, size_t n);
void vt_put_pipe(int fd, const void *p, size_t n);

#endif
