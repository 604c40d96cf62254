// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N8, N11: a process in a memory cgroup much smaller than its region. What RDMA
 * brings in is charged to that process, whoever asked for it, so it is reclaimed there
 * and comes back with its data; and where there is no swap, it is that process that the
 * OOM killer ends, while its peer gets an error and the device works on.
 */
#include "vt_mm.h"
#include "vt_peer.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB	(1ul << 20)
#define LIMIT	(8 * MIB)

static struct vt_dev dev;
static size_t len;
static uint8_t *buf;
static struct ibv_mr *bmr;

static int part(struct vt_peer *p, enum ibv_wr_opcode op, size_t at)
{
	return vt_do(&p->qp, VT_OP(.op = op, .local = buf, .len = MIB, .lkey = bmr->lkey,
				   .remote = p->addr.addr + at, .rkey = p->addr.rkey));
}

static void reclaimed(void)
{
	long long before = vt_vmstat("pswpout"), pins = vt_pins();
	struct vt_peer p;
	size_t at;
	int bad = 0;

	vt_peer_open(&dev, &p, VT_ODP, len, VT_CFG(), vt_cgroup_enter);
	for (at = 0; at < len; at += MIB) {
		vt_fill(buf, at, MIB, 1);
		bad += !!part(&p, IBV_WR_RDMA_WRITE, at);
	}
	is(bad, 0, "write more than may be in memory");
	ok(vt_cgroup_read("memory.current", NULL) <= (long long)LIMIT,
	   "its owner has not more than it may (%lld)",
	   vt_cgroup_read("memory.current", NULL));
	ok(vt_cgroup_read("memory.current", NULL) >= (long long)LIMIT / 2,
	   "and what there is is charged to it");
	before = vt_vmstat("pswpout") - before;
	ok(before >= (long long)((len - LIMIT) / PAGE), "the rest is in swap (%lld pages)",
	   before);
	for (at = 0; at < len; at += MIB) {
		memset(buf, 0, MIB);
		bad += part(&p, IBV_WR_RDMA_READ, at) || vt_check(buf, at, MIB, 1) >= 0;
	}
	is(bad, 0, "all of it is read back");
	ok(vt_peer_has(&p, len, 1), "and its owner finds it, too");
	is(vt_pins() - pins, 0, "nothing is pinned");
	is(vt_peer_close(&p), 0, "the owner ends");
}

static void killed(bool wire)
{
	const char *k = wire ? "wire" : "local";
	struct vt_peer p;
	size_t at;
	int st = 0;

	vt_peer_open(&dev, &p, VT_ODP, len, VT_CFG(.wire = wire), vt_cgroup_enter);
	for (at = 0; at < len && !st; at += MIB)
		st = part(&p, IBV_WR_RDMA_WRITE, at);
	ok(st && st != VT_TIMEOUT, "%s: at the limit the write fails (%s)", k,
	   ibv_wc_status_str(st));
	ok(at > LIMIT / 2, "%s: not before it (%zu MiB)", k, at / MIB);
	st = vt_peer_close(&p);
	ok(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "%s: the owner is killed", k);
}

int main(void)
{
	struct vt_pair p;

	len = vt_slow() ? 2 * LIMIT : 4 * LIMIT;
	vt_swap_on(256);
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_cgroup();
	vt_cgroup_set("memory.max", "8M");
	buf = vt_map(MIB);
	madvise(buf, MIB, MADV_DONTFORK);
	bmr = vt_reg(&dev, VT_ODP, buf, MIB, VT_RCV_ALL);
	reclaimed();
	vt_cgroup_set("memory.swap.max", "0");
	killed(false);
	if (!vt_stock())
		killed(true);
	vt_pair_open(&dev, &p, VT_CFG());
	is(vt_write(&p.a, bmr, buf, MIB / 2, bmr, buf + MIB / 2), 0, "the device works on");
	vt_pair_close(&p);
	vt_dereg(bmr);
	vt_close(&dev);
	return done();
}
