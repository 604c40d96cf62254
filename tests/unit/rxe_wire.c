// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Packet headers: what is built is parsed again, what is malformed is refused,
 * what is random or mutated is never read beyond its end; the ICRC against a
 * bit by bit computation over bytes masked by hand.
 *
 * rxe_wire [seed]
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../drivers/infiniband/sw/rxe/rxe_wire.h"
#include "tap.h"

#define MAX_TOTAL	(80 + 4096)

static u64 rnd_state;

static u32 rnd(void)
{
	rnd_state = rnd_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return rnd_state >> 32;
}

static u64 rnd64(void)
{
	return (u64)rnd() << 32 | rnd();
}

/* What the code under test computes with: a table of 256. */
u32 rxe_crc32(u32 crc, const void *p, size_t len)
{
	static u32 table[256];
	const u8 *b = p;

	if (!table[1]) {
		for (u32 i = 0; i < 256; i++) {
			u32 c = i;

			for (int k = 0; k < 8; k++)
				c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
			table[i] = c;
		}
	}
	while (len--)
		crc = table[(crc ^ *b++) & 0xff] ^ crc >> 8;
	return crc;
}

/* Polynomial division by the book, most significant coefficient first. */
static u32 slow_crc(const u8 *p, size_t len)
{
	u32 reg = 0xffffffff, out = 0;

	for (size_t i = 0; i < len * 8; i++) {
		u32 bit = p[i / 8] >> (i % 8) & 1;
		u32 top = reg >> 31;

		reg <<= 1;
		if (top ^ bit)
			reg ^= 0x04c11db7;
	}
	for (int i = 0; i < 32; i++)
		out |= (reg >> i & 1) << (31 - i);
	return ~out;
}

/* ---- building ---- */

static const u32 mtus[] = { 256, 512, 1024, 2048, 4096 };

static u8 rnd_syndrome(u32 flags)
{
	switch (flags & RXE_OP_ACK ? rnd() % 3 : 0) {
	case 0:
		return rnd() & 0x1f;
	case 1:
		return RXE_AETH_RNR | (rnd() & 0x1f);
	default:
		return RXE_AETH_NAK_SEQ + rnd() % 5;
	}
}

/* A well-formed packet of an opcode, every field at random. */
static void rnd_pkt(u8 opcode, struct rxe_pkt *pkt)
{
	const struct rxe_opcode *op = &rxe_opcodes[opcode];
	u32 fl = op->flags;

	memset(pkt, 0, sizeof(*pkt));
	pkt->opcode = opcode;
	pkt->flags = fl;
	pkt->hdr_len = op->hdr_len;
	pkt->solicited = rnd() & 1;
	pkt->migreq = rnd() & 1;
	pkt->ackreq = rnd() & 1;
	pkt->fecn = rnd() & 1;
	pkt->becn = rnd() & 1;
	pkt->pkey = rnd();
	pkt->qpn = 2 + rnd() % 0xfffffd;
	pkt->psn = rnd() & RXE_PSN_MASK;

	if (fl & RXE_OP_ATOMIC_WRITE)
		pkt->payload = 8;
	else if ((fl & RXE_OP_PAYLOAD) && !(fl & RXE_OP_LAST))
		pkt->payload = mtus[rnd() % 5];
	else if (fl & RXE_OP_PAYLOAD)
		pkt->payload = fl & RXE_OP_FIRST ? rnd() % 4097 : 1 + rnd() % 4096;
	pkt->pad = -pkt->payload & 3;

	if (fl & RXE_OP_DETH) {
		pkt->qkey = rnd();
		pkt->src_qpn = rnd() & 0xffffff;
	}
	if (fl & (RXE_OP_RETH | RXE_OP_ATOMICETH)) {
		pkt->va = rnd64();
		pkt->rkey = rnd();
	}
	if (fl & RXE_OP_RETH) {
		if (fl & RXE_OP_FLUSH)
			pkt->length = rnd();
		else if (!(fl & (RXE_OP_WRITE | RXE_OP_ATOMIC_WRITE)))
			pkt->length = rnd() % 0x80000001u;
		else
			pkt->length = pkt->payload;
		if ((fl & RXE_OP_WRITE) && !(fl & RXE_OP_LAST))
			pkt->length += 1 + rnd() % 0x7fff0000;
	}
	if (fl & RXE_OP_ATOMICETH) {
		pkt->swap_add = rnd64();
		pkt->compare = rnd64();
	}
	if (fl & RXE_OP_AETH) {
		pkt->syndrome = rnd_syndrome(fl);
		pkt->msn = rnd() & 0xffffff;
	}
	if (fl & RXE_OP_ATOMICACKETH)
		pkt->orig = rnd64();
	if (fl & RXE_OP_IMMDT)
		pkt->imm = rnd();
	if (fl & RXE_OP_IETH)
		pkt->inv_rkey = rnd();
	if (fl & RXE_OP_FETH)
		pkt->feth = rnd() & 0x3f;
}

/* Parses from a heap buffer of the exact size, for the sanitizer's sake. */
static int parse_exact(const u8 *buf, u32 total, struct rxe_pkt *pkt)
{
	u8 *copy = malloc(total ?: 1);
	int err;

	memcpy(copy, buf, total);
	err = rxe_wire_parse(copy, total, pkt);
	free(copy);
	return err;
}

static bool same(const struct rxe_pkt *a, const struct rxe_pkt *b)
{
#define SAME(f) (a->f == b->f)
	return SAME(opcode) && SAME(pad) && SAME(solicited) && SAME(migreq) &&
	       SAME(ackreq) && SAME(fecn) && SAME(becn) && SAME(pkey) &&
	       SAME(flags) && SAME(qpn) && SAME(psn) && SAME(qkey) &&
	       SAME(src_qpn) && SAME(va) && SAME(rkey) && SAME(length) &&
	       SAME(swap_add) && SAME(compare) && SAME(orig) &&
	       SAME(syndrome) && SAME(msn) && SAME(imm) && SAME(inv_rkey) &&
	       SAME(feth) && SAME(hdr_len) && SAME(payload);
#undef SAME
}

static u32 build(const struct rxe_pkt *pkt, u8 *buf)
{
	u32 len = rxe_wire_build(pkt, buf);

	memset(buf + len, 0x5a, pkt->payload + pkt->pad);
	return len + pkt->payload + pkt->pad;
}

static void test_round_trip(void)
{
	static u8 buf[MAX_TOTAL];
	struct rxe_pkt in, out;

	for (int i = 0; i < 256; i++) {
		int bad = 0, n;

		if (!rxe_opcodes[i].name)
			continue;
		for (n = 0; n < 300 && !bad; n++) {
			u32 total;

			rnd_pkt(i, &in);
			total = build(&in, buf);
			bad = total != in.hdr_len + in.payload + in.pad ||
			      parse_exact(buf, total, &out) || !same(&in, &out);
		}
		ok(!bad, "%s: built and parsed again", rxe_opcodes[i].name);
	}
}

/* Who fills a receive WQE, so that the last packet of a SEND completes one. */
static void test_receives(void)
{
	bool sends = true, writes = true, others = true;

	for (int i = 0; i < 256; i++) {
		u32 fl = rxe_opcodes[i].flags;
		bool recv = fl & RXE_OP_RECV;

		if (fl & RXE_OP_SEND)
			sends &= recv;
		else if (fl & RXE_OP_WRITE)
			writes &= recv == !!(fl & RXE_OP_IMMDT);
		else
			others &= !recv;
	}
	ok(sends, "every packet of a SEND is for a receive WQE");
	ok(writes, "of a WRITE only those with immediate data");
	ok(others, "and nothing else");
}

/* Offsets and bits by hand, so that build and parse cannot be wrong alike. */
static void test_layout(void)
{
	static const u8 write[] = {
		0x0b, 0xd0, 0xff, 0xff,  0x80, 0x12, 0x34, 0x56,
		0x80, 0xab, 0xcd, 0xef,
		1, 2, 3, 4, 5, 6, 7, 8,  0x11, 0x22, 0x33, 0x44,
		0, 0, 0, 3,  0xde, 0xad, 0xbe, 0xef,
		'x', 'y', 'z', 0,
	};
	static const u8 cas[] = {
		0x13, 0x40, 0x7f, 0xff,  0, 0, 0, 0x11,  0x80, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 0x10, 0,  0, 0, 0, 9,
		0, 0, 0, 0, 0, 0, 0, 7,  0, 0, 0, 0, 0, 0, 0, 5,
	};
	static const u8 ack[] = {
		0x12, 0, 0xff, 0xff,  0x40, 0, 0, 0x11,  0, 0, 0, 2,
		0x1f, 0, 1, 2,  0, 0, 0, 0, 0, 0, 1, 0,
	};
	static const u8 flush[] = {
		0x1c, 0, 0xff, 0xff,  0, 0, 0, 0x11,  0x80, 0, 0, 2,
		0, 0, 0, 0x12,  0, 0, 0, 0, 0, 0, 0x20, 0,  0, 0, 0, 8,
		0, 0, 0x40, 0,
	};
	static const u8 ud[] = {
		0x64, 0, 0xff, 0xff,  0, 0xff, 0xff, 0xff,  0, 0, 0, 3,
		0x80, 1, 0, 0,  0, 0, 0, 0x42,
	};
	static const u8 imm[] = { 0xde, 0xad, 0xbe, 0xef };
	struct rxe_pkt p;

	ok(!parse_exact(write, sizeof(write), &p) && p.solicited && p.migreq &&
	   p.pad == 1 && p.pkey == 0xffff && p.fecn && !p.becn &&
	   p.qpn == 0x123456 && p.ackreq && p.psn == 0xabcdef &&
	   p.va == 0x0102030405060708ULL && p.rkey == 0x11223344 &&
	   p.length == 3 && !memcmp(&p.imm, imm, 4) && p.payload == 3 &&
	   p.hdr_len == 32, "layout of WRITE with immediate");
	ok(!parse_exact(cas, sizeof(cas), &p) && p.va == 0x1000 &&
	   p.rkey == 9 && p.swap_add == 7 && p.compare == 5 && !p.payload,
	   "layout of compare and swap");
	ok(!parse_exact(ack, sizeof(ack), &p) && p.becn && !p.fecn &&
	   p.syndrome == 0x1f && p.msn == 0x102 && p.orig == 0x100,
	   "layout of atomic acknowledge");
	ok(!parse_exact(flush, sizeof(flush), &p) && p.feth == 0x12 &&
	   p.va == 0x2000 && p.rkey == 8 && p.length == 0x4000,
	   "layout of flush");
	ok(!parse_exact(ud, sizeof(ud), &p) && p.qpn == 0xffffff &&
	   p.qkey == 0x80010000 && p.src_qpn == 0x42, "layout of datagram");
}

/* ---- malformed ---- */

static struct rxe_pkt good(u8 opcode)
{
	struct rxe_pkt p;

	rnd_pkt(opcode, &p);
	return p;
}

static int verdict(const struct rxe_pkt *p)
{
	static u8 buf[2 * MAX_TOTAL];
	struct rxe_pkt out;

	return parse_exact(buf, build(p, buf), &out);
}

#define REFUSED(op, change, what)					\
	do {								\
		struct rxe_pkt p = good(IB_OPCODE_##op);		\
		int before = verdict(&p);				\
									\
		change;							\
		ok(!before && verdict(&p) == -EPROTO, #op ": " what);	\
	} while (0)

#define ACCEPTED(op, change, what)					\
	do {								\
		struct rxe_pkt p = good(IB_OPCODE_##op);		\
									\
		change;							\
		ok(!verdict(&p), #op ": " what);			\
	} while (0)

static void test_malformed_fields(void)
{
	REFUSED(RC_SEND_FIRST, p.payload -= 4, "payload not an MTU");
	REFUSED(RC_SEND_FIRST, p.payload = 128, "payload below any MTU");
	REFUSED(RC_SEND_MIDDLE, p.payload = 0, "empty");
	REFUSED(RC_SEND_MIDDLE, (p.payload = 8192), "payload above any MTU");
	REFUSED(RC_SEND_MIDDLE, (p.payload -= 1, p.pad = 1), "padded");
	REFUSED(RC_SEND_LAST, (p.payload = 0, p.pad = 0), "empty");
	REFUSED(RC_SEND_ONLY, (p.payload = 4100, p.pad = 0), "payload above 4096");
	REFUSED(RC_SEND_ONLY, (p.payload = 5, p.pad = 2), "total not a multiple of 4");
	ACCEPTED(RC_SEND_ONLY, (p.payload = 0, p.pad = 0), "may be empty");
	ACCEPTED(UD_SEND_ONLY, (p.payload = 0, p.pad = 0), "may be empty");

	REFUSED(RC_RDMA_WRITE_ONLY, p.length += 1, "announces more than it has");
	REFUSED(RC_RDMA_WRITE_ONLY,
		(p.payload = 4, p.pad = 0, p.length = 0), "announces nothing");
	REFUSED(RC_RDMA_WRITE_ONLY_WITH_IMMEDIATE, p.length ^= 1, "wrong length");
	REFUSED(RC_RDMA_WRITE_FIRST, p.length = p.payload, "nothing left for Last");
	REFUSED(RC_RDMA_WRITE_FIRST, p.length = 0, "announces nothing");
	REFUSED(RC_RDMA_WRITE_FIRST, p.length = 0x80000001u, "message above 2 GiB");
	ACCEPTED(RC_RDMA_WRITE_FIRST, p.length = 0x80000000u, "message of 2 GiB");
	REFUSED(UC_RDMA_WRITE_LAST, (p.payload = 0, p.pad = 0), "empty");
	REFUSED(RC_RDMA_READ_REQUEST, p.length = 0x80000001u, "message above 2 GiB");
	REFUSED(RC_RDMA_READ_REQUEST, p.payload = 4, "carries payload");
	ACCEPTED(RC_RDMA_READ_REQUEST, p.length = 0, "may ask for nothing");

	REFUSED(RC_COMPARE_SWAP, p.payload = 8, "carries payload");
	REFUSED(RC_ACKNOWLEDGE, p.payload = 4, "carries payload");
	REFUSED(RC_FLUSH, p.payload = 4, "carries payload");
	REFUSED(RC_ATOMIC_WRITE, p.payload = 4, "payload of 4");
	REFUSED(RC_ATOMIC_WRITE, p.payload = 12, "payload of 12");
	REFUSED(RC_ATOMIC_WRITE, p.length = 4, "length of 4");

	REFUSED(RC_ACKNOWLEDGE, p.syndrome = 0x40, "reserved AETH type");
	REFUSED(RC_ACKNOWLEDGE, p.syndrome = 0x9f, "reserved AETH bit");
	REFUSED(RC_ACKNOWLEDGE, p.syndrome = 0x65, "reserved NAK code");
	REFUSED(RC_RDMA_READ_RESPONSE_ONLY, p.syndrome = 0x60, "NAK with data");
	REFUSED(RC_RDMA_READ_RESPONSE_LAST, p.syndrome = 0x20, "RNR NAK with data");
	REFUSED(RC_ATOMIC_ACKNOWLEDGE, p.syndrome = 0x61, "NAK with a result");
	REFUSED(RC_RDMA_READ_RESPONSE_LAST, (p.payload = 0, p.pad = 0), "empty");
	ACCEPTED(RC_RDMA_READ_RESPONSE_ONLY, (p.payload = 0, p.pad = 0), "may be empty");

	REFUSED(RC_SEND_ONLY, p.qpn = 0, "to QP 0");
	REFUSED(RC_SEND_ONLY, p.qpn = 1, "to QP 1");
	REFUSED(UC_SEND_ONLY, p.qpn = 0xffffff, "to the multicast QP");
	REFUSED(UD_SEND_ONLY, p.qpn = 0, "to QP 0");
	ACCEPTED(UD_SEND_ONLY, p.qpn = 1, "to QP 1");
}

static void test_malformed_bytes(void)
{
	static u8 buf[MAX_TOTAL];
	struct rxe_pkt p, out;
	bool all = true;
	u32 total;
	int known = 0;

	for (int i = 0; i < 256; i++) {
		known += !!rxe_opcodes[i].name;
		for (u32 len = 0; len < rxe_opcodes[i].hdr_len; len++) {
			rnd_pkt(i, &p);
			build(&p, buf);
			if (!parse_exact(buf, len, &out)) {
				diag("%s cut to %u bytes", rxe_opcodes[i].name, len);
				all = false;
			}
		}
	}
	ok(all, "headers cut short anywhere are refused");
	ok(known == 40, "40 opcodes are known, not %d", known);

	all = true;
	for (int i = 0; i < 256; i++) {
		memset(buf, 0, sizeof(buf));
		buf[0] = i;
		all &= !!rxe_opcodes[i].name ==
		       (parse_exact(buf, 64, &out) != -EOPNOTSUPP);
	}
	ok(all, "unknown opcodes, and only they, are not supported");

	all = true;
	for (int v = 1; v < 16; v++) {
		p = good(IB_OPCODE_RC_SEND_ONLY);
		total = build(&p, buf);
		buf[1] |= v;
		all &= parse_exact(buf, total, &out) == -EPROTO;
	}
	ok(all, "transport versions other than 0 are refused");

	all = true;
	for (u32 pad = 1; pad < 4; pad++) {
		p = good(IB_OPCODE_RC_SEND_ONLY);
		p.payload = 0;
		p.pad = 0;
		total = build(&p, buf);
		buf[1] |= pad << 4;
		all &= parse_exact(buf, total, &out) == -EPROTO;
	}
	ok(all, "padding beyond the packet is refused");
}

/* ---- ICRC ---- */

/* The whole pseudo packet, masked by hand, through the slow computation. */
static u32 icrc_by_hand(const u8 *pkt, u32 ip_len, u32 total)
{
	static u8 m[8 + MAX_TOTAL];
	u8 *ip = m + 8;

	memset(m, 0xff, 8);
	memcpy(ip, pkt, total);
	if (pkt[0] >> 4 == 4) {
		ip[1] = ip[8] = ip[10] = ip[11] = 0xff;
	} else {
		ip[0] = 0x6f;
		ip[1] = ip[2] = ip[3] = ip[7] = 0xff;
	}
	ip[ip_len + 6] = ip[ip_len + 7] = 0xff;
	ip[ip_len + 8 + 4] = 0xff;
	return slow_crc(m, 8 + total);
}

/* Split the packet between headers and the rest at random places. */
static u32 icrc_of(const u8 *pkt, u32 ip_len, u32 total)
{
	u32 first = 20 + rnd() % (total - ip_len - 20 + 1);
	u32 at = ip_len + first;
	u32 crc = rxe_icrc_headers(pkt, ip_len, pkt + ip_len, first);
	u32 step;

	for (; at < total; at += step) {
		step = 1 + rnd() % (total - at);
		crc = rxe_icrc_add(crc, pkt + at, step);
	}
	return le32toh(rxe_icrc_end(crc));
}

static void test_icrc(void)
{
	static u8 pkt[MAX_TOTAL], other[MAX_TOTAL];
	static const u32 variant4[] = { 1, 8, 10, 11, 26, 27, 32 };
	static const u32 variant6[] = { 1, 2, 3, 7, 46, 47, 52 };
	bool all4 = true, all6 = true, masked = true, covered = true;
	u8 check[] = "123456789";

	ok(slow_crc(check, 9) == 0xcbf43926, "slow CRC has the standard's check value");
	ok(~rxe_crc32(~0u, check, 9) == 0xcbf43926, "so has the fast one");

	for (int i = 0; i < 400; i++) {
		u32 ip_len = i & 1 ? 40 : 20;
		u32 total = ip_len + 20 + rnd() % 600;
		const u32 *variant = i & 1 ? variant6 : variant4;
		u32 icrc, at;

		for (u32 k = 0; k < total; k++)
			pkt[k] = rnd();
		pkt[0] = i & 1 ? 0x60 | (pkt[0] & 15) : 0x45;
		icrc = icrc_of(pkt, ip_len, total);
		if (icrc != icrc_by_hand(pkt, ip_len, total))
			*(i & 1 ? &all6 : &all4) = false;

		memcpy(other, pkt, total);
		for (int k = 0; k < 7; k++)
			other[variant[k]] = rnd();
		masked &= icrc_of(other, ip_len, total) == icrc;

		memcpy(other, pkt, total);
		do {
			at = 2 + rnd() % (total - 2);
			for (int k = 0; k < 7; k++)
				if (variant[k] == at)
					at = 0;
		} while (!at);
		other[at] ^= 1 << rnd() % 8;
		covered &= icrc_of(other, ip_len, total) != icrc;
	}
	ok(all4, "IPv4: as computed bit by bit");
	ok(all6, "IPv6: as computed bit by bit");
	ok(masked, "fields that change on the way do not count");
	ok(covered, "any other bit does");
}

/* One packet and its ICRC for good: an acknowledgement over IPv4. */
static void test_icrc_vector(void)
{
	static const u8 ack[] = {
		0x45, 0x00, 0x00, 0x30,  0x00, 0x00, 0x40, 0x00,
		0x40, 0x11, 0x26, 0x9b,  0x0a, 0x00, 0x00, 0x01,
		0x0a, 0x00, 0x00, 0x02,
		0xc0, 0x00, 0x12, 0xb7,  0x00, 0x1c, 0x00, 0x00,
		0x11, 0x00, 0xff, 0xff,  0x00, 0x00, 0x00, 0x11,
		0x00, 0x00, 0x00, 0x01,  0x1f, 0x00, 0x00, 0x01,
	};
	u32 icrc = icrc_of(ack, 20, sizeof(ack));

	ok(icrc == 0x0d3e2527, "known answer: %08x", icrc);
}

/* ---- PSNs ---- */

static void test_psn(void)
{
	bool all = true;

	ok(rxe_psn_add(0xffffff, 1) == 0 && rxe_psn_add(0xfffff0, 0x20) == 0x10,
	   "PSNs wrap at 24 bits");
	ok(rxe_psn_cmp(0, 0xffffff) == 1 && rxe_psn_cmp(0xffffff, 0) == -1 &&
	   rxe_psn_cmp(5, 5) == 0, "distance across the wrap");
	for (int i = 0; i < 10000; i++) {
		u32 a = rnd() & RXE_PSN_MASK;
		s32 d = (s32)(rnd() % 0xffffff) - 0x7fffff;

		all &= rxe_psn_cmp(rxe_psn_add(a, d & RXE_PSN_MASK), a) == d;
	}
	ok(all, "what was added is the distance");
}

/* ---- hostile input ---- */

/* What a packet must be for the rooms above to believe it. */
static bool sane(const struct rxe_pkt *p, u32 total)
{
	return rxe_opcodes[p->opcode].name && p->payload <= 4096 &&
	       p->hdr_len + p->payload + p->pad == total && p->pad < 4 &&
	       (p->payload == 0 || p->flags & RXE_OP_PAYLOAD) &&
	       p->qpn <= 0xffffff && p->psn <= RXE_PSN_MASK;
}

static void test_mutations(void)
{
	static u8 buf[MAX_TOTAL + 64];
	struct rxe_pkt p;
	int insane = 0, passed = 0;

	for (int i = 0; i < 300000; i++) {
		u32 total;
		int n;

		do
			p.opcode = rnd();
		while (!rxe_opcodes[p.opcode].name);
		rnd_pkt(p.opcode, &p);
		if (p.payload > 256 && i & 7) {
			p.payload = p.flags & RXE_OP_LAST ? p.payload % 64 + 1 : 256;
			p.pad = -p.payload & 3;
		}
		total = build(&p, buf);
		for (n = rnd() % 4; n; n--)
			buf[rnd() % (p.hdr_len + 4)] = rnd();
		if (!(rnd() & 3))
			total = rnd() % (total + 8);
		if (!parse_exact(buf, total, &p)) {
			passed++;
			insane += !sane(&p, total);
		}
	}
	ok(!insane && passed > 1000, "mutated packets are refused or sane");
}

static void test_noise(void)
{
	u8 buf[128];
	struct rxe_pkt p;
	int insane = 0;

	for (int i = 0; i < 300000; i++) {
		u32 total = rnd() % sizeof(buf);

		for (u32 k = 0; k < total; k += 4) {
			u32 r = rnd();

			memcpy(buf + k, &r, 4);
		}
		if (total > 1 && i & 1) {
			buf[0] %= 0x66;
			buf[1] &= 0xf0;
		}
		if (!parse_exact(buf, total, &p))
			insane += !sane(&p, total);
	}
	ok(!insane, "noise is refused or sane");
}

int main(int argc, char **argv)
{
	rnd_state = argc > 1 ? strtoull(argv[1], NULL, 0) : (u64)time(NULL);
	diag("seed %llu", rnd_state);

	test_round_trip();
	test_receives();
	test_layout();
	test_malformed_fields();
	test_malformed_bytes();
	test_icrc();
	test_icrc_vector();
	test_psn();
	test_mutations();
	test_noise();
	return tap_done();
}
