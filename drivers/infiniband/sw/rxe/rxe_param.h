/* SPDX-License-Identifier: GPL-2.0 */
/* Limits. What is advertised can be created; beyond it is a clear errno. */
#ifndef RXE_PARAM_H
#define RXE_PARAM_H

#include <linux/sizes.h>
#include <rdma/rdma_user_rxe.h>

#define RXE_MAX_MSG		(1U << 31)	/* more than an enumerator holds */

enum {
	RXE_MAX_QP_WR		= 1 << 14,
	RXE_MAX_SGE		= 32,
	RXE_MAX_INLINE		= RXE_MAX_SGE * sizeof(struct rxe_sge),
	RXE_MAX_CQE		= 1 << 18,	/* libfabric's rxm wants 196,608 */
	RXE_MAX_RD_ATOMIC	= 128,
	RXE_MAX_PSN_WINDOW	= 128,		/* unacknowledged packets a QP may have */
	RXE_MIN_PSN_WINDOW	= 8,		/* ... after losses */
	RXE_MAX_PARKED_PKTS	= 256,		/* packets a QP direction may queue */
	RXE_MAX_SRQ_WR		= 1 << 14,
	RXE_MAX_SRQ_SGE		= 27,
	RXE_MAX_FRMR_PAGES	= 512,
	RXE_MAX_AH		= 1 << 15,
	RXE_MAX_MCAST_GRP	= 8192,
	RXE_MAX_MCAST_ATTACH	= 56,

	RXE_MIN_QPN		= 17,
	RXE_MAX_QPN		= 0xfffffe,
	RXE_MAX_QP		= 1 << 18,
	RXE_MAX_CQ		= 1 << 18,
	RXE_MAX_PD		= 1 << 18,
	RXE_MAX_SRQ		= 1 << 16,
	/* key >> 8: memory regions below, windows above */
	RXE_MIN_MR_INDEX	= 1,
	RXE_MAX_MR_INDEX	= (1 << 23) - 1,
	RXE_MIN_MW_INDEX	= 1 << 23,
	RXE_MAX_MW_INDEX	= (1 << 24) - 1,

	RXE_GID_TABLE_LEN	= 1024,
	RXE_UDP_PORT		= 4791,
	RXE_SPORT_BASE		= 0xc000,	/* source ports, RoCEv2 annex A17.4.5.2 */
	RXE_ICRC_LEN		= 4,
	RXE_MAX_HDR		= 80,		/* BTH to payload, longest combination */
};

#endif /* RXE_PARAM_H */
