/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Export notifier: translation of user virtual addresses without pinning.
 *
 * One export exists per address space. It subscribes to the kernel's mmu
 * notifier once and keeps one translation table that every device, memory
 * region and window of that address space shares. The table is a cache: a
 * missing entry is normal, a stale one impossible.
 *
 * A device touches user memory in one of two ways:
 *
 *   umem_hold() ... umem_drop()
 *	Any context up to softirq. Finds a translated piece or fails at once.
 *	Preemption is off between the two; nothing may sleep, fault, allocate
 *	or take a lock, and only the piece, a few pages at most, is touched. Two
 *	holds (source and destination) may be open at a time.
 *
 *   umem_copy_slow(), umem_cmpxchg_slow()
 *	A kernel thread. The CPU itself accesses the memory at its user address,
 *	so that the page tables, not our copy of them, say whether it may. The
 *	road of last resort that makes progress when an adversary invalidates
 *	faster than faults complete.
 *
 * and fills the table with umem_fault() or umem_fault_async().
 */
#ifndef _RDMA_UMEM_NOTIFIER_H
#define _RDMA_UMEM_NOTIFIER_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/types.h>

struct mm_struct;
struct umem_export;

/* What an access wants; flags of umem_hold(), umem_fault() and friends. */
#define UMEM_READ	0
#define UMEM_WRITE	BIT(0)
#define UMEM_NOFAULT	BIT(1)	/* fault only: take what is resident */
#define UMEM_PREFETCH	BIT(2)	/* fault only: counts as prefetch */

#define UMEM_HOLD_PAGES	16
#define UMEM_HOLD_MAX	(UMEM_HOLD_PAGES * PAGE_SIZE)

/**
 * struct umem_piece - user memory in one piece
 * @kaddr: kernel address
 * @len: bytes from @kaddr on, to the end of a page: more pages than one where they
 *	follow each other in physical memory
 */
struct umem_piece {
	void *kaddr;
	size_t len;
};

/**
 * struct umem_hold - some user memory, usable until umem_drop()
 * @piece: what has been found of it, in order; see umem_hold_piece()
 * @at: the one to be used
 * @last: the last of them
 * @entry: table entry of the last page found
 * @group: the entries held
 * @flags: UMEM_WRITE if it may be written
 */
struct umem_hold {
	unsigned int at, last;
	atomic64_t *entry;
	atomic64_t *group;
	unsigned int flags;
	struct umem_piece piece[UMEM_HOLD_PAGES];
};

struct umem_stats {
	u64 faults;		/* fault batches that had to look pages up */
	u64 fault_pages;	/* entries installed by faults */
	u64 prefetches;		/* prefetch batches */
	u64 prefetch_pages;	/* entries installed by prefetch */
	u64 invalidations;	/* notifier calls that met a translated entry */
	u64 invalidated_pages;	/* entries zapped */
	u64 retries;		/* batches that raced with an invalidation */
	u64 slow;		/* accesses by umem_copy_slow() and umem_cmpxchg_slow() */
	u64 resident;		/* entries valid now */
	u64 leaves;		/* table leaves allocated now (4 KiB each) */
	u64 interior;		/* pages of the table above its leaves */
};

struct umem_export *umem_export_get(struct mm_struct *mm);
void umem_export_put(struct umem_export *ex);
struct umem_export *umem_export_ref(struct umem_export *ex);
struct mm_struct *umem_export_mm(struct umem_export *ex);
void umem_export_stats(struct umem_export *ex, struct umem_stats *st);
u64 umem_range_resident(struct umem_export *ex, unsigned long va, size_t len);

int umem_hold(struct umem_export *ex, unsigned long va, size_t len,
	      unsigned int flags, struct umem_hold *h);
bool umem_hold_on(struct umem_hold *h, size_t len);
int umem_copy_slow(struct umem_export *ex, unsigned long va, void *buf, size_t len,
		   unsigned int flags);
int umem_cmpxchg_slow(struct umem_export *ex, unsigned long va, u64 *old, u64 new);

/* One holder, in the hold count of a group of table entries. */
#define UMEM_HOLD_ONE	BIT_ULL(45)

#ifdef CONFIG_DEBUG_LOCK_ALLOC
extern struct lockdep_map umem_hold_map;
#define umem_drop_lockdep()	rwsem_release(&umem_hold_map, _THIS_IP_)
#else
#define umem_drop_lockdep()	do { } while (0)
#endif

/**
 * umem_drop() - end umem_hold()
 * @h: hold; the access must be complete
 *
 * Context: that of the hold. Enables preemption again.
 */
static inline void umem_drop(struct umem_hold *h)
{
	umem_drop_lockdep();
	/* Release: an invalidation that sees the count sees the access. */
	atomic64_fetch_sub_release(UMEM_HOLD_ONE, h->group);
	preempt_enable();
}

/**
 * umem_hold_piece() - the piece of a hold that is to be used
 * @h: hold
 *
 * Context: that of the hold.
 * Return: where it is and how long; no more pages than wanted, UMEM_HOLD_MAX at most.
 */
static inline const struct umem_piece *umem_hold_piece(const struct umem_hold *h)
{
	return &h->piece[h->at];
}

/**
 * umem_hold_next() - go on from a held piece to the one after it
 * @h: hold of umem_hold(), the access to its piece complete
 * @len: bytes wanted from there on
 *
 * Saves finding the entry again, and for pages of one group the counting. Of two
 * groups the next is held before the other is dropped, without waiting. Preemption
 * stays disabled, so that the caller has to bound how many bytes it goes on for.
 *
 * Context: that of the hold.
 * Return: true, and umem_hold_piece() is the next piece; or false, and @h is as it was:
 * the page is not translated, or its entry not near.
 */
static inline bool umem_hold_next(struct umem_hold *h, size_t len)
{
	if (h->at == h->last)
		return umem_hold_on(h, len);
	h->at++;
	return true;
}

long umem_fault(struct umem_export *ex, unsigned long va, size_t len,
		unsigned int flags);
long umem_fault_nowait(struct umem_export *ex, unsigned long va, size_t len,
		       unsigned int flags, u64 *fresh);

/*
 * A fault that runs in a worker. The job belongs to the layer and has references
 * of its own, so that a fault which blocks for ever never keeps the object that
 * asked for it alive. Every job is ended by exactly one umem_fault_cancel(),
 * before, during or after @done, or inside it.
 */
struct umem_fault_job;
typedef void (*umem_fault_done_t)(void *arg, long result);

struct umem_fault_job *umem_fault_async(struct umem_export *ex,
					unsigned long va, size_t len,
					unsigned int flags, gfp_t gfp,
					umem_fault_done_t done, void *arg);
u64 umem_fault_fresh(const struct umem_fault_job *job);
void umem_fault_cancel(struct umem_fault_job *job);

#endif /* _RDMA_UMEM_NOTIFIER_H */
