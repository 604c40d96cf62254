#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# ucmatose: several connections to one listener, messages both ways.
. "$(dirname "$0")/../lib/cm.sh"

run()
{
	two_sided "$addr, $road: eight connections" \
		"ucmatose -b $addr -p $port -c 8 -C 20 -S 3000" -- \
		ucmatose -s $addr -p $port -c 8 -C 20 -S 3000
}

on_roads run
done_testing
