// SPDX-License-Identifier: GPL-2.0
/*
 * Translation table: sparse radix tree of entries, one entry a page.
 *
 *	root node -> node -> dir -> leaf (512 entries, 2 MiB of address space)
 *
 * Lifetime
 *	Nodes and dirs are added on first touch and freed with the table. Leaves
 *	are added on first touch and unlinked by umem_table_prune(); their memory
 *	goes after an RCU grace period. A leaf's lock lives in its dir's slot,
 *	so locking never races with unlinking.
 *
 * Entry
 *	Frame number, VALID, WRITE, ACCESSED, DIRTY and a hold count in one
 *	64 bit atomic.
 *	- Only the owner of the slot lock sets or clears VALID and WRITE or
 *	  changes the frame number.
 *	- Anyone raises the count by cmpxchg, while VALID is set (and WRITE, to
 *	  write), and lowers it at any time. Holders neither sleep nor wait.
 *	- Anyone clears ACCESSED.
 *	Hence: while nobody owns the slot lock, an entry without VALID has count
 *	zero, because whoever clears VALID waits for zero before it unlocks.
 *	The wait is short and certain: VALID is gone, so no new holder comes, and
 *	every holder runs with preemption disabled and touches at most a page.
 *
 * Invalidation against filling
 *	The mapping of a range changes between umem_table_begin() and
 *	umem_table_end(). Both count the invalidation in buckets chosen by
 *	address, so that invalidating one range does not disturb filling another.
 *
 *	    zapper				filler
 *	    begin: active++			s = snap
 *	    (A) full barrier			look the pages up
 *	    walk; lock; zap; unlock		publish leaf
 *	    ... page tables change ...		(B) full barrier
 *	    (C) full barrier; seq++		lock
 *	    (D) full barrier; active--		active == 0, then seq == s ? install
 *						unlock
 *
 *	(A)-(B): a zapper that misses a leaf just published is seen as active by
 *	its filler. A zapper that finds the leaf is ordered by the lock: it zaps
 *	what was installed before it, and is seen as active after it.
 *	(C): a filler whose snapshot includes an invalidation sees its page
 *	tables. (D), read in the order active, seq: a filler that finds the
 *	invalidation over finds that the sequence has moved.
 *
 * Lock order
 *	The slot lock is the innermost lock of all; two are never held at once.
 *	It is a raw lock taken in process context only, also where sleeping is
 *	forbidden, with interrupts on. Softirqs hold entries but take no lock.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "umem_table.h"

/**
 * umem_table_init() - make an empty table
 * @t: table, zeroed
 * @va_bits: size of the address space, as a number of bits
 *
 * Return: 0, or -EINVAL if @va_bits cannot be.
 */
int umem_table_init(struct umem_table *t, unsigned int va_bits)
{
	if (va_bits <= PAGE_SHIFT || va_bits >= BITS_PER_LONG)
		return -EINVAL;

	t->last = (1UL << va_bits) - 1;
	t->top = UMEM_LEAF_SHIFT;
	while (t->top + UMEM_LEVEL_BITS < va_bits)
		t->top += UMEM_LEVEL_BITS;
	return 0;
}

static void umem_dir_free(struct umem_dir *dir)
{
	unsigned int i;

	for (i = 0; i < UMEM_FANOUT; i++)
		if (dir->slot[i].ent)
			umem_leaf_free(dir->slot[i].ent);
	kvfree(dir);
}

static void umem_subtree_free(void *p, unsigned int shift)
{
	struct umem_node *node = p;
	unsigned int i;

	if (!p)
		return;
	if (shift == UMEM_LEAF_SHIFT) {
		umem_dir_free(p);
		return;
	}
	for (i = 0; i < UMEM_FANOUT; i++)
		umem_subtree_free(node->child[i], shift - UMEM_LEVEL_BITS);
	kvfree(node);
}

/**
 * umem_table_destroy() - free all of a table
 * @t: table nobody uses any more; may have been zeroed only
 *
 * Context: process.
 */
void umem_table_destroy(struct umem_table *t)
{
	umem_subtree_free(t->root, t->top);
	t->root = NULL;
}

static void *umem_interior_alloc(unsigned int shift, gfp_t gfp)
{
	struct umem_dir *dir;
	unsigned int i;

	if (shift > UMEM_LEAF_SHIFT)
		return kvzalloc(sizeof(struct umem_node), gfp);

	dir = kvzalloc(sizeof(*dir), gfp);
	if (dir)
		for (i = 0; i < UMEM_FANOUT; i++)
			raw_spin_lock_init(&dir->slot[i].lock);
	return dir;
}

/* Follow *@link, filling it if it is empty. cmpxchg() publishes. */
static void *umem_interior_get(void **link, unsigned int shift, gfp_t gfp)
{
	void *p = rcu_dereference_raw(*link), *new;

	if (p)
		return p;
	new = umem_interior_alloc(shift, gfp);
	if (!new)
		return NULL;
	p = cmpxchg(link, NULL, new);
	if (!p)
		return new;
	kvfree(new);
	return p;
}

/**
 * umem_table_populate() - see to it that the leaf of an address exists
 * @t: table
 * @va: address
 * @gfp: how to allocate; must allow sleeping
 *
 * A leaf may be unlinked again at any time; umem_table_install() notices.
 *
 * Context: process.
 * Return: 0, -ENOMEM, or -EFAULT if @va is outside the address space.
 */
int umem_table_populate(struct umem_table *t, unsigned long va, gfp_t gfp)
{
	void **link = &t->root;
	unsigned int shift = t->top;
	struct umem_node *node;
	struct umem_slot *slot;
	struct umem_dir *dir;
	atomic64_t *ent;
	void *p;

	if (va > t->last)
		return -EFAULT;

	for (;; shift -= UMEM_LEVEL_BITS) {
		p = umem_interior_get(link, shift, gfp);
		if (!p)
			return -ENOMEM;
		if (shift == UMEM_LEAF_SHIFT)
			break;
		node = p;
		link = &node->child[umem_table_index(va, shift)];
	}

	dir = p;
	slot = &dir->slot[umem_table_index(va, shift)];
	if (READ_ONCE(slot->ent))
		return 0;
	ent = umem_leaf_alloc(gfp);
	if (!ent)
		return -ENOMEM;

	raw_spin_lock(&slot->lock);
	if (!slot->ent) {
		/* Publishes the zeroed entries to rcu_dereference_raw(). */
		smp_store_release(&slot->ent, ent);
		ent = NULL;
		atomic_long_inc(&t->leaves);
	}
	raw_spin_unlock(&slot->lock);
	if (ent)
		umem_leaf_free(ent);
	return 0;
}

/*
 * Find the first leaf at or above *@va, skipping what is absent. Moves *@va
 * up to the address found, never beyond @last.
 */
static struct umem_slot *umem_table_next(struct umem_table *t,
					 unsigned long *va, unsigned long last)
{
	last = min(last, t->last);

	while (*va <= last) {
		unsigned int shift = t->top;
		void *p = rcu_dereference_raw(t->root);

		if (!p)
			return NULL;
		while (shift > UMEM_LEAF_SHIFT) {
			struct umem_node *node = p;

			p = rcu_dereference_raw(node->child[umem_table_index(*va, shift)]);
			if (!p)
				break;
			shift -= UMEM_LEVEL_BITS;
		}
		if (p) {
			struct umem_dir *dir = p;
			struct umem_slot *slot;

			slot = &dir->slot[umem_table_index(*va, shift)];
			if (READ_ONCE(slot->ent))
				return slot;
		}
		/* t->last leaves room: this cannot wrap. */
		*va = ((*va >> shift) + 1) << shift;
	}
	return NULL;
}

/* Entries of [@va, @last] within the leaf of @va: from index @va's, this many. */
static unsigned int umem_leaf_span(unsigned long va, unsigned long last)
{
	last = min(last, va | (UMEM_LEAF_SIZE - 1));
	return (last >> PAGE_SHIFT) - (va >> PAGE_SHIFT) + 1;
}

static unsigned long umem_leaf_after(unsigned long va)
{
	return (va | (UMEM_LEAF_SIZE - 1)) + 1;
}

/*
 * Take VALID from @nr entries and see their holders off. Called with the slot
 * lock held, and returns with no holder left: this is the wait of N3.
 */
static unsigned int umem_entries_zap(struct umem_slot *slot, atomic64_t *e,
				     unsigned int nr)
{
	unsigned int i, zapped = 0;
	bool busy = false;

	for (i = 0; i < nr && zapped < slot->nr_valid; i++) {
		if (!(atomic64_read(&e[i]) & UMEM_ENT_VALID))
			continue;
		if (atomic64_fetch_andnot(UMEM_ENT_FLAGS, &e[i]) & UMEM_ENT_COUNT)
			busy = true;
		zapped++;
	}
	WRITE_ONCE(slot->nr_valid, slot->nr_valid - zapped);

	/* Acquire: what the holders did to the page is done. */
	for (i = 0; busy && i < nr; i++)
		if (!(atomic64_read(&e[i]) & UMEM_ENT_VALID))
			atomic64_cond_read_acquire(&e[i], !(VAL & UMEM_ENT_COUNT));
	return zapped;
}

/**
 * umem_table_zap() - make a range untranslated
 * @t: table
 * @start: first address
 * @end: address after the last
 * @may_sleep: the caller may be scheduled away
 *
 * On return nobody holds a page of the range. Nobody will until
 * umem_table_end(), if umem_table_begin() came before.
 *
 * Context: process; takes slot locks, sleeps only in cond_resched().
 * Return: number of entries that were valid.
 */
unsigned long umem_table_zap(struct umem_table *t, unsigned long start,
			     unsigned long end, bool may_sleep)
{
	unsigned long va = start, last = end - 1, zapped = 0;
	struct umem_slot *slot;

	while (va <= last && (slot = umem_table_next(t, &va, last))) {
		unsigned int n = 0;

		raw_spin_lock(&slot->lock);
		if (slot->nr_valid)
			n = umem_entries_zap(slot,
					     slot->ent + umem_table_index(va, PAGE_SHIFT),
					     umem_leaf_span(va, last));
		raw_spin_unlock(&slot->lock);
		if (n) {
			zapped += n;
			atomic_long_sub(n, &t->resident);
		}
		if (may_sleep)
			cond_resched();
		va = umem_leaf_after(va);
	}
	return zapped;
}

/**
 * umem_table_prune() - unlink the empty leaves of a range
 * @t: table
 * @start: first address
 * @end: address after the last
 *
 * Leaves that the range covers only in part stay.
 *
 * Context: process; takes slot locks, does not sleep.
 */
void umem_table_prune(struct umem_table *t, unsigned long start,
		      unsigned long end)
{
	unsigned long va, last = end - 1;
	struct umem_slot *slot;
	atomic64_t *ent;

	if (start > t->last)
		return;
	va = (start + UMEM_LEAF_SIZE - 1) & ~(UMEM_LEAF_SIZE - 1);

	while (va <= last && (slot = umem_table_next(t, &va, last))) {
		if ((va | (UMEM_LEAF_SIZE - 1)) > last)
			break;
		ent = NULL;
		raw_spin_lock(&slot->lock);
		if (!slot->nr_valid && slot->ent) {
			ent = slot->ent;
			WRITE_ONCE(slot->ent, NULL);
		}
		raw_spin_unlock(&slot->lock);
		if (ent) {
			atomic_long_dec(&t->leaves);
			umem_leaf_free_rcu(ent);
		}
		va = umem_leaf_after(va);
	}
}

static struct umem_bucket *umem_bucket_of(struct umem_table *t, unsigned long va)
{
	return &t->bucket[(va >> UMEM_LEAF_SHIFT) % UMEM_BUCKETS];
}

static struct umem_bucket *umem_bucket_big(struct umem_table *t)
{
	return &t->bucket[UMEM_BUCKETS];
}

/* Number of address buckets a range is counted in; 0: in the big one. */
static unsigned int umem_bucket_span(unsigned long start, unsigned long end)
{
	unsigned long n = ((end - 1) >> UMEM_LEAF_SHIFT) -
			  (start >> UMEM_LEAF_SHIFT) + 1;

	return n < UMEM_BUCKETS ? n : 0;
}

/**
 * umem_table_begin() - an invalidation begins
 * @t: table
 * @start: first address
 * @end: address after the last, above @start
 *
 * From here until umem_table_end() with the same range, nothing is installed
 * in the range. What is installed already is umem_table_zap()'s to remove.
 *
 * Context: any.
 */
void umem_table_begin(struct umem_table *t, unsigned long start,
		      unsigned long end)
{
	unsigned int i, n = umem_bucket_span(start, end);

	if (!n)
		atomic_inc(&umem_bucket_big(t)->active);
	for (i = 0; i < n; i++)
		atomic_inc(&umem_bucket_of(t, start + i * UMEM_LEAF_SIZE)->active);
	smp_mb__after_atomic();		/* (A) */
}

static void umem_bucket_end(struct umem_bucket *b)
{
	atomic_long_inc(&b->seq);
	smp_mb__before_atomic();	/* (D) */
	atomic_dec(&b->active);
}

/**
 * umem_table_end() - an invalidation has ended
 * @t: table
 * @start: first address
 * @end: address after the last, above @start
 *
 * Changes umem_table_snap() of every address in the range.
 *
 * Context: any.
 */
void umem_table_end(struct umem_table *t, unsigned long start,
		    unsigned long end)
{
	unsigned int i, n = umem_bucket_span(start, end);

	smp_mb__before_atomic();	/* (C) */
	if (!n)
		umem_bucket_end(umem_bucket_big(t));
	for (i = 0; i < n; i++)
		umem_bucket_end(umem_bucket_of(t, start + i * UMEM_LEAF_SIZE));
}

/**
 * umem_table_active() - is an invalidation running that may cover an address?
 * @t: table
 * @va: address
 *
 * Context: any.
 */
bool umem_table_active(struct umem_table *t, unsigned long va)
{
	return atomic_read_acquire(&umem_bucket_of(t, va)->active) ||
	       atomic_read_acquire(&umem_bucket_big(t)->active);
}

/**
 * umem_table_snap() - begin a lookup of pages
 * @t: table
 * @va: address in the leaf that will be filled
 *
 * Context: any.
 * Return: what umem_table_install() needs to tell whether an invalidation
 * came in between. Both terms only grow, so equal sums mean equal terms.
 */
long umem_table_snap(struct umem_table *t, unsigned long va)
{
	return atomic_long_read_acquire(&umem_bucket_of(t, va)->seq) +
	       atomic_long_read_acquire(&umem_bucket_big(t)->seq);
}

/**
 * umem_table_install() - enter pages that were looked up
 * @t: table
 * @va: page-aligned address of the first page
 * @pfn: frame numbers
 * @nr: how many, all within one leaf
 * @write: the pages were looked up for writing
 * @snap: umem_table_snap() from before the lookup
 *
 * The caller keeps the pages from being freed until this returns.
 *
 * Context: process; takes the slot lock, does not sleep.
 * Return: number of entries that became valid, or -EAGAIN, with nothing
 * installed, if the lookup raced with an invalidation or the leaf is gone.
 */
int umem_table_install(struct umem_table *t, unsigned long va,
		       const unsigned long *pfn, unsigned int nr, bool write,
		       long snap)
{
	u64 flags = UMEM_ENT_VALID | (write ? UMEM_ENT_WRITE : 0);
	struct umem_slot *slot = umem_table_slot(t, va);
	int fresh = 0, ret = -EAGAIN;
	unsigned int i;
	atomic64_t *e;

	if (!slot)
		return -EAGAIN;

	smp_mb();			/* (B) */
	raw_spin_lock(&slot->lock);
	if (!slot->ent || umem_table_active(t, va) ||
	    umem_table_snap(t, va) != snap)
		goto out;

	e = slot->ent + umem_table_index(va, PAGE_SHIFT);
	for (i = 0; i < nr; i++, e++) {
		u64 v = atomic64_read(e);

		if (v & UMEM_ENT_VALID) {
			if ((v & UMEM_ENT_PFN) == pfn[i]) {
				if (write && !(v & UMEM_ENT_WRITE))
					atomic64_or(UMEM_ENT_WRITE, e);
				continue;
			}
			/* Nobody told us that the page changed. Believe the newer. */
			fresh -= umem_entries_zap(slot, e, 1);
		}
		atomic64_set_release(e, pfn[i] | flags);
		WRITE_ONCE(slot->nr_valid, slot->nr_valid + 1);
		fresh++;
	}
	ret = fresh;
out:
	raw_spin_unlock(&slot->lock);
	if (ret > 0)
		atomic_long_add(ret, &t->resident);
	return ret;
}

/**
 * umem_table_run() - length of a run of pages that are all present or all not
 * @t: table
 * @va: first address
 * @nr: pages to look at, at most
 * @write: present means present for writing
 * @present: set to what the pages of the run are
 *
 * Context: any.
 * Return: number of pages, at least 1; the run does not leave @va's leaf.
 */
unsigned int umem_table_run(struct umem_table *t, unsigned long va,
			    unsigned int nr, bool write, bool *present)
{
	u64 need = UMEM_ENT_VALID | (write ? UMEM_ENT_WRITE : 0);
	unsigned int i, room;
	atomic64_t *e;

	room = UMEM_FANOUT - umem_table_index(va, PAGE_SHIFT);
	nr = min(nr, room);

	rcu_read_lock();
	e = umem_table_entry(t, va);
	if (!e) {
		*present = false;
		i = nr;
		goto out;
	}
	*present = (atomic64_read(e) & need) == need;
	for (i = 1; i < nr; i++)
		if (((atomic64_read(&e[i]) & need) == need) != *present)
			break;
out:
	rcu_read_unlock();
	return i;
}

static bool umem_entries_young(atomic64_t *e, unsigned int nr, bool clear)
{
	bool young = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		u64 v = atomic64_read(&e[i]);

		/* A held page is in use whatever the bit says. */
		if (!(v & UMEM_ENT_VALID) ||
		    !(v & (UMEM_ENT_ACCESSED | UMEM_ENT_COUNT)))
			continue;
		young = true;
		if (!clear)
			break;
		if (v & UMEM_ENT_ACCESSED)
			atomic64_andnot(UMEM_ENT_ACCESSED, &e[i]);
	}
	return young;
}

/**
 * umem_table_young() - was a range used since it was last asked?
 * @t: table
 * @start: first address
 * @end: address after the last
 * @clear: and forget it
 *
 * Context: any; takes no lock, so also under page table locks.
 */
bool umem_table_young(struct umem_table *t, unsigned long start,
		      unsigned long end, bool clear)
{
	unsigned long va = start, last = end - 1;
	struct umem_slot *slot;
	bool young = false;
	atomic64_t *e;

	while (va <= last && (slot = umem_table_next(t, &va, last))) {
		rcu_read_lock();
		e = rcu_dereference_raw(slot->ent);
		if (e) {
			e += umem_table_index(va, PAGE_SHIFT);
			young |= umem_entries_young(e, umem_leaf_span(va, last), clear);
		}
		rcu_read_unlock();
		if (young && !clear)
			break;
		va = umem_leaf_after(va);
	}
	return young;
}

/**
 * umem_table_resident() - count the valid entries of a range
 * @t: table
 * @start: first address
 * @end: address after the last
 *
 * Context: process; may be scheduled away.
 * Return: number of pages; approximate while others install and zap.
 */
unsigned long umem_table_resident(struct umem_table *t, unsigned long start,
				  unsigned long end)
{
	unsigned long va = start, last = end - 1, sum = 0;
	struct umem_slot *slot;
	unsigned int i, nr;
	atomic64_t *e;

	while (va <= last && (slot = umem_table_next(t, &va, last))) {
		nr = umem_leaf_span(va, last);
		if (nr == UMEM_FANOUT) {
			sum += READ_ONCE(slot->nr_valid);
		} else {
			rcu_read_lock();
			e = rcu_dereference_raw(slot->ent);
			if (e)
				e += umem_table_index(va, PAGE_SHIFT);
			for (i = 0; e && i < nr; i++)
				if (atomic64_read(&e[i]) & UMEM_ENT_VALID)
					sum++;
			rcu_read_unlock();
		}
		cond_resched();
		va = umem_leaf_after(va);
	}
	return sum;
}
