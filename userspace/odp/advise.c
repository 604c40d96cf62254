// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Used by the tool and by the preloaded library: nothing of libibverbs by name. */
#include <errno.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <sys/ioctl.h>

#include "advise.h"

/* A call has to name the kernel's driver; any other than its own refuses this. */
static int advise_rxe(struct ibv_pd *pd, struct ibv_sge *sge, int advice, uint32_t flags)
{
	struct {
		struct ib_uverbs_ioctl_hdr hdr;
		struct ib_uverbs_attr attr[4];
	} call = {
		.hdr = {
			.length = sizeof(call), .num_attrs = 4, .driver_id = RDMA_DRIVER_RXE,
			.object_id = UVERBS_OBJECT_MR, .method_id = UVERBS_METHOD_ADVISE_MR,
		},
		.attr = {
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_PD_HANDLE, .data = pd->handle },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_ADVICE, .len = 8, .data = advice },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_FLAGS, .len = 4, .data = flags },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_SGE_LIST, .len = sizeof(*sge),
			  .data = (uintptr_t)sge },
		},
	};

	_Static_assert(sizeof(*sge) == 16, "the kernel's element of the list is the same");
	for (int i = 0; i < 4; i++)
		call.attr[i].flags = UVERBS_ATTR_F_MANDATORY;
	if (!ioctl(pd->context->cmd_fd, RDMA_VERBS_IOCTL, &call))
		return 0;
	return errno == EPROTONOSUPPORT ? EOPNOTSUPP : errno;
}

int advise(struct ibv_pd *pd, struct ibv_sge *sge, int write, uint32_t flags)
{
	struct verbs_context *v = verbs_get_ctx_op(pd->context, advise_mr);
	int advice = write ? IBV_ADVISE_MR_ADVICE_PREFETCH_WRITE : IBV_ADVISE_MR_ADVICE_PREFETCH;
	int err = v ? v->advise_mr(pd, advice, flags, sge, 1) : EOPNOTSUPP;

	return err == EOPNOTSUPP || err == ENOSYS ? advise_rxe(pd, sge, advice, flags) : err;
}
