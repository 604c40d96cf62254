# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# What the shell tests share: TAP, and the device under test. Source it.
#
# Two queue pairs of one device that are forced to the wire talk through the
# loopback interface, whatever netdev the device sits on:
#
#	QP a  --UDP 4791-->  lo (a queueing discipline disturbs)  -->  QP b

count=0 failures=0
here=$(cd "$(dirname "$0")" && pwd)
dev=${VT_DEV:-rxe0}

# ok STATUS TEXT: one result, from an exit status.
ok()
{
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failures=$((failures + 1))
	fi
}

# is GOT WANT TEXT
is()
{
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		echo "#   got '$1', want '$2'"
	fi
}

# done_testing: the plan; the status of the whole.
done_testing()
{
	echo "1..$count"
	[ $failures = 0 ] && [ $count != 0 ]
}

bail()
{
	echo "Bail out! $*"
	exit 255
}

# wait_until SECONDS COMMAND...: poll until it succeeds.
wait_until()
{
	_tries=$(($1 * 10))
	shift
	while ! "$@"; do
		_tries=$((_tries - 1))
		[ $_tries -gt 0 ] || return 1
		sleep 0.1
	done
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
