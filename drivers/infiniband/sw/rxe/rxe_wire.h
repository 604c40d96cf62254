/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Room "wire": bytes <-> struct rxe_pkt, opcode table, PSN arithmetic, ICRC.
 * Pure functions without state; compiled and fuzzed in user space too.
 * Formats: IBTA vol. 1 chapter 9, RoCEv2 annex A17.
 */
#ifndef RXE_WIRE_H
#define RXE_WIRE_H

#include <linux/types.h>
#include <rdma/ib_pack.h>

/* What an opcode means, flags of struct rxe_opcode. */
enum {
	RXE_OP_SEND	= 1 << 0,
	RXE_OP_WRITE	= 1 << 1,
	RXE_OP_READ_REQ	= 1 << 2,
	RXE_OP_READ_RSP	= 1 << 3,
	RXE_OP_ATOMIC	= 1 << 4,	/* CmpSwap, FetchAdd request */
	RXE_OP_ATOMIC_ACK = 1 << 5,
	RXE_OP_ACK	= 1 << 6,
	RXE_OP_FLUSH	= 1 << 7,
	RXE_OP_ATOMIC_WRITE = 1 << 8,
	RXE_OP_FIRST	= 1 << 9,	/* starts a message (First, Only) */
	RXE_OP_LAST	= 1 << 10,	/* ends a message (Last, Only) */
	RXE_OP_REQ	= 1 << 11,	/* request, for the responder */
	RXE_OP_RSP	= 1 << 12,	/* response, for the requester */
	/* extension headers */
	RXE_OP_DETH	= 1 << 13,
	RXE_OP_RETH	= 1 << 14,
	RXE_OP_AETH	= 1 << 15,
	RXE_OP_ATOMICETH = 1 << 16,
	RXE_OP_ATOMICACKETH = 1 << 17,
	RXE_OP_IMMDT	= 1 << 18,
	RXE_OP_IETH	= 1 << 19,
	RXE_OP_FETH	= 1 << 20,
	RXE_OP_PAYLOAD	= 1 << 21,	/* may carry payload */
	RXE_OP_CNP	= 1 << 23,	/* 16 reserved bytes, annex A17.9.3 */
	RXE_OP_RECV	= 1 << 22,	/* its message fills a receive WQE: every packet of
					 * a SEND, WRITE Last and Only with immediate
					 */
};

/* Bits of an opcode that tell the transport, IB_OPCODE_RC and so on. */
#define RXE_OPCODE_TRANSPORT	0xe0

/* Congestion notification; <rdma/ib_pack.h> names its transport only. */
#define RXE_OPCODE_CNP	0x81

struct rxe_opcode {
	const char *name;		/* NULL: not an opcode we know */
	u32 flags;
	u16 hdr_len;			/* BTH and extension headers */
};

/* Indexed by BTH opcode, 256 entries. */
extern const struct rxe_opcode rxe_opcodes[256];

/* A packet's headers in host order. */
struct rxe_pkt {
	u8 opcode;
	u8 pad;				/* 0..3 */
	bool solicited, migreq, ackreq;
	bool fecn, becn;
	u16 pkey;
	u32 flags;			/* of the opcode */
	u32 qpn;
	u32 psn;
	u32 qkey, src_qpn;		/* DETH */
	u64 va;				/* RETH, AtomicETH */
	u32 rkey;
	u32 length;			/* RETH */
	u64 swap_add, compare;		/* AtomicETH */
	u64 orig;			/* AtomicAckETH */
	u8 syndrome;			/* AETH */
	u32 msn;
	__be32 imm;			/* ImmDt as it stands on the wire */
	u32 inv_rkey;			/* IETH */
	u32 feth;			/* FETH: type and selectivity level */
	u16 hdr_len;			/* where the payload starts */
	u32 payload;			/* bytes, padding excluded */
};

/*
 * rxe_wire_parse() - headers of a packet
 * @buf: BTH; at least min(@total, header length of its opcode) bytes readable
 * @total: bytes from BTH to the end of the padding, ICRC excluded
 *
 * Everything that can be checked without state is checked here: opcode known,
 * transport version 0, lengths, padding, payload only where the opcode allows
 * it, payload no longer than 4096, First and Middle an MTU long, Last not empty,
 * RETH length of a WRITE against the payload and at most 2^31, AETH syndrome
 * one that the packet may carry, destination QP number one that the transport
 * may address. Left to the responder: alignment of atomics, order of packets.
 * Returns 0, -EPROTO for a malformed packet, -EOPNOTSUPP for an unknown opcode.
 */
int rxe_wire_parse(const u8 *buf, u32 total, struct rxe_pkt *pkt);

/* Writes BTH and extension headers for pkt->opcode; returns their length. */
u32 rxe_wire_build(const struct rxe_pkt *pkt, u8 *buf);

/* PSNs and MSNs are 24 bits. */
#define RXE_PSN_MASK 0xffffff

static inline u32 rxe_psn_add(u32 psn, u32 n)
{
	return (psn + n) & RXE_PSN_MASK;
}

/* Signed distance a - b in the 24-bit circle. */
static inline s32 rxe_psn_cmp(u32 a, u32 b)
{
	return (s32)((a - b) << 8) >> 8;
}

/* FETH: type of placement, and how much, above it */
enum {
	RXE_FETH_TYPE		= 0x0f,
	RXE_FETH_LEVEL_SHIFT	= 4,
	RXE_FETH_LEVEL		= 0x03,		/* once shifted */
};

/* AETH syndromes, IBTA 9.7.5.1.1 */
enum {
	RXE_AETH_ACK		= 0x1f,		/* unlimited credit */
	RXE_AETH_RNR		= 0x20,		/* | timer code */
	RXE_AETH_NAK_SEQ	= 0x60,
	RXE_AETH_NAK_INV_REQ	= 0x61,
	RXE_AETH_NAK_ACCESS	= 0x62,
	RXE_AETH_NAK_OP		= 0x63,
	RXE_AETH_NAK_INV_RD	= 0x64,
	RXE_AETH_TYPE		= 0xe0,
	RXE_AETH_VALUE		= 0x1f,
};

/*
 * ICRC, annex A17.3.1.1. @ip points at an IPv4 (@ip_len 20, no options) or
 * IPv6 header (@ip_len 40), @udp_bth at @len contiguous bytes of UDP header, BTH
 * and whatever follows, at least 20; the variant fields are masked on the fly.
 * Then the rest is added with rxe_icrc_add(); the result of rxe_icrc_end() is
 * what stands on the wire.
 */
u32 rxe_icrc_headers(const u8 *ip, u32 ip_len, const u8 *udp_bth, u32 len);
u32 rxe_icrc_add(u32 crc, const void *data, u32 len);
__le32 rxe_icrc_end(u32 crc);

/*
 * CRC-32 register (polynomial 0xedb88320, neither inverted at the start nor at
 * the end) after @len more bytes; any context. Provided by rxe_net.c, and by
 * the tests in user space.
 */
u32 rxe_crc32(u32 crc, const void *p, size_t len);

#endif /* RXE_WIRE_H */
