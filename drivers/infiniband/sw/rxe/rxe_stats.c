// SPDX-License-Identifier: GPL-2.0
/*
 * Room "door": counters. What a device has counted, per CPU, and the sums of the
 * export notifier; and what one memory region has.
 */
#include <rdma/rdma_netlink.h>
#include <rdma/restrack.h>
#include "rxe_verbs.h"
#include "rxe_mem.h"

/* Behind the counters of enum rxe_counter: totals of the export notifier. */
enum {
	STAT_FAULTS = RXE_CNT_MAX,
	STAT_FAULT_PAGES,
	STAT_PREFETCHES,
	STAT_PREFETCH_PAGES,
	STAT_INVALIDATIONS,
	STAT_INVALIDATED_PAGES,
	STAT_RETRIES,
	STAT_SLOW,
	STAT_RESIDENT_PAGES,
	STAT_LEAVES,
	STAT_FAULT_US,
	STAT_MAX = STAT_FAULT_US + RXE_FAULT_TIMES
};

static const struct rdma_stat_desc stat_descs[STAT_MAX] = {
	[RXE_CNT_SENT_PKTS].name		= "sent_pkts",
	[RXE_CNT_RCVD_PKTS].name		= "rcvd_pkts",
	[RXE_CNT_DUP_REQ].name			= "duplicate_request",
	[RXE_CNT_OUT_OF_SEQ_REQ].name		= "out_of_seq_request",
	[RXE_CNT_RCV_RNR].name			= "rcvd_rnr_err",
	[RXE_CNT_SND_RNR].name			= "send_rnr_err",
	[RXE_CNT_RCV_SEQ_ERR].name		= "rcvd_seq_err",
	[RXE_CNT_ACK_DEFERRED].name		= "ack_deferred",
	[RXE_CNT_RETRY_EXCEEDED].name		= "retry_exceeded_err",
	[RXE_CNT_RNR_RETRY_EXCEEDED].name	= "retry_rnr_exceeded_err",
	[RXE_CNT_COMP_RETRY].name		= "completer_retry_err",
	[RXE_CNT_SEND_ERR].name			= "send_err",
	[RXE_CNT_LINK_DOWNED].name		= "link_downed",
	[RXE_CNT_RDMA_SEND].name		= "rdma_sends",
	[RXE_CNT_RDMA_RECV].name		= "rdma_recvs",
	[RXE_CNT_SENT_BYTES].name		= "sent_bytes",
	[RXE_CNT_RCVD_BYTES].name		= "rcvd_bytes",
	[RXE_CNT_BAD_PKTS].name			= "bad_pkts",
	[RXE_CNT_LOCAL_MSGS].name		= "local_msgs",
	/* as hardware calls them */
	[RXE_CNT_ECN_MARKED].name		= "np_ecn_marked_roce_packets",
	[RXE_CNT_CNP_SENT].name			= "np_cnp_sent",
	[RXE_CNT_CNP_HANDLED].name		= "rp_cnp_handled",
	[RXE_CNT_PARKS].name			= "parks",
	[RXE_CNT_SENT_MCAST].name		= "sent_mcast_pkts",
	[RXE_CNT_RCVD_MCAST].name		= "rcvd_mcast_pkts",
	[RXE_CNT_RDMA_BYTES].name		= "rdma_bytes",
	[RXE_CNT_RCVD_BURSTS].name		= "rcvd_bursts",
	[RXE_CNT_OVERTAKEN].name		= "overtaken_pkts",
	[STAT_FAULTS].name			= "odp_faults",
	[STAT_FAULT_PAGES].name			= "odp_fault_pages",
	[STAT_PREFETCHES].name			= "odp_prefetches",
	[STAT_PREFETCH_PAGES].name		= "odp_prefetch_pages",
	[STAT_INVALIDATIONS].name		= "odp_invalidations",
	[STAT_INVALIDATED_PAGES].name		= "odp_invalidated_pages",
	[STAT_RETRIES].name			= "odp_retries",
	[STAT_SLOW].name			= "odp_slow",
	[STAT_RESIDENT_PAGES].name		= "odp_resident_pages",
	[STAT_LEAVES].name			= "odp_leaves",
	/* the least time that is counted there, in microseconds */
#define FAULT_US(i, us) [STAT_FAULT_US + (i)].name = "odp_fault_us_" #us
	FAULT_US(0, 0), FAULT_US(1, 1), FAULT_US(2, 2), FAULT_US(3, 4),
	FAULT_US(4, 8), FAULT_US(5, 16), FAULT_US(6, 32), FAULT_US(7, 64),
	FAULT_US(8, 128), FAULT_US(9, 256), FAULT_US(10, 512),
	FAULT_US(11, 1024), FAULT_US(12, 2048), FAULT_US(13, 4096),
	FAULT_US(14, 8192), FAULT_US(15, 16384), FAULT_US(16, 32768),
	FAULT_US(17, 65536), FAULT_US(18, 131072), FAULT_US(19, 262144),
	FAULT_US(20, 524288), FAULT_US(21, 1048576),
#undef FAULT_US
};
static_assert(RXE_FAULT_TIMES == 22);

/**
 * rxe_alloc_hw_port_stats() - alloc_hw_port_stats verb: names of the counters
 * @ibdev: device
 * @port: its port
 *
 * Process context. Return: counters, or NULL.
 */
struct rdma_hw_stats *rxe_alloc_hw_port_stats(struct ib_device *ibdev, u32 port)
{
	return rdma_alloc_hw_stats_struct(stat_descs, ARRAY_SIZE(stat_descs),
					  RDMA_HW_STATS_DEFAULT_LIFESPAN);
}

/* rxe_counter() - what all CPUs have counted; any context */
u64 rxe_counter(const struct rxe_dev *rxe, enum rxe_counter c)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(rxe->stats, cpu)->c[c]);
	return sum;
}

/**
 * rxe_get_hw_stats() - get_hw_stats verb: their values
 * @ibdev: device
 * @stats: where to
 * @port: its port, or 0 for the device, which has none
 * @index: the one that is wanted; all are filled in
 *
 * Process context. Return: how many were filled in, or -EINVAL.
 */
int rxe_get_hw_stats(struct ib_device *ibdev,
		     struct rdma_hw_stats *stats, u32 port, int index)
{
	struct rxe_dev *rxe = to_rdev(ibdev);
	struct umem_stats st = {};
	u64 *v = stats->value;
	int cpu, i;

	if (!port)
		return -EINVAL;

	memset(v, 0, STAT_MAX * sizeof(*v));
	for (i = 0; i < RXE_CNT_MAX; i++)
		v[i] = rxe_counter(rxe, i);
	for_each_possible_cpu(cpu) {
		const struct rxe_stats *st = per_cpu_ptr(rxe->stats, cpu);

		for (i = 0; i < RXE_FAULT_TIMES; i++)
			v[STAT_FAULT_US + i] += READ_ONCE(st->fault_us[i]);
	}

	umem_export_stats(NULL, &st);
	v[STAT_FAULTS] = st.faults;
	v[STAT_FAULT_PAGES] = st.fault_pages;
	v[STAT_PREFETCHES] = st.prefetches;
	v[STAT_PREFETCH_PAGES] = st.prefetch_pages;
	v[STAT_INVALIDATIONS] = st.invalidations;
	v[STAT_INVALIDATED_PAGES] = st.invalidated_pages;
	v[STAT_RETRIES] = st.retries;
	v[STAT_SLOW] = st.slow;
	v[STAT_RESIDENT_PAGES] = st.resident;
	v[STAT_LEAVES] = st.leaves;
	return ARRAY_SIZE(stat_descs);
}

static int put_count(struct sk_buff *msg, const char *name, u64 value)
{
	return rdma_nl_stat_hwcounter_entry(msg, name, value);
}

/**
 * rxe_fill_stat_mr_entry() - "rdma statistic show mr": on-demand regions only
 * @msg: netlink message
 * @ibmr: MR
 *
 * Invalidations and what space_* counts are known per address space only: they
 * are the same for all of its MRs.
 *
 * Process context; may be scheduled away. Return: 0 or -EMSGSIZE.
 */
int rxe_fill_stat_mr_entry(struct sk_buff *msg, struct ib_mr *ibmr)
{
	struct rxe_mr *mr = to_rmr(ibmr);
	struct umem_export *ex = NULL;
	struct rxe_mr_count *count;
	struct umem_stats st = {};
	struct nlattr *table;
	unsigned long start;
	u64 resident, length;
	bool whole;
	int err;

	/* Rereg may exchange these; the walk may be long. */
	if (!rxe_ref_get(&mr->ref))
		return 0;
	whole = mr->kind == RXE_MR_IMPLICIT;
	start = mr->start;
	length = mr->length;
	if (mr->ex) {
		ex = umem_export_ref(mr->ex);
		count = rxe_mr_count_get(mr->count);
	}
	rxe_ref_put(&mr->ref);
	if (!ex)
		return 0;

	umem_export_stats(ex, &st);
	resident = whole ? st.resident :
		   umem_range_resident(ex, start, length) >> PAGE_SHIFT;
	umem_export_put(ex);

	err = -EMSGSIZE;
	table = nla_nest_start(msg, RDMA_NLDEV_ATTR_STAT_HWCOUNTERS);
	if (!table)
		goto out;
	if (put_count(msg, "page_faults", atomic64_read(&count->faults)) ||
	    put_count(msg, "page_fault_pages", atomic64_read(&count->fault_pages)) ||
	    put_count(msg, "page_prefetch", atomic64_read(&count->prefetches)) ||
	    put_count(msg, "page_invalidations", st.invalidations) ||
	    put_count(msg, "resident_pages", resident) ||
	    put_count(msg, "space_fault_pages", st.fault_pages) ||
	    put_count(msg, "space_invalidations", st.invalidations) ||
	    put_count(msg, "space_invalidated_pages", st.invalidated_pages) ||
	    put_count(msg, "space_resident_pages", st.resident)) {
		nla_nest_cancel(msg, table);
		goto out;
	}
	nla_nest_end(msg, table);
	err = 0;
out:
	rxe_mr_count_put(count);
	return err;
}
