// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Prefetch. Where the provider has no advise_mr (that of rxe has not), the
 * kernel's method is called directly: advice concerns no state of a provider.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>

#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>

#include "internal.h"

#define SGES		16		/* pieces a call */
#define PIECE		(1ul << 30)	/* of a range: an SGE has 32 bits of length */
#define DRIVER_IDS	256		/* tried, at most */

struct call {
	struct ib_uverbs_ioctl_hdr hdr;
	struct ib_uverbs_attr attr[4];
};

static int call_kernel(struct ibv_context *ctx, struct call *c, unsigned int attrs)
{
	c->hdr.length = sizeof(c->hdr) + attrs * sizeof(c->attr[0]);
	c->hdr.num_attrs = attrs;
	return ioctl(ctx->cmd_fd, RDMA_VERBS_IOCTL, &c->hdr) ? errno : 0;
}

/*
 * Calls have to name the kernel driver, whose number libibverbs keeps to itself.
 * With a wrong one any call is EINVAL; with the right one a method that cannot be
 * is EPROTONOSUPPORT. Nearly always all devices of a process have one driver.
 */
static int find_driver(struct ibv_context *ctx, uint32_t *id)
{
	static _Atomic uint32_t likely;
	uint32_t i;

	for (i = 0; i <= DRIVER_IDS; i++) {
		struct call c = { .hdr = { .object_id = UVERBS_OBJECT_MR, .method_id = 0xffff } };

		*id = i ? i - 1 : likely;
		c.hdr.driver_id = *id;
		if (call_kernel(ctx, &c, 0) == EPROTONOSUPPORT) {
			likely = *id;
			return 0;
		}
	}
	return EOPNOTSUPP;
}

static int advise_directly(struct ibv_pd *pd, enum ibv_advise_mr_advice advice, uint32_t flags,
			   struct ibv_sge *sge, uint32_t num)
{
	struct call c = {
		.hdr = { .object_id = UVERBS_OBJECT_MR, .method_id = UVERBS_METHOD_ADVISE_MR },
		.attr = {
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_PD_HANDLE, .data = pd->handle },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_ADVICE, .len = 8, .data = advice },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_FLAGS, .len = 4, .data = flags },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_SGE_LIST,
			  .len = num * sizeof(*sge), .data = (uintptr_t)sge },
		},
	};
	unsigned int i;
	int ret;

	/* The kernel's element of the list, which is the same. */
	_Static_assert(sizeof(struct ibv_sge) == 16, "struct ib_uverbs_sge");

	ret = find_driver(pd->context, &c.hdr.driver_id);
	if (ret)
		return ret;
	for (i = 0; i < 4; i++)
		c.attr[i].flags = UVERBS_ATTR_F_MANDATORY;
	ret = call_kernel(pd->context, &c, 4);
	return ret == EPROTONOSUPPORT ? EOPNOTSUPP : ret;
}

int odp_advise(struct ibv_pd *pd, enum ibv_advise_mr_advice advice, uint32_t flags,
	       struct ibv_sge *sge, uint32_t num)
{
	int ret = ibv_advise_mr(pd, advice, flags, sge, num);

	if (ret == EOPNOTSUPP || ret == ENOSYS)
		ret = advise_directly(pd, advice, flags, sge, num);
	return ret;
}

int odp_prefetch(struct odp_mr *omr, const void *addr, size_t length, unsigned int flags)
{
	uintptr_t va = (uintptr_t)addr, base = (uintptr_t)omr->addr;
	enum ibv_advise_mr_advice advice = IBV_ADVISE_MR_ADVICE_PREFETCH;
	uint32_t how = flags & ODP_PREFETCH_WAIT ? IBV_ADVISE_MR_FLAG_FLUSH : 0;

	if (flags & ~(ODP_PREFETCH_WRITE | ODP_PREFETCH_NO_FAULT | ODP_PREFETCH_WAIT))
		return EINVAL;
	if ((flags & ODP_PREFETCH_WRITE) && (flags & ODP_PREFETCH_NO_FAULT))
		return EINVAL;
	if (va < base || va - base > omr->length || length > omr->length - (va - base))
		return ERANGE;
	if (omr->kind == ODP_PINNED)
		return 0;
	if (!(omr->opd->caps.can & ODP_CAN_PREFETCH))
		return EOPNOTSUPP;

	if (flags & ODP_PREFETCH_WRITE)
		advice = IBV_ADVISE_MR_ADVICE_PREFETCH_WRITE;
	else if (flags & ODP_PREFETCH_NO_FAULT)
		advice = IBV_ADVISE_MR_ADVICE_PREFETCH_NO_FAULT;
	while (length) {
		struct ibv_sge sge[SGES];
		unsigned int n;
		int ret;

		for (n = 0; n < SGES && length; n++) {
			size_t piece = length < PIECE ? length : PIECE;

			sge[n].addr = va;
			sge[n].length = piece;
			sge[n].lkey = omr->lkey;
			va += piece;
			length -= piece;
		}
		ret = odp_advise(omr->opd->pd, advice, how, sge, n);
		if (ret)
			return ret;
	}
	return 0;
}
