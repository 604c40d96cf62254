/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * RoCEv2 packets made by hand, IPv4, from an address of this machine to itself:
 * for tests of what a well-behaved peer never sends.
 */
#ifndef VT_ROCE_H
#define VT_ROCE_H

#include <infiniband/verbs.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opcodes, as the InfiniBand specification numbers them. */
enum {
	ROCE_RC_SEND_ONLY = 0x04, ROCE_RC_WRITE_FIRST = 0x06, ROCE_RC_WRITE_ONLY = 0x0a,
	ROCE_RC_READ = 0x0c, ROCE_RC_READ_FIRST = 0x0d, ROCE_RC_READ_MIDDLE = 0x0e,
	ROCE_RC_READ_LAST = 0x0f, ROCE_RC_READ_ONLY = 0x10, ROCE_RC_ACK = 0x11,
	ROCE_RC_ATOMIC_ACK = 0x12, ROCE_RC_FLUSH = 0x1c, ROCE_RC_ATOMIC_WRITE = 0x1d,
	ROCE_UC_SEND_FIRST = 0x20, ROCE_UC_SEND_MIDDLE = 0x21, ROCE_UC_SEND_LAST = 0x22,
	ROCE_UC_SEND_ONLY = 0x24, ROCE_UC_WRITE_FIRST = 0x26, ROCE_UC_WRITE_LAST = 0x28,
};

struct vt_roce {
	struct iphdr ip;
	struct udphdr udp;
	uint8_t data[2048];	/* base transport header (12 bytes) and what follows */
} __attribute__((packed));

/* Once, before anything is sent: the address, from an IPv4 GID. */
void vt_roce_open(const union ibv_gid *gid);
void vt_roce_bth(struct vt_roce *p, int opcode, int pad, uint32_t qpn, uint32_t psn);
/* The 16 bytes behind the base transport header. */
void vt_roce_reth(struct vt_roce *p, uint64_t addr, uint32_t rkey, uint32_t len);
/* Send an answer, with @data bytes of @byte in it. */
void vt_roce_answer(struct vt_roce *p, int opcode, uint8_t syndrome, uint32_t qpn, uint32_t psn,
		    size_t data, uint8_t byte);
/* Send @len bytes of @p->data and an ICRC, which @good says whether to believe. */
void vt_roce_send(struct vt_roce *p, size_t len, bool good);
/* Nothing but bytes, shorter than any header, or without an ICRC. */
void vt_roce_send_raw(const void *p, size_t len);
/* The same, but @seg bytes to a datagram; the kernel carries them as one (UDP_SEGMENT). */
void vt_roce_send_burst(const void *p, size_t len, size_t seg);

#endif
