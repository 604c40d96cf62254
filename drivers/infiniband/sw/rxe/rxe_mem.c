// SPDX-License-Identifier: GPL-2.0
/*
 * Memory operations: copy, atomic, write-back.
 *
 * Each is a loop over rxe_map(), which yields the kernel address of the byte
 * under an iterator and how far one can go from there. Two backends, told apart
 * there and nowhere else: memory that always has an address (kernel buffers,
 * pinned pages) and on-demand memory, for which a table entry is held.
 *
 * Rules of holding (umem_notifier.h): between rxe_map() and rxe_unmap() of
 * on-demand memory preemption is off and nothing sleeps, which includes
 * umem_hold_slow(). A pair is therefore held slow sides first, and if the other
 * side then misses, all is dropped and that side becomes a slow one too. A copy goes
 * on from one held page to the next for RXE_COPY_STRETCH pages, then lets go.
 */
#include <linux/libnvdimm.h>
#include <linux/uaccess.h>

#include "rxe_mem.h"

/* Pages a copy may touch before it lets others preempt it. */
#define RXE_COPY_STRETCH	8

struct rxe_map {
	void *p;
	u32 len;		/* bytes from p on in one piece, within the segment */
	u32 room;		/* bytes from p on within the segment */
	bool held;		/* hold is open */
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

/**
 * rxe_map() - find the memory under an iterator
 * @it: position
 * @uflags: UMEM_READ or UMEM_WRITE
 * @slow: on-demand memory by umem_hold_slow(); may sleep
 * @m: result, for rxe_unmap()
 *
 * Returns 0, -EAGAIN on a miss, -EFAULT and others for good.
 */
static __always_inline int rxe_map(struct rxe_iter *it, unsigned int uflags,
				   bool slow, struct rxe_map *m)
{
	const struct rxe_seg *seg = rxe_iter_seg(it);
	const struct rxe_pagelist *list;
	const struct rxe_mr *mr;
	u32 room, page;
	u64 off, i;
	int err;

	m->held = false;
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
		if (unlikely(slow))
			err = umem_hold_slow(mr->ex, mr->start + off,
					     uflags | UMEM_NOFAULT, &m->hold);
		else
			err = umem_hold(mr->ex, mr->start + off, uflags, &m->hold);
		if (unlikely(err))
			return err;
		m->held = true;
		m->user = true;
		m->p = m->hold.kaddr;
		m->len = min_t(size_t, room, m->hold.len);
		return 0;
	case RXE_MR_PINNED:
		m->user = true;
		fallthrough;
	case RXE_MR_FAST:
		/* A FAST list may be exchanged under an invalidated key: look once. */
		list = READ_ONCE(mr->list);
		page = READ_ONCE(list->shift);
		off += READ_ONCE(list->offset);
		i = off >> page;
		if (unlikely(i >= READ_ONCE(list->n)))
			return -EFAULT;
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

static __always_inline void rxe_unmap(struct rxe_map *m)
{
	if (m->held)
		umem_drop(&m->hold);
}

/* Past @n bytes that are done with; false if rxe_map() has to find what comes. */
static __always_inline bool rxe_map_step(struct rxe_map *m, u32 n)
{
	m->p += n;
	m->len -= n;
	m->room -= n;
	if (likely(m->len))
		return true;
	if (!m->held || !m->room || !umem_hold_next(&m->hold))
		return false;
	m->p = m->hold.kaddr;
	m->len = min_t(size_t, m->room, m->hold.len);
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
	stop->miss.mr = seg->mr;
	stop->miss.va = seg->mr->start + seg->off + it->off;
	stop->miss.len = min(seg->length - it->off, max(want, it->ahead));
	stop->miss.flags = uflags;
}

static inline void rxe_stop_clear(struct rxe_stop *stop)
{
	stop->side = RXE_STOP_NONE;
	stop->err = 0;
}

/*
 * Both sides of a copy when one missed and sleeping is allowed. On success the
 * sides in *@slow are held by pins, and have to be dropped last.
 */
#define SLOW_SRC	1
#define SLOW_DST	2

static noinline int rxe_map_pair_slow(struct rxe_iter *dst, struct rxe_iter *src,
				      struct rxe_map *d, struct rxe_map *s,
				      unsigned int *slow, unsigned int *uflags)
{
	int err;

	for (;;) {
		s->held = false;
		d->held = false;

		*uflags = UMEM_READ;
		if (*slow & SLOW_SRC) {
			err = rxe_map(src, UMEM_READ, true, s);
			if (err)
				return err;
		}
		*uflags = UMEM_WRITE;
		if (*slow & SLOW_DST) {
			err = rxe_map(dst, UMEM_WRITE, true, d);
			if (err) {
				rxe_unmap(s);
				return err;
			}
		}
		if (!(*slow & SLOW_SRC)) {
			*uflags = UMEM_READ;
			err = rxe_map(src, UMEM_READ, false, s);
			if (err) {
				rxe_unmap(d);
				if (err != -EAGAIN)
					return err;
				*slow |= SLOW_SRC;
				continue;
			}
		}
		if (!(*slow & SLOW_DST)) {
			*uflags = UMEM_WRITE;
			err = rxe_map(dst, UMEM_WRITE, false, d);
			if (err) {
				rxe_unmap(s);
				if (err != -EAGAIN)
					return err;
				*slow |= SLOW_DST;
				continue;
			}
		}
		return 0;
	}
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

u32 rxe_copy(struct rxe_iter *dst, struct rxe_iter *src, u32 len,
	     unsigned int flags, struct rxe_stop *stop)
{
	/* Zeroing these for each page would cost more than a small copy. */
	struct rxe_map d compat_uninitialized, s compat_uninitialized;
	unsigned long unread;
	u32 done = 0, n, pages;

	rxe_stop_clear(stop);
	while (done < len) {
		unsigned int slow = 0, uflags = UMEM_READ;
		int err;

		err = rxe_map(src, UMEM_READ, false, &s);
		if (unlikely(err)) {
			slow = SLOW_SRC;
		} else {
			uflags = UMEM_WRITE;
			err = rxe_map(dst, UMEM_WRITE, false, &d);
			if (unlikely(err)) {
				rxe_unmap(&s);
				slow = SLOW_DST;
			}
		}
		if (unlikely(err == -EAGAIN && flags & RXE_COPY_SLOW))
			err = rxe_map_pair_slow(dst, src, &d, &s, &slow, &uflags);
		if (unlikely(err)) {
			rxe_stopped(uflags & UMEM_WRITE ? dst : src, len - done,
				    uflags, err, stop);
			break;
		}

		pages = 0;
		do {
			n = min3(len - done, s.len, d.len);
			unread = rxe_move(d.p, s.p, n, s.user);
			if (unlikely(unread))
				break;
			rxe_iter_step(src, n);
			rxe_iter_step(dst, n);
			done += n;
		} while (done < len && likely(!slow) && ++pages < RXE_COPY_STRETCH &&
			 rxe_map_step(&s, n) && rxe_map_step(&d, n));
		/* A pin may sleep when it is dropped: after a held entry. */
		if (unlikely(slow == SLOW_DST)) {
			rxe_unmap(&s);
			rxe_unmap(&d);
		} else {
			rxe_unmap(&d);
			rxe_unmap(&s);
		}
		if (unlikely(unread)) {
			rxe_stopped(src, len - done, UMEM_READ, -EHWPOISON, stop);
			break;
		}
	}
	return done;
}

/* One side only, for operations without a partner. */
static int rxe_map_one(struct rxe_iter *it, u32 want, unsigned int uflags,
		       unsigned int flags, struct rxe_map *m,
		       struct rxe_stop *stop)
{
	int err = rxe_map(it, uflags, false, m);

	if (unlikely(err == -EAGAIN && flags & RXE_COPY_SLOW))
		err = rxe_map(it, uflags, true, m);
	if (unlikely(err)) {
		rxe_stopped(it, want, uflags, err, stop);
		stop->side = RXE_STOP_DST;
		return stop->err;
	}
	return 0;
}

int rxe_atomic(struct rxe_seg *seg, enum rxe_atomic_op op, u64 swap_add,
	       u64 compare, u64 *orig, unsigned int flags,
	       struct rxe_stop *stop)
{
	struct rxe_iter it = { .seg = seg, .nseg = 1 };
	struct rxe_map m compat_uninitialized;
	u64 old = 0;
	int err;

	rxe_stop_clear(stop);
	if (unlikely(seg->length < sizeof(u64)))
		goto inval;
	err = rxe_map_one(&it, sizeof(u64), UMEM_WRITE, flags, &m, stop);
	if (unlikely(err))
		return err;
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
		err = rxe_map_one(it, len, UMEM_READ, flags, &m, stop);
		if (err)
			return err;
		n = min(len, m.len);
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
