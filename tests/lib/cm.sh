# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Programs of two sides that meet through the connection manager. Source it.
#
# Both sides are in this machine, on the device with the address asked for: a
# route to one's own address ends at the device that has it. `on_roads` takes
# them over each of our two roads:
#
#	local	the queue pairs hand messages to one another
#	wire	UDP 4791 through the loopback interface
. "$(dirname "$0")/../lib/net.sh"

v4=10.77.0.1 v6=fd77::1
wire_only=/sys/module/rdma_rxe/parameters/force_wire
servers=
port=17000

# VT_SECONDS: what a program may take; emulated debug kernels are slow.
limit="timeout ${VT_SECONDS:-60}"

_stop_servers()
{
	# shellcheck disable=SC2086
	[ -z "$servers" ] || kill $servers 2>/dev/null
	servers=
	[ ! -w $wire_only ] || echo N >$wire_only
}
tidy() { _stop_servers; }

# listening PORT: does anybody wait for connections there?
listening()
{
	rdma resource show cm_id | grep -q "LISTEN.*:$1\b"
}

# told PATTERN: has the server printed it?
told() { grep -q "$1" "$scratch/server"; }

# serve COMMAND...: starts a server; its output goes to $scratch/server.
serve()
{
	$limit stdbuf -oL "$@" >"$scratch/server" 2>&1 </dev/null &
	server=$!
	servers="$servers $server"
}

# two_sided TEXT SERVER -- CLIENT: the server listens at $port, the client runs
# when it does; both have to succeed. Words are split, quotes mean nothing.
two_sided()
{
	_text=$1 _command=$2
	shift 3
	# shellcheck disable=SC2086
	serve $_command
	if wait_until 20 listening $port; then
		# shellcheck disable=SC2068
		$limit $@ >"$scratch/client" 2>&1
		_client=$?
	else
		echo "the server does not listen" >"$scratch/client"
		_client=1
	fi
	[ $_client = 0 ] || kill $server 2>/dev/null
	wait $server
	_ended=$?
	[ $_client = 0 ] && [ $_ended = 0 ]
	ok $? "$_text"
	if [ $_client != 0 ] || [ $_ended != 0 ]; then
		echo "# the client ended with $_client, the server with $_ended (124: out of time)"
		sed 's/^/# server: /' "$scratch/server"
		sed 's/^/# client: /' "$scratch/client"
	fi
	port=$((port + 1))
}

# on_roads FUNCTION: calls it with $road and $addr set, for IPv4 and IPv6. Where that is
# slow, each of the four is met once.
on_roads()
{
	for road in local wire; do
		if [ -w $wire_only ]; then
			[ $road = wire ] && echo Y >$wire_only || echo N >$wire_only
		fi
		for addr in $v4 $v6; do
			case ${VT_SLOW:+$road $addr} in
			"local $v6" | "wire $v4") continue ;;
			esac
			"$1"
		done
	done
	[ ! -w $wire_only ] || echo N >$wire_only
}

counter() { cat "/sys/class/infiniband/$dev/ports/1/hw_counters/$1"; }

# took_road SENT TEXT: what has happened since the counter sent_pkts was SENT, some MB,
# went by $road.
took_road()
{
	_packets=$(($(counter sent_pkts) - $1))
	if [ "$road" = local ]; then
		[ $_packets -lt 100 ]
	else
		[ $_packets -gt 1000 ]
	fi
	ok $? "$2: that took $_packets packets"
}
