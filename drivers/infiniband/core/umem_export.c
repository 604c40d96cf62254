// SPDX-License-Identifier: GPL-2.0
/*
 * Subscription of an export to its address space: lifetime, invalidation,
 * aging, and the two ends of an access.
 *
 * Lifetime
 *	The mmu notifier core keeps one subscription per (ops, mm) and counts its
 *	users. An export counts its own references, which may be taken in any
 *	context, and holds one user of the subscription from the first to the
 *	last of them. umem_export_get() does both under mmap_lock, so that getters
 *	do not race with each other; a last put may run at any time, and if a get
 *	comes between it and its mmu_notifier_put(), the get's user stays.
 *
 *	last put -> mmu_notifier_put -> SRCU -> free_notifier -> work -> kfree
 *
 *	The work runs because table and workqueue cannot be freed in an SRCU
 *	callback. The subscription holds a reference on the mm_struct (not on the
 *	address space) from registration until free_notifier has returned.
 *
 *	An export never keeps an address space alive. Filling does, with
 *	mmget_not_zero() for as long as it looks pages up and installs them, so
 *	that ->release cannot run under it; hence nothing is ever installed in a
 *	dead export.
 *
 * Invalidation
 *	range_start: umem_table_begin, umem_table_zap	(no device uses the range)
 *	the caller changes the page tables
 *	range_end: umem_table_prune, umem_table_end, wake the faulters
 *
 *	Neither takes a sleeping lock on any kernel, PREEMPT_RT included, where
 *	ordinary spinlocks sleep; so neither ever fails, blockable or not.
 *
 * Dirty pages
 *	A device's write is recorded where the page is looked up for writing: the
 *	lookup dirties the page as a CPU write does, before the entry exists.
 *	Whatever makes a page clean (writeback, MADV_FREE, reclaim, migration)
 *	notifies first, and range_start returns only after the last writer is
 *	through. The next write needs a new lookup. So nothing is left to be done
 *	at invalidation, where the page may not be ours to dirty any more.
 */
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#define COMPAT_MM
#include "../compat.h"
#include "umem_export.h"

#define CREATE_TRACE_POINTS
#include <trace/events/umem.h>

static_assert(UMEM_HOLD_ONE == UMEM_ENT_ONE);
static_assert(UMEM_HOLD_PAGES == UMEM_GROUP);

/* Frees exports. */
static struct workqueue_struct *umem_wq;

#ifdef CONFIG_DEBUG_LOCK_ALLOC
/*
 * Lockdep does not see the wait for a hold count. This map stands for it: read
 * locked by holders, who never wait and so count as trylocks, and write locked
 * by invalidations.
 */
static struct lock_class_key umem_hold_key;
struct lockdep_map umem_hold_map =
	STATIC_LOCKDEP_MAP_INIT("umem_hold", &umem_hold_key);
EXPORT_SYMBOL_GPL(umem_hold_map);

static void umem_zap_lockdep(void)
{
	rwsem_acquire(&umem_hold_map, 0, 0, _RET_IP_);
	rwsem_release(&umem_hold_map, _RET_IP_);
}

static void umem_hold_lockdep(void)
{
	rwsem_acquire_read(&umem_hold_map, 1, 1, _RET_IP_);
}
#else
static void umem_zap_lockdep(void)
{
}

static void umem_hold_lockdep(void)
{
}
#endif

/* The table is made of whole pages. */

void *umem_pages_alloc(gfp_t gfp, unsigned int order)
{
	return (void *)__get_free_pages(gfp | __GFP_ZERO | __GFP_COMP, order);
}

void umem_pages_free(void *p)
{
	struct page *page = virt_to_page(p);

	__free_pages(page, compound_order(page));
}

static void umem_pages_free_cb(struct rcu_head *rcu)
{
	struct page *page = container_of(rcu, struct page, rcu_head);

	__free_pages(page, compound_order(page));
}

void umem_pages_free_rcu(void *p)
{
	call_rcu(&virt_to_page(p)->rcu_head, umem_pages_free_cb);
}

/* Notifier operations */

static struct umem_export *umem_export_of(struct mmu_notifier *mn)
{
	return container_of(mn, struct umem_export, mn);
}

static void umem_zap(struct umem_export *ex, unsigned long start,
		     unsigned long end, bool may_sleep)
{
	unsigned long zapped;

	umem_zap_lockdep();
	zapped = umem_table_zap(&ex->table, start, end, may_sleep);
	if (zapped) {
		atomic64_inc(&ex->count.invalidations);
		atomic64_add(zapped, &ex->count.invalidated_pages);
		trace_umem_zap(ex->mn.mm, start, end, zapped);
	}
}

static void umem_wake(struct umem_export *ex)
{
	/* Full barrier first: pairs with the one of the sleeper's enqueueing. */
	if (swq_has_sleeper(&ex->wait))
		swake_up_all(&ex->wait);
}

static int umem_invalidate_start(struct mmu_notifier *mn,
				 const struct mmu_notifier_range *range)
{
	struct umem_export *ex = umem_export_of(mn);

	umem_table_begin(&ex->table, range->start, range->end);
	umem_zap(ex, range->start, range->end,
		 mmu_notifier_range_blockable(range));
	return 0;
}

static void umem_invalidate_end(struct mmu_notifier *mn,
				const struct mmu_notifier_range *range)
{
	struct umem_export *ex = umem_export_of(mn);

	if (range->event == MMU_NOTIFY_UNMAP)
		umem_table_prune(&ex->table, range->start, range->end);
	umem_table_end(&ex->table, range->start, range->end);
	umem_wake(ex);
}

/*
 * For comparison only: reclaim as it is for devices that do not tell what they
 * use. The bits stay as they are, so that switching it back changes nothing else.
 */
static bool no_aging;
module_param(no_aging, bool, 0644);
MODULE_PARM_DESC(no_aging, "hide from reclaim what devices use, for comparison (default: N)");

static bool umem_young(struct mmu_notifier *mn, unsigned long start,
		       unsigned long end, bool clear)
{
	if (unlikely(READ_ONCE(no_aging)))
		return false;
	return umem_table_young(&umem_export_of(mn)->table, start, end, clear);
}

static compat_young_t umem_clear_young(struct mmu_notifier *mn,
				       struct mm_struct *mm,
				       unsigned long start, unsigned long end)
{
	return umem_young(mn, start, end, true);
}

static compat_young_t umem_test_young(struct mmu_notifier *mn,
				      struct mm_struct *mm, unsigned long va)
{
	return umem_young(mn, va, va + 1, false);
}

static void umem_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct umem_export *ex = umem_export_of(mn);

	/*
	 * No filler is at work, and none will be: they need a user of @mm. An
	 * invalidation may be running whose end we shall not be told.
	 */
	WRITE_ONCE(ex->dead, true);
	umem_zap(ex, 0, ULONG_MAX, true);
	umem_wake(ex);
}

/* All exports, and what those that are gone have counted. */
static DEFINE_SPINLOCK(umem_exports_lock);
static LIST_HEAD(umem_exports);
static struct umem_stats umem_past;

static void umem_stats_add(struct umem_export *ex, struct umem_stats *st)
{
	struct umem_counters *c = &ex->count;

	st->faults += atomic64_read(&c->faults);
	st->fault_pages += atomic64_read(&c->fault_pages);
	st->prefetches += atomic64_read(&c->prefetches);
	st->prefetch_pages += atomic64_read(&c->prefetch_pages);
	st->invalidations += atomic64_read(&c->invalidations);
	st->invalidated_pages += atomic64_read(&c->invalidated_pages);
	st->retries += atomic64_read(&c->retries);
	st->slow += atomic64_read(&c->slow);
	st->resident += atomic_long_read(&ex->table.resident);
	st->leaves += atomic_long_read(&ex->table.leaves);
	st->interior += atomic_long_read(&ex->table.interior);
}

static void umem_export_list(struct umem_export *ex)
{
	spin_lock(&umem_exports_lock);
	list_add(&ex->node, &umem_exports);
	spin_unlock(&umem_exports_lock);
}

static void umem_export_unlist(struct umem_export *ex)
{
	spin_lock(&umem_exports_lock);
	list_del(&ex->node);
	umem_stats_add(ex, &umem_past);
	umem_past.resident = 0;
	umem_past.leaves = 0;
	umem_past.interior = 0;
	spin_unlock(&umem_exports_lock);
}

static void umem_export_free(struct umem_export *ex)
{
	umem_export_unlist(ex);
	umem_fault_exit(ex);
	umem_table_destroy(&ex->table);
	kfree(ex);
}

static void umem_export_free_work(struct work_struct *work)
{
	umem_export_free(container_of(work, struct umem_export, free_work));
}

static struct mmu_notifier *umem_alloc_notifier(struct mm_struct *mm)
{
	struct umem_export *ex;
	int ret;

	ex = kzalloc(sizeof(*ex), GFP_KERNEL_ACCOUNT);
	if (!ex)
		return ERR_PTR(-ENOMEM);
	ret = umem_table_init(&ex->table, fls64(mm->task_size - 1));
	if (ret) {
		kfree(ex);
		return ERR_PTR(ret);
	}
	init_swait_queue_head(&ex->wait);
	INIT_WORK(&ex->free_work, umem_export_free_work);
	umem_export_list(ex);
	return &ex->mn;
}

static void umem_free_notifier(struct mmu_notifier *mn)
{
	queue_work(umem_wq, &umem_export_of(mn)->free_work);
}

static const struct mmu_notifier_ops umem_notifier_ops = {
	.release		= umem_release,
	.clear_flush_young	= umem_clear_young,
	.clear_young		= umem_clear_young,
	.test_young		= umem_test_young,
	.invalidate_range_start	= umem_invalidate_start,
	.invalidate_range_end	= umem_invalidate_end,
	.alloc_notifier		= umem_alloc_notifier,
	.free_notifier		= umem_free_notifier,
};

/**
 * umem_export_get() - find or create the export of an address space
 * @mm: address space; the caller holds a user of it (current->mm does)
 *
 * Context: process; takes mmap_lock for writing. The first call for an address
 * space waits for its other users, so call it once a device context rather
 * than once a registration.
 * Return: a reference for umem_export_put(), or an ERR_PTR.
 */
struct umem_export *umem_export_get(struct mm_struct *mm)
{
	struct mmu_notifier *mn;
	struct umem_export *ex;
	int ret;

	mmap_write_lock(mm);
	mn = mmu_notifier_get_locked(&umem_notifier_ops, mm);
	if (IS_ERR(mn)) {
		mmap_write_unlock(mm);
		return ERR_CAST(mn);
	}
	ex = umem_export_of(mn);
	/* With references there is a user of @mn already: give ours back. */
	if (refcount_inc_not_zero(&ex->refs))
		mmu_notifier_put(mn);
	else
		refcount_set(&ex->refs, 1);
	mmap_write_unlock(mm);

	ret = umem_fault_init(ex);
	if (ret) {
		umem_export_put(ex);
		return ERR_PTR(ret);
	}
	return ex;
}
EXPORT_SYMBOL_GPL(umem_export_get);

/**
 * umem_export_put() - drop a reference
 * @ex: export
 *
 * Context: process, sleeping allowed. Does not wait for anything: accesses
 * and fault jobs have references of their own.
 */
void umem_export_put(struct umem_export *ex)
{
	if (refcount_dec_and_test(&ex->refs))
		mmu_notifier_put(&ex->mn);
}
EXPORT_SYMBOL_GPL(umem_export_put);

/**
 * umem_export_ref() - take one more reference
 * @ex: export the caller has a reference of
 *
 * Context: any.
 * Return: @ex.
 */
struct umem_export *umem_export_ref(struct umem_export *ex)
{
	refcount_inc(&ex->refs);
	return ex;
}
EXPORT_SYMBOL_GPL(umem_export_ref);

/**
 * umem_export_find() - the export of an address space, if there is one
 * @mm: address space; the caller has a reference of the mm_struct
 *
 * Context: process.
 * Return: a reference for umem_export_put(), or NULL.
 */
struct umem_export *umem_export_find(struct mm_struct *mm)
{
	struct umem_export *ex;

	/* One that is being made or freed has the address and no reference. */
	spin_lock(&umem_exports_lock);
	list_for_each_entry(ex, &umem_exports, node)
		if (READ_ONCE(ex->mn.mm) == mm && refcount_inc_not_zero(&ex->refs))
			goto out;
	ex = NULL;
out:
	spin_unlock(&umem_exports_lock);
	return ex;
}

/**
 * umem_export_mm() - the address space of an export
 * @ex: export
 *
 * Context: any.
 * Return: the mm_struct, there as long as @ex is; it may have no users left.
 */
struct mm_struct *umem_export_mm(struct umem_export *ex)
{
	return ex->mn.mm;
}
EXPORT_SYMBOL_GPL(umem_export_mm);

/*
 * Find what is wanted from the page of @e on, which is of the group held and has value
 * @v, as far as the group goes and is translated.
 */
static void umem_hold_pieces(struct umem_hold *h, atomic64_t *e, u64 v,
			     unsigned int offset, size_t len)
{
	size_t wanted = DIV_ROUND_UP(offset + min(len, UMEM_HOLD_MAX), PAGE_SIZE);
	unsigned int i = 1, n = min_t(size_t, wanted, umem_entry_left(e));
	struct umem_piece *piece = h->piece;
	unsigned int start = offset;
	u64 next;

	piece->kaddr = phys_to_virt(PFN_PHYS(v & UMEM_ENT_PFN)) + offset;
	for (;; i++) {
		/* Often it is the next frame, with all flags as they are to be. */
		while (i < n && atomic64_read_acquire(&e[i]) == v + i)
			i++;
		if (i == n || !umem_entry_use(&e[i], h->flags, &next))
			break;
		if ((next ^ (v + i)) & UMEM_ENT_PFN) {
			piece->len = i * PAGE_SIZE - start;
			start = i * PAGE_SIZE;
			piece++;
			piece->kaddr = phys_to_virt(PFN_PHYS(next & UMEM_ENT_PFN));
		}
		v = next - i;
	}
	piece->len = i * PAGE_SIZE - start;
	h->entry = &e[i - 1];
	h->at = 0;
	h->last = piece - h->piece;
}

/**
 * umem_hold() - use some user memory if it is translated
 * @ex: export
 * @va: address of the first byte wanted
 * @len: bytes wanted
 * @flags: UMEM_READ or UMEM_WRITE
 * @h: filled on success: what is wanted, as far as it is found in one go; see
 *	umem_hold_piece(), umem_hold_next()
 *
 * Context: any up to softirq. On success returns with preemption disabled;
 * umem_drop() ends that. In between do not sleep, fault, allocate, or take a
 * lock, and touch the piece only.
 * Return: 0; -EAGAIN if the page is not translated, or not for writing, or a page
 * near it is being invalidated, which umem_fault() may cure; -ESRCH if the address
 * space is dead.
 */
int umem_hold(struct umem_export *ex, unsigned long va, size_t len,
	      unsigned int flags, struct umem_hold *h)
{
	atomic64_t *e;
	u64 v;

	preempt_disable();
	e = umem_table_entry(&ex->table, va);
	if (unlikely(!e || !umem_entry_hold(e, flags & UMEM_WRITE, &v))) {
		preempt_enable();
		return READ_ONCE(ex->dead) ? -ESRCH : -EAGAIN;
	}
	umem_hold_lockdep();
	h->group = umem_entry_group(e);
	h->flags = flags & UMEM_WRITE;
	umem_hold_pieces(h, e, v, offset_in_page(va), len);
	return 0;
}
EXPORT_SYMBOL_GPL(umem_hold);

/**
 * umem_hold_on() - go on from the last of the pieces found
 * @h: hold of umem_hold(), the access to its pieces complete
 * @len: bytes wanted from there on
 *
 * For umem_hold_next().
 *
 * Context: that of the hold.
 * Return: as umem_hold_next().
 */
bool umem_hold_on(struct umem_hold *h, size_t len)
{
	atomic64_t *e = h->entry + 1;
	u64 v;

	if (umem_entry_group(e) == h->group) {
		if (!umem_entry_use(e, h->flags, &v))
			return false;
	} else {
		/* A leaf is a page. */
		if (!((unsigned long)e & ~PAGE_MASK) ||
		    !umem_entry_hold(e, h->flags, &v))
			return false;
		umem_entry_drop(h->group);
		h->group = e;
	}
	umem_hold_pieces(h, e, v, 0, len);
	return true;
}
EXPORT_SYMBOL_GPL(umem_hold_on);

/**
 * umem_export_stats() - read the counters of an export
 * @ex: export, or NULL for the sum over all there are and have been
 * @st: filled
 *
 * Context: process.
 */
void umem_export_stats(struct umem_export *ex, struct umem_stats *st)
{
	if (ex) {
		*st = (struct umem_stats) {};
		umem_stats_add(ex, st);
		return;
	}

	spin_lock(&umem_exports_lock);
	*st = umem_past;
	list_for_each_entry(ex, &umem_exports, node)
		umem_stats_add(ex, st);
	spin_unlock(&umem_exports_lock);
}
EXPORT_SYMBOL_GPL(umem_export_stats);

/**
 * umem_range_resident() - how much of a range is translated
 * @ex: export
 * @va: first byte
 * @len: length in bytes
 *
 * Context: process; may be scheduled away.
 * Return: bytes, a multiple of the page size: pages that the range covers in
 * part count whole. Approximate while others fault and invalidate.
 */
u64 umem_range_resident(struct umem_export *ex, unsigned long va, size_t len)
{
	unsigned long end;

	if (!len)
		return 0;
	if (check_add_overflow(va, len, &end))
		end = ULONG_MAX;
	return (u64)umem_table_resident(&ex->table, va, end) << PAGE_SHIFT;
}
EXPORT_SYMBOL_GPL(umem_range_resident);

static int __init umem_init(void)
{
	int ret;

	umem_wq = alloc_workqueue("umem", WQ_UNBOUND, 0);
	if (!umem_wq)
		return -ENOMEM;
	ret = umem_watch_init();
	if (ret)
		destroy_workqueue(umem_wq);
	return ret;
}

static void __exit umem_exit(void)
{
	umem_watch_exit();
	/*
	 * The modules that use us are gone, and so are their references. What
	 * is left is on its way: subscription, export, pages of tables.
	 */
	mmu_notifier_synchronize();
	destroy_workqueue(umem_wq);
	rcu_barrier();
}

module_init(umem_init);
module_exit(umem_exit);

MODULE_DESCRIPTION("Translation of user memory without pinning");
MODULE_LICENSE("GPL");
