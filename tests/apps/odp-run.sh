#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (too slow with every debugging option, and nothing of its own)
# odp run under UCX and MPI, which know nothing of it and register through plugins:
# every region is made on demand, by processes that may not pin a page, and data is
# right.
#
# timeout: 120
. "$(dirname "$0")/../lib/ucx.sh"

counter() { cat "/sys/class/infiniband/$dev/ports/1/hw_counters/$1"; }

# on_demand TEXT FILE...: the two processes that wrote there tell that they made each
# of their registrations on demand; and the device has seen it.
on_demand()
{
	_text=$1
	shift
	is "$(cat "$@" | grep -c 'odp: .* registrations')" 2 "$_text: two processes tell"
	is "$(cat "$@" | grep -Ec ': ([1-9][0-9]*) registrations, \1 made on demand \([0-9]+ bytes\); pinned now: 0 KiB')" \
		2 "$_text: all of their registrations were made on demand"
	cat "$@" | sed -n 's/^.*odp: /# odp: /p' | tr -d '\r'
	[ "$(counter odp_faults)" -gt "$before" ]
	ok $? "$_text: there were faults"
}

# Pages pinned machine-wide prove nothing: UCX asks at its start whether
# process_vm_writev() works, which pins for a moment.
ulimit -l 0
under="setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock"
! $under "$here/../odp/registration-calls" linked >/dev/null 2>&1
ok $? "without the right to lock memory, pinned memory is not registered"
under="$under odp run -v --"

for transport in rc_v ud_v; do
	before=$(counter odp_faults)
	perftest $transport tag_bw 100000
	on_demand "$transport" "$scratch/server" "$scratch/client"
done
before=$(counter odp_faults)
mpi_data rc_v
on_demand MPI "$scratch/out"
done_testing
