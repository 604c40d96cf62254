// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "vt_roce.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "tap.h"

#define ROCE_PORT	4791

static int sock = -1;
static struct sockaddr_in to = { .sin_family = AF_INET };

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
static uint32_t icrc(const struct vt_roce *p, size_t len)
{
	struct vt_roce v = *p;
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

void vt_roce_open(const union ibv_gid *gid)
{
	memcpy(&to.sin_addr, gid->raw + 12, 4);
	sock = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (sock < 0)
		bail("raw socket: %m");
}

void vt_roce_send(struct vt_roce *p, size_t len, bool good)
{
	size_t total = sizeof(p->ip) + sizeof(p->udp) + len + 4;
	static uint16_t id;
	uint32_t c;

	memset(&p->ip, 0, sizeof(p->ip));
	p->ip.version = 4;
	p->ip.ihl = 5;
	p->ip.ttl = 64;
	p->ip.protocol = IPPROTO_UDP;
	p->ip.id = htons(++id ? id : ++id);
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
		c ^= 1u << id % 32;
	memcpy(p->data + len, &c, 4);
	if (sendto(sock, p, total, 0, (void *)&to, sizeof(to)) != (ssize_t)total)
		bail("sendto of %zu bytes: %m", total);
}

void vt_roce_send_raw(const void *p, size_t len)
{
	vt_roce_send_burst(p, len, 0);
}

void vt_roce_send_burst(const void *p, size_t len, size_t seg)
{
	struct sockaddr_in port = to;
	static int fd = -1;
	int size = seg;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)))
		bail("UDP_SEGMENT %d: %m", size);
	port.sin_port = htons(ROCE_PORT);
	if (sendto(fd, p, len, 0, (void *)&port, sizeof(port)) != (ssize_t)len)
		bail("sendto of %zu bytes: %m", len);
}

static void put24(uint8_t *p, uint32_t v)
{
	p[0] = v >> 16;
	p[1] = v >> 8;
	p[2] = v;
}

void vt_roce_bth(struct vt_roce *p, int opcode, int pad, uint32_t qpn, uint32_t psn)
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

void vt_roce_reth(struct vt_roce *p, uint64_t addr, uint32_t rkey, uint32_t len)
{
	uint32_t w[4] = { htonl(addr >> 32), htonl(addr), htonl(rkey), htonl(len) };

	memcpy(p->data + 12, w, 16);
}

void vt_roce_answer(struct vt_roce *p, int opcode, uint8_t syndrome, uint32_t qpn, uint32_t psn,
		    size_t data, uint8_t byte)
{
	size_t head = 12;

	vt_roce_bth(p, opcode, 0, qpn, psn & 0xffffff);
	if (opcode != ROCE_RC_READ_MIDDLE) {
		memset(p->data + head, 0, 4);
		p->data[head] = syndrome;
		head += 4;
	}
	memset(p->data + head, byte, data);
	vt_roce_send(p, head + data, true);
}
