#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Datagrams over RDMA (RDS), both ends in one kernel: messages of many sizes, and RDMA
# into and out of memory that one socket has lent to another. Its regions begin at 0,
# wherever in a page the memory begins.
#
# kernels: 6.1 6.12 7.3 (the debug kernel has no RDS)
# timeout: 120
. "$(dirname "$0")/../lib/cm.sh"

# Connections stay when their sockets are gone; they go with the module.
no_rds() { modprobe -r rds_rdma rds 2>/dev/null; [ ! -e /sys/module/rds_rdma ]; }
tidy()
{
	wait_until 20 no_rds
	_stop_servers
}

for road in local wire; do
	[ ! -w $wire_only ] || case $road in
	local) echo N >$wire_only ;;
	wire) echo Y >$wire_only ;;
	esac
	modprobe rds_rdma || bail "no RDS over RDMA here"
	before=$(counter sent_pkts)
	$limit "$here/programs/rds-data" $v4 >"$scratch/out" 2>&1
	ok $? "$road: every byte is right"
	sed 's/^/# /' "$scratch/out"
	is "$(grep -c "^RDS over RDMA to ::ffff:$v4\$" "$scratch/out")" 2 "$road: it is RDMA"
	[ ! -w $wire_only ] || took_road "$before" "$road"
	wait_until 20 no_rds
	ok $? "$road: nothing holds the module"
done
tidy
tidy() { :; }
done_testing
