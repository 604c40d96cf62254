#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (a minute of a program's own work with every debugging option)
# odp run: an unmodified program, which pins, does not pin any more: linked with the
# library or opening it by itself, and whichever function it calls. What the device
# or the user does not want on demand stays as it was.
#
# timeout: 120
. "$(dirname "$0")/../lib/net.sh"

counter() { cat "/sys/class/infiniband/$dev/ports/1/hw_counters/$1"; }
run() { "$@" >"$scratch/out" 2>"$scratch/err"; _run=$?; sed 's/^/# /' "$scratch/err"; return $_run; }
pinned() { sed -n 's/^# pinned //p' "$scratch/out"; }

run "$here/registration-calls" linked
ok $? "a program that registers memory by itself"
[ "$(pinned)" -gt 0 ]
ok $? "pins it"

before=$(counter odp_faults)
run odp run --verbose -- "$here/registration-calls" linked
ok $? "the same program, run by odp, its data checked"
is "$(pinned)" 0 "pins nothing"
[ "$(counter odp_faults)" -gt "$before" ]
ok $? "by faults"
grep -q ': 6 registrations, 5 made on demand .*, 1 on demand anyway; pinned now: 0 KiB' "$scratch/err"
ok $? "all of its registrations were made on demand, and it is told"

run odp run -- "$here/registration-calls" dlsym
ok $? "a program that opens the library itself"
is "$(pinned)" 0 "pins nothing either"
run odp run -- "$here/registration-calls" rereg
is "$(pinned)" 0 "nor when it changes the rights of a region"

run odp run --verbose --min 1M -- "$here/registration-calls" linked
grep -q '5 too small' "$scratch/err" && [ "$(pinned)" -gt 0 ]
ok $? "--min leaves smaller ones alone"
before=$(counter odp_prefetches)
run odp run --prefetch -- "$here/registration-calls" linked
ok $? "--prefetch changes nothing for the program"
[ "$(counter odp_prefetches)" -gt "$before" ]
ok $? "but prefetches"

run odp run sh -c 'exit 7'
is $? 7 "the exit status is the program's"
run odp run "$scratch/nosuch"
is $? 127 "a program that is not there"
for bad in "" "--nosuch true" "--min x true"; do
	# shellcheck disable=SC2086
	odp run $bad >/dev/null 2>&1
	is $? 2 "bad arguments: $bad"
done

# The stock program, both ends.
before=$(counter odp_faults)
odp run -- ib_write_bw -d "$dev" -s 65536 -D 2 >"$scratch/server" 2>&1 &
server=$!
listens() { grep -q ':4853 .* 0A ' /proc/net/tcp /proc/net/tcp6; }	# 18515
wait_until 20 listens
most=0
odp run -- ib_write_bw -d "$dev" -s 65536 -D 2 localhost >"$scratch/client" 2>&1 &
client=$!
while kill -0 $client 2>/dev/null; do
	for pid in $client $server; do
		kb=$(sed -n 's/^VmPin:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status" 2>/dev/null)
		[ "${kb:-0}" -le $most ] || most=$kb
	done
	sleep 0.1
done
wait $client
ok $? "ib_write_bw"
wait $server
ok $? "its server"
is $most 0 "neither had anything pinned"
[ "$(counter odp_faults)" -gt "$before" ]
ok $? "there were faults"
done_testing
