// SPDX-License-Identifier: GPL-2.0
/*
 * Memory windows: rights and bounds of their own over an MR.
 *
 * A window is bound while win->mr is set, which is counted in mr->windows and
 * thereby keeps the MR from being deregistered (or, FAST, invalidated). An
 * operation holds references on both the window, for rxe_dealloc_mw() to wait
 * on, and the MR.
 *
 * Locks: win->lock, then mr->lock. Clause numbers are those of IBTA vol. 1.
 */
#include <linux/random.h>
#include <linux/slab.h>

#include "rxe_mem.h"

#define RXE_WIN_RIGHTS	(IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_WRITE |	\
			 IB_ACCESS_REMOTE_ATOMIC | IB_ACCESS_FLUSH_GLOBAL |	\
			 IB_ACCESS_FLUSH_PERSISTENT)
/* Mean nothing for a window, but consumers pass them on. */
#define RXE_WIN_IGNORED	(IB_ACCESS_LOCAL_WRITE | IB_ACCESS_MW_BIND |		\
			 IB_ACCESS_ON_DEMAND | IB_ACCESS_HUGETLB |		\
			 IB_ACCESS_OPTIONAL)

/* A reference, or NULL. */
static struct rxe_window *win_find(struct rxe_dev *rxe, u32 rkey)
{
	struct rxe_window *win;

	rcu_read_lock();
	win = xa_load(&rxe->mws, rkey >> 8);
	if (win && !rxe_ref_get(&win->ref))
		win = NULL;
	rcu_read_unlock();
	return win;
}

static void win_unbind(struct rxe_window *win)
{
	lockdep_assert_held(&win->lock);
	/* The MR may be gone right after the count has fallen. */
	if (win->mr)
		atomic_dec(&win->mr->windows);
	win->mr = NULL;
}

/**
 * rxe_win_open() - open a window's rkey
 * @rxe: device
 * @pd: protection domain of the responder's QP
 * @qpn: its number
 * @rkey: key
 * @va: first byte, in terms of the window
 * @len: bytes, not 0
 * @access: rights wanted
 * @seg: mr, win and off are set on success
 *
 * Any context. Returns 0 or -EINVAL.
 */
int rxe_win_open(struct rxe_dev *rxe, const struct ib_pd *pd, u32 qpn, u32 rkey,
		 u64 va, u32 len, u32 access, struct rxe_seg *seg)
{
	struct rxe_window *win = win_find(rxe, rkey);
	unsigned long irq;
	bool ok;

	if (!win)
		return -EINVAL;
	spin_lock_irqsave(&win->lock, irq);
	ok = win->mr && win->rkey == rkey && win->pd == pd &&
	     (win->type == IB_MW_TYPE_1 || win->qpn == qpn) &&
	     (win->access & access) == access &&
	     rxe_range_in(va, len, win->addr, win->length) &&
	     rxe_ref_get(&win->mr->ref);
	if (ok) {
		seg->mr = win->mr;
		seg->win = win;
		seg->gen = win->mr->gen;	/* stays while a window is bound */
		seg->off = win->off + (va - win->addr);
	}
	spin_unlock_irqrestore(&win->lock, irq);
	if (ok)
		return 0;
	rxe_ref_put(&win->ref);
	return -EINVAL;
}

/**
 * rxe_win_range() - rxe_key_range() of a window
 * @rxe: device
 * @rkey: key
 * @va: first address
 * @len: bytes
 *
 * Any context. Returns 0 or -EINVAL.
 */
int rxe_win_range(struct rxe_dev *rxe, u32 rkey, u64 *va, u64 *len)
{
	struct rxe_window *win = win_find(rxe, rkey);
	unsigned long irq;

	if (!win)
		return -EINVAL;
	spin_lock_irqsave(&win->lock, irq);
	*va = win->addr;
	*len = win->length;
	spin_unlock_irqrestore(&win->lock, irq);
	rxe_ref_put(&win->ref);
	return 0;
}

/* Type, state and protection domains. */
static bool win_may_bind(const struct rxe_window *win, const struct ib_pd *pd,
			 const struct rxe_bind *b)
{
	if (win->rkey != b->mw_rkey || win->pd != pd)
		return false;
	if (b->access & ~(RXE_WIN_RIGHTS | RXE_WIN_IGNORED | IB_ZERO_BASED))
		return false;
	if (win->type == IB_MW_TYPE_1)
		/* o10-36.2.2 */
		return !(b->access & IB_ZERO_BASED);
	/* o10-37.2.30: free only; o10-37.2.40: no unbinding this way */
	return !win->mr && b->length;
}

/* The MR's side; on success the window is counted. */
static int win_count(struct rxe_mr *mr, const struct ib_pd *pd,
		     const struct rxe_bind *b, u64 *off)
{
	u32 access = IB_ACCESS_MW_BIND |	/* C10-73 */
		     (b->access & (IB_ACCESS_FLUSH_GLOBAL |
				   IB_ACCESS_FLUSH_PERSISTENT));
	int err;

	/* C10-74 */
	if (b->access & (IB_ACCESS_REMOTE_WRITE | IB_ACCESS_REMOTE_ATOMIC))
		access |= IB_ACCESS_LOCAL_WRITE;
	spin_lock(&mr->lock);
	/* C10-75 */
	err = rxe_mr_check(mr, b->mr_lkey, pd, access, b->addr, b->length, off);
	if (!err)
		atomic_inc(&mr->windows);
	spin_unlock(&mr->lock);
	return err;
}

int rxe_bind_mw(struct ib_pd *pd, u32 qpn, const struct rxe_bind *b, u32 *rkey)
{
	struct rxe_dev *rxe = to_rdev(pd->device);
	struct rxe_window *win;
	struct rxe_mr *mr = NULL;
	unsigned long irq;
	int err = -EINVAL;
	u64 off = 0;

	win = win_find(rxe, b->mw_rkey);
	if (!win)
		return -EINVAL;
	if (b->length) {
		mr = rxe_mr_find(rxe, b->mr_lkey);
		if (!mr)
			goto put_win;
	}

	spin_lock_irqsave(&win->lock, irq);
	if (!win_may_bind(win, pd, b))
		goto unlock;
	if (mr && win_count(mr, pd, b, &off))
		goto unlock;
	win_unbind(win);
	win->mr = mr;
	win->qpn = qpn;
	win->access = b->access & RXE_WIN_RIGHTS;
	win->addr = b->access & IB_ZERO_BASED ? 0 : b->addr;
	win->length = b->length;
	win->off = off;
	win->rkey = (win->rkey & ~0xff) | (b->rkey & 0xff);
	*rkey = win->rkey;
	err = 0;
unlock:
	spin_unlock_irqrestore(&win->lock, irq);
	if (mr)
		rxe_ref_put(&mr->ref);
put_win:
	rxe_ref_put(&win->ref);
	return err;
}

/**
 * rxe_win_invalidate() - rxe_invalidate_key() of a window
 * @rxe: device
 * @pd: protection domain of the QP
 * @qpn: its number
 * @rkey: key
 *
 * Any context. Returns 0 or -EINVAL.
 */
int rxe_win_invalidate(struct rxe_dev *rxe, const struct ib_pd *pd, u32 qpn,
		       u32 rkey)
{
	struct rxe_window *win = win_find(rxe, rkey);
	unsigned long irq;
	int err = -EINVAL;

	if (!win)
		return -EINVAL;
	spin_lock_irqsave(&win->lock, irq);
	/* o10-37.2.26: type 2 only; once bound it is its QP's */
	if (win->type != IB_MW_TYPE_1 && win->rkey == rkey && win->pd == pd &&
	    (!win->mr || win->qpn == qpn)) {
		win_unbind(win);
		err = 0;
	}
	spin_unlock_irqrestore(&win->lock, irq);
	rxe_ref_put(&win->ref);
	return err;
}

/**
 * rxe_alloc_mw() - create a window, not bound
 * @ibmw: with device, pd and type set
 * @udata: unused
 *
 * Process context. Returns 0, -ENOMEM, -EBUSY (no index free).
 */
int rxe_alloc_mw(struct ib_mw *ibmw, struct ib_udata *udata)
{
	struct rxe_dev *rxe = to_rdev(ibmw->device);
	struct rxe_window *win;
	u32 index;
	int err;

	win = kzalloc(sizeof(*win), GFP_KERNEL_ACCOUNT);
	if (!win)
		return -ENOMEM;
	rxe_ref_init(&win->ref);
	spin_lock_init(&win->lock);
	win->pd = ibmw->pd;
	win->type = ibmw->type;

	err = xa_alloc_cyclic(&rxe->mws, &index, NULL,
			      XA_LIMIT(RXE_MIN_MW_INDEX, RXE_MAX_MW_INDEX),
			      &rxe->mw_next, GFP_KERNEL);
	if (err < 0)
		goto err_free;
	win->rkey = index << 8 | (get_random_u32() & 0xff);
	err = xa_err(xa_store(&rxe->mws, index, win, GFP_KERNEL));
	if (err)
		goto err_index;
	ibmw->rkey = win->rkey;
	to_rmw(ibmw)->win = win;
	return 0;

err_index:
	xa_erase(&rxe->mws, index);
err_free:
	kfree(win);
	return err;
}

/**
 * rxe_dealloc_mw() - destroy a window, bound or not
 * @ibmw: window
 *
 * Process context; waits for accesses through the window that are running.
 * Returns 0.
 */
int rxe_dealloc_mw(struct ib_mw *ibmw)
{
	struct rxe_dev *rxe = to_rdev(ibmw->device);
	struct rxe_window *win = to_rmw(ibmw)->win;

	xa_erase(&rxe->mws, win->rkey >> 8);
	/* First the users, one of whom may be binding it. */
	rxe_ref_kill(&win->ref);
	spin_lock_irq(&win->lock);
	win_unbind(win);
	spin_unlock_irq(&win->lock);
	kfree_rcu(win, rcu);
	return 0;
}
