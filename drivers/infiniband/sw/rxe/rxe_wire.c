// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes <-> struct rxe_pkt, and the ICRC. No state, no allocation, no access
 * outside the given buffers; compiled in user space for tests and fuzzing.
 *
 * Formats, all fields big-endian:
 *
 *	BTH	opcode:8 se:1 m:1 pad:2 tver:4 pkey:16
 *		fecn:1 becn:1 resv8a:6 qpn:24  ackreq:1 resv7:7 psn:24
 *	DETH	qkey:32 resv:8 srcqp:24
 *	FETH	resv:26 selectivity:2 placement:4
 *	RETH	va:64 rkey:32 length:32
 *	AtomicETH va:64 rkey:32 swap_add:64 compare:64
 *	AETH	syndrome:8 msn:24
 *	AtomicAckETH orig:64
 *	ImmDt	32	IETH rkey:32
 *
 * They follow each other in this order, as far as an opcode has them.
 */
#include "rxe_wire.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#include "../../compat.h"
#else
#include <errno.h>
#include <string.h>
#endif

enum {
	BTH_LEN		= 12,
	UDP_LEN		= 8,
	IPV4_LEN	= 20,
	IPV6_LEN	= 40,
	MAX_PAYLOAD	= 4096,
	MULTICAST_QPN	= 0xffffff,
};

#define MAX_MSG		0x80000000u

static u32 get16(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

static u32 get24(const u8 *p)
{
	return (u32)p[0] << 16 | (u32)p[1] << 8 | p[2];
}

static u32 get32(const u8 *p)
{
	return (u32)p[0] << 24 | get24(p + 1);
}

static u64 get64(const u8 *p)
{
	return (u64)get32(p) << 32 | get32(p + 4);
}

static void put16(u8 *p, u32 v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put24(u8 *p, u32 v)
{
	p[0] = v >> 16;
	put16(p + 1, v);
}

static void put32(u8 *p, u32 v)
{
	p[0] = v >> 24;
	put24(p + 1, v);
}

static void put64(u8 *p, u64 v)
{
	put32(p, v >> 32);
	put32(p + 4, v);
}

static void get_headers(const u8 *p, struct rxe_pkt *pkt)
{
	u32 fl = pkt->flags;

	if (fl & RXE_OP_DETH) {
		pkt->qkey = get32(p);
		pkt->src_qpn = get24(p + 5);
		p += 8;
	}
	if (fl & RXE_OP_FETH) {
		pkt->feth = get32(p);
		p += 4;
	}
	if (fl & RXE_OP_RETH) {
		pkt->va = get64(p);
		pkt->rkey = get32(p + 8);
		pkt->length = get32(p + 12);
		p += 16;
	}
	if (fl & RXE_OP_ATOMICETH) {
		pkt->va = get64(p);
		pkt->rkey = get32(p + 8);
		pkt->swap_add = get64(p + 12);
		pkt->compare = get64(p + 20);
		p += 28;
	}
	if (fl & RXE_OP_AETH) {
		pkt->syndrome = p[0];
		pkt->msn = get24(p + 1);
		p += 4;
	}
	if (fl & RXE_OP_ATOMICACKETH) {
		pkt->orig = get64(p);
		p += 8;
	}
	if (fl & RXE_OP_IMMDT) {
		memcpy(&pkt->imm, p, 4);
		p += 4;
	}
	if (fl & RXE_OP_IETH)
		pkt->inv_rkey = get32(p);
}

static bool is_mtu(u32 len)
{
	return len >= 256 && len <= MAX_PAYLOAD && !(len & (len - 1));
}

/* Length of what a packet carries against its place in the message. */
static bool payload_ok(const struct rxe_pkt *pkt)
{
	u32 fl = pkt->flags, len = pkt->payload;

	if (!(fl & RXE_OP_PAYLOAD))
		return len + pkt->pad == 0;
	if (len > MAX_PAYLOAD)
		return false;
	if (!(fl & RXE_OP_LAST))
		return is_mtu(len) && pkt->pad == 0;
	if (!(fl & RXE_OP_FIRST))
		return len > 0;
	return true;
}

/* The DMA length that a request announces against what it carries. */
static bool length_ok(const struct rxe_pkt *pkt)
{
	u32 fl = pkt->flags;

	if (!(fl & RXE_OP_RETH) || (fl & RXE_OP_FLUSH))
		return true;
	if (fl & RXE_OP_ATOMIC_WRITE)
		return pkt->payload == 8 && pkt->length == 8;
	if (pkt->length > MAX_MSG)
		return false;
	if (!(fl & RXE_OP_WRITE))
		return true;
	if (fl & RXE_OP_LAST)
		return pkt->length == pkt->payload;
	return pkt->length > pkt->payload;
}

static bool syndrome_ok(const struct rxe_pkt *pkt)
{
	if (!(pkt->flags & RXE_OP_AETH))
		return true;

	switch (pkt->syndrome & RXE_AETH_TYPE) {
	case 0:
		return true;
	case RXE_AETH_RNR:
		return pkt->flags & RXE_OP_ACK;
	case RXE_AETH_NAK_SEQ & RXE_AETH_TYPE:
		return (pkt->flags & RXE_OP_ACK) &&
		       pkt->syndrome <= RXE_AETH_NAK_INV_RD;
	default:
		return false;
	}
}

static bool qpn_ok(const struct rxe_pkt *pkt)
{
	if (pkt->flags & RXE_OP_DETH)
		return pkt->qpn != 0;
	return pkt->qpn > 1 && pkt->qpn != MULTICAST_QPN;
}

int rxe_wire_parse(const u8 *buf, u32 total, struct rxe_pkt *pkt)
{
	const struct rxe_opcode *op;

	memset(pkt, 0, sizeof(*pkt));
	if (total < BTH_LEN || total & 3)
		return -EPROTO;

	pkt->opcode = buf[0];
	pkt->solicited = buf[1] & 0x80;
	pkt->migreq = buf[1] & 0x40;
	pkt->pad = buf[1] >> 4 & 3;
	if (buf[1] & 0x0f)
		return -EPROTO;

	op = &rxe_opcodes[pkt->opcode];
	if (!op->name)
		return -EOPNOTSUPP;
	pkt->flags = op->flags;
	pkt->hdr_len = op->hdr_len;
	if (total < (u32)op->hdr_len + pkt->pad)
		return -EPROTO;
	pkt->payload = total - op->hdr_len - pkt->pad;

	pkt->pkey = get16(buf + 2);
	pkt->fecn = buf[4] & 0x80;
	pkt->becn = buf[4] & 0x40;
	pkt->qpn = get24(buf + 5);
	pkt->ackreq = buf[8] & 0x80;
	pkt->psn = get24(buf + 9);
	get_headers(buf + BTH_LEN, pkt);

	if (!payload_ok(pkt) || !length_ok(pkt) || !syndrome_ok(pkt) ||
	    !qpn_ok(pkt))
		return -EPROTO;
	return 0;
}

u32 rxe_wire_build(const struct rxe_pkt *pkt, u8 *buf)
{
	const struct rxe_opcode *op = &rxe_opcodes[pkt->opcode];
	u32 fl = op->flags;
	u8 *p = buf;

	p[0] = pkt->opcode;
	p[1] = pkt->solicited << 7 | pkt->migreq << 6 | (pkt->pad & 3) << 4;
	put16(p + 2, pkt->pkey);
	p[4] = pkt->fecn << 7 | pkt->becn << 6;
	put24(p + 5, pkt->qpn);
	p[8] = pkt->ackreq << 7;
	put24(p + 9, pkt->psn);
	p += BTH_LEN;

	if (fl & RXE_OP_DETH) {
		put32(p, pkt->qkey);
		p[4] = 0;
		put24(p + 5, pkt->src_qpn);
		p += 8;
	}
	if (fl & RXE_OP_FETH) {
		put32(p, pkt->feth);
		p += 4;
	}
	if (fl & RXE_OP_RETH) {
		put64(p, pkt->va);
		put32(p + 8, pkt->rkey);
		put32(p + 12, pkt->length);
		p += 16;
	}
	if (fl & RXE_OP_ATOMICETH) {
		put64(p, pkt->va);
		put32(p + 8, pkt->rkey);
		put64(p + 12, pkt->swap_add);
		put64(p + 20, pkt->compare);
		p += 28;
	}
	if (fl & RXE_OP_AETH) {
		p[0] = pkt->syndrome;
		put24(p + 1, pkt->msn);
		p += 4;
	}
	if (fl & RXE_OP_ATOMICACKETH) {
		put64(p, pkt->orig);
		p += 8;
	}
	if (fl & RXE_OP_IMMDT) {
		memcpy(p, &pkt->imm, 4);
		p += 4;
	}
	if (fl & RXE_OP_IETH) {
		put32(p, pkt->inv_rkey);
		p += 4;
	}
	if (fl & RXE_OP_CNP) {
		memset(p, 0, 16);
		p += 16;
	}
	return p - buf;
}

/*
 * The CRC starts with eight bytes of ones in place of the LRH, which a RoCE
 * packet does not have: with ~0 before them the register holds this.
 */
#define ICRC_SEED	0xdebb20e3u

u32 rxe_icrc_headers(const u8 *ip, u32 ip_len, const u8 *udp_bth, u32 len)
{
	u8 h[IPV6_LEN + UDP_LEN + BTH_LEN], *udp = h + ip_len;
	u32 fixed = UDP_LEN + BTH_LEN;
	u32 crc;

	memcpy(h, ip, ip_len);
	memcpy(udp, udp_bth, fixed);

	if (ip_len == IPV4_LEN) {
		h[1] = 0xff;			/* TOS */
		h[8] = 0xff;			/* TTL */
		h[10] = 0xff;			/* checksum */
		h[11] = 0xff;
	} else {
		h[0] |= 0x0f;			/* traffic class, flow label */
		h[1] = 0xff;
		h[2] = 0xff;
		h[3] = 0xff;
		h[7] = 0xff;			/* hop limit */
	}
	udp[6] = 0xff;				/* UDP checksum */
	udp[7] = 0xff;
	udp[UDP_LEN + 4] = 0xff;		/* FECN, BECN, resv8a */

	crc = rxe_crc32(ICRC_SEED, h, ip_len + fixed);
	return rxe_icrc_add(crc, udp_bth + fixed, len - fixed);
}

u32 rxe_icrc_add(u32 crc, const void *data, u32 len)
{
	return len ? rxe_crc32(crc, data, len) : crc;
}

__le32 rxe_icrc_end(u32 crc)
{
	return cpu_to_le32(~crc);
}
