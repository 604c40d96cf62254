// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * libodp registers with the best means that device, access and caller allow, says
 * which it was, and the region works wherever that of libibverbs does.
 */
#include "vt.h"
#include "vt_mm.h"

#include <errno.h>
#include <odp.h>
#include <string.h>
#include <sys/mman.h>

#define LEN	(64 * PAGE)

static struct vt_dev dev;
static struct vt_pair pair;
static uint8_t *src, *dst;

static void capabilities(struct odp_pd *opd)
{
	struct odp_caps caps;

	is(odp_query(dev.ctx, &caps), 0, "the device can be asked what it can do");
	is(caps.can, ODP_CAN_EXPLICIT | ODP_CAN_IMPLICIT | ODP_CAN_PREFETCH,
	   "it can explicit and implicit regions and prefetch");
	is(caps.transport[ODP_RC], dev.attr.odp_caps.per_transport_caps.rc_odp_caps,
	   "over RC what verbs say");
	is(caps.transport[ODP_UD], dev.attr.odp_caps.per_transport_caps.ud_odp_caps,
	   "over UD what verbs say");
	ok(!memcmp(&caps, odp_pd_caps(opd), sizeof(caps)), "a protection domain says the same");
}

static struct odp_mr *reg(struct odp_pd *opd, void *p, int access, unsigned int flags,
			  enum odp_kind want, const char *what)
{
	struct odp_mr *mr = odp_reg(opd, p, LEN, access, flags);

	if (!mr)
		bail("%s: odp_reg: %m", what);
	ok(mr->kind == want, "%s: it is %s", what, odp_kind_str(mr->kind));
	ok(mr->addr == p && mr->length == LEN && mr->lkey == mr->mr->lkey &&
	   mr->rkey == mr->mr->rkey, "%s: and describes itself", what);
	return mr;
}

/* One write from @l to @r, every byte checked. */
static void carries(struct odp_mr *l, struct odp_mr *r, const char *what)
{
	static uint64_t seed;
	int rc;

	vt_fill(src, 0, LEN, ++seed);
	rc = vt_write(&pair.a, l->mr, src + 5, LEN - 5, r->mr, dst + 5);
	is(rc, IBV_WC_SUCCESS, "%s: a write from it and to it", what);
	is(vt_check(dst + 5, 5, LEN - 5, seed), -1, "%s: carries the data", what);
}

static void errors(struct odp_pd *opd)
{
	struct odp_pd *xrc = odp_pd_open(dev.pd, ODP_FOR(ODP_XRC));
	struct odp_mr *mr;

	errno = 0;
	ok(!odp_reg(opd, src, 0, 0, 0) && errno == EINVAL, "no bytes: EINVAL");
	errno = 0;
	ok(!odp_reg(opd, src, SIZE_MAX, 0, 0) && errno == EINVAL, "a range that wraps: EINVAL");
	errno = 0;
	ok(!odp_reg(opd, src, LEN, 0, 1u << 31) && errno == EINVAL, "a flag that is none: EINVAL");
	errno = 0;
	ok(!odp_reg(opd, src, LEN, IBV_ACCESS_ON_DEMAND, 0) && errno == EINVAL,
	   "on demand is not the caller's to ask for: EINVAL");
	errno = 0;
	ok(!odp_pd_open(dev.pd, 1u << 31) && errno == EINVAL, "a transport that is none: EINVAL");

	/* Over XRC the device does nothing on demand. */
	if (!xrc)
		bail("odp_pd_open: %m");
	mr = reg(xrc, src, 0, 0, ODP_PINNED, "for XRC");
	is(odp_prefetch(mr, src, LEN, 0), 0, "what is pinned needs no prefetch");
	is(odp_dereg(mr), 0, "deregistered");
	errno = 0;
	ok(!odp_reg(xrc, src, LEN, 0, ODP_REG_NO_PINNED) && errno == EOPNOTSUPP,
	   "for XRC, not pinned: EOPNOTSUPP");
	is(odp_pd_close(xrc), 0, "closed");
}

int main(void)
{
	struct odp_mr *shared, *again, *explicit, *remote;
	struct odp_pd *opd;
	long long pins;

	vt_open(&dev);
	vt_need(&dev, VT_IMPLICIT);
	vt_pair_open(&dev, &pair, VT_CFG());
	src = vt_map(LEN);
	dst = vt_map(LEN);
	opd = odp_pd_open(dev.pd, 0);
	if (!opd)
		bail("odp_pd_open: %m");
	capabilities(opd);

	pins = vt_status_kb("VmPin");
	shared = reg(opd, src, IBV_ACCESS_LOCAL_WRITE, 0, ODP_IMPLICIT, "local access");
	again = reg(opd, dst, IBV_ACCESS_LOCAL_WRITE, 0, ODP_IMPLICIT, "the same again");
	ok(again->lkey == shared->lkey, "both share one region");
	explicit = reg(opd, dst, VT_RCV_ALL, 0, ODP_EXPLICIT, "access by peers");
	carries(shared, explicit, "implicit and explicit");
	is(odp_dereg(shared), 0, "one of those that share is deregistered");
	carries(again, explicit, "the other still");
	remote = reg(opd, dst, VT_RCV_ALL, ODP_REG_IMPLICIT_REMOTE, ODP_IMPLICIT,
		     "access by peers to all memory");
	ok(remote->lkey != again->lkey, "other access has another region");
	carries(again, remote, "implicit on both sides");
	is(vt_status_kb("VmPin"), pins, "none of this is pinned");

	is(odp_pd_close(opd), EBUSY, "with regions it does not close");
	is(odp_dereg(again), 0, "the last that shares is deregistered");
	again = reg(opd, src, IBV_ACCESS_LOCAL_WRITE, ODP_REG_NO_IMPLICIT, ODP_EXPLICIT,
		    "not implicit");
	carries(again, explicit, "explicit on both sides");
	is(odp_dereg(explicit), 0, "deregistered");
	is(vt_write(&pair.a, again->mr, src, LEN, remote->mr, dst), 0, "the rest works on");
	is(odp_dereg(remote), 0, "deregistered");
	is(odp_dereg(again), 0, "deregistered");
	errors(opd);
	is(odp_dereg(NULL), 0, "deregistering nothing");
	is(odp_pd_close(opd), 0, "without regions it closes");
	vt_pair_close(&pair);
	vt_close(&dev);
	return done();
}
