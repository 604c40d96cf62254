#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# timeout: 120
# kernels: 6.1 6.12 7.3 (changing the mode, the core of 6.1 uses what is left of a namespace; KASAN tells)
# Network namespaces, shared and exclusive: a device serves the namespace of its
# network device, two of them talk through the connection manager, in exclusive
# mode nobody else sees them, and the end of a namespace is the end of both.
#
#	one: rx1 - v1 10.78.0.1 fd78::1  <=====>  10.78.0.2 fd78::2 v2 - rx2 :two
. "$(dirname "$0")/../lib/cm.sh"

tidy()
{
	_stop_servers
	ip netns delete one 2>/dev/null
	ip netns delete two 2>/dev/null
	wait_until 10 alone
	wait_until 20 set_mode shared
}

sees() { ip netns exec "$1" rdma link show | grep -q " $2/1 "; }
active() { ip netns exec "$1" rdma link show "$2/1" | grep -q ACTIVE; }
listening() { ip netns exec one rdma resource show cm_id | grep -q "LISTEN.*:$1\b"; }
alone() { ! rdma link show | grep -q ' rx[12]/1 '; }
# Namespaces end later than they are deleted.
set_mode() { rdma system set netns "$1" 2>/dev/null; }

for mode in shared exclusive; do
	wait_until 20 set_mode $mode
	ok $? "$mode mode"
	ip netns add one
	ip netns add two
	ip link add v1 netns one type veth peer name v2 netns two
	n=1
	for ns in one two; do
		ip -n $ns link set lo up
		ip -n $ns link set v$n mtu 4200 up
		ip -n $ns address add 10.78.0.$n/24 dev v$n
		ip -n $ns address add fd78::$n/64 dev v$n nodad
		ip netns exec $ns rdma link add rx$n type rxe netdev v$n
		ok $? "$mode: a link in namespace $ns"
		# Before 7.0 the core makes every device in the initial namespace.
		sees $ns rx$n || rdma dev set rx$n netns $ns
		sees $ns rx$n
		ok $? "$mode: which has the device"
		n=$((n + 1))
	done
	wait_until 10 active one rx1 && wait_until 10 active two rx2
	ok $? "$mode: both are active"
	if [ $mode = exclusive ]; then
		! sees two rx1 && ! rdma link show | grep -q rx1
		ok $? "$mode: nobody else has it"
	fi
	for addr in 10.78.0.1 fd78::1; do
		two_sided "$mode: rping between the namespaces, $addr" \
			"ip netns exec one rping-side -s -a $addr -p $port -C 10 -S 5000 -V" -- \
			ip netns exec two rping-side -c -a $addr -p $port -C 10 -S 5000 -V
	done
	ip netns delete one
	ip netns delete two
	wait_until 20 alone
	ok $? "$mode: the devices go with their namespaces"
done
tidy
ok $? "shared mode again"
tidy() { :; }
done_testing
