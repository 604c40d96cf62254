/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between the kernels we run on: every test of LINUX_VERSION_CODE
 * is here, behind a wrapper named for what it does. Each section includes only
 * what its own wrappers need, under the macro that its users define:
 *
 *	#define COMPAT_MM
 *	#include "../compat.h"
 */
#ifndef _ODP_COMPAT_H
#define _ODP_COMPAT_H

#include <linux/version.h>

/* ---- mm ---- */
#ifdef COMPAT_MM
#include <linux/mm.h>
#include <linux/mmu_notifier.h>

/* What the mmu notifier's aging callbacks return. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
typedef int compat_young_t;
#else
typedef bool compat_young_t;
#endif

/*
 * Look up user pages of another address space. mmap_lock is held for reading;
 * *@locked becomes 0 if it had to be dropped.
 */
static inline long compat_get_user_pages_remote(struct mm_struct *mm,
						unsigned long va,
						unsigned long nr,
						unsigned int gup_flags,
						struct page **pages, int *locked)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, va, nr, gup_flags, pages, NULL, locked);
#else
	return get_user_pages_remote(mm, va, nr, gup_flags, pages, locked);
#endif
}

/*
 * Lookups that the CPU's own access follows: entries that NUMA balancing made
 * inaccessible are to be faulted. Before 6.6 every lookup does that.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define COMPAT_FOLL_NUMA_FAULT	0
#else
#define COMPAT_FOLL_NUMA_FAULT	FOLL_HONOR_NUMA_FAULT
#endif

/* Clear flags of a mapping that is being made. */
static inline void compat_vm_flags_clear(struct vm_area_struct *vma,
					 unsigned long flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags &= ~flags;
#else
	vm_flags_clear(vma, flags);
#endif
}
#endif /* COMPAT_MM */

/* ---- uaccess ---- */
#ifdef COMPAT_UACCESS
#include <linux/uaccess.h>

/*
 * Compare and exchange at a user address, page faults disabled. *@old becomes what
 * was there. Returns false if the page is not.
 */
static inline bool compat_user_cmpxchg64(u64 __user *p, u64 *old, u64 new)
{
#ifdef unsafe_try_cmpxchg_user
	u64 seen = *old;

	if (!user_access_begin(p, sizeof(*p)))
		return false;
	unsafe_try_cmpxchg_user(p, &seen, new, fault);
	user_access_end();
	*old = seen;
	return true;
fault:
	user_access_end();
#endif
	return false;
}
#endif /* COMPAT_UACCESS */

/* ---- verbs ---- */
#ifdef COMPAT_VERBS
#include <rdma/ib_verbs.h>
#include <rdma/uverbs_ioctl.h>

/* Last argument of the create_cq verb. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define compat_cq_udata ib_udata
#else
#define compat_cq_udata uverbs_attr_bundle
#endif

static inline struct ib_udata *compat_to_udata(struct compat_cq_udata *attrs)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	return attrs;
#else
	return attrs ? &attrs->driver_udata : NULL;
#endif
}

/*
 * Members of struct ib_device_ops and struct rdma_link_ops that were renamed,
 * changed their arguments or are not there. Where the core has
 * report_port_event, it reports link changes of a driver that does not set it.
 */
/*
 * FLUSH and ATOMIC_WRITE, which 6.1 does not know. An atomic write needs nothing
 * but numbers, which are those of the later uABI; its payload stands where
 * inline data does. FLUSH has arguments and rights of its own that no user
 * of 6.1 can hand over.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define IB_WR_FLUSH		((enum ib_wr_opcode)14)
#define IB_WR_ATOMIC_WRITE	((enum ib_wr_opcode)15)
#define IB_WC_FLUSH		((enum ib_wc_opcode)8)
#define IB_WC_ATOMIC_WRITE	((enum ib_wc_opcode)9)
#define IB_DEVICE_ATOMIC_WRITE	BIT_ULL(40)
#define COMPAT_DEVICE_FLUSH	0
#define COMPAT_HAS_FLUSH	false
enum { IB_FLUSH_GLOBAL = 1, IB_FLUSH_PERSISTENT = 2 };
enum { IB_FLUSH_RANGE, IB_FLUSH_MR };
#else
#define COMPAT_DEVICE_FLUSH	(IB_DEVICE_FLUSH_GLOBAL | IB_DEVICE_FLUSH_PERSISTENT)
#define COMPAT_HAS_FLUSH	true
#endif

/* What ODP can say it supports of them. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define COMPAT_ODP_FLUSH_CAPS	0
#else
#define COMPAT_ODP_FLUSH_CAPS	(IB_ODP_SUPPORT_FLUSH | IB_ODP_SUPPORT_ATOMIC_WRITE)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
typedef int compat_cqe_t;
#define COMPAT_OP_RESIZE_CQ(fn)		.resize_cq = (fn)
#define COMPAT_OP_PORT_EVENT(fn)
#define COMPAT_OP_DELLINK(fn)
#define COMPAT_DMAH_ARG
#define COMPAT_DMAH_GIVEN		false
#else
typedef unsigned int compat_cqe_t;
#define COMPAT_OP_RESIZE_CQ(fn)		.resize_user_cq = (fn)
#define COMPAT_OP_PORT_EVENT(fn)	.report_port_event = (fn),
#define COMPAT_OP_DELLINK(fn)		.dellink = (fn),
#define COMPAT_DMAH_ARG			struct ib_dmah *dmah,
#define COMPAT_DMAH_GIVEN		(dmah != NULL)
#endif

/*
 * A device of a network namespace; before 7.0 it begins in the initial one,
 * and "rdma dev set ... netns" moves it.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#define compat_ib_alloc_device(type, member, net) \
	((void)(net), ib_alloc_device(type, member))
#else
#define compat_ib_alloc_device(type, member, net) \
	ib_alloc_device_with_net(type, member, net)
#endif
#endif /* COMPAT_VERBS */

/* ---- work requests in rings ---- */
#ifdef COMPAT_WQE
#include <rdma/rdma_user_rxe.h>

struct compat_flush {
	u64 va;
	u32 rkey;
	u8 type, level;
};

/* Arguments of a user's FLUSH. */
static inline struct compat_flush compat_wr_flush(const struct rxe_send_wr *wr)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	return (struct compat_flush) {};
#else
	return (struct compat_flush) {
		.va = wr->wr.flush.remote_addr,
		.rkey = wr->wr.flush.rkey,
		.type = wr->wr.flush.type,
		.level = wr->wr.flush.level,
	};
#endif
}
#endif /* COMPAT_WQE */

/* ---- mr ---- */
#ifdef COMPAT_MR
#include <linux/memremap.h>
#include <linux/mm.h>
#include <rdma/ib_verbs.h>
#include <rdma/ib_umem.h>

/* Exempts a local variable from CONFIG_INIT_STACK_ALL_*. */
#if __has_attribute(__uninitialized__)
# define compat_uninitialized __attribute__((__uninitialized__))
#else
# define compat_uninitialized
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
/* Refused by the core before 6.2; the values are those of the later uABI. */
#define IB_ACCESS_FLUSH_GLOBAL		(1 << 8)
#define IB_ACCESS_FLUSH_PERSISTENT	(1 << 9)
#endif

static inline struct ib_umem *compat_umem_get(struct ib_device *dev,
					      unsigned long addr, size_t size,
					      int access)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	return ib_umem_get_va(dev, addr, size, access);
#else
	return ib_umem_get(dev, addr, size, access);
#endif
}

/* Is this page of a file on persistent memory (dax)? Any context. */
static inline bool compat_page_is_fsdax(const struct page *page)
{
	if (!is_zone_device_page(page))
		return false;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
	return page_pgmap(page)->type == MEMORY_DEVICE_FS_DAX;
#else
	return page->pgmap->type == MEMORY_DEVICE_FS_DAX;
#endif
}
#endif /* COMPAT_MR */

/* ---- timer ---- */
#ifdef COMPAT_TIMER
#include <linux/hrtimer.h>
#include <linux/timer.h>

static inline void compat_hrtimer_setup(struct hrtimer *t,
					enum hrtimer_restart (*fn)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	hrtimer_init(t, clock, mode);
	t->function = fn;
#else
	hrtimer_setup(t, fn, clock, mode);
#endif
}

/* The object around a timer. */
#define compat_timer_container(var, t, member) \
	container_of(t, typeof(*(var)), member)

/* Stop a timer without waiting for its handler. */
static inline void compat_timer_delete(struct timer_list *t)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	del_timer(t);
#else
	timer_delete(t);
#endif
}

/* Stop it for good; it cannot be started again. The caller sees to that on 6.1. */
static inline void compat_timer_shutdown_sync(struct timer_list *t)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	del_timer_sync(t);
#else
	timer_shutdown_sync(t);
#endif
}
#endif /* COMPAT_TIMER */

/* ---- net ---- */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
/* BTH opcodes that <rdma/ib_pack.h> does not have yet. */
enum {
	IB_OPCODE_FLUSH			= 0x1c,
	IB_OPCODE_ATOMIC_WRITE		= 0x1d,
	IB_OPCODE_RC_FLUSH		= 0x1c,
	IB_OPCODE_RC_ATOMIC_WRITE	= 0x1d,
};
#endif

#ifdef COMPAT_NET
#include <linux/crc32.h>
#include <linux/net.h>
#include <net/udp_tunnel.h>

/* The socket calls of UDP tunnels take a struct sock since 7.3. */
static inline void compat_udp_tunnel_setup(struct net *net, struct socket *sock,
					   struct udp_tunnel_sock_cfg *cfg)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
	setup_udp_tunnel_sock(net, sock, cfg);
#else
	setup_udp_tunnel_sock(net, sock->sk, cfg);
#endif
}

static inline void compat_udp_tunnel_release(struct socket *sock)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
	udp_tunnel_sock_release(sock);
#else
	udp_tunnel_sock_release(sock->sk);
#endif
}

/*
 * CRC-32 with the CPU's help: before 6.14 through the crypto layer, whose
 * context is the CRC register itself, afterwards crc32_le() does it. An emulated
 * CPU may be slower with its carry-less multiplication than with a table: what is
 * faster is tried out.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#include <crypto/hash.h>
#include <linux/ktime.h>
#include <linux/random.h>
#include <linux/slab.h>

#define COMPAT_CRC32_TRIAL	4096	/* bytes */
#define COMPAT_CRC32_TRIALS	8

struct compat_crc32 {
	struct crypto_shash *tfm;	/* NULL: use the table */
};

static inline bool compat_crc32_by_tfm(struct crypto_shash *tfm, u32 *crc, const void *p,
				       size_t len)
{
	u8 mem[sizeof(struct shash_desc) + sizeof(u32)]
		__aligned(__alignof__(struct shash_desc));
	struct shash_desc *desc = (struct shash_desc *)mem;
	u32 *reg = shash_desc_ctx(desc);

	desc->tfm = tfm;
	*reg = *crc;
	if (crypto_shash_update(desc, p, len))
		return false;
	*crc = *reg;
	return true;
}

/* Nanoseconds for a trial with @tfm, or with the table if NULL: the best of some. */
static inline u64 compat_crc32_cost(struct crypto_shash *tfm, const void *p)
{
	u64 best = U64_MAX, began;
	u32 crc = ~0;
	int i;

	for (i = 0; i < COMPAT_CRC32_TRIALS; i++) {
		began = ktime_get_ns();
		if (!tfm)
			crc = crc32_le(crc, p, COMPAT_CRC32_TRIAL);
		else if (!compat_crc32_by_tfm(tfm, &crc, p, COMPAT_CRC32_TRIAL))
			return U64_MAX;
		/* crc32_le() is pure, and could be done later */
		asm volatile("" : "+r" (crc) : : "memory");
		best = min(best, ktime_get_ns() - began);
	}
	return best;
}

static inline bool compat_crc32_wins(struct crypto_shash *tfm)
{
	u8 *p = kmalloc(COMPAT_CRC32_TRIAL, GFP_KERNEL);
	u64 with, without;

	if (!p)
		return true;
	get_random_bytes(p, COMPAT_CRC32_TRIAL);
	with = compat_crc32_cost(tfm, p);
	without = compat_crc32_cost(NULL, p);
	kfree(p);
	pr_info(KBUILD_MODNAME ": CRC-32 of %d bytes: %llu ns by %s, %llu ns by the table\n",
		COMPAT_CRC32_TRIAL, with, crypto_shash_driver_name(tfm), without);
	return with < without;
}

static inline void compat_crc32_init(struct compat_crc32 *c)
{
	struct crypto_shash *tfm = crypto_alloc_shash("crc32", 0, 0);

	c->tfm = NULL;
	if (IS_ERR(tfm))
		return;
	if (crypto_shash_descsize(tfm) == sizeof(u32) && compat_crc32_wins(tfm))
		c->tfm = tfm;
	else
		crypto_free_shash(tfm);
}

static inline void compat_crc32_exit(struct compat_crc32 *c)
{
	if (c->tfm)
		crypto_free_shash(c->tfm);
}

static inline u32 compat_crc32(struct compat_crc32 *c, u32 crc, const void *p,
			       size_t len)
{
	/* below this the set-up costs more than the table */
	if (c->tfm && len >= 128 && compat_crc32_by_tfm(c->tfm, &crc, p, len))
		return crc;
	return crc32_le(crc, p, len);
}
#else
struct compat_crc32 {
};

static inline void compat_crc32_init(struct compat_crc32 *c)
{
}

static inline void compat_crc32_exit(struct compat_crc32 *c)
{
}

static inline u32 compat_crc32(struct compat_crc32 *c, u32 crc, const void *p,
			       size_t len)
{
	return crc32_le(crc, p, len);
}
#endif
#endif /* COMPAT_NET */

#endif /* _ODP_COMPAT_H */
