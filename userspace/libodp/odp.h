/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * libodp: RDMA memory registered with the best means that a device offers.
 *
 * Functions that return int return 0 or a positive errno value, as those of
 * libibverbs do, where nothing else is said; functions that return a pointer return
 * NULL and set errno. All may be called from any thread at any time, as long as
 * nobody uses an object that another thread is closing.
 *
 * Manual: odp_pd_open(3), odp_reg(3), odp_prefetch(3), odp_residency(3),
 * odp_watch_open(3), umem_notifier(4).
 */
#ifndef ODP_H
#define ODP_H

#include <stddef.h>
#include <stdint.h>

#include <infiniband/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a device can do. */

#define ODP_CAN_EXPLICIT	(1u << 0)	/* a range on demand */
#define ODP_CAN_IMPLICIT	(1u << 1)	/* the whole address space on demand */
#define ODP_CAN_PREFETCH	(1u << 2)

/* Transports, and the places in odp_caps.transport. */
enum odp_transport {
	ODP_RC,
	ODP_UC,
	ODP_UD,
	ODP_XRC,
	ODP_TRANSPORTS
};

#define ODP_FOR(transport)	(1u << (transport))

/**
 * struct odp_caps - what a device can do on demand
 * @can: ODP_CAN_*; 0 means that it can only pin
 * @transport: enum ibv_odp_transport_cap_bits for each transport
 */
struct odp_caps {
	uint32_t can;
	uint32_t transport[ODP_TRANSPORTS];
};

int odp_query(struct ibv_context *context, struct odp_caps *caps);

/* Protection domains. */

struct odp_pd;

struct odp_pd *odp_pd_open(struct ibv_pd *pd, unsigned int transports);
int odp_pd_close(struct odp_pd *opd);
const struct odp_caps *odp_pd_caps(const struct odp_pd *opd);

/* Memory regions. */

enum odp_kind {
	ODP_PINNED,
	ODP_EXPLICIT,
	ODP_IMPLICIT
};

/* How odp_reg() may not, or may, register. */
#define ODP_REG_NO_PINNED	(1u << 0)	/* rather fail */
#define ODP_REG_NO_IMPLICIT	(1u << 1)
#define ODP_REG_IMPLICIT_REMOTE	(1u << 2)	/* peers may reach all memory */

/**
 * struct odp_mr - a registered range
 * @mr: the region, to be used in any call that takes one but ibv_dereg_mr() and
 *	ibv_rereg_mr(); if it is implicit its addr is NULL and others share it
 * @addr: first byte registered
 * @length: bytes registered
 * @lkey: of @mr
 * @rkey: of @mr
 * @kind: how
 * @opd: where
 *
 * For reading only.
 */
struct odp_mr {
	struct ibv_mr *mr;
	void *addr;
	size_t length;
	uint32_t lkey;
	uint32_t rkey;
	enum odp_kind kind;
	struct odp_pd *opd;
};

struct odp_mr *odp_reg(struct odp_pd *opd, void *addr, size_t length, int access,
		       unsigned int flags);
int odp_dereg(struct odp_mr *omr);
const char *odp_kind_str(enum odp_kind kind);

/* Prefetch. */

#define ODP_PREFETCH_WRITE	(1u << 0)	/* translate for writing */
#define ODP_PREFETCH_NO_FAULT	(1u << 1)	/* only what is in memory */
#define ODP_PREFETCH_WAIT	(1u << 2)	/* return when it is done */

int odp_prefetch(struct odp_mr *omr, const void *addr, size_t length, unsigned int flags);

/* What devices have translated of this process's memory. */

#define ODP_PAGE_TRANSLATED	(1u << 0)
#define ODP_PAGE_WRITE		(1u << 1)
#define ODP_PAGE_ACCESSED	(1u << 2)

/**
 * struct odp_stats - counters of this process, over all devices
 * @faults: fault batches that had to look pages up
 * @fault_pages: pages translated by faults
 * @prefetches: prefetch batches
 * @prefetch_pages: pages translated by prefetch
 * @invalidations: changes of memory that met a translation
 * @invalidated_pages: translations removed
 * @retries: batches that raced with a change of memory
 * @slow: accesses that went around the translations
 * @resident: pages translated now
 * @table_pages: pages of memory that the translations take
 * @reserved: 0
 */
struct odp_stats {
	uint64_t faults;
	uint64_t fault_pages;
	uint64_t prefetches;
	uint64_t prefetch_pages;
	uint64_t invalidations;
	uint64_t invalidated_pages;
	uint64_t retries;
	uint64_t slow;
	uint64_t resident;
	uint64_t table_pages;
	uint64_t reserved[6];
};

int odp_residency(const void *addr, size_t length, unsigned char *vec, size_t *translated);
int odp_stats(struct odp_stats *stats);

/* Watch: what the kernel does to memory that was registered. */

#define ODP_WATCH_UNMAPPED	(1u << 0)	/* the mapping is gone */
#define ODP_WATCH_CLEARED	(1u << 1)	/* its pages may be; see odp_watch_add() */

/**
 * struct odp_watch_event - a watched range that changed
 * @cookie: as given to odp_watch_add()
 * @addr: first byte concerned
 * @length: bytes concerned
 * @id: as got from odp_watch_add()
 * @events: ODP_WATCH_*
 */
struct odp_watch_event {
	uint64_t cookie;
	void *addr;
	size_t length;
	uint32_t id;
	uint32_t events;
};

struct odp_watch;

struct odp_watch *odp_watch_open(void);
void odp_watch_close(struct odp_watch *w);
int odp_watch_fd(const struct odp_watch *w);
int odp_watch_add(struct odp_watch *w, const void *addr, size_t length, unsigned int events,
		  uint64_t cookie, uint32_t *id);
int odp_watch_del(struct odp_watch *w, uint32_t id);
uint64_t odp_watch_generation(const struct odp_watch *w);
int odp_watch_read(struct odp_watch *w, struct odp_watch_event *events, int max);

#ifdef __cplusplus
}
#endif

#endif /* ODP_H */
