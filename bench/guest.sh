#!/bin/bash
# guest.sh ROUNDS FULL: the benchmark, in the VM (see bench/run).
#
# Contract: one line on stdout for each figure: round, driver (ours, stock, or
# none), kind of memory (pinned, odp; wire is pinned, on that road), test, size, value; separated by tabs.
# The drivers take turns within each round. FULL is 1 for all sizes and tests,
# 0 for some, "wire" for those of the wire road, "refault" for what aging is good for.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/pair.sh"
rounds=$1 full=$2
status=0

say() { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$round" "$driver" "$kind" "$1" "$2" "$3"; }
lost() { echo "# round $round, $driver, $kind: $*"; status=1; }

# perf TEST SIZE ITERATIONS FIELD: one run of a program of perftest. Ours makes ten
# times as many, or a run would end before the scheduler has settled.
perf()
{
	local options=(-s "$2" -n "$3")
	[ "$driver" = stock ] || [ "$kind" = wire ] || options=(-s "$2" -n "$(($3 * 10))")
	[ "$kind" != odp ] || options+=(--odp)
	local try value
	for try in 1 2 3; do
		pair "$1" "${options[@]}" || break
		value=$(perf_field "$2" "$4")
		# Where its clock cannot be calibrated, perftest goes on and tells 0.
		[ "$value" = 0.00 ] || { say "${1#ib_}" "$2" "$value"; return; }
	done
	lost "$1 -s $2 failed"
}

# The veth pair between rxe0 and rxe1 as a wire: both addresses are of this machine,
# which must be told not to deliver to itself. Namespaces would do it in one line, but
# the distribution's driver of 6.1 knows only the first.
wire_road()
{
	local n
	ip rule add pref 100 lookup local
	ip rule del pref 0
	for n in 0 1; do
		sysctl -q -w net.ipv4.conf.veth$n.accept_local=1 net.ipv4.conf.veth$n.rp_filter=0
		ip route add table 5$n 10.77.0.$((2 - n)) dev veth$n src 10.77.0.$((n + 1))
		ip rule add pref 1$n iif lo from 10.77.0.$((n + 1)) to 10.77.0.$((2 - n)) lookup 5$n
	done
}

local_road()
{
	local n
	ip rule add pref 0 lookup local
	ip rule del pref 100
	for n in 0 1; do
		ip rule del pref 1$n
		ip route flush table 5$n
	done
}

packets() { cat /sys/class/net/veth0/statistics/[rt]x_packets | awk '{ n += $1 } END { print n }'; }

# perf over the wire; that it went there is checked.
wire()
{
	local before
	before=$(packets)
	kind=wire peer_dev=rxe1 perf "$@"
	[ $(($(packets) - before)) -gt "$3" ] || lost "$1 did not use the wire"
}

measure_wire()
{
	wire_road
	wire ib_write_bw 65536 300 4
	if [ "$full" != 0 ]; then
		wire ib_read_bw 65536 300 4
		wire ib_send_bw 65536 300 4
	fi
	wire ib_write_lat 8 1000 5
	[ "$full" = 0 ] || wire ib_send_lat 8 1000 5
	local_road
}

# figures PROGRAM ARGUMENT...: one of ours that prints test, size and value.
figures()
{
	local test size value got=
	while IFS=$'\t' read -r test size value; do
		case $test in
		register | cold | munmap | munmap_own | fault_* | memcpy | odp_pinned | pinned_memcpy | refault_*) say "$test" "$size" "$value"; got=1 ;;
		*) echo "# ${test#\# }" ;;
		esac
	done < <(timeout 200 "$here/$1" "${@:2}" 2>&1)
	[ -n "$got" ] || lost "$* failed"
}

cost() { figures cost "$@"; }

# The CPU, our driver, ours without aging and the distribution's see the same memory.
refaults()
{
	local hot
	for hot in 24 $([ "$full" != refault ] || echo 32); do
		if [ "$driver" = ours ]; then
			figures refault cpu $hot
			figures refault rdma $hot
			figures refault rdma-no-aging $hot
		else
			figures refault rdma $hot
		fi
	done
}

has_odp() { ibv_devinfo -v -d "$dev" 2>/dev/null | grep -q '^[[:space:]]*ODP_SUPPORT$'; }

measure()
{
	local test
	for test in write read send; do
		[ "$test" = write ] || [ "$full" = 1 ] || continue
		perf ib_${test}_bw 65536 800 4
		[ "$full" = 1 ] || continue
		perf ib_${test}_bw 8 2000 4
		perf ib_${test}_bw 4096 2000 4
		perf ib_${test}_bw 1048576 60 4
	done
	perf ib_write_lat 8 1000 5
	[ "$full" != 1 ] || perf ib_send_lat 8 1000 5

	if [ "$kind" = pinned ]; then
		cost register pinned 1024
	elif [ "$driver" = ours ]; then
		cost register odp
	else
		# Its tables grow with the region, and it refuses 16 GiB.
		cost register odp 1024
	fi
	cost cold "$kind"
	cost munmap "$kind"
	[ "$kind" = pinned ] || cost fault
}

for round in $(seq "$rounds"); do
	driver=none kind=none
	[ "$full" = refault ] || cost memcpy
	for driver in ours stock; do
		guest-setup $([ $driver = ours ] || echo --stock) || exit 1
		[ "$full" = refault ] || measure_wire
		[ "$full" != wire ] || continue
		kind=pinned
		[ "$full" = refault ] || measure
		kind=odp
		if has_odp; then
			[ "$full" = 0 ] || refaults
			[ "$full" != refault ] || continue
			measure
			[ $driver != ours ] || cost paired
		elif [ $driver = ours ]; then
			lost "our driver has no on-demand memory"
		fi
	done
done
exit $status
