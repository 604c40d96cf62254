// SPDX-License-Identifier: GPL-2.0
/*
 * Filling the table, here and in jobs.
 *
 * Filling looks pages up, UMEM_BATCH at a time, as process_vm_readv() does, enters
 * them and gives them back at once; nothing keeps a page. Pages are looked up
 * for writing only to be written, and entered with the rights they were looked
 * up with, so the first write after a read is a fault of its own.
 *
 * Writing that breaks copy-on-write notifies of the old page, so the lookup
 * itself makes the first install fail; the next finds the new page. After
 * UMEM_TRIES installs in a row that lost the race, the caller is told -EAGAIN
 * and goes the slow road, which enters nothing: umem_slow.c.
 *
 * A lookup may block for ever (userfaultfd, FUSE). It holds a user of the
 * address space meanwhile, a reference of the export, and nothing else.
 *
 * Jobs
 *	Each export has a workqueue of its own, so that blocked faults take
 *	workers from nobody but the address space that blocks them. A job has two
 *	references: the worker's and the caller's. The worker's ends when the
 *	fault has ended, or when a cancel finds the job not started; with it end
 *	the references of export and module. The caller's ends in
 *	umem_fault_cancel().
 *
 *	    QUEUED --worker--> CALLING --> ENDED	done() runs in CALLING
 *	    QUEUED --cancel--> cancelled		done() never runs
 *
 *	Both change under the job's lock, the innermost.
 */
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#define COMPAT_MM
#include "../compat.h"
#include "umem_export.h"

#include <trace/events/umem.h>

#define UMEM_BATCH	64	/* pages a lookup */
#define UMEM_TRIES	8	/* installs in a row that may lose the race */

/**
 * struct umem_fault_job - a fault that runs in a worker
 * @work: on the export's workqueue
 * @ex: what to fault; a reference
 * @va: first byte
 * @len: bytes
 * @flags: UMEM_*
 * @done: whom to tell
 * @arg: for @done
 * @refs: worker and caller
 * @lock: of @state
 * @state: see above
 * @cancelled: see above; also read without @lock, as a hint to stop early
 * @fresh: entries that the fault made valid; written before @done
 * @worker: task that runs @done, from CALLING on
 * @ended: completed after @done
 */
struct umem_fault_job {
	struct work_struct work;
	struct umem_export *ex;
	unsigned long va;
	size_t len;
	unsigned int flags;
	umem_fault_done_t done;
	void *arg;
	refcount_t refs;
	spinlock_t lock;
	enum { QUEUED, CALLING, ENDED } state;
	bool cancelled;
	u64 fresh;
	struct task_struct *worker;
	struct completion ended;
};

/* One umem_fault() at work. */
struct umem_filling {
	struct umem_export *ex;
	unsigned int flags;
	const bool *stop;	/* set when nobody wants it any more; or NULL */
	bool nowait;		/* what would have to be waited for is not there */
	u64 batches;		/* lookups made */
	u64 fresh;		/* entries that became valid */
};

/**
 * umem_gup_flags() - flags of a lookup
 * @flags: UMEM_*
 */
unsigned int umem_gup_flags(unsigned int flags)
{
	/* HWPOISON only makes the error say so. */
	unsigned int gup_flags = FOLL_HWPOISON;

	if (flags & UMEM_WRITE)
		gup_flags |= FOLL_WRITE;
	if (flags & UMEM_NOFAULT)
		gup_flags |= FOLL_NOFAULT;
	return gup_flags;
}

/**
 * umem_gup_error() - what a failed lookup means
 * @err: what it returned, 0 included
 * @flags: UMEM_*
 *
 * Return: as of umem_fault(), and -ENOENT: not resident.
 */
int umem_gup_error(long err, unsigned int flags)
{
	switch (err) {
	case -EFAULT:
		return flags & UMEM_NOFAULT ? -ENOENT : -EFAULT;
	case -ENOMEM:
	case -EHWPOISON:
		return err;
	case 0:
	case -EAGAIN:
	case -EBUSY:
		return -EAGAIN;
	case -EINTR:
	case -ERESTARTSYS:
		return -EINTR;
	default:
		return -EFAULT;
	}
}

/*
 * If something that may cover @va is being invalidated, wait until that has
 * ended. Others may have begun meanwhile: they are the caller's next try.
 */
static void umem_wait_invalidation(struct umem_export *ex, unsigned long va)
{
	long snap = umem_table_snap(&ex->table, va);

	swait_event_idle_exclusive(ex->wait,
				   !umem_table_active(&ex->table, va) ||
				   umem_table_snap(&ex->table, va) != snap ||
				   READ_ONCE(ex->dead));
}

/*
 * Look @nr pages of one leaf up and enter them. Returns how many were, from
 * the first; -EAGAIN if the install lost the race; or the lookup's error.
 */
static noinline_for_stack long umem_fill_batch(struct umem_filling *f,
					       unsigned long va,
					       unsigned int nr)
{
	struct umem_export *ex = f->ex;
	struct mm_struct *mm = ex->mn.mm;
	struct page *pages[UMEM_BATCH];
	unsigned long pfn[UMEM_BATCH];
	int locked = 1, ret;
	long snap, got, i;

	f->batches++;
	if (!f->nowait)
		umem_wait_invalidation(ex, va);
	else if (umem_table_active(&ex->table, va))
		return -EAGAIN;
	snap = umem_table_snap(&ex->table, va);

	if (!f->nowait)
		mmap_read_lock(mm);
	else if (!mmap_read_trylock(mm))
		return -EAGAIN;
	got = compat_get_user_pages_remote(mm, va, nr, umem_gup_flags(f->flags),
					   pages, &locked);
	if (locked)
		mmap_read_unlock(mm);
	if (got <= 0)
		return umem_gup_error(got, f->flags);

	for (i = 0; i < got; i++)
		pfn[i] = page_to_pfn(pages[i]);
	/* Not before, or touching what is not mapped would cost memory. */
	ret = umem_table_populate(&ex->table, va, f->nowait ?
				  GFP_NOWAIT | __GFP_NOWARN | __GFP_ACCOUNT :
				  GFP_KERNEL_ACCOUNT);
	if (!ret)
		ret = umem_table_install(&ex->table, va, pfn, got,
					 f->flags & UMEM_WRITE, snap);
	for (i = 0; i < got; i++)
		put_page(pages[i]);
	if (ret == -EAGAIN)
		atomic64_inc(&ex->count.retries);
	if (ret < 0)
		return ret;
	f->fresh += ret;
	return got;
}

/*
 * The first address from @va on, up to @end, that has a page table: where there
 * is none nothing is resident. Page tables go under mmap_lock for writing only,
 * but for the lowest level, which is not looked into.
 */
static unsigned long umem_next_table(struct mm_struct *mm, unsigned long va,
				     unsigned long end)
{
	unsigned long next;

	mmap_read_lock(mm);
	for (; va < end; va = next) {
		pgd_t *pgd = pgd_offset(mm, va);
		p4d_t *p4d;
		pud_t *pud;

		next = pgd_addr_end(va, end);
		if (pgd_none(READ_ONCE(*pgd)))
			continue;
		p4d = p4d_offset(pgd, va);
		next = p4d_addr_end(va, end);
		if (p4d_none(READ_ONCE(*p4d)))
			continue;
		pud = pud_offset(p4d, va);
		next = pud_addr_end(va, end);
		if (pud_none(READ_ONCE(*pud)))
			continue;
		/* A huge page is a page that is there. */
		if (pud_leaf(READ_ONCE(*pud)))
			break;
		next = pmd_addr_end(va, end);
		if (!pmd_none(READ_ONCE(*pmd_offset(pud, va))))
			break;
	}
	mmap_read_unlock(mm);
	return min(va, end);
}

/*
 * Fill [*@va, @end), page aligned, up to the first page that fails, and move
 * *@va to it. Returns 0 if all of it is translated.
 */
static int umem_fill_range(struct umem_filling *f, unsigned long *va,
			   unsigned long end)
{
	unsigned int tries = 0, nr;
	bool present;
	long ret;

	while (*va < end) {
		nr = min_t(unsigned long, (end - *va) >> PAGE_SHIFT, UMEM_BATCH);
		nr = umem_table_run(&f->ex->table, *va, nr,
				    f->flags & UMEM_WRITE, &present);
		ret = nr;
		if (!present) {
			if (f->stop && READ_ONCE(*f->stop))
				return -EINTR;
			ret = umem_fill_batch(f, *va, nr);
		}
		if (ret == -EAGAIN && !f->nowait && ++tries < UMEM_TRIES)
			continue;
		if (ret < 0)
			return ret;
		tries = 0;
		*va += ret << PAGE_SHIFT;
		cond_resched();
	}
	return 0;
}

/* The same, as a whole: returns what umem_fault() does. */
static long umem_fill(struct umem_filling *f, unsigned long va, size_t len)
{
	struct umem_counters *c = &f->ex->count;
	struct mm_struct *mm = f->ex->mn.mm;
	struct mem_cgroup *memcg, *old;
	unsigned long at, upto, end;
	u64 began = ktime_get_ns();
	int err, more;
	long ret;

	if (!len || check_add_overflow(va, len, &end) || end > mm->task_size)
		return -EFAULT;
	if (!mmget_not_zero(mm))
		return -ESRCH;
	/* Leaves and page tables are the owner's, whoever the worker is. */
	memcg = get_mem_cgroup_from_mm(mm);
	old = set_active_memcg(memcg);

	end = PAGE_ALIGN(end);
	upto = va & PAGE_MASK;
	err = umem_fill_range(f, &upto, end);
	/* Take what is resident: what is not does not end it. */
	at = upto;
	more = err;
	while (more == -ENOENT && at < end && !f->nowait) {
		at = umem_next_table(mm, at + PAGE_SIZE, end);
		more = umem_fill_range(f, &at, end);
		cond_resched();
	}

	set_active_memcg(old);
	mem_cgroup_put(memcg);
	mmput_async(mm);

	if (upto > va)
		ret = min_t(size_t, upto - va, len);
	else
		ret = err == -ENOENT ? -EAGAIN : err;
	if (f->nowait && ret < 0)
		return ret;	/* a fault comes after it */

	if (f->batches && (f->flags & UMEM_PREFETCH)) {
		atomic64_inc(&c->prefetches);
		atomic64_add(f->fresh, &c->prefetch_pages);
	} else if (f->batches) {
		atomic64_inc(&c->faults);
		atomic64_add(f->fresh, &c->fault_pages);
	}
	trace_umem_fault(mm, va, len, f->flags, f->batches, f->fresh,
			 ktime_get_ns() - began, ret);
	return ret;
}

/**
 * umem_fault() - translate a range of user memory
 * @ex: export
 * @va: first byte
 * @len: bytes wanted
 * @flags: UMEM_READ or UMEM_WRITE, UMEM_NOFAULT, UMEM_PREFETCH
 *
 * Ends at the first page that cannot be translated. With UMEM_NOFAULT nothing
 * is faulted in and pages that are not resident are skipped.
 *
 * What is translated may be invalidated again at any time, also before this
 * returns.
 *
 * Context: process; may block for ever. The caller must hold no lock that an
 * invalidation may need, in particular not mmap_lock.
 * Return: the number of bytes from @va that are translated, at least 1, at most
 * @len; or, if @va itself is not,
 * -EFAULT, -EHWPOISON: an access by the CPU would fail too;
 * -ESRCH: the address space is dead;
 * -ENOMEM: no memory for the page or the table;
 * -EAGAIN: invalidations keep winning, use umem_copy_slow(); or, with
 *  UMEM_NOFAULT, the page is not resident;
 * -EINTR: the calling task is being killed.
 */
long umem_fault(struct umem_export *ex, unsigned long va, size_t len,
		unsigned int flags)
{
	struct umem_filling f = { .ex = ex, .flags = flags };

	return umem_fill(&f, va, len);
}
EXPORT_SYMBOL_GPL(umem_fault);

/**
 * umem_fault_nowait() - translate what is resident, without waiting
 * @ex: export
 * @va: first byte
 * @len: bytes wanted
 * @flags: UMEM_READ or UMEM_WRITE
 * @fresh: entries that were not there before; added to
 *
 * Ends at the first page that is not resident, or cannot be had at once for an
 * invalidation, a lock or want of memory: umem_fault() gets it, or says why not.
 *
 * Context: process; may be rescheduled, but waits for nobody. The caller must hold no
 * lock that an invalidation may need.
 * Return: the number of bytes from @va that are translated, at least 1, at most
 * @len; or a negative error: use umem_fault().
 */
long umem_fault_nowait(struct umem_export *ex, unsigned long va, size_t len,
		       unsigned int flags, u64 *fresh)
{
	struct umem_filling f = {
		.ex = ex,
		.flags = flags | UMEM_NOFAULT,
		.nowait = true,
	};
	long ret = umem_fill(&f, va, len);

	*fresh += f.fresh;
	return ret;
}
EXPORT_SYMBOL_GPL(umem_fault_nowait);

static void umem_job_put(struct umem_fault_job *job)
{
	if (refcount_dec_and_test(&job->refs))
		kfree(job);
}

/* The worker's part is over. Exit waits for the worker itself, see there. */
static void umem_job_release(struct umem_fault_job *job)
{
	umem_export_put(job->ex);
	umem_job_put(job);
	module_put(THIS_MODULE);
}

static void umem_job_work(struct work_struct *work)
{
	struct umem_fault_job *job =
		container_of(work, struct umem_fault_job, work);
	struct umem_filling f = {
		.ex = job->ex,
		.flags = job->flags,
		.stop = &job->cancelled,
	};
	long result;

	result = umem_fill(&f, job->va, job->len);
	job->fresh = f.fresh;

	spin_lock(&job->lock);
	if (!job->cancelled) {
		job->state = CALLING;
		job->worker = current;
	}
	spin_unlock(&job->lock);

	if (job->worker) {
		job->done(job->arg, result);
		spin_lock(&job->lock);
		job->state = ENDED;
		spin_unlock(&job->lock);
		complete_all(&job->ended);
	}
	umem_job_release(job);
}

/**
 * umem_fault_async() - umem_fault() in a worker
 * @ex: export
 * @va: first byte
 * @len: bytes wanted
 * @flags: as of umem_fault()
 * @gfp: how to allocate the job
 * @done: called at most once, in process context, with umem_fault()'s result;
 *	  may sleep, start other jobs and cancel its own
 * @arg: first argument of @done
 *
 * @done may run before this returns: store the job under a lock that @done takes.
 *
 * Context: any up to softirq, with @gfp to match.
 * Return: the job, which the caller ends with exactly one umem_fault_cancel();
 * or NULL, no memory.
 */
struct umem_fault_job *umem_fault_async(struct umem_export *ex,
					unsigned long va, size_t len,
					unsigned int flags, gfp_t gfp,
					umem_fault_done_t done, void *arg)
{
	struct umem_fault_job *job = kzalloc(sizeof(*job), gfp);

	if (!job)
		return NULL;
	INIT_WORK(&job->work, umem_job_work);
	job->va = va;
	job->len = len;
	job->flags = flags;
	job->done = done;
	job->arg = arg;
	refcount_set(&job->refs, 2);
	spin_lock_init(&job->lock);
	job->state = QUEUED;
	init_completion(&job->ended);

	/* The caller's module uses ours, so the count is not zero. */
	__module_get(THIS_MODULE);
	job->ex = umem_export_ref(ex);
	queue_work(ex->faults, &job->work);
	return job;
}
EXPORT_SYMBOL_GPL(umem_fault_async);

/**
 * umem_fault_fresh() - how many pages a job has made translated
 * @job: job whose @done was called, not yet cancelled
 *
 * Context: any.
 * Return: entries that were not there before, whether or not they are now.
 */
u64 umem_fault_fresh(const struct umem_fault_job *job)
{
	return job->fresh;
}
EXPORT_SYMBOL_GPL(umem_fault_fresh);

/**
 * umem_fault_cancel() - end the caller's part in a job
 * @job: from umem_fault_async(), or NULL; not to be used any more
 *
 * When this returns, @done is not running and will not be called, unless it is
 * @done itself that calls. Waits for a @done that is running, so the caller must
 * hold nothing that @done takes; never waits for the fault.
 *
 * Context: process.
 */
void umem_fault_cancel(struct umem_fault_job *job)
{
	bool calling = false;

	if (!job)
		return;
	spin_lock(&job->lock);
	if (job->state == QUEUED)
		WRITE_ONCE(job->cancelled, true);
	else
		calling = job->state == CALLING && job->worker != current;
	spin_unlock(&job->lock);

	if (calling)
		wait_for_completion(&job->ended);
	else if (job->cancelled && cancel_work(&job->work))
		umem_job_release(job);
	umem_job_put(job);
}
EXPORT_SYMBOL_GPL(umem_fault_cancel);

/**
 * umem_fault_init() - make an export ready for jobs
 * @ex: export, maybe ready already
 *
 * Context: process; not under mmap_lock, which creating a workqueue may need.
 * Return: 0 or -ENOMEM.
 */
int umem_fault_init(struct umem_export *ex)
{
	struct workqueue_struct *wq;

	if (READ_ONCE(ex->faults))
		return 0;
	wq = alloc_workqueue("umem_fault", WQ_UNBOUND, WQ_UNBOUND_MAX_ACTIVE);
	if (!wq)
		return -ENOMEM;
	if (cmpxchg(&ex->faults, NULL, wq))
		destroy_workqueue(wq);
	return 0;
}

/**
 * umem_fault_exit() - undo umem_fault_init()
 * @ex: export without references, hence without jobs
 *
 * Context: process; waits for the tail of a worker that dropped the last one.
 */
void umem_fault_exit(struct umem_export *ex)
{
	if (ex->faults)
		destroy_workqueue(ex->faults);
}
