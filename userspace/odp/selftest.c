// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * odp test: does on-demand paging on this device do what it says? Each step does
 * what an application may do to its memory, and looks at every byte afterwards.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "advise.h"
#include "json.h"
#include "odp.h"
#include "selftest.h"

static const char usage[] =
"usage: odp test [OPTIONS] [DEVICE]\n"
"\n"
"  -p, --port PORT    of the device (1)\n"
"  -j, --json         for programs\n"
"  -h, --help\n"
"\n"
"Needs no privilege; without DEVICE takes the first one. Exit status: 0 all is well,\n"
"1 something is wrong, 2 no such device or wrong arguments, 3 the device has no\n"
"on-demand paging.\n";

#define ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | \
		IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_ON_DEMAND)
#define LEN	((size_t)1 << 20)
#define HUGE_LEN ((size_t)64 << 30)	/* of address space, not of memory */

static struct {
	bool json;
	int passed, failed, skipped;
} out;

struct bench {
	struct pair p;
	struct odp_caps caps;
	uint8_t *a, *b;		/* LEN bytes each: requester's and responder's */
	struct ibv_mr *ma, *mb;
	bool dead;		/* a request failed, and with it the connection */
	char why[160];		/* what went wrong in the step at hand */
};

enum verdict { PASS, FAIL, SKIP };

static enum verdict fail(struct bench *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static enum verdict fail(struct bench *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return FAIL;
}

static const char *wc_text(int status)
{
	return status == PAIR_TIMEOUT ? "nothing came back in time" : ibv_wc_status_str(status);
}

/* Bytes that tell their place and their purpose. */
static uint8_t pattern(size_t i, unsigned int seed)
{
	uint64_t x = (i / 8 + 1) * 0x9e3779b97f4a7c15ULL + seed * 0xbf58476d1ce4e5b9ULL;

	x ^= x >> 29;
	return x >> (8 * (i % 8));
}

static void fill(uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = pattern(i, seed);
}

static bool check(struct bench *t, const uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == pattern(i, seed))
			continue;
		fail(t, "byte %zu is %#x, not %#x", i, p[i], pattern(i, seed));
		return false;
	}
	return true;
}

static uint8_t *map_at(void *where, size_t len)
{
	void *p = mmap(where, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		       MAP_NORESERVE | (where ? MAP_FIXED : 0), -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Did a request succeed? */
static bool went(struct bench *t, int status)
{
	if (!status)
		return true;
	fail(t, "%s", wc_text(status));
	t->dead = true;
	return false;
}

/* One transfer between the two buffers. */
static bool moved(struct bench *t, enum ibv_wr_opcode op, size_t len)
{
	return went(t, pair_do(&t->p, op, t->ma, t->a, t->mb, t->b, len, 0, 0));
}

static enum verdict register_memory(struct bench *t)
{
	t->a = map_at(NULL, LEN);
	t->b = map_at(NULL, LEN);
	if (!t->a || !t->b)
		return fail(t, "no memory: %s", strerror(errno));
	t->ma = ibv_reg_mr(t->p.pd, t->a, LEN, ACCESS);
	if (t->ma)
		t->mb = ibv_reg_mr(t->p.pd, t->b, LEN, ACCESS);
	return t->mb ? PASS : fail(t, "refused: %s", strerror(errno));
}

static enum verdict register_much(struct bench *t)
{
	uint8_t *much = map_at(NULL, HUGE_LEN);
	enum verdict v = PASS;
	struct ibv_mr *mr;

	if (!much)
		return SKIP;	/* a limit of the user's */
	mr = ibv_reg_mr(t->p.pd, much, HUGE_LEN, ACCESS);
	if (!mr)
		v = fail(t, "refused: %s", strerror(errno));
	if (mr)
		ibv_dereg_mr(mr);
	munmap(much, HUGE_LEN);
	return v;
}

static enum verdict do_write(struct bench *t)
{
	if (!(t->caps.rc & IBV_ODP_SUPPORT_WRITE))
		return SKIP;
	fill(t->a, LEN, 1);
	return moved(t, IBV_WR_RDMA_WRITE, LEN) && check(t, t->b, LEN, 1) ? PASS : FAIL;
}

static enum verdict do_read(struct bench *t)
{
	if (!(t->caps.rc & IBV_ODP_SUPPORT_READ))
		return SKIP;
	fill(t->b, LEN, 2);
	memset(t->a, 0, LEN);
	return moved(t, IBV_WR_RDMA_READ, LEN) && check(t, t->a, LEN, 2) ? PASS : FAIL;
}

static enum verdict do_send(struct bench *t)
{
	if (!(t->caps.rc & IBV_ODP_SUPPORT_SEND) || !(t->caps.rc & IBV_ODP_SUPPORT_RECV))
		return SKIP;
	fill(t->a, LEN, 3);
	return moved(t, IBV_WR_SEND, LEN) && check(t, t->b, LEN, 3) ? PASS : FAIL;
}

static enum verdict do_atomic(struct bench *t)
{
	uint64_t *mine = (uint64_t *)t->a, *theirs = (uint64_t *)t->b;

	if (!(t->caps.rc & IBV_ODP_SUPPORT_ATOMIC))
		return SKIP;
	*theirs = 40;
	if (!went(t, pair_do(&t->p, IBV_WR_ATOMIC_FETCH_AND_ADD, t->ma, mine, t->mb, theirs, 8,
			     2, 0)))
		return FAIL;
	if (*mine != 40 || *theirs != 42)
		return fail(t, "40 + 2 became %lu", (unsigned long)*theirs);
	if (!went(t, pair_do(&t->p, IBV_WR_ATOMIC_CMP_AND_SWP, t->ma, mine, t->mb, theirs, 8,
			     42, 7)))
		return FAIL;
	if (*mine != 42 || *theirs != 7)
		return fail(t, "42 was not swapped for 7");
	return PASS;
}

/* Memory of the same address is other memory after this, and the region serves it. */
static enum verdict do_remap(struct bench *t)
{
	if (!(t->caps.rc & IBV_ODP_SUPPORT_WRITE))
		return SKIP;
	fill(t->a, LEN, 4);
	if (!moved(t, IBV_WR_RDMA_WRITE, LEN))
		return FAIL;
	munmap(t->b, LEN);
	if (!map_at(t->b, LEN))
		return fail(t, "cannot map again: %s", strerror(errno));
	for (size_t i = 0; i < LEN; i++)
		if (t->b[i])
			return fail(t, "new memory is not empty");
	if (!moved(t, IBV_WR_RDMA_WRITE, LEN))
		return FAIL;
	return check(t, t->b, LEN, 4) ? PASS : FAIL;
}

static enum verdict do_dontneed(struct bench *t)
{
	if (!(t->caps.rc & IBV_ODP_SUPPORT_READ) || !(t->caps.rc & IBV_ODP_SUPPORT_WRITE))
		return SKIP;
	fill(t->b, LEN, 5);
	if (!moved(t, IBV_WR_RDMA_READ, LEN))
		return FAIL;
	if (madvise(t->b, LEN, MADV_DONTNEED))
		return fail(t, "madvise: %s", strerror(errno));
	if (!moved(t, IBV_WR_RDMA_READ, LEN))
		return FAIL;
	for (size_t i = 0; i < LEN; i++)
		if (t->a[i])
			return fail(t, "what was given back was still read");
	fill(t->a, LEN, 6);
	if (!moved(t, IBV_WR_RDMA_WRITE, LEN))
		return FAIL;
	return check(t, t->b, LEN, 6) ? PASS : FAIL;
}

/* After fork() the device writes to the parent's memory and not to the child's. */
static enum verdict do_fork(struct bench *t)
{
	int go[2], status;
	bool ok = true;
	pid_t pid;
	char c;

	if (!(t->caps.rc & IBV_ODP_SUPPORT_WRITE))
		return SKIP;
	fill(t->a, LEN, 7);
	if (!moved(t, IBV_WR_RDMA_WRITE, LEN))
		return FAIL;
	if (pipe(go))
		return fail(t, "pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(go[1]);
		if (read(go[0], &c, 1) < 0)
			_exit(2);
		_exit(!check(t, t->b, LEN, 7));
	}
	close(go[0]);
	if (pid < 0) {
		close(go[1]);
		return fail(t, "fork: %s", strerror(errno));
	}
	fill(t->a, LEN, 8);
	ok = moved(t, IBV_WR_RDMA_WRITE, LEN) && check(t, t->b, LEN, 8);
	close(go[1]);
	waitpid(pid, &status, 0);
	if (!ok)
		return FAIL;
	return status ? fail(t, "the child's copy changed") : PASS;
}

static enum verdict do_implicit(struct bench *t)
{
	struct ibv_mr *all;
	uint8_t *fresh;
	bool ok;

	if (!t->caps.implicit || !(t->caps.rc & IBV_ODP_SUPPORT_WRITE))
		return SKIP;
	all = ibv_reg_mr(t->p.pd, NULL, SIZE_MAX, ACCESS);
	if (!all)
		return fail(t, "refused: %s", strerror(errno));
	fresh = map_at(NULL, LEN);	/* it did not exist yet */
	if (!fresh) {
		ibv_dereg_mr(all);
		return fail(t, "no memory: %s", strerror(errno));
	}
	fill(t->a, LEN, 9);
	ok = went(t, pair_do(&t->p, IBV_WR_RDMA_WRITE, all, t->a, t->mb, t->b, LEN, 0, 0)) &&
	     check(t, t->b, LEN, 9) &&
	     went(t, pair_do(&t->p, IBV_WR_SEND, t->mb, t->b, all, fresh, LEN, 0, 0)) &&
	     check(t, fresh, LEN, 9);
	munmap(fresh, LEN);
	ibv_dereg_mr(all);
	return ok ? PASS : FAIL;
}

static enum verdict do_prefetch(struct bench *t)
{
	struct ibv_sge sge = { .addr = (uintptr_t)t->b, .length = LEN, .lkey = t->mb->lkey };
	int err;

	madvise(t->b, LEN, MADV_DONTNEED);
	err = advise(t->p.pd, &sge, true, IBV_ADVISE_MR_FLAG_FLUSH);
	if (err == EOPNOTSUPP || err == ENOSYS)
		return SKIP;
	return err ? fail(t, "%s", strerror(err)) : PASS;
}

static enum verdict nothing_pinned(struct bench *t)
{
	uint64_t kb = process_kb(0, "VmPin");

	(void)t;
	return kb ? fail(t, "%lu KiB are pinned", (unsigned long)kb) : PASS;
}

/* The last one: it costs the queue pairs their connection. */
static enum verdict do_unmapped(struct bench *t)
{
	int st;

	if (!(t->caps.rc & IBV_ODP_SUPPORT_WRITE))
		return SKIP;
	munmap(t->b, LEN);
	st = pair_do(&t->p, IBV_WR_RDMA_WRITE, t->ma, t->a, t->mb, t->b, 4096, 0, 0);
	if (st == IBV_WC_REM_ACCESS_ERR || st == IBV_WC_REM_OP_ERR)
		return PASS;
	return fail(t, "not an error of the responder's: %s", wc_text(st));
}

static const struct {
	const char *name;
	enum verdict (*run)(struct bench *t);
} steps[] = {
	{ "register memory on demand", register_memory },
	{ "register 64 GiB of address space", register_much },
	{ "write", do_write },
	{ "read", do_read },
	{ "send and receive", do_send },
	{ "atomic operations", do_atomic },
	{ "memory unmapped and mapped again", do_remap },
	{ "memory given back (MADV_DONTNEED)", do_dontneed },
	{ "fork: parent and child have their own", do_fork },
	{ "the whole address space as one region", do_implicit },
	{ "prefetch", do_prefetch },
	{ "no page is pinned", nothing_pinned },
	{ "unmapped memory is an error, not a crash", do_unmapped },
};

static void told(const char *step, enum verdict v, const char *why)
{
	static const char *const words[] = { "ok", "FAILED", "not offered" };
	int *counts[] = { &out.passed, &out.failed, &out.skipped };

	++*counts[v];
	if (!out.json) {
		printf("  %-42s %s%s%s\n", step, words[v], *why ? ": " : "", why);
		fflush(stdout);
		return;
	}
	json_object(NULL);
	json_string("step", step);
	json_string("result", v == PASS ? "ok" : v == FAIL ? "failed" : "skipped");
	if (*why)
		json_string("why", why);
	json_end();
}

static void run_steps(struct bench *t)
{
	enum verdict v;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		*t->why = 0;
		v = steps[i].run(t);
		told(steps[i].name, v, t->why);
		/* Without memory or connection the rest would say nothing. */
		if (t->dead || !t->mb)
			break;
	}
}

static int test_device(struct ibv_context *ctx, uint8_t port)
{
	const char *dev = ibv_get_device_name(ctx->device), *what;
	struct bench t = {};
	int status = ODP_OK;

	dev_caps(ctx, &t.caps);
	if (out.json) {
		json_object(NULL);
		json_string("device", dev);
		json_array("steps");
	} else {
		printf("%s\n", dev);
	}
	if (!t.caps.explicit) {
		status = ODP_UNSUPPORTED;
	} else if (!pair_open(&t.p, ctx, port, &what)) {
		snprintf(t.why, sizeof(t.why), "%s: %s", what, strerror(errno));
		told("two connected queue pairs", FAIL, t.why);
	} else {
		run_steps(&t);
		if (t.ma)
			ibv_dereg_mr(t.ma);
		if (t.mb)
			ibv_dereg_mr(t.mb);
		pair_close(&t.p);
	}
	if (out.failed)
		status = ODP_FAILED;
	if (out.json) {
		json_end();
		json_bool("supported", t.caps.explicit);
		json_bool("works", status == ODP_OK);
		json_end();
		json_done();
	} else if (status == ODP_UNSUPPORTED) {
		printf("%s has no on-demand paging.\n", dev);
	} else if (status == ODP_FAILED) {
		printf("On-demand paging on %s does NOT work as it should.\n", dev);
	} else {
		printf("On-demand paging on %s works.\n", dev);
	}
	return status;
}

static uint32_t tested_port = 1;

static bool take_port(const char *text)
{
	uint64_t port;

	if (!parse_size(text, &port) || !port || port > 255) {
		complain("\"%s\" is no port", text);
		return false;
	}
	tested_port = port;
	return true;
}

int odp_test(int argc, char **argv)
{
	static const struct odp_option options[] = {
		{ 'p', "port", NULL, take_port }, { 'j', "json", &out.json, NULL }, {}
	};
	const char *device = NULL;
	struct ibv_context *ctx;
	int status = odp_options(argc, argv, options, usage, &device);

	if (status != ODP_GO_ON)
		return status;
	ctx = dev_open(device);
	if (!ctx) {
		if (device)
			complain("device \"%s\": %s", device, rdma_error(errno));
		else
			complain("no RDMA device: %s", rdma_error(errno));
		return ODP_USAGE;
	}
	status = test_device(ctx, tested_port);
	ibv_close_device(ctx);
	return status;
}
