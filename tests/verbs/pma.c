// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Counters of the port, as the performance management agent tells them (IBTA 16.1):
 * in sysfs, and to whoever asks the device's queue pair 1. They are those of
 * `rdma statistic`, and what cannot be answered is refused with the right status.
 */
#include "vt.h"

#include <dirent.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN		100000
#define MAD		256
#define GRH		40
#define GSI_QKEY	0x80010000u
#define PERF		0x04
#define GET		0x01
#define SET		0x02
#define GET_RESP	0x81
#define CLASS_INFO	0x0001
#define COUNTERS	0x0012
#define COUNTERS_EXT	0x001d

struct mad {
	uint8_t base_version, mgmt_class, class_version, method;
	uint16_t status, class_specific;
	uint64_t tid;
	uint16_t attr_id, reserved;
	uint32_t attr_mod;
	uint8_t to_data[40];
	uint8_t none, port;		/* port_select */
	uint8_t data[MAD - 66];
} __attribute__((packed));

_Static_assert(sizeof(struct mad) == MAD, "a MAD has 256 bytes");

static struct vt_dev dev;
static struct vt_qp q;
static struct ibv_mr *mr;
static uint8_t *mem;
static struct ibv_ah *ah;

static char *counter_path(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/1/counters/%s",
		 dev.name, name);
	return path;
}

static long long port_counter(const char *name)
{
	FILE *f = fopen(counter_path(name), "r");
	long long n = -1;

	if (f) {
		if (fscanf(f, "%lld", &n) != 1)
			n = -1;
		fclose(f);
	}
	return n;
}

static void all_readable(void)
{
	DIR *dir = opendir(counter_path(""));
	struct dirent *e;
	int n = 0;

	ok(dir != NULL, "the port has counters");
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		if (port_counter(e->d_name) < 0)
			ok(0, "%s can be read", e->d_name);
	}
	if (dir)
		closedir(dir);
	ok(n >= 20, "all of the %d can be read", n);
}

/* What went over the wire is counted, by both names. */
static void counted(void)
{
	static const struct { const char *port, *rdma; int unit; } same[] = {
		{ "port_xmit_packets", "sent_pkts", 1 }, { "port_rcv_packets", "rcvd_pkts", 1 },
		{ "port_xmit_data", "sent_bytes", 4 }, { "port_rcv_data", "rcvd_bytes", 4 },
		{ "unicast_xmit_packets", "sent_pkts", 1 },
		{ "unicast_rcv_packets", "rcvd_pkts", 1 },
	};
	enum { N = sizeof(same) / sizeof(*same) };
	long long port[N], rdma[N], packets, bytes;
	uint8_t *p = vt_map(2 * LEN);
	struct ibv_mr *m = vt_reg(&dev, VT_PINNED, p, 2 * LEN, VT_RCV_ALL);
	struct vt_pair pair;
	int i;

	vt_pair_open(&dev, &pair, VT_CFG(.wire = true));
	for (i = 0; i < N; i++) {
		port[i] = port_counter(same[i].port);
		rdma[i] = vt_counter(&dev, same[i].rdma);
	}
	is(vt_write(&pair.a, m, p, LEN, m, p + LEN), 0, "write %d bytes over the wire", LEN);
	vt_pair_close(&pair);
	vt_dereg(m);
	packets = vt_counter(&dev, "sent_pkts") - rdma[0];
	bytes = vt_counter(&dev, "sent_bytes") - rdma[2];
	ok(packets > 1 && bytes > LEN + 40 * packets && bytes < LEN + 80 * packets,
	   "%lld bytes in %lld packets with all of their headers", bytes, packets);
	for (i = 0; i < N; i++) {
		long long got = port_counter(same[i].port) - port[i];
		long long want = vt_counter(&dev, same[i].rdma) - rdma[i];

		ok(llabs(got * same[i].unit - want) < same[i].unit && got > 0,
		   "%s: %lld more, %s: %lld", same[i].port, got, same[i].rdma, want);
	}
}

static void groups(void)
{
	/* 239.7.7.7, to which nobody listens */
	static const union ibv_gid group = { .raw = { [10] = 0xff, 0xff, 239, 7, 7, 7 } };
	long long many = port_counter("multicast_xmit_packets");
	long long one = port_counter("unicast_xmit_packets");
	struct ibv_ah *to = vt_ah(&q, &group);

	is(vt_do(&q, VT_OP(.op = IBV_WR_SEND, .local = mem, .len = 10, .lkey = mr->lkey, .ah = to,
			   .qpn = 0xffffff)), 0, "send to a group");
	is(port_counter("multicast_xmit_packets") - many, 1, "one more packet to groups");
	is(port_counter("unicast_xmit_packets") - one, 0, "and none more to others");
	ibv_destroy_ah(to);
}

/* Ask the agent; its answer, or NULL. */
static const struct mad *ask(int method, int attr, int port, int version)
{
	static uint64_t tid = 0x1234567800000000;
	struct mad *in = (void *)mem, *out = (void *)(mem + 4096 + GRH);

	memset(mem, 0, 4096);
	memset(mem + 4096, 0xee, 4096);
	*in = (struct mad){
		.base_version = 1, .mgmt_class = PERF, .class_version = version,
		.method = method, .tid = htobe64(++tid), .attr_id = htobe16(attr), .port = port,
	};
	vt_recv(&q, 1, mr, mem + 4096, 4096);
	if (vt_do(&q, VT_OP(.op = IBV_WR_SEND, .local = in, .len = MAD, .lkey = mr->lkey,
			    .ah = ah, .qpn = 1, .qkey = GSI_QKEY)) || vt_rdone(&q))
		return NULL;
	return q.wc.src_qp == 1 && q.wc.byte_len == GRH + MAD && out->method == GET_RESP &&
	       out->mgmt_class == PERF && be64toh(out->tid) == tid &&
	       out->attr_id == htobe16(attr) ? out : NULL;
}

static void answers(void)
{
	static const struct { int method, attr, port, version, status; const char *what; } bad[] = {
		{ SET, COUNTERS, 1, 1, 0x08, "to reset them" },
		{ GET, 0x0035, 1, 1, 0x0c, "an attribute that it has not" },
		{ GET, COUNTERS, 2, 1, 0x1c, "a port that it has not" },
		{ GET, COUNTERS_EXT, 0, 1, 0x1c, "port 0" },
		{ GET, COUNTERS, 1, 2, 0x04, "another version" },
	};
	long long packets = port_counter("port_rcv_packets");
	const struct mad *m = ask(GET, CLASS_INFO, 0, 1);
	unsigned int i;
	uint64_t n64;
	uint32_t n32;

	ok(m && !m->status, "asked for its class, it answers");
	if (!m)
		return;
	ok(m->none == 1 && m->port == 1 && m->data[0] & 2,
	   "version 1, with counters of 64 bits");
	m = ask(GET, COUNTERS, 1, 1);
	ok(m && !m->status, "asked for the counters, it answers");
	memcpy(&n32, m ? m->data + 34 : mem, 4);
	is(be32toh(n32), packets, "with the packets received");
	m = ask(GET, COUNTERS_EXT, 0xff, 1);
	ok(m && !m->status, "asked for the long ones, of all ports, it answers");
	memcpy(&n64, m ? m->data + 30 : mem, 8);
	is(be64toh(n64), packets, "with the packets received");
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		m = ask(bad[i].method, bad[i].attr, bad[i].port, bad[i].version);
		is(m ? be16toh(m->status) : -1, bad[i].status, "asked %s, it refuses", bad[i].what);
	}
}

int main(void)
{
	struct ibv_qp_attr attr = { .qkey = GSI_QKEY };

	vt_open(&dev);
	mem = vt_map(8192);
	mr = vt_reg(&dev, VT_PINNED, mem, 8192, VT_RCV_ALL);
	vt_qp_create(&dev, &q, VT_CFG(.type = IBV_QPT_UD));
	vt_qp_connect(&q, NULL);
	is(ibv_modify_qp(q.qp, &attr, IBV_QP_QKEY), 0, "may speak to queue pair 1");
	ah = vt_ah(&q, &q.self.gid);
	all_readable();
	counted();
	groups();
	answers();
	ibv_destroy_ah(ah);
	vt_qp_destroy(&q);
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
