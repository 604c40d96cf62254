// SPDX-License-Identifier: GPL-2.0
/*
 * Translation table: sparse radix tree of entries, one entry a page.
 *
 *	root node -> node -> dir -> leaf (512 entries, 2 MiB of address space)
 *
 * Lifetime
 *	Leaves, dirs and nodes are added on first touch. umem_table_prune() unlinks
 *	the leaves that have become empty, then the dirs and nodes above them;
 *	their memory goes after an RCU grace period, so whoever walks is in a read
 *	side section. Links grow and dirs and nodes are unlinked under the table's
 *	lock; a leaf is unlinked under its own lock. What is found by walking may
 *	have been unlinked since: then its slots are empty, and stay so.
 *
 *	A leaf's lock is that of its bucket, which lives as long as the table.
 *
 * Entry
 *	Frame number, VALID, WRITE, ACCESSED and DIRTY in one 64 bit atomic; zero, but
 *	for what is the group's, if not VALID. The first of a group of sixteen has the
 *	group's GATE and hold count: who copies through neighbouring pages, as most
 *	do, counts once for all of them.
 *	- Only the owner of the leaf's lock sets or clears VALID, WRITE and GATE or
 *	  changes the frame number.
 *	- Anyone raises the count by cmpxchg, while GATE is not set, and lowers it at
 *	  any time; and uses the entries of the group that are VALID (and WRITE, to
 *	  write) then. Holders neither sleep nor wait.
 *	- A holder sets ACCESSED and DIRTY; anyone clears ACCESSED.
 *	Whoever clears VALID and then finds the group held closes its gate, waits for
 *	a count of zero, and opens it, all before it unlocks. Hence: while nobody owns
 *	the leaf's lock, nobody uses an entry without VALID. The wait is short and
 *	certain: the gate is closed, so no new holder comes, and every holder runs with
 *	preemption disabled and touches at most the pages of the group. Who meets a
 *	closed gate has missed, and finds it open after a fault.
 *
 *	    zapper				holder
 *	    clear VALID				count++
 *	    (E) both fully ordered		(E)
 *	    read count				read VALID
 *
 *	(E): a holder that the zapper does not see sees that VALID is gone.
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
 *	    ... page tables change ...		walk; lock; leaf still there?
 *	    (C) full barrier; seq++		(B) full barrier
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
 *	The table's lock, then a leaf's lock, the innermost of all; two leaves' are
 *	never held at once. Both are raw locks taken in process context only, also
 *	where sleeping is forbidden, with interrupts on. Softirqs hold entries but
 *	take no lock.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/sched.h>

#include "umem_table.h"

/* Interior levels, at most, and the leaves below them. */
#define UMEM_LEVELS	(1 + (BITS_PER_LONG - UMEM_LEAF_SHIFT) / UMEM_LEVEL_BITS)
#define UMEM_DIR_ORDER	(sizeof(struct umem_dir) > PAGE_SIZE)

/**
 * umem_table_init() - make an empty table
 * @t: table, zeroed
 * @va_bits: size of the address space, as a number of bits
 *
 * Return: 0, or -EINVAL if @va_bits cannot be.
 */
int umem_table_init(struct umem_table *t, unsigned int va_bits)
{
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct umem_node) != PAGE_SIZE);
	BUILD_BUG_ON(sizeof(struct umem_dir) > 2 * PAGE_SIZE);
	if (va_bits <= PAGE_SHIFT || va_bits >= BITS_PER_LONG)
		return -EINVAL;

	t->last = (1UL << va_bits) - 1;
	t->top = UMEM_LEAF_SHIFT;
	while (t->top + UMEM_LEVEL_BITS < va_bits)
		t->top += UMEM_LEVEL_BITS;
	raw_spin_lock_init(&t->lock);
	for (i = 0; i <= UMEM_BUCKETS; i++)
		raw_spin_lock_init(&t->bucket[i].lock);
	return 0;
}

static void umem_dir_free(struct umem_dir *dir)
{
	unsigned int i;

	for (i = 0; i < UMEM_FANOUT; i++)
		if (dir->slot[i].ent)
			umem_pages_free(dir->slot[i].ent);
	umem_pages_free(dir);
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
	umem_pages_free(node);
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

static struct umem_bucket *umem_bucket_of(struct umem_table *t, unsigned long va)
{
	return &t->bucket[(va >> UMEM_LEAF_SHIFT) % UMEM_BUCKETS];
}

static struct umem_bucket *umem_bucket_big(struct umem_table *t)
{
	return &t->bucket[UMEM_BUCKETS];
}

static void umem_leaf_lock(struct umem_table *t, unsigned long va)
{
	raw_spin_lock(&umem_bucket_of(t, va)->lock);
}

static void umem_leaf_unlock(struct umem_table *t, unsigned long va)
{
	raw_spin_unlock(&umem_bucket_of(t, va)->lock);
}

/* Levels count from the leaves, 0, to the root. */
static unsigned int umem_level(unsigned int shift)
{
	return (shift - UMEM_LEAF_SHIFT) / UMEM_LEVEL_BITS + 1;
}

static unsigned int umem_level_order(unsigned int level)
{
	return level == 1 ? UMEM_DIR_ORDER : 0;
}

/*
 * Link the way down to the leaf of @va, as far as @spare has what is missing.
 * Returns the level that it lacks, or -1 when the leaf is there.
 */
static int umem_table_graft(struct umem_table *t, unsigned long va, void **spare)
{
	void **link = &t->root;
	unsigned int shift = t->top, level;
	struct umem_slot *slot;
	int lacks = -1;

	raw_spin_lock(&t->lock);
	for (;; shift -= UMEM_LEVEL_BITS) {
		struct umem_node *node;

		level = umem_level(shift);
		if (!*link) {
			if (!spare[level]) {
				lacks = level;
				goto out;
			}
			/* Publishes the zeroed links to rcu_dereference_raw(). */
			smp_store_release(link, spare[level]);
			spare[level] = NULL;
			atomic_long_add(1L << umem_level_order(level), &t->interior);
		}
		if (shift == UMEM_LEAF_SHIFT)
			break;
		node = *link;
		link = &node->child[umem_table_index(va, shift)];
	}

	slot = &((struct umem_dir *)*link)->slot[umem_table_index(va, shift)];
	umem_leaf_lock(t, va);
	if (!slot->ent && !spare[0]) {
		lacks = 0;
	} else if (!slot->ent) {
		smp_store_release(&slot->ent, spare[0]);
		spare[0] = NULL;
		atomic_long_inc(&t->leaves);
	}
	umem_leaf_unlock(t, va);
out:
	raw_spin_unlock(&t->lock);
	return lacks;
}

static bool umem_interior_empty(void *p, unsigned int shift)
{
	struct umem_node *node = p;
	struct umem_dir *dir = p;
	unsigned int i;

	for (i = 0; i < UMEM_FANOUT; i++)
		if (shift > UMEM_LEAF_SHIFT ? !!node->child[i] :
					      !!READ_ONCE(dir->slot[i].ent))
			return false;
	return true;
}

/* Unlink what is empty above the place of @va's leaf. */
static void umem_table_trim(struct umem_table *t, unsigned long va)
{
	void **path[UMEM_LEVELS], *dead[UMEM_LEVELS];
	void **link = &t->root;
	unsigned int shift = t->top, depth = 0, n = 0;

	raw_spin_lock(&t->lock);
	while (*link) {
		struct umem_node *node = *link;

		path[depth++] = link;
		if (shift == UMEM_LEAF_SHIFT)
			break;
		link = &node->child[umem_table_index(va, shift)];
		shift -= UMEM_LEVEL_BITS;
	}
	/* The way may have ended early: then there is one level more to go up. */
	if (!*link)
		shift += UMEM_LEVEL_BITS;
	for (; depth--; shift += UMEM_LEVEL_BITS) {
		void *p = *path[depth];

		if (!umem_interior_empty(p, shift))
			break;
		WRITE_ONCE(*path[depth], NULL);
		atomic_long_sub(1L << umem_level_order(umem_level(shift)),
				&t->interior);
		dead[n++] = p;
	}
	raw_spin_unlock(&t->lock);
	while (n--)
		umem_pages_free_rcu(dead[n]);
}

/**
 * umem_table_populate() - see to it that the leaf of an address exists
 * @t: table
 * @va: address
 * @gfp: how to allocate
 *
 * A leaf may be unlinked again at any time; umem_table_install() notices.
 *
 * Context: process.
 * Return: 0, -ENOMEM, or -EFAULT if @va is outside the address space.
 */
int umem_table_populate(struct umem_table *t, unsigned long va, gfp_t gfp)
{
	void *spare[UMEM_LEVELS + 1] = { };
	unsigned int level;
	bool there;
	int lacks;

	if (va > t->last)
		return -EFAULT;

	rcu_read_lock();
	there = umem_table_entry(t, va);
	rcu_read_unlock();
	if (there)
		return 0;

	while ((lacks = umem_table_graft(t, va, spare)) >= 0) {
		spare[lacks] = umem_pages_alloc(gfp, umem_level_order(lacks));
		if (!spare[lacks])
			break;
	}
	for (level = 0; level <= UMEM_LEVELS; level++)
		if (spare[level])
			umem_pages_free(spare[level]);
	if (lacks < 0)
		return 0;
	umem_table_trim(t, va);
	return -ENOMEM;
}

/*
 * Find the first leaf at or above *@va, skipping what is absent. Moves *@va
 * up to the address found, never beyond @last. In an RCU read side section.
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

/* Nobody uses an entry of the group that was cleared before: the wait of N3. */
static void umem_group_drain(atomic64_t *group)
{
	/* Acquire: what the holders did to the pages is done. */
	if (!(atomic64_read_acquire(group) & UMEM_ENT_COUNT))
		return;
	atomic64_or(UMEM_ENT_GATE, group);
	atomic64_cond_read_acquire(group, !(VAL & UMEM_ENT_COUNT));
	atomic64_fetch_andnot(UMEM_ENT_GATE, group);
}

/*
 * Clear @nr entries and see their users off. Called with the leaf's lock held.
 */
static unsigned int umem_entries_zap(struct umem_slot *slot, atomic64_t *e,
				     unsigned int nr)
{
	unsigned int i, zapped = 0;
	atomic64_t *group = NULL;

	for (i = 0; i < nr && zapped < slot->nr_valid; i++) {
		if (!(atomic64_read(&e[i]) & UMEM_ENT_VALID))
			continue;
		if (group && group != umem_entry_group(&e[i]))
			umem_group_drain(group);
		group = umem_entry_group(&e[i]);
		/* Fully ordered: (E) */
		atomic64_fetch_andnot(UMEM_ENT_FLAGS | UMEM_ENT_PFN, &e[i]);
		zapped++;
	}
	if (group)
		umem_group_drain(group);
	WRITE_ONCE(slot->nr_valid, slot->nr_valid - zapped);
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
 * Context: process; takes leaves' locks, sleeps only in cond_resched().
 * Return: number of entries that were valid.
 */
unsigned long umem_table_zap(struct umem_table *t, unsigned long start,
			     unsigned long end, bool may_sleep)
{
	unsigned long va = start, last = end - 1, zapped = 0;
	struct umem_slot *slot;

	while (va <= last) {
		unsigned int n = 0;

		rcu_read_lock();
		slot = umem_table_next(t, &va, last);
		if (!slot) {
			rcu_read_unlock();
			break;
		}
		umem_leaf_lock(t, va);
		if (slot->nr_valid)
			n = umem_entries_zap(slot,
					     slot->ent + umem_table_index(va, PAGE_SHIFT),
					     umem_leaf_span(va, last));
		umem_leaf_unlock(t, va);
		rcu_read_unlock();
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

/* Unlink the first empty leaf of [*@va, @last], in which *@va is then; false: none. */
static bool umem_table_unlink(struct umem_table *t, unsigned long *va,
			      unsigned long last)
{
	atomic64_t *ent = NULL;
	struct umem_slot *slot;

	while (!ent && *va <= last) {
		rcu_read_lock();
		slot = umem_table_next(t, va, last);
		if (!slot) {
			rcu_read_unlock();
			return false;
		}
		umem_leaf_lock(t, *va);
		if (!slot->nr_valid && slot->ent) {
			ent = slot->ent;
			WRITE_ONCE(slot->ent, NULL);
		}
		umem_leaf_unlock(t, *va);
		rcu_read_unlock();
		if (!ent)
			*va = umem_leaf_after(*va);
	}
	if (!ent)
		return false;
	atomic_long_dec(&t->leaves);
	umem_pages_free_rcu(ent);
	return true;
}

/**
 * umem_table_prune() - unlink the empty leaves of a range, and what they leave empty
 * @t: table
 * @start: first address
 * @end: address after the last
 *
 * A leaf that the range covers only in part goes too, if nothing else is in it:
 * ranges that are unmapped one by one need not end where leaves do.
 *
 * Context: process; takes the table's and leaves' locks, does not sleep.
 */
void umem_table_prune(struct umem_table *t, unsigned long start,
		      unsigned long end)
{
	unsigned long va = start, gone = 0, last = end - 1;
	bool any = false;

	while (umem_table_unlink(t, &va, last)) {
		/* A dir is looked at once, when all of it has been dealt with. */
		if (any && (gone ^ va) >> UMEM_DIR_SHIFT)
			umem_table_trim(t, gone);
		gone = va;
		any = true;
		va = umem_leaf_after(va);
	}
	if (any)
		umem_table_trim(t, gone);
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
 * Context: process; takes the leaf's lock, does not sleep.
 * Return: number of entries that became valid, or -EAGAIN, with nothing
 * installed, if the lookup raced with an invalidation or the leaf is gone.
 */
int umem_table_install(struct umem_table *t, unsigned long va,
		       const unsigned long *pfn, unsigned int nr, bool write,
		       long snap)
{
	u64 flags = umem_entry_need(write);
	int fresh = 0, ret = -EAGAIN;
	struct umem_slot *slot;
	unsigned int i;
	atomic64_t *e;

	rcu_read_lock();
	umem_leaf_lock(t, va);
	slot = umem_table_slot(t, va);
	if (!slot || !slot->ent)
		goto out;
	smp_mb();			/* (B) */
	if (umem_table_active(t, va) || umem_table_snap(t, va) != snap)
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
		atomic64_fetch_or_release(pfn[i] | flags, e);
		WRITE_ONCE(slot->nr_valid, slot->nr_valid + 1);
		fresh++;
	}
	ret = fresh;
out:
	umem_leaf_unlock(t, va);
	rcu_read_unlock();
	if (ret > 0)
		atomic_long_add(ret, &t->resident);
	return ret;
}

/* Could a holder use it now? */
static bool umem_entry_usable(atomic64_t *e, bool write)
{
	u64 need = umem_entry_need(write);

	return (atomic64_read(e) & need) == need &&
	       !(atomic64_read(umem_entry_group(e)) & UMEM_ENT_GATE);
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
	*present = umem_entry_usable(e, write);
	for (i = 1; i < nr; i++)
		if (umem_entry_usable(&e[i], write) != *present)
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

		if (!(v & UMEM_ENT_ACCESSED))
			continue;
		young = true;
		if (!clear)
			break;
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

	rcu_read_lock();
	while (va <= last && (slot = umem_table_next(t, &va, last))) {
		e = rcu_dereference_raw(slot->ent);
		if (e) {
			e += umem_table_index(va, PAGE_SHIFT);
			young |= umem_entries_young(e, umem_leaf_span(va, last), clear);
		}
		if (young && !clear)
			break;
		va = umem_leaf_after(va);
	}
	rcu_read_unlock();
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

	while (va <= last) {
		rcu_read_lock();
		slot = umem_table_next(t, &va, last);
		if (!slot) {
			rcu_read_unlock();
			break;
		}
		nr = umem_leaf_span(va, last);
		if (nr == UMEM_FANOUT) {
			sum += READ_ONCE(slot->nr_valid);
		} else {
			e = rcu_dereference_raw(slot->ent);
			if (e)
				e += umem_table_index(va, PAGE_SHIFT);
			for (i = 0; e && i < nr; i++)
				if (atomic64_read(&e[i]) & UMEM_ENT_VALID)
					sum++;
		}
		rcu_read_unlock();
		cond_resched();
		va = umem_leaf_after(va);
	}
	return sum;
}
