// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Prefetch through libodp, with a provider that has no such call: what was asked
 * for is translated, with the rights asked for, before the first access; what is
 * not in memory stays out of it if asked; and residency and statistics say so.
 */
#include "vt.h"
#include "vt_mm.h"

#include <errno.h>
#include <odp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES	600		/* more than a leaf of the table */
#define LEN	(PAGES * PAGE)

static unsigned char vec[PAGES];

/* Pages of [from, to) that have all of @state. */
static int with(int from, int to, unsigned int state)
{
	int i, n = 0;

	for (i = from; i < to; i++)
		n += (vec[i] & state) == state;
	return n;
}

static void look(void *p)
{
	size_t translated = ~0ul;
	int rc;

	rc = odp_residency(p, LEN, vec, &translated);
	if (rc)
		bail("odp_residency: %s", strerror(rc));
	if (translated != (size_t)with(0, PAGES, ODP_PAGE_TRANSLATED))
		ok(false, "the sum is that of the vector");
}

int main(void)
{
	unsigned int now = ODP_PREFETCH_WAIT;
	struct odp_stats before, after;
	struct odp_mr *mr, *imr;
	struct ibv_sge sge = { 0 };
	struct odp_pd *opd;
	struct vt_pair pair;
	struct vt_dev dev;
	uint64_t end;
	uint8_t *m;
	int st;

	is(odp_stats(&before), ENODATA, "no statistics before the first registration");
	is(odp_residency((void *)(PAGE + 1), PAGE, vec, NULL), EINVAL, "residency of what is not page aligned");
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	opd = odp_pd_open(dev.pd, 0);
	if (!opd)
		bail("odp_pd_open: %m");
	is(ibv_advise_mr(dev.pd, IBV_ADVISE_MR_ADVICE_PREFETCH, 0, &sge, 1), EOPNOTSUPP,
	   "the provider has no prefetch");
	m = vt_map(LEN);
	madvise(m, LEN, MADV_NOHUGEPAGE);
	mr = odp_reg(opd, m, LEN, VT_RCV_ALL, ODP_REG_NO_PINNED);
	if (!mr)
		bail("odp_reg: %m");
	is(odp_stats(&before), 0, "statistics after it");
	look(m);
	is(with(0, PAGES, ODP_PAGE_TRANSLATED), 0, "registering translates nothing");

	/* Untouched memory is not in memory. */
	is(odp_prefetch(mr, m, LEN, now | ODP_PREFETCH_NO_FAULT), 0, "prefetch without faults");
	look(m);
	is(with(0, PAGES, ODP_PAGE_TRANSLATED), 0, "translates nothing that is not there");
	memset(m, 1, 10 * PAGE);
	is(odp_prefetch(mr, m, LEN, now | ODP_PREFETCH_NO_FAULT), 0, "again, with ten pages there");
	look(m);
	is(with(0, 10, ODP_PAGE_TRANSLATED), 10, "translates these");
	is(with(10, PAGES, ODP_PAGE_TRANSLATED), 0, "and no others");

	is(odp_prefetch(mr, m + 100 * PAGE + 1, 50 * PAGE, now), 0, "prefetch of a part");
	look(m);
	is(with(100, 151, ODP_PAGE_TRANSLATED), 51, "translates all pages it touches");
	is(with(0, PAGES, ODP_PAGE_TRANSLATED), 61, "and no others");
	is(with(100, 151, ODP_PAGE_WRITE), 0, "not for writing");
	is(with(0, PAGES, ODP_PAGE_ACCESSED), 0, "nothing was accessed yet");

	is(odp_prefetch(mr, m, LEN, now | ODP_PREFETCH_WRITE), 0, "prefetch of all for writing");
	look(m);
	is(with(0, PAGES, ODP_PAGE_WRITE), PAGES, "translates all for writing");
	odp_stats(&after);
	is(after.faults, before.faults, "all that without a fault");
	ok(after.prefetches > before.prefetches && after.prefetch_pages >= before.prefetch_pages + PAGES,
	   "statistics count the prefetches");
	ok(after.resident >= PAGES && after.table_pages >= 2, "and what is there");
	vt_pair_open(&dev, &pair, VT_CFG());
	is(vt_write(&pair.a, mr->mr, m, 8 * PAGE, mr->mr, m + 300 * PAGE), 0, "a write");
	odp_stats(&after);
	is(after.faults, before.faults, "faults nothing either");
	look(m);
	is(with(300, 308, ODP_PAGE_ACCESSED), 8, "its pages were accessed");
	is(vt_check_byte(m + 300 * PAGE, 8 * PAGE, 1), -1, "the data");

	munmap(m + 50 * PAGE, 50 * PAGE);
	look(m);
	is(with(50, 100, ODP_PAGE_TRANSLATED), 0, "what is unmapped is not translated");
	/* 6.1 invalidates all of the 2 MiB in which it splits a mapping. */
	odp_prefetch(mr, m, 50 * PAGE, now);
	odp_prefetch(mr, m + 100 * PAGE, 500 * PAGE, now);
	look(m);
	is(with(0, PAGES, ODP_PAGE_TRANSLATED), PAGES - 50, "the rest can be");
	is(odp_prefetch(mr, m + 60 * PAGE, PAGE, now), EFAULT, "prefetching it: EFAULT");

	madvise(m + 200 * PAGE, 300 * PAGE, MADV_DONTNEED);
	is(odp_prefetch(mr, m + 200 * PAGE, 300 * PAGE, 0), 0, "prefetch that nobody waits for");
	end = vt_now_ms() + VT_WAIT_MS;
	do
		look(m);
	while (with(200, 500, ODP_PAGE_TRANSLATED) < 300 && vt_now_ms() < end);
	is(with(200, 500, ODP_PAGE_TRANSLATED), 300, "is done too");

	/* Implicit: the range is a part of all memory. */
	imr = odp_reg(opd, m, LEN, IBV_ACCESS_LOCAL_WRITE, 0);
	madvise(m, LEN, MADV_DONTNEED);
	ok(imr && imr->kind == ODP_IMPLICIT && !odp_prefetch(imr, m + PAGE, PAGE, now),
	   "prefetch of an implicit region");
	look(m);
	is(with(1, 2, ODP_PAGE_TRANSLATED), 1, "translates it");

	is(odp_prefetch(mr, m + PAGE, LEN, now), ERANGE, "beyond the region: ERANGE");
	is(odp_prefetch(mr, m - 1, 1, now), ERANGE, "before it: ERANGE");
	is(odp_prefetch(mr, m, 1, 1u << 31), EINVAL, "a flag that is none: EINVAL");
	is(odp_prefetch(mr, m, 0, now), 0, "of nothing");

	/* Another process asks about itself. */
	if (!fork())
		_exit(odp_residency(m, LEN, vec, NULL) != ENODATA || odp_stats(&after) != ENODATA);
	ok(wait(&st) > 0 && !st, "a child has nothing translated");
	is(odp_dereg(mr), 0, "deregistered");
	is(odp_dereg(imr), 0, "deregistered");
	is(odp_pd_close(opd), 0, "closed");
	vt_pair_close(&pair);
	vt_close(&dev);
	return done();
}
