#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# mckey: what one device sends to a group arrives at another that has joined it
# through the connection manager.
. "$(dirname "$0")/../lib/cm.sh"

# group GROUP SENDER RECEIVER
group()
{
	serve mckey -m "$1" -b "$3" -C 10 -S 800
	wait_until 20 told joined
	ok $? "$1: the receiver joins"
	$limit mckey -m "$1" -b "$2" -s -C 10 -S 800 >"$scratch/client" 2>&1
	_status=$?
	ok $_status "$1: the sender sends"
	[ $_status = 0 ] || sed 's/^/# sender: /' "$scratch/client"
	arrived() { ! kill -0 $server; }
	wait_until 20 arrived 2>/dev/null || kill $server
	wait $server
	_status=$?
	ok $_status "$1: everything arrives"
	[ $_status = 0 ] || sed 's/^/# receiver: /' "$scratch/server"
}

# Both devices are in this machine: its own address arrives from outside.
for n in 0 1; do
	sysctl -q -w net.ipv4.conf.veth$n.accept_local=1
done
group 239.77.1.1 10.77.0.1 10.77.0.2
# IPv6 groups of RoCE v2 are refused by the core's connection manager.
done_testing
