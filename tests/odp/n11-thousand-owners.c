// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N11: 1,000 processes have a region each. All can be written to, each has what was
 * written to it; then one half ends and the other half is killed while it is written to.
 * Nothing of them is left, and the device works on.
 *
 * timeout: 300
 * kernels: 6.1 (it takes two minutes)
 */
#include "vt_mm.h"
#include "vt_peer.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWNERS	1000
#define LEN	(16 * PAGE)

static struct vt_peer owner[OWNERS];

int main(void)
{
	struct rlimit files = { 4 * OWNERS, 4 * OWNERS };
	long long resident, leaves, pins;
	struct vt_dev dev;
	struct ibv_mr *mr;
	struct vt_pair p;
	uint8_t *buf;
	int i, bad = 0;

	if (setrlimit(RLIMIT_NOFILE, &files))
		bail("setrlimit: %m");
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	buf = vt_map(LEN);
	mr = vt_reg(&dev, VT_PINNED, buf, LEN, VT_RCV_ALL);
	resident = vt_counter(&dev, "odp_resident_pages");
	leaves = vt_counter(&dev, "odp_leaves");
	pins = vt_pins();

	for (i = 0; i < OWNERS; i++)
		vt_peer_open(&dev, &owner[i], VT_ODP, LEN, VT_CFG(), NULL);
	for (i = 0; i < OWNERS; i++) {
		vt_fill(buf, 0, LEN, i);
		bad += !!vt_peer_write(&owner[i], mr, buf, LEN);
	}
	is(bad, 0, "each of %d processes is written to", OWNERS);
	is(vt_counter(&dev, "odp_resident_pages") - resident, OWNERS * (LEN / PAGE),
	   "each has its translations");
	for (i = 0; i < OWNERS; i++)
		bad += !vt_peer_has(&owner[i], LEN, i);
	is(bad, 0, "each has what was written to it");
	is(vt_pins() - pins, 0, "nothing is pinned");

	for (i = 0; i < OWNERS; i += 2)
		bad += !!vt_peer_close(&owner[i]);
	is(bad, 0, "half of them end");
	for (i = 1; i < OWNERS; i += 2) {
		vt_post(&owner[i].qp, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = buf, .len = LEN,
					    .lkey = mr->lkey, .remote = owner[i].addr.addr,
					    .rkey = owner[i].addr.rkey));
		kill(owner[i].pid, SIGKILL);
	}
	for (i = 1; i < OWNERS; i += 2) {
		bad += vt_done(&owner[i].qp) == VT_TIMEOUT;
		bad += vt_peer_close(&owner[i]) != SIGKILL;
	}
	is(bad, 0, "the others are killed: what was on its way to them completes");
	for (i = 0; i < 100 && vt_counter(&dev, "odp_leaves") > leaves; i++)
		usleep(100000);
	is(vt_counter(&dev, "odp_resident_pages"), resident, "no translation is left");
	is(vt_counter(&dev, "odp_leaves"), leaves, "nor a table");

	vt_pair_open(&dev, &p, VT_CFG());
	is(vt_write(&p.a, mr, buf, LEN / 2, mr, buf + LEN / 2), 0, "the device works on");
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
