#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# rping: a connection is made, its data comes back as it was sent, it ends.
. "$(dirname "$0")/../lib/cm.sh"

run()
{
	two_sided "$addr, $road: sends, reads and writes are validated" \
		"rping-side -s -a $addr -p $port -C 20 -S 5000 -V" -- \
		rping-side -c -a $addr -p $port -C 20 -S 5000 -V
}

on_roads run
done_testing
