// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N5: invalidations are ranged. Threads that map, touch and unmap memory as fast
 * as they can, elsewhere in the same process, do not keep a fault from coming to
 * its end, and do not cost the translations of other ranges.
 */
#include "vt.h"
#include "vt_mm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define LEN	(64 * PAGE)

static atomic_bool stop;
static atomic_ulong churned;

static void *churn(void *arg)
{
	while (!stop) {
		uint8_t *p = vt_map(2ul << 20);

		p[0] = 1;
		p[1 << 20] = 1;
		munmap(p, 2ul << 20);
		churned++;
	}
	return arg;
}

int main(void)
{
	int i, bad = 0, n = vt_slow() ? 20 : 200;
	long long faults, invalidated;
	struct ibv_mr *mr, *smr;
	uint8_t *m, *src;
	struct vt_dev dev;
	struct vt_pair p;
	pthread_t t[2];

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_pair_open(&dev, &p, VT_CFG());
	src = vt_map(LEN);
	m = vt_map(LEN);
	madvise(m, LEN, MADV_NOHUGEPAGE);	/* no collapse behind our back */
	smr = vt_reg(&dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	mr = vt_reg(&dev, VT_ODP, m, LEN, VT_RCV_ALL);
	for (i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, churn, NULL);
	for (i = 0; i < n && !bad; i++) {
		madvise(m, LEN, MADV_DONTNEED);
		vt_fill(src, 0, LEN, i);
		bad += vt_write(&p.a, smr, src, LEN, mr, m);
		bad += vt_check(m, 0, LEN, i) >= 0;
	}
	is(bad, 0, "%d cold writes come to their end while two threads churn", n);

	/* Warm now: nothing the churn does may make it cold. */
	faults = vt_counter(&dev, "odp_faults");
	invalidated = vt_counter(&dev, "odp_invalidated_pages");
	for (i = 0; i < n; i++)
		bad += vt_write(&p.a, smr, src, LEN, mr, m);
	is(bad, 0, "%d warm writes", n);
	if (vt_stock()) {
		skip("the stock driver does not count faults");
	} else {
		ok(faults >= 0, "faults are counted");
		is(vt_counter(&dev, "odp_faults") - faults, 0, "they do not fault");
		is(vt_counter(&dev, "odp_invalidated_pages") - invalidated, 0,
		   "no translation is lost to what goes on elsewhere");
	}
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	ok(churned > 10, "the churn was real (%lu mappings)", churned);
	vt_pair_close(&p);
	vt_dereg(mr);
	vt_dereg(smr);
	vt_close(&dev);
	return done();
}
