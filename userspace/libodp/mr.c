// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Registration: implicit, explicit or pinned, in this order.
 *
 * An implicit region lets who knows its key reach the whole address space. It is
 * taken for access with remote rights only if the caller says so.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

#define REMOTE	(IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC | \
		 IBV_ACCESS_MW_BIND)

struct odp_pd *odp_pd_open(struct ibv_pd *pd, unsigned int transports)
{
	struct odp_pd *opd;
	int ret;

	if (!transports)
		transports = ODP_FOR(ODP_RC);
	if (transports >> ODP_TRANSPORTS) {
		errno = EINVAL;
		return NULL;
	}
	opd = calloc(1, sizeof(*opd));
	if (!opd)
		return NULL;
	ret = odp_query(pd->context, &opd->caps);
	if (ret) {
		free(opd);
		errno = ret;
		return NULL;
	}
	opd->pd = pd;
	opd->transports = transports;
	pthread_mutex_init(&opd->lock, NULL);
	return opd;
}

int odp_pd_close(struct odp_pd *opd)
{
	if (!opd)
		return 0;
	if (opd->regions)
		return EBUSY;
	pthread_mutex_destroy(&opd->lock);
	free(opd);
	return 0;
}

const struct odp_caps *odp_pd_caps(const struct odp_pd *opd)
{
	return &opd->caps;
}

const char *odp_kind_str(enum odp_kind kind)
{
	switch (kind) {
	case ODP_PINNED:
		return "pinned";
	case ODP_EXPLICIT:
		return "explicit";
	case ODP_IMPLICIT:
		return "implicit";
	}
	return "unknown";
}

/* Can every transport that will be used do on demand what @access is for? */
static bool fits_transports(const struct odp_pd *opd, int access)
{
	uint32_t message = IBV_ODP_SUPPORT_SEND | IBV_ODP_SUPPORT_RECV;
	uint32_t rdma = message | IBV_ODP_SUPPORT_WRITE | IBV_ODP_SUPPORT_READ;
	uint32_t need[ODP_TRANSPORTS] = {
		[ODP_RC] = rdma,
		[ODP_UC] = message | IBV_ODP_SUPPORT_WRITE,
		[ODP_UD] = message,
		[ODP_XRC] = rdma,
	};
	int t;

	if (access & IBV_ACCESS_REMOTE_ATOMIC) {
		need[ODP_RC] |= IBV_ODP_SUPPORT_ATOMIC;
		need[ODP_XRC] |= IBV_ODP_SUPPORT_ATOMIC;
	}
	for (t = 0; t < ODP_TRANSPORTS; t++)
		if ((opd->transports & ODP_FOR(t)) && (need[t] & ~opd->caps.transport[t]))
			return false;
	return true;
}

static struct odp_shared *shared_make(struct odp_pd *opd, int access)
{
	struct odp_shared *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->mr = ibv_reg_mr(opd->pd, NULL, SIZE_MAX, access | IBV_ACCESS_ON_DEMAND);
	if (!s->mr) {
		free(s);
		return NULL;
	}
	s->access = access;
	s->next = opd->shared;
	opd->shared = s;
	return s;
}

/* The shared region of @access, made if need be; errno on failure. */
static struct ibv_mr *shared_get(struct odp_pd *opd, int access)
{
	struct odp_shared *s;

	pthread_mutex_lock(&opd->lock);
	for (s = opd->shared; s && s->access != access; s = s->next)
		;
	if (!s)
		s = shared_make(opd, access);
	if (s)
		s->users++;
	pthread_mutex_unlock(&opd->lock);
	return s ? s->mr : NULL;
}

static int shared_put(struct odp_pd *opd, struct ibv_mr *mr)
{
	struct odp_shared **link, *s;
	int ret = 0;

	pthread_mutex_lock(&opd->lock);
	for (link = &opd->shared; (*link)->mr != mr; link = &(*link)->next)
		;
	s = *link;
	if (s->users == 1)
		ret = ibv_dereg_mr(mr);
	if (!ret && !--s->users) {
		*link = s->next;
		free(s);
	}
	pthread_mutex_unlock(&opd->lock);
	return ret;
}

static struct ibv_mr *reg(struct odp_pd *opd, enum odp_kind kind, void *addr, size_t length,
			  int access)
{
	switch (kind) {
	case ODP_IMPLICIT:
		return shared_get(opd, access);
	case ODP_EXPLICIT:
		return ibv_reg_mr(opd->pd, addr, length, access | IBV_ACCESS_ON_DEMAND);
	default:
		return ibv_reg_mr(opd->pd, addr, length, access);
	}
}

static bool may_be(const struct odp_pd *opd, enum odp_kind kind, int access, unsigned int flags)
{
	if (kind == ODP_PINNED)
		return !(flags & ODP_REG_NO_PINNED);
	if (!fits_transports(opd, access))
		return false;
	if (kind == ODP_EXPLICIT)
		return opd->caps.can & ODP_CAN_EXPLICIT;
	return (opd->caps.can & ODP_CAN_IMPLICIT) && !(flags & ODP_REG_NO_IMPLICIT) &&
	       (!(access & REMOTE) || (flags & ODP_REG_IMPLICIT_REMOTE));
}

struct odp_mr *odp_reg(struct odp_pd *opd, void *addr, size_t length, int access,
		       unsigned int flags)
{
	static const enum odp_kind order[] = { ODP_IMPLICIT, ODP_EXPLICIT, ODP_PINNED };
	int err = EOPNOTSUPP;
	struct odp_mr *omr;
	unsigned int i;

	if ((flags & ~(ODP_REG_NO_PINNED | ODP_REG_NO_IMPLICIT | ODP_REG_IMPLICIT_REMOTE)) ||
	    !length || (uintptr_t)addr > UINTPTR_MAX - length ||
	    (access & IBV_ACCESS_ON_DEMAND)) {
		errno = EINVAL;
		return NULL;
	}
	omr = calloc(1, sizeof(*omr));
	if (!omr)
		return NULL;

	for (i = 0; i < sizeof(order) / sizeof(order[0]) && !omr->mr; i++) {
		if (!may_be(opd, order[i], access, flags))
			continue;
		omr->mr = reg(opd, order[i], addr, length, access);
		omr->kind = order[i];
		/* What the device does not do in this way it may in the next. */
		err = omr->mr ? 0 : errno;
		if (err && err != EOPNOTSUPP && err != EINVAL)
			break;
	}
	if (!omr->mr) {
		free(omr);
		errno = err;
		return NULL;
	}
	opd->regions++;
	omr->addr = addr;
	omr->length = length;
	omr->lkey = omr->mr->lkey;
	omr->rkey = omr->mr->rkey;
	omr->opd = opd;
	return omr;
}

int odp_dereg(struct odp_mr *omr)
{
	struct odp_pd *opd;
	int ret;

	if (!omr)
		return 0;
	opd = omr->opd;
	if (omr->kind == ODP_IMPLICIT)
		ret = shared_put(opd, omr->mr);
	else
		ret = ibv_dereg_mr(omr->mr);
	if (ret)
		return ret;
	opd->regions--;
	free(omr);
	return 0;
}
