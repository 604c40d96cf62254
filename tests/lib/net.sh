# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# What the shell tests share: TAP, and the device under test. Source it.
#
# Two queue pairs of one device that are forced to the wire talk through the
# loopback interface, whatever netdev the device sits on:
#
#	QP a  --UDP 4791-->  lo (a queueing discipline disturbs)  -->  QP b

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/tap.sh"
dev=${VT_DEV:-rxe0}

bail()
{
	echo "Bail out! $*"
	exit 255
}

# wait_until SECONDS COMMAND...: poll until it succeeds.
wait_until()
{
	_seconds=$1 _tries=$(($1 * 10))
	shift
	while ! "$@"; do
		_tries=$((_tries - 1))
		if [ $_tries -le 0 ]; then
			# A processor that stood still may be what it was waiting for.
			[ "$(visit_processors)" -gt 3 ] || return 1
			_tries=$((_seconds * 10))
		fi
		sleep 0.1
	done
}

# visit_processors: be on each; prints how many seconds that took.
visit_processors()
{
	_before=$(cut -d. -f1 /proc/uptime)
	for _cpu in $(seq 0 $(($(nproc) - 1))); do
		taskset -c "$_cpu" true
	done
	echo $(($(cut -d. -f1 /proc/uptime) - _before))
}

scratch=$(mktemp -d)
tidy() { :; }
trap 'tidy; rm -rf "$scratch"' EXIT

# disturbed RULE: wire traffic of each kind while netem RULE holds on lo; the
# disturbance must have been real.
disturbed()
{
	modprobe -q sch_netem
	tidy() { tc qdisc del dev lo root 2>/dev/null; }
	# shellcheck disable=SC2086
	tc qdisc replace dev lo root netem limit 10000 $1 || bail "no netem on this kernel"
	for kind in pinned odp; do
		before=$(cat /sys/class/net/lo/statistics/tx_packets)
		timeout 50 "$here/traffic" wire $kind "${NETEM_SECONDS:-5}" >"$scratch/out" 2>&1
		ok $? "wire traffic, $kind, under: $1"
		sed 's/^/# /' "$scratch/out"
		after=$(cat /sys/class/net/lo/statistics/tx_packets)
		[ $((after - before)) -gt 100 ]
		ok $? "it went through the disturbed interface ($((after - before)) packets)"
	done
	tc -s qdisc show dev lo | sed 's/^/# /'
	tidy
	timeout 50 "$here/traffic" wire pinned 1 >"$scratch/out" 2>&1
	ok $? "undisturbed traffic afterwards"
	done_testing
}

# under_load HOW...: traffic on the device, set up if it is not there; $victim is its process.
under_load()
{
	[ -e /sys/class/infiniband/"$dev" ] || guest-setup >/dev/null 2>&1 || bail "guest-setup failed"
	"$here/traffic" "$@" 60 >"$scratch/out" 2>&1 &
	victim=$!
	wait_until 20 has_sent $victim
	ok $? "$*: there is traffic"
}

# Queue pairs exist while traffic flows.
has_sent()
{
	kill -0 "$1" 2>/dev/null && rdma resource show qp | grep "link $dev/.*state RTS" | grep -q "comm traffic"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# comes_back PID WHAT: the removal PID may wait for users of the device; without
# them it has to end.
comes_back()
{
	wait_until 5 gone "$1" || echo "# this waits for the user of the device"
	kill -9 "$victim" 2>/dev/null
	wait "$victim" 2>/dev/null
	wait_until 30 gone "$1"
	ok $? "$2"
}

# works_again: the last results of a test that took the device away.
works_again()
{
	guest-setup >/dev/null 2>&1
	ok $? "everything can be set up again"
	timeout 60 "$here/traffic" local odp 1 >"$scratch/out" 2>&1
	ok $? "and works"
	tidy() { :; }
	done_testing
}

# spaces: two network namespaces, a veth pair between them, and the ends called
# "end"; nothing has an address yet.
#
#	a: end <=====> end :b
spaces()
{
	tidy() { spaces_gone; }
	spaces_gone
	for _s in a b; do
		ip netns add $_s && ip -n $_s link set lo up || bail "no namespace"
	done
	ip -n a link add end mtu 4200 type veth peer name end mtu 4200 netns b || bail "no veth pair"
	ip -n a link set end up
	ip -n b link set end up
}

no_rdma() { [ ! -e /sys/class/infiniband/rxea ] && [ ! -e /sys/class/infiniband/rxeb ]; }

# spaces_gone: the devices go with their netdevs, the netdevs with the namespaces.
spaces_gone()
{
	ip netns del a 2>/dev/null
	ip netns del b 2>/dev/null
	wait_until 20 no_rdma
}

# space_devices NETDEV [BELOW]: addresses for it in both (10.79.0.1 fd79::1, and 2),
# and the RDMA devices rxea and rxeb on it, or on the interface BELOW it.
space_devices()
{
	_n=0
	for _s in a b; do
		_n=$((_n + 1))
		ip -n $_s link set "$1" up
		ip -n $_s address add 10.79.0.$_n/24 dev "$1"
		ip -n $_s address add fd79::$_n/64 dev "$1" nodad
		ip netns exec $_s rdma link add rxe$_s type rxe netdev "${2:-$1}" || return 1
		wait_until 10 grep -q ACTIVE /sys/class/infiniband/rxe$_s/ports/1/state || return 1
	done
}

space_port=22000 space_host=10.79.0.2
# space_packets SPACE NETDEV: packets that it has sent.
space_packets()
{
	nsenter --net=/run/netns/"$1" awk -v dev="$2:" '$1 == dev { print $11 }' /proc/net/dev
}

listening() { nsenter --net=/run/netns/b grep -q "$(printf ':%04X [0-9A-F]*:0000 0A' "$space_port")" /proc/net/tcp; }

# space_exchange SECONDS: verified traffic from a to b, on demand at both ends; its
# TCP goes to $space_host, its output is in $scratch/client and $scratch/server. In the background: `wait $space_client`
# gives its status, then wait $space_server that of the other end. SIGTERM to the
# client ends it in order.
space_exchange()
{
	space_port=$((space_port + 1))
	VT_DEV=rxeb ip netns exec b timeout 60 "$here/exchange" "$1" odp $space_port >"$scratch/server" 2>&1 &
	space_server=$!
	wait_until 10 listening
	VT_DEV=rxea ip netns exec a timeout 60 "$here/exchange" "$1" odp $space_port $space_host \
		>"$scratch/client" 2>&1 &
	space_client=$!
}

# space_exchanged TEXT: the traffic started before has ended well.
space_exchanged()
{
	wait $space_client
	_status=$?
	wait $space_server || _status=$?
	ok $_status "$1"
	sed 's/^/# /' "$scratch/client"
	[ $_status = 0 ] || sed 's/^/# /' "$scratch/server"
}
