#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (a minute of a program's own work with every debugging option)
# odp show: devices, what they can do, and regions with their owner, as text, as
# JSON, and for who has no privilege; how long faults took.
#
# timeout: 90
. "$(dirname "$0")/../lib/net.sh"

tidy() { kill "$victim" 2>/dev/null; }
victim=

# field EXPRESSION: of the JSON in $scratch/json, as Python writes it
field() { python3 -c 'import json,sys
d = json.load(open(sys.argv[1]))
print(eval(sys.argv[2]))' "$scratch/json" "$1"; }

"$here/../net/traffic" local odp 100 >/dev/null 2>&1 &
victim=$!
pages() { odp show --json --pid $victim "$dev" >"$scratch/json" &&
	field 'sum(m.get("page_fault_pages", 0) for m in d[0]["mrs"])' >"$scratch/pages" &&
	[ "$(cat "$scratch/pages")" -gt 0 ]; }
wait_until 15 pages
ok $? "a region of the process shows pages that were faulted in"

python3 -m json.tool "$scratch/json" >/dev/null
ok $? "valid JSON"
is "$(field 'len(d)')" 1 "one device when one is named"
is "$(field 'd[0]["device"]')" "$dev" "its name"
is "$(field 'd[0]["odp"]["explicit"], d[0]["odp"]["implicit"]')" "(True, True)" "on demand, both ways"
is "$(field '"write" in d[0]["odp"]["rc"] and "atomic" in d[0]["odp"]["rc"]')" True "what RC can do"
is "$(field 'd[0]["ports"][0]["state"]')" ACTIVE "the port's state"
is "$(field 'd[0]["ports"][0]["netdev"]')" veth0 "the port's network device"
is "$(field '{m["owner"] for m in d[0]["mrs"]}')" "{'traffic'}" "regions have their owner's name"
is "$(field '{m["pid"] for m in d[0]["mrs"]}')" "{$victim}" "and number; others are not shown"
is "$(field 'any(m["kind"] == "odp" and m["on_demand"] for m in d[0]["mrs"])')" True "a kind"
is "$(field 'all(m["bytes"] > 0 for m in d[0]["mrs"])')" True "a size"
is "$(field 'max(m.get("resident_bytes", 0) for m in d[0]["mrs"]) > 0')" True "resident memory"
is "$(field 'max(m.get("page_faults", 0) for m in d[0]["mrs"]) > 0')" True "faults"

odp show "$dev" >"$scratch/text"
ok $? "as text"
grep -q "^$dev" "$scratch/text" && grep -q "$victim traffic  *odp " "$scratch/text"
ok $? "with the same region"
setpriv --reuid 65534 --regid 65534 --clear-groups odp show "$dev" >"$scratch/text"
ok $? "for nobody"
grep -q "$victim traffic  *odp " "$scratch/text"
ok $? "who sees the region too"

odp show --faults --json "$dev" >"$scratch/json"
is "$(field 'sum(t["count"] for t in d[0]["fault_times"]) > 0')" True "times of faults"
is "$(field 'len(d[0]["fault_times"]) > 10 and d[0]["fault_times"][3]["from_us"]')" 4 "by powers of two"
odp show --faults "$dev" | grep -q 'from .* us .*\*'
ok $? "drawn as text"

odp show --json >"$scratch/json"
is "$(field 'sorted(x["device"] for x in d)')" "['rxe0', 'rxe1']" "all devices without a name"
kill $victim
wait $victim 2>/dev/null

odp show nosuch >/dev/null 2>"$scratch/err"
is $? 2 "a device that is not there"
grep -q nosuch "$scratch/err"
ok $? "is named"
for bad in "--nosuch" "rxe0 rxe1" "--pid x" "--pid 0"; do
	# shellcheck disable=SC2086
	odp show $bad >/dev/null 2>&1
	is $? 2 "bad arguments: $bad"
done
odp >/dev/null 2>&1
is $? 2 "no command"
odp nosuch >/dev/null 2>&1
is $? 2 "unknown command"
for command in "" show top run test; do
	# shellcheck disable=SC2086
	odp $command --help | grep -q '^usage: odp'
	ok $? "help: odp $command"
done
done_testing
