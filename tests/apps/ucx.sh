#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (too slow with every debugging option, and nothing of its own)
# ucx_perftest: tag, put, get and atomic over each transport of UCX that Soft-RoCE
# has.
#
# timeout: 120
. "$(dirname "$0")/../lib/cm.sh"

tcp=13400
tcp_listens() { grep -q "$(printf ':%04X .* 0A ' $tcp)" /proc/net/tcp /proc/net/tcp6; }

# Some builds take a standard input that is no terminal for a start by mpirun.
perftest="script -qec"

# run TRANSPORT TEST SIZE
run()
{
	tcp=$((tcp + 1))
	export UCX_TLS="$1,self" UCX_NET_DEVICES="$dev:1" UCX_WARN_UNUSED_ENV_VARS=n
	serve $perftest "ucx_perftest -p $tcp" /dev/null
	wait_until 20 tcp_listens || bail "no server"
	$limit $perftest "ucx_perftest -p $tcp -t $2 -s $3 -n 200 -w 10 127.0.0.1" /dev/null \
		>"$scratch/client" 2>&1 </dev/null
	_status=$?
	[ $_status = 0 ] || kill $server
	wait $server || _status=$?
	ok $_status "$1: $2, $3 bytes"
	[ $_status = 0 ] || sed 's/^/# server: /' "$scratch/server"
	[ $_status = 0 ] || sed 's/^/# client: /' "$scratch/client"
}

for transport in rc_v ud_v; do
	run $transport tag_lat 8
	run $transport tag_bw 100000
	run $transport ucp_put_lat 4096
	run $transport ucp_get 100000
done
run rc_v ucp_fadd 8
done_testing
