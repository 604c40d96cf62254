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
 * Exceptions: a lookup (RXE_COPY_LOOKUP) may be rescheduled, and the worker's slow road
 * (RXE_COPY_SLOW) sleeps; neither waits for user space, so dereg does not either.
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

/*
 * Kernel addresses of pinned memory, one per page of 1 << shift bytes; a page is
 * contiguous in the kernel's address space, which is all that a device without
 * DMA wants to know. Byte x of the region is at page[(offset + x) >> shift].
 */
struct rxe_pagelist {
	u32 n;			/* pages filled in */
	u32 shift;
	u64 offset;		/* of the first byte in page[0] */
	void *page[];
};

/*
 * Statistics of an on-demand MR (D8). Apart from it because a side that waits for
 * a fault, and adds to them when it has ended, has no reference to the MR.
 */
struct rxe_mr_count {
	refcount_t ref;
	atomic64_t faults;		/* misses that made some page translated, or waited for one */
	atomic64_t fault_pages;		/* pages those made translated */
	atomic64_t prefetches;		/* ranges of rxe_advise_mr() */
};

/* Any context; put: also of NULL. */
struct rxe_mr_count *rxe_mr_count_get(struct rxe_mr_count *c);
void rxe_mr_count_put(struct rxe_mr_count *c);

/*
 * Fields without a lock of their own are constant while ref is held; rereg
 * changes them with all references gone and lookups failing.
 */
struct rxe_mr {
	struct ib_mr ibmr;	/* ibmr.pd is the PD that keys are checked against */
	struct rxe_ref ref;
	struct rxe_dev *rxe;
	enum rxe_mr_kind kind;
	u32 key;		/* lkey and rkey; FAST may change the low 8 bits */
	u32 access;		/* IB_ACCESS_* */
	bool valid;		/* FAST: registered and not invalidated */
	u64 iova;		/* first remote address */
	u64 length;		/* bytes; U64_MAX for KMEM and IMPLICIT */
	unsigned long start;	/* user address that iova stands for */

	/*
	 * FAST: guards key, access, valid, iova, length, gen, list and staged.
	 * All kinds: windows goes up and a FAST MR gets invalid under it only.
	 * Taken inside rxe_window.lock, irqsave.
	 */
	spinlock_t lock;
	atomic_t windows;	/* bound memory windows */

	/*
	 * FAST: accesses at work, RXE_MR_CLOSED less while the MR is not valid,
	 * see rxe_map(). @gen names the registration, which may change under an
	 * open segment.
	 */
	atomic_t holds;
	u32 gen;

	struct umem_export *ex;	/* ODP, IMPLICIT */
	struct ib_umem *umem;	/* PINNED */
	struct rxe_pagelist *list;	/* PINNED, FAST */
	struct rxe_pagelist *staged;	/* FAST: filled by rxe_map_mr_sg() */
	u32 max_pages;		/* FAST: room in list and staged */

	struct rxe_mr_count *count;	/* ODP, IMPLICIT */
	struct rcu_head rcu;
};

/*
 * What an MW's rkey names. Apart from struct ib_mw because the core frees that
 * without a grace period. A bound window is counted in mr->windows, which holds
 * off rxe_dereg_mr(); it has no reference.
 */
struct rxe_window {
	struct rxe_ref ref;
	spinlock_t lock;	/* all below but pd and type; irqsave */
	struct ib_pd *pd;
	enum ib_mw_type type;
	u32 rkey;
	struct rxe_mr *mr;	/* NULL: not bound */
	u32 qpn;		/* type 2: the QP that bound it */
	u32 access;		/* remote rights */
	u64 addr;		/* first remote address; 0 for IB_ZERO_BASED */
	u64 length;
	u64 off;		/* of addr, in bytes from mr->iova */
	struct rcu_head rcu;
};

struct rxe_mw {
	struct ib_mw ibmw;
	struct rxe_window *win;
};

static inline struct rxe_mw *to_rmw(struct ib_mw *mw)
{
	return container_of(mw, struct rxe_mw, ibmw);
}

static inline struct rxe_mr *to_rmr(struct ib_mr *mr)
{
	return mr ? container_of(mr, struct rxe_mr, ibmr) : NULL;
}

#define RXE_MR_CLOSED	INT_MIN

/* A checked piece of memory. */
struct rxe_seg {
	struct rxe_mr *mr;	/* referenced; NULL: kernel buffer at kbuf */
	struct rxe_window *win;	/* referenced if opened by an MW's rkey, or NULL */
	union {
		u64 off;	/* bytes from mr->iova (KMEM: kernel address) */
		void *kbuf;
	};
	u32 length;
	u32 gen;		/* mr->gen when it was opened */
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
	struct rxe_mr_count *count;	/* borrowed likewise */
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

/* What an operation may do about a miss; without any it ends there. */
#define RXE_COPY_SLOW	BIT(0)	/* kernel thread that may sleep: umem_copy_slow() */
#define RXE_COPY_LOOKUP	BIT(1)	/* process context: what is resident is translated */

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
 * @pd: protection domain of the responder's QP
 * @qpn: its number, which type 2 windows check
 * @rkey: key
 * @va: first byte
 * @len: bytes; 0 opens an empty segment whatever the key (IBTA C9-88)
 * @access: IB_ACCESS_REMOTE_READ / _WRITE / _ATOMIC / ...
 * @seg: result, to be closed
 *
 * Any context. Returns 0 or -EINVAL (remote access error). Overflow of va + len
 * is an error.
 */
int rxe_seg_open_remote(struct ib_pd *pd, u32 qpn, u32 rkey, u64 va, u32 len,
			u32 access, struct rxe_seg *seg);

/**
 * rxe_key_range() - all that an rkey stands for
 * @pd: protection domain of the responder's QP
 * @rkey: key of an MR or MW
 * @va: first remote address
 * @len: bytes
 *
 * Any context. Says nothing about rights: open what is used of it. Returns 0 or
 * -EINVAL.
 */
int rxe_key_range(struct ib_pd *pd, u32 rkey, u64 *va, u64 *len);

/* Drops what opening took; any context, also on segments without an MR. */
void rxe_seg_close(struct rxe_seg *seg);

/**
 * rxe_copy() - copy between iterators, the one place that moves payload
 * @dst: where to, advanced
 * @src: where from, advanced
 * @len: bytes wanted; both iterators must have room
 * @flags: RXE_COPY_*
 * @stop: why fewer bytes were copied
 *
 * Any context up to softirq without flags. Holds at most two pages at a
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
 *	 (-EINVAL else; the alignment of the remote address, which differs when
 *	 iova and memory are not congruent, is the caller's to check)
 * @op: operation
 * @swap_add: value to swap in, to add or to store
 * @compare: for RXE_ATOMIC_CMP_SWAP
 * @orig: previous value, host order; NULL if nobody asks
 * @flags: RXE_COPY_*
 * @stop: why it was not done (side RXE_STOP_DST)
 *
 * Done with the CPU's own atomics on the page, hence atomic against CPUs and
 * other devices of this kind alike. Returns 0 or -EAGAIN, -EFAULT, -EINVAL.
 */
int rxe_atomic(struct rxe_seg *seg, enum rxe_atomic_op op, u64 swap_add,
	       u64 compare, u64 *orig, unsigned int flags,
	       struct rxe_stop *stop);

/**
 * rxe_mem_flush() - write memory back to the persistence domain
 * @it: where from, advanced by what was written back
 * @len: bytes
 * @flags: RXE_COPY_*; misses end it whatever they are
 * @stop: why it ended early (side RXE_STOP_DST)
 *
 * For FLUSH with placement type persistent; global visibility needs only the
 * barrier that this ends with too. Any context as rxe_copy(). Returns 0 or
 * -EAGAIN, -EFAULT, and -EINVAL for on-demand memory that is not persistent
 * (pinned memory was checked when it was registered).
 */
int rxe_mem_flush(struct rxe_iter *it, u32 len, unsigned int flags,
		  struct rxe_stop *stop);

/**
 * rxe_invalidate_key() - IB_WR_LOCAL_INV, and SEND_WITH_INV on the far side
 * @rxe: device
 * @pd: protection domain of the QP
 * @qpn: its number
 * @key: of a FAST MR or a type 2 window
 *
 * Any context but with interrupts off. The key is refused from now on. An operation
 * that opened it before does not touch a FAST MR's memory any more; one that goes
 * through a window may be finishing. Returns 0 or -EINVAL: not such a key, another PD's
 * or QP's, or an MR with windows bound.
 */
int rxe_invalidate_key(struct rxe_dev *rxe, struct ib_pd *pd, u32 qpn, u32 key);

/**
 * rxe_fast_reg() - IB_WR_REG_MR of kernel consumers
 * @pd: protection domain of the QP
 * @ibmr: MR of rxe_alloc_mr() with a page list from rxe_map_mr_sg()
 * @key: its key from now on; only the low 8 bits may change
 * @access: IB_ACCESS_*
 *
 * Any context. Returns 0 or -EINVAL.
 */
int rxe_fast_reg(struct ib_pd *pd, struct ib_mr *ibmr, u32 key, u32 access);

/* What IB_WR_BIND_MW asks for, from struct rxe_send_wr.wr.mw. */
struct rxe_bind {
	u32 mw_rkey;		/* the window's present key */
	u32 mr_lkey;
	u32 rkey;		/* low 8 bits: the window's next key */
	u32 access;		/* IB_ACCESS_REMOTE_*, IB_ZERO_BASED (type 2) */
	u64 addr;		/* first byte, in terms of the MR's iova */
	u64 length;		/* 0 unbinds a type 1 window */
};

/**
 * rxe_bind_mw() - bind or unbind a window
 * @pd: protection domain of the QP
 * @qpn: its number; a type 2 window belongs to it until invalidated
 * @b: request
 * @rkey: the window's key after success
 *
 * Any context. Returns 0 or -EINVAL (IB_WC_MW_BIND_ERR), nothing changed.
 */
int rxe_bind_mw(struct ib_pd *pd, u32 qpn, const struct rxe_bind *b, u32 *rkey);

/* ---- within the room ---- */

/* Takes a reference; NULL if the index names nothing. Compare mr->key yourself. */
struct rxe_mr *rxe_mr_find(struct rxe_dev *rxe, u32 key);
/* Caller has mr->lock if FAST, and a reference. @off: of @va from mr->iova. */
int rxe_mr_check(const struct rxe_mr *mr, u32 key, const struct ib_pd *pd,
		 u32 access, u64 va, u64 len, u64 *off);
int rxe_win_open(struct rxe_dev *rxe, const struct ib_pd *pd, u32 qpn, u32 rkey,
		 u64 va, u32 len, u32 access, struct rxe_seg *seg);
int rxe_win_range(struct rxe_dev *rxe, u32 rkey, u64 *va, u64 *len);
int rxe_win_invalidate(struct rxe_dev *rxe, const struct ib_pd *pd, u32 qpn,
		       u32 rkey);

static inline bool rxe_key_is_mw(u32 key)
{
	return key >> 8 >= RXE_MIN_MW_INDEX;
}

/* bytes [va, va + len) within [base, base + length), none of them wrapping */
static inline bool rxe_range_in(u64 va, u64 len, u64 base, u64 length)
{
	return va >= base && len <= length && va - base <= length - len;
}

/* ---- verbs; process context ---- */

struct ib_mr *rxe_get_dma_mr(struct ib_pd *pd, int access);

/**
 * rxe_reg_user_mr_common() - register user memory
 * @pd: protection domain
 * @start: user address; need not be congruent to @iova
 * @length: bytes; U64_MAX with @start and @iova 0 and IB_ACCESS_ON_DEMAND is the
 *	    whole address space
 * @iova: remote address of @start
 * @access: IB_ACCESS_*
 * @udata: names the context, see rxe_mem_forget(); NULL will do
 *
 * With IB_ACCESS_ON_DEMAND nothing is touched and the cost does not depend on
 * @length. Returns the MR or ERR_PTR: -EINVAL (empty, or wraps), -EFAULT (not a
 * user address), -EOPNOTSUPP (access), -ENOMEM, -EPERM and what pinning says.
 */
struct ib_mr *rxe_reg_user_mr_common(struct ib_pd *pd, u64 start, u64 length,
				     u64 iova, int access, struct ib_udata *udata);

/**
 * rxe_rereg_user_mr() - change PD, access or translation of an MR in place
 * @ibmr: MR of rxe_reg_user_mr_common()
 * @flags: IB_MR_REREG_*; parameters without their flag are ignored
 * @start: user address
 * @length: bytes
 * @iova: remote address
 * @access: IB_ACCESS_*
 * @pd: protection domain
 * @udata: as for registration
 *
 * The keys stay. Accesses meanwhile are refused. Returns NULL (done in place)
 * or ERR_PTR with the MR as it was: -EBUSY while windows are bound, -EINVAL
 * (also: new rights need the memory looked up again, and the caller is another
 * process than the one that registered it), and as for registration.
 */
struct ib_mr *rxe_rereg_user_mr(struct ib_mr *ibmr, int flags, u64 start,
				u64 length, u64 iova, int access,
				struct ib_pd *pd, struct ib_udata *udata);
struct ib_mr *rxe_alloc_mr(struct ib_pd *pd, enum ib_mr_type type, u32 max);
int rxe_map_mr_sg(struct ib_mr *mr, struct scatterlist *sg, int nents,
		  unsigned int *offset);

/**
 * rxe_dereg_mr() - free an MR
 * @ibmr: MR of any kind
 * @udata: unused
 *
 * No access through its keys happens after this. Returns 0, or -EBUSY with
 * nothing changed while windows are bound.
 */
int rxe_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata);

/**
 * rxe_advise_mr() - prefetch on-demand memory, see ibv_advise_mr(3)
 * @pd: protection domain
 * @advice: IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH*
 * @flags: IB_UVERBS_ADVISE_MR_FLAG_FLUSH: return when done and say how it went;
 *	   else only the keys and bounds are checked before this returns
 * @sge: ranges
 * @num_sge: how many
 * @attrs: unused
 *
 * Returns 0; -EOPNOTSUPP unknown advice; -EINVAL unknown flags, not an
 * on-demand MR; -EFAULT unknown key, out of bounds, or (FLUSH) memory that is
 * not mapped; -EPERM another PD's key, or prefetch for writing without the
 * right to write; -ENOMEM, -EINTR.
 */
int rxe_advise_mr(struct ib_pd *pd, enum ib_uverbs_advise_mr_advice advice,
		  u32 flags, struct ib_sge *sge, u32 num_sge,
		  struct uverbs_attr_bundle *attrs);
int rxe_alloc_mw(struct ib_mw *mw, struct ib_udata *udata);
int rxe_dealloc_mw(struct ib_mw *mw);

/*
 * A context remembers the export of its process, because making one is slow and
 * an address space without MRs would make it again for each. To be called when
 * the context is deallocated.
 */
void rxe_mem_forget(struct rxe_ucontext *uc);

/* Module exit, all devices gone: cancels prefetches that still run. */
void rxe_mem_exit(void);

#endif /* RXE_MEM_H */
