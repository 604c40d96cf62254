// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D4: a fault never costs the peer its connection, also where answers to READs got
 * lost before it. A parked responder that is asked for them again is not ready for the
 * oldest of them; and a requester that hears of a later one asks again from the oldest,
 * which costs no retry. One of the two sides is made here.
 */
#include "vt.h"
#include "vt_mm.h"
#include "vt_roce.h"
#include "vt_uffd.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define N	3
#define LEN	1000
#define RNR_10MS	(0x20 | 20)	/* syndrome: not ready, for 10.24 ms */

static struct vt_dev dev;
static struct vt_pair p;
static struct vt_roce pk;
static struct ibv_mr *mr, *smr;
static uint8_t *m, *src;

static void post_read(int i)
{
	vt_post(&p.a, VT_OP(.op = IBV_WR_RDMA_READ, .id = i, .local = src + i * LEN, .len = LEN,
			    .lkey = smr->lkey, .remote = (uintptr_t)m + i * PAGE,
			    .rkey = mr->rkey));
}

/* READs @n and so on are asked for again, as if @p.a had got no answer. */
static void ask_again(uint32_t n)
{
	for (; n < N; n++) {
		vt_roce_bth(&pk, ROCE_RC_READ, 0, p.b.self.qpn, (p.a.self.psn + n) & 0xffffff);
		vt_roce_reth(&pk, (uintptr_t)m + n * PAGE, mr->rkey, LEN);
		vt_roce_send(&pk, 28, true);
	}
}

/* Which of its packets @p.a is told to send again; -1 if none for half a second. */
static int told_not_ready(int sniffer)
{
	struct pollfd pfd = { .fd = sniffer, .events = POLLIN };
	uint8_t b[2048];
	const uint8_t *bth = b + 28;
	struct sockaddr_ll from;
	uint32_t psn;

	while (poll(&pfd, 1, 500) == 1) {
		socklen_t fromlen = sizeof(from);
		ssize_t n = recvfrom(sniffer, b, sizeof(b), 0, (void *)&from, &fromlen);

		/* loopback: what is sent is seen twice */
		if (n < 28 + 16 || from.sll_pkttype == PACKET_OUTGOING || b[0] != 0x45 ||
		    b[9] != IPPROTO_UDP || b[22] != 4791 >> 8 || b[23] != (4791 & 255))
			continue;
		memcpy(&psn, bth + 8, 4);
		if (bth[0] == ROCE_RC_ACK && (bth[12] & 0xe0) == 0x20)
			return (ntohl(psn) - p.a.self.psn) & 0xffffff;
	}
	return -1;
}

static void responder(void)
{
	int fd = vt_uffd(m + PAGE, PAGE);
	int sniffer = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
	struct ibv_wc wc;

	ok(sniffer >= 0, "look at what is sent");
	vt_fill(m, 0, LEN, 1);
	/* the responder's own patience is a second; the requester's is longer */
	vt_pair_open(&dev, &p, VT_CFG(.wire = true, .timeout = 20));
	post_read(0);
	is(vt_done(&p.a), 0, "a READ is answered");
	post_read(1);
	post_read(2);
	ok(vt_uffd_wait(fd), "the memory of the next one blocks");

	ask_again(0);
	is(told_not_ready(sniffer), 0, "asked for all three again: not ready for the first");
	is(told_not_ready(sniffer), -1, "which is said once");
	ask_again(1);
	is(told_not_ready(sniffer), 1, "asked for two again: not ready for the second");
	ask_again(0);
	is(told_not_ready(sniffer), 0, "for three: for the first, each time");
	ok(!vt_poll(p.a.cq, &wc, 100), "nothing completes meanwhile");
	vt_uffd_fill(fd, m + PAGE, PAGE, 2);
	is(vt_done(&p.a), 0, "the memory is there: the second is answered");
	is(vt_done(&p.a), 0, "and the third");
	is(vt_check(src, 0, LEN, 1), -1, "data of the first");
	is(vt_check(src + LEN, 0, LEN, 2), -1, "data of the second");
	close(sniffer);
	close(fd);
	vt_pair_close(&p);
}

static void requester(void)
{
	struct ibv_wc wc;
	int i, bad = 0;

	/* all tries together: 134 ms and twice as much */
	vt_pair_open(&dev, &p, VT_CFG(.wire = true, .timeout = 15, .retry = 1));
	vt_qp_reset(&p.b);		/* it hears nothing and says nothing */
	for (i = 0; i < N; i++)
		post_read(i);
	for (i = 0; i < 40 && !bad; i++) {
		vt_roce_answer(&pk, ROCE_RC_ACK, RNR_10MS, p.a.self.qpn, p.a.self.psn + 2, 0, 0);
		bad = vt_poll(p.a.cq, &wc, 25);
	}
	ok(!bad, "not ready for the third of three READs, for a second");
	is(vt_qp_state(&p.a), IBV_QPS_RTS, "the requester is still connected");
	for (i = 0; i < N; i++)
		vt_roce_answer(&pk, ROCE_RC_READ_ONLY, 0x1f, p.a.self.qpn, p.a.self.psn + i,
			       LEN, i + 1);
	for (i = 0; i < N; i++)
		bad += vt_done(&p.a) || p.a.wc.wr_id != (uint64_t)i ||
		       src[i * LEN] != i + 1 || src[i * LEN + LEN - 1] != i + 1;
	is(bad, 0, "answered, all complete in order with their data");
	vt_pair_close(&p);
}

int main(void)
{
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_need_wire();
	m = vt_map(N * PAGE);
	src = vt_map(N * LEN);
	mr = vt_reg(&dev, VT_ODP, m, N * PAGE, VT_RCV_ALL);
	smr = vt_reg(&dev, VT_PINNED, src, N * LEN, VT_RCV_ALL);
	vt_pair_open(&dev, &p, VT_CFG(.wire = true));
	vt_roce_open(&p.b.self.gid);
	vt_pair_close(&p);
	responder();
	requester();
	vt_dereg(mr);
	vt_dereg(smr);
	vt_close(&dev);
	return done();
}
