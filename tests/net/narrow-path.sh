#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Six connections at once through an interface that is slow and has a short queue:
# all data is right, every connection gets on, and what gets through is mostly news,
# not the same packets again and again.
#
# timeout: 90
# kernels: 6.1 6.12 7.3 (with every debugging option no interface is slower than the sender)
. "$(dirname "$0")/../lib/net.sh"

modprobe -q sch_netem
tidy() { tc qdisc del dev lo root 2>/dev/null; }
tc qdisc replace dev lo root netem rate 200mbit limit 10 || bail "no netem on this kernel"

pids=
for i in 1 2 3 4 5 6; do
	timeout 60 "$here/traffic" wire pinned 4 >"$scratch/$i" 2>&1 &
	pids="$pids $!"
done
i=0
for pid in $pids; do
	i=$((i + 1))
	wait "$pid"
	ok $? "connection $i"
	sed 's/^/# /' "$scratch/$i"
done

tc -s qdisc show dev lo >"$scratch/stats"
sed 's/^/# /' "$scratch/stats"
sent=$(sed -n 's/.*Sent \([0-9]*\) bytes.*/\1/p' "$scratch/stats" | head -n 1)
dropped=$(sed -n 's/.*dropped \([0-9]*\),.*/\1/p' "$scratch/stats" | head -n 1)
useful=$(sed -n 's/.* \([0-9]*\) bytes, all right.*/\1/p' "$scratch"/[1-6] | awk '{ n += $1 } END { print n }')
[ "$dropped" -gt 0 ]
ok $? "the queue was too short for all ($dropped dropped)"
[ "$sent" -lt $((3 * useful)) ]
ok $? "at least a third of what went through was of use ($useful of $sent bytes)"
done_testing
