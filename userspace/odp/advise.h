/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef ODP_ADVISE_H
#define ODP_ADVISE_H

#include <infiniband/verbs.h>

/*
 * ibv_advise_mr() of one range for writing or reading, also with the user library
 * of rxe, which has none. Returns 0 or an errno.
 */
int advise(struct ibv_pd *pd, struct ibv_sge *sge, int write, uint32_t flags);

#endif
