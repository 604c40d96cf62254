// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N11: a process whose cgroup is frozen, as before a checkpoint, stays reachable: its
 * memory is read and written by RDMA, pages that are not there or in swap included;
 * thawed, it finds the data; and it can be killed while it is frozen.
 */
#include "vt_mm.h"
#include "vt_peer.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(2ul << 20)

static struct vt_dev dev;
static uint8_t *buf;
static struct ibv_mr *bmr;

static bool freeze(bool on)
{
	uint64_t end = vt_now_ms() + VT_WAIT_MS;

	vt_cgroup_set("cgroup.freeze", on ? "1" : "0");
	while (vt_cgroup_read("cgroup.events", "frozen") != on && vt_now_ms() < end)
		sched_yield();
	return vt_cgroup_read("cgroup.events", "frozen") == on;
}

static int put(struct vt_peer *p, uint64_t seed)
{
	vt_fill(buf, 0, LEN, seed);
	return vt_peer_write(p, bmr, buf, LEN);
}

static bool finds(struct vt_peer *p, uint64_t seed)
{
	memset(buf, 0, LEN);
	return !vt_peer_read(p, bmr, buf, LEN) && vt_check(buf, 0, LEN, seed) < 0;
}

static void one(enum vt_kind kind, bool wire)
{
	const char *k = vt_kind_name[kind], *road = wire ? "wire" : "local";
	long long swapped;
	struct vt_peer p;
	int st;

	vt_peer_open(&dev, &p, kind, LEN, VT_CFG(.wire = wire), vt_cgroup_enter);
	ok(freeze(true), "%s, %s: frozen, with nothing in its memory", k, road);
	is(put(&p, 1), 0, "%s, %s: it is written", k, road);
	ok(finds(&p, 1), "%s, %s: and read", k, road);
	/* Reclaim all of the cgroup. */
	swapped = vt_vmstat("pswpout");
	vt_cgroup_set("memory.high", "0");
	vt_cgroup_set("memory.high", "max");
	ok(vt_vmstat("pswpout") > swapped, "%s, %s: swapped out while it is frozen", k, road);
	ok(finds(&p, 1), "%s, %s: read from swap", k, road);
	is(put(&p, 2), 0, "%s, %s: written again", k, road);
	ok(freeze(false), "%s, %s: thawed", k, road);
	ok(vt_peer_has(&p, LEN, 2), "%s, %s: it finds the data", k, road);
	if (wire) {
		is(vt_peer_close(&p), 0, "%s, %s: and ends", k, road);
		return;
	}
	ok(freeze(true), "%s, %s: frozen once more", k, road);
	is(put(&p, 3), 0, "%s, %s: written", k, road);
	kill(p.pid, SIGKILL);
	st = vt_peer_close(&p);
	ok(WIFSIGNALED(st), "%s, %s: killed while it is frozen", k, road);
	ok(freeze(false), "%s, %s: its cgroup is thawed", k, road);
}

int main(void)
{
	int kind;

	vt_swap_on(64);
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_cgroup();
	buf = vt_map(LEN);
	madvise(buf, LEN, MADV_DONTFORK);
	bmr = vt_reg(&dev, VT_ODP, buf, LEN, VT_RCV_ALL);
	for (kind = VT_ODP; kind <= VT_IMPLICIT; kind++) {
		if (!vt_can(&dev, kind))
			continue;
		one(kind, false);
		if (!vt_stock())
			one(kind, true);
	}
	vt_dereg(bmr);
	vt_close(&dev);
	return done();
}
