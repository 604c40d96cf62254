#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (too slow with every debugging option, and nothing of its own)
# An MPI program over UCX: point to point, collectives and one-sided operations
# bring right data, over reliable connections and over datagrams.
#
# timeout: 120
. "$(dirname "$0")/../lib/ucx.sh"

before=$(cat "/sys/class/infiniband/$dev/ports/1/hw_counters/rdma_sends")
mpi_data rc_v
mpi_data ud_v
after=$(cat "/sys/class/infiniband/$dev/ports/1/hw_counters/rdma_sends")
[ "$after" -gt "$before" ]
ok $? "it went through $dev"
done_testing
