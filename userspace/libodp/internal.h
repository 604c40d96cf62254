/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the files of libodp share. */
#ifndef ODP_INTERNAL_H
#define ODP_INTERNAL_H

#include "odp.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/**
 * struct odp_shared - an implicit region, shared by all odp_mr of its access rights
 * @next: in the list of its odp_pd
 * @mr: the region
 * @access: its rights, without IBV_ACCESS_ON_DEMAND
 * @users: odp_mr that use it
 */
struct odp_shared {
	struct odp_shared *next;
	struct ibv_mr *mr;
	int access;
	unsigned int users;
};

/**
 * struct odp_pd - a protection domain
 * @pd: the caller's
 * @caps: of its device
 * @transports: ODP_FOR() those that will be used
 * @regions: odp_mr there are
 * @lock: of @shared
 * @shared: implicit regions
 */
struct odp_pd {
	struct ibv_pd *pd;
	struct odp_caps caps;
	unsigned int transports;
	atomic_uint regions;
	pthread_mutex_t lock;
	struct odp_shared *shared;
};

/* ibv_advise_mr(), also where the provider lacks it. Returns 0 or errno. */
int odp_advise(struct ibv_pd *pd, enum ibv_advise_mr_advice advice, uint32_t flags,
	       struct ibv_sge *sge, uint32_t num);

#endif /* ODP_INTERNAL_H */
