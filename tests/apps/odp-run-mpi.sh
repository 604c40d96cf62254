#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# odp run over MPI: ranks exchange data, which they check, in memory that none of
# them has pinned.
#
# timeout: 120
. "$(dirname "$0")/../lib/odprun.sh"

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 HOME=/root
before=$(counter odp_faults)
$limit mpirun -np 2 --oversubscribe --bind-to none --mca pml ucx --mca osc ucx --mca btl self \
	--mca orte_base_help_aggregate 0 --mca plm_rsh_agent false \
	-x UCX_TLS=rc_verbs,self -x UCX_NET_DEVICES="$dev:1" -x UCX_WARN_UNUSED_ENV_VARS=n \
	odp run --verbose -- "$here/programs/mpi-data" >"$scratch/out" 2>&1
ok $? "two ranks"
grep -q '^data right, 2 ranks$' "$scratch/out"
ok $? "the data"
unpinned "$scratch/out" "both ranks"
is "$(grep -c '^odp: mpi-data' "$scratch/out")" 2 "each has told so"
[ "$(counter odp_faults)" -gt "$before" ]
ok $? "there were faults"
[ $failures = 0 ] || sed 's/^/# /' "$scratch/out"
done_testing
