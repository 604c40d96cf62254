// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D5: what the library would never ask for, asked for without the library: sizes that
 * are not there, structures cut short, answers to where nothing is mapped. Each has its
 * error (what the kernel's core finds has one of its own), and none leaves an object behind.
 */
#include "vt.h"
#include "vt_mm.h"

#include <errno.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_rxe.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE	0x7fffffffu

static struct vt_dev dev;
static uint8_t *page;		/* nothing is mapped behind it */
static uint64_t answer[32];

/* One command of @len bytes, answered by @out bytes; returns 0 or an errno. */
static int command(unsigned int number, const void *cmd, size_t len, size_t out)
{
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		uint8_t cmd[256];
	} msg = {
		.hdr = {
			.command = number,
			.in_words = (sizeof(msg.hdr) + len) / 4,
			.out_words = out / 4,
		},
	};
	ssize_t n = sizeof(msg.hdr) + len;

	memcpy(msg.cmd, cmd, len);
	return write(dev.ctx->cmd_fd, &msg, n) == n ? 0 : errno;
}

/* The device's objects, as rdma(8) counts them. */
static void objects(char *line, size_t size)
{
	char text[128];
	FILE *f;

	snprintf(text, sizeof(text), "rdma resource show %s", dev.name);
	f = popen(text, "r");
	if (!f || !fgets(line, size, f))
		bail("%s", text);
	pclose(f);
	line[strcspn(line, "\n")] = '\0';
}

/* Where the first @n bytes of an answer can be written, and no more. */
static uint64_t cut_at(size_t n)
{
	return (uintptr_t)page + PAGE - n;
}

static void bad_cq(void)
{
	const size_t core = sizeof(struct ib_uverbs_create_cq_resp);
	const size_t all = core + sizeof(struct rxe_create_cq_resp);
	const struct ib_uverbs_create_cq good = {
		.response = (uintptr_t)answer, .cqe = 10, .comp_channel = -1,
	};
	const struct ib_uverbs_create_cq_resp *made = (void *)answer;
	struct ib_uverbs_destroy_cq_resp gone;
	struct ib_uverbs_create_cq c = good;
	struct ib_uverbs_destroy_cq destroy = { .response = (uintptr_t)&gone };

	is(command(IB_USER_VERBS_CMD_CREATE_CQ, &c, sizeof(c), all), 0, "cq: made by hand");
	destroy.cq_handle = made->cq_handle;
	is(command(IB_USER_VERBS_CMD_DESTROY_CQ, &destroy, sizeof(destroy), sizeof(gone)), 0,
	   "cq: and destroyed");
	is(command(IB_USER_VERBS_CMD_CREATE_CQ, &c, sizeof(c), core), EINVAL,
	   "cq: no room to say where its ring is");
	c.cqe = 0;
	is(command(IB_USER_VERBS_CMD_CREATE_CQ, &c, sizeof(c), all), EINVAL, "cq: of no size");
	c.cqe = HUGE;
	is(command(IB_USER_VERBS_CMD_CREATE_CQ, &c, sizeof(c), all), EINVAL, "cq: huge");
	c = good;
	c.comp_vector = 12345;
	is(command(IB_USER_VERBS_CMD_CREATE_CQ, &c, sizeof(c), all), EINVAL,
	   "cq: for a vector that is not there");
	c = good;
	c.response = cut_at(core);
	is(command(IB_USER_VERBS_CMD_CREATE_CQ, &c, sizeof(c), all), EFAULT,
	   "cq: the place of its ring cannot be written");
	c.response = cut_at(0);
	is(command(IB_USER_VERBS_CMD_CREATE_CQ, &c, sizeof(c), all), EFAULT,
	   "cq: nothing of the answer can");
}

static void bad_resize(struct ibv_cq *cq)
{
	const size_t core = sizeof(struct ib_uverbs_resize_cq_resp);
	const size_t all = core + sizeof(struct rxe_resize_cq_resp);
	const struct ib_uverbs_resize_cq good = {
		.response = (uintptr_t)answer, .cq_handle = cq->handle, .cqe = 20,
	};
	struct ib_uverbs_resize_cq r = good;

	is(command(IB_USER_VERBS_CMD_RESIZE_CQ, &r, sizeof(r), core), EINVAL,
	   "resize: no room to say where the ring is");
	r.cqe = 0;
	is(command(IB_USER_VERBS_CMD_RESIZE_CQ, &r, sizeof(r), all), EINVAL, "resize: to nothing");
	r.cqe = HUGE;
	is(command(IB_USER_VERBS_CMD_RESIZE_CQ, &r, sizeof(r), all), EINVAL, "resize: huge");
	r = good;
	r.response = cut_at(core);
	is(command(IB_USER_VERBS_CMD_RESIZE_CQ, &r, sizeof(r), all), EFAULT,
	   "resize: the place of the ring cannot be written");
	r = good;
	r.cq_handle = 98765;
	ok(command(IB_USER_VERBS_CMD_RESIZE_CQ, &r, sizeof(r), all),
	   "resize: what does not exist");
}

static void bad_qp(struct ibv_cq *cq)
{
	const size_t core = sizeof(struct ib_uverbs_create_qp_resp);
	const size_t all = core + sizeof(struct rxe_create_qp_resp);
	const struct ib_uverbs_create_qp good = {
		.response = (uintptr_t)answer, .pd_handle = dev.pd->handle,
		.send_cq_handle = cq->handle, .recv_cq_handle = cq->handle,
		.max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1,
		.qp_type = IBV_QPT_RC,
	};
	const struct ib_uverbs_create_qp_resp *made = (void *)answer;
	struct {
		struct ib_uverbs_create_qp c;
		uint64_t more;
	} q = { .c = good };
	struct ib_uverbs_destroy_qp_resp gone;
	struct ib_uverbs_destroy_qp destroy = { .response = (uintptr_t)&gone };

#define CREATE(len, out) command(IB_USER_VERBS_CMD_CREATE_QP, &q, len, out)
	is(CREATE(sizeof(q.c), all), 0, "qp: made by hand");
	destroy.qp_handle = made->qp_handle;
	is(command(IB_USER_VERBS_CMD_DESTROY_QP, &destroy, sizeof(destroy), sizeof(gone)), 0,
	   "qp: and destroyed");
	is(CREATE(sizeof(q), all), EINVAL, "qp: more is asked for than there is");
	is(CREATE(sizeof(q.c), all - 8), EINVAL, "qp: no room to say where both rings are");
	q.c.max_send_wr = HUGE;
	is(CREATE(sizeof(q.c), all), EINVAL, "qp: a huge send queue");
	q.c = good;
	q.c.max_recv_wr = HUGE;
	is(CREATE(sizeof(q.c), all), EINVAL, "qp: a huge receive queue");
	q.c = good;
	q.c.max_send_sge = q.c.max_recv_sge = 1000;
	is(CREATE(sizeof(q.c), all), EINVAL, "qp: too many segments");
	q.c = good;
	q.c.max_inline_data = HUGE;
	is(CREATE(sizeof(q.c), all), EINVAL, "qp: huge inline data");
	q.c = good;
	q.c.qp_type = 99;
	is(CREATE(sizeof(q.c), all), EINVAL, "qp: of no type");
	q.c = good;
	q.c.response = cut_at(core);
	is(CREATE(sizeof(q.c), all), EFAULT, "qp: the place of no ring can be written");
	q.c.response = cut_at(core + sizeof(struct mminfo));
	is(CREATE(sizeof(q.c), all), EFAULT, "qp: that of one cannot");
#undef CREATE
}

static void bad_srq(void)
{
	const size_t core = sizeof(struct ib_uverbs_create_srq_resp);
	const size_t all = core + sizeof(struct rxe_create_srq_resp);
	const struct ib_uverbs_create_srq good = {
		.response = (uintptr_t)answer, .pd_handle = dev.pd->handle,
		.max_wr = 4, .max_sge = 1,
	};
	struct ib_uverbs_create_srq c = good;
	struct ibv_srq *srq = ibv_create_srq(dev.pd, &(struct ibv_srq_init_attr){
		.attr = { .max_wr = 4, .max_sge = 1 },
	});
	struct {
		struct ib_uverbs_modify_srq c;
		struct rxe_modify_srq_cmd more;
	} m = { .c = { .attr_mask = IBV_SRQ_MAX_WR, .max_wr = 8 } };

	is(command(IB_USER_VERBS_CMD_CREATE_SRQ, &c, sizeof(c), core), EINVAL,
	   "srq: no room to say where its ring is");
	c.max_wr = HUGE;
	is(command(IB_USER_VERBS_CMD_CREATE_SRQ, &c, sizeof(c), all), EINVAL, "srq: huge");
	c = good;
	c.max_sge = HUGE;
	is(command(IB_USER_VERBS_CMD_CREATE_SRQ, &c, sizeof(c), all), EINVAL,
	   "srq: too many segments");
	c = good;
	c.response = cut_at(core);
	is(command(IB_USER_VERBS_CMD_CREATE_SRQ, &c, sizeof(c), all), EFAULT,
	   "srq: the place of its ring cannot be written");

	if (!srq)
		bail("no SRQ: %m");
	m.c.srq_handle = srq->handle;
	m.more.mmap_info_addr = cut_at(0);
	is(command(IB_USER_VERBS_CMD_MODIFY_SRQ, &m, sizeof(m.c), 0), EINVAL,
	   "srq: resized without saying where to tell the new ring");
	is(command(IB_USER_VERBS_CMD_MODIFY_SRQ, &m, sizeof(m), 0), EFAULT,
	   "srq: or where nothing can be written");
	ibv_destroy_srq(srq);
}

static void bad_mr(uint8_t *m)
{
	const struct ib_uverbs_reg_mr good = {
		.response = (uintptr_t)answer, .start = (uintptr_t)m, .length = PAGE,
		.hca_va = (uintptr_t)m, .pd_handle = dev.pd->handle,
		.access_flags = IBV_ACCESS_LOCAL_WRITE,
	};
	const size_t out = sizeof(struct ib_uverbs_reg_mr_resp);
	struct ib_uverbs_reg_mr r = good;
	int odp;

	for (odp = 0; odp < 2; odp++) {
		const char *kind = odp ? "odp" : "pinned";
		uint32_t access = good.access_flags | (odp ? IBV_ACCESS_ON_DEMAND : 0);

		r = good;
		r.access_flags = access;
		r.start = ~0ull - PAGE + 1;
		r.hca_va = r.start;
		r.length = 2 * PAGE;
		ok(command(IB_USER_VERBS_CMD_REG_MR, &r, sizeof(r), out), "mr, %s: it wraps around", kind);
		r = good;
		r.access_flags = access & ~IBV_ACCESS_LOCAL_WRITE;
		r.access_flags |= IBV_ACCESS_REMOTE_WRITE;
		is(command(IB_USER_VERBS_CMD_REG_MR, &r, sizeof(r), out), EINVAL,
		   "mr, %s: for others to write, not for oneself", kind);
		r = good;
		r.access_flags = access | 1u << 18;
		ok(command(IB_USER_VERBS_CMD_REG_MR, &r, sizeof(r), out),
		   "mr, %s: rights that nobody knows", kind);
		r = good;
		r.access_flags = access;
		r.pd_handle = 98765;
		ok(command(IB_USER_VERBS_CMD_REG_MR, &r, sizeof(r), out),
		   "mr, %s: in a domain that does not exist", kind);
		r = good;
		r.access_flags = access;
		r.response = cut_at(0);
		is(command(IB_USER_VERBS_CMD_REG_MR, &r, sizeof(r), out), EFAULT,
		   "mr, %s: the keys cannot be written", kind);
	}
}

int main(void)
{
	char before[512], after[512];
	struct ibv_mr *mr;
	struct vt_pair p;
	uint8_t *m;

	vt_open(&dev);
	page = vt_map(2 * PAGE);
	if (mprotect(page + PAGE, PAGE, PROT_NONE))
		bail("mprotect: %m");
	m = vt_map(PAGE);
	mr = vt_reg(&dev, VT_PINNED, m, PAGE, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG());

	objects(before, sizeof(before));
	bad_cq();
	bad_resize(p.a.cq);
	bad_qp(p.a.cq);
	bad_srq();
	bad_mr(m);
	ok(command(200, answer, 64, 64), "no such command");
	objects(after, sizeof(after));
	ok(!strcmp(before, after), "no object is left behind: %s", before);
	if (strcmp(before, after))
		printf("# but: %s\n", after);
	vt_fill(m, 0, PAGE / 2, 1);
	is(vt_write(&p.a, mr, m, PAGE / 2, mr, m + PAGE / 2), 0, "others work on");
	is(vt_check(m + PAGE / 2, 0, PAGE / 2, 1), -1, "the data");
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
