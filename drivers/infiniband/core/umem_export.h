/* SPDX-License-Identifier: GPL-2.0 */
/* An export: what the files of the export notifier share. */
#ifndef _UMEM_EXPORT_H
#define _UMEM_EXPORT_H

#include <linux/lockdep.h>
#include <linux/mmu_notifier.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/swait.h>
#include <linux/workqueue.h>

#include <rdma/umem_notifier.h>

#include "umem_table.h"

/* Counted once a batch, never once a page. */
struct umem_counters {
	atomic64_t faults;
	atomic64_t fault_pages;
	atomic64_t prefetches;
	atomic64_t prefetch_pages;
	atomic64_t invalidations;
	atomic64_t invalidated_pages;
	atomic64_t retries;
	atomic64_t slow;
};

/**
 * struct umem_export - one address space, exported
 * @mn: subscription; @mn.mm is a struct mm_struct that outlives this
 * @refs: umem_export_get() and umem_export_ref(); one user of @mn is held
 *	  while it is not zero
 * @dead: the address space has no users left
 * @wait: faulters that wait for an invalidation to end
 * @faults: runs this address space's fault jobs, see umem_fault.c
 * @free_work: frees this once the subscription has gone
 * @count: statistics
 * @node: in the list of all exports, for the sums
 * @table: translations
 */
struct umem_export {
	struct mmu_notifier mn;
	refcount_t refs;
	bool dead;
	struct swait_queue_head wait;
	struct workqueue_struct *faults;
	struct work_struct free_work;
	struct umem_counters count;
	struct list_head node;
	struct umem_table table;
};

int umem_fault_init(struct umem_export *ex);
void umem_fault_exit(struct umem_export *ex);
unsigned int umem_gup_flags(unsigned int flags);
int umem_gup_error(long err, unsigned int flags);
struct umem_export *umem_export_find(struct mm_struct *mm);
int umem_watch_init(void);
void umem_watch_exit(void);

#endif /* _UMEM_EXPORT_H */
