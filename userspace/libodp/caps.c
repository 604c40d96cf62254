// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* What a device can do on demand. */
#include <errno.h>
#include <string.h>

#include "internal.h"

/*
 * Advice about a region that does not exist: refused as such by a device that
 * takes advice, and as unknown by one that does not.
 */
static bool can_prefetch(struct ibv_pd *pd)
{
	struct ibv_sge sge = { .addr = 0, .length = 1, .lkey = 0 };
	int ret;

	ret = odp_advise(pd, IBV_ADVISE_MR_ADVICE_PREFETCH, IBV_ADVISE_MR_FLAG_FLUSH, &sge, 1);
	return ret != EOPNOTSUPP;
}

int odp_query(struct ibv_context *context, struct odp_caps *caps)
{
	struct ibv_device_attr_ex attr = { .comp_mask = 0 };
	struct ibv_pd *pd;
	int ret;

	memset(caps, 0, sizeof(*caps));
	ret = ibv_query_device_ex(context, NULL, &attr);
	if (ret)
		return ret;
	if (!(attr.odp_caps.general_caps & IBV_ODP_SUPPORT))
		return 0;

	caps->can = ODP_CAN_EXPLICIT;
	if (attr.odp_caps.general_caps & IBV_ODP_SUPPORT_IMPLICIT)
		caps->can |= ODP_CAN_IMPLICIT;
	caps->transport[ODP_RC] = attr.odp_caps.per_transport_caps.rc_odp_caps;
	caps->transport[ODP_UC] = attr.odp_caps.per_transport_caps.uc_odp_caps;
	caps->transport[ODP_UD] = attr.odp_caps.per_transport_caps.ud_odp_caps;
	caps->transport[ODP_XRC] = attr.xrc_odp_caps;

	pd = ibv_alloc_pd(context);
	if (!pd)
		return errno;
	if (can_prefetch(pd))
		caps->can |= ODP_CAN_PREFETCH;
	ibv_dealloc_pd(pd);
	return 0;
}
