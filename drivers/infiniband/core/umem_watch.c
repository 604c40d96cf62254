// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/umem_notifier: watched ranges, residency and statistics of the caller's
 * own address space. The user's view is in <uapi/rdma/umem_notifier.h>.
 *
 * Subscription
 *	A file with ranges has a subscription of its own to the mmu notifier,
 *	beside that of the export: who watches pinned memory of a real RDMA device
 *	exports nothing and shall not pay for a translation table, its aging or
 *	its workqueue. It has an interval tree of its own, too, rather than an
 *	interval notifier for each range, because the kernel defers the insertion of
 *	those while any invalidation runs: adding would have to wait, without
 *	bound while others churn. Here a range counts from the moment it is added.
 *
 *	The subscription is made with the first range and ends with the file, so
 *	that neither a process nor a file that watches nothing costs anything.
 *
 * Reporting
 *	At the end of an invalidation and not at its start: who sees a report and
 *	registers the memory again must find what comes after, not the pages that are
 *	about to go. The end comes before munmap() and the like return.
 *
 *	The callback takes @lock only, a raw spinlock, and allocates nothing, so it
 *	works for non-blockable invalidations, on PREEMPT_RT too; wakeups, whose
 *	lock sleeps there, are left to irq_work. A range is on the pending list or
 *	not and its events add up, so that nothing can overflow.
 *
 * Locks
 *	mutex		adding, removing, reading; user memory may fault under it
 *	  mmap_lock	by mmu_notifier_register() and those faults
 *	    lock	tree, pending list, generation; innermost
 *
 *	Hence ->mmap, which is called under mmap_lock, takes no mutex.
 *
 * Lifetime
 *	The file keeps the mm_struct, not the address space. ->release of the
 *	notifier may come at any time before that of the file, which ends
 *	callbacks and irq_work before it frees.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/interval_tree.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mmu_notifier.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <uapi/rdma/umem_notifier.h>

#define COMPAT_MM
#include "../compat.h"
#include "umem_export.h"

/**
 * struct umem_watch - an open file
 * @mn: subscription, if @registered
 * @mm: address space that opened the file; a reference of the mm_struct
 * @mutex: see above
 * @registered: @mn is; under @mutex
 * @nr: ranges; under @mutex
 * @ids: ranges by id; under @mutex
 * @lock: see above
 * @tree: ranges by address; under @lock
 * @pending: ranges with an event; under @lock
 * @generation: as in @page, which user space can but read; under @lock
 * @page: what is mapped
 * @wake: wakes @wait
 * @wait: readers and pollers
 */
struct umem_watch {
	struct mmu_notifier mn;
	struct mm_struct *mm;
	struct mutex mutex;
	bool registered;
	unsigned int nr;
	struct xarray ids;
	raw_spinlock_t lock;
	struct rb_root_cached tree;
	struct list_head pending;
	u64 generation;
	struct umem_watch_page *page;
	struct irq_work wake;
	wait_queue_head_t wait;
};

/**
 * struct umem_watched - a range
 * @node: in the tree; inclusive
 * @pending: on the pending list if @events is not 0
 * @cookie: user's
 * @id: index in ids
 * @flags: UMEM_WATCH_F_*
 * @events: UMEM_WATCH_*, not yet read
 * @first: lowest address concerned
 * @last: highest
 */
struct umem_watched {
	struct interval_tree_node node;
	struct list_head pending;
	u64 cookie;
	u32 id;
	u32 flags;
	u32 events;
	unsigned long first;
	unsigned long last;
};

/* Reporting */

static void umem_watch_mark(struct umem_watch *w, struct umem_watched *r, u32 event,
			    unsigned long first, unsigned long last)
{
	lockdep_assert_held(&w->lock);

	first = max(first, r->node.start);
	last = min(last, r->node.last);
	if (r->events) {
		r->first = min(first, r->first);
		r->last = max(last, r->last);
	} else {
		r->first = first;
		r->last = last;
		list_add_tail(&r->pending, &w->pending);
		WRITE_ONCE(w->page->pending, w->page->pending + 1);
	}
	r->events |= event;
}

static void umem_watch_unmark(struct umem_watch *w, struct umem_watched *r)
{
	lockdep_assert_held(&w->lock);

	if (!r->events)
		return;
	list_del(&r->pending);
	r->events = 0;
	WRITE_ONCE(w->page->pending, w->page->pending - 1);
}

static void umem_watch_report(struct umem_watch *w, u32 event, unsigned long first,
			      unsigned long last)
{
	struct interval_tree_node *node;
	bool any = false;

	raw_spin_lock(&w->lock);
	for (node = interval_tree_iter_first(&w->tree, first, last); node;
	     node = interval_tree_iter_next(node, first, last)) {
		struct umem_watched *r = container_of(node, struct umem_watched, node);

		if (event == UMEM_WATCH_CLEARED && !(r->flags & UMEM_WATCH_F_CLEAR))
			continue;
		umem_watch_mark(w, r, event, first, last);
		any = true;
	}
	/* Release: who sees the generation sees the events. */
	if (any)
		smp_store_release(&w->page->generation, ++w->generation);
	raw_spin_unlock(&w->lock);
	if (any)
		irq_work_queue(&w->wake);
}

static void umem_watch_wake(struct irq_work *work)
{
	wake_up_interruptible(&container_of(work, struct umem_watch, wake)->wait);
}

static void umem_watch_invalidate_end(struct mmu_notifier *mn,
				      const struct mmu_notifier_range *range)
{
	struct umem_watch *w = container_of(mn, struct umem_watch, mn);
	u32 event;

	switch (range->event) {
	case MMU_NOTIFY_UNMAP:
		event = UMEM_WATCH_UNMAPPED;
		break;
	case MMU_NOTIFY_CLEAR:
		event = UMEM_WATCH_CLEARED;
		break;
	default:
		return;
	}
	umem_watch_report(w, event, range->start, range->end - 1);
}

static void umem_watch_mm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct umem_watch *w = container_of(mn, struct umem_watch, mn);

	WRITE_ONCE(w->page->state, UMEM_WATCH_GONE);
	umem_watch_report(w, UMEM_WATCH_UNMAPPED, 0, ULONG_MAX);
}

static const struct mmu_notifier_ops umem_watch_ops = {
	.release		= umem_watch_mm_release,
	.invalidate_range_end	= umem_watch_invalidate_end,
};

/* Ranges */

static int umem_watch_insert(struct umem_watch *w, struct umem_watched *r)
{
	int ret;

	lockdep_assert_held(&w->mutex);
	if (w->nr >= UMEM_WATCH_MAX)
		return -ENOSPC;
	if (!w->registered) {
		w->mn.ops = &umem_watch_ops;
		ret = mmu_notifier_register(&w->mn, w->mm);
		if (ret)
			return ret;
		w->registered = true;
	}
	ret = xa_alloc(&w->ids, &r->id, r, xa_limit_31b, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	w->nr++;
	raw_spin_lock(&w->lock);
	interval_tree_insert(&r->node, &w->tree);
	raw_spin_unlock(&w->lock);
	return 0;
}

static int umem_watch_remove(struct umem_watch *w, u32 id)
{
	struct umem_watched *r;

	lockdep_assert_held(&w->mutex);
	r = xa_erase(&w->ids, id);
	if (!r)
		return -ENOENT;
	w->nr--;
	raw_spin_lock(&w->lock);
	interval_tree_remove(&r->node, &w->tree);
	umem_watch_unmark(w, r);
	raw_spin_unlock(&w->lock);
	kfree(r);
	return 0;
}

/* First and last byte of a range of user space. */
static int umem_watch_bounds(struct umem_watch *w, u64 start, u64 length,
			     unsigned long *first, unsigned long *last)
{
	u64 end;

	if (!length || check_add_overflow(start, length, &end) || end > w->mm->task_size)
		return -EINVAL;
	*first = start;
	*last = end - 1;
	return 0;
}

static long umem_watch_add(struct umem_watch *w, struct umem_watch_range __user *arg)
{
	struct umem_watch_range range;
	struct umem_watched *r;
	int ret;

	if (copy_from_user(&range, arg, sizeof(range)))
		return -EFAULT;
	if (range.flags & ~UMEM_WATCH_F_CLEAR)
		return -EINVAL;
	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	r->cookie = range.cookie;
	r->flags = range.flags;
	ret = umem_watch_bounds(w, range.start, range.length, &r->node.start, &r->node.last);
	if (ret)
		goto free;

	ret = mutex_lock_interruptible(&w->mutex);
	if (ret)
		goto free;
	ret = umem_watch_insert(w, r);
	if (ret) {
		mutex_unlock(&w->mutex);
		goto free;
	}
	/* Under the mutex nobody else removes it. */
	if (put_user(r->id, &arg->id)) {
		umem_watch_remove(w, r->id);
		ret = -EFAULT;
	}
	mutex_unlock(&w->mutex);
	return ret;
free:
	kfree(r);
	return ret;
}

static long umem_watch_del(struct umem_watch *w, const __u32 __user *arg)
{
	u32 id;
	int ret;

	if (get_user(id, arg))
		return -EFAULT;
	ret = mutex_lock_interruptible(&w->mutex);
	if (ret)
		return ret;
	ret = umem_watch_remove(w, id);
	mutex_unlock(&w->mutex);
	return ret;
}

/* Move the oldest event to user space: 1, or 0 if there is none. */
static int umem_watch_read_one(struct umem_watch *w, struct umem_watch_event __user *buf)
{
	struct umem_watch_event ev = { };
	struct umem_watched *r;
	int ret = 0;

	lockdep_assert_held(&w->mutex);
	raw_spin_lock(&w->lock);
	r = list_first_entry_or_null(&w->pending, struct umem_watched, pending);
	if (r) {
		ev.cookie = r->cookie;
		ev.start = r->first;
		ev.length = (u64)r->last - r->first + 1;
		ev.id = r->id;
		ev.events = r->events;
		umem_watch_unmark(w, r);
	}
	raw_spin_unlock(&w->lock);
	if (!r)
		return 0;

	ret = 1;
	if (copy_to_user(buf, &ev, sizeof(ev))) {
		/* Not lost: the mutex has kept the range. */
		raw_spin_lock(&w->lock);
		umem_watch_mark(w, r, ev.events, ev.start, ev.start + ev.length - 1);
		raw_spin_unlock(&w->lock);
		ret = -EFAULT;
	}
	return ret;
}

static ssize_t umem_watch_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct umem_watch_event __user *ev = (void __user *)buf;
	size_t nr = size / sizeof(*ev), done = 0;
	struct umem_watch *w = file->private_data;
	int ret;

	if (current->mm != w->mm)
		return -EPERM;
	if (!nr)
		return -EINVAL;
	for (;;) {
		ret = mutex_lock_interruptible(&w->mutex);
		if (ret)
			return ret;
		while (done < nr && (ret = umem_watch_read_one(w, ev + done)) > 0)
			done++;
		mutex_unlock(&w->mutex);
		if (done)
			return done * sizeof(*ev);
		if (ret)
			return ret;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(w->wait, READ_ONCE(w->page->pending));
		if (ret)
			return ret;
	}
}

static __poll_t umem_watch_poll(struct file *file, struct poll_table_struct *table)
{
	struct umem_watch *w = file->private_data;

	poll_wait(file, &w->wait, table);
	return READ_ONCE(w->page->pending) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* Residency and statistics */

static u8 umem_watch_page_state(struct umem_table *t, unsigned long va)
{
	atomic64_t *e;
	u8 state = 0;
	u64 v = 0;

	rcu_read_lock();
	e = umem_table_entry(t, va);
	if (e)
		v = atomic64_read(e);
	rcu_read_unlock();

	if (v & UMEM_ENT_VALID) {
		state = UMEM_PAGE_TRANSLATED;
		if (v & UMEM_ENT_WRITE)
			state |= UMEM_PAGE_WRITE;
		if (v & UMEM_ENT_ACCESSED)
			state |= UMEM_PAGE_ACCESSED;
	}
	return state;
}

/* Fill @vec for [@va, @end], a chunk at a time through @chunk. */
static int umem_watch_fill(struct umem_table *t, unsigned long va, unsigned long end,
			   u8 *chunk, u8 __user *vec, u64 *translated)
{
	while (va < end) {
		size_t i, nr = min_t(unsigned long, (end - va) >> PAGE_SHIFT, PAGE_SIZE);

		for (i = 0; i < nr; i++, va += PAGE_SIZE) {
			chunk[i] = umem_watch_page_state(t, va);
			*translated += chunk[i] & UMEM_PAGE_TRANSLATED;
		}
		if (copy_to_user(vec, chunk, nr))
			return -EFAULT;
		vec += nr;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static long umem_watch_residency(struct umem_watch *w, struct umem_residency __user *arg)
{
	unsigned long first, last;
	struct umem_residency res;
	struct umem_export *ex;
	u8 *chunk;
	int ret;

	if (copy_from_user(&res, arg, sizeof(res)))
		return -EFAULT;
	ret = umem_watch_bounds(w, res.start, res.length, &first, &last);
	if (ret)
		return ret;
	if (offset_in_page(first))
		return -EINVAL;
	ex = umem_export_find(w->mm);
	if (!ex)
		return -ENOENT;
	ret = -ENOMEM;
	chunk = (u8 *)__get_free_page(GFP_KERNEL);
	if (chunk) {
		res.translated = 0;
		ret = umem_watch_fill(&ex->table, first, PAGE_ALIGN(last + 1), chunk,
				      u64_to_user_ptr(res.vec), &res.translated);
		free_page((unsigned long)chunk);
	}
	umem_export_put(ex);
	if (!ret && put_user(res.translated, &arg->translated))
		ret = -EFAULT;
	return ret;
}

static long umem_watch_info(struct umem_watch *w, struct umem_export_info __user *arg)
{
	struct umem_export_info info = { };
	struct umem_export *ex;
	struct umem_stats st;

	ex = umem_export_find(w->mm);
	if (!ex)
		return -ENOENT;
	umem_export_stats(ex, &st);
	umem_export_put(ex);

	info.faults = st.faults;
	info.fault_pages = st.fault_pages;
	info.prefetches = st.prefetches;
	info.prefetch_pages = st.prefetch_pages;
	info.invalidations = st.invalidations;
	info.invalidated_pages = st.invalidated_pages;
	info.retries = st.retries;
	info.slow = st.slow;
	info.resident = st.resident;
	info.table_pages = st.leaves;
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

/* File */

static long umem_watch_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct umem_watch *w = file->private_data;
	void __user *uarg = (void __user *)arg;

	if (current->mm != w->mm)
		return -EPERM;
	switch (cmd) {
	case UMEM_IOC_WATCH_ADD:
		return umem_watch_add(w, uarg);
	case UMEM_IOC_WATCH_DEL:
		return umem_watch_del(w, uarg);
	case UMEM_IOC_RESIDENCY:
		return umem_watch_residency(w, uarg);
	case UMEM_IOC_INFO:
		return umem_watch_info(w, uarg);
	default:
		return -ENOTTY;
	}
}

static int umem_watch_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct umem_watch *w = file->private_data;

	if (vma->vm_mm != w->mm)
		return -EPERM;
	if (vma->vm_pgoff || vma->vm_end - vma->vm_start != PAGE_SIZE ||
	    !(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	compat_vm_flags_clear(vma, VM_MAYWRITE);
	return vm_insert_page(vma, vma->vm_start, virt_to_page(w->page));
}

static int umem_watch_open(struct inode *inode, struct file *file)
{
	struct umem_watch *w;

	if (!current->mm)
		return -EINVAL;
	w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		return -ENOMEM;
	w->page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!w->page) {
		kfree(w);
		return -ENOMEM;
	}
	mutex_init(&w->mutex);
	raw_spin_lock_init(&w->lock);
	xa_init_flags(&w->ids, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	w->tree = RB_ROOT_CACHED;
	INIT_LIST_HEAD(&w->pending);
	init_irq_work(&w->wake, umem_watch_wake);
	init_waitqueue_head(&w->wait);
	mmgrab(current->mm);
	w->mm = current->mm;
	file->private_data = w;
	return stream_open(inode, file);
}

static int umem_watch_release(struct inode *inode, struct file *file)
{
	struct umem_watch *w = file->private_data;
	struct umem_watched *r;
	unsigned long id;

	if (w->registered)
		mmu_notifier_unregister(&w->mn, w->mm);
	irq_work_sync(&w->wake);
	xa_for_each(&w->ids, id, r)
		kfree(r);
	xa_destroy(&w->ids);
	/* A mapping, if any, went before the file; its page is ours alone. */
	free_page((unsigned long)w->page);
	mmdrop(w->mm);
	kfree(w);
	return 0;
}

static const struct file_operations umem_watch_fops = {
	.owner		= THIS_MODULE,
	.open		= umem_watch_open,
	.release	= umem_watch_release,
	.read		= umem_watch_read,
	.poll		= umem_watch_poll,
	.mmap		= umem_watch_mmap,
	.unlocked_ioctl	= umem_watch_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice umem_watch_dev = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "umem_notifier",
	.fops	= &umem_watch_fops,
	.mode	= 0666,
};

/**
 * umem_watch_init() - make the device
 *
 * Context: process; module load.
 * Return: 0 or -errno.
 */
int umem_watch_init(void)
{
	return misc_register(&umem_watch_dev);
}

/**
 * umem_watch_exit() - undo umem_watch_init()
 *
 * Context: process; module exit, when no file is open.
 */
void umem_watch_exit(void)
{
	misc_deregister(&umem_watch_dev);
}
