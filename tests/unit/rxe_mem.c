// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Copies between iterators over every kind of memory, compared with copying
 * byte by byte. The notifier is a stand-in that misses at random and checks the
 * rules of holding: nothing sleeps while an entry is held.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/mm.h>
#include <linux/types.h>
#include <rdma/rdma_user_rxe.h>
#include "tap.h"

/* What <linux/...>, <rdma/...> and rxe.h would declare, as far as rxe_mem.c looks. */
#define RXE_H
#define noinline		__attribute__((__noinline__))
#define fallthrough		__attribute__((__fallthrough__))
#define compat_uninitialized
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define min3(a, b, c)		min(min(a, b), c)
#define max(a, b)		((a) > (b) ? (a) : (b))
#define IS_ALIGNED(x, a)	(!((x) & ((a) - 1)))
#define cmpxchg64(p, old, new)	__sync_val_compare_and_swap(p, old, new)
#define atomic64_fetch_add(v, p) __sync_fetch_and_add((u64 *)(p), v)
#define xchg(p, v)		__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define container_of(p, t, m)	((t *)((char *)(p) - offsetof(t, m)))
#define virt_to_page(p)		((void *)(p))
#define compat_page_is_fsdax(p)	((void)(p), false)
#define arch_wb_cache_pmem(p, n) ((void)(p), (void)(n))
#define pmem_wmb()		((void)0)
#define offset_in_page(p)	((unsigned long)(p) & (PAGE_SIZE - 1))
#define __get_free_page(gfp)	((unsigned long)aligned_alloc(PAGE_SIZE, PAGE_SIZE))
#define free_page(p)		free((void *)(p))

typedef struct { int l; } spinlock_t;
typedef struct { int n; } refcount_t;
struct rcu_head { int x; };
struct page;
struct work_struct { int x; };
struct rxe_ref { int n; };
struct ib_pd { int x; };
struct ib_mr { int x; };
struct ib_mw { int x; };
enum ib_mw_type { IB_MW_TYPE_1 = 1, IB_MW_TYPE_2 };
enum ib_mr_type { IB_MR_TYPE_USER };
enum ib_uverbs_advise_mr_advice { ADVICE };
struct rxe_dev { int x; };
struct rxe_pd { struct ib_pd ibpd; };
struct rxe_ucontext;
struct ib_udata;
struct ib_sge;
struct ib_umem;
struct scatterlist;
struct uverbs_attr_bundle;
#define RXE_PARAM_H
enum { RXE_MIN_MW_INDEX = 1 << 23 };

static int entries_held, slow_accesses, lookups, broken_rules, pages_in_a_row;
#define preempt_enable()	(entries_held--)

static int softirqs_off;
#define local_bh_disable()	(softirqs_off++)
#define local_bh_enable()	(softirqs_off--)

static bool atomic_inc_unless_negative(atomic_t *v)
{
	if (v->v < 0)
		return false;
	v->v++;
	return true;
}

static int atomic_dec_return_release(atomic_t *v)
{
	return --v->v;
}

#include <rdma/umem_notifier.h>

static unsigned long copy_mc_to_kernel(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
	return 0;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "../../drivers/infiniband/sw/rxe/rxe_mem.c"
#pragma GCC diagnostic pop

/* ---- physical memory, and an address space on it ---- */

#define PAGES	64
#define USER	0x7f1234500000UL	/* first user address */

struct umem_export {
	u8 *mem;			/* PAGES physical pages */
	u8 phys[PAGES];			/* user page -> physical page */
	u8 state[PAGES];		/* 0 missing, 1 readable, 2 writable */
	bool cold;			/* holds always miss */
};

static u8 *user_byte(struct umem_export *ex, unsigned long va)
{
	unsigned long page = (va - USER) >> PAGE_SHIFT;

	return ex->mem + ex->phys[page] * PAGE_SIZE + va % PAGE_SIZE;
}

/* Entries are held one inside the other. */
static struct open_hold {
	atomic64_t entry;
	struct umem_export *ex;
	unsigned long next;		/* address after the piece */
} open_hold[2];


static bool may_hold(struct umem_export *ex, unsigned long va, unsigned int flags)
{
	u8 *state = &ex->state[(va - USER) >> PAGE_SHIFT];

	if (!(rand() % 16))
		*state = 0;
	return !ex->cold && *state >= (flags & UMEM_WRITE ? 2 : 1);
}

/* What is held from @va on: pieces of physical memory, to the end of a group at most. */
static void held(struct umem_export *ex, unsigned long va, size_t len, struct umem_hold *h)
{
	struct open_hold *o = (struct open_hold *)h->entry;
	unsigned long next = (va | (PAGE_SIZE - 1)) + 1, end = va + len;
	struct umem_piece *p = h->piece;

	*p = (struct umem_piece) { user_byte(ex, va), next - va };
	pages_in_a_row++;
	while (next < end && next % UMEM_HOLD_MAX && may_hold(ex, next, h->flags)) {
		if (user_byte(ex, next) != (u8 *)p->kaddr + p->len)
			*++p = (struct umem_piece) { user_byte(ex, next), 0 };
		p->len += PAGE_SIZE;
		next += PAGE_SIZE;
		pages_in_a_row++;
	}
	h->at = 0;
	h->last = p - h->piece;
	o->next = next;
	if (pages_in_a_row > 2 * (RXE_COPY_STRETCH / PAGE_SIZE + UMEM_HOLD_PAGES + 1))
		broken_rules++;
}

int umem_hold(struct umem_export *ex, unsigned long va, size_t len,
	      unsigned int flags, struct umem_hold *h)
{
	struct open_hold *o = &open_hold[entries_held & 1];

	if (!may_hold(ex, va, flags))
		return -EAGAIN;
	if (!entries_held)
		pages_in_a_row = 0;
	if (++entries_held > 2)
		broken_rules++;
	o->ex = ex;
	h->entry = h->group = &o->entry;
	h->flags = flags & UMEM_WRITE;
	held(ex, va, len, h);
	return 0;
}

bool umem_hold_on(struct umem_hold *h, size_t len)
{
	struct open_hold *o = (struct open_hold *)h->entry;

	/* As at the end of a leaf. */
	if (!(rand() % 8) || o->next >= USER + PAGES * PAGE_SIZE ||
	    !may_hold(o->ex, o->next, h->flags))
		return false;
	held(o->ex, o->next, len, h);
	return true;
}

int umem_copy_slow(struct umem_export *ex, unsigned long va, void *buf, size_t len,
		   unsigned int flags)
{
	if (entries_held || softirqs_off || !len || len > PAGE_SIZE - va % PAGE_SIZE)
		broken_rules++;
	slow_accesses++;
	if (flags & UMEM_WRITE)
		memcpy(user_byte(ex, va), buf, len);
	else
		memcpy(buf, user_byte(ex, va), len);
	return 0;
}

/* A page or more of what is wanted, or nothing; in a cold space it is gone at once. */
long umem_fault_nowait(struct umem_export *ex, unsigned long va, size_t len,
		       unsigned int flags, u64 *fresh)
{
	unsigned long end = va + len;

	if (entries_held || softirqs_off || !len)
		broken_rules++;
	lookups++;
	if (!(rand() % 3))
		return -EAGAIN;
	for (; va < end && rand() % 8; va = (va | (PAGE_SIZE - 1)) + 1, ++*fresh) {
		u8 *state = &ex->state[(va - USER) >> PAGE_SHIFT];

		*state = max(*state, flags & UMEM_WRITE ? 2 : 1);
	}
	return 1;
}

/* Somebody else's addition comes in between now and then. */
static u64 meddle;

int umem_cmpxchg_slow(struct umem_export *ex, unsigned long va, u64 *old, u64 new)
{
	u64 *word = (u64 *)user_byte(ex, va);

	if (entries_held || softirqs_off || va % 8)
		broken_rules++;
	slow_accesses++;
	*word += meddle;
	meddle = 0;
	if (*word == *old)
		*word = new;
	else
		*old = *word;
	return 0;
}

static void fault(struct rxe_miss *m)
{
	unsigned long va = m->va & ~(PAGE_SIZE - 1);

	for (; va < m->va + m->len; va += PAGE_SIZE) {
		u8 *state = &m->ex->state[(va - USER) >> PAGE_SHIFT];

		*state = max(*state, m->flags & UMEM_WRITE ? 2 : 1);
	}
}

/* ---- one side of a copy ---- */

#define SEGS	6

static struct rxe_mr_count count;

struct side {
	struct umem_export ex;
	struct rxe_mr mr[SEGS];
	struct rxe_seg seg[SEGS];
	struct rxe_iter it;
	u8 *byte[PAGES * PAGE_SIZE];	/* by position in the iterator */
	u32 len;
};

static struct rxe_pagelist *make_list(struct side *s, u32 shift, u64 offset)
{
	u32 i, n = PAGES >> (shift - PAGE_SHIFT);
	struct rxe_pagelist *l = malloc(sizeof(*l) + n * sizeof(void *));

	l->n = n;
	l->shift = shift;
	l->offset = offset;
	for (i = 0; i < n; i++)		/* backwards: contiguous only within a page */
		l->page[i] = s->ex.mem + ((u64)(n - 1 - i) << shift);
	return l;
}

/* Segments over disjoint eighths of the memory, so that a byte occurs once. */
static void make_side(struct side *s)
{
	const u32 part = PAGES / 8 * PAGE_SIZE;
	u32 i, k;

	for (i = 0; i < PAGES * PAGE_SIZE; i++)
		s->ex.mem[i] = rand();
	for (i = 0; i < PAGES; i++) {
		/* Pieces of four pages, backwards. */
		s->ex.phys[i] = PAGES - 4 - i / 4 * 4 + i % 4;
		s->ex.state[i] = rand() % 3;
	}
	s->ex.cold = !(rand() % 8);
	s->len = 0;
	s->it = (struct rxe_iter){ .seg = s->seg, .nseg = SEGS };
	for (i = 0; i < SEGS; i++) {
		struct rxe_seg *seg = &s->seg[i];
		struct rxe_mr *mr = &s->mr[i];
		u32 at = rand() % part, n = rand() % (part - at);
		u32 shift, first = i * part + at;
		u64 gap;

		if (!(rand() % 4))
			n = min(n, (u32)rand() % 10);
		free(mr->list);
		memset(mr, 0, sizeof(*mr));
		seg->mr = mr;
		seg->length = n;
		mr->iova = 0xdead000ULL + rand();	/* must not matter */
		mr->ex = &s->ex;
		mr->count = &count;
		switch (rand() % 5) {
		case 0:
			seg->mr = NULL;
			seg->kbuf = s->ex.mem + first;
			break;
		case 1:
			mr->kind = RXE_MR_KMEM;
			seg->off = (uintptr_t)s->ex.mem + first;
			break;
		case 2:
		case 3:
			shift = PAGE_SHIFT + rand() % 3;
			gap = rand() % min(first + 1, 1U << shift);
			mr->kind = rand() % 2 ? RXE_MR_PINNED : RXE_MR_FAST;
			mr->list = make_list(s, shift, gap);
			mr->gen = seg->gen = rand();
			seg->off = first - gap;
			for (k = 0; k < n; k++)
				s->byte[s->len + k] =
					(u8 *)mr->list->page[(first + k) >> shift] +
					((first + k) & ((1U << shift) - 1));
			s->len += n;
			continue;
		default:
			mr->kind = rand() % 2 ? RXE_MR_ODP : RXE_MR_IMPLICIT;
			gap = rand() % (first + 1);
			mr->start = USER + gap;
			seg->off = first - gap;
			for (k = 0; k < n; k++)
				s->byte[s->len + k] = user_byte(&s->ex, USER + first + k);
			s->len += n;
			continue;
		}
		for (k = 0; k < n; k++)
			s->byte[s->len + k] = s->ex.mem + first + k;
		s->len += n;
	}
}

static struct side src, dst;

/* Destination bytes that two segments share are written in order on both sides. */
static bool copy_once(unsigned int flags)
{
	u8 *expect;
	struct rxe_stop stop;
	u32 len, skip, done = 0, i;
	bool good = true;

	make_side(&src);
	make_side(&dst);
	len = min(src.len, dst.len);
	skip = len ? rand() % len : 0;
	len -= skip;
	rxe_iter_skip(&src.it, skip);
	rxe_iter_skip(&dst.it, skip);
	src.it.ahead = rand() % 2 ? len : 0;
	dst.it.ahead = rand() % 2 ? len : 0;

	expect = malloc(PAGES * PAGE_SIZE);
	memcpy(expect, dst.ex.mem, PAGES * PAGE_SIZE);
	for (i = 0; i < len; i++)
		expect[dst.byte[skip + i] - dst.ex.mem] = *src.byte[skip + i];

	while (done < len) {
		u32 n = rxe_copy(&dst.it, &src.it, len - done, flags, &stop);

		done += n;
		if (entries_held || softirqs_off)
			good = false;
		if (done == len)
			break;
		if (stop.err != -EAGAIN || flags & RXE_COPY_SLOW) {
			good = false;
			break;
		}
		if (stop.side != (stop.miss.flags & UMEM_WRITE ? RXE_STOP_DST :
				  RXE_STOP_SRC) || !stop.miss.len ||
		    user_byte(stop.miss.ex, stop.miss.va) !=
		    (stop.side == RXE_STOP_SRC ? &src : &dst)->byte[skip + done])
			good = false;
		if (!good)
			break;
		stop.miss.ex->cold = false;
		fault(&stop.miss);
	}
	good = good && !memcmp(expect, dst.ex.mem, PAGES * PAGE_SIZE);
	free(expect);
	return good;
}

static void test_atomic(void)
{
	struct rxe_seg seg = { .length = 8 };
	struct rxe_stop stop;
	u64 word = 5, old = 0;

	seg.kbuf = &word;
	ok(!rxe_atomic(&seg, RXE_ATOMIC_CMP_SWAP, 7, 5, &old, 0, &stop) &&
	   old == 5 && word == 7, "compare and swap that matches");
	ok(!rxe_atomic(&seg, RXE_ATOMIC_CMP_SWAP, 9, 5, &old, 0, &stop) &&
	   old == 7 && word == 7, "compare and swap that does not");
	ok(!rxe_atomic(&seg, RXE_ATOMIC_FETCH_ADD, ~0ULL, 0, &old, 0, &stop) &&
	   old == 7 && word == 6, "fetch and add wraps");
	seg.kbuf = (u8 *)&word + 4;
	ok(rxe_atomic(&seg, RXE_ATOMIC_WRITE, 1, 0, NULL, 0, &stop) == -EINVAL &&
	   stop.side == RXE_STOP_DST && word == 6, "misaligned is refused");
	seg.kbuf = &word;
	seg.length = 7;
	ok(rxe_atomic(&seg, RXE_ATOMIC_WRITE, 1, 0, NULL, 0, &stop) == -EINVAL,
	   "a segment too short is refused");
}

/* At a word that always misses. */
static void test_atomic_slow(void)
{
	struct rxe_mr mr = { .kind = RXE_MR_ODP, .start = USER, .ex = &src.ex, .count = &count };
	struct rxe_seg seg = { .mr = &mr, .off = 4096 + 16, .length = 8 };
	struct rxe_stop stop;
	u64 *word, old = 0;

	src.ex.cold = true;
	word = (u64 *)user_byte(&src.ex, USER + seg.off);
	*word = 5;
	ok(rxe_atomic(&seg, RXE_ATOMIC_FETCH_ADD, 1, 0, &old, 0, &stop) == -EAGAIN &&
	   stop.side == RXE_STOP_DST && *word == 5, "an atomic that misses");
	ok(!rxe_atomic(&seg, RXE_ATOMIC_CMP_SWAP, 7, 5, &old, RXE_COPY_SLOW, &stop) &&
	   old == 5 && *word == 7, "slow compare and swap that matches");
	ok(!rxe_atomic(&seg, RXE_ATOMIC_CMP_SWAP, 9, 5, &old, RXE_COPY_SLOW, &stop) &&
	   old == 7 && *word == 7, "slow compare and swap that does not");
	meddle = 100;
	ok(!rxe_atomic(&seg, RXE_ATOMIC_FETCH_ADD, 1, 0, &old, RXE_COPY_SLOW, &stop) &&
	   old == 107 && *word == 108, "slow fetch and add loses nobody's addition");
	meddle = 1;
	ok(!rxe_atomic(&seg, RXE_ATOMIC_WRITE, 3, 0, &old, RXE_COPY_SLOW, &stop) &&
	   old == 109 && *word == 3, "slow store");
	seg.off += 4;
	ok(rxe_atomic(&seg, RXE_ATOMIC_WRITE, 1, 0, NULL, RXE_COPY_SLOW, &stop) == -EINVAL,
	   "misaligned is refused there too");
	seg.off -= 4;
	lookups = 0;
	ok(rxe_atomic(&seg, RXE_ATOMIC_WRITE, 1, 0, NULL, RXE_COPY_LOOKUP, &stop) == -EAGAIN &&
	   lookups && lookups <= RXE_LOOKUPS, "what is gone at once is not looked up for ever");
	src.ex.cold = false;
	while (rxe_atomic(&seg, RXE_ATOMIC_WRITE, 8, 0, NULL, RXE_COPY_LOOKUP, &stop) == -EAGAIN)
		;
	ok(*word == 8, "what stays is written");
}

/* A fast registration that ended, or was followed by another, under an open segment. */
static void test_fast_ended(void)
{
	struct rxe_mr mr = { .kind = RXE_MR_FAST, .gen = 7, .list = make_list(&src, PAGE_SHIFT, 0) };
	struct rxe_seg seg = { .mr = &mr, .length = 8, .gen = 7 }, kseg = { .length = 8 };
	struct rxe_iter from = { .seg = &seg, .nseg = 1 }, to = { .seg = &kseg, .nseg = 1 };
	struct rxe_stop stop;
	u64 word = 0;

	kseg.kbuf = &word;
	ok(rxe_copy(&to, &from, 4, 0, &stop) == 4 && !mr.holds.v, "a fast registration is read");
	mr.holds.v = RXE_MR_CLOSED;
	ok(!rxe_copy(&to, &from, 4, 0, &stop) && stop.err == -EFAULT &&
	   stop.side == RXE_STOP_SRC && mr.holds.v == RXE_MR_CLOSED, "not when it has ended");
	mr.holds.v = 0;
	mr.gen++;
	ok(!rxe_copy(&to, &from, 4, 0, &stop) && stop.err == -EFAULT && !mr.holds.v,
	   "nor when the next one is there");
	ok(rxe_atomic(&seg, RXE_ATOMIC_WRITE, 1, 0, NULL, 0, &stop) == -EFAULT && !softirqs_off,
	   "atomics neither");
	free(mr.list);
}

static void test_bounds(void)
{
	const u64 top = ~0ULL;

	ok(rxe_range_in(4096, 1, 4096, 1), "all of a region");
	ok(!rxe_range_in(4096, 2, 4096, 1), "one byte too many");
	ok(!rxe_range_in(4095, 1, 4096, 1), "one byte too early");
	ok(!rxe_range_in(top, 2, 4096, 1ULL << 40), "wrapping range");
	ok(!rxe_range_in(4096, top, 4096, 1ULL << 40), "wrapping length");
	ok(rxe_range_in(5ULL << 32, 1U << 31, 1ULL << 32, 8ULL << 32), "above 4 GiB");
	ok(!rxe_range_in(top, 1, 0, top), "unbounded region ends before the last byte");
	ok(rxe_range_in(top - 1, 1, 0, top), "and not earlier");
}

int main(void)
{
	int i, bad = 0;

	srand(1);
	src.ex.mem = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);
	dst.ex.mem = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);
	for (i = 0; i < 100; i++)
		bad += !copy_once(0);
	ok(!bad && !lookups, "copies with misses arrive, byte by byte");
	for (bad = i = 0; i < 100; i++)
		bad += !copy_once(RXE_COPY_LOOKUP);
	ok(!bad && lookups && count.faults.v && count.fault_pages.v >= count.faults.v,
	   "those that look up what is resident do too, and count it");
	for (bad = i = 0; i < 100; i++)
		bad += !copy_once(RXE_COPY_SLOW);
	ok(!bad && slow_accesses, "copies on the slow road arrive without a fault");
	ok(!broken_rules, "nothing slept while an entry was held");
	test_atomic();
	test_atomic_slow();
	test_fast_ended();
	test_bounds();
	return tap_done();
}
