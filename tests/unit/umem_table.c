// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The translation table against a dumb model, then against many threads.
 *
 * umem_table [seed]
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <linux/slab.h>

#include "../../drivers/infiniband/core/umem_table.h"
#include "tap.h"

#define VA_BITS		47
#define LEAF_PAGES	UMEM_FANOUT

static unsigned long seed;

static unsigned long rnd(unsigned long *state)
{
	*state = *state * 6364136223846793005UL + 1442695040888963407UL;
	return *state >> 33;
}

/* Pages that the table has, and the allocation that fails. */
static long pages_used, fail_at;

void *umem_pages_alloc(gfp_t gfp, unsigned int order)
{
	size_t size = PAGE_SIZE << order;
	void *p;

	(void)gfp;
	if (fail_at && !--fail_at)
		return NULL;
	p = aligned_alloc(PAGE_SIZE, size);
	__atomic_fetch_add(&pages_used, 1, __ATOMIC_RELAXED);
	return memset(p, 0, size);
}

void umem_pages_free(void *p)
{
	__atomic_fetch_sub(&pages_used, 1, __ATOMIC_RELAXED);
	free(p);
}

void umem_pages_free_rcu(void *p)
{
	synchronize_rcu();
	umem_pages_free(p);
}

/* ---- one thread, compared with a model ---- */

/* Where the model's leaves are: the ends of the space, neighbours, far away. */
static const unsigned long leaf_at[] = {
	0,
	0x00000001ffe00000, 0x0000000200000000, 0x0000000200200000,
	0x000055aa40000000,
	0x00007fffffc00000, 0x00007fffffe00000,
};

#define NLEAVES		(sizeof(leaf_at) / sizeof(leaf_at[0]))
#define NPAGES		(NLEAVES * LEAF_PAGES)

static struct model {
	unsigned long pfn;
	bool valid, write, accessed;
	int holds;
} model[NPAGES];
static bool model_leaf[NLEAVES];

static struct { unsigned int page; atomic64_t *e; } held[64];
static unsigned int nheld;
static unsigned int mismatches;

static unsigned long page_va(unsigned int i)
{
	return leaf_at[i / LEAF_PAGES] + (i % LEAF_PAGES) * PAGE_SIZE;
}

static void expect(bool good, const char *what, unsigned int page)
{
	if (!good && ++mismatches < 10)
		diag("%s differs at page %u, address %#lx", what, page, page_va(page));
}

/* Holders of the group of @i, which is of one leaf. */
static unsigned int holders_of(unsigned int i)
{
	unsigned int k, first = i - i % UMEM_GROUP, sum = 0;

	for (k = first; k < first + UMEM_GROUP; k++)
		sum += model[k].holds;
	return sum;
}

static void check_page(struct umem_table *t, unsigned int i)
{
	atomic64_t *e = umem_table_entry(t, page_va(i));
	const struct model *m = &model[i];
	u64 v;

	expect(!!e == model_leaf[i / LEAF_PAGES], "leaf", i);
	if (!e)
		return;
	v = atomic64_read(e);
	expect(!!(v & UMEM_ENT_VALID) == m->valid, "VALID", i);
	expect(!!(v & UMEM_ENT_WRITE) == m->write, "WRITE", i);
	expect(!!(v & UMEM_ENT_ACCESSED) == m->accessed, "ACCESSED", i);
	expect(!(v & UMEM_ENT_GATE), "gate", i);
	if (i % UMEM_GROUP)
		expect(!(v & UMEM_ENT_COUNT), "count", i);
	else
		expect(v / UMEM_ENT_ONE == holders_of(i), "count of the group", i);
	expect((v & UMEM_ENT_PFN) == m->pfn, "frame", i);
}

static void check_all(struct umem_table *t)
{
	long resident = 0, leaves = 0;
	unsigned int i;

	for (i = 0; i < NPAGES; i++) {
		check_page(t, i);
		resident += model[i].valid;
	}
	for (i = 0; i < NLEAVES; i++)
		leaves += model_leaf[i];
	expect(atomic_long_read(&t->resident) == resident, "resident", 0);
	expect(atomic_long_read(&t->leaves) == leaves, "leaves", 0);
}

static void drop(unsigned int h)
{
	umem_entry_drop(held[h].e);
	model[held[h].page].holds--;
	held[h] = held[--nheld];
}

static void random_range(unsigned long *s, unsigned long *start, unsigned long *end)
{
	unsigned long a = page_va(rnd(s) % NPAGES);
	unsigned long b = page_va(rnd(s) % NPAGES);

	switch (rnd(s) % 4) {
	case 0:		/* anywhere to anywhere */
		*start = min(a, b);
		*end = (a < b ? b : a) + PAGE_SIZE;
		break;
	case 1:		/* a leaf */
		*start = a & ~(UMEM_LEAF_SIZE - 1);
		*end = *start + UMEM_LEAF_SIZE;
		break;
	case 2:		/* some bytes */
		*start = a + rnd(s) % PAGE_SIZE;
		*end = *start + 1 + rnd(s) % (8 * PAGE_SIZE);
		break;
	default:	/* some pages */
		*start = a;
		*end = a + (1 + rnd(s) % LEAF_PAGES) * PAGE_SIZE;
		break;
	}
}

static bool within(unsigned int i, unsigned long start, unsigned long end)
{
	return page_va(i) < end && page_va(i) + PAGE_SIZE > start;
}

static bool group_within(unsigned int i, unsigned long start, unsigned long end)
{
	unsigned int first = i - i % UMEM_GROUP;

	return page_va(first) < end && page_va(first) + UMEM_GROUP * PAGE_SIZE > start;
}

static void do_install(struct umem_table *t, unsigned long *s)
{
	unsigned int i = rnd(s) % NPAGES, n, k;
	bool write = rnd(s) % 2, stale = !(rnd(s) % 8), active = !(rnd(s) % 8);
	bool populate = rnd(s) % 4;
	unsigned long pfn[64], va = page_va(i), at = va;
	int want = 0, ret;
	long snap;

	n = 1 + rnd(s) % 64;
	n = min(n, (unsigned int)(LEAF_PAGES - i % LEAF_PAGES));
	for (k = 0; k < n; k++) {
		/* The frame of a valid page stays what it is. */
		pfn[k] = model[i + k].valid ? model[i + k].pfn :
			 (rnd(s) << 20 | rnd(s)) & UMEM_ENT_PFN;
	}

	if (populate) {
		expect(!umem_table_populate(t, va, GFP_KERNEL), "populate", i);
		model_leaf[i / LEAF_PAGES] = true;
	}
	snap = umem_table_snap(t, va);
	/* An invalidation of the neighbour page, of all, or far away. */
	if (rnd(s) % 2)
		at ^= PAGE_SIZE;
	if (stale || active)
		umem_table_begin(t, at, at + PAGE_SIZE);
	if (stale)
		umem_table_end(t, at, at + PAGE_SIZE);
	else if (!active && rnd(s) % 2) {
		at = va ^ UMEM_LEAF_SIZE;
		umem_table_begin(t, at, at + PAGE_SIZE);
		umem_table_end(t, at, at + PAGE_SIZE);
	}
	ret = umem_table_install(t, va, pfn, n, write, snap);
	if (active && !stale)
		umem_table_end(t, at, at + PAGE_SIZE);

	if (stale || active || !model_leaf[i / LEAF_PAGES]) {
		expect(ret == -EAGAIN, "raced install", i);
		return;
	}
	for (k = 0; k < n; k++) {
		struct model *m = &model[i + k];

		want += !m->valid;
		if (!m->valid)
			*m = (struct model){ .pfn = pfn[k], .valid = true };
		m->write |= write;
	}
	expect(ret == want, "installed", i);
}

static void do_hold(struct umem_table *t, unsigned long *s)
{
	unsigned int i = rnd(s) % NPAGES;
	bool write = rnd(s) % 2, got;
	struct model *m = &model[i];
	atomic64_t *e;
	u64 v = 0;

	if (nheld == 64)
		drop(rnd(s) % nheld);
	e = umem_table_entry(t, page_va(i) + rnd(s) % PAGE_SIZE);
	got = e && umem_entry_hold(e, write, &v);
	expect(got == (m->valid && (m->write || !write)), "hold", i);
	if (!got)
		return;
	expect((v & UMEM_ENT_PFN) == m->pfn, "held frame", i);
	expect(!(v & (UMEM_ENT_GATE | UMEM_ENT_COUNT)), "held value", i);
	m->holds++;
	m->accessed = true;
	held[nheld].page = i;
	held[nheld++].e = e;
}

static void do_zap(struct umem_table *t, unsigned long *s)
{
	unsigned long start, end, want = 0, ret;
	bool prune = rnd(s) % 2;
	unsigned int i;

	random_range(s, &start, &end);
	/* It waits for whoever holds something near what goes. */
	for (i = nheld; i-- > 0;)
		if (group_within(held[i].page, start, end))
			drop(i);

	umem_table_begin(t, start, end);
	expect(umem_table_active(t, start), "active", 0);
	expect(umem_table_active(t, end - 1), "active", 0);
	ret = umem_table_zap(t, start, end, true);
	for (i = 0; i < NPAGES; i++) {
		if (!within(i, start, end))
			continue;
		want += model[i].valid;
		model[i] = (struct model){ };
	}
	expect(ret == want, "zapped", 0);
	if (prune)
		umem_table_prune(t, start, end);
	umem_table_end(t, start, end);
	expect(!umem_table_active(t, start), "inactive", 0);

	for (i = 0; prune && i < NLEAVES; i++) {
		unsigned int k = 0;

		if (leaf_at[i] >= end || leaf_at[i] + UMEM_LEAF_SIZE <= start)
			continue;
		while (k < LEAF_PAGES && !model[i * LEAF_PAGES + k].valid)
			k++;
		if (k == LEAF_PAGES)
			model_leaf[i] = false;
	}
}

static void do_young(struct umem_table *t, unsigned long *s)
{
	bool clear = rnd(s) % 2, want = false;
	unsigned long start, end;
	unsigned int i;

	random_range(s, &start, &end);
	for (i = 0; i < NPAGES; i++) {
		struct model *m = &model[i];

		if (!within(i, start, end) || !m->valid)
			continue;
		want |= m->accessed;
		if (clear)
			m->accessed = false;
	}
	expect(umem_table_young(t, start, end, clear) == want, "young", 0);
}

static void do_count(struct umem_table *t, unsigned long *s)
{
	unsigned int i = rnd(s) % NPAGES, n = 1 + rnd(s) % 600, k;
	bool write = rnd(s) % 2, present, want;
	unsigned long start, end, sum = 0;

	want = model[i].valid && (model[i].write || !write);
	for (k = 1; k < n && (i + k) % LEAF_PAGES; k++)
		if ((model[i + k].valid && (model[i + k].write || !write)) != want)
			break;
	expect(umem_table_run(t, page_va(i), n, write, &present) == k, "run", i);
	expect(present == want, "present", i);

	random_range(s, &start, &end);
	for (k = 0; k < NPAGES; k++)
		sum += within(k, start, end) && model[k].valid;
	expect(umem_table_resident(t, start, end) == sum, "resident", i);
}

static void test_model(void)
{
	struct umem_table *t = aligned_alloc(64, sizeof(*t));
	unsigned long s = seed;
	unsigned int n;

	memset(t, 0, sizeof(*t));
	ok(umem_table_init(t, 64) == -EINVAL, "an address space of 64 bits is refused");
	ok(!umem_table_init(t, VA_BITS), "an address space of 47 bits");
	ok(!umem_table_entry(t, 1UL << VA_BITS) &&
	   umem_table_populate(t, 1UL << VA_BITS, GFP_KERNEL) == -EFAULT &&
	   umem_table_install(t, -PAGE_SIZE, (unsigned long[]){ 1 }, 1, false, 0) == -EAGAIN,
	   "beyond the address space there is nothing");

	for (n = 0; n < 12000 && !mismatches; n++) {
		switch (rnd(&s) % 16) {
		case 0 ... 3:
			do_install(t, &s);
			break;
		case 4 ... 9:
			do_hold(t, &s);
			break;
		case 10 ... 11:
			if (nheld)
				drop(rnd(&s) % nheld);
			break;
		case 12:
			do_zap(t, &s);
			break;
		case 13:
			do_young(t, &s);
			break;
		default:
			do_count(t, &s);
			break;
		}
		if (!(n % 64))
			check_all(t);
	}
	check_all(t);
	while (nheld)
		drop(0);
	ok(!mismatches, "%u random operations agree with the model", n);

	umem_table_begin(t, 0, -1UL);
	umem_table_zap(t, 0, -1UL, true);
	umem_table_prune(t, 0, -1UL);
	umem_table_end(t, 0, -1UL);
	ok(!atomic_long_read(&t->resident) && !atomic_long_read(&t->leaves),
	   "zapping and pruning all of it leaves no leaf");
	ok(!t->root && !atomic_long_read(&t->interior) && !pages_used,
	   "and gives all memory back");
	umem_table_destroy(t);
	free(t);
}

static void test_frame_change(void)
{
	struct umem_table *t = aligned_alloc(64, sizeof(*t));
	unsigned long pfn[2] = { 7, 8 };
	atomic64_t *e;
	u64 got;
	int ret;

	memset(t, 0, sizeof(*t));
	umem_table_init(t, VA_BITS);
	umem_table_populate(t, 0, GFP_KERNEL);
	umem_table_install(t, 0, pfn, 1, true, umem_table_snap(t, 0));
	ret = umem_table_install(t, 0, pfn + 1, 1, false, umem_table_snap(t, 0));
	e = umem_table_entry(t, 0);
	ok(!ret && atomic_long_read(&t->resident) == 1 && !umem_entry_hold(e, true, &got),
	   "a frame that changed unannounced is replaced, rights and all");
	ok(umem_entry_hold(e, false, &got) && (got & UMEM_ENT_PFN) == 8, "by the newer one");
	umem_entry_drop(e);
	umem_table_destroy(t);
	free(t);
}

/* What was touched is paid for, and given back with the addresses. */
static void test_memory(void)
{
	struct umem_table *t = aligned_alloc(64, sizeof(*t));
	unsigned long va, gib = 1UL << 30;
	long i, one, all;

	memset(t, 0, sizeof(*t));
	umem_table_init(t, VA_BITS);
	for (i = 1; i < 5; i++) {
		fail_at = i;
		if (umem_table_populate(t, 0, GFP_KERNEL) != -ENOMEM)
			break;
	}
	ok(i == 5 && !pages_used, "what was allocated before memory ran out is given back");
	fail_at = 0;
	umem_table_populate(t, 0, GFP_KERNEL);
	one = pages_used;
	for (i = 1; i < 1024; i++)
		umem_table_populate(t, i * gib, GFP_KERNEL);
	all = pages_used;
	ok(one == 4 && all <= 1024 * 2 + 4, "1 TiB takes %ld pieces for 1024 touches", all);
	ok(atomic_long_read(&t->interior) == 2 * 1024 + 2 + 1, "and counts them");
	umem_table_prune(t, gib, 512 * gib);
	ok(pages_used == all - 511 * 2, "unmapping half of it gives half of it back");
	umem_table_prune(t, PAGE_SIZE, 2 * PAGE_SIZE);
	ok(pages_used == all - 512 * 2 - 1, "a node goes with its last dir");
	for (va = 512 * gib; va < 1024 * gib; va += gib)
		umem_table_prune(t, va, va + gib);
	ok(!pages_used && !t->root, "the rest, piece by piece");
	umem_table_destroy(t);
	free(t);
}

/* ---- many threads ---- */

/*
 * A small kernel: page tables of RACE_PAGES pages with a lock each, and page
 * frames with a reference count, poisoned by plain stores when they are freed.
 * A hold that succeeds on a page that was unmapped meets the poison, or the
 * stamp of another address, or the thread sanitizer.
 */
#define RACE_LEAVES	3
#define RACE_PAGES	(RACE_LEAVES * 64)	/* the first of each leaf */
#define FRAMES		(2 * RACE_PAGES + 64)
#define WORDS		32
#define POISON		0xdeadUL

struct frame {
	int refs;
	unsigned long stamp;		/* address it is mapped at */
	unsigned long word[WORDS];	/* what devices write */
};

static struct frame frames[FRAMES];
static unsigned int frame_pool[FRAMES], frames_free;
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;

static struct {
	pthread_mutex_t lock;
	int frame;			/* -1: not mapped */
} pte[RACE_PAGES];

static struct umem_table *race;
static bool stop;
static unsigned long holds, installs, lost, zaps, bad_stamp, bad_zap;

#define count(var, n)	__atomic_fetch_add(&(var), n, __ATOMIC_RELAXED)

static unsigned long race_va(unsigned int i)
{
	/* Two neighbours, and one in a dir of its own. */
	static const unsigned long leaf[RACE_LEAVES] = {
		0x7f0000000000UL, 0x7f0000000000UL + UMEM_LEAF_SIZE, 0x7f8040000000UL,
	};

	return leaf[i / 64] + i % 64 * PAGE_SIZE;
}

static int frame_alloc(unsigned long stamp)
{
	int n;

	pthread_mutex_lock(&pool_lock);
	if (!frames_free)
		abort();
	n = frame_pool[--frames_free];
	pthread_mutex_unlock(&pool_lock);
	frames[n].stamp = stamp;
	memset(frames[n].word, 0, sizeof(frames[n].word));
	__atomic_store_n(&frames[n].refs, 1, __ATOMIC_RELAXED);
	return n;
}

static void frame_put(int n)
{
	if (__atomic_sub_fetch(&frames[n].refs, 1, __ATOMIC_ACQ_REL))
		return;
	frames[n].stamp = POISON;
	memset(frames[n].word, 0xa5, sizeof(frames[n].word));
	pthread_mutex_lock(&pool_lock);
	frame_pool[frames_free++] = n;
	pthread_mutex_unlock(&pool_lock);
}

/* A device at page @i, whose group it holds: read the stamp twice with work in between. */
static void touch(unsigned int i, u64 v, bool write, bool dawdle)
{
	struct frame *f = &frames[v & UMEM_ENT_PFN];
	unsigned int k;

	if (f->stamp != race_va(i))
		count(bad_stamp, 1);
	for (k = 0; k < WORDS; k++) {
		if (write)
			count(f->word[k], 1);
		else if (READ_ONCE(f->word[k]) >> 32)
			count(bad_stamp, 1);
	}
	if (dawdle)
		sched_yield();
	if (f->stamp != race_va(i))
		count(bad_stamp, 1);
	count(holds, 1);
}

/* A page, and some that follow it in the group. */
static void *holder(void *arg)
{
	unsigned long s = seed + (uintptr_t)arg;
	unsigned int i, more;
	u64 v;

	while (!READ_ONCE(stop)) {
		bool write = rnd(&s) % 2;
		atomic64_t *e, *group;

		i = rnd(&s) % RACE_PAGES;
		rcu_read_lock();
		e = umem_table_entry(race, race_va(i));
		if (!e || !umem_entry_hold(e, write, &v)) {
			rcu_read_unlock();
			continue;
		}
		group = umem_entry_group(e);
		touch(i, v, write, !(rnd(&s) % 64));
		for (more = rnd(&s) % UMEM_GROUP; more; more--) {
			if (umem_entry_left(e) == 1 || !umem_entry_use(++e, write, &v))
				break;
			touch(++i, v, write, !(rnd(&s) % 64));
		}
		umem_entry_drop(group);
		rcu_read_unlock();
	}
	rcu_unregister_thread();
	return NULL;
}

/* A fault worker: look some pages up, mapping what is not, and enter them. */
static void *filler(void *arg)
{
	unsigned long s = seed + (uintptr_t)arg, pfn[16], va;
	unsigned int i, k, n;

	while (!READ_ONCE(stop)) {
		bool write = rnd(&s) % 2;
		long snap;
		int ret;

		i = rnd(&s) % RACE_PAGES;
		n = 1 + rnd(&s) % 16;
		n = min(n, 64 - i % 64);
		va = race_va(i);
		if (umem_table_populate(race, va, GFP_KERNEL))
			abort();
		snap = umem_table_snap(race, va);
		for (k = 0; k < n; k++) {
			pthread_mutex_lock(&pte[i + k].lock);
			if (pte[i + k].frame < 0)
				pte[i + k].frame = frame_alloc(race_va(i + k));
			pfn[k] = pte[i + k].frame;
			__atomic_fetch_add(&frames[pfn[k]].refs, 1, __ATOMIC_RELAXED);
			pthread_mutex_unlock(&pte[i + k].lock);
		}
		if (!(rnd(&s) % 8))
			sched_yield();
		ret = umem_table_install(race, va, pfn, n, write, snap);
		if (ret < 0)
			count(lost, 1);
		else
			count(installs, ret);
		for (k = 0; k < n; k++)
			frame_put(pfn[k]);
	}
	rcu_unregister_thread();
	return NULL;
}

/* Nothing of [i, i + n) is translated. */
static void check_zapped(unsigned int i, unsigned int n)
{
	unsigned int k;

	for (k = i; k < i + n; k++) {
		atomic64_t *e;

		rcu_read_lock();
		e = umem_table_entry(race, race_va(k));
		if (e && (atomic64_read(e) & UMEM_ENT_VALID))
			count(bad_zap, 1);
		rcu_read_unlock();
	}
}

/* The owner of the address space: unmaps ranges. */
static void *unmapper(void *arg)
{
	unsigned long s = seed + (uintptr_t)arg, start, end;
	unsigned int i, k, n, rounds;

	for (rounds = 0; rounds < 800; rounds++) {
		bool all = !(rnd(&s) % 8);

		if (all) {
			/* everything, or what has the last dir to itself */
			i = rnd(&s) % 2 ? 0 : RACE_PAGES - 64;
			n = RACE_PAGES - i;
			start = i ? race_va(i) : 0;
			end = 1UL << VA_BITS;
		} else {
			i = rnd(&s) % RACE_PAGES;
			n = 1 + rnd(&s) % 64;
			n = min(n, (unsigned int)(RACE_PAGES - i));
			/* what lies between the leaves is nobody's */
			start = race_va(i);
			end = race_va(i + n - 1) + PAGE_SIZE;
		}
		umem_table_begin(race, start, end);
		count(zaps, umem_table_zap(race, start, end, true));
		check_zapped(i, n);
		for (k = i; k < i + n; k++) {
			pthread_mutex_lock(&pte[k].lock);
			if (pte[k].frame >= 0)
				frame_put(pte[k].frame);
			pte[k].frame = -1;
			pthread_mutex_unlock(&pte[k].lock);
		}
		check_zapped(i, n);
		if (all)
			umem_table_prune(race, start, end);
		umem_table_end(race, start, end);
		if (!(rnd(&s) % 4))
			sched_yield();
	}
	rcu_unregister_thread();
	return NULL;
}

static void *ager(void *arg)
{
	unsigned long s = seed + (uintptr_t)arg;
	bool present;

	while (!READ_ONCE(stop)) {
		unsigned long va = race_va(rnd(&s) % RACE_PAGES);

		umem_table_young(race, va, va + 16 * PAGE_SIZE, rnd(&s) % 2);
		umem_table_resident(race, va, va + rnd(&s) % (4 * UMEM_LEAF_SIZE) + 1);
		umem_table_run(race, va, 64, rnd(&s) % 2, &present);
		sched_yield();
	}
	rcu_unregister_thread();
	return NULL;
}

static void test_threads(void)
{
	static void *(*const role[])(void *) = {
		unmapper, unmapper,
		holder, holder, holder,
		filler, filler,
		ager,
	};
	enum { THREADS = sizeof(role) / sizeof(role[0]) };
	pthread_t thread[THREADS];
	unsigned int i;

	race = aligned_alloc(64, sizeof(*race));
	memset(race, 0, sizeof(*race));
	umem_table_init(race, VA_BITS);
	for (i = 0; i < RACE_PAGES; i++) {
		pthread_mutex_init(&pte[i].lock, NULL);
		pte[i].frame = -1;
	}
	for (i = 0; i < FRAMES; i++)
		frame_pool[frames_free++] = i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, role[i], (void *)(uintptr_t)i))
			abort();
	for (i = 0; i < THREADS; i++) {
		if (i == 2)
			WRITE_ONCE(stop, true);
		pthread_join(thread[i], NULL);
	}

	diag("%lu holds, %lu installed, %lu installs lost, %lu zapped",
	     holds, installs, lost, zaps);
	ok(holds && installs && lost && zaps, "everything happened");
	ok(!bad_stamp, "no hold on a page that was unmapped");
	ok(!bad_zap, "no translation during an invalidation");

	umem_table_begin(race, 0, -1UL);
	count(zaps, umem_table_zap(race, 0, -1UL, true));
	check_zapped(0, RACE_PAGES);
	ok(!bad_zap && installs == zaps && !atomic_long_read(&race->resident),
	   "what was installed was zapped, and no hold is left");
	for (i = 0; i < RACE_PAGES; i++)
		if (pte[i].frame >= 0)
			frame_put(pte[i].frame);
	umem_table_prune(race, 0, -1UL);
	umem_table_end(race, 0, -1UL);
	ok(frames_free == FRAMES, "all frames are free");
	ok(!atomic_long_read(&race->leaves) && !pages_used, "no leaf is left, nor anything above");
	umem_table_destroy(race);
	free(race);
}

int main(int argc, char **argv)
{
	seed = argc > 1 ? strtoul(argv[1], NULL, 0) : (unsigned long)time(NULL);
	diag("seed %lu", seed);
	test_model();
	test_frame_change();
	test_memory();
	test_threads();
	return tap_done();
}
