/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Room "mem": key -> window, and one iterator over two backends.
 *
 * A key (lkey, rkey) names an MR or an MW. Opening it checks key, PD, access
 * and bounds once and yields a segment; segments form an iterator; memory
 * operations (copy, atomic, touch) are written once on top of it. A pinned
 * segment yields kernel addresses that are always there, an on-demand one asks
 * the export notifier and may miss.
 *
 * Liveness of a segment: rxe_seg_open_*() takes a reference on the MR which
 * holds off rxe_dereg_mr(). It is kept for one bounded, non-sleeping stretch of
 * engine work and dropped before a QP parks; the key is opened again after.
 * Exception: the worker's slow road (RXE_COPY_SLOW) may sleep in a page
 * look-up; dereg waits for it only as long as a resident page takes, because
 * that road is entered only after the page was faulted in.
 */
#ifndef RXE_MEM_H
#define RXE_MEM_H

#include "rxe.h"

enum rxe_mr_kind {
	RXE_MR_KMEM,		/* ib_get_dma_mr(): kernel addresses */
	RXE_MR_PINNED,		/* struct ib_umem */
	RXE_MR_FAST,		/* ib_alloc_mr() + IB_WR_REG_MR */
	RXE_MR_ODP,		/* window into an export, explicit */
	RXE_MR_IMPLICIT,	/* the whole address space */
};

struct rxe_mr {
	struct ib_mr ibmr;
	struct rxe_ref ref;
	struct rxe_dev *rxe;
	enum rxe_mr_kind kind;
	u32 lkey, rkey;		/* of one value; FAST may change the low 8 bits */
	bool valid;		/* FAST: registered and not invalidated */
	u32 access;		/* IB_ACCESS_* */
	u64 iova;		/* first remote address */
	u64 length;		/* bytes; U64_MAX for KMEM and IMPLICIT */
	atomic_t windows;	/* bound memory windows */

	/* ODP, IMPLICIT */
	struct umem_export *ex;
	unsigned long start;	/* user address that iova stands for */

	/* PINNED, FAST */
	struct ib_umem *umem;
	struct page **pages;	/* one per page of page_shift */
	u32 npages, max_pages;
	u32 page_shift;		/* FAST may use pages larger than PAGE_SIZE */
	u64 offset;		/* of iova in pages[0] */

	/* statistics of fill_stat_mr_entry (D8) */
	atomic64_t faults, fault_pages, prefetches;
};

static inline struct rxe_mr *to_rmr(struct ib_mr *mr)
{
	return mr ? container_of(mr, struct rxe_mr, ibmr) : NULL;
}

/* A checked piece of memory. */
struct rxe_seg {
	struct rxe_mr *mr;	/* referenced; NULL: kernel buffer at kbuf */
	union {
		u64 off;	/* bytes from mr->iova (KMEM: kernel address) */
		void *kbuf;
	};
	u32 length;
};

/**
 * struct rxe_iter - position in a list of segments
 * @seg: segments
 * @nseg: how many
 * @cur: index of the current one
 * @off: bytes into the current one
 * @ahead: bytes from here on that the message is known to need; a miss faults
 *	   as many of them as lie in the segment, in one batch (D1)
 */
struct rxe_iter {
	const struct rxe_seg *seg;
	u32 nseg;
	u32 cur;
	u32 off;
	u32 ahead;
};

/* What has to be faulted in before an operation can go on. */
struct rxe_miss {
	struct umem_export *ex;	/* borrowed from the segment: take a reference to keep it */
	struct rxe_mr *mr;	/* for statistics, borrowed likewise */
	unsigned long va;
	size_t len;
	unsigned int flags;	/* UMEM_* */
};

/* Why an operation stopped early. */
struct rxe_stop {
	enum { RXE_STOP_NONE, RXE_STOP_SRC, RXE_STOP_DST } side;
	int err;		/* -EAGAIN: see miss; -EFAULT, -EHWPOISON, ...: never */
	struct rxe_miss miss;
};

#define RXE_COPY_SLOW	BIT(0)	/* process context that may sleep: misses take umem_hold_slow() */

/**
 * rxe_seg_open_local() - check an lkey
 * @pd: protection domain of the QP
 * @sge: address, length, key; length 0 opens nothing and succeeds
 * @access: 0 for reading (send, write source), IB_ACCESS_LOCAL_WRITE for writing
 * @seg: result, to be closed
 *
 * Softirq or process context. lkey 0 is invalid except ib_device.local_dma_lkey
 * semantics of kernel consumers. Returns 0 or -EINVAL (local protection error).
 */
int rxe_seg_open_local(struct rxe_pd *pd, const struct rxe_sge *sge,
		       u32 access, struct rxe_seg *seg);

/**
 * rxe_seg_open_remote() - check an rkey: MR, or MW with its own bounds
 * @qp: responder's QP (PD check; type 2B windows check the QP number)
 * @rkey: key
 * @va: first byte
 * @len: bytes
 * @access: IB_ACCESS_REMOTE_READ / _WRITE / _ATOMIC / ...
 * @seg: result, to be closed
 *
 * Returns 0 or -EINVAL (remote access error). Overflow of va + len is an error.
 */
int rxe_seg_open_remote(struct ib_pd *pd, u32 qpn, u32 rkey, u64 va, u32 len,
			u32 access, struct rxe_seg *seg);
void rxe_seg_close(struct rxe_seg *seg);

/**
 * rxe_copy() - copy between iterators, the one place that moves payload
 * @dst: where to, advanced
 * @src: where from, advanced
 * @len: bytes wanted; both iterators must have room
 * @flags: RXE_COPY_SLOW or 0
 * @stop: why fewer bytes were copied
 *
 * Any context up to softirq without RXE_COPY_SLOW. Holds at most two pages at a
 * time and nothing on return. Overlapping source and destination behave like
 * memmove() within a page. Machine checks on the source end as -EHWPOISON.
 * Returns the bytes copied.
 */
u32 rxe_copy(struct rxe_iter *dst, struct rxe_iter *src, u32 len,
	     unsigned int flags, struct rxe_stop *stop);

/* Moves an iterator without touching memory. */
void rxe_iter_skip(struct rxe_iter *it, u32 len);

enum rxe_atomic_op {
	RXE_ATOMIC_CMP_SWAP,
	RXE_ATOMIC_FETCH_ADD,
	RXE_ATOMIC_WRITE,	/* 8-byte store, never torn */
};

/**
 * rxe_atomic() - 8-byte atomic on an aligned address in one page
 * @seg: segment of at least 8 bytes, its start naturally aligned in memory
 *	 (-EINVAL else)
 * @op: operation
 * @swap_add: value to swap in, to add or to store
 * @compare: for RXE_ATOMIC_CMP_SWAP
 * @orig: previous value, host order
 * @flags: RXE_COPY_SLOW or 0
 * @stop: why it was not done (side RXE_STOP_DST)
 *
 * Done with the CPU's own atomics on the page, hence atomic against CPUs and
 * other devices of this kind alike. Returns 0 or -EAGAIN, -EFAULT, -EINVAL.
 */
int rxe_atomic(struct rxe_seg *seg, enum rxe_atomic_op op, u64 swap_add,
	       u64 compare, u64 *orig, unsigned int flags,
	       struct rxe_stop *stop);

/* Write back @len bytes at the iterator to the persistence domain (FLUSH). */
int rxe_mem_flush(struct rxe_iter *it, u32 len, unsigned int flags,
		  struct rxe_stop *stop);

/* Invalidate a key: IB_WR_LOCAL_INV, SEND_WITH_INV. 0 or -EINVAL. */
int rxe_invalidate_key(struct rxe_dev *rxe, struct ib_pd *pd, u32 qpn, u32 key);
/* IB_WR_REG_MR of kernel consumers. */
int rxe_fast_reg(struct ib_pd *pd, struct ib_mr *ibmr, u32 key, u32 access);

/* verbs */
struct ib_mr *rxe_get_dma_mr(struct ib_pd *pd, int access);
struct ib_mr *rxe_reg_user_mr_common(struct ib_pd *pd, u64 start, u64 length,
				     u64 iova, int access, struct ib_udata *udata);
struct ib_mr *rxe_rereg_user_mr(struct ib_mr *mr, int flags, u64 start,
				u64 length, u64 iova, int access,
				struct ib_pd *pd, struct ib_udata *udata);
struct ib_mr *rxe_alloc_mr(struct ib_pd *pd, enum ib_mr_type type, u32 max);
int rxe_map_mr_sg(struct ib_mr *mr, struct scatterlist *sg, int nents,
		  unsigned int *offset);
int rxe_dereg_mr(struct ib_mr *mr, struct ib_udata *udata);
int rxe_advise_mr(struct ib_pd *pd, enum ib_uverbs_advise_mr_advice advice,
		  u32 flags, struct ib_sge *sge, u32 num_sge,
		  struct uverbs_attr_bundle *attrs);
int rxe_alloc_mw(struct ib_mw *mw, struct ib_udata *udata);
int rxe_dealloc_mw(struct ib_mw *mw);

#endif /* RXE_MEM_H */
