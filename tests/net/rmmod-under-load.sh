#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Unloading the modules while processes use them: either refused, or done. Once
# the users have gone it is done, nothing is left behind, and loading works again.
#
# timeout: 240
. "$(dirname "$0")/../lib/net.sh"

tidy() { guest-setup >/dev/null 2>&1; }

unload() { rmmod rdma_rxe 2>/dev/null || [ ! -e /sys/module/rdma_rxe ]; }

# Each is up to a minute with every debugging option.
set -- "wire implicit"
[ -n "$VT_SLOW" ] || set -- "$@" "local odp" "local pinned"
for how; do
	# shellcheck disable=SC2086
	under_load $how
	rmmod rdma_rxe 2>/dev/null &
	comes_back $! "$how: rmmod comes back"
	wait_until 30 unload
	ok $? "$how: the driver is unloaded"
	if [ -e /sys/module/umem_notifier ]; then
		rmmod umem_notifier
		ok $? "$how: the export notifier is unloaded"
	fi
done
works_again
