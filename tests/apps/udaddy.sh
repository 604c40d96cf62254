#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# udaddy: the connection manager resolves a datagram service, datagrams go to
# and fro.
. "$(dirname "$0")/../lib/cm.sh"

run()
{
	port=7174	# always; its -p is the port space
	two_sided "$addr, $road: two services, datagrams" \
		"udaddy -b $addr -p 0x0111 -c 2 -C 10 -S 500" -- \
		udaddy -s $addr -p 0x0111 -c 2 -C 10 -S 500
}

on_roads run
done_testing
