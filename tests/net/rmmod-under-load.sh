#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Unloading the modules while processes use them: either refused, or done. Once
# the users have gone it is done, nothing is left behind, and loading works again.
#
# timeout: 240
. "$(dirname "$0")/../lib/net.sh"

tidy() { guest-setup >/dev/null 2>&1; }

gone() { ! kill -0 "$1" 2>/dev/null; }
unload() { rmmod rdma_rxe 2>/dev/null || [ ! -e /sys/module/rdma_rxe ]; }

for how in "local odp" "wire implicit" "local pinned"; do
	guest-setup >/dev/null 2>&1 || bail "guest-setup failed"
	# shellcheck disable=SC2086
	"$here/traffic" $how 60 >"$scratch/out" 2>&1 &
	victim=$!
	sleep 2
	kill -0 $victim 2>/dev/null
	ok $? "$how: there is traffic"
	rmmod rdma_rxe 2>/dev/null &
	remover=$!
	wait_until 5 gone $remover || echo "# unloading waits for the user of the device"
	kill -9 $victim 2>/dev/null
	wait $victim 2>/dev/null
	wait_until 30 gone $remover
	ok $? "$how: rmmod comes back"
	wait_until 30 unload
	ok $? "$how: the driver is unloaded"
	if [ -e /sys/module/umem_notifier ]; then
		rmmod umem_notifier
		ok $? "$how: the export notifier is unloaded"
	fi
done
guest-setup >/dev/null 2>&1
ok $? "everything loads again"
timeout 60 "$here/traffic" local odp 1 >"$scratch/out" 2>&1
ok $? "and works"
tidy() { :; }
done_testing
