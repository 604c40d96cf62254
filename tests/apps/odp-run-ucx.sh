#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# odp run over UCX: its transports are plugins, opened at run time, that register
# memory through a cache of their own.
#
# timeout: 120
. "$(dirname "$0")/../lib/odprun.sh"

tcp=13500
listens() { grep -q "$(printf ':%04X .* 0A ' $tcp)" /proc/net/tcp /proc/net/tcp6; }
servers=
# shellcheck disable=SC2086
tidy() { [ -z "$servers" ] || kill $servers 2>/dev/null; }
export UCX_TLS=rc_verbs,self UCX_NET_DEVICES="$dev:1" UCX_WARN_UNUSED_ENV_VARS=n

# run TEST SIZE
run()
{
	tcp=$((tcp + 1))
	before=$(counter odp_faults)
	$limit odp run --verbose -- ucx_perftest -p $tcp >"$scratch/server" 2>&1 &
	server=$!
	servers="$servers $server"
	wait_until 20 listens
	$limit odp run --verbose -- ucx_perftest -p $tcp -t "$1" -s "$2" -n 200 -w 10 127.0.0.1 \
		>"$scratch/client" 2>&1
	_status=$?
	[ $_status = 0 ] || kill $server
	wait $server || _status=$?
	ok $_status "$1, $2 bytes"
	[ $_status = 0 ] || sed 's/^/# /' "$scratch/server" "$scratch/client"
	unpinned "$scratch/server" "$1, server"
	unpinned "$scratch/client" "$1, client"
	[ "$(counter odp_faults)" -gt "$before" ]
	ok $? "$1: there were faults"
}

run tag_lat 8
run tag_bw 100000
run ucp_get 100000
done_testing
