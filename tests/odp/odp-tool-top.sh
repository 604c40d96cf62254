#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# timeout: 120
# kernels: 6.1 6.12 7.3 (a minute of a program's own work with every debugging option)
# odp top: rates of devices and processes while there is traffic, in batches of
# text and of JSON.
. "$(dirname "$0")/../lib/net.sh"

tidy() { kill "$victim" 2>/dev/null; }
victim=

# some EXPRESSION: it holds for a line of the JSON in $scratch/json
some() { python3 -c 'import json,sys
lines = [json.loads(l) for l in open(sys.argv[1])]
def dev(l): return next(d for d in l["devices"] if d["device"] == sys.argv[3])
print(any(eval(sys.argv[2]) for l in lines))' "$scratch/json" "$1" "$dev"; }

invalidations() { cat "/sys/class/infiniband/$dev/ports/1/hw_counters/odp_invalidations"; }

before=$(invalidations)
# Memory that is written to, given back, and prefetched when it is registered.
odp run --prefetch -- "$here/registration-calls" churn 60 >"$scratch/churn" 2>&1 &
victim=$!
busy() { [ "$(invalidations)" -gt $((before + 20)) ]; }
wait_until 20 busy || bail "nothing happens: $(cat "$scratch/churn")"

odp top --json -n 3 -d 0.5 >"$scratch/json"
ok $? "three pictures as JSON"
is "$(wc -l <"$scratch/json")" 3 "one a line"
python3 -c 'import json,sys; [json.loads(l) for l in sys.stdin]' <"$scratch/json"
ok $? "valid"
is "$(some 'dev(l)["faults"] > 0')" True "faults a second"
is "$(some 'dev(l)["fault_pages"] > 0')" True "pages a second"
is "$(some 'dev(l)["invalidations"] > 0')" True "invalidations a second"
is "$(some 'dev(l)["prefetch_pages"] > 0')" True "prefetches a second"
is "$(some 'dev(l)["bytes"] > 0')" True "bytes a second"
is "$(some "any(p['pid'] == $victim and p['faults'] > 0 for p in l['processes'])")" True \
	"faults of the process"
is "$(some "any(p['pid'] == $victim and p['invalidations'] > 0 for p in l['processes'])")" True \
	"its invalidations"
is "$(some "any(p['pid'] == $victim and p['command'] == 'registration-ca' for p in l['processes'])")" \
	True "its name"

odp top --batch -n 2 -d 0.5 "$dev" >"$scratch/text"
ok $? "two pictures as text"
is "$(grep -c '^odp top' "$scratch/text")" 2 "both are there"
is "$(grep -c "^$dev " "$scratch/text")" 2 "with the device"
grep -q "^ *$victim registration-ca" "$scratch/text"
ok $? "and the process"
! grep -q rxe1 "$scratch/text"
ok $? "but not another device"
! grep -q "$(printf '\033')" "$scratch/text"
ok $? "and nothing for a terminal"
kill -9 $victim
wait $victim 2>/dev/null

for bad in "-n 0" "-n x" "-d 0" "-d x" "--nosuch" "nosuch" "rxe0 rxe1"; do
	# shellcheck disable=SC2086
	timeout 20 odp top $bad >/dev/null 2>&1
	is $? 2 "bad arguments: $bad"
done
done_testing
