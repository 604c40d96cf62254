/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Translation table of one address space. See umem_table.c for the rules.
 *
 * Everything here is pure: it knows page frame numbers, not pages, and also
 * compiles in user space for the unit test.
 */
#ifndef _UMEM_TABLE_H
#define _UMEM_TABLE_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/*
 * Entry: 40 bit frame number and four flags. Sixteen entries are a group, which is held
 * as one: its gate and its 19 bit hold count are in the first.
 */
#define UMEM_GROUP		16
#define UMEM_ENT_PFN_BITS	40
#define UMEM_ENT_PFN		GENMASK_ULL(UMEM_ENT_PFN_BITS - 1, 0)
#define UMEM_ENT_VALID		BIT_ULL(40)
#define UMEM_ENT_WRITE		BIT_ULL(41)
#define UMEM_ENT_ACCESSED	BIT_ULL(42)
#define UMEM_ENT_DIRTY		BIT_ULL(43)	/* statistics only */
#define UMEM_ENT_FLAGS		GENMASK_ULL(43, 40)
#define UMEM_ENT_GATE		BIT_ULL(44)	/* no new holder, for now */
#define UMEM_ENT_ONE		BIT_ULL(45)	/* one holder */
#define UMEM_ENT_COUNT		GENMASK_ULL(63, 45)

#define UMEM_LEVEL_BITS		9
#define UMEM_FANOUT		(1U << UMEM_LEVEL_BITS)
#define UMEM_LEAF_SHIFT		(PAGE_SHIFT + UMEM_LEVEL_BITS)
#define UMEM_LEAF_SIZE		(1UL << UMEM_LEAF_SHIFT)
#define UMEM_DIR_SHIFT		(UMEM_LEAF_SHIFT + UMEM_LEVEL_BITS)

/*
 * Invalidations of up to this many bytes are counted per leaf they touch, in
 * a bucket chosen by address; larger ones in one bucket of their own.
 */
#define UMEM_BUCKETS		64
#define UMEM_BUCKET_SPAN	(UMEM_BUCKETS * UMEM_LEAF_SIZE)

/**
 * struct umem_slot - one leaf's place in the lowest interior node
 * @ent: the leaf, 512 entries in a page of their own; RCU; NULL if absent
 * @nr_valid: valid entries of @ent; under the leaf's lock
 */
struct umem_slot {
	atomic64_t *ent;
	unsigned int nr_valid;
};

struct umem_dir {
	struct umem_slot slot[UMEM_FANOUT];
};

struct umem_node {
	void *child[UMEM_FANOUT];	/* nodes, or dirs below the last level */
};

/**
 * struct umem_bucket - what leaves share whose addresses are far apart
 * @active: invalidations running
 * @seq: invalidations ended
 * @lock: "the leaf's lock": install against zap and unlink
 */
struct umem_bucket {
	atomic_t active;
	raw_spinlock_t lock;
	atomic_long_t seq;
};

struct umem_table {
	void *root;		/* node, or dir if @top is UMEM_LEAF_SHIFT */
	unsigned int top;	/* address bits below the root's index */
	unsigned long last;	/* highest address */
	raw_spinlock_t lock;	/* growing and shrinking */
	atomic_long_t resident;	/* valid entries */
	atomic_long_t leaves;
	atomic_long_t interior;	/* pages of nodes and dirs */

	struct umem_bucket bucket[UMEM_BUCKETS + 1] ____cacheline_aligned_in_smp;
};

int umem_table_init(struct umem_table *t, unsigned int va_bits);
void umem_table_destroy(struct umem_table *t);

int umem_table_populate(struct umem_table *t, unsigned long va, gfp_t gfp);
unsigned int umem_table_run(struct umem_table *t, unsigned long va,
			    unsigned int nr, bool write, bool *present);
long umem_table_snap(struct umem_table *t, unsigned long va);
bool umem_table_active(struct umem_table *t, unsigned long va);
int umem_table_install(struct umem_table *t, unsigned long va,
		       const unsigned long *pfn, unsigned int nr, bool write,
		       long snap);

void umem_table_begin(struct umem_table *t, unsigned long start,
		      unsigned long end);
unsigned long umem_table_zap(struct umem_table *t, unsigned long start,
			     unsigned long end, bool may_sleep);
void umem_table_prune(struct umem_table *t, unsigned long start,
		      unsigned long end);
void umem_table_end(struct umem_table *t, unsigned long start,
		    unsigned long end);

bool umem_table_young(struct umem_table *t, unsigned long start,
		      unsigned long end, bool clear);
unsigned long umem_table_resident(struct umem_table *t, unsigned long start,
				  unsigned long end);

/* Supplied by the user of the table: 1 << @order zeroed pages, given back as a whole. */
void *umem_pages_alloc(gfp_t gfp, unsigned int order);
void umem_pages_free(void *p);
void umem_pages_free_rcu(void *p);

static inline unsigned int umem_table_index(unsigned long va,
					    unsigned int shift)
{
	return (va >> shift) & (UMEM_FANOUT - 1);
}

/**
 * umem_table_slot() - find the place of an address's leaf
 * @t: table
 * @va: any address
 *
 * Context: any, inside an RCU read side section (disabled preemption is one).
 * Return: the slot, valid until the section ends, or NULL if there is no leaf
 * near @va.
 */
static inline struct umem_slot *umem_table_slot(struct umem_table *t,
						unsigned long va)
{
	unsigned int shift = t->top;
	void *p = rcu_dereference_raw(t->root);

	if (unlikely(va > t->last))
		return NULL;
	for (; p && shift > UMEM_LEAF_SHIFT; shift -= UMEM_LEVEL_BITS) {
		struct umem_node *node = p;

		p = rcu_dereference_raw(node->child[umem_table_index(va, shift)]);
	}
	if (!p)
		return NULL;
	return &((struct umem_dir *)p)->slot[umem_table_index(va, shift)];
}

/**
 * umem_table_entry() - find the entry of an address
 * @t: table
 * @va: any address
 *
 * Context: any, inside an RCU read side section (disabled preemption is one).
 * Return: the entry, valid until the section ends, or NULL.
 */
static inline atomic64_t *umem_table_entry(struct umem_table *t,
					   unsigned long va)
{
	struct umem_slot *slot = umem_table_slot(t, va);
	atomic64_t *ent;

	if (unlikely(!slot))
		return NULL;
	ent = rcu_dereference_raw(slot->ent);
	if (unlikely(!ent))
		return NULL;
	return &ent[umem_table_index(va, PAGE_SHIFT)];
}

/* The first entry of @e's group. A leaf is a page. */
static inline atomic64_t *umem_entry_group(atomic64_t *e)
{
	return (atomic64_t *)((unsigned long)e & ~(UMEM_GROUP * sizeof(*e) - 1));
}

/* Entries of @e's group from @e on. */
static inline unsigned int umem_entry_left(atomic64_t *e)
{
	return umem_entry_group(e) + UMEM_GROUP - e;
}

static inline u64 umem_entry_need(bool write)
{
	return UMEM_ENT_VALID | (write ? UMEM_ENT_WRITE : 0);
}

/**
 * umem_entry_use() - use an entry whose group is held
 * @e: entry
 * @write: the access writes
 * @v: set on success: frame number and flags, nothing of the group's
 *
 * Return: true if it is valid (for writing): then it stays what it is until the
 * group is dropped, or is found invalid from now on and waited for.
 */
static inline bool umem_entry_use(atomic64_t *e, bool write, u64 *v)
{
	u64 need = umem_entry_need(write);
	u64 all = need | UMEM_ENT_ACCESSED | (write ? UMEM_ENT_DIRTY : 0);
	s64 old = atomic64_read_acquire(e);

	while (unlikely((old & all) != all)) {
		if ((old & need) != need)
			return false;
		if (atomic64_try_cmpxchg_acquire(e, &old, old | all))
			old |= all;
	}
	*v = old & (UMEM_ENT_PFN | UMEM_ENT_FLAGS);
	return true;
}

/**
 * umem_entry_drop() - end an umem_entry_hold()
 * @e: an entry of the group held; the accesses must be complete
 */
static inline void umem_entry_drop(atomic64_t *e)
{
	atomic64_fetch_sub_release(UMEM_ENT_ONE, umem_entry_group(e));
}

/**
 * umem_entry_hold() - hold the group of an entry if the entry may be used
 * @e: entry
 * @write: the access writes
 * @v: set on success, as by umem_entry_use()
 *
 * Context: any, preemption disabled from before the lookup until after
 * umem_entry_drop(). Who has it may umem_entry_use() the others of the group. A
 * group that is held keeps its leaf from being unlinked.
 * Return: true if held.
 */
static inline bool umem_entry_hold(atomic64_t *e, bool write, u64 *v)
{
	atomic64_t *group = umem_entry_group(e);
	u64 need = umem_entry_need(write);
	s64 old;

	/* A miss costs the others nothing. */
	if (unlikely((atomic64_read(e) & need) != need))
		return false;
	old = atomic64_read(group);
	do {
		if (unlikely(old & UMEM_ENT_GATE))
			return false;
		/* Fully ordered: (E) */
	} while (unlikely(!atomic64_try_cmpxchg(group, &old, old + UMEM_ENT_ONE)));
	if (likely(umem_entry_use(e, write, v)))
		return true;
	umem_entry_drop(e);
	return false;
}

#endif /* _UMEM_TABLE_H */
