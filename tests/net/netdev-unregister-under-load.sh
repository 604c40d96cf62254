#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The network device under an RDMA device goes away while it is in use: the RDMA
# device goes with it, and nothing waits for ever.
#
# timeout: 240
. "$(dirname "$0")/../lib/net.sh"

tidy() { guest-setup >/dev/null 2>&1; }

no_device() { [ ! -e /sys/class/infiniband/"$dev" ]; }

# Each is up to a minute with every debugging option.
set -- "wire odp"
[ -n "$VT_SLOW" ] || set -- "local odp" "wire pinned"
for how; do
	# shellcheck disable=SC2086
	under_load $how
	netdev=$(cat /sys/class/infiniband/"$dev"/ports/1/gid_attrs/ndevs/0)
	ip link delete "$netdev" &
	comes_back $! "$how: $netdev is removed"
	wait_until 30 no_device
	ok $? "$how: and the RDMA device with it"
done
works_again
