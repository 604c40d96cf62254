// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Prefetch: what is advised is translated before it is accessed, at its address in the
 * region whatever its address in memory; what cannot be is refused with the error the
 * manual page names, pinned regions and foreign domains included; and advice that
 * blocks holds up nobody.
 *
 * The distribution's user library has no such call: this makes the system call.
 */
#include <errno.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/rdma_user_ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vt_mm.h"
#include "vt_rig.h"
#include "vt_uffd.h"

#define LEN	(64 * PAGE)
#define READ	IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH
#define WRITE	IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH_WRITE
#define PRESENT	IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH_NO_FAULT
#define WAIT	IB_UVERBS_ADVISE_MR_FLAG_FLUSH

static struct vt_rig r;

/* Returns 0 or errno. */
static int advise_sge(struct ibv_pd *pd, int advice, uint32_t flags,
		      const struct ib_uverbs_sge *sge, int n)
{
	struct {
		struct ib_uverbs_ioctl_hdr hdr;
		struct ib_uverbs_attr attr[4];
	} cmd = {
		.hdr = {
			.length = sizeof(cmd), .object_id = UVERBS_OBJECT_MR,
			.method_id = UVERBS_METHOD_ADVISE_MR, .num_attrs = 4,
			.driver_id = RDMA_DRIVER_RXE,
		},
		.attr = {
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_PD_HANDLE, .data = pd->handle },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_ADVICE, .len = 8, .data = advice },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_FLAGS, .len = 4, .data = flags },
			{ .attr_id = UVERBS_ATTR_ADVISE_MR_SGE_LIST, .len = n * sizeof(*sge),
			  .data = (uintptr_t)sge },
		},
	};
	int i;

	for (i = 0; i < 4; i++)
		cmd.attr[i].flags = UVERBS_ATTR_F_MANDATORY;
	return ioctl(pd->context->cmd_fd, RDMA_VERBS_IOCTL, &cmd) ? errno : 0;
}

static int advise(struct ibv_mr *mr, int advice, uint32_t flags, uint64_t at, uint32_t len)
{
	struct ib_uverbs_sge sge = { .addr = at, .length = len, .lkey = mr->lkey };

	return advise_sge(mr->pd, advice, flags, &sge, 1);
}

static long long faults(void)
{
	return vt_counter(&r.dev, "odp_faults");
}

/* Does a write of all of it (else a read) find it translated? */
static bool hits(struct ibv_mr *mr, uint64_t at, bool write)
{
	long long before = faults();
	int st = write ? vt_put(&r, mr, (void *)at, LEN, 7) :
			 vt_read(&r.pair[0].a, r.bmr, r.buf, LEN, mr, (void *)at);

	return !st && faults() == before;
}

static void translated(void)
{
	uint8_t *m = vt_map(LEN);
	uint64_t at = (uintptr_t)m, iova = 0x7000000000ull, end;
	struct ibv_mr *mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL), *named;

	madvise(m, LEN, MADV_NOHUGEPAGE);
	ok(!hits(mr, at, false), "without advice an access faults");
	madvise(m, LEN, MADV_DONTNEED);
	is(advise(mr, READ, WAIT, at, LEN), 0, "advise reading");
	ok(hits(mr, at, false), "then reading finds it translated");
	ok(!hits(mr, at, true), "and writing does not");
	madvise(m, LEN, MADV_DONTNEED);
	is(advise(mr, WRITE, WAIT, at, LEN), 0, "advise writing");
	ok(hits(mr, at, true), "then writing finds it translated");
	vt_sees(&r, mr, m, LEN, 7, "the data");

	madvise(m, LEN, MADV_DONTNEED);
	is(advise(mr, PRESENT, WAIT, at, LEN), 0, "advise what is present of nothing");
	is(vt_count_present(m, LEN), 0, "brings nothing in");
	memset(m, 1, LEN);
	is(advise(mr, PRESENT, WAIT, at, LEN), 0, "with memory there");
	ok(hits(mr, at, false), "it is translated");

	madvise(m, LEN, MADV_DONTNEED);
	is(advise(mr, WRITE, 0, at, LEN), 0, "advise without waiting");
	end = vt_now_ms() + VT_WAIT_MS;
	while (vt_count_present(m, LEN) < LEN / PAGE && vt_now_ms() < end)
		usleep(1000);
	is(vt_count_present(m, LEN), LEN / PAGE, "comes in by itself");
	vt_dereg(mr);

	/* Under another name: it is that name that counts. */
	madvise(m, LEN, MADV_DONTNEED);
	named = ibv_reg_mr_iova(r.dev.pd, m, LEN, iova, VT_RCV_ALL | IBV_ACCESS_ON_DEMAND);
	if (!named)
		bail("reg_mr_iova: %m");
	is(advise(named, WRITE, WAIT, at, PAGE), EFAULT, "the address in memory is refused");
	is(advise(named, WRITE, WAIT, iova, LEN), 0, "that in the region is good");
	ok(hits(named, iova, true), "and is translated");
	is(vt_check(m, 0, LEN, 7), -1, "the data");
	vt_dereg(named);
	munmap(m, LEN);
}

static void refused(void)
{
	uint8_t *m = vt_map(LEN);
	uint64_t at = (uintptr_t)m;
	struct ibv_mr *mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	struct ibv_mr *pinned = vt_reg(&r.dev, VT_PINNED, m, LEN, VT_RCV_ALL);
	struct ibv_mr *ro = vt_reg(&r.dev, VT_ODP, m, LEN, IBV_ACCESS_REMOTE_READ);
	struct ibv_pd *pd = ibv_alloc_pd(r.dev.ctx);
	struct ib_uverbs_sge two[2] = {
		{ .addr = at, .length = PAGE, .lkey = mr->lkey },
		{ .addr = at, .length = PAGE, .lkey = pinned->lkey },
	};

	is(advise(pinned, READ, WAIT, at, LEN), EINVAL, "a pinned region");
	is(advise(pinned, WRITE, 0, at, LEN), EINVAL, "without waiting, too");
	is(advise_sge(r.dev.pd, READ, WAIT, two, 2), EINVAL, "and second in a list");
	is(advise_sge(pd, READ, WAIT, two, 1), EPERM, "a region of another domain");
	two[0].lkey ^= 0x5a;
	is(advise_sge(r.dev.pd, READ, WAIT, two, 1), EFAULT, "a key that nobody has");
	is(advise(mr, READ, WAIT, at + 1, LEN), EFAULT, "a range beyond the end");
	is(advise(mr, READ, WAIT, at - PAGE, LEN), EFAULT, "or before the start");
	is(advise(mr, READ, WAIT, -8ull, 16), EFAULT, "or around the end of all addresses");
	is(advise(ro, WRITE, WAIT, at, LEN), EPERM, "writing to a region that may not be");
	is(advise(ro, READ, WAIT, at, LEN), 0, "reading from it is fine");
	is(advise(mr, 99, WAIT, at, LEN), EOPNOTSUPP, "advice that does not exist");
	ok(advise(mr, READ, 0x80, at, LEN) != 0, "flags that do not exist");
	is(advise(mr, READ, WAIT, at, 0), 0, "nothing at all is fine");
	vt_dereg(ro);
	vt_dereg(pinned);
	ibv_dealloc_pd(pd);
	munmap(m, LEN);
	is(advise(mr, READ, WAIT, at, LEN), EFAULT, "memory that is not there, waited for");
	is(advise(mr, READ, 0, at, LEN), 0, "not waited for, nobody hears of it");
	vt_dereg(mr);
}

static void blocked(void)
{
	uint8_t *m = vt_map(LEN);
	struct ibv_mr *mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
	int fd = vt_uffd(m, LEN);

	is(advise(mr, WRITE, 0, (uintptr_t)m, LEN), 0, "advice that blocks returns");
	ok(vt_uffd_wait(fd), "while its handler is asked");
	is(ibv_dereg_mr(mr), 0, "the region goes meanwhile");
	vt_uffd_fill(fd, m, LEN, 1);
	close(fd);
	munmap(m, LEN);
}

int main(void)
{
	vt_rig_open(&r, LEN);
	/* Nothing else may take a translation away. */
	madvise(r.buf, LEN, MADV_NOHUGEPAGE);
	is(vt_put(&r, r.bmr, r.buf, LEN, 1), 0, "the source is hot");
	translated();
	refused();
	blocked();
	vt_rig_close(&r);
	return done();
}
