// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N10: a fault that blocks holds up the queue pair that met it and nothing else.
 * Others work on, in the same region too; the blocked queue pair, its region and
 * its process can be destroyed while the fault is still blocked, by a thread that
 * nobody has to wake up; and when the fault is resolved the access is done.
 */
#include "vt.h"
#include "vt_mm.h"
#include "vt_uffd.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(32 * PAGE)

struct rig {
	struct vt_dev dev;
	struct vt_pair p, other;
	uint8_t *m, *blocked, *src;
	struct ibv_mr *mr, *smr;
	int fd;
};

/* A region whose second half blocks. */
static void set_up(struct rig *r, bool wire)
{
	vt_open(&r->dev);
	vt_need(&r->dev, VT_ODP);
	vt_pair_open(&r->dev, &r->p, VT_CFG(.wire = wire));
	vt_pair_open(&r->dev, &r->other, VT_CFG(.wire = wire));
	r->m = vt_map(2 * LEN);
	r->blocked = r->m + LEN;
	r->src = vt_map(LEN);
	r->smr = vt_reg(&r->dev, VT_PINNED, r->src, LEN, VT_RCV_ALL);
	r->mr = vt_reg(&r->dev, VT_ODP, r->m, 2 * LEN, VT_RCV_ALL);
	r->fd = vt_uffd(r->blocked, LEN);
	vt_fill(r->src, 0, LEN, 1);
}

static int post(struct rig *r, enum ibv_wr_opcode op, bool source)
{
	return vt_post(&r->p.a, VT_OP(.op = op, .len = LEN,
			.local = source ? r->blocked : r->src,
			.lkey = source ? r->mr->lkey : r->smr->lkey,
			.remote = (uintptr_t)(source ? r->src : r->blocked),
			.rkey = source ? r->smr->rkey : r->mr->rkey));
}

static void resolve(bool wire)
{
	const char *road = wire ? "wire" : "local";
	struct ibv_wc wc;
	struct rig r;

	set_up(&r, wire);
	is(post(&r, IBV_WR_RDMA_WRITE, false), 0, "%s: post a write to memory that blocks", road);
	ok(vt_uffd_wait(r.fd), "%s: the fault arrives at its handler", road);
	ok(!vt_poll(r.p.a.cq, &wc, 100), "%s: the write waits", road);
	is(vt_write(&r.other.a, r.smr, r.src, LEN, r.mr, r.m), 0,
	   "%s: another queue pair writes to the same region", road);
	is(vt_check(r.m, 0, LEN, 1), -1, "%s: the data", road);
	vt_uffd_fill(r.fd, r.blocked, LEN, 9);
	is(vt_done(&r.p.a), 0, "%s: resolved, the write is done", road);
	is(vt_check(r.blocked, 0, LEN, 1), -1, "%s: the data", road);
	close(r.fd);
	vt_pair_close(&r.p);
	vt_pair_close(&r.other);
	vt_dereg(r.mr);
	vt_dereg(r.smr);
	vt_close(&r.dev);
}

/* Each order of destruction, each side of the copy, with the fault still there. */
static void destroy(bool wire)
{
	static const struct {
		enum ibv_wr_opcode op;
		bool source;
		const char *name;
	} ops[] = {
		{ IBV_WR_RDMA_WRITE, false, "write to it" },
		{ IBV_WR_RDMA_READ, false, "read from it" },
		{ IBV_WR_RDMA_WRITE, true, "write with it as the source" },
		{ IBV_WR_RDMA_READ, true, "read into it" },
	};
	const char *road = wire ? "wire" : "local";
	unsigned int i;
	struct rig r;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		set_up(&r, wire);
		is(post(&r, ops[i].op, ops[i].source), 0, "%s: post a %s", road, ops[i].name);
		ok(vt_uffd_wait(r.fd), "%s: it blocks", road);
		if (i & 1) {
			vt_qp_destroy(&r.p.b);
			vt_qp_destroy(&r.p.a);
		} else {
			vt_qp_destroy(&r.p.a);
			vt_qp_destroy(&r.p.b);
		}
		ok(true, "%s: both queue pairs are destroyed meanwhile", road);
		is(ibv_dereg_mr(r.mr), 0, "%s: the region too", road);
		is(vt_write(&r.other.a, r.smr, r.src, 100, r.smr, r.src + 8192), 0,
		   "%s: another queue pair works on", road);
		vt_pair_close(&r.other);
		vt_dereg(r.smr);
		vt_close(&r.dev);
		/* Only now, for the worker that still sits in the fault. */
		vt_uffd_fill(r.fd, r.blocked, LEN, 5);
		close(r.fd);
	}
}

/* A region can go while queue pairs stay: the access then fails. */
static void dereg_first(void)
{
	struct rig r;
	int st;

	set_up(&r, false);
	is(post(&r, IBV_WR_RDMA_WRITE, false), 0, "post a write that blocks");
	ok(vt_uffd_wait(r.fd), "it blocks");
	is(ibv_dereg_mr(r.mr), 0, "the region is deregistered meanwhile");
	vt_uffd_fill(r.fd, r.blocked, LEN, 9);
	st = vt_done(&r.p.a);
	ok(st == IBV_WC_REM_ACCESS_ERR || st == IBV_WC_SUCCESS, "the write comes to an end (%s)",
	   st == VT_TIMEOUT ? "timeout" : ibv_wc_status_str(st));
	close(r.fd);
	vt_pair_close(&r.p);
	vt_pair_close(&r.other);
	vt_dereg(r.smr);
	vt_close(&r.dev);
}

/* The process dies with the fault blocked, of a signal or by itself. */
static void die(int how)
{
	int ready[2], st;
	struct rig r;
	pid_t pid;
	char c;

	if (pipe(ready))
		bail("pipe: %m");
	pid = fork();
	if (!pid) {
		set_up(&r, false);
		if (post(&r, IBV_WR_RDMA_WRITE, false) || !vt_uffd_wait(r.fd) ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		if (how == SIGKILL)
			pause();
		_exit(0);
	}
	ok(read(ready[0], &c, 1) == 1, "a process with a blocked fault");
	if (how)
		kill(pid, how);
	is(waitpid(pid, &st, 0), pid, how ? "is killed" : "exits");
	is(st, how, "by that and nothing else");
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	struct rig r;

	vt_open(&r.dev);
	vt_need(&r.dev, VT_ODP);
	vt_close(&r.dev);
	resolve(false);
	destroy(false);
	if (!vt_stock()) {
		resolve(true);
		destroy(true);
	}
	dereg_first();
	die(0);
	die(SIGKILL);
	return done();
}
