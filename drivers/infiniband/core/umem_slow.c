// SPDX-License-Identifier: GPL-2.0
/*
 * The slow road: access without the table, when invalidations are faster than
 * faults.
 *
 * An entry of the table may be made only while nothing is being invalidated,
 * so who invalidates without a pause keeps it from being made. The CPU needs no
 * such moment: it looks a page up and uses it in one step, and what takes the page
 * away waits for that step (the TLB flush). So here the CPU does it: a kernel
 * thread puts on the address space and moves the bytes at their user address, with
 * page faults disabled. Hence an access on this road
 *
 *	- never reaches a page that munmap() or anything else has taken away (N3);
 *	- progresses as an access of a thread of the process does: the lookup
 *	  that faults the page in is followed by the access within a few
 *	  instructions, with mmap_lock still held (N6);
 *	- leaves rights, dirtiness and age to the hardware (N7, N8, N9), and
 *	  keeps no page.
 *
 * The caller owns turns, so nothing here waits for anybody's user space: the
 * lookup does not wait for what is not there (FOLL_NOWAIT: userfaultfd, swap on a
 * disk, page locks). The file systems' own write handlers do wait whatever one
 * says; of their files only what is resident is taken. Both then end as -EAGAIN,
 * and a fault job waits instead.
 */
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#define COMPAT_MM
#define COMPAT_UACCESS
#include "../compat.h"
#include "umem_export.h"

#define UMEM_SLOW_TRIES	64	/* accesses in a row that find the page gone again */

/* What the CPU is to do at a user address. */
struct umem_slow {
	unsigned long va;
	void *buf;
	size_t len;
	unsigned int flags;	/* UMEM_READ or UMEM_WRITE */
	u64 *old, new;		/* compare and exchange, if @old */
};

/*
 * Page faults are disabled. Returns false if the page was not there, with what
 * has been moved already taken off. Words are moved whole.
 */
static bool umem_slow_step(struct umem_slow *s)
{
	void __user *at = (void __user *)s->va;
	unsigned long left;

	if (s->old)
		return compat_user_cmpxchg64(at, s->old, s->new);
	if (s->len == sizeof(u64) && IS_ALIGNED(s->va | (unsigned long)s->buf, sizeof(u64)))
		return s->flags & UMEM_WRITE ?
		       !__put_user(*(u64 *)s->buf, (u64 __user *)at) :
		       !__get_user(*(u64 *)s->buf, (u64 __user *)at);
	if (s->len == sizeof(u32) && IS_ALIGNED(s->va | (unsigned long)s->buf, sizeof(u32)))
		return s->flags & UMEM_WRITE ?
		       !__put_user(*(u32 *)s->buf, (u32 __user *)at) :
		       !__get_user(*(u32 *)s->buf, (u32 __user *)at);

	left = s->flags & UMEM_WRITE ? __copy_to_user_inatomic(at, s->buf, s->len) :
				       __copy_from_user_inatomic(s->buf, at, s->len);
	s->va += s->len - left;
	s->buf += s->len - left;
	s->len = left;
	return !left;
}

/* May a fault at @va be taken here, as far as the file behind it is concerned? */
static bool umem_slow_may_fault(struct mm_struct *mm, unsigned long va)
{
	struct vm_area_struct *vma = find_vma(mm, va);

	return !vma || !vma->vm_ops || !vma->vm_ops->page_mkwrite;
}

/* One try: 1 done, 0 the page went away in between, or an error. */
static int umem_slow_try(struct mm_struct *mm, struct umem_slow *s)
{
	unsigned int flags = s->flags;
	struct page *page;
	bool moved;
	long got;

	mmap_read_lock(mm);
	if (!umem_slow_may_fault(mm, s->va))
		flags |= UMEM_NOFAULT;
	got = compat_get_user_pages_remote(mm, s->va & PAGE_MASK, 1,
					   umem_gup_flags(flags) | FOLL_NOWAIT |
					   COMPAT_FOLL_NUMA_FAULT, &page, NULL);
	if (got == 1) {
		/* Only to see that a device may use it: the CPU looks again. */
		put_page(page);
		pagefault_disable();
		moved = umem_slow_step(s);
		pagefault_enable();
	}
	mmap_read_unlock(mm);
	if (got == 1)
		return moved;
	got = umem_gup_error(got, flags);
	return got == -ENOENT ? -EAGAIN : got;
}

static int umem_slow(struct umem_export *ex, struct umem_slow *s)
{
	struct mm_struct *mm = ex->mn.mm;
	bool mine = current->mm == mm;
	unsigned int i;
	int ret = 0;

	if (!mine && (current->mm || !(current->flags & PF_KTHREAD)))
		return -EINVAL;
	if (!s->len || s->va >= mm->task_size ||
	    s->len > PAGE_SIZE - offset_in_page(s->va))
		return -EFAULT;
	if (!mmget_not_zero(mm))
		return -ESRCH;
	if (!mine)
		kthread_use_mm(mm);
	for (i = 0; i < UMEM_SLOW_TRIES && !ret; i++) {
		ret = umem_slow_try(mm, s);
		cond_resched();
	}
	if (!mine)
		kthread_unuse_mm(mm);
	mmput_async(mm);
	if (ret <= 0)
		return ret ?: -EAGAIN;
	atomic64_inc(&ex->count.slow);
	return 0;
}

/**
 * umem_copy_slow() - move bytes to or from user memory without translating it
 * @ex: export
 * @va: first byte of user memory
 * @buf: kernel memory that is always there
 * @len: bytes, at least 1, not beyond the page of @va
 * @flags: UMEM_READ (into @buf) or UMEM_WRITE (from @buf)
 *
 * Aligned words of 4 and 8 bytes are moved whole. When it fails, some of the bytes
 * may have been moved.
 *
 * Context: a kernel thread without an address space, or a thread of this one;
 * sleeps, but waits for no user space. No lock that faulting needs is held.
 * Return: 0, or
 * -EAGAIN: the page is not there and would have to be waited for, or is taken
 *  away all the time: umem_fault(), then again;
 * -EFAULT, -EHWPOISON, -ESRCH, -ENOMEM, -EINTR: as umem_fault().
 */
int umem_copy_slow(struct umem_export *ex, unsigned long va, void *buf, size_t len,
		   unsigned int flags)
{
	struct umem_slow s = {
		.va = va, .buf = buf, .len = len, .flags = flags & UMEM_WRITE,
	};

	return umem_slow(ex, &s);
}
EXPORT_SYMBOL_GPL(umem_copy_slow);

/**
 * umem_cmpxchg_slow() - compare and exchange in user memory without translating it
 * @ex: export
 * @va: address of an aligned word of 8 bytes
 * @old: the value that @new is to replace; set to what was there
 * @new: new value
 *
 * Context: as umem_copy_slow().
 * Return: 0 with @old as it was if the word was exchanged, 0 with @old changed if
 * it was not; or an error, as umem_copy_slow().
 */
int umem_cmpxchg_slow(struct umem_export *ex, unsigned long va, u64 *old, u64 new)
{
	struct umem_slow s = {
		.va = va, .len = sizeof(u64), .flags = UMEM_WRITE,
		.old = old, .new = new,
	};

	if (!IS_ALIGNED(va, sizeof(u64)))
		return -EFAULT;
	return umem_slow(ex, &s);
}
EXPORT_SYMBOL_GPL(umem_cmpxchg_slow);
