// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Unreliable datagrams: what arrives, with which header in front; and what does
 * not arrive, which its sender never hears of. By each road, over each IP version,
 * from one device to another, in pinned and in on-demand memory.
 */
#include "vt.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRH	40
#define LEN	65536

struct rig {
	char name[160];
	struct vt_qp a, b;
	struct ibv_mr *amr, *bmr;
	uint8_t *am, *bm;
	struct ibv_ah *ah;
	bool v6;
	uint64_t next_id;
};

static bool send_to(struct rig *r, const void *p, size_t len, uint32_t qpn, uint32_t qkey)
{
	return vt_do(&r->a, VT_OP(.op = IBV_WR_SEND, .local = p, .len = len, .ah = r->ah,
				  .lkey = r->amr->lkey, .qpn = qpn, .qkey = qkey)) ==
	       IBV_WC_SUCCESS;
}

/* The 40 bytes: an IPv6 header, or nothing and an IPv4 header (annex A17). */
static bool grh_right(struct rig *r, const uint8_t *grh, size_t payload)
{
	size_t udp = 8 + 12 + 8 + ((payload + 3) & ~3ul) + 4;
	const struct ip6_hdr *six = (const void *)grh;
	struct iphdr four;

	if (r->v6)
		return grh[0] >> 4 == 6 && six->ip6_nxt == IPPROTO_UDP &&
		       ntohs(six->ip6_plen) == udp &&
		       !memcmp(&six->ip6_src, &r->a.self.gid, 16) &&
		       !memcmp(&six->ip6_dst, &r->b.self.gid, 16);
	memcpy(&four, grh + 20, sizeof(four));
	return vt_check_byte(grh, 20, 0) < 0 && four.version == 4 && four.ihl == 5 &&
	       four.protocol == IPPROTO_UDP && ntohs(four.tot_len) == 20 + udp &&
	       !memcmp(&four.saddr, r->a.self.gid.raw + 12, 4) &&
	       !memcmp(&four.daddr, r->b.self.gid.raw + 12, 4);
}

static void arrives(struct rig *r, size_t len)
{
	struct ibv_wc *wc = &r->b.wc;

	memset(r->bm, 0xee, GRH + len + 8);
	vt_fill(r->am + 1, 0, len, len + 5);
	vt_recv(&r->b, ++r->next_id, r->bmr, r->bm, GRH + len + 8);
	ok(send_to(r, r->am + 1, len, r->b.self.qpn, 0), "%s: send %zu bytes", r->name, len);
	is(vt_rdone(&r->b), 0, "%s: received", r->name);
	ok(wc->wr_id == r->next_id && wc->byte_len == GRH + len && wc->src_qp == r->a.self.qpn &&
	   wc->wc_flags & IBV_WC_GRH && wc->opcode == IBV_WC_RECV,
	   "%s: the completion says from whom and how much", r->name);
	ok(grh_right(r, r->bm, len), "%s: the header in front", r->name);
	is(vt_check(r->bm + GRH, 0, len, len + 5), -1, "%s: the data", r->name);
	is(vt_check_byte(r->bm + GRH + len, 8, 0xee), -1, "%s: and no more", r->name);
}

static void immediate(struct rig *r)
{
	vt_recv(&r->b, 1, r->bmr, r->bm, 1000);
	is(vt_do(&r->a, VT_OP(.op = IBV_WR_SEND_WITH_IMM, .local = r->am, .len = 8, .ah = r->ah,
			      .lkey = r->amr->lkey, .qpn = r->b.self.qpn, .imm = 0xabcdef01,
			      .solicited = true)), 0, "%s: send with immediate", r->name);
	is(vt_rdone(&r->b), 0, "%s: received", r->name);
	ok(r->b.wc.wc_flags & IBV_WC_WITH_IMM && ntohl(r->b.wc.imm_data) == 0xabcdef01,
	   "%s: with it", r->name);
}

/* Gathered from three places, scattered over four, one border inside the header. */
static void scattered(struct rig *r)
{
	struct ibv_sge from[3] = {
		{ (uintptr_t)r->am, 100, r->amr->lkey },
		{ (uintptr_t)r->am + 5000, 1, r->amr->lkey },
		{ (uintptr_t)r->am + 9001, 300, r->amr->lkey },
	};
	struct ibv_sge to[4] = {
		{ (uintptr_t)r->bm, 13, r->bmr->lkey },
		{ (uintptr_t)r->bm + 4096, 27 + 50, r->bmr->lkey },
		{ (uintptr_t)r->bm + 8000, 0, r->bmr->lkey },
		{ (uintptr_t)r->bm + 12285, 1000, r->bmr->lkey },
	};
	struct ibv_recv_wr wr = { .wr_id = 9, .sg_list = to, .num_sge = 4 }, *bad;
	uint8_t grh[GRH];

	vt_fill(r->am, 0, 100, 8);
	vt_fill(r->am + 5000, 100, 1, 8);
	vt_fill(r->am + 9001, 101, 300, 8);
	ibv_post_recv(r->b.qp, &wr, &bad);
	is(vt_do(&r->a, VT_OP(.op = IBV_WR_SEND, .sgl = from, .nsge = 3, .ah = r->ah,
			      .qpn = r->b.self.qpn)), 0, "%s: send from three pieces", r->name);
	is(vt_rdone(&r->b), 0, "%s: received into four", r->name);
	memcpy(grh, r->bm, 13);
	memcpy(grh + 13, r->bm + 4096, 27);
	ok(grh_right(r, grh, 401), "%s: the header in front", r->name);
	ok(vt_check(r->bm + 4096 + 27, 0, 50, 8) < 0 && vt_check(r->bm + 12285, 50, 351, 8) < 0,
	   "%s: the data", r->name);
}

/* Whatever is dropped is a success for its sender, and the next one arrives. */
static void dropped(struct rig *r, size_t mtu)
{
	struct ibv_wc wc;

	ok(send_to(r, r->am, 10, r->b.self.qpn, 0), "%s: send without a receive", r->name);
	vt_recv(&r->b, 1, r->bmr, r->bm, GRH + 9);
	ok(send_to(r, r->am, 10, r->b.self.qpn, 0x5555), "%s: with a wrong key", r->name);
	ok(send_to(r, r->am, 10, 0xfffff0, 0), "%s: to a number that nobody has", r->name);
	ok(send_to(r, r->am, 10, r->b.self.qpn, 0), "%s: more than the receive takes", r->name);
	ok(!vt_poll(r->b.rcq, &wc, 100), "%s: none of them arrives", r->name);
	ok(send_to(r, r->am, 9, r->b.self.qpn, 0), "%s: one that fits", r->name);
	is(vt_rdone(&r->b), 0, "%s: does", r->name);
	is(r->b.wc.wr_id, 1, "%s: in the receive that was there", r->name);
	is(vt_do(&r->a, VT_OP(.op = IBV_WR_SEND, .local = r->am, .len = mtu + 1, .ah = r->ah,
			      .lkey = r->amr->lkey, .qpn = r->b.self.qpn)),
	   IBV_WC_LOC_LEN_ERR, "%s: more than the MTU is the sender's error", r->name);
	is(vt_qp_to(&r->a, IBV_QPS_RTS), 0, "%s: which modify_qp ends", r->name);
	vt_recv(&r->b, 2, r->bmr, r->bm, LEN);
	ok(send_to(r, r->am, mtu, r->b.self.qpn, 0), "%s: exactly the MTU", r->name);
	is(vt_rdone(&r->b), 0, "%s: arrives", r->name);
}

static void one(struct vt_dev *da, struct vt_dev *db, enum vt_kind kind, bool wire, bool v6)
{
	const struct vt_cfg *cfg = VT_CFG(.type = IBV_QPT_UD, .wire = wire, .v6 = v6);
	struct ibv_port_attr port;
	struct rig r = { .v6 = v6 };
	size_t mtu;

	ibv_query_port(da->ctx, 1, &port);
	mtu = 128ul << port.active_mtu;
	snprintf(r.name, sizeof(r.name), "%s to %s, %s, IPv%d, %s", da->name, db->name,
		 wire || da != db ? "wire" : "local", v6 ? 6 : 4, vt_kind_name[kind]);
	vt_qp_create(da, &r.a, cfg);
	vt_qp_create(db, &r.b, cfg);
	vt_qp_connect(&r.a, NULL);
	vt_qp_connect(&r.b, NULL);
	r.am = vt_map(LEN);
	r.bm = vt_map(LEN);
	r.amr = vt_reg(da, kind, r.am, LEN, VT_RCV_ALL);
	r.bmr = vt_reg(db, kind, r.bm, LEN, VT_RCV_ALL);
	r.ah = vt_ah(&r.a, &r.b.self.gid);
	arrives(&r, 0);
	arrives(&r, 1);
	arrives(&r, 1023);
	arrives(&r, mtu - 1);
	arrives(&r, mtu);
	immediate(&r);
	scattered(&r);
	dropped(&r, mtu);
	is(ibv_destroy_ah(r.ah), 0, "%s: address handle destroyed", r.name);
	vt_qp_destroy(&r.a);
	vt_qp_destroy(&r.b);
	vt_dereg(r.amr);
	vt_dereg(r.bmr);
}

int main(void)
{
	const char *other = getenv("VT_DEV2");
	struct vt_dev a, b;
	int v6;

	vt_open(&a);
	vt_open_name(&b, other ? other : "rxe1");
	vt_accept_local(&a);
	vt_accept_local(&b);
	for (v6 = 0; v6 < 2; v6++) {
		one(&a, &a, VT_PINNED, false, v6);
		if (vt_can(&a, VT_ODP))
			one(&a, &a, VT_ODP, false, v6);
		if (!vt_stock()) {
			one(&a, &a, VT_PINNED, true, v6);
			one(&a, &a, VT_ODP, true, v6);
		}
		one(&a, &b, VT_PINNED, false, v6);
	}
	vt_close(&a);
	vt_close(&b);
	return done();
}
