// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The kernel's RDMA netlink (RDMA_NL_NLDEV). Listing needs no privilege; keys and
 * addresses are told to the administrator only, and are of no interest here.
 *
 * A list comes in as many messages as it needs; an object may come or go while
 * the list is made, so regions and their counters are matched by number.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <rdma/rdma_netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "odp.h"

const char *rdma_error(int err)
{
	if (err == EPROTONOSUPPORT || err == ENOSYS)
		return "the kernel's RDMA modules (ib_core, ib_uverbs) are not loaded";
	return strerror(err);
}

struct list {
	void *items;
	size_t n, size;		/* elements, bytes of one */
	int err;
};

static void *list_add(struct list *l)
{
	void *p;

	/* room for a power of two */
	if (!(l->n & (l->n - 1))) {
		p = realloc(l->items, (l->n ? 2 * l->n : 1) * l->size);
		if (!p) {
			l->err = -ENOMEM;
			return NULL;
		}
		l->items = p;
	}
	p = (char *)l->items + l->n++ * l->size;
	memset(p, 0, l->size);
	return p;
}

/* Sends one request for a dump and calls @cb with each message of the answer. */
static int dump(int op, const struct odp_dev *dev, uint32_t stat_of, mnl_cb_t cb, void *arg)
{
	char buf[64 * 1024];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl;
	int ret, err;

	nlh->nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, op);
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP;
	nlh->nlmsg_seq = 1;
	if (dev)
		mnl_attr_put_u32(nlh, RDMA_NLDEV_ATTR_DEV_INDEX, dev->index);
	if (stat_of)
		mnl_attr_put_u32(nlh, RDMA_NLDEV_ATTR_STAT_RES, stat_of);

	nl = mnl_socket_open(NETLINK_RDMA);
	if (!nl)
		return -errno;
	ret = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID);
	if (ret >= 0)
		ret = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	while (ret >= 0) {
		ret = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (ret < 0)
			break;
		ret = mnl_cb_run(buf, ret, 1, mnl_socket_get_portid(nl), cb, arg);
		if (ret <= MNL_CB_STOP)
			break;
	}
	err = ret < 0 ? -errno : 0;
	mnl_socket_close(nl);
	return err;
}

static int on_device(const struct nlmsghdr *nlh, void *arg)
{
	struct odp_dev *dev = list_add(arg);
	struct nlattr *a;

	if (!dev)
		return MNL_CB_ERROR;
	mnl_attr_for_each(a, nlh, 0) {
		switch (mnl_attr_get_type(a)) {
		case RDMA_NLDEV_ATTR_DEV_INDEX:
			dev->index = mnl_attr_get_u32(a);
			break;
		case RDMA_NLDEV_ATTR_DEV_NAME:
			snprintf(dev->name, sizeof(dev->name), "%s", mnl_attr_get_str(a));
			break;
		case RDMA_NLDEV_ATTR_PORT_INDEX:	/* here: the number of ports */
			dev->ports = mnl_attr_get_u32(a);
			break;
		}
	}
	return MNL_CB_OK;
}

int nl_devices(struct odp_dev **out)
{
	struct list l = { .size = sizeof(struct odp_dev) };
	int err = dump(RDMA_NLDEV_CMD_GET, NULL, 0, on_device, &l);

	if (err || l.err) {
		free(l.items);
		return err ? err : l.err;
	}
	*out = l.items;
	return l.n;
}

/* Driver's details: a name, maybe how to print it, a value; and again. */
static void mr_details(struct odp_mr *mr, const struct nlattr *table)
{
	const char *name = NULL;
	struct nlattr *a;

	mnl_attr_for_each_nested(a, table) {
		switch (mnl_attr_get_type(a)) {
		case RDMA_NLDEV_ATTR_DRIVER_STRING:
			if (!name) {
				name = mnl_attr_get_str(a);
				continue;
			}
			if (!strcmp(name, "kind"))
				snprintf(mr->kind, sizeof(mr->kind), "%s", mnl_attr_get_str(a));
			break;
		case RDMA_NLDEV_ATTR_DRIVER_PRINT_TYPE:
			continue;
		}
		name = NULL;
	}
}

static void mr_entry(struct odp_mr *mr, const struct nlattr *entry)
{
	struct nlattr *a;

	mnl_attr_for_each_nested(a, entry) {
		switch (mnl_attr_get_type(a)) {
		case RDMA_NLDEV_ATTR_RES_MRN:
			mr->mrn = mnl_attr_get_u32(a);
			break;
		case RDMA_NLDEV_ATTR_RES_MRLEN:
			mr->length = mnl_attr_get_u64(a);
			break;
		case RDMA_NLDEV_ATTR_RES_PID:
			mr->pid = mnl_attr_get_u32(a);
			process_name(mr->pid, mr->owner, sizeof(mr->owner));
			break;
		case RDMA_NLDEV_ATTR_RES_KERN_NAME:
			snprintf(mr->owner, sizeof(mr->owner), "[%s]", mnl_attr_get_str(a));
			break;
		case RDMA_NLDEV_ATTR_DRIVER:
			mr_details(mr, a);
			break;
		}
	}
	mr->on_demand = !strncmp(mr->kind, "odp", 3);
	mr->faults = mr->fault_pages = mr->prefetches = UNKNOWN;
	mr->resident = mr->invalidations = UNKNOWN;
}

static int on_mrs(const struct nlmsghdr *nlh, void *arg)
{
	struct nlattr *table, *entry;
	struct odp_mr *mr;

	mnl_attr_for_each(table, nlh, 0) {
		if (mnl_attr_get_type(table) != RDMA_NLDEV_ATTR_RES_MR)
			continue;
		mnl_attr_for_each_nested(entry, table) {
			mr = list_add(arg);
			if (!mr)
				return MNL_CB_ERROR;
			mr_entry(mr, entry);
		}
	}
	return MNL_CB_OK;
}

static void mr_counter(struct odp_mr *mr, const struct nlattr *counter)
{
	const char *name = "";
	struct nlattr *a;
	uint64_t v = 0;

	mnl_attr_for_each_nested(a, counter) {
		switch (mnl_attr_get_type(a)) {
		case RDMA_NLDEV_ATTR_STAT_HWCOUNTER_ENTRY_NAME:
			name = mnl_attr_get_str(a);
			break;
		case RDMA_NLDEV_ATTR_STAT_HWCOUNTER_ENTRY_VALUE:
			v = mnl_attr_get_u64(a);
			break;
		}
	}
	if (!strcmp(name, "page_faults"))
		mr->faults = v;
	else if (!strcmp(name, "page_fault_pages"))
		mr->fault_pages = v;
	else if (!strcmp(name, "page_prefetch"))
		mr->prefetches = v;
	else if (!strcmp(name, "page_invalidations"))
		mr->invalidations = v;
	else if (!strcmp(name, "resident_pages"))
		mr->resident = v;
	else if (!strcmp(name, "space_resident_pages")) {
		mr->space_resident = v;
		mr->of_space = true;
	} else {
		return;
	}
	/* Nobody counts page faults of memory that is pinned. */
	mr->on_demand = true;
}

static int by_number(const void *a, const void *b)
{
	const struct odp_mr *x = a, *y = b;

	return x->mrn < y->mrn ? -1 : x->mrn > y->mrn;
}

static int on_stats(const struct nlmsghdr *nlh, void *arg)
{
	struct nlattr *table, *entry, *a, *c;
	struct list *l = arg;

	mnl_attr_for_each(table, nlh, 0) {
		if (mnl_attr_get_type(table) != RDMA_NLDEV_ATTR_RES_MR)
			continue;
		mnl_attr_for_each_nested(entry, table) {
			struct odp_mr key = {}, *mr = NULL;

			/* the number comes first */
			mnl_attr_for_each_nested(a, entry) {
				if (mnl_attr_get_type(a) == RDMA_NLDEV_ATTR_RES_MRN) {
					key.mrn = mnl_attr_get_u32(a);
					mr = bsearch(&key, l->items, l->n, l->size, by_number);
				}
				if (!mr || mnl_attr_get_type(a) != RDMA_NLDEV_ATTR_STAT_HWCOUNTERS)
					continue;
				mnl_attr_for_each_nested(c, a)
					mr_counter(mr, c);
			}
		}
	}
	return MNL_CB_OK;
}

int nl_mrs(const struct odp_dev *dev, struct odp_mr **out)
{
	struct list l = { .size = sizeof(struct odp_mr) };
	int err = dump(RDMA_NLDEV_CMD_RES_MR_GET, dev, 0, on_mrs, &l);

	if (err || l.err) {
		free(l.items);
		return err ? err : l.err;
	}
	if (l.n) {
		qsort(l.items, l.n, l.size, by_number);
		/* A kernel or driver without these counters: then there are none. */
		dump(RDMA_NLDEV_CMD_STAT_GET, dev, RDMA_NLDEV_ATTR_RES_MR, on_stats, &l);
	}
	*out = l.items;
	return l.n;
}
