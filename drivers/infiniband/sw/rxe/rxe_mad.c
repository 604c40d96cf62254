// SPDX-License-Identifier: GPL-2.0
/*
 * Room "door": the performance management agent (IBTA volume 1, 16.1), to which
 * /sys/class/infiniband/DEVICE/ports/1/counters and monitors on other machines
 * turn. It is asked only; nothing is reset. Counters that are full stay full.
 */
#include <linux/limits.h>
#include <rdma/ib_mad.h>
#include <rdma/ib_pma.h>
#include "rxe_verbs.h"

#define PMA_VERSION	1
#define ANY_PORT	0xff

/* What a class has to say begins here, see struct ib_mad. */
#define PMA_DATA	40

static __be32 full32(u64 n)
{
	return cpu_to_be32(min_t(u64, n, U32_MAX));
}

static __be16 full16(u64 n)
{
	return cpu_to_be16(min_t(u64, n, U16_MAX));
}

static void tell_class(void *to)
{
	struct ib_class_port_info info = {
		.base_version = IB_MGMT_BASE_VERSION,
		.class_version = PMA_VERSION,
		.capability_mask = IB_PMA_CLASS_CAP_EXT_WIDTH,
	};

	memcpy(to, &info, sizeof(info));
}

/* Bytes are told in units of four. */
static void tell_counters(struct rxe_dev *rxe, void *to)
{
	struct ib_pma_portcounters c = {
		.port_select = 1,
		.link_downed_counter =
			min_t(u64, rxe_counter(rxe, RXE_CNT_LINK_DOWNED), U8_MAX),
		.port_rcv_errors = full16(rxe_counter(rxe, RXE_CNT_BAD_PKTS)),
		.port_xmit_discards = full16(rxe_counter(rxe, RXE_CNT_SEND_ERR)),
		.port_xmit_data = full32(rxe_counter(rxe, RXE_CNT_SENT_BYTES) / 4),
		.port_rcv_data = full32(rxe_counter(rxe, RXE_CNT_RCVD_BYTES) / 4),
		.port_xmit_packets = full32(rxe_counter(rxe, RXE_CNT_SENT_PKTS)),
		.port_rcv_packets = full32(rxe_counter(rxe, RXE_CNT_RCVD_PKTS)),
	};

	memcpy(to, &c, sizeof(c));
}

static void tell_counters_ext(struct rxe_dev *rxe, void *to)
{
	/* groups first: what is counted meanwhile is not missing from the rest */
	u64 sent_mc = rxe_counter(rxe, RXE_CNT_SENT_MCAST);
	u64 rcvd_mc = rxe_counter(rxe, RXE_CNT_RCVD_MCAST);
	u64 sent = rxe_counter(rxe, RXE_CNT_SENT_PKTS);
	u64 rcvd = rxe_counter(rxe, RXE_CNT_RCVD_PKTS);
	struct ib_pma_portcounters_ext c = {
		.port_select = 1,
		.port_xmit_data = cpu_to_be64(rxe_counter(rxe, RXE_CNT_SENT_BYTES) / 4),
		.port_rcv_data = cpu_to_be64(rxe_counter(rxe, RXE_CNT_RCVD_BYTES) / 4),
		.port_xmit_packets = cpu_to_be64(sent),
		.port_rcv_packets = cpu_to_be64(rcvd),
		.port_unicast_xmit_packets = cpu_to_be64(sent - sent_mc),
		.port_unicast_rcv_packets = cpu_to_be64(rcvd - rcvd_mc),
		.port_multicast_xmit_packets = cpu_to_be64(sent_mc),
		.port_multicast_rcv_packets = cpu_to_be64(rcvd_mc),
	};

	memcpy(to, &c, sizeof(c));
}

/* The status of the answer, IBTA table 131. */
static u16 answer(struct rxe_dev *rxe, const struct ib_mad *in, struct ib_mad *out)
{
	/* of the two that count something; the class says nothing about ports */
	u8 port = ((const struct ib_pma_portcounters *)(in->data + PMA_DATA))->port_select;
	void *to = out->data + PMA_DATA;

	BUILD_BUG_ON(PMA_DATA + sizeof(struct ib_pma_portcounters_ext) >
		     sizeof(out->data));
	if (in->mad_hdr.base_version != IB_MGMT_BASE_VERSION ||
	    in->mad_hdr.class_version != PMA_VERSION)
		return IB_MGMT_MAD_STATUS_BAD_VERSION;
	if (in->mad_hdr.method != IB_MGMT_METHOD_GET)
		return IB_MGMT_MAD_STATUS_UNSUPPORTED_METHOD;
	if (in->mad_hdr.attr_id == IB_PMA_CLASS_PORT_INFO) {
		tell_class(to);
		return IB_MGMT_MAD_STATUS_SUCCESS;
	}
	if (in->mad_hdr.attr_id != IB_PMA_PORT_COUNTERS &&
	    in->mad_hdr.attr_id != IB_PMA_PORT_COUNTERS_EXT)
		return IB_MGMT_MAD_STATUS_UNSUPPORTED_METHOD_ATTRIB;
	if (port != 1 && port != ANY_PORT)
		return IB_MGMT_MAD_STATUS_INVALID_ATTRIB_VALUE;
	if (in->mad_hdr.attr_id == IB_PMA_PORT_COUNTERS)
		tell_counters(rxe, to);
	else
		tell_counters_ext(rxe, to);
	return IB_MGMT_MAD_STATUS_SUCCESS;
}

/**
 * rxe_process_mad() - process_mad verb: answer a question about performance
 * @ibdev: device
 * @flags: keys not to be checked; there are none
 * @port: port it came in by
 * @wc: how it came; NULL if the kernel itself asks
 * @grh: its GRH, or NULL
 * @in: question
 * @out: answer, zeroed
 * @out_size: room in @out
 * @out_pkey: P_Key index of the answer, as the question's if left alone
 *
 * Process context. What is not for the agent is left to others: responses, and all
 * of the other classes. Return: IB_MAD_RESULT_*.
 */
int rxe_process_mad(struct ib_device *ibdev, int flags, u32 port, const struct ib_wc *wc,
		    const struct ib_grh *grh, const struct ib_mad *in, struct ib_mad *out,
		    size_t *out_size, u16 *out_pkey)
{
	u8 method = in->mad_hdr.method;

	if (in->mad_hdr.mgmt_class != IB_MGMT_CLASS_PERF_MGMT ||
	    (method != IB_MGMT_METHOD_GET && method != IB_MGMT_METHOD_SET))
		return IB_MAD_RESULT_SUCCESS;

	out->mad_hdr = in->mad_hdr;
	out->mad_hdr.method = IB_MGMT_METHOD_GET_RESP;
	out->mad_hdr.status = cpu_to_be16(answer(to_rdev(ibdev), in, out));
	return IB_MAD_RESULT_SUCCESS | IB_MAD_RESULT_REPLY;
}
