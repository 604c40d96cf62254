// SPDX-License-Identifier: GPL-2.0
/*
 * Memory operations: copy, atomic, write-back.
 *
 * Each is a loop over rxe_map(), which yields the kernel address of the byte
 * under an iterator and how far one can go from there. Two backends, told apart
 * there and nowhere else: memory that always has an address (kernel buffers,
 * pinned pages) and on-demand memory, for which a table entry is held.
 *
 * Memory of a fast registration is held likewise: an access counts itself, with
 * softirqs off, so that an invalidation, which may run in one, can wait for it; and
 * finds out in the same step whether it is still the registration that was opened.
 *
 * Rules of holding (umem_notifier.h): between rxe_map() and rxe_unmap() of
 * on-demand memory preemption is off and nothing sleeps. A copy goes on from one
 * held piece to the next for RXE_COPY_STRETCH bytes, then lets go. What is accessed by
 * umem_copy_slow(), which sleeps, goes through a page of the kernel's: out of the
 * source, then into the destination, each by whichever way is open.
 *
 * A miss where the page is resident, a minor fault, costs more to wait for than to
 * serve: in process context it is served at once, if that takes no waiting.
 */
#include <linux/libnvdimm.h>
#include <linux/uaccess.h>

#include "rxe_mem.h"

/* After so many bytes, or one piece more, a copy lets others preempt it. */
#define RXE_COPY_STRETCH	(2 * UMEM_HOLD_MAX)

/* Bytes that are looked up at a time, and how often where nothing moves. */
#define RXE_LOOKUP_MAX	(16 << 20)
#define RXE_LOOKUPS	3

struct rxe_map {
	void *p;
	u32 len;		/* bytes from p on in one piece, within the segment */
	u32 room;		/* bytes from p on within the segment */
	bool held;		/* hold is open */
	struct rxe_mr *fast;	/* counted in its holds, or NULL */
	bool user;		/* user's memory: reading may meet a machine check */
	struct umem_hold hold;
};

/* Steps over the end of segments and empty ones. */
static __always_inline const struct rxe_seg *rxe_iter_seg(struct rxe_iter *it)
{
	while (likely(it->cur < it->nseg)) {
		const struct rxe_seg *seg = &it->seg[it->cur];

		if (likely(it->off < seg->length))
			return seg;
		it->off -= seg->length;
		it->cur++;
	}
	return NULL;
}

/* See the head. Holds never nest deeper than a copy's two sides, so nobody waits. */
static bool rxe_fast_hold(struct rxe_mr *mr, const struct rxe_seg *seg)
{
	local_bh_disable();
	if (likely(atomic_inc_unless_negative(&mr->holds))) {
		if (likely(mr->gen == seg->gen))
			return true;
		atomic_dec(&mr->holds);
	}
	local_bh_enable();
	return false;
}

static void rxe_fast_drop(struct rxe_mr *mr)
{
	(void)atomic_dec_return_release(&mr->holds);
	local_bh_enable();
}

static __always_inline void rxe_unmap(struct rxe_map *m)
{
	if (m->held)
		umem_drop(&m->hold);
	else if (unlikely(m->fast))
		rxe_fast_drop(m->fast);
}

static __always_inline void rxe_map_piece(struct rxe_map *m)
{
	const struct umem_piece *piece = umem_hold_piece(&m->hold);

	m->p = piece->kaddr;
	m->len = min_t(size_t, m->room, piece->len);
}

/**
 * rxe_map() - find the memory under an iterator
 * @it: position
 * @want: bytes wanted; those of @m may be more
 * @uflags: UMEM_READ or UMEM_WRITE
 * @m: result, for rxe_unmap()
 *
 * Returns 0, -EAGAIN on a miss, -EFAULT and others for good.
 */
static __always_inline int rxe_map(struct rxe_iter *it, u32 want,
				   unsigned int uflags, struct rxe_map *m)
{
	const struct rxe_seg *seg = rxe_iter_seg(it);
	const struct rxe_pagelist *list;
	struct rxe_mr *mr;
	u32 room, page;
	u64 off, i;
	int err;

	m->held = false;
	m->fast = NULL;
	m->user = false;
	if (unlikely(!seg))
		return -EFAULT;
	mr = seg->mr;
	room = seg->length - it->off;
	m->len = room;
	m->room = room;
	if (!mr) {
		m->p = seg->kbuf + it->off;
		return 0;
	}

	off = seg->off + it->off;
	switch (mr->kind) {
	case RXE_MR_ODP:
	case RXE_MR_IMPLICIT:
		err = umem_hold(mr->ex, mr->start + off, min(want, room), uflags,
				&m->hold);
		if (unlikely(err))
			return err;
		m->held = true;
		m->user = true;
		rxe_map_piece(m);
		return 0;
	case RXE_MR_FAST:
		if (!rxe_fast_hold(mr, seg))
			return -EFAULT;
		m->fast = mr;
		room = min_t(u32, room, RXE_COPY_STRETCH);
		fallthrough;
	case RXE_MR_PINNED:
		m->user = mr->kind == RXE_MR_PINNED;
		list = mr->list;
		page = list->shift;
		off += list->offset;
		i = off >> page;
		if (unlikely(i >= list->n)) {
			rxe_unmap(m);
			return -EFAULT;
		}
		off &= (1ULL << page) - 1;
		m->p = list->page[i] + off;
		m->len = min_t(u64, room, (1ULL << page) - off);
		return 0;
	case RXE_MR_KMEM:
		m->p = (void *)(uintptr_t)off;
		return 0;
	}
	return -EFAULT;
}

/*
 * Past @n bytes that are done with, with @want to come; false if rxe_map() has to find
 * them.
 */
static __always_inline bool rxe_map_step(struct rxe_map *m, u32 n, u32 want)
{
	m->p += n;
	m->len -= n;
	m->room -= n;
	if (likely(m->len))
		return true;
	if (!m->held || !m->room || !umem_hold_next(&m->hold, min(want, m->room)))
		return false;
	rxe_map_piece(m);
	return true;
}

static __always_inline void rxe_iter_step(struct rxe_iter *it, u32 n)
{
	it->off += n;
	it->ahead -= min(it->ahead, n);
}

void rxe_iter_skip(struct rxe_iter *it, u32 len)
{
	u32 n;

	while (len && rxe_iter_seg(it)) {
		n = min(len, it->seg[it->cur].length - it->off);
		rxe_iter_step(it, n);
		len -= n;
	}
}

/* Says why @it cannot go on; @want bytes are still wanted. */
static noinline void rxe_stopped(const struct rxe_iter *it, u32 want,
				 unsigned int uflags, int err,
				 struct rxe_stop *stop)
{
	const struct rxe_seg *seg;

	stop->side = uflags & UMEM_WRITE ? RXE_STOP_DST : RXE_STOP_SRC;
	stop->err = err == -ESRCH ? -EFAULT : err;
	if (err != -EAGAIN)
		return;
	seg = &it->seg[it->cur];
	stop->miss.ex = seg->mr->ex;
	stop->miss.count = seg->mr->count;
	stop->miss.va = seg->mr->start + seg->off + it->off;
	stop->miss.len = min(seg->length - it->off, max(want, it->ahead));
	stop->miss.flags = uflags;
}

/*
 * Serves a miss at @it without waiting. False: the page is not resident, or somebody has
 * to be waited for. @tries: since the last byte moved; a page that goes again at once is
 * not looked up for ever.
 */
static noinline bool rxe_look_up(const struct rxe_iter *it, u32 want,
				 unsigned int uflags, u32 *tries)
{
	struct rxe_stop stop;
	u64 fresh = 0;
	size_t len;

	if ((*tries)++ >= RXE_LOOKUPS)
		return false;
	rxe_stopped(it, want, uflags, -EAGAIN, &stop);
	len = min_t(size_t, stop.miss.len, RXE_LOOKUP_MAX);
	if (umem_fault_nowait(stop.miss.ex, stop.miss.va, len, uflags, &fresh) < 0)
		return false;
	atomic64_inc(&stop.miss.count->faults);
	atomic64_add(fresh, &stop.miss.count->fault_pages);
	return true;
}

static inline void rxe_stop_clear(struct rxe_stop *stop)
{
	stop->side = RXE_STOP_NONE;
	stop->err = 0;
}

/*
 * Moves @n bytes; returns how many were not read for a machine check. Up to 8
 * bytes go by plain loads: flags, counters and latency tests, where the call of
 * a copy routine would be most of the work.
 */
static __always_inline unsigned long rxe_move(void *dst, const void *src, u32 n,
					      bool user)
{
	if (n == 8) {
		u64 v;

		memcpy(&v, src, sizeof(v));
		memcpy(dst, &v, sizeof(v));
		return 0;
	}
	if (n == 4) {
		u32 v;

		memcpy(&v, src, sizeof(v));
		memcpy(dst, &v, sizeof(v));
		return 0;
	}
	/* The same page at two user addresses has one kernel address. */
	if (unlikely((unsigned long)dst - (unsigned long)src < n ||
		     (unsigned long)src - (unsigned long)dst < n)) {
		memmove(dst, src, n);
		return 0;
	}
	if (n > 8 && user)
		return copy_mc_to_kernel(dst, src, n);
	memcpy(dst, src, n);
	return 0;
}

/*
 * Moves @len bytes between @it, which is advanced, and @buf. Misses take the slow
 * road. Returns 0, or why it ended early.
 */
static int rxe_exchange(struct rxe_iter *it, u8 *buf, u32 len, unsigned int uflags)
{
	struct rxe_map m compat_uninitialized;
	const struct rxe_seg *seg;
	unsigned long va;
	u32 n = 0;
	int err;

	for (; len; len -= n, buf += n) {
		err = rxe_map(it, len, uflags, &m);
		if (!err) {
			n = min(len, m.len);
			if (uflags & UMEM_WRITE)
				rxe_move(m.p, buf, n, false);
			else if (rxe_move(buf, m.p, n, m.user))
				err = -EHWPOISON;
			rxe_unmap(&m);
		} else if (err == -EAGAIN) {
			seg = &it->seg[it->cur];
			va = seg->mr->start + seg->off + it->off;
			n = min_t(u32, len, PAGE_SIZE - offset_in_page(va));
			n = min(n, seg->length - it->off);
			err = umem_copy_slow(seg->mr->ex, va, buf, n, uflags);
		}
		if (err)
			return err;
		rxe_iter_step(it, n);
	}
	return 0;
}

/* Up to a page of a copy of which one side missed. Returns bytes, or 0 and @stop. */
static noinline u32 rxe_copy_slow(struct rxe_iter *dst, struct rxe_iter *src, u32 len,
				  struct rxe_stop *stop)
{
	struct rxe_iter s = *src, d = *dst;
	u32 n = min_t(u32, len, PAGE_SIZE);
	u8 *buf = (u8 *)__get_free_page(GFP_KERNEL);
	int err;

	if (!buf) {
		rxe_stopped(src, len, UMEM_READ, -ENOMEM, stop);
		return 0;
	}
	err = rxe_exchange(&s, buf, n, UMEM_READ);
	if (err) {
		rxe_stopped(&s, len, UMEM_READ, err, stop);
	} else {
		err = rxe_exchange(&d, buf, n, UMEM_WRITE);
		if (err)
			rxe_stopped(&d, len, UMEM_WRITE, err, stop);
	}
	free_page((unsigned long)buf);
	if (err)
		return 0;
	*src = s;
	*dst = d;
	return n;
}

u32 rxe_copy(struct rxe_iter *dst, struct rxe_iter *src, u32 len,
	     unsigned int flags, struct rxe_stop *stop)
{
	/* Zeroing these for each page would cost more than a small copy. */
	struct rxe_map d compat_uninitialized, s compat_uninitialized;
	unsigned long unread;
	u32 done = 0, lookups = 0, n, run;

	rxe_stop_clear(stop);
	while (done < len) {
		unsigned int uflags = UMEM_READ;
		int err;

		err = rxe_map(src, len - done, UMEM_READ, &s);
		if (likely(!err)) {
			uflags = UMEM_WRITE;
			err = rxe_map(dst, len - done, UMEM_WRITE, &d);
			if (unlikely(err))
				rxe_unmap(&s);
		}
		if (unlikely(err == -EAGAIN && flags & RXE_COPY_SLOW)) {
			n = rxe_copy_slow(dst, src, len - done, stop);
			if (!n)
				break;
			done += n;
			continue;
		}
		if (unlikely(err == -EAGAIN && flags & RXE_COPY_LOOKUP) &&
		    rxe_look_up(uflags & UMEM_WRITE ? dst : src, len - done,
				uflags, &lookups))
			continue;
		if (unlikely(err)) {
			rxe_stopped(uflags & UMEM_WRITE ? dst : src, len - done,
				    uflags, err, stop);
			break;
		}

		run = 0;
		do {
			n = min3(len - done, s.len, d.len);
			unread = rxe_move(d.p, s.p, n, s.user);
			if (unlikely(unread))
				break;
			rxe_iter_step(src, n);
			rxe_iter_step(dst, n);
			done += n;
			run += n;
		} while (done < len && run < RXE_COPY_STRETCH &&
			 rxe_map_step(&s, n, len - done) &&
			 rxe_map_step(&d, n, len - done));
		rxe_unmap(&d);
		rxe_unmap(&s);
		lookups = 0;
		if (unlikely(unread)) {
			rxe_stopped(src, len - done, UMEM_READ, -EHWPOISON, stop);
			break;
		}
	}
	return done;
}

/* An operation without a partner stopped at @it. */
static int rxe_stopped_one(struct rxe_iter *it, u32 want, unsigned int uflags,
			   int err, struct rxe_stop *stop)
{
	rxe_stopped(it, want, uflags, err, stop);
	stop->side = RXE_STOP_DST;
	return stop->err;
}

/* rxe_atomic() at a word that misses. */
static int rxe_atomic_slow(struct rxe_seg *seg, enum rxe_atomic_op op, u64 swap_add,
			   u64 compare, u64 *old)
{
	struct umem_export *ex = seg->mr->ex;
	unsigned long va = seg->mr->start + seg->off;
	u64 seen;
	int err;

	if (op == RXE_ATOMIC_CMP_SWAP) {
		*old = compare;
		return umem_cmpxchg_slow(ex, va, old, swap_add);
	}
	/* What is read first is a guess that the exchange checks. */
	err = umem_copy_slow(ex, va, old, sizeof(*old), UMEM_READ);
	while (!err) {
		seen = *old;
		err = umem_cmpxchg_slow(ex, va, old, op == RXE_ATOMIC_WRITE ?
					swap_add : *old + swap_add);
		if (!err && seen == *old)
			break;
	}
	return err;
}

int rxe_atomic(struct rxe_seg *seg, enum rxe_atomic_op op, u64 swap_add,
	       u64 compare, u64 *orig, unsigned int flags,
	       struct rxe_stop *stop)
{
	struct rxe_iter it = { .seg = seg, .nseg = 1 };
	struct rxe_map m compat_uninitialized;
	u32 lookups = 0;
	u64 old = 0;
	int err;

	rxe_stop_clear(stop);
	if (unlikely(seg->length < sizeof(u64)))
		goto inval;
	do {
		err = rxe_map(&it, sizeof(u64), UMEM_WRITE, &m);
	} while (unlikely(err == -EAGAIN && flags & RXE_COPY_LOOKUP) &&
		 rxe_look_up(&it, sizeof(u64), UMEM_WRITE, &lookups));
	if (unlikely(err == -EAGAIN && flags & RXE_COPY_SLOW)) {
		if (!IS_ALIGNED(seg->mr->start + seg->off, sizeof(u64)))
			goto inval;
		err = rxe_atomic_slow(seg, op, swap_add, compare, &old);
		if (!err)
			goto out;
	}
	if (unlikely(err))
		return rxe_stopped_one(&it, sizeof(u64), UMEM_WRITE, err, stop);
	/* An aligned word never crosses a page. */
	if (unlikely(!IS_ALIGNED((unsigned long)m.p, sizeof(u64)) ||
		     m.len < sizeof(u64))) {
		rxe_unmap(&m);
		goto inval;
	}
	switch (op) {
	case RXE_ATOMIC_CMP_SWAP:
		old = cmpxchg64((u64 *)m.p, compare, swap_add);
		break;
	case RXE_ATOMIC_FETCH_ADD:
		old = atomic64_fetch_add(swap_add, (atomic64_t *)m.p);
		break;
	case RXE_ATOMIC_WRITE:
		old = xchg((u64 *)m.p, swap_add);
		break;
	}
	rxe_unmap(&m);
out:
	if (orig)
		*orig = old;
	return 0;

inval:
	stop->side = RXE_STOP_DST;
	stop->err = -EINVAL;
	return -EINVAL;
}

int rxe_mem_flush(struct rxe_iter *it, u32 len, unsigned int flags,
		  struct rxe_stop *stop)
{
	struct rxe_map m compat_uninitialized;
	bool pmem;
	int err;
	u32 n;

	rxe_stop_clear(stop);
	while (len) {
		err = rxe_map(it, len, UMEM_READ, &m);
		if (err)
			return rxe_stopped_one(it, len, UMEM_READ, err, stop);
		n = min3(len, m.len, (u32)(PAGE_SIZE - offset_in_page(m.p)));
		pmem = !m.held || compat_page_is_fsdax(virt_to_page(m.p));
		if (pmem)
			arch_wb_cache_pmem(m.p, n);
		rxe_unmap(&m);
		if (!pmem) {
			stop->side = RXE_STOP_DST;
			stop->err = -EINVAL;
			return -EINVAL;
		}
		rxe_iter_step(it, n);
		len -= n;
	}
	/* Before the response is sent. */
	pmem_wmb();
	return 0;
}
