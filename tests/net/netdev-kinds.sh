#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (minutes with every debugging option)
# Devices on a plain Ethernet interface, a bond and a bridge, and addresses of a VLAN on
# the device below it, each end in a namespace of its own: the data is right, it went
# over that interface, and deleting the namespace takes the device along. A VLAN
# itself is refused.
#
# timeout: 120
. "$(dirname "$0")/../lib/net.sh"

modprobe -qa 8021q bonding bridge

# stack KIND SPACE: an interface of that kind above "end"; prints its name.
stack()
{
	case $1 in
	plain)
		echo end ;;
	vlan)
		ip -n $2 link add link end name end.5 type vlan id 5
		echo end.5 ;;
	bond)
		ip -n $2 link add team type bond mode active-backup miimon 100
		ip -n $2 link set end down
		ip -n $2 link set end master team
		echo team ;;
	bridge)
		ip -n $2 link add switch mtu 4200 type bridge forward_delay 0
		ip -n $2 link set end master switch
		echo switch ;;
	esac
}

for kind in plain vlan bond bridge; do
	spaces
	netdev=$(stack $kind a)
	stack $kind b >/dev/null
	below=$netdev
	if [ $kind = vlan ]; then
		below=end
		! ip netns exec a rdma link add rxea type rxe netdev "$netdev" 2>/dev/null
		ok $? "$kind: no device on $netdev itself"
	fi
	space_devices "$netdev" $below
	ok $? "$kind: devices for $netdev"
	before=$(space_packets a "$netdev")
	space_exchange 1
	space_exchanged "$kind: traffic between two namespaces"
	after=$(space_packets a "$netdev")
	[ $((after - before)) -gt 50 ]
	ok $? "$kind: it went there ($((after - before)) packets)"
	spaces_gone
	ok $? "$kind: the devices go with the namespaces"
done
done_testing
