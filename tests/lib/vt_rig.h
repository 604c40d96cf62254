/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * A rig: device, a pair of queue pairs for each road, and a buffer, for tests that
 * put data into memory by RDMA, let something happen to the memory, and look.
 * Every operation takes the other road than the one before it.
 */
#ifndef VT_RIG_H
#define VT_RIG_H

#include "vt.h"

#define VT_WRONG	0x7ffe	/* a read that succeeded, with wrong data */
#define VT_ZERO		0	/* the seed of vt_get() for memory that is zero */

struct vt_rig {
	struct vt_dev dev;
	struct vt_pair pair[2];
	uint8_t *buf;		/* on demand, as is what a test registers */
	struct ibv_mr *bmr;
	size_t len;		/* of @buf, the longest transfer */
	unsigned int turn;	/* whose pair is next */
	int roads;
};

/* Ends the program if the device has no on-demand memory. */
void vt_rig_open(struct vt_rig *r, size_t len);
void vt_rig_close(struct vt_rig *r);

/*
 * Write @len bytes of stream @seed, from its start, to @to; read them back from
 * @from. Both return the completion status, and make the pair anew after an
 * error; vt_get() returns VT_WRONG if the bytes are others.
 */
int vt_put(struct vt_rig *r, struct ibv_mr *mr, void *to, size_t len, uint64_t seed);
int vt_get(struct vt_rig *r, struct ibv_mr *mr, const void *from, size_t len, uint64_t seed);

/* One result: CPU and device find stream @seed there, on either road. */
bool vt_sees(struct vt_rig *r, struct ibv_mr *mr, const void *m, size_t len, uint64_t seed,
	     const char *fmt, ...) __attribute__((format(printf, 6, 7)));

#endif
