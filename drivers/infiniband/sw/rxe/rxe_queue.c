// SPDX-License-Identifier: GPL-2.0
/*
 * Room "ring": memory that a user can write at any time.
 *
 * Indices on the far side are read with acquire and masked before use, so that
 * whatever a user stores there names an element of the ring; at worst it harms
 * its own work. Indices on our side are stored with release after the element
 * they cover. Ring geometry is read from struct rxe_queue only.
 *
 * Locks: rxe_dev.mmap_lock, innermost, process context, protects the list of
 * mappings offered and the cookie counter. A cookie names a mapping once: the
 * first mmap() takes it off the list.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include "rxe.h"

/* Larger rings are a bug of the caller's limits, not a wish of the user's. */
#define RXE_QUEUE_MAX_SIZE	SZ_256M
#define RXE_QUEUE_MIN_STRIDE	64

static void *ring_elem(const struct rxe_queue *q, u32 index)
{
	return q->buf->data + ((size_t)(index & q->mask) << q->elem_shift);
}

static u32 ring_producer(const struct rxe_queue *q)
{
	/* pairs with the producer's release: elements before the index */
	return smp_load_acquire(&q->buf->producer_index) & q->mask;
}

static u32 ring_consumer(const struct rxe_queue *q)
{
	/* pairs with the consumer's release: it is done with those elements */
	return smp_load_acquire(&q->buf->consumer_index) & q->mask;
}

static void ring_set_producer(struct rxe_queue *q, u32 index)
{
	/* pairs with the consumer's acquire: elements before the index */
	smp_store_release(&q->buf->producer_index, index);
}

static void ring_set_consumer(struct rxe_queue *q, u32 index)
{
	/* pairs with the producer's acquire: elements were read before */
	smp_store_release(&q->buf->consumer_index, index);
}

static void ring_put_elem(const struct rxe_queue *q, u32 index,
			  const void *src, u32 len)
{
	memcpy(ring_elem(q, index), src, min(len, q->elem_size));
}

/*
 * Zeroed pages, mapped contiguously, charged to the caller. vmalloc_user()
 * cannot charge, and __vmalloc() memory cannot be mapped to user space.
 */
static void *ring_alloc(size_t size)
{
	unsigned int n = size >> PAGE_SHIFT, i;
	struct page **pages;
	void *buf;

	pages = kvcalloc(n, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return NULL;

	for (i = 0; i < n; i++) {
		pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!pages[i])
			goto err_free;
		cond_resched();
	}

	/* from here on vfree() releases pages and array */
	buf = vmap(pages, n, VM_MAP | VM_MAP_PUT_PAGES | VM_USERMAP,
		   PAGE_KERNEL);
	if (buf)
		return buf;

err_free:
	while (i--)
		__free_page(pages[i]);
	kvfree(pages);
	return NULL;
}

static void mmap_release(struct kref *ref)
{
	struct rxe_mmap *map = container_of(ref, struct rxe_mmap, ref);

	vfree(map->buf);
	kfree(map);
}

static struct rxe_mmap *mmap_offer(struct rxe_dev *rxe,
				   struct ib_ucontext *context, void *buf,
				   size_t size)
{
	struct rxe_mmap *map;

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return NULL;

	kref_init(&map->ref);
	map->context = context;
	map->buf = buf;
	map->info.size = size;

	spin_lock(&rxe->mmap_lock);
	map->info.offset = rxe->mmap_next;
	rxe->mmap_next += size;
	list_add_tail(&map->node, &rxe->mmaps);
	spin_unlock(&rxe->mmap_lock);

	return map;
}

static void mmap_withdraw(struct rxe_dev *rxe, struct rxe_mmap *map)
{
	spin_lock(&rxe->mmap_lock);
	list_del_init(&map->node);
	spin_unlock(&rxe->mmap_lock);

	kref_put(&map->ref, mmap_release);
}

struct rxe_queue *rxe_queue_create(struct rxe_dev *rxe, u32 nelem,
				   u32 elem_size, struct ib_udata *udata,
				   struct mminfo __user *out)
{
	struct ib_ucontext *context = NULL;
	u64 slots, stride, size;
	struct rxe_queue *q;

	if (!nelem || nelem > RXE_QUEUE_MAX_SIZE / RXE_QUEUE_MIN_STRIDE ||
	    !elem_size || elem_size > SZ_64K)
		return ERR_PTR(-EINVAL);

	slots = roundup_pow_of_two(nelem + 1);
	stride = roundup_pow_of_two(max_t(u32, elem_size, RXE_QUEUE_MIN_STRIDE));
	size = PAGE_ALIGN(sizeof(struct rxe_queue_buf) + slots * stride);
	if (size > RXE_QUEUE_MAX_SIZE)
		return ERR_PTR(-EINVAL);

	if (udata) {
		context = container_of(udata, struct uverbs_attr_bundle,
				       driver_udata)->context;
		if (!context)
			return ERR_PTR(-EINVAL);
	}

	q = kzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);
	if (!q)
		return ERR_PTR(-ENOMEM);

	q->rxe = rxe;
	q->elem_size = elem_size;
	q->elem_shift = ilog2(stride);
	q->mask = slots - 1;
	q->buf_size = size;

	q->buf = ring_alloc(size);
	if (!q->buf)
		goto err_queue;

	q->buf->log2_elem_size = q->elem_shift;
	q->buf->index_mask = q->mask;

	if (!udata)
		return q;

	q->map = mmap_offer(rxe, context, q->buf, size);
	if (!q->map)
		goto err_buf;

	if (out && copy_to_user(out, &q->map->info, sizeof(*out))) {
		rxe_queue_destroy(q);
		return ERR_PTR(-EFAULT);
	}
	return q;

err_buf:
	vfree(q->buf);
err_queue:
	kfree(q);
	return ERR_PTR(-ENOMEM);
}

/**
 * rxe_queue_destroy() - free a ring
 * @q: ring, NULL or an error pointer is fine
 *
 * Process context. Nothing of the kernel may use the ring any more; a user who
 * has mapped it keeps the pages until munmap().
 */
void rxe_queue_destroy(struct rxe_queue *q)
{
	if (IS_ERR_OR_NULL(q))
		return;

	if (q->map)
		mmap_withdraw(q->rxe, q->map);
	else
		vfree(q->buf);
	kfree(q);
}

/**
 * rxe_mmap() - map a ring that a create or resize verb has offered
 * @context: user context the offer was made to
 * @vma: mapping; its offset is the cookie, its size at most the ring's
 *
 * Process context, mmap lock held for writing.
 * Return: 0, -EINVAL for an unknown or used cookie, a private mapping or one
 * that is too large, or what remap_vmalloc_range() returns.
 */
int rxe_mmap(struct ib_ucontext *context, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	size_t size = vma->vm_end - vma->vm_start;
	struct rxe_dev *rxe = to_rdev(context->device);
	struct rxe_mmap *map;
	bool found = false;
	int err;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;

	spin_lock(&rxe->mmap_lock);
	list_for_each_entry(map, &rxe->mmaps, node) {
		if (map->context == context && map->info.offset == offset) {
			found = size <= map->info.size;
			break;
		}
	}
	if (found) {
		list_del_init(&map->node);
		kref_get(&map->ref);
	}
	spin_unlock(&rxe->mmap_lock);
	if (!found)
		return -EINVAL;

	err = remap_vmalloc_range(vma, map->buf, 0);
	kref_put(&map->ref, mmap_release);
	return err;
}

/**
 * rxe_queue_pending() - elements that the far side produced and we have not
 * consumed
 * @q: ring that the far side fills
 *
 * Any context. Return: 0 to the capacity.
 */
u32 rxe_queue_pending(const struct rxe_queue *q)
{
	return (ring_producer(q) - q->index) & q->mask;
}

/**
 * rxe_queue_peek() - copy an element out, once
 * @q: ring that the far side fills
 * @at: position, counted from the consumer
 * @dst: where to
 * @len: bytes, at most the stride
 *
 * Any context, our side serialised. Return: false if there is no such element.
 */
bool rxe_queue_peek(const struct rxe_queue *q, u32 at, void *dst, u32 len)
{
	if (at >= rxe_queue_pending(q) || len > 1u << q->elem_shift)
		return false;

	memcpy(dst, ring_elem(q, q->index + at), len);
	return true;
}

/**
 * rxe_queue_consume() - hand elements back to the far side
 * @q: ring that the far side fills
 * @n: elements, all of them seen by rxe_queue_peek()
 *
 * Any context, our side serialised.
 */
void rxe_queue_consume(struct rxe_queue *q, u32 n)
{
	q->index = (q->index + n) & q->mask;
	ring_set_consumer(q, q->index);
}

/**
 * rxe_queue_push() - add an element to a ring that we fill
 * @q: ring
 * @src: element
 * @len: bytes, at most the element size
 *
 * Any context, our side serialised. Return: false if the ring is full.
 */
bool rxe_queue_push(struct rxe_queue *q, const void *src, u32 len)
{
	u32 next = (q->index + 1) & q->mask;

	if (next == ring_consumer(q))
		return false;

	ring_put_elem(q, q->index, src, len);
	q->index = next;
	ring_set_producer(q, next);
	return true;
}

/**
 * rxe_queue_unread() - elements of a ring that we fill, not yet taken
 * @q: ring
 *
 * Any context. Return: 0 to the capacity.
 */
u32 rxe_queue_unread(const struct rxe_queue *q)
{
	return (q->index - ring_consumer(q)) & q->mask;
}

/**
 * rxe_queue_kpush() - produce as the far side of a ring without user
 * @q: ring whose near side consumes
 * @src: element
 * @len: bytes, at most the element size
 *
 * Any context; producers are serialised by the caller, the consumer need not
 * be. Return: false if the ring is full.
 */
bool rxe_queue_kpush(struct rxe_queue *q, const void *src, u32 len)
{
	u32 prod = READ_ONCE(q->buf->producer_index) & q->mask;
	u32 next = (prod + 1) & q->mask;

	if (next == ring_consumer(q))
		return false;

	ring_put_elem(q, prod, src, len);
	ring_set_producer(q, next);
	return true;
}

/**
 * rxe_queue_kpull() - consume as the far side of a ring without user
 * @q: ring whose near side produces
 * @dst: where to
 * @len: bytes, at most the element size
 *
 * Any context; consumers are serialised by the caller, the producer need not
 * be. Return: false if the ring is empty.
 */
bool rxe_queue_kpull(struct rxe_queue *q, void *dst, u32 len)
{
	u32 cons = READ_ONCE(q->buf->consumer_index) & q->mask;

	if (cons == ring_producer(q))
		return false;

	memcpy(dst, ring_elem(q, cons), min(len, q->elem_size));
	ring_set_consumer(q, (cons + 1) & q->mask);
	return true;
}

/* @from's elements from index @first on, @n of them, to the start of @to. */
static int ring_move(struct rxe_queue *to, const struct rxe_queue *from,
		     u32 first, u32 n)
{
	u32 i;

	if (n > to->mask || to->elem_shift != from->elem_shift)
		return -EINVAL;

	for (i = 0; i < n; i++)
		memcpy(ring_elem(to, i), ring_elem(from, first + i),
		       1u << to->elem_shift);
	return 0;
}

/**
 * rxe_queue_move_unread() - resize a ring that we fill
 * @to: new ring, empty, of the same element size
 * @from: old ring
 *
 * Any context, our side of both rings serialised.
 * Return: 0, or -EINVAL if the unread elements do not fit.
 */
int rxe_queue_move_unread(struct rxe_queue *to, const struct rxe_queue *from)
{
	u32 n = rxe_queue_unread(from);
	int err;

	err = ring_move(to, from, from->index - n, n);
	if (err)
		return err;

	to->index = n;
	ring_set_producer(to, n);
	return 0;
}

/**
 * rxe_queue_move_pending() - resize a ring that the far side fills
 * @to: new ring, empty, of the same element size
 * @from: old ring; its producer holds still, or loses what it adds now
 *
 * Any context, our side of both rings serialised.
 * Return: 0, or -EINVAL if the pending elements do not fit.
 */
int rxe_queue_move_pending(struct rxe_queue *to, const struct rxe_queue *from)
{
	u32 n = rxe_queue_pending(from);
	int err;

	err = ring_move(to, from, from->index, n);
	if (err)
		return err;

	ring_set_producer(to, n);
	return 0;
}
