// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D4: a fault parks the queue pair, and that is all. A region of four times what its
 * memory cgroup may have in memory is written and read at random, a page at a time and
 * sixteen at a time, so that most pages have to come from swap, on both roads: the data is
 * right, and not one of those faults costs a packet sent twice, a receiver not ready, or a
 * time-out.
 *
 * FAULTS (12000) is how many there have to be at least; `make soak` has 1,000,000.
 */
#include "vt_mm.h"
#include "vt_peer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LIMIT	"8M"
#define LEN	(32ul << 20)
#define PAGES	(LEN / PAGE)
#define DEPTH	16

static const char *const cost[] = {
	"duplicate_request", "out_of_seq_request", "rcvd_rnr_err", "send_rnr_err",
	"rcvd_seq_err", "completer_retry_err", "retry_exceeded_err", "retry_rnr_exceeded_err",
};
#define N_COST	(sizeof(cost) / sizeof(cost[0]))

static unsigned long random_state = 1;

static unsigned int below(unsigned int n)
{
	random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
	return (random_state >> 33) % n;
}

/*
 * @n pages of the peer's, under way at once, every other one written and the others read
 * and checked. No page is there twice.
 */
static int pages(struct vt_peer *p, struct ibv_mr *mr, uint8_t *buf, unsigned int *version,
		 unsigned int n, bool write)
{
	unsigned int first = below(PAGES), step = 2 * below(PAGES / 2) + 1, i;
	int bad = 0;

	for (i = 0; i < n; i++, write = !write) {
		unsigned int at = (first + i * step) % PAGES;
		uint8_t *b = buf + i * PAGE;

		if (write)
			vt_fill(b, at * PAGE, PAGE, ++version[at]);
		vt_post(&p->qp, VT_OP(.op = write ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_READ, .id = i,
				      .local = b, .len = PAGE, .lkey = mr->lkey,
				      .remote = p->addr.addr + at * PAGE, .rkey = p->addr.rkey));
	}
	for (i = 0; i < n; i++)
		bad += vt_done(&p->qp) || p->qp.wc.wr_id != i;
	for (i = 0; i < n && !bad; i++) {
		unsigned int at = (first + i * step) % PAGES;
		uint8_t *b = buf + i * PAGE;

		bad += version[at] ? vt_check(b, at * PAGE, PAGE, version[at]) >= 0 :
				     vt_check_byte(b, PAGE, 0) >= 0;
	}
	return bad;
}

static void thrash(struct vt_dev *dev, bool wire)
{
	const char *text = getenv("FAULTS"), *road = wire ? "wire" : "local";
	long long want = (text ? atoll(text) : vt_slow() ? 2000 : 12000) / 2, faults, before;
	unsigned int *version = calloc(PAGES, sizeof(*version));
	long long cost_before[N_COST], pins = vt_pins();
	uint8_t *buf = vt_map(DEPTH * PAGE);
	unsigned long n = 0, bad = 0;
	struct vt_peer p;
	struct ibv_mr *mr;
	unsigned int i;

	/* Patient, for an emulated machine that is stopped for half a second now and then. */
	vt_peer_open(dev, &p, VT_ODP, LEN, VT_CFG(.wire = wire, .timeout = 20), vt_cgroup_enter);
	mr = vt_reg(dev, VT_PINNED, buf, DEPTH * PAGE, VT_RCV_ALL);
	for (i = 0; i < N_COST; i++)
		cost_before[i] = vt_counter(dev, cost[i]);
	before = faults = vt_counter(dev, "odp_faults");
	while (faults - before < want && n < (unsigned long)want * 20 && !bad) {
		bad += !!pages(&p, mr, buf, version, n & 2 ? DEPTH : 1, n & 1);
		if (!(++n % 256))
			faults = vt_counter(dev, "odp_faults");
	}
	is(bad, 0, "%s: the data is right, %lu times", road, n);
	faults -= before;
	ok(faults >= want, "%s: %lld faults", road, faults);
	for (i = 0; i < N_COST; i++)
		is(vt_counter(dev, cost[i]) - cost_before[i], 0, "%s: %s", road, cost[i]);
	is(vt_pins() - pins, DEPTH, "%s: nothing is pinned but the buffer", road);
	vt_dereg(mr);
	is(vt_peer_close(&p), 0, "%s: the owner ends", road);
	free(version);
}

int main(void)
{
	struct vt_dev dev;

	vt_swap_on(256);
	vt_cgroup();
	vt_cgroup_set("memory.max", LIMIT);
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	thrash(&dev, false);
	thrash(&dev, true);
	vt_close(&dev);
	return done();
}
