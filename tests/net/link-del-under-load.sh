#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Deleting the RDMA link while processes use it: the command comes back, the
# processes end, the kernel does not complain, and a new link works.
#
# timeout: 240
. "$(dirname "$0")/../lib/net.sh"

tidy() { guest-setup >/dev/null 2>&1; }

# Each is up to a minute with every debugging option.
set -- "local odp"
[ -n "$VT_SLOW" ] || set -- "$@" "wire implicit" "local pinned" "wire odp"
for how; do
	# shellcheck disable=SC2086
	under_load $how
	rdma link delete "$dev" &
	comes_back $! "$how: the deletion comes to its end"
	[ ! -e /sys/class/infiniband/"$dev" ]
	ok $? "$how: the device is gone"
done
works_again
