#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# odp run over perftest: write, read, send and atomic operations, both ends
# unmodified and unpinned.
#
# timeout: 120
. "$(dirname "$0")/../lib/odprun.sh"

port=18600
listens() { grep -q "$(printf ':%04X .* 0A ' $port)" /proc/net/tcp /proc/net/tcp6; }
servers=
# shellcheck disable=SC2086
tidy() { [ -z "$servers" ] || kill $servers 2>/dev/null; }

# run PROGRAM ARGUMENTS...
run()
{
	port=$((port + 1))
	before=$(counter odp_faults)
	$limit odp run --verbose -- "$@" -d "$dev" -p $port >"$scratch/server" 2>&1 &
	server=$!
	servers="$servers $server"
	wait_until 20 listens
	$limit odp run --verbose -- "$@" -d "$dev" -p $port localhost >"$scratch/client" 2>&1
	_status=$?
	[ $_status = 0 ] || kill $server
	wait $server || _status=$?
	ok $_status "$1"
	[ $_status = 0 ] || sed 's/^/# /' "$scratch/server" "$scratch/client"
	unpinned "$scratch/server" "$1, server"
	unpinned "$scratch/client" "$1, client"
	[ "$(counter odp_faults)" -gt "$before" ]
	ok $? "$1: there were faults"
}

run ib_write_bw -s 65536 -n 200
run ib_read_bw -s 65536 -n 200
run ib_send_bw -s 65536 -n 200
run ib_send_lat -s 8 -n 200
run ib_atomic_bw -n 200
done_testing
