// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D5: the rings are shared with the process, so they hold whatever it likes at
 * any moment. A child fills its rings with requests, then one thread rewrites
 * them without a pause while another rings the doorbell. Nothing is expected of
 * the child's own queue pairs; the kernel must not complain (the harness looks at
 * its log), the child must be killable, and everyone else's must work.
 */
#include "vt.h"

#include <pthread.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_rxe.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RINGS	16
#define LEN	65536

static struct {
	uint8_t *at;
	size_t len;
} rings[RINGS];
static int n_rings;
static atomic_bool stop;
static unsigned int seed;

static unsigned int rnd(unsigned int *s)
{
	*s = *s * 1103515245 + 12345;
	return *s >> 8 | *s << 24;
}

/* The rings are the device's shared mappings of this process. */
static void find_rings(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512];

	while (f && fgets(line, sizeof(line), f) && n_rings < RINGS)
		if (strstr(line, "uverbs") && sscanf(line, "%lx-%lx", &from, &to) == 2) {
			rings[n_rings].at = (void *)from;
			rings[n_rings++].len = to - from;
		}
	if (f)
		fclose(f);
}

/* Values that tend to break things. */
static uint32_t nasty(unsigned int *s)
{
	static const uint32_t list[] = {
		0, 1, 2, 3, 5, 8, 15, 16, 31, 32, 63, 255, 256, 4095, 4096, 65535, 65536,
		0x7fffffff, 0x80000000, 0x80000001, 0xfffffff0, 0xffffffff, 0xffff8880,
		IBV_WR_LOCAL_INV, IBV_WR_BIND_MW, IBV_WR_SEND_WITH_INV, 14, 0x20, 0x21,
	};
	unsigned int r = rnd(s);

	return r % 8 ? list[r % (sizeof(list) / sizeof(list[0]))] : rnd(s);
}

/*
 * The first 384 bytes of a ring are its header: element size, mask, indices. The
 * rest are elements; a work request's own fields are hit more often than the rest.
 */
static void spoil(unsigned int *s)
{
	int r = rnd(s) % n_rings;
	size_t at;

	switch (rnd(s) % 8) {
	case 0:
		at = rnd(s) % 384;
		break;
	case 1:
		at = rnd(s) % rings[r].len;
		break;
	default:
		at = 384 + rnd(s) % (16 * sizeof(struct rxe_send_wqe));
	}
	at &= ~3ul;
	if (at + 4 <= rings[r].len)
		*(volatile uint32_t *)(rings[r].at + at) = nasty(s);
}

static void *spoiler(void *arg)
{
	unsigned int s = seed ^ 0x55;

	while (!stop)
		spoil(&s);
	return arg;
}

/* The doorbell alone: the library must not read what has been spoilt. */
static void doorbell(struct ibv_qp *qp)
{
	struct {
		struct ib_uverbs_cmd_hdr hdr;
		struct ib_uverbs_post_send cmd;
	} msg = {
		.hdr = {
			.command = IB_USER_VERBS_CMD_POST_SEND,
			.in_words = sizeof(msg) / 4,
			.out_words = sizeof(struct ib_uverbs_post_send_resp) / 4,
		},
	};
	struct ib_uverbs_post_send_resp resp;

	msg.cmd.response = (uintptr_t)&resp;
	msg.cmd.qp_handle = qp->handle;
	msg.cmd.wqe_size = sizeof(struct ib_uverbs_send_wr);
	if (write(qp->context->cmd_fd, &msg, sizeof(msg)) < 0)
		return;
}

static void child(int rounds, enum vt_kind kind, bool wire)
{
	uint8_t *m = vt_map(LEN);
	struct ibv_mr *mr;
	struct vt_dev dev;
	struct vt_pair p;
	unsigned int s = seed;
	pthread_t t;
	int i, k;

	/* What was spoilt may make the library itself stumble: that is fine. */
	signal(SIGSEGV, SIG_DFL);
	vt_open(&dev);
	mr = vt_reg(&dev, kind, m, LEN, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG(.depth = 15, .inl = 128, .wire = wire));
	for (i = 0; i < 10; i++) {
		vt_recv(&p.b, i, mr, m, 4096);
		vt_post(&p.a, VT_OP(.op = i % 3 ? IBV_WR_RDMA_WRITE : IBV_WR_SEND, .local = m,
				    .len = i & 1 ? 100 : 9000, .inl = i & 1, .lkey = mr->lkey,
				    .remote = (uintptr_t)m + 32768, .rkey = mr->rkey));
		vt_post(&p.a, VT_OP(.op = i & 1 ? IBV_WR_RDMA_READ : IBV_WR_ATOMIC_FETCH_AND_ADD,
				    .local = m, .len = 8, .lkey = mr->lkey,
				    .remote = (uintptr_t)m + 32768, .rkey = mr->rkey));
	}
	find_rings();
	if (!n_rings)
		_exit(7);
	pthread_create(&t, NULL, spoiler, NULL);
	for (i = 0; i < rounds; i++) {
		for (k = 0; k < 30; k++) {
			spoil(&s);
			doorbell(p.a.qp);
			doorbell(p.b.qp);
		}
		/* A queue pair in error reads nothing: bring it back. */
		if (i % 4 == 3) {
			vt_qp_reset(&p.a);
			vt_qp_reset(&p.b);
			vt_qp_connect(&p.a, &p.b.self);
			vt_qp_connect(&p.b, &p.a.self);
		}
	}
	stop = true;
	pthread_join(t, NULL);
	_exit(0);
}

int main(void)
{
	int i, st, runs = vt_slow() ? 4 : 12, rounds = vt_slow() ? 20 : 100, odd = 0;
	struct ibv_mr *mr;
	struct vt_dev dev;
	struct vt_pair p;
	uint8_t *m;

	vt_open(&dev);
	for (i = 0; i < runs; i++) {
		pid_t pid;

		seed = i * 7919 + 1;
		pid = fork();
		if (!pid)
			child(rounds, i & 1 && vt_has(&dev, VT_ODP) ? VT_ODP : VT_PINNED,
			      i % 3 == 2 && !vt_stock());
		if (waitpid(pid, &st, 0) != pid)
			bail("waitpid: %m");
		if (WIFEXITED(st) && WEXITSTATUS(st) == 7)
			bail("found no rings in /proc/self/maps");
		odd += !(WIFEXITED(st) && !WEXITSTATUS(st));
	}
	ok(odd < runs, "%d processes with spoilt rings ran and ended (%d by a signal or early)", runs,
	   odd);
	m = vt_map(LEN);
	mr = vt_reg(&dev, VT_PINNED, m, LEN, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG());
	vt_fill(m, 0, 20000, 3);
	is(vt_write(&p.a, mr, m, 20000, mr, m + 30000), 0, "an honest process works on");
	is(vt_check(m + 30000, 0, 20000, 3), -1, "the data");
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
