#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Sockets over RDMA (SMC-R), both ends in one kernel: a byte stream each way, in
# buffers that are physically contiguous and in such that are not. The ends write
# into one another's ring buffers and say so by messages of 44 bytes.
#
# kernels: 6.1 6.12 (Debian has built newer ones without SMC; the debug kernel has none either)
# timeout: 120
. "$(dirname "$0")/../lib/cm.sh"

# Link groups, and the queue pairs in them, outlive their connections by minutes;
# they go with the module.
no_smc() { modprobe -r smc_diag smc 2>/dev/null; [ ! -e /sys/module/smc ]; }
tidy()
{
	wait_until 20 no_smc
	_stop_servers
}

# Without its device a network device stands for the RDMA device on it; the one to
# our own address is lo, which has none.
start()
{
	modprobe -a smc smc_diag || bail "no SMC here"
	echo "$1" >/proc/sys/net/smc/smcr_buf_type
	"$here/programs/smc-data" join lo "$dev" || bail "no SMC-R over $dev"
}

for road in local wire; do
	[ ! -w $wire_only ] || case $road in
	local) echo N >$wire_only ;;
	wire) echo Y >$wire_only ;;
	esac
	for kind in 0 1; do
		start $kind
		before=$(counter sent_pkts)
		$limit "$here/programs/smc-data" $v4 $port >"$scratch/out" 2>&1
		ok $? "$road, buffers of kind $kind: every byte is right"
		sed 's/^/# /' "$scratch/out"
		is "$(grep -c "^[a-z]*: SMC-R over $dev\$" "$scratch/out")" 2 \
			"$road, buffers of kind $kind: both ends are on $dev"
		[ ! -w $wire_only ] || took_road "$before" "$road, buffers of kind $kind"
		wait_until 20 no_smc
		ok $? "$road, buffers of kind $kind: nothing holds the module"
		port=$((port + 1))
	done
done
tidy
tidy() { :; }
done_testing
