// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What the device says it can do, it does: queues of full depth that are filled and
 * emptied, requests with every SGE and all of the inline data, every atomic
 * outstanding. One more is refused with an errno that says so. Of what there can be
 * thousands of, a sample.
 *
 * timeout: 60
 */
#include "vt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct vt_dev dev;
static struct ibv_device_attr a;
static struct ibv_mr *mr;
static uint8_t *m;

#define LEN	(1 << 20)

/* The errno of creating a queue pair, 0 if it can be had. */
static int qp_errno(int swr, int rwr, int ssge, int rsge, int inl)
{
	struct ibv_cq *cq = ibv_create_cq(dev.ctx, 10, NULL, NULL, 0);
	struct ibv_qp_init_attr init = {
		.qp_type = IBV_QPT_RC, .send_cq = cq, .recv_cq = cq,
		.cap = { .max_send_wr = swr, .max_recv_wr = rwr, .max_send_sge = ssge,
			 .max_recv_sge = rsge, .max_inline_data = inl },
	};
	struct ibv_qp *qp = ibv_create_qp(dev.pd, &init);
	int err = qp ? 0 : errno;

	if (qp && ((int)init.cap.max_send_wr < swr || (int)init.cap.max_recv_wr < rwr ||
		   (int)init.cap.max_send_sge < ssge || (int)init.cap.max_recv_sge < rsge ||
		   (int)init.cap.max_inline_data < inl))
		err = -1;
	if (qp)
		ibv_destroy_qp(qp);
	ibv_destroy_cq(cq);
	return err;
}

/* Both queues of a queue pair full to the brim. */
static void depth(void)
{
	int i, n = a.max_qp_wr, bad = 0;
	struct vt_pair p;

	vt_pair_open(&dev, &p, VT_CFG(.depth = n, .sge = 1));
	is(vt_qp_to(&p.a, IBV_QPS_SQD), 0, "hold the send queue");
	for (i = 0; i < n; i++) {
		bad += !!vt_recv(&p.b, i, mr, m + LEN / 2, 64);
		bad += !!vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .id = i, .local = m, .len = 8,
					     .lkey = mr->lkey));
	}
	is(bad, 0, "post %d sends and %d receives", n, n);
	is(vt_qp_to(&p.a, IBV_QPS_RTS), 0, "let it go");
	for (i = 0; i < n && !bad; i++) {
		bad += vt_done(&p.a) != 0 || p.a.wc.wr_id != (uint64_t)i;
		bad += vt_rdone(&p.b) != 0 || p.b.wc.wr_id != (uint64_t)i;
	}
	is(bad, 0, "%d messages arrive", n);
	vt_pair_close(&p);
	is(qp_errno(n, n, a.max_sge, a.max_sge, 0), 0, "full depth with all SGEs");
	is(qp_errno(n + 1, 1, 1, 1, 0), EINVAL, "one send more");
	is(qp_errno(1, n + 1, 1, 1, 0), EINVAL, "one receive more");
}

static void sges(void)
{
	int i, n = a.max_sge;
	struct ibv_sge from[n], to[n];
	struct ibv_recv_wr wr = { .sg_list = to, .num_sge = n }, *bad;
	struct vt_pair p;

	vt_pair_open(&dev, &p, VT_CFG(.sge = n));
	vt_fill(m, 0, n * 50, 6);
	memset(m + LEN / 2, 0, n * 50);
	for (i = 0; i < n; i++) {
		from[i] = (struct ibv_sge){ (uintptr_t)m + i * 50, 50, mr->lkey };
		to[i] = (struct ibv_sge){ (uintptr_t)m + LEN / 2 + i * 50, 50, mr->lkey };
	}
	is(ibv_post_recv(p.b.qp, &wr, &bad), 0, "a receive with %d SGEs", n);
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_SEND, .sgl = from, .nsge = n)), 0, "a send with %d", n);
	is(vt_rdone(&p.b), 0, "arrives");
	is(vt_check(m + LEN / 2, 0, n * 50, 6), -1, "the data");
	vt_pair_close(&p);
	is(qp_errno(1, 1, n + 1, 1, 0), EINVAL, "one send SGE more");
	is(qp_errno(1, 1, 1, n + 1, 0), EINVAL, "one receive SGE more");
}

static void inline_data(void)
{
	int n = 512;	/* the driver's, which verbs do not tell before it is asked for */
	struct vt_pair p;

	vt_pair_open(&dev, &p, VT_CFG(.inl = n));
	vt_fill(m, 0, n, 7);
	is(vt_do(&p.a, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = m, .len = n, .inl = true,
			     .remote = (uintptr_t)m + LEN / 2, .rkey = mr->rkey)), 0,
	   "%d bytes inline", n);
	is(vt_check(m + LEN / 2, 0, n, 7), -1, "the data");
	vt_pair_close(&p);
	is(qp_errno(1, 1, 1, 1, n + 1), EINVAL, "a byte more");
}

static void atomics(void)
{
	int i, n = a.max_qp_rd_atom, bad = 0;
	struct vt_pair p;

	is(a.max_qp_init_rd_atom, n, "as many sent as taken");
	vt_pair_open(&dev, &p, VT_CFG(.rd_atomic = n, .depth = 2 * n, .wire = !vt_stock()));
	memset(m, 0, 16);
	for (i = 0; i < 2 * n; i++)
		vt_post(&p.a, VT_OP(.op = IBV_WR_ATOMIC_FETCH_AND_ADD, .local = m + LEN / 2 + i * 8,
				    .len = 8, .lkey = mr->lkey, .remote = (uintptr_t)m,
				    .rkey = mr->rkey, .cmp_add = 1));
	for (i = 0; i < 2 * n; i++)
		bad += vt_done(&p.a) != 0 || *(uint64_t *)(m + LEN / 2 + i * 8) != (uint64_t)i;
	is(bad, 0, "%d atomics at once, %d in all", n, i);
	vt_pair_close(&p);
}

static void completion_queues(void)
{
	struct ibv_cq *cq = ibv_create_cq(dev.ctx, a.max_cqe, NULL, NULL, 0);

	ok(cq, "a completion queue of %d", a.max_cqe);
	ok(cq && cq->cqe >= a.max_cqe, "is as large as that");
	if (cq)
		ibv_destroy_cq(cq);
	errno = 0;
	ok(!ibv_create_cq(dev.ctx, a.max_cqe + 1, NULL, NULL, 0) && errno == EINVAL, "one more");
}

static void shared_queues(void)
{
	struct ibv_srq_init_attr init = {
		.attr = { .max_wr = a.max_srq_wr, .max_sge = a.max_srq_sge },
	};
	struct ibv_srq *srq = ibv_create_srq(dev.pd, &init);
	struct ibv_sge sge[a.max_srq_sge];
	struct ibv_recv_wr wr = { .sg_list = sge, .num_sge = a.max_srq_sge }, *bad;
	int i;

	if (!srq)
		bail("an SRQ of %d with %d SGEs: %m", a.max_srq_wr, a.max_srq_sge);
	for (i = 0; i < a.max_srq_sge; i++)
		sge[i] = (struct ibv_sge){ (uintptr_t)m, 8, mr->lkey };
	for (i = 0; i < a.max_srq_wr; i++)
		if (ibv_post_srq_recv(srq, &wr, &bad))
			break;
	is(i, a.max_srq_wr, "shared receives with %d SGEs", a.max_srq_sge);
	ibv_destroy_srq(srq);
	init.attr.max_wr = a.max_srq_wr + 1;
	init.attr.max_sge = 1;
	errno = 0;
	ok(!ibv_create_srq(dev.pd, &init) && errno == EINVAL, "one more");
	init.attr.max_wr = 1;
	init.attr.max_sge = a.max_srq_sge + 1;
	errno = 0;
	ok(!ibv_create_srq(dev.pd, &init) && errno == EINVAL, "an SGE more");
}

static void groups(void)
{
	int i, n = a.max_mcast_qp_attach, bad = 0;
	struct vt_qp *q = calloc(n + 1, sizeof(*q));
	union ibv_gid g = {};

	inet_pton(AF_INET6, "ff0e::99:1", g.raw);
	for (i = 0; i <= n; i++) {
		vt_qp_create(&dev, &q[i], VT_CFG(.type = IBV_QPT_UD, .depth = 1));
		vt_qp_connect(&q[i], NULL);
		if (i < n)
			bad += !!ibv_attach_mcast(q[i].qp, &g, 0);
	}
	is(bad, 0, "%d queue pairs in a group", n);
	is(ibv_attach_mcast(q[n].qp, &g, 0), ENOMEM, "one more");
	for (i = 0; i < n; i++)
		bad += !!ibv_detach_mcast(q[i].qp, &g, 0);
	for (i = 0; i < 200; i++) {
		g.raw[15] = i;
		g.raw[14] = 7;
		bad += !!ibv_attach_mcast(q[0].qp, &g, 0);
	}
	is(bad, 0, "a queue pair in 200 groups");
	for (i = 0; i < 200; i++) {
		g.raw[15] = i;
		bad += !!ibv_detach_mcast(q[0].qp, &g, 0);
	}
	is(bad, 0, "and out of them");
	for (i = 0; i <= n; i++)
		vt_qp_destroy(&q[i]);
	free(q);
}

/* Thousands of each, all there at once. */
static void numbers(void)
{
	enum { N = 2000 };
	static struct ibv_pd *pd[N];
	static struct ibv_cq *cq[N];
	static struct ibv_mr *r[N];
	static struct ibv_mw *w[N];
	static struct ibv_ah *ah[N];
	struct ibv_ah_attr attr = { .is_global = 1, .port_num = 1 };
	int i, n = vt_slow() ? N / 10 : N, bad = 0;
	struct vt_qp q;

	ok(a.max_pd >= N && a.max_cq >= N && a.max_mr >= N && a.max_mw >= N && a.max_ah >= N &&
	   a.max_qp >= N && a.max_srq >= N, "the device says thousands of each");
	vt_qp_create(&dev, &q, VT_CFG());
	attr.grh.dgid = q.self.gid;
	attr.grh.sgid_index = q.gid_index;
	attr.grh.hop_limit = 1;
	for (i = 0; i < n; i++) {
		pd[i] = ibv_alloc_pd(dev.ctx);
		cq[i] = ibv_create_cq(dev.ctx, 1, NULL, NULL, 0);
		r[i] = ibv_reg_mr(dev.pd, m, 100, 0);
		w[i] = ibv_alloc_mw(dev.pd, IBV_MW_TYPE_1);
		ah[i] = ibv_create_ah(dev.pd, &attr);
		bad += !pd[i] || !cq[i] || !r[i] || !w[i] || !ah[i];
	}
	is(bad, 0, "%d protection domains, completion queues, regions, windows, address handles",
	   n);
	for (i = 0; i < n && !bad; i++)
		bad += ibv_destroy_ah(ah[i]) || ibv_dealloc_mw(w[i]) || ibv_dereg_mr(r[i]) ||
		       ibv_destroy_cq(cq[i]) || ibv_dealloc_pd(pd[i]);
	is(bad, 0, "and gone again");
	vt_qp_destroy(&q);
}

int main(void)
{
	vt_open(&dev);
	if (ibv_query_device(dev.ctx, &a))
		bail("query_device: %m");
	m = vt_map(LEN);
	mr = vt_reg(&dev, VT_PINNED, m, LEN, VT_RCV_ALL);
	depth();
	sges();
	inline_data();
	atomics();
	completion_queues();
	shared_queues();
	groups();
	numbers();
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
