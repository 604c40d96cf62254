/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * vt, "verbs test": what every test program stands on.
 *
 * A test opens a device, makes a connected pair of RC queue pairs on it, and
 * registers memory; each of these bails out when it cannot be had, so a test
 * reads as the sequence of things it claims. Nothing here sleeps for a fixed
 * time, and every wait has a bound (VT_WAIT_MS) that is far above what a slow
 * emulated machine needs: it only turns a hang into a failure.
 *
 * Environment: VT_DEV (rxe0), VT_GID=v6 to use the IPv6 GID by default,
 * VT_STOCK=1 when the driver under test is the distribution's: what it cannot
 * do is then skipped. With our own driver the same lack is a failure. VT_SLOW=1
 * asks for less repetition (kernels with every debugging option).
 */
#ifndef VT_H
#define VT_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tap.h"

/* VT_CFG() and VT_OP() give defaults that their arguments override. */
#pragma GCC diagnostic ignored "-Woverride-init"

#define VT_WAIT_MS	20000
#define VT_TIMEOUT	0x7fff	/* returned instead of a completion status */
#define VT_RCV_ALL	(IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | \
			 IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC)

/* How memory is registered. */
enum vt_kind { VT_PINNED, VT_ODP, VT_IMPLICIT };
extern const char *const vt_kind_name[];

struct vt_dev {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_device_attr_ex attr;
	char name[64];
};

#define VT_QKEY		0x11223344u	/* of datagram queue pairs, unless a test says another */

struct vt_cfg {
	enum ibv_qp_type type;	/* 0: RC */
	struct ibv_srq *srq;	/* receives come from there */
	uint64_t send_ops;	/* IBV_QP_EX_WITH_*: for ibv_qp_to_qp_ex() */
	int depth;		/* send and receive queue entries */
	int cqe;		/* 0: room for everything both queues can hold */
	int sge;
	int inl;		/* max_inline_data asked for */
	int mtu;		/* bytes; 0: what the port has now */
	bool wire;		/* force the wire road */
	bool v6;
	bool sig_all;
	bool events;		/* make a completion channel */
	uint8_t timeout;	/* ack time-out, 4.096 us << timeout */
	uint8_t retry;
	uint8_t rnr_retry;
	uint8_t rnr_timer;
	uint8_t rd_atomic;
	uint8_t tclass;		/* of packets; the low two bits are ECN's */
	unsigned int access;	/* what the queue pair lets the peer do */
};

/* A slow kernel's processors may stand still for longer than half a second's retries. */
#define VT_CFG(...) (&(struct vt_cfg){ .depth = 64, .sge = 4,			\
	.timeout = vt_slow() ? 19 : 17, .retry = 7, .rnr_retry = 7,		\
	.rnr_timer = 1, .rd_atomic = 16, .access = VT_RCV_ALL, __VA_ARGS__ })

/* Where a queue pair is, as its peer needs to know it; goes through pipes. */
struct vt_addr {
	union ibv_gid gid;
	uint32_t qpn;
	uint32_t psn;
	uint64_t addr;		/* free for the test: usually memory ... */
	uint32_t rkey;		/* ... and its key */
};

struct vt_qp {
	struct vt_dev *dev;
	struct vt_cfg cfg;
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;	/* of the send queue */
	struct ibv_cq *rcq;
	struct ibv_qp *qp;
	struct ibv_wc wc;	/* the last completion vt_done(), vt_rdone() saw */
	struct vt_addr self;
	int gid_index;
};

struct vt_pair {
	struct vt_qp a, b;
};

/* One work request; zero fields are left out of it. */
struct vt_op {
	enum ibv_wr_opcode op;
	uint64_t id;
	const void *local;
	size_t len;
	uint32_t lkey;
	struct ibv_sge *sgl;	/* instead of local, len, lkey */
	int nsge;
	uint64_t remote;
	uint32_t rkey;
	uint32_t imm;
	uint64_t cmp_add, swap;
	struct ibv_ah *ah;	/* a datagram: where to ... */
	uint32_t qpn, qkey;	/* ... and to whom; qkey 0: VT_QKEY */
	bool quiet;		/* not signalled */
	bool inl;
	bool solicited;
	bool fence;
};

#define VT_OP(...) (&(struct vt_op){ __VA_ARGS__ })

/* Devices. */
void vt_open(struct vt_dev *dev);
void vt_open_name(struct vt_dev *dev, const char *name);
void vt_close(struct vt_dev *dev);
bool vt_stock(void);
bool vt_slow(void) __attribute__((pure));
bool vt_has(const struct vt_dev *dev, enum vt_kind kind);
/* One result (skip on a stock driver, else a failure) if @kind is missing. */
bool vt_can(const struct vt_dev *dev, enum vt_kind kind);
/* End the program (skip on a stock driver, else a failure) without ODP. */
void vt_need(const struct vt_dev *dev, enum vt_kind kind);
void vt_need_wire(void);
void vt_netdev(const struct vt_dev *dev, char *name, size_t size);
int vt_netdev_mtu(const struct vt_dev *dev, int mtu);
/*
 * Both ends of a veth pair are addresses of this machine: it must be told to
 * believe an ARP request, or a packet, that comes from itself.
 */
void vt_accept_local(const struct vt_dev *dev);
bool vt_force_wire(bool on);

/* Queue pairs. */
void vt_qp_create(struct vt_dev *dev, struct vt_qp *q, const struct vt_cfg *cfg);
/* A datagram queue pair is not connected: @peer is NULL. */
void vt_qp_connect(struct vt_qp *q, const struct vt_addr *peer);
/* Address handle from a queue pair's device to @gid, by the road of its vt_cfg. */
struct ibv_ah *vt_ah(struct vt_qp *q, const union ibv_gid *gid);
/* Change the state alone; returns what modify_qp does. */
int vt_qp_to(struct vt_qp *q, enum ibv_qp_state state);
int vt_qp_reset(struct vt_qp *q);
int vt_qp_error(struct vt_qp *q);
enum ibv_qp_state vt_qp_state(struct vt_qp *q);
/* Wait until the state is @want; returns the last state seen. */
enum ibv_qp_state vt_wait_state(struct vt_qp *q, enum ibv_qp_state want);
void vt_qp_destroy(struct vt_qp *q);
void vt_pair_open(struct vt_dev *dev, struct vt_pair *p, const struct vt_cfg *cfg);
void vt_pair_close(struct vt_pair *p);
/* Bring a pair whose queue pairs are in any state back to work. */
void vt_pair_reopen(struct vt_pair *p);

/* Memory. vt_map() gives zeroed anonymous memory, untouched. */
void *vt_map(size_t len);
struct ibv_mr *vt_reg(struct vt_dev *dev, enum vt_kind kind, void *addr, size_t len,
		      unsigned int access);
struct ibv_mr *vt_try_reg(struct vt_dev *dev, enum vt_kind kind, void *addr, size_t len,
			  unsigned int access);
void vt_dereg(struct ibv_mr *mr);

/* Whole programs: one test on the local road and (ours only) the wire road ... */
int vt_each_road(void (*test)(struct vt_dev *dev, bool wire));
/* ... or on one pair over pinned and over on-demand memory; both return done(). */
int vt_each_kind(const struct vt_cfg *cfg, void (*test)(struct vt_dev *dev, struct vt_pair *p,
							enum vt_kind kind));

/* Work. vt_post() and vt_recv() return what the verb returns. */
int vt_post(struct vt_qp *q, const struct vt_op *op);
int vt_recv(struct vt_qp *q, uint64_t id, struct ibv_mr *mr, void *addr, size_t len);
bool vt_poll(struct ibv_cq *cq, struct ibv_wc *wc, int timeout_ms);
int vt_done(struct vt_qp *q);	/* status of the next send completion */
int vt_done_at_once(struct vt_qp *q, int *at_once);	/* ... counted if it is there already */
int vt_rdone(struct vt_qp *q);	/* status of the next receive completion */
int vt_do(struct vt_qp *q, const struct vt_op *op);	/* post, then vt_done() */
/* Shorthands over vt_do() for one contiguous transfer. */
int vt_write(struct vt_qp *q, struct ibv_mr *l, const void *p, size_t n, struct ibv_mr *r,
	     const void *to);
int vt_read(struct vt_qp *q, struct ibv_mr *l, void *p, size_t n, struct ibv_mr *r,
	    const void *from);

/*
 * Position-dependent data: stream @seed, bytes @pos to @pos + @len. vt_check()
 * returns -1 when they are there, else the index of the first wrong byte.
 */
void vt_fill(void *p, uint64_t pos, size_t len, uint64_t seed);
ssize_t vt_check(const void *p, uint64_t pos, size_t len, uint64_t seed);
ssize_t vt_check_byte(const void *p, size_t len, uint8_t byte);

/* Type of the next asynchronous event; -1 if none comes in @timeout_ms. */
int vt_event(struct vt_dev *dev, int timeout_ms);

/* Numbers of the machine; -1 when it does not have them. */
long long vt_counter(const struct vt_dev *dev, const char *name);
long long vt_vmstat(const char *name);
long long vt_status_kb(const char *field);	/* "VmPin" of this process, in KiB */
long long vt_pins(void);			/* pages pinned in the whole machine */
int vt_write_file(const char *path, const char *text);
/* Milliseconds that have been waited, for bounds of loops that look at it often. */
uint64_t vt_now_ms(void);

#endif
