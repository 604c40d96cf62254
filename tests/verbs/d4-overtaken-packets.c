// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D4: a fault may move a connection to another processor, and then packets of loopback
 * and veth overtake each other. A side keeps the ones that come early for a moment, and
 * nothing is sent twice; only what does not come is missing. The packets are made here.
 *
 * Whatever has to come within that moment is tried again where this machine took longer.
 */
#include "vt.h"
#include "vt_mm.h"
#include "vt_roce.h"
#include "vt_uffd.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define N	3
#define LEN	256		/* of a packet's data */
#define TRIES	200
#define SOON_MS	10
#define MANY	400		/* more than a queue pair queues */

static struct vt_dev dev;
static struct vt_pair p;
static struct vt_roce pk;
static struct ibv_mr *mr;
static uint8_t *m;
static long long lost, overtaken;

static void look(void)
{
	lost = vt_counter(&dev, "out_of_seq_request") + vt_counter(&dev, "duplicate_request") +
	       vt_counter(&dev, "send_rnr_err") + vt_counter(&dev, "completer_retry_err");
	overtaken = vt_counter(&dev, "overtaken_pkts");
}

/* What has been counted since look(). */
static void judge(const char *what, int late)
{
	long long lost_before = lost, overtaken_before = overtaken;

	look();
	is(lost - lost_before, 0, "%s: nothing was lost, or asked for again", what);
	is(overtaken - overtaken_before, late, "%s: overtaken packets", what);
}

/* Packet @n of the sender: a write of bytes of its own to the @n-th part of memory. */
static void send_write(uint32_t n, struct ibv_mr *to, size_t stride)
{
	vt_roce_bth(&pk, ROCE_RC_WRITE_ONLY, 0, p.b.self.qpn, (p.a.self.psn + n) & 0xffffff);
	vt_roce_reth(&pk, (uintptr_t)to->addr + n * stride, to->rkey, LEN);
	memset(pk.data + 28, n + 1, LEN);
	vt_roce_send(&pk, 28 + LEN, true);
}

/* Has the @n-th part been written, soon? */
static bool written(uint32_t n)
{
	uint64_t end = vt_now_ms() + VT_WAIT_MS;

	while (__atomic_load_n(&m[n * LEN + LEN - 1], __ATOMIC_RELAXED) != n + 1) {
		if (vt_now_ms() > end)
			return false;
		usleep(1000);
	}
	return vt_check_byte(m + n * LEN, LEN, n + 1) < 0;
}

static void open_pair(const struct vt_cfg *cfg)
{
	memset(m, 0, N * LEN);
	vt_pair_open(&dev, &p, cfg);
	look();
}

/* One try of @make; true if it was soon enough to be judged. */
static bool soon(void (*make)(void), const struct vt_cfg *cfg, bool last)
{
	uint64_t start, ms;

	open_pair(cfg);
	start = vt_now_ms();
	make();
	ms = vt_now_ms() - start;
	if (ms < SOON_MS || last)
		return true;
	vt_pair_close(&p);
	return false;
}

static void tried(void (*make)(void), const struct vt_cfg *cfg)
{
	int i;

	for (i = 1; !soon(make, cfg, i == TRIES); i++)
		;
}

static void requests(void)
{
	int n;

	for (n = N; n--; )
		send_write(n, mr, LEN);
}

static void responder(void)
{
	int n, there = 0;

	tried(requests, VT_CFG(.wire = true));
	for (n = 0; n < N; n++)
		there += written(n);
	is(there, N, "requests, the last one first: all executed");
	judge("requests", N - 1);
	vt_pair_close(&p);
}

static void post(enum ibv_wr_opcode op, int n)
{
	size_t len = op == IBV_WR_ATOMIC_FETCH_AND_ADD ? 8 : LEN;

	vt_post(&p.a, VT_OP(.op = op, .id = n, .local = m + n * LEN, .len = len, .lkey = mr->lkey,
			    .remote = (uintptr_t)m + N * LEN, .rkey = mr->rkey));
}

static void answer(int opcode, uint32_t n, size_t data)
{
	vt_roce_answer(&pk, opcode, 0x1f, p.a.self.qpn, p.a.self.psn + n, data, n + 1);
}

/* The peer hears nothing and says nothing; its answers are those made here. */
static void reads(void)
{
	int n;

	vt_qp_reset(&p.b);
	for (n = 0; n < N; n++)
		post(IBV_WR_RDMA_READ, n);
	for (n = N; n--; )
		answer(ROCE_RC_READ_ONLY, n, LEN);
}

static void read_then(enum ibv_wr_opcode op, int opcode, size_t data)
{
	vt_qp_reset(&p.b);
	post(IBV_WR_RDMA_READ, 0);
	post(op, 1);
	answer(opcode, 1, data);
	answer(ROCE_RC_READ_ONLY, 0, LEN);
}

static void read_then_write(void)
{
	read_then(IBV_WR_RDMA_WRITE, ROCE_RC_ACK, 0);
}

static void read_then_atomic(void)
{
	read_then(IBV_WR_ATOMIC_FETCH_AND_ADD, ROCE_RC_ATOMIC_ACK, 8);
}

static void requester(const char *what, void (*make)(void), uint32_t n, size_t last_len)
{
	uint32_t i, bad = 0;

	tried(make, VT_CFG(.wire = true, .timeout = 20));
	for (i = 0; i < n; i++)
		bad += vt_done(&p.a) || p.a.wc.wr_id != i;
	is(bad, 0, "%s: complete, in order", what);
	for (i = 0; i < n; i++) {
		size_t len = i == n - 1 ? last_len : LEN;

		ok(vt_check_byte(m + i * LEN, len, i + 1) < 0, "%s: data of answer %u", what, i);
	}
	judge(what, n - 1);
	vt_pair_close(&p);
}

static void uc_message(void)
{
	static const int ops[] = {
		ROCE_UC_SEND_FIRST, ROCE_UC_SEND_MIDDLE, ROCE_UC_SEND_MIDDLE, ROCE_UC_SEND_LAST,
	}, order[] = { 0, 2, 1, 3 };
	int i;

	vt_recv(&p.b, 1, mr, m, 4 * LEN);
	for (i = 0; i < 4; i++) {
		int part = order[i];

		vt_roce_bth(&pk, ops[part], 0, p.b.self.qpn, (p.a.self.psn + part) & 0xffffff);
		vt_fill(pk.data + 12, part * LEN, LEN, 5);
		vt_roce_send(&pk, 12 + LEN, true);
	}
}

static void uc(void)
{
	tried(uc_message, VT_CFG(.type = IBV_QPT_UC, .wire = true, .mtu = LEN));
	is(vt_rdone(&p.b), 0, "UC: a message with two packets exchanged arrives");
	is(vt_check(m, 0, 4 * LEN, 5), -1, "UC: its data");
	judge("UC", 1);
	vt_pair_close(&p);
}

/* Of many messages without a pause one is lost: only that. */
static void uc_loss(void)
{
	int i, n = 0;

	vt_pair_open(&dev, &p, VT_CFG(.type = IBV_QPT_UC, .wire = true, .depth = MANY));
	for (i = 0; i < MANY; i++)
		vt_recv(&p.b, i, mr, m, LEN);
	for (i = 1; i <= MANY; i++) {
		vt_roce_bth(&pk, ROCE_UC_SEND_ONLY, 0, p.b.self.qpn, (p.a.self.psn + i) & 0xffffff);
		vt_roce_send(&pk, 12 + LEN, true);
	}
	while (n < MANY && !vt_rdone(&p.b))
		n++;
	is(n, MANY, "UC: of many messages only the lost one does not arrive");
	vt_pair_close(&p);
}

/* While a responder waits for memory: who is overtaken does not ask again. */
static void parked(void)
{
	bool whole = false;
	uint64_t start;
	int i, fd;

	for (i = 0; i < TRIES && !whole; i++) {
		uint8_t *b = vt_map(N * PAGE);
		struct ibv_mr *bmr = vt_reg(&dev, VT_ODP, b, N * PAGE, VT_RCV_ALL);
		uint64_t end;

		fd = vt_uffd(b, PAGE);
		open_pair(VT_CFG(.wire = true, .timeout = 20));
		start = vt_now_ms();
		send_write(0, bmr, PAGE);
		if (!vt_uffd_wait(fd))
			bail("no fault");
		send_write(2, bmr, PAGE);
		send_write(1, bmr, PAGE);
		vt_uffd_fill(fd, b, PAGE, 9);
		/* its own patience is a second */
		whole = vt_now_ms() - start < 400;
		if (whole || i == TRIES - 1) {
			end = vt_now_ms() + VT_WAIT_MS;
			while (__atomic_load_n(&b[2 * PAGE], __ATOMIC_RELAXED) != 3 &&
			       vt_now_ms() < end)
				usleep(1000);
			ok(b[0] == 1 && b[PAGE] == 2 && b[2 * PAGE] == 3,
			   "parked: all executed in the end");
			judge("parked", 1);
		}
		vt_pair_close(&p);
		close(fd);
		vt_dereg(bmr);
		munmap(b, N * PAGE);
	}
}

/* What never comes is missing, and the next time it is not waited for. */
static void missing_request(void)
{
	uint64_t end = vt_now_ms() + VT_WAIT_MS, start;
	long long before, seen;
	int i;

	for (i = 0; i < TRIES; i++) {
		open_pair(VT_CFG(.wire = true));
		before = vt_counter(&dev, "out_of_seq_request");
		send_write(1, mr, LEN);
		do {
			usleep(1000);
			start = vt_now_ms();
			seen = vt_counter(&dev, "out_of_seq_request") - before;
		} while (!seen && start < end);
		send_write(0, mr, LEN);
		send_write(2, mr, LEN);
		send_write(1, mr, LEN);
		if (!written(1) || vt_now_ms() - start < 400 || i == TRIES - 1)
			break;
		vt_pair_close(&p);
	}
	is(seen, 1, "a request that does not come: the next one is out of sequence");
	ok(written(0) && written(1), "sent again, it is executed");
	is(vt_counter(&dev, "out_of_seq_request") - before, 2, "and now one that is early is not kept");
	ok(vt_check_byte(m + 2 * LEN, LEN, 0) < 0, "nor executed");
	vt_pair_close(&p);
}

static void missing_answer(void)
{
	open_pair(VT_CFG(.wire = true, .timeout = 0, .retry = 0));
	vt_qp_reset(&p.b);
	post(IBV_WR_RDMA_READ, 0);
	post(IBV_WR_RDMA_READ, 1);
	answer(ROCE_RC_READ_ONLY, 1, LEN);
	is(vt_done(&p.a), IBV_WC_RETRY_EXC_ERR, "an answer that does not come, without retries");
	is(vt_done(&p.a), IBV_WC_WR_FLUSH_ERR, "what was answered after it is flushed");
	ok(vt_check_byte(m, 2 * LEN, 0) < 0, "and left nothing in memory");
	vt_pair_close(&p);
}

int main(void)
{
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_need_wire();
	m = vt_map((N + 1) * LEN);
	mr = vt_reg(&dev, VT_PINNED, m, (N + 1) * LEN, VT_RCV_ALL);
	open_pair(VT_CFG(.wire = true));
	vt_roce_open(&p.b.self.gid);
	vt_pair_close(&p);

	responder();
	requester("READ answers", reads, N, LEN);
	requester("acknowledgement before a READ's answer", read_then_write, 2, 0);
	requester("atomic's answer before a READ's", read_then_atomic, 2, 8);
	uc();
	uc_loss();
	parked();
	missing_request();
	missing_answer();
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
