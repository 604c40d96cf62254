// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Multicast: every queue pair that is attached to a group gets a copy, the others
 * none; the network device listens to the group's MAC address exactly while
 * somebody is attached.
 *
 *	rxe0 -- veth0  ==== group ===>  veth1 -- rxe1: three queue pairs
 */
#include "vt.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRH	40
#define QPS	3
#define MCAST_QPN 0xffffff

static struct vt_dev a, b;
static char netdev_b[64];

/* Does the network device's filter have the group's MAC address? */
static bool filter_has(const union ibv_gid *g)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED((struct in6_addr *)g->raw), found = false;
	char line[256], want[13];
	FILE *f = fopen("/proc/net/dev_mcast", "re");

	if (v4)
		snprintf(want, sizeof(want), "01005e%02x%02x%02x", g->raw[13] & 0x7f, g->raw[14],
			 g->raw[15]);
	else
		snprintf(want, sizeof(want), "3333%02x%02x%02x%02x", g->raw[12], g->raw[13],
			 g->raw[14], g->raw[15]);
	while (f && fgets(line, sizeof(line), f)) {
		char name[64], mac[64];

		if (sscanf(line, "%*d %63s %*d %*d %63s", name, mac) == 2 &&
		    !strcmp(name, netdev_b) && !strcmp(mac, want))
			found = true;
	}
	if (f)
		fclose(f);
	return found;
}

static void group(bool v6, const char *text)
{
	const struct vt_cfg *cfg = VT_CFG(.type = IBV_QPT_UD, .v6 = v6);
	uint8_t *m = vt_map(65536), *n = vt_map(65536);
	struct ibv_mr *amr, *bmr;
	struct vt_qp from, q[QPS];
	union ibv_gid g = {};
	struct ibv_ah *ah;
	struct vt_op *op;
	struct ibv_wc wc;
	int i, bad;

	if (v6) {
		inet_pton(AF_INET6, text, g.raw);
	} else {
		g.raw[10] = g.raw[11] = 0xff;
		inet_pton(AF_INET, text, g.raw + 12);
	}
	vt_qp_create(&a, &from, cfg);
	vt_qp_connect(&from, NULL);
	amr = vt_reg(&a, VT_PINNED, m, 65536, VT_RCV_ALL);
	bmr = vt_reg(&b, vt_has(&b, VT_ODP) ? VT_ODP : VT_PINNED, n, 65536, VT_RCV_ALL);
	for (i = 0; i < QPS; i++) {
		vt_qp_create(&b, &q[i], cfg);
		vt_qp_connect(&q[i], NULL);
		vt_recv(&q[i], 1, bmr, n + i * 4096, 4096);
		vt_recv(&q[i], 2, bmr, n + i * 4096, 4096);
	}
	ok(!filter_has(&g), "%s: nobody listens", text);
	is(ibv_attach_mcast(q[0].qp, &g, 0), 0, "%s: attach one queue pair", text);
	ok(filter_has(&g), "%s: the device listens", text);
	is(ibv_attach_mcast(q[0].qp, &g, 0), 0, "%s: once more is fine", text);
	is(ibv_attach_mcast(q[1].qp, &g, 0), 0, "%s: attach another", text);

	ah = vt_ah(&from, &g);
	op = VT_OP(.op = IBV_WR_SEND, .local = m, .len = 500, .lkey = amr->lkey, .ah = ah,
		   .qpn = MCAST_QPN);
	vt_fill(m, 0, 500, 3);
	is(vt_do(&from, op), 0, "%s: send to the group", text);
	for (i = 0; i < 2; i++) {
		is(vt_rdone(&q[i]), 0, "%s: member %d gets it", text, i);
		is(q[i].wc.byte_len, GRH + 500, "%s: its length", text);
		is(vt_check(n + i * 4096 + GRH, 0, 500, 3), -1, "%s: the data", text);
	}
	ok(!vt_poll(q[2].rcq, &wc, 50), "%s: a stranger does not", text);

	op->qkey = 0x99;
	is(vt_do(&from, op), 0, "%s: with a wrong key", text);
	op->qkey = 0;
	ok(!vt_poll(q[0].rcq, &wc, 50), "%s: nobody gets it", text);

	is(ibv_detach_mcast(q[0].qp, &g, 0), 0, "%s: detach the first", text);
	ok(ibv_detach_mcast(q[0].qp, &g, 0), "%s: once more is an error", text);
	ok(filter_has(&g), "%s: the device still listens", text);
	is(vt_do(&from, op), 0, "%s: send to the group", text);
	is(vt_rdone(&q[1]), 0, "%s: the second gets it", text);
	ok(!vt_poll(q[0].rcq, &wc, 50), "%s: the first does not", text);
	is(ibv_detach_mcast(q[1].qp, &g, 0), 0, "%s: detach the second", text);
	ok(!filter_has(&g), "%s: the device listens no more", text);

	/* Every copy counts: a hundred messages, a receive for each. */
	for (i = 0; i < QPS; i++)
		ibv_attach_mcast(q[i].qp, &g, 0);
	for (bad = 0; bad < 100; bad++) {
		bool all = true;

		vt_fill(m, 0, 500, bad);
		for (i = 0; i < QPS; i++)
			vt_recv(&q[i], 3, bmr, n + i * 4096, 4096);
		all = !vt_do(&from, op);
		for (i = 0; i < QPS; i++)
			all &= !vt_rdone(&q[i]) &&
			       vt_check(n + i * 4096 + GRH, 0, 500, bad) < 0;
		if (!all)
			break;
	}
	is(bad, 100, "%s: messages that all three got", text);
	for (i = 0; i < QPS; i++)
		ibv_detach_mcast(q[i].qp, &g, 0);
	ok(!filter_has(&g), "%s: the device listens no more", text);

	ibv_destroy_ah(ah);
	g.raw[0] = 0x20;
	g.raw[12] = 10;
	ok(ibv_attach_mcast(q[0].qp, &g, 0), "%s: an address that is no group is refused", text);
	vt_qp_destroy(&from);
	for (i = 0; i < QPS; i++)
		vt_qp_destroy(&q[i]);
	vt_dereg(amr);
	vt_dereg(bmr);
}

int main(void)
{
	const char *other = getenv("VT_DEV2");
	char path[128], netdev[64];

	vt_open(&a);
	vt_open_name(&b, other ? other : "rxe1");
	vt_netdev(&a, netdev, sizeof(netdev));
	vt_netdev(&b, netdev_b, sizeof(netdev_b));
	/* The sender's address is this machine's own, see two-devices. */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/accept_local", netdev_b);
	if (vt_write_file(path, "1"))
		bail("%s: %m", path);
	group(false, "239.77.1.2");
	group(true, "ff0e::77:1:2");
	vt_close(&a);
	vt_close(&b);
	return done();
}
