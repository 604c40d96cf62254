// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N7: parent, child and grandchild share pages after fork and all write to them by
 * RDMA, each through a registration of its own, while all translations are hot: each
 * has its own memory. Memory that is shared by intent stays shared.
 */
#include "vt_mm.h"
#include "vt_rig.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(64 * PAGE)
#define HALF	(LEN / 2)
#define ROUNDS	5

static uint8_t *m, *shared;

/* Writes half of its memory again and again; the other half stays of @old. */
static int writer(uint64_t old, uint64_t mine, int generation)
{
	struct vt_rig r;
	struct ibv_mr *mr;
	int i, st = 0, bad = 0;
	pid_t pid = 0;

	vt_rig_open(&r, LEN);
	mr = vt_reg(&r.dev, generation & 1 ? VT_IMPLICIT : VT_ODP, m, LEN, VT_RCV_ALL);
	bad += vt_get(&r, mr, m, LEN, old) != 0;
	for (i = 0; i < ROUNDS; i++) {
		bad += vt_put(&r, mr, m, HALF, mine + i) != 0;
		if (!i && generation) {
			/* It inherits the half just written; give it one stream. */
			bad += vt_put(&r, mr, m, LEN, mine) != 0;
			pid = fork();
			if (!pid)
				_exit(writer(mine, mine + 100, generation - 1));
			old = mine;
		}
		bad += vt_get(&r, mr, m, HALF, mine + i) != 0;
		bad += vt_check(m, 0, HALF, mine + i) >= 0;
	}
	vt_fill(r.buf, 0, LEN, old);
	for (i = HALF; i < (int)LEN; i++)
		bad += m[i] != r.buf[i];
	if (pid)
		bad += waitpid(pid, &st, 0) != pid || st;
	bad += vt_check(m, 0, HALF, mine + ROUNDS - 1) >= 0;
	vt_dereg(mr);
	vt_rig_close(&r);
	return bad;
}

static int other_writer(void)
{
	struct vt_rig r;
	struct ibv_mr *mr;
	int bad;

	vt_rig_open(&r, LEN);
	mr = vt_reg(&r.dev, VT_ODP, shared, LEN, VT_RCV_ALL);
	bad = vt_get(&r, mr, shared, LEN, 1) || vt_put(&r, mr, shared, LEN, 2);
	vt_dereg(mr);
	vt_rig_close(&r);
	return bad;
}

int main(void)
{
	struct vt_rig r;
	struct ibv_mr *mr, *smr;
	pid_t pid;
	int st;

	vt_rig_open(&r, LEN);
	m = vt_map(LEN);
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	is(vt_put(&r, mr, m, LEN, 1000), 0, "write, now it is hot");
	pid = fork();
	if (!pid)
		_exit(writer(1000, 2000, 2));
	is(vt_put(&r, mr, m, HALF, 1), 0, "write while the child does");
	vt_sees(&r, mr, m, HALF, 1, "the data");
	is(waitpid(pid, &st, 0), pid, "child and grandchildren end");
	is(st, 0, "each found and kept its own memory");
	vt_sees(&r, mr, m, HALF, 1, "what was written is still there");
	vt_fill(r.buf, 0, LEN, 1000);
	is(vt_write(&r.pair[0].a, r.bmr, r.buf + HALF, HALF, mr, m), 0, "write once more");

	shared = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	smr = vt_reg(&r.dev, VT_ODP, shared, LEN, VT_RCV_ALL);
	is(vt_put(&r, smr, shared, LEN, 1), 0, "write to shared memory");
	pid = fork();
	if (!pid)
		_exit(other_writer());
	is(waitpid(pid, &st, 0), pid, "a child reads and writes it");
	is(st, 0, "it found what the parent wrote");
	vt_sees(&r, smr, shared, LEN, 2, "the parent finds what the child wrote");
	vt_dereg(mr);
	vt_dereg(smr);
	vt_rig_close(&r);
	return done();
}
