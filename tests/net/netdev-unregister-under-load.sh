#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The network device under an RDMA device goes away while it is in use: the RDMA
# device goes with it, and nothing waits for ever.
#
# timeout: 240
. "$(dirname "$0")/../lib/net.sh"

tidy() { guest-setup >/dev/null 2>&1; }

gone() { ! kill -0 "$1" 2>/dev/null; }
no_device() { [ ! -e /sys/class/infiniband/"$dev" ]; }

for how in "local odp" "wire pinned"; do
	guest-setup >/dev/null 2>&1 || bail "guest-setup failed"
	netdev=$(cat /sys/class/infiniband/"$dev"/ports/1/gid_attrs/ndevs/0)
	# shellcheck disable=SC2086
	"$here/traffic" $how 60 >"$scratch/out" 2>&1 &
	victim=$!
	sleep 2
	kill -0 $victim 2>/dev/null
	ok $? "$how: there is traffic"
	ip link delete "$netdev" &
	deleter=$!
	wait_until 5 gone $deleter || echo "# the removal waits for the user of the device"
	kill -9 $victim 2>/dev/null
	wait $victim 2>/dev/null
	wait_until 30 gone $deleter
	ok $? "$how: $netdev is removed"
	wait_until 30 no_device
	ok $? "$how: and the RDMA device with it"
done
guest-setup >/dev/null 2>&1
ok $? "everything can be set up again"
timeout 60 "$here/traffic" local odp 1 >"$scratch/out" 2>&1
ok $? "and works"
tidy() { :; }
done_testing
