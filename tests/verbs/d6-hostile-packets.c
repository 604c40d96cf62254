// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * D6: whatever arrives on UDP port 4791, the kernel does not complain (the
 * harness looks at its log), a wrong ICRC is never believed, and connections that
 * are not addressed live on.
 *
 * The packets are built here, IP header included, because the ICRC covers it.
 * That our idea of the ICRC is the right one is shown first: a packet made here
 * is received as a message.
 */
#include "vt.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROCE_PORT	4791
#define LEN		65536

/* Opcodes of RC requests, as the InfiniBand specification numbers them. */
enum { RC_SEND_ONLY = 4, RC_WRITE_FIRST = 6, RC_WRITE_ONLY = 10, RC_READ = 12, RC_ACK = 17 };

struct packet {
	struct iphdr ip;
	struct udphdr udp;
	uint8_t data[2048];	/* base transport header and what follows */
} __attribute__((packed));

static int sock;
static struct sockaddr_in to;
static unsigned int state = 4711;

static unsigned int rnd(void)
{
	state = state * 1103515245 + 12345;
	return state >> 8;
}

static uint32_t crc(uint32_t c, const void *p, size_t n)
{
	const uint8_t *d = p;
	int i;

	while (n--)
		for (c ^= *d++, i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	return c;
}

/*
 * The invariant CRC: over eight bytes of ones in place of the link header, then
 * all from the IP header on, with ones where a router may change something.
 */
static uint32_t icrc(const struct packet *p, size_t len)
{
	struct packet v = *p;
	uint64_t ones = ~0ull;
	uint32_t c;

	v.ip.tos = 0xff;
	v.ip.ttl = 0xff;
	v.ip.check = 0xffff;
	v.udp.check = 0xffff;
	if (len > 4)
		v.data[4] = 0xff;
	c = crc(0xffffffff, &ones, 8);
	return ~crc(c, &v, sizeof(v.ip) + sizeof(v.udp) + len);
}

/* Send @len bytes of @p->data and an ICRC, which @good says whether to believe. */
static void out(struct packet *p, size_t len, bool good)
{
	size_t total = sizeof(p->ip) + sizeof(p->udp) + len + 4;
	uint32_t c;

	memset(&p->ip, 0, sizeof(p->ip));
	p->ip.version = 4;
	p->ip.ihl = 5;
	p->ip.ttl = 64;
	p->ip.protocol = IPPROTO_UDP;
	p->ip.id = htons(1 + rnd() % 60000);
	p->ip.frag_off = htons(0x4000);
	p->ip.tot_len = htons(total);
	p->ip.saddr = to.sin_addr.s_addr;
	p->ip.daddr = to.sin_addr.s_addr;
	p->udp.source = htons(49152);
	p->udp.dest = htons(ROCE_PORT);
	p->udp.len = htons(sizeof(p->udp) + len + 4);
	p->udp.check = 0;
	c = icrc(p, len);
	if (!good)
		c ^= 1u << rnd() % 32;
	memcpy(p->data + len, &c, 4);
	if (sendto(sock, p, total, 0, (void *)&to, sizeof(to)) != (ssize_t)total)
		bail("sendto of %zu bytes: %m", total);
}

/* Nothing but bytes: shorter than any header, or without an ICRC. */
static void out_raw(struct packet *p, size_t len)
{
	struct sockaddr_in port = to;
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	port.sin_port = htons(ROCE_PORT);
	if (sendto(fd, p->data, len, 0, (void *)&port, sizeof(port)) != (ssize_t)len)
		bail("sendto of %zu bytes: %m", len);
}

static void put24(uint8_t *p, uint32_t v)
{
	p[0] = v >> 16;
	p[1] = v >> 8;
	p[2] = v;
}

/* The 12 bytes of a base transport header. */
static void bth(struct packet *p, int opcode, int pad, uint32_t qpn, uint32_t psn)
{
	memset(p->data, 0, 12);
	p->data[0] = opcode;
	p->data[1] = 0x40 | pad << 4;
	p->data[2] = 0xff;
	p->data[3] = 0xff;
	put24(p->data + 5, qpn);
	p->data[8] = 0x80;
	put24(p->data + 9, psn);
}

static void reth(struct packet *p, uint64_t addr, uint32_t rkey, uint32_t len)
{
	uint32_t w[4] = { htonl(addr >> 32), htonl(addr), htonl(rkey), htonl(len) };

	memcpy(p->data + 12, w, 16);
}

/* A packet made here is taken if its ICRC is right, and not if it is wrong. */
static void believed(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	struct packet pk;
	struct vt_pair p;
	struct ibv_wc wc;
	int i;

	vt_pair_open(dev, &p, VT_CFG(.wire = true));
	vt_recv(&p.b, 1, mr, m, 64);
	memset(m, 0, 64);
	for (i = 0; i < 200; i++) {
		bth(&pk, RC_SEND_ONLY, 0, p.b.qp->qp_num, p.a.self.psn);
		vt_fill(pk.data + 12, 0, 32, 66);
		out(&pk, 12 + 32, false);
	}
	ok(!vt_poll(p.b.rcq, &wc, 200), "200 packets with a wrong ICRC are not received");
	is(vt_check_byte(m, 64, 0), -1, "and move nothing");
	bth(&pk, RC_SEND_ONLY, 0, p.b.qp->qp_num, p.a.self.psn);
	vt_fill(pk.data + 12, 0, 32, 66);
	out(&pk, 12 + 32, true);
	is(vt_rdone(&p.b), IBV_WC_SUCCESS, "the same packet with a right one is");
	is(p.b.wc.byte_len, 32, "with its length");
	is(vt_check(m, 0, 32, 66), -1, "and its data");
	vt_pair_close(&p);
}

/* Well-formed but for one thing that a responder must notice by itself. */
static void traps(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	struct packet pk;
	struct vt_pair p;
	int i;

	memset(&pk, 0x5a, sizeof(pk));
	for (i = 0; i < 8; i++) {
		uint32_t psn, qpn;

		vt_pair_open(dev, &p, VT_CFG(.wire = true, .timeout = 8, .retry = 1));
		psn = p.a.self.psn;
		qpn = p.b.qp->qp_num;
		vt_recv(&p.b, 1, mr, m, 64);
		switch (i) {
		case 0:		/* a write of no length that carries data, no key */
			bth(&pk, RC_WRITE_ONLY, 0, qpn, psn);
			reth(&pk, 0, 0, 0);
			out(&pk, 28 + 64, true);
			break;
		case 1:		/* a first packet that is not of MTU size */
			bth(&pk, RC_WRITE_FIRST, 0, qpn, psn);
			reth(&pk, (uintptr_t)m, mr->rkey, 100000);
			out(&pk, 28 + 100, true);
			break;
		case 2:		/* more data than the header says */
			bth(&pk, RC_WRITE_ONLY, 0, qpn, psn);
			reth(&pk, (uintptr_t)m + LEN - 8, mr->rkey, 8);
			out(&pk, 28 + 1000, true);
			break;
		case 3:		/* more padding than payload */
			bth(&pk, RC_SEND_ONLY, 3, qpn, psn);
			out(&pk, 12, true);
			break;
		case 4:		/* a read of 4 GiB */
			bth(&pk, RC_READ, 0, qpn, psn);
			reth(&pk, (uintptr_t)m, mr->rkey, 0xffffffff);
			out(&pk, 28, true);
			break;
		case 5:		/* a header cut short */
			bth(&pk, RC_READ, 0, qpn, psn);
			out(&pk, 20, true);
			break;
		case 6:		/* an answer to nothing, of a reserved kind */
			vt_post(&p.a, VT_OP(.op = IBV_WR_SEND, .local = m, .len = 8,
					    .lkey = mr->lkey));
			bth(&pk, RC_ACK, 0, p.a.qp->qp_num, p.b.self.psn);
			pk.data[12] = 0x7f;
			out(&pk, 16, true);
			break;
		default:	/* a write whose range wraps around */
			bth(&pk, RC_WRITE_ONLY, 0, qpn, psn);
			reth(&pk, ~0ull - 3, mr->rkey, 64);
			out(&pk, 28 + 64, true);
		}
		vt_pair_close(&p);
	}
	ok(true, "%d packets with one lie each", i);
	is(vt_check_byte(m + 64, LEN - 64, 0), -1, "none of them moves a byte");
}

/* Anything at all, at queue pairs that exist and that do not. */
static void garbage(struct vt_dev *dev, struct ibv_mr *mr, uint8_t *m)
{
	int i, n = vt_slow() ? 2000 : 20000;
	struct packet pk;
	struct vt_pair p;
	size_t k;

	vt_pair_open(dev, &p, VT_CFG(.wire = true));
	vt_fill(pk.data, 0, sizeof(pk.data), 3);
	for (i = 0; i < n; i++) {
		uint32_t qpns[] = { p.a.qp->qp_num, p.b.qp->qp_num, 0, 1, 0xffffff, rnd() };
		size_t len = 12 + rnd() % (rnd() % 4 ? 60 : 1100);

		for (k = 12; k < 40; k++)
			pk.data[k] = rnd() % 3 ? rnd() : rnd() % 2 * 255;
		bth(&pk, i, rnd() % 4, qpns[rnd() % 6],
		    (rnd() % 2 ? p.a.self.psn : p.b.self.psn) + rnd() % 5 - 1);
		if (rnd() % 3 == 0)
			reth(&pk, (uintptr_t)m + rnd() % LEN, mr->rkey, rnd() % 3 * 700);
		if (rnd() % 4 == 0)
			pk.data[rnd() % 12] ^= 1 << rnd() % 8;
		if (rnd() % 8 == 0)
			out_raw(&pk, rnd() % 40);
		else
			out(&pk, len, rnd() % 4);
		/* Queue pairs that have been brought down take in less. */
		if (i % 500 == 499)
			vt_pair_reopen(&p);
	}
	vt_pair_close(&p);
	ok(true, "%d packets of garbage", n);
}

int main(void)
{
	struct ibv_mr *mr, *smr;
	struct vt_pair calm;
	struct vt_dev dev;
	uint8_t *m, *src;

	vt_open(&dev);
	vt_need_wire();
	m = vt_map(LEN);
	src = vt_map(LEN);
	mr = vt_reg(&dev, VT_PINNED, m, LEN, VT_RCV_ALL);
	smr = vt_reg(&dev, VT_PINNED, src, LEN, VT_RCV_ALL);
	vt_pair_open(&dev, &calm, VT_CFG(.wire = true));
	memcpy(&to.sin_addr, calm.a.self.gid.raw + 12, 4);
	to.sin_family = AF_INET;
	sock = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (sock < 0)
		bail("raw socket: %m");

	believed(&dev, mr, m);
	vt_fill(src, 0, LEN, 9);
	traps(&dev, mr, m);
	garbage(&dev, mr, m);
	is(vt_write(&calm.a, smr, src, LEN, mr, m), 0, "a connection not addressed works on");
	is(vt_check(m, 0, LEN, 9), -1, "the data");
	is(vt_read(&calm.a, smr, src, LEN, mr, m), 0, "and back");
	vt_pair_close(&calm);
	vt_dereg(mr);
	vt_dereg(smr);
	vt_close(&dev);
	return done();
}
