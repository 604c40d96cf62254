#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (too slow with every debugging option, and nothing of its own)
# An MPI program over UCX: point to point, collectives and one-sided operations
# bring right data, over reliable connections and over datagrams.
#
# timeout: 120
. "$(dirname "$0")/../lib/cm.sh"

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 HOME=/root
# run TRANSPORT
run()
{
	$limit mpirun -np 2 --oversubscribe --bind-to none --mca pml ucx --mca osc ucx \
		--mca btl self --mca orte_base_help_aggregate 0 --mca plm_rsh_agent false \
		-x UCX_TLS="$1,self" -x UCX_NET_DEVICES="$dev:1" -x UCX_WARN_UNUSED_ENV_VARS=n \
		"$here/programs/mpi-data" >"$scratch/out" 2>&1
	_status=$?
	ok $_status "UCX_TLS=$1"
	[ $_status = 0 ] || sed 's/^/# /' "$scratch/out"
	grep -q '^data right, 2 ranks$' "$scratch/out"
	ok $? "UCX_TLS=$1: two ranks, data right"
}

before=$(cat "/sys/class/infiniband/$dev/ports/1/hw_counters/rdma_sends")
run rc_v
run ud_v
after=$(cat "/sys/class/infiniband/$dev/ports/1/hw_counters/rdma_sends")
[ "$after" -gt "$before" ]
ok $? "it went through $dev"
done_testing
