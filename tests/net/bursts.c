// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Long messages leave in bursts, and come in as such where nothing takes them apart:
 * through the loopback device. The packets are counted as what they are, and memory
 * that is missing in the middle of a burst costs none of them.
 */
#include "vt.h"
#include "vt_mm.h"

#include <stdio.h>
#include <sys/mman.h>

#define LEN	(256u << 10)
#define MTU	1024

static struct vt_dev dev;
static struct vt_pair p;
static uint8_t *from, *to;
static struct ibv_mr *fmr, *tmr;

struct seen {
	long long bursts, in, out, bytes_in, bytes_out, lost;
};

static struct seen look(void)
{
	return (struct seen){
		.bursts = vt_counter(&dev, "rcvd_bursts"),
		.in = vt_counter(&dev, "rcvd_pkts"),
		.out = vt_counter(&dev, "sent_pkts"),
		.bytes_in = vt_counter(&dev, "rcvd_bytes"),
		.bytes_out = vt_counter(&dev, "sent_bytes"),
		.lost = vt_counter(&dev, "completer_retry_err") +
			vt_counter(&dev, "out_of_seq_request"),
	};
}

static void judge(const char *what, const struct seen *before, int mtu)
{
	struct seen after = look();
	long long packets = after.in - before->in;

	ok(after.bursts > before->bursts, "%s: %lld bursts", what, after.bursts - before->bursts);
	ok(packets > LEN / mtu, "%s: %lld packets", what, packets);
	ok(packets > 4 * (after.bursts - before->bursts), "%s: far more than there are bursts",
	   what);
	is(packets, after.out - before->out, "%s: as many as were sent", what);
	is(after.bytes_in - before->bytes_in, after.bytes_out - before->bytes_out,
	   "%s: and as many bytes", what);
	is(after.lost - before->lost, 0, "%s: none of them was lost", what);
}

static void one(bool v6, int mtu)
{
	struct seen before;
	char what[64];

	vt_pair_open(&dev, &p, VT_CFG(.wire = true, .v6 = v6, .mtu = mtu));
	snprintf(what, sizeof(what), "write, IPv%d, %d", v6 ? 6 : 4, mtu);
	before = look();
	vt_fill(from, 0, LEN, mtu);
	is(vt_write(&p.a, fmr, from, LEN - 3, tmr, to), 0, "%s", what);
	judge(what, &before, mtu);
	is(vt_check(to, 0, LEN - 3, mtu), -1, "%s: the data", what);

	snprintf(what, sizeof(what), "read, IPv%d, %d", v6 ? 6 : 4, mtu);
	before = look();
	vt_fill(to, 0, LEN, mtu + 1);
	is(vt_read(&p.a, fmr, from, LEN - 3, tmr, to), 0, "%s", what);
	judge(what, &before, mtu);
	is(vt_check(from, 0, LEN - 3, mtu + 1), -1, "%s: the data", what);
	vt_pair_close(&p);
}

/* What is missing is every other page. */
static void holes(bool read)
{
	const char *what = read ? "read into holes" : "write into holes";
	long long parks = vt_counter(&dev, "parks");
	uint8_t *m = read ? from : to;
	struct seen before;
	size_t at;

	vt_pair_open(&dev, &p, VT_CFG(.wire = true, .mtu = MTU));
	vt_fill(read ? to : from, 0, LEN, 7);
	for (at = PAGE; at < LEN; at += 2 * PAGE)
		if (madvise(m + at, PAGE, MADV_DONTNEED))
			bail("MADV_DONTNEED: %m");
	before = look();
	is(read ? vt_read(&p.a, fmr, from, LEN, tmr, to) :
		  vt_write(&p.a, fmr, from, LEN, tmr, to), 0, "%s", what);
	ok(vt_counter(&dev, "parks") > parks, "%s: which had to be waited for", what);
	judge(what, &before, MTU);
	is(vt_check(m, 0, LEN, 7), -1, "%s: the data", what);
	vt_pair_close(&p);
}

int main(void)
{
	int v6;

	vt_open(&dev);
	vt_need_wire();
	from = vt_map(LEN);
	to = vt_map(LEN);
	fmr = vt_reg(&dev, VT_ODP, from, LEN, VT_RCV_ALL);
	tmr = vt_reg(&dev, VT_ODP, to, LEN, VT_RCV_ALL);
	for (v6 = 0; v6 < 2; v6++) {
		one(v6, 256);
		one(v6, MTU);
	}
	holes(false);
	holes(true);
	vt_dereg(fmr);
	vt_dereg(tmr);
	vt_close(&dev);
	return done();
}
