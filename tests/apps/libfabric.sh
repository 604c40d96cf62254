#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (too slow with every debugging option, and nothing of its own)
# fi_pingpong: messages of every size through libfabric's verbs provider, with
# and without its reliable-datagram layer, their data checked.
#
# timeout: 120
. "$(dirname "$0")/../lib/cm.sh"

tcp=14400
tcp_listens() { grep -q "$(printf ':%04X .* 0A ' $tcp)" /proc/net/tcp /proc/net/tcp6; }

# run PROVIDER ENDPOINT
run()
{
	tcp=$((tcp + 1))
	serve fi_pingpong -p "$1" -e "$2" -d "$dev" -B $tcp -c -I 20
	wait_until 20 tcp_listens || bail "no server"
	$limit fi_pingpong -p "$1" -e "$2" -d "$dev" -P $tcp -c -I 20 $v4 >"$scratch/client" 2>&1
	_status=$?
	[ $_status = 0 ] || kill $server
	wait $server || _status=$?
	ok $_status "provider $1, endpoint $2, data checked"
	[ $_status = 0 ] || sed 's/^/# server: /' "$scratch/server"
	[ $_status = 0 ] || sed 's/^/# client: /' "$scratch/client"
}

run verbs msg
run "verbs;ofi_rxm" rdm
done_testing
