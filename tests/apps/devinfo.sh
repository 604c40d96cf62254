#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (40 s with every debugging option, for what every kernel says)
# What administrators look at says what is: ibv_devinfo, ibstat, ibstatus, rdma.
. "$(dirname "$0")/../lib/net.sh"

# shows COMMAND PATTERN TEXT
shows()
{
	$1 >"$scratch/out" 2>&1
	ok $? "$1 succeeds"
	grep -Eq "$2" "$scratch/out"
	_status=$?
	ok $_status "$3"
	[ $_status = 0 ] || sed 's/^/# /' "$scratch/out"
}

guid=$(tr -d : <"/sys/class/infiniband/$dev/node_guid")
for id in rxe0 rxe1; do
	shows "ibv_devinfo -v -d $id" 'state:.*PORT_ACTIVE' "$id is active"
	grep -q 'link_layer:.*Ethernet' "$scratch/out"
	ok $? "on Ethernet"
	grep -Eq 'GID\[ *[0-9]+\]:.*::ffff:10\.77\.0\.[12].*RoCE v2' "$scratch/out"
	ok $? "with a GID for its IPv4 address"
	grep -Eq 'active_mtu:.*4096' "$scratch/out"
	ok $? "and the MTU that its network device allows"
done
shows "ibstat rxe0" 'State: Active' "the port is active"
grep -q 'Physical state: LinkUp' "$scratch/out"
ok $? "its link is up"
grep -q "Node GUID: 0x$guid" "$scratch/out"
ok $? "the GUID is that of sysfs"
shows "ibstatus rxe0" 'rate:.*[1-9][0-9.]* Gb/sec' "it has a rate"
shows "rdma link show rxe0/1" 'state ACTIVE physical_state LINK_UP netdev veth0' \
	"rdma shows the network device"

ip link set veth0 down
shows "rdma link show rxe0/1" 'state DOWN' "a network device that is down takes the port down"
ip link set veth0 up
active() { rdma link show rxe0/1 | grep -q 'state ACTIVE'; }
wait_until 10 active
ok $? "and up again"
guest-setup >/dev/null 2>&1	# its IPv6 address is gone
done_testing
