#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (too slow with every debugging option, and nothing of its own)
# qperf: each kind of transfer over reliable connections runs, atomics are
# verified by it. Its UC and UD transfers know no addresses but LIDs.
# timeout: 90
. "$(dirname "$0")/../lib/cm.sh"

serve qperf
qperf_listens() { grep -q ":4D35 .* 0A " /proc/net/tcp /proc/net/tcp6; }	# 19765
wait_until 20 qperf_listens || bail "qperf does not listen"

transfer() { $limit qperf -cm 1 -t 1 -n 30 $v4 $test >"$scratch/client" 2>&1; }

# Its server tells the client where it listens before it does (rdma_listen() comes last).
rejected() { grep -q 'Event rejected' "$scratch/client"; }

for road in local wire; do
	[ ! -w $wire_only ] || case $road in
	local) echo N >$wire_only ;;
	wire) echo Y >$wire_only ;;
	esac
	for test in rc_bw rc_lat rc_rdma_read_bw rc_rdma_write_bw rc_rdma_write_poll_lat \
		ver_rc_compare_swap ver_rc_fetch_add; do
		transfer || { rejected && transfer; }
		_status=$?
		ok $_status "$road: $test"
		[ $_status = 0 ] || sed 's/^/# /' "$scratch/client"
	done
done
done_testing
