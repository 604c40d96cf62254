#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (too slow with every debugging option, and nothing of its own)
# rsockets: rstream verifies a stream, rcopy copies a file.
. "$(dirname "$0")/../lib/cm.sh"

stream()
{
	two_sided "$addr, $road: rstream, verified" \
		"rstream -b $addr -p $port -S 70000 -I 10 -C 4 -T v" -- \
		rstream -s $addr -p $port -S 70000 -I 10 -C 4 -T v
}

copies()
{
	$limit rcopy "$scratch/from" "$v4:$scratch/to" >"$scratch/client" 2>&1
}

on_roads stream

head -c 3000001 /dev/urandom >"$scratch/from"
serve rcopy
wait_until 20 copies
ok $? "rcopy copies a file"
sed 's/^/# /' "$scratch/client"
cmp "$scratch/from" "$scratch/to"
ok $? "its contents are right"
done_testing
