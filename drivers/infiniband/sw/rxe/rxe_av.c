// SPDX-License-Identifier: GPL-2.0
/*
 * Address handles. A user's WQE names its AH by number; the number leads to a
 * destination of the same PD or to an error, never to an address the user made
 * up.
 *
 * The destination is an object of its own: WQEs hold references to it, so that
 * destroying or modifying the AH never waits, and may happen in atomic context.
 */
#include "rxe_qp.h"

/* rxe_dest_put() - drop a WQE's or the AH's reference; any context */
void rxe_dest_put(struct rxe_dest *dest)
{
	if (!refcount_dec_and_test(&dest->ref))
		return;
	rxe_path_fini(&dest->path);
	kfree_rcu(dest, rcu);
}

/* rxe_dest_find() - destination of AH @num, referenced; NULL if not of @pd */
struct rxe_dest *rxe_dest_find(struct rxe_dev *rxe, u32 num, struct ib_pd *pd)
{
	struct rxe_dest *dest;

	rcu_read_lock();
	dest = xa_load(&rxe->ahs, num);
	if (dest && (dest->pd != pd || !refcount_inc_not_zero(&dest->ref)))
		dest = NULL;
	rcu_read_unlock();
	return dest;
}

static struct rxe_dest *dest_new(struct rxe_dev *rxe, struct ib_pd *pd,
				 const struct rdma_ah_attr *attr, u32 num,
				 gfp_t gfp)
{
	struct rxe_dest *dest = kzalloc(sizeof(*dest), gfp);
	int err;

	if (!dest)
		return ERR_PTR(-ENOMEM);
	err = rxe_path_init(rxe, attr, num, &dest->path);
	if (err) {
		kfree(dest);
		return ERR_PTR(err);
	}
	refcount_set(&dest->ref, 1);
	dest->pd = pd;
	dest->attr = *attr;
	dest->attr.grh.sgid_attr = NULL;
	return dest;
}

/*
 * Kernel consumers create and destroy AHs in any context, hence interrupts are
 * off under this table's lock (XA_FLAGS_LOCK_IRQ). A @gfp that may sleep comes
 * with interrupts enabled.
 */
static int num_reserve(struct rxe_dev *rxe, u32 *num, gfp_t gfp)
{
	unsigned long flags;
	int err;

	xa_lock_irqsave(&rxe->ahs, flags);
	err = __xa_alloc(&rxe->ahs, num, NULL, XA_LIMIT(1, RXE_MAX_AH),
			 gfp);
	xa_unlock_irqrestore(&rxe->ahs, flags);
	return err == -EBUSY ? -ENOMEM : err;
}

/* The number is reserved, so this allocates nothing. */
static void num_publish(struct rxe_dev *rxe, u32 num, struct rxe_dest *dest)
{
	unsigned long flags;

	xa_lock_irqsave(&rxe->ahs, flags);
	__xa_store(&rxe->ahs, num, dest, GFP_ATOMIC);
	xa_unlock_irqrestore(&rxe->ahs, flags);
}

static void num_release(struct rxe_dev *rxe, u32 num)
{
	unsigned long flags;

	xa_lock_irqsave(&rxe->ahs, flags);
	__xa_erase(&rxe->ahs, num);
	xa_unlock_irqrestore(&rxe->ahs, flags);
}

/* rxe_create_ah() - .create_ah and .create_user_ah */
int rxe_create_ah(struct ib_ah *ibah, struct rdma_ah_init_attr *init,
		  struct ib_udata *udata)
{
	gfp_t gfp = init->flags & RDMA_CREATE_AH_SLEEPABLE ? GFP_KERNEL :
							     GFP_ATOMIC;
	struct rxe_create_ah_resp resp = {};
	struct rxe_ah *ah = to_rah(ibah);
	struct rxe_dev *rxe = to_rdev(ibah->device);
	int err;

	err = num_reserve(rxe, &ah->num, gfp);
	if (err)
		return err;
	ah->dest = dest_new(rxe, ibah->pd, init->ah_attr, ah->num, gfp);
	if (IS_ERR(ah->dest)) {
		err = PTR_ERR(ah->dest);
		goto err_num;
	}
	resp.ah_num = ah->num;
	if (udata && udata->outlen &&
	    ib_copy_to_udata(udata, &resp, min(sizeof(resp), udata->outlen))) {
		err = -EFAULT;
		goto err_dest;
	}
	num_publish(rxe, ah->num, ah->dest);
	return 0;

err_dest:
	rxe_dest_put(ah->dest);
err_num:
	num_release(rxe, ah->num);
	return err;
}

/* rxe_modify_ah() - .modify_ah; WQEs already taken keep the old path */
int rxe_modify_ah(struct ib_ah *ibah, struct rdma_ah_attr *attr)
{
	struct rxe_ah *ah = to_rah(ibah);
	struct rxe_dev *rxe = to_rdev(ibah->device);
	struct rxe_dest *dest, *old = ah->dest;

	dest = dest_new(rxe, ibah->pd, attr, ah->num, GFP_ATOMIC);
	if (IS_ERR(dest))
		return PTR_ERR(dest);
	num_publish(rxe, ah->num, dest);
	ah->dest = dest;
	rxe_dest_put(old);
	return 0;
}

/* rxe_query_ah() - .query_ah */
int rxe_query_ah(struct ib_ah *ibah, struct rdma_ah_attr *attr)
{
	*attr = to_rah(ibah)->dest->attr;
	attr->type = ibah->type;
	return 0;
}

/* rxe_destroy_ah() - .destroy_ah; any context */
int rxe_destroy_ah(struct ib_ah *ibah, u32 flags)
{
	struct rxe_ah *ah = to_rah(ibah);

	num_release(to_rdev(ibah->device), ah->num);
	rxe_dest_put(ah->dest);
	return 0;
}
