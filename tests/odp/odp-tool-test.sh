#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# odp test: anybody can run it, it says in plain words that the device works, and
# by its exit status when something does not.
#
# timeout: 120
. "$(dirname "$0")/../lib/net.sh"

nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

nobody odp test "$dev" >"$scratch/out" 2>&1
is $? 0 "nobody may run it, and all is well"
sed 's/^/# /' "$scratch/out"
grep -q "On-demand paging on $dev works" "$scratch/out"
ok $? "it says so"
! grep -q FAILED "$scratch/out"
ok $? "no step failed"
for step in write read send atomic unmapped MADV_DONTNEED fork "whole address space" pinned; do
	grep -q "$step.* ok\$" "$scratch/out"
	ok $? "step: $step"
done

odp test --json "$dev" >"$scratch/json"
is $? 0 "as JSON"
python3 -c 'import json,sys
d = json.load(open(sys.argv[1]))
assert d["works"] and d["supported"] and d["device"] == sys.argv[2]
assert len(d["steps"]) > 10 and all(s["result"] != "failed" for s in d["steps"])' \
	"$scratch/json" "$dev"
ok $? "which says the same"

# A device whose port is down cannot be tested: that is a failure, and said.
tidy()
{
	rdma link delete rxe9 2>/dev/null
	ip link delete odp0 2>/dev/null
}
ip link add odp0 type veth peer name odp1 && rdma link add rxe9 type rxe netdev odp0 ||
	bail "no third device"
odp test rxe9 >"$scratch/out" 2>&1
is $? 1 "a port that is down"
grep -q "port is not active" "$scratch/out" && grep -q "does NOT work" "$scratch/out"
ok $? "is said"
tidy

odp test nosuch >/dev/null 2>&1
is $? 2 "a device that is not there"
for bad in "--port 0" "--port x" "--nosuch" "rxe0 rxe1"; do
	# shellcheck disable=SC2086
	odp test $bad >/dev/null 2>&1
	is $? 2 "bad arguments: $bad"
done
done_testing
