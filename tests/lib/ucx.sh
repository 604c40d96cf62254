# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Programs of UCX and MPI, two processes each, on $dev. Source it; cm.sh comes along.
#
# $under: words before each program, such as "odp run -v --".
. "$(dirname "$0")/../lib/cm.sh"

under=
export UCX_NET_DEVICES="$dev:1" UCX_WARN_UNUSED_ENV_VARS=n
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 HOME=/root

_tcp=13400
_tcp_listens() { grep -q "$(printf ':%04X .* 0A ' $_tcp)" /proc/net/tcp /proc/net/tcp6; }

# Some builds take a standard input that is no terminal for a start by mpirun.
_terminal="script -qec"

# perftest TRANSPORT TEST SIZE: one result; output in $scratch/server and $scratch/client.
perftest()
{
	_tcp=$((_tcp + 1))
	export UCX_TLS="$1,self"
	serve $_terminal "$under ucx_perftest -p $_tcp" /dev/null
	wait_until 20 _tcp_listens || bail "no server"
	$limit $_terminal "$under ucx_perftest -p $_tcp -t $2 -s $3 -n 200 -w 10 127.0.0.1" /dev/null \
		>"$scratch/client" 2>&1 </dev/null
	_status=$?
	[ $_status = 0 ] || kill $server
	wait $server || _status=$?
	ok $_status "$1: $2, $3 bytes"
	[ $_status = 0 ] || sed 's/^/# server: /' "$scratch/server"
	[ $_status = 0 ] || sed 's/^/# client: /' "$scratch/client"
}

# mpi_data TRANSPORT: two ranks of programs/mpi-data; output in $scratch/out.
mpi_data()
{
	# shellcheck disable=SC2086
	$limit mpirun -np 2 --oversubscribe --bind-to none --mca pml ucx --mca osc ucx \
		--mca btl self --mca orte_base_help_aggregate 0 --mca plm_rsh_agent false \
		-x UCX_TLS="$1,self" -x UCX_NET_DEVICES -x UCX_WARN_UNUSED_ENV_VARS \
		$under "$here/programs/mpi-data" >"$scratch/out" 2>&1
	_status=$?
	ok $_status "UCX_TLS=$1"
	[ $_status = 0 ] || sed 's/^/# /' "$scratch/out"
	grep -q '^data right, 2 ranks$' "$scratch/out"
	ok $? "UCX_TLS=$1: two ranks, data right"
}
