// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "odp.h"

const struct cap_name cap_names[] = {
	{ IBV_ODP_SUPPORT_SEND, "send" },
	{ IBV_ODP_SUPPORT_RECV, "recv" },
	{ IBV_ODP_SUPPORT_WRITE, "write" },
	{ IBV_ODP_SUPPORT_READ, "read" },
	{ IBV_ODP_SUPPORT_ATOMIC, "atomic" },
	{ IBV_ODP_SUPPORT_SRQ_RECV, "srq-recv" },
	{ 0, NULL }
};

struct ibv_context *dev_open(const char *name)
{
	struct ibv_context *ctx = NULL;
	struct ibv_device **list;
	int i, n, err = ENODEV;

	list = ibv_get_device_list(&n);
	if (!list)
		return NULL;
	for (i = 0; i < n; i++) {
		if (name && strcmp(name, ibv_get_device_name(list[i])))
			continue;
		ctx = ibv_open_device(list[i]);
		err = ctx ? 0 : errno ? errno : EIO;
		break;
	}
	ibv_free_device_list(list);
	errno = err;
	return ctx;
}

void dev_caps(struct ibv_context *ctx, struct odp_caps *caps)
{
	struct ibv_device_attr_ex attr = {};

	*caps = (struct odp_caps){};
	if (ibv_query_device_ex(ctx, NULL, &attr))
		return;
	caps->known = true;
	caps->explicit = attr.odp_caps.general_caps & IBV_ODP_SUPPORT;
	caps->implicit = attr.odp_caps.general_caps & IBV_ODP_SUPPORT_IMPLICIT;
	caps->rc = attr.odp_caps.per_transport_caps.rc_odp_caps;
	caps->uc = attr.odp_caps.per_transport_caps.uc_odp_caps;
	caps->ud = attr.odp_caps.per_transport_caps.ud_odp_caps;
}

const char *caps_text(uint32_t caps)
{
	static char buf[96];
	size_t n = 0;

	for (const struct cap_name *c = cap_names; c->name; c++)
		if (caps & c->bit)
			n += snprintf(buf + n, sizeof(buf) - n, "%s%s", n ? " " : "", c->name);
	return n ? buf : "-";
}
