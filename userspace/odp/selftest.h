/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* odp test: a pair of connected queue pairs on one device, and moving data. */
#ifndef ODP_SELFTEST_H
#define ODP_SELFTEST_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAIR_TIMEOUT	(-1)	/* instead of a completion status */

struct pair {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp[2];	/* all requests are the first's, which the second answers */
};

/* Both: true, or false with errno and *what failed. The context stays the caller's. */
bool pair_open(struct pair *p, struct ibv_context *ctx, uint8_t port, const char **what);
void pair_close(struct pair *p);

/*
 * One request from @local to @remote, both of @len bytes, to its end: the status of
 * its completion, or PAIR_TIMEOUT. A send brings its own receive, of which the same
 * is said. @add, @swap: operands of atomics.
 */
int pair_do(struct pair *p, enum ibv_wr_opcode op, struct ibv_mr *lmr, void *local,
	    struct ibv_mr *rmr, void *remote, size_t len, uint64_t add, uint64_t swap);

#endif
