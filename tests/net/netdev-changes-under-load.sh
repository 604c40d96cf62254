#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# What happens to an interface while its device is in use: another MTU, link down and
# up, another name, one more address and its removal. Traffic goes on, all of it right.
# When the address goes that a connection uses, the connection ends; the next address
# works at once.
#
# timeout: 120
. "$(dirname "$0")/../lib/net.sh"

spaces
space_devices end
ok $? "devices in two namespaces"

# goes_on NETDEV: what was changed has not ended the traffic.
flows() { gone $space_client || [ $(($(space_packets a "$1") - before)) -gt 50 ]; }
goes_on()
{
	before=$(space_packets a "$1")
	wait_until 10 flows "$1" && ! gone $space_client
	ok $? "$2: traffic goes on"
}

export EXCHANGE_TIMEOUT=17
space_exchange 50
goes_on end "before anything"
ip -n a link set end mtu 9000 && ip -n b link set end mtu 9000
goes_on end "a larger MTU"
ip -n a link set end mtu 4200 && ip -n b link set end mtu 4200
goes_on end "a smaller MTU"
ip -n b link set end down
ip -n b link set end up
ip -n b address replace fd79::2/64 dev end nodad
goes_on end "link down and up"
ip -n a link set end down
ip -n a link set end name other
ip -n a link set other up
goes_on other "another name"
ip -n a address add 10.79.1.1/24 dev other
ip -n a address del 10.79.1.1/24 dev other
goes_on other "an address came and went"
kill $space_client
space_exchanged "all of it is right"
ip netns exec a rdma link show rxea/1 | grep -q "netdev other"
ok $? "the device follows the name"

# Only the queue pairs lose their address, not the TCP connection beside them.
ip -n a address add 10.79.1.1/24 dev other
ip -n b address add 10.79.1.2/24 dev end
space_host=10.79.1.2
export EXCHANGE_TIMEOUT=10
space_exchange 50
goes_on other "a second connection"
ip -n a address del 10.79.0.1/24 dev other
wait_until 25 gone $space_client
ok $? "a connection without its address ends"
grep -q "retry exceeded\|retry counter exceeded" "$scratch/client"
ok $? "with an error: $(grep ^not "$scratch/client")"
kill $space_server 2>/dev/null
wait $space_client $space_server 2>/dev/null
ip -n a address add 10.79.0.3/24 dev other
space_exchange 1
space_exchanged "the next address works"
done_testing
