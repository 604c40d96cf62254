#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Deleting the RDMA link while processes use it: the command comes back, the
# processes end, the kernel does not complain, and a new link works.
#
# timeout: 240
. "$(dirname "$0")/../lib/net.sh"

tidy() { guest-setup >/dev/null 2>&1; }

gone() { ! kill -0 "$1" 2>/dev/null; }

for how in "local pinned" "local odp" "wire odp" "wire implicit"; do
	guest-setup >/dev/null 2>&1 || bail "guest-setup failed"
	# shellcheck disable=SC2086
	"$here/traffic" $how 60 >"$scratch/out" 2>&1 &
	victim=$!
	wait_until 20 grep -q "traffic" "/proc/$victim/comm" || bail "no traffic"
	sleep 1
	kill -0 $victim 2>/dev/null
	ok $? "$how: there is traffic"
	rdma link delete "$dev" &
	deleter=$!
	# A driver may make the deletion wait for its users: then they have to go.
	wait_until 5 gone $deleter || echo "# the deletion waits for the user of the device"
	kill -9 $victim 2>/dev/null
	wait $victim 2>/dev/null
	wait_until 30 gone $deleter
	ok $? "$how: the deletion comes to its end"
	wait $deleter 2>/dev/null
	[ ! -e /sys/class/infiniband/"$dev" ]
	ok $? "$how: the device is gone"
done
guest-setup >/dev/null 2>&1
ok $? "everything can be set up again"
timeout 60 "$here/traffic" local odp 1 >"$scratch/out" 2>&1
ok $? "and works"
tidy() { :; }
done_testing
