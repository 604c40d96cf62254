// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N7: copy on write. After fork() parent and child have their own memory, also
 * when one of them writes through RDMA, and also when the translation was hot.
 */
#include "vt.h"
#include "vt_mm.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(16 * PAGE)

static uint8_t *m, *src;
static struct ibv_mr *mr, *smr;
static struct vt_pair p;

static int put(uint64_t seed)
{
	vt_fill(src, 0, LEN, seed);
	return vt_write(&p.a, smr, src, LEN, mr, m);
}

/* The child checks, writes something of its own, and checks that it stays. */
static int child(int go, int ready, uint64_t old)
{
	char c;

	if (read(go, &c, 1) != 1 || vt_check(m, 0, LEN, old) >= 0)
		return 1;
	vt_fill(m, 0, LEN, 1000 + old);
	if (write(ready, &c, 1) != 1 || read(go, &c, 1) != 1)
		return 2;
	return vt_check(m, 0, LEN, 1000 + old) >= 0 ? 3 : 0;
}

int main(void)
{
	int round, st, go[2], ready[2];
	struct vt_dev dev;
	char c = 0;
	pid_t pid;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_pair_open(&dev, &p, VT_CFG());
	m = vt_map(LEN);
	src = vt_map(LEN);
	/* The source too is on demand: pinned memory and fork() do not mix. */
	smr = vt_reg(&dev, VT_ODP, src, LEN, VT_RCV_ALL);
	mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);
	for (round = 1; round <= 3; round++) {
		int warm = round != 2;

		vt_fill(m, 0, LEN, round);
		if (warm)
			is(put(round), IBV_WC_SUCCESS, "round %d: write, now it is hot", round);
		if (pipe(go) || pipe(ready))
			bail("pipe: %m");
		pid = fork();
		if (!pid)
			_exit(child(go[0], ready[1], round));
		is(put(100 + round), IBV_WC_SUCCESS, "the parent writes after fork");
		is(vt_check(m, 0, LEN, 100 + round), -1, "and sees what it wrote");
		ok(write(go[1], &c, 1) == 1 && read(ready[0], &c, 1) == 1,
		   "the child sees the old data, and writes");
		memset(src, 0, LEN);
		is(vt_read(&p.a, smr, src, LEN, mr, m), IBV_WC_SUCCESS, "the parent reads");
		is(vt_check(src, 0, LEN, 100 + round), -1, "its own data");
		is(put(200 + round), IBV_WC_SUCCESS, "the parent writes again");
		ok(write(go[1], &c, 1) == 1 && waitpid(pid, &st, 0) == pid && !st,
		   "the child's data stays (status 0x%x)", st);
		is(vt_check(m, 0, LEN, 200 + round), -1, "and so does the parent's");
		is(put(300 + round), IBV_WC_SUCCESS, "a write after the child has gone");
		is(vt_check(m, 0, LEN, 300 + round), -1, "is seen");
		close(go[0]);
		close(go[1]);
		close(ready[0]);
		close(ready[1]);
	}
	vt_dereg(mr);
	vt_dereg(smr);
	vt_pair_close(&p);
	vt_close(&dev);
	return done();
}
