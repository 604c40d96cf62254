// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions: objects, keys and verbs.
 *
 * A key is (index << 8) | byte that a peer has to guess. Indices are handed out cyclically, so a
 * stale key names no other region for as long as possible.
 *
 * Look-ups run under RCU and succeed only while mr->ref is alive. Rereg and
 * dereg, which the core serialises per MR, drop the last reference first: then
 * nobody reads the MR and nobody can start to. Rereg brings it to life again
 * with other contents, hence the barrier pair (look-up: reference, then
 * contents; rereg: contents, then reference).
 */
#include <linux/overflow.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/ioport.h>

#include "rxe_mem.h"

#define RXE_MR_ACCESS	(IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE |	\
			 IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_ATOMIC |	\
			 IB_ACCESS_MW_BIND | IB_ACCESS_ON_DEMAND |		\
			 IB_ACCESS_HUGETLB | IB_ACCESS_FLUSH_GLOBAL |		\
			 IB_ACCESS_FLUSH_PERSISTENT | IB_ACCESS_OPTIONAL)

/* Page sizes that page lists of pinned memory may use. */
#define RXE_UMEM_PGSZ	GENMASK(21, PAGE_SHIFT)

struct rxe_mr *rxe_mr_find(struct rxe_dev *rxe, u32 key)
{
	struct rxe_mr *mr;

	rcu_read_lock();
	mr = xa_load(&rxe->mrs, key >> 8);
	if (mr && !rxe_ref_get(&mr->ref))
		mr = NULL;
	rcu_read_unlock();
	smp_rmb();	/* pairs with mr_revive() */
	return mr;
}

int rxe_mr_check(const struct rxe_mr *mr, u32 key, const struct ib_pd *pd,
		 u32 access, u64 va, u64 len, u64 *off)
{
	if (unlikely(mr->key != key || mr->ibmr.pd != pd || !mr->valid))
		return -EINVAL;
	if (unlikely((mr->access & access) != access))
		return -EINVAL;
	/* An unbounded MR has iova 0: its last byte is refused, which nobody misses. */
	if (unlikely(!rxe_range_in(va, len, mr->iova, mr->length)))
		return -EINVAL;
	*off = va - mr->iova;
	return 0;
}

/* Finds and checks; a reference on success. */
static struct rxe_mr *mr_open(struct rxe_dev *rxe, u32 key,
			      const struct ib_pd *pd, u32 access, u64 va,
			      u32 len, u64 *off, u32 *gen)
{
	struct rxe_mr *mr = rxe_mr_find(rxe, key);
	unsigned long irq;
	int err;

	if (unlikely(!mr))
		return NULL;
	if (mr->kind == RXE_MR_FAST) {
		spin_lock_irqsave(&mr->lock, irq);
		err = rxe_mr_check(mr, key, pd, access, va, len, off);
		*gen = mr->gen;
		spin_unlock_irqrestore(&mr->lock, irq);
	} else {
		err = rxe_mr_check(mr, key, pd, access, va, len, off);
	}
	if (unlikely(err)) {
		rxe_ref_put(&mr->ref);
		return NULL;
	}
	return mr;
}

int rxe_seg_open_local(struct rxe_pd *pd, const struct rxe_sge *sge,
		       u32 access, struct rxe_seg *seg)
{
	seg->mr = NULL;
	seg->win = NULL;
	seg->off = 0;
	seg->length = sge->length;
	if (!sge->length)
		return 0;
	seg->mr = mr_open(to_rdev(pd->ibpd.device), sge->lkey, &pd->ibpd, access,
			  sge->addr, sge->length, &seg->off, &seg->gen);
	if (likely(seg->mr))
		return 0;
	seg->length = 0;
	return -EINVAL;
}

int rxe_seg_open_remote(struct ib_pd *pd, u32 qpn, u32 rkey, u64 va, u32 len,
			u32 access, struct rxe_seg *seg)
{
	struct rxe_dev *rxe = to_rdev(pd->device);

	seg->mr = NULL;
	seg->win = NULL;
	seg->off = 0;
	seg->length = len;
	if (!len)
		return 0;
	if (rxe_key_is_mw(rkey)) {
		if (likely(!rxe_win_open(rxe, pd, qpn, rkey, va, len, access, seg)))
			return 0;
	} else {
		seg->mr = mr_open(rxe, rkey, pd, access, va, len, &seg->off,
				  &seg->gen);
		if (likely(seg->mr))
			return 0;
	}
	seg->length = 0;
	return -EINVAL;
}

int rxe_key_range(struct ib_pd *pd, u32 rkey, u64 *va, u64 *len)
{
	struct rxe_dev *rxe = to_rdev(pd->device);
	struct rxe_mr *mr;
	unsigned long irq;

	if (rxe_key_is_mw(rkey))
		return rxe_win_range(rxe, rkey, va, len);
	mr = rxe_mr_find(rxe, rkey);
	if (!mr)
		return -EINVAL;
	spin_lock_irqsave(&mr->lock, irq);
	*va = mr->iova;
	*len = mr->length;
	spin_unlock_irqrestore(&mr->lock, irq);
	rxe_ref_put(&mr->ref);
	return 0;
}

void rxe_seg_close(struct rxe_seg *seg)
{
	if (seg->win)
		rxe_ref_put(&seg->win->ref);
	if (seg->mr)
		rxe_ref_put(&seg->mr->ref);
	seg->win = NULL;
	seg->mr = NULL;
	seg->length = 0;
}

/* ---- life ---- */

struct rxe_mr_count *rxe_mr_count_get(struct rxe_mr_count *c)
{
	refcount_inc(&c->ref);
	return c;
}

void rxe_mr_count_put(struct rxe_mr_count *c)
{
	if (c && refcount_dec_and_test(&c->ref))
		kfree(c);
}

/* All but key and contents; not visible to look-ups. */
static struct rxe_mr *mr_alloc(struct ib_pd *pd, enum rxe_mr_kind kind,
			       enum ib_mr_type type, u32 access)
{
	struct rxe_mr *mr = kzalloc(sizeof(*mr), GFP_KERNEL_ACCOUNT);

	if (!mr)
		return NULL;
	rxe_ref_init(&mr->ref);
	spin_lock_init(&mr->lock);
	mr->rxe = to_rdev(pd->device);
	mr->kind = kind;
	mr->access = access;
	mr->valid = kind != RXE_MR_FAST;
	atomic_set(&mr->holds, RXE_MR_CLOSED);
	mr->ibmr.device = pd->device;
	mr->ibmr.pd = pd;
	mr->ibmr.type = type;
	return mr;
}

/* Frees memory and references, not the struct; nobody else sees the MR. */
static void mr_release(struct rxe_mr *mr)
{
	if (mr->umem)
		ib_umem_release(mr->umem);
	if (mr->ex)
		umem_export_put(mr->ex);
	rxe_mr_count_put(mr->count);
	kvfree(mr->list);
	kvfree(mr->staged);
}

/* Gives the MR its key and makes it visible; consumes it on failure. */
static struct ib_mr *mr_publish(struct rxe_mr *mr)
{
	struct xarray *xa = &mr->rxe->mrs;
	u32 index;
	int err;

	/* A reserved entry first: look-ups must see a complete MR. */
	err = xa_alloc_cyclic(xa, &index, NULL,
			      XA_LIMIT(RXE_MIN_MR_INDEX, RXE_MAX_MR_INDEX),
			      &mr->rxe->mr_next, GFP_KERNEL);
	if (err < 0)
		goto err_free;
	mr->key = index << 8 | (get_random_u32() & 0xff);
	mr->ibmr.lkey = mr->key;
	mr->ibmr.rkey = mr->key;
	mr->ibmr.iova = mr->iova;
	mr->ibmr.length = mr->length;
	err = xa_err(xa_store(xa, index, mr, GFP_KERNEL));
	if (err)
		goto err_index;
	return &mr->ibmr;

err_index:
	xa_erase(xa, index);
err_free:
	mr_release(mr);
	kfree(mr);
	return ERR_PTR(err);
}

static void mr_revive(struct rxe_mr *mr)
{
	smp_wmb();	/* pairs with rxe_mr_find() */
	rxe_ref_init(&mr->ref);
}

/*
 * Ends all use of the MR; look-ups fail until mr_revive(). -EBUSY, alive, while
 * windows are bound: whoever binds one has a reference, so that the second look
 * at the count is final.
 */
static int mr_quiesce(struct rxe_mr *mr)
{
	if (atomic_read(&mr->windows))
		return -EBUSY;
	rxe_ref_kill(&mr->ref);
	if (!atomic_read(&mr->windows))
		return 0;
	mr_revive(mr);
	return -EBUSY;
}

int rxe_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata)
{
	struct rxe_mr *mr = to_rmr(ibmr);
	int err = mr_quiesce(mr);

	if (err)
		return err;
	xa_erase(&mr->rxe->mrs, mr->key >> 8);
	mr_release(mr);
	kfree_rcu(mr, rcu);
	return 0;
}

struct ib_mr *rxe_get_dma_mr(struct ib_pd *pd, int access)
{
	struct rxe_mr *mr;

	mr = mr_alloc(pd, RXE_MR_KMEM, IB_MR_TYPE_DMA, access);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->length = U64_MAX;
	return mr_publish(mr);
}

/* ---- user memory ---- */

static struct rxe_pagelist *pagelist_alloc(u32 n, gfp_t gfp)
{
	struct rxe_pagelist *list;

	/* The size is the user's choice: refuse, do not complain. */
	list = kvmalloc(struct_size(list, page, n), gfp | __GFP_NOWARN);
	if (list) {
		list->n = 0;
		list->shift = PAGE_SHIFT;
		list->offset = 0;
	}
	return list;
}

/* Page list of a umem, in the largest pages that its layout allows. */
static int mr_list_umem(struct rxe_mr *mr)
{
	struct sg_table *sgt = &mr->umem->sgt_append.sgt;
	struct rxe_pagelist *list;
	struct scatterlist *sg;
	unsigned long pgsz;
	u64 blocks, addr, end;
	unsigned int i;
	u32 n = 0;

	/* In terms of the user address: where iova lies does not matter to us. */
	pgsz = ib_umem_find_best_pgsz(mr->umem, RXE_UMEM_PGSZ, mr->start);
	if (!pgsz)
		pgsz = PAGE_SIZE;
	blocks = ib_umem_num_dma_blocks(mr->umem, pgsz);
	if (blocks > U32_MAX)
		return -ENOMEM;

	list = pagelist_alloc(blocks, GFP_KERNEL_ACCOUNT);
	if (!list)
		return -ENOMEM;
	list->shift = ilog2(pgsz);
	list->offset = ib_umem_dma_offset(mr->umem, pgsz);

	/*
	 * Pieces after the first start, and pieces before the last end, on a
	 * multiple of pgsz, unless they go on in the next piece.
	 */
	end = 0;
	for_each_sgtable_dma_sg(sgt, sg, i) {
		addr = sg_dma_address(sg);
		if (!i)
			addr += ib_umem_offset(mr->umem);
		addr = addr == end ? ALIGN(addr, pgsz) : ALIGN_DOWN(addr, pgsz);
		end = sg_dma_address(sg) + sg_dma_len(sg);
		for (; addr < end && n < blocks; addr += pgsz)
			list->page[n++] = (void *)(uintptr_t)addr;
		cond_resched();
	}
	list->n = n;
	mr->list = list;
	return WARN_ON_ONCE(n != blocks) ? -EINVAL : 0;
}

static bool mr_is_pmem(const struct rxe_mr *mr)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(&mr->umem->sgt_append.sgt, sg, i)
		if (region_intersects(sg_phys(sg), sg->length, IORESOURCE_MEM,
				      IORES_DESC_PERSISTENT_MEMORY) != REGION_INTERSECTS)
			return false;
	return true;
}

static int mr_pin(struct rxe_mr *mr)
{
	struct ib_umem *umem;

	umem = compat_umem_get(mr->ibmr.device, mr->start, mr->length,
			       mr->access);
	if (IS_ERR(umem))
		return PTR_ERR(umem);
	mr->umem = umem;
	if (mr->access & IB_ACCESS_FLUSH_PERSISTENT && !mr_is_pmem(mr))
		return -EINVAL;
	return mr_list_umem(mr);
}

static int mr_export(struct rxe_mr *mr, struct ib_udata *udata)
{
	struct rxe_ucontext *uc = NULL;
	struct umem_export *ex;

	mr->count = kzalloc(sizeof(*mr->count), GFP_KERNEL_ACCOUNT);
	if (!mr->count)
		return -ENOMEM;
	refcount_set(&mr->count->ref, 1);
	if (udata)
		uc = rdma_udata_to_drv_context(udata, struct rxe_ucontext, ibuc);
	if (uc) {
		/* Once set it stays; a context may be used by several processes. */
		ex = READ_ONCE(uc->ex);
		if (ex && umem_export_mm(ex) == current->mm) {
			mr->ex = umem_export_ref(ex);
			return 0;
		}
	}
	ex = umem_export_get(current->mm);
	if (IS_ERR(ex))
		return PTR_ERR(ex);
	mr->ex = ex;
	if (uc && !READ_ONCE(uc->ex)) {
		umem_export_ref(ex);
		if (cmpxchg(&uc->ex, NULL, ex))
			umem_export_put(ex);
	}
	return 0;
}

void rxe_mem_forget(struct rxe_ucontext *uc)
{
	if (uc->ex)
		umem_export_put(uc->ex);
	uc->ex = NULL;
}

static int mr_check_access(struct ib_pd *pd, int access)
{
	if (access & ~RXE_MR_ACCESS)
		return -EOPNOTSUPP;
	return ib_check_mr_access(pd->device, access);
}

/* Contents of a user MR, complete but without a key; in the caller's mm. */
static struct rxe_mr *mr_build(struct ib_pd *pd, u64 start, u64 length,
			       u64 iova, int access, struct ib_udata *udata)
{
	enum rxe_mr_kind kind = RXE_MR_PINNED;
	struct rxe_mr *mr;
	u64 end;
	int err;

	err = mr_check_access(pd, access);
	if (err)
		return ERR_PTR(err);

	if (access & IB_ACCESS_ON_DEMAND) {
		kind = RXE_MR_ODP;
		if (!start && length == U64_MAX)
			kind = RXE_MR_IMPLICIT;
	}
	if (kind == RXE_MR_IMPLICIT) {
		if (iova)
			return ERR_PTR(-EINVAL);
	} else {
		if (!length || check_add_overflow(start, length, &end) ||
		    check_add_overflow(iova, length, &end))
			return ERR_PTR(-EINVAL);
		if (start != (unsigned long)start || length != (size_t)length)
			return ERR_PTR(-EINVAL);
		if (!access_ok((void __user *)(unsigned long)start, length))
			return ERR_PTR(-EFAULT);
	}

	mr = mr_alloc(pd, kind, IB_MR_TYPE_USER, access);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->start = start;
	mr->length = length;
	mr->iova = iova;
	err = kind == RXE_MR_PINNED ? mr_pin(mr) : mr_export(mr, udata);
	if (err) {
		mr_release(mr);
		kfree(mr);
		return ERR_PTR(err);
	}
	mr->ibmr.page_size = mr->list ? 1U << mr->list->shift : PAGE_SIZE;
	return mr;
}

struct ib_mr *rxe_reg_user_mr_common(struct ib_pd *pd, u64 start, u64 length,
				     u64 iova, int access, struct ib_udata *udata)
{
	struct rxe_mr *mr = mr_build(pd, start, length, iova, access, udata);

	return IS_ERR(mr) ? ERR_CAST(mr) : mr_publish(mr);
}

/* Can the present memory of a user MR serve another set of rights? */
static bool mr_serves(const struct rxe_mr *mr, u32 access)
{
	if ((mr->access ^ access) & (IB_ACCESS_ON_DEMAND | IB_ACCESS_FLUSH_PERSISTENT))
		return false;
	return !mr->umem || mr->umem->writable || !ib_access_writable(access);
}

static struct mm_struct *mr_mm(const struct rxe_mr *mr)
{
	return mr->umem ? mr->umem->owning_mm : umem_export_mm(mr->ex);
}

struct ib_mr *rxe_rereg_user_mr(struct ib_mr *ibmr, int flags, u64 start,
				u64 length, u64 iova, int access,
				struct ib_pd *pd, struct ib_udata *udata)
{
	struct rxe_mr *mr = to_rmr(ibmr), *new = NULL;
	int err;

	if (mr->kind == RXE_MR_KMEM || mr->kind == RXE_MR_FAST)
		return ERR_PTR(-EINVAL);
	if (!(flags & IB_MR_REREG_PD))
		pd = mr->ibmr.pd;
	if (!(flags & IB_MR_REREG_ACCESS))
		access = mr->access;
	if (!(flags & IB_MR_REREG_TRANS)) {
		start = mr->start;
		length = mr->length;
		iova = mr->iova;
	}

	err = mr_check_access(pd, access);
	if (err)
		return ERR_PTR(err);

	if (flags & IB_MR_REREG_TRANS || !mr_serves(mr, access)) {
		/* The old address means nothing in another address space. */
		if (!(flags & IB_MR_REREG_TRANS) && mr_mm(mr) != current->mm)
			return ERR_PTR(-EINVAL);
		new = mr_build(pd, start, length, iova, access, udata);
		if (IS_ERR(new))
			return ERR_CAST(new);
	}

	err = mr_quiesce(mr);
	if (err)
		goto out;
	mr->ibmr.pd = pd;
	mr->access = access;
	if (new) {
		swap(mr->umem, new->umem);
		swap(mr->ex, new->ex);
		swap(mr->count, new->count);
		swap(mr->list, new->list);
		mr->kind = new->kind;
		mr->start = start;
		mr->length = mr->ibmr.length = length;
		mr->iova = mr->ibmr.iova = iova;
		mr->ibmr.page_size = new->ibmr.page_size;
	}
	mr_revive(mr);
out:
	if (new) {
		mr_release(new);
		kfree(new);
	}
	return ERR_PTR(err);
}

/* ---- fast registration ---- */

struct ib_mr *rxe_alloc_mr(struct ib_pd *pd, enum ib_mr_type type, u32 max)
{
	struct rxe_mr *mr;

	if (type != IB_MR_TYPE_MEM_REG)
		return ERR_PTR(-EOPNOTSUPP);
	if (!max || max > RXE_MAX_FRMR_PAGES)
		return ERR_PTR(-EINVAL);
	mr = mr_alloc(pd, RXE_MR_FAST, type, 0);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	mr->max_pages = max;
	mr->list = pagelist_alloc(max, GFP_KERNEL);
	mr->staged = pagelist_alloc(max, GFP_KERNEL);
	if (!mr->list || !mr->staged) {
		mr_release(mr);
		kfree(mr);
		return ERR_PTR(-ENOMEM);
	}
	return mr_publish(mr);
}

static int mr_stage_page(struct ib_mr *ibmr, u64 addr)
{
	struct rxe_mr *mr = to_rmr(ibmr);

	if (mr->staged->n == mr->max_pages)
		return -ENOMEM;
	/* Without DMA the core's "DMA address" is a kernel address. */
	mr->staged->page[mr->staged->n++] = (void *)(uintptr_t)addr;
	return 0;
}

/*
 * Consumers map while the previous registration is still valid and only then
 * post LOCAL_INV and REG_MR, so this fills a list that is not in use yet. The
 * consumer lets no REG_MR of this MR run at the same time.
 */
int rxe_map_mr_sg(struct ib_mr *ibmr, struct scatterlist *sg, int nents,
		  unsigned int *offset)
{
	struct rxe_mr *mr = to_rmr(ibmr);
	int n;

	if (mr->kind != RXE_MR_FAST || !is_power_of_2(ibmr->page_size))
		return -EINVAL;
	mr->staged->n = 0;
	n = ib_sg_to_pages(ibmr, sg, nents, offset, mr_stage_page);
	mr->staged->shift = ilog2(ibmr->page_size);
	mr->staged->offset = ibmr->iova & (ibmr->page_size - 1);
	return n;
}

/*
 * Waits for accesses that began before the MR was closed: each is a stretch of one
 * copy, with softirqs off, and new ones do not begin. An MR that is open again meanwhile
 * has been drained by who opened it: a peer may invalidate at any time. Any context.
 */
static void fast_drain(struct rxe_mr *mr)
{
	atomic_cond_read_acquire(&mr->holds, VAL >= 0 || VAL == RXE_MR_CLOSED);
}

int rxe_fast_reg(struct ib_pd *pd, struct ib_mr *ibmr, u32 key, u32 access)
{
	struct rxe_mr *mr = to_rmr(ibmr);
	unsigned long irq;
	int err = -EINVAL;

	if (!mr || mr->kind != RXE_MR_FAST || mr->ibmr.pd != pd)
		return -EINVAL;
	spin_lock_irqsave(&mr->lock, irq);
	/* Without a new list the last one is registered once more. */
	if (!mr->valid && mr->key >> 8 == key >> 8 &&
	    (mr->staged->n || mr->list->n)) {
		/* whoever closed it may still be waiting */
		fast_drain(mr);
		if (mr->staged->n) {
			swap(mr->list, mr->staged);
			mr->staged->n = 0;
		}
		mr->iova = ibmr->iova;
		mr->length = ibmr->length;
		mr->key = key;
		mr->access = access;
		mr->gen++;
		mr->valid = true;
		atomic_set_release(&mr->holds, 0);
		err = 0;
	}
	spin_unlock_irqrestore(&mr->lock, irq);
	return err;
}

int rxe_invalidate_key(struct rxe_dev *rxe, struct ib_pd *pd, u32 qpn, u32 key)
{
	struct rxe_mr *mr;
	unsigned long irq;
	int err = -EINVAL;

	if (rxe_key_is_mw(key))
		return rxe_win_invalidate(rxe, pd, qpn, key);

	mr = rxe_mr_find(rxe, key);
	if (!mr)
		return -EINVAL;
	spin_lock_irqsave(&mr->lock, irq);
	if (mr->kind == RXE_MR_FAST && mr->ibmr.pd == pd && mr->key == key &&
	    !atomic_read(&mr->windows)) {
		if (mr->valid)
			atomic_add(RXE_MR_CLOSED, &mr->holds);
		mr->valid = false;
		err = 0;
	}
	spin_unlock_irqrestore(&mr->lock, irq);
	/* The consumer may give the memory to others as soon as it is told. */
	if (!err)
		fast_drain(mr);
	rxe_ref_put(&mr->ref);
	return err;
}

/* ---- advice ---- */

/*
 * A prefetch that nobody waits for. Its job has to be ended by somebody who is
 * not the job, or the module could go while the end of prefetch_done() still
 * runs: the next prefetch does it, or the module's exit. All fields under
 * prefetch_lock.
 */
struct rxe_prefetch {
	struct list_head node;		/* one of the two lists, once job is set */
	struct umem_fault_job *job;
	bool done;
};

static LIST_HEAD(prefetches);
static LIST_HEAD(prefetches_done);
static DEFINE_SPINLOCK(prefetch_lock);

static void prefetch_done(void *arg, long result)
{
	struct rxe_prefetch *p = arg;

	spin_lock(&prefetch_lock);
	p->done = true;
	/* Off both lists it is about to be freed, after we have returned. */
	if (p->job && !list_empty(&p->node))
		list_move(&p->node, &prefetches_done);
	spin_unlock(&prefetch_lock);
}

static void prefetch_reap(struct list_head *list)
{
	struct rxe_prefetch *p;

	for (;;) {
		spin_lock(&prefetch_lock);
		p = list_first_entry_or_null(list, struct rxe_prefetch, node);
		if (p)
			list_del_init(&p->node);
		spin_unlock(&prefetch_lock);
		if (!p)
			break;
		umem_fault_cancel(p->job);
		kfree(p);
	}
}

void rxe_mem_exit(void)
{
	prefetch_reap(&prefetches);
	prefetch_reap(&prefetches_done);
}

static int prefetch_start(struct umem_export *ex, unsigned long va, size_t len,
			  unsigned int flags)
{
	struct rxe_prefetch *p;
	struct umem_fault_job *job;

	prefetch_reap(&prefetches_done);
	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	job = umem_fault_async(ex, va, len, flags, GFP_KERNEL_ACCOUNT,
			       prefetch_done, p);
	if (!job) {
		kfree(p);
		return -ENOMEM;
	}
	spin_lock(&prefetch_lock);
	p->job = job;
	list_add(&p->node, p->done ? &prefetches_done : &prefetches);
	spin_unlock(&prefetch_lock);
	return 0;
}

/* Where an advised range lies; a reference to the export on success. */
static int mr_advised(struct ib_pd *pd, const struct ib_sge *sge, bool write,
		      struct umem_export **ex, unsigned long *va)
{
	struct rxe_mr *mr;
	int err = 0;

	if (rxe_key_is_mw(sge->lkey))
		return -EINVAL;
	mr = rxe_mr_find(to_rdev(pd->device), sge->lkey);
	if (!mr)
		return -EFAULT;
	if (mr->key != sge->lkey)
		err = -EFAULT;
	else if (mr->ibmr.pd != pd)
		err = -EPERM;
	else if (!mr->ex)
		err = -EINVAL;
	else if (write && !(mr->access & (IB_ACCESS_LOCAL_WRITE |
					  IB_ACCESS_REMOTE_WRITE)))
		err = -EPERM;
	else if (!rxe_range_in(sge->addr, sge->length, mr->iova, mr->length))
		err = -EFAULT;
	if (!err) {
		*ex = umem_export_ref(mr->ex);
		*va = mr->start + (sge->addr - mr->iova);
		if (sge->length)
			atomic64_inc(&mr->count->prefetches);
	}
	rxe_ref_put(&mr->ref);
	return err;
}

/* In the caller's context and to the end. */
static int prefetch_sync(struct umem_export *ex, unsigned long va, size_t len,
			 unsigned int flags)
{
	long got;

	while (len) {
		got = umem_fault(ex, va, len, flags);
		/* A range under constant invalidation counts as prefetched. */
		if (got == -EAGAIN)
			return 0;
		if (got < 0)
			return got == -ESRCH ? -EFAULT : got;
		if (fatal_signal_pending(current))
			return -EINTR;
		va += got;
		len -= min_t(size_t, got, len);
	}
	return 0;
}

int rxe_advise_mr(struct ib_pd *pd, enum ib_uverbs_advise_mr_advice advice,
		  u32 flags, struct ib_sge *sge, u32 num_sge,
		  struct uverbs_attr_bundle *attrs)
{
	bool sync = flags & IB_UVERBS_ADVISE_MR_FLAG_FLUSH;
	unsigned int uflags = UMEM_PREFETCH;
	struct umem_export *ex;
	unsigned long va;
	u32 i;
	int err;

	switch (advice) {
	case IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH:
		break;
	case IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH_WRITE:
		uflags |= UMEM_WRITE;
		break;
	case IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH_NO_FAULT:
		uflags |= UMEM_NOFAULT;
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (flags & ~IB_UVERBS_ADVISE_MR_FLAG_FLUSH)
		return -EINVAL;

	for (i = 0; i < num_sge; i++) {
		err = mr_advised(pd, &sge[i], uflags & UMEM_WRITE, &ex, &va);
		if (err)
			return err;
		/* The MR is let go: a fault may block for ever, dereg must not. */
		if (sge[i].length)
			err = sync ? prefetch_sync(ex, va, sge[i].length, uflags) :
				     prefetch_start(ex, va, sge[i].length, uflags);
		umem_export_put(ex);
		if (err)
			return err;
	}
	return 0;
}
