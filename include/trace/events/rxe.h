/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM rxe

#if !defined(_TRACE_RXE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_RXE_H

#include <linux/string.h>
#include <linux/tracepoint.h>
#include <rdma/ib_verbs.h>

/* One direction of QP @qpn, the requester's or the responder's, parks: it needs memory. */
TRACE_EVENT(rxe_park,
	TP_PROTO(const char *dev, u32 qpn, bool requester, unsigned long va,
		 size_t len, bool write, u32 tries),
	TP_ARGS(dev, qpn, requester, va, len, write, tries),

	TP_STRUCT__entry(
		__array(char, dev, IB_DEVICE_NAME_MAX)
		__field(u32, qpn)
		__field(bool, requester)
		__field(unsigned long, va)
		__field(size_t, len)
		__field(bool, write)
		__field(u32, tries)
	),

	TP_fast_assign(
		strscpy(__entry->dev, dev, IB_DEVICE_NAME_MAX);
		__entry->qpn = qpn;
		__entry->requester = requester;
		__entry->va = va;
		__entry->len = len;
		__entry->write = write;
		__entry->tries = tries;
	),

	TP_printk("dev=%s qpn=%u side=%s va=%#lx len=%zu write=%d tries=%u",
		  __entry->dev, __entry->qpn,
		  __entry->requester ? "requester" : "responder", __entry->va,
		  __entry->len, __entry->write, __entry->tries)
);

/* Its fault has ended after @ns, as umem_fault() does; it goes on. */
TRACE_EVENT(rxe_resume,
	TP_PROTO(const char *dev, u32 qpn, bool requester, u64 ns, long ret),
	TP_ARGS(dev, qpn, requester, ns, ret),

	TP_STRUCT__entry(
		__array(char, dev, IB_DEVICE_NAME_MAX)
		__field(u32, qpn)
		__field(bool, requester)
		__field(u64, ns)
		__field(long, ret)
	),

	TP_fast_assign(
		strscpy(__entry->dev, dev, IB_DEVICE_NAME_MAX);
		__entry->qpn = qpn;
		__entry->requester = requester;
		__entry->ns = ns;
		__entry->ret = ret;
	),

	TP_printk("dev=%s qpn=%u side=%s ns=%llu ret=%ld", __entry->dev,
		  __entry->qpn, __entry->requester ? "requester" : "responder",
		  __entry->ns, __entry->ret)
);

DECLARE_EVENT_CLASS(rxe_again,
	TP_PROTO(const char *dev, u32 qpn, u32 psn, u32 left),
	TP_ARGS(dev, qpn, psn, left),

	TP_STRUCT__entry(
		__array(char, dev, IB_DEVICE_NAME_MAX)
		__field(u32, qpn)
		__field(u32, psn)
		__field(u32, left)
	),

	TP_fast_assign(
		strscpy(__entry->dev, dev, IB_DEVICE_NAME_MAX);
		__entry->qpn = qpn;
		__entry->psn = psn;
		__entry->left = left;
	),

	TP_printk("dev=%s qpn=%u psn=%u left=%u", __entry->dev, __entry->qpn,
		  __entry->psn, __entry->left)
);

/* Packets were lost: sending again from @psn, which may be done @left times more. */
DEFINE_EVENT(rxe_again, rxe_retry,
	TP_PROTO(const char *dev, u32 qpn, u32 psn, u32 left),
	TP_ARGS(dev, qpn, psn, left)
);

/* The peer was not ready: the same; 7 is for ever. */
DEFINE_EVENT(rxe_again, rxe_rnr_received,
	TP_PROTO(const char *dev, u32 qpn, u32 psn, u32 left),
	TP_ARGS(dev, qpn, psn, left)
);

/* A responder has been parked for as long as its peer can wait, and asks for patience. */
TRACE_EVENT(rxe_rnr_parked,
	TP_PROTO(const char *dev, u32 qpn, u32 psn),
	TP_ARGS(dev, qpn, psn),

	TP_STRUCT__entry(
		__array(char, dev, IB_DEVICE_NAME_MAX)
		__field(u32, qpn)
		__field(u32, psn)
	),

	TP_fast_assign(
		strscpy(__entry->dev, dev, IB_DEVICE_NAME_MAX);
		__entry->qpn = qpn;
		__entry->psn = psn;
	),

	TP_printk("dev=%s qpn=%u psn=%u", __entry->dev, __entry->qpn, __entry->psn)
);

TRACE_DEFINE_ENUM(IB_QPS_RESET);
TRACE_DEFINE_ENUM(IB_QPS_INIT);
TRACE_DEFINE_ENUM(IB_QPS_RTR);
TRACE_DEFINE_ENUM(IB_QPS_RTS);
TRACE_DEFINE_ENUM(IB_QPS_SQD);
TRACE_DEFINE_ENUM(IB_QPS_SQE);
TRACE_DEFINE_ENUM(IB_QPS_ERR);

#define rxe_show_state(state)						\
	__print_symbolic(state,						\
			 { IB_QPS_RESET, "RESET" }, { IB_QPS_INIT, "INIT" }, \
			 { IB_QPS_RTR, "RTR" }, { IB_QPS_RTS, "RTS" },	\
			 { IB_QPS_SQD, "SQD" }, { IB_QPS_SQE, "SQE" },	\
			 { IB_QPS_ERR, "ERR" })

/* A queue pair changes its state: its owner says so, or it has met an error. */
TRACE_EVENT(rxe_qp_state,
	TP_PROTO(const char *dev, u32 qpn, u32 from, u32 to),
	TP_ARGS(dev, qpn, from, to),

	TP_STRUCT__entry(
		__array(char, dev, IB_DEVICE_NAME_MAX)
		__field(u32, qpn)
		__field(u32, from)
		__field(u32, to)
	),

	TP_fast_assign(
		strscpy(__entry->dev, dev, IB_DEVICE_NAME_MAX);
		__entry->qpn = qpn;
		__entry->from = from;
		__entry->to = to;
	),

	TP_printk("dev=%s qpn=%u from=%s to=%s", __entry->dev, __entry->qpn,
		  rxe_show_state(__entry->from), rxe_show_state(__entry->to))
);

/* @op names the opcode; @bytes from the base transport header at @bth to the ICRC. */
DECLARE_EVENT_CLASS(rxe_packet,
	TP_PROTO(const char *dev, const char *op, const u8 *bth, u32 bytes),
	TP_ARGS(dev, op, bth, bytes),

	TP_STRUCT__entry(
		__array(char, dev, IB_DEVICE_NAME_MAX)
		__array(char, op, 40)
		__field(u32, qpn)
		__field(u32, psn)
		__field(u32, bytes)
	),

	TP_fast_assign(
		strscpy(__entry->dev, dev, IB_DEVICE_NAME_MAX);
		strscpy(__entry->op, op, 40);
		__entry->qpn = bth[5] << 16 | bth[6] << 8 | bth[7];
		__entry->psn = bth[9] << 16 | bth[10] << 8 | bth[11];
		__entry->bytes = bytes;
	),

	TP_printk("dev=%s op=\"%s\" qpn=%u psn=%u bytes=%u", __entry->dev,
		  __entry->op, __entry->qpn, __entry->psn, __entry->bytes)
);

/* On its way, of a burst too; the queue pair is that of the receiver. */
DEFINE_EVENT(rxe_packet, rxe_packet_sent,
	TP_PROTO(const char *dev, const char *op, const u8 *bth, u32 bytes),
	TP_ARGS(dev, op, bth, bytes)
);

/* Well formed and with the right ICRC. */
DEFINE_EVENT(rxe_packet, rxe_packet_received,
	TP_PROTO(const char *dev, const char *op, const u8 *bth, u32 bytes),
	TP_ARGS(dev, op, bth, bytes)
);

#endif /* _TRACE_RXE_H */

#include <trace/define_trace.h>
