/* SPDX-License-Identifier: GPL-2.0 */
/* Room "door": what its files share. Nothing below calls any of it. */
#ifndef RXE_VERBS_H
#define RXE_VERBS_H

#include "rxe.h"

/* ---- rxe_cq.c ---- */
int rxe_create_cq(struct ib_cq *ibcq, const struct ib_cq_init_attr *attr,
		  struct compat_cq_udata *attrs);
int rxe_modify_cq(struct ib_cq *ibcq, u16 count, u16 usecs);
int rxe_resize_cq(struct ib_cq *ibcq, compat_cqe_t cqe, struct ib_udata *udata);
int rxe_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata);
int rxe_poll_cq(struct ib_cq *ibcq, int n, struct ib_wc *wc);
int rxe_peek_cq(struct ib_cq *ibcq, int n);
int rxe_req_notify_cq(struct ib_cq *ibcq, enum ib_cq_notify_flags flags);

/* ---- rxe_srq.c ---- */
int rxe_create_srq(struct ib_srq *ibsrq, struct ib_srq_init_attr *init,
		   struct ib_udata *udata);
int rxe_modify_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr,
		   enum ib_srq_attr_mask mask, struct ib_udata *udata);
int rxe_query_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr);
int rxe_destroy_srq(struct ib_srq *ibsrq, struct ib_udata *udata);
int rxe_post_srq_recv(struct ib_srq *ibsrq, const struct ib_recv_wr *wr,
		      const struct ib_recv_wr **bad);

/* ---- rxe_stats.c ---- */
struct rdma_hw_stats *rxe_alloc_hw_port_stats(struct ib_device *ibdev, u32 port);
int rxe_get_hw_stats(struct ib_device *ibdev, struct rdma_hw_stats *stats,
		     u32 port, int index);
int rxe_fill_stat_mr_entry(struct sk_buff *msg, struct ib_mr *ibmr);
u64 rxe_counter(const struct rxe_dev *rxe, enum rxe_counter c);

/* ---- rxe_mad.c ---- */
int rxe_process_mad(struct ib_device *ibdev, int flags, u32 port, const struct ib_wc *wc,
		    const struct ib_grh *grh, const struct ib_mad *in, struct ib_mad *out,
		    size_t *out_size, u16 *out_pkey);

/* ---- rxe_res.c ---- */
int rxe_fill_res_mr_entry(struct sk_buff *msg, struct ib_mr *ibmr);
int rxe_fill_res_qp_entry(struct sk_buff *msg, struct ib_qp *ibqp);
int rxe_fill_res_cq_entry(struct sk_buff *msg, struct ib_cq *ibcq);

/* ---- rxe_verbs.c ---- */
int rxe_dev_register(struct rxe_dev *rxe, const char *name);

/* ---- rxe.c ---- */
void rxe_dev_release(struct ib_device *ibdev);

/* ---- rxe_link.c ---- */
int rxe_link_init(void);
void rxe_link_exit(void);
bool rxe_port_is_up(const struct rxe_dev *rxe);

#endif /* RXE_VERBS_H */
