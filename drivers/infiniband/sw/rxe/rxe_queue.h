/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rings shared with user space (room "ring"): the only code of the driver that
 * touches memory which a user can write at any time.
 *
 * The layout is struct rxe_queue_buf of <rdma/rdma_user_rxe.h>. Each ring has
 * one producer and one consumer, on opposite sides; our side's index lives in
 * struct rxe_queue and is only ever published, never read back. An element is
 * copied out once and never looked at again (D5).
 *
 * Callers serialise our side (turn of the QP direction, CQ lock, SRQ lock).
 */
#ifndef RXE_QUEUE_H
#define RXE_QUEUE_H

#include <linux/types.h>
#include <linux/list.h>
#include <linux/kref.h>
#include <rdma/rdma_user_rxe.h>

struct rxe_dev;
struct ib_ucontext;
struct ib_udata;
struct vm_area_struct;

/*
 * A mapping offered to user space, found by its cookie in mmap(). The page
 * table entries of the mapping hold references to the pages, so it needs
 * nothing of this module, which may be gone before the mapping is.
 */
struct rxe_mmap {
	struct list_head node;		/* rxe_dev.mmaps until mapped */
	struct ib_ucontext *context;
	struct kref ref;		/* queue + mmap() in progress */
	struct mminfo info;
	void *buf;			/* freed with the last ref */
};

struct rxe_queue {
	struct rxe_dev *rxe;
	struct rxe_queue_buf *buf;
	struct rxe_mmap *map;		/* NULL for kernel consumers */
	size_t buf_size;
	u32 elem_shift;
	u32 elem_size;			/* bytes used of an element */
	u32 mask;			/* slots - 1 */
	u32 index;			/* our side's index, masked */
};

/**
 * rxe_queue_create() - allocate a ring
 * @rxe: device
 * @nelem: elements wanted, the caller has checked it against its limit;
 *	   capacity becomes a power of two less one
 * @elem_size: bytes of an element; the stride is the next power of two >= 64
 * @udata: user consumer, or NULL
 * @out: user address for struct mminfo, or NULL
 *
 * Process context, no locks. Pages are charged to the caller's memory cgroup.
 * Return: the ring, or ERR_PTR of -EINVAL (no elements, or more than a ring
 * may have), -ENOMEM, -EFAULT (@out).
 */
struct rxe_queue *rxe_queue_create(struct rxe_dev *rxe, u32 nelem, u32 elem_size,
				   struct ib_udata *udata,
				   struct mminfo __user *out);
void rxe_queue_destroy(struct rxe_queue *q);
int rxe_mmap(struct ib_ucontext *context, struct vm_area_struct *vma);

static inline u32 rxe_queue_capacity(const struct rxe_queue *q)
{
	return q->mask;
}

/* Rings that the user fills (SQ, RQ, SRQ): @at counts from the consumer. */
u32 rxe_queue_pending(const struct rxe_queue *q);	/* elements not consumed */
bool rxe_queue_peek(const struct rxe_queue *q, u32 at, void *dst, u32 len);
void rxe_queue_consume(struct rxe_queue *q, u32 n);	/* publishes our index */

/* Rings that we fill (CQ). */
bool rxe_queue_push(struct rxe_queue *q, const void *src, u32 len); /* false: full */
u32 rxe_queue_unread(const struct rxe_queue *q);	/* elements not yet polled */

/* Kernel consumers use the far side of the same ring. */
bool rxe_queue_kpush(struct rxe_queue *q, const void *src, u32 len);
bool rxe_queue_kpull(struct rxe_queue *q, void *dst, u32 len);

/*
 * Copy what the far side has not taken (unread) or we have not taken (pending)
 * to a new, empty ring; -EINVAL if it does not fit. Both ends of @from are
 * serialised by the caller, as far as the kernel drives them.
 */
int rxe_queue_move_unread(struct rxe_queue *to, const struct rxe_queue *from);
int rxe_queue_move_pending(struct rxe_queue *to, const struct rxe_queue *from);

#endif /* RXE_QUEUE_H */
