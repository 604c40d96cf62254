#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Datagrams over RDMA (RDS), both ends in one kernel: messages of many sizes, and RDMA
# into and out of memory that one socket has lent to another. Its regions begin at 0,
# wherever in a page the memory begins.
#
# kernels: 6.1 6.12 7.3 (the debug kernel has no RDS)
# timeout: 120
. "$(dirname "$0")/../lib/cm.sh"

# Connections stay when their sockets are gone; they go with the module. That of Linux 7.3
# waits for the common workqueue where each connection has one of its own now, and takes
# the list of those without a device apart while they are entered into it. There the
# device goes first.
gone_first=
case $(uname -r) in
6.*) ;;
*) gone_first=1 ;;
esac
no_rds() { modprobe -r rds_rdma rds 2>/dev/null; [ ! -e /sys/module/rds_rdma ]; }
unload()
{
	[ -z $gone_first ] || rdma link delete "$dev"
	wait_until 20 no_rds
}
set_up()
{
	[ -z $gone_first ] || guest-setup >"$scratch/set-up" 2>&1 || bail "guest-setup failed"
}
tidy()
{
	[ ! -e /sys/module/rds_rdma ] || { unload; set_up; }
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
	unload
	ok $? "$road: nothing holds the module"
	set_up
done
done_testing
