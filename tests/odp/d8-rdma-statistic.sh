#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# D8: the rdma tool shows what on-demand paging does: the device's counters move
# with the traffic, and a region's own statistics are there.
. "$(dirname "$0")/../lib/net.sh"

counters="odp_faults odp_fault_pages odp_prefetches odp_prefetch_pages odp_invalidations
odp_invalidated_pages odp_retries odp_slow odp_resident_pages odp_leaves"
sysfs=/sys/class/infiniband/$dev/ports/1/hw_counters

tidy() { kill "$victim" 2>/dev/null; }
victim=

for c in $counters; do
	[ -r "$sysfs/$c" ]
	ok $? "sysfs has $c"
	[ -n "$(rdma statistic show link "$dev/1" | tr ' ' '\n' | grep -x "$c")" ]
	ok $? "rdma statistic has $c"
done

before=$(cat "$sysfs/odp_faults")
"$here/../net/traffic" local odp 20 >/dev/null 2>&1 &
victim=$!
moved() { [ "$(cat "$sysfs/odp_faults")" -gt "$before" ]; }
wait_until 15 moved
ok $? "odp_faults moves with traffic on demand"
resident() { [ "$(cat "$sysfs/odp_resident_pages")" -gt 0 ]; }
wait_until 15 resident
ok $? "pages are resident meanwhile"
rdma -j statistic show mr >"$scratch/mr" 2>&1
grep -q '"page_faults": *[1-9]' "$scratch/mr"
ok $? "a region shows its page faults"
grep -q '"page_fault_pages": *[1-9]' "$scratch/mr"
ok $? "and the pages that these brought"
grep -q '"page_invalidations"' "$scratch/mr"
ok $? "and its invalidations"
rdma -dd -j resource show mr >"$scratch/mrs"
grep -q '"drv_kind":"odp"\|"drv_kind": "odp"' "$scratch/mrs"
ok $? "a region says how it holds its memory"
sed 's/^/# /' "$scratch/mr" | cut -c1-300 | head -n 20
kill $victim
wait $victim 2>/dev/null
idle() { [ "$(cat "$sysfs/odp_resident_pages")" = 0 ]; }
wait_until 15 idle
ok $? "nothing is resident when the process has gone"
waits=0
for c in "$sysfs"/odp_fault_us_*; do
	waits=$((waits + $(cat "$c")))
done
[ $waits -gt 0 ] && [ $waits -le "$(cat "$sysfs/parks")" ]
ok $? "whoever parked and resumed is counted by how long it took ($waits)"
[ "$(cat "$sysfs/rdma_bytes")" -gt 0 ]
ok $? "bytes are counted"
for what in qp cq; do
	rdma -dd -j resource show $what >"$scratch/$what"
	python3 -m json.tool "$scratch/$what" >/dev/null
	ok $? "details of each $what"
done
grep -q '"drv_road"' "$scratch/qp" && grep -q '"drv_sq_parked"' "$scratch/qp"
ok $? "a queue pair says which road it takes, and whether it waits"
grep -q '"drv_unread"' "$scratch/cq"
ok $? "a completion queue says what is in it"
done_testing
