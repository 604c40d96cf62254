#!/bin/bash
# The demonstration, in the VM (see tests/demo/run). Prints headed steps; the exit
# status is 0 only if every step did what its lines say.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib/pair.sh"
size=65536 iterations=2000
status=0

wrong() { echo "     WRONG: $*"; status=1; }
step() { echo; echo "$1. $2"; shift 2; printf '   %s\n' "$@"; }

# Pages ever pinned, and pinned now.
pins()
{
	echo 1 >/proc/sys/vm/stat_refresh
	awk '$1 == "nr_foll_pin_acquired" { a = $2 } $1 == "nr_foll_pin_released" { r = $2 }
		END { print a, a - r }' /proc/vmstat
}

# bandwidth [OPTION...]: the figure of ib_write_bw; nothing if it failed.
bandwidth()
{
	pair "$@" -s $size -n $iterations || { wrong "$* failed"; figure=0; return; }
	figure=$(perf_field $size 4)
	grep -E '#bytes' "$pair_out" | tail -n 1 | sed 's/^ */       /'
	awk -v s=$size '$1 == s' "$pair_out" | sed 's/^ */       /'
}

echo 0 >/proc/sys/kernel/numa_balancing 2>/dev/null	# would move pages on its own
guest-setup || exit 1
memory=$(awk '/^MemTotal/ { printf "%.1f", $2 / 1048576 }' /proc/meminfo)

echo "RDMA memory without pinning: a demonstration"
echo "  Machine: virtual, $(nproc) CPUs, $memory GiB of memory after the kernel's own, Linux $(uname -r)"
echo "  Driver:  rdma_rxe (RDMA over Ethernet in software) and umem_notifier, built here"

step 1 "Registering memory" \
	"Before an RDMA device may touch memory, the program registers it. Usually that pins" \
	"every page: slow, and the memory can no longer be swapped, moved or shared." \
	"On demand, nothing is pinned, so a region may even be larger than the machine."
"$here/demo" register || wrong "registering"

read -r ever before <<<"$(pins)"
step 2 "The distribution's own programs, unchanged" \
	"ib_write_bw: $iterations RDMA writes of $size bytes. Memory on demand (--odp)."
bandwidth --watch ib_write_bw --odp
ours=$figure
echo "     Most memory pinned by either side while they ran (VmPin): $pair_pinned KiB"
[ "$pair_pinned" = 0 ] || wrong "memory was pinned"
echo
echo "   ibv_rc_pingpong: 1000 messages to and fro, on demand (-o)."
if pair --watch ibv_rc_pingpong -o -n 1000; then
	grep -E 'bytes in|iters in' "$pair_out" | sed 's/^ */       /'
	echo "     Most memory pinned by either side while they ran (VmPin): $pair_pinned KiB"
	[ "$pair_pinned" = 0 ] || wrong "memory was pinned"
else
	wrong "ibv_rc_pingpong failed"
fi

step 3 "The kernel takes memory away, and RDMA goes on" \
	"The target of an RDMA write, 16 MiB in a 64 GiB region, is unmapped, mapped anew," \
	"swapped out and migrated, without telling the RDMA device. The driver's entries, one" \
	"for each page that it may touch, must go at once; every byte is compared."
"$here/demo" move || wrong "moving memory"

read -r ever2 after <<<"$(pins)"
step 4 "Pages pinned in the whole machine during steps 2 and 3" \
	"The kernel counts every page that anybody pins (nr_foll_pin_acquired, _released)."
echo "     pinned before: $before   after: $after   pinned at any time between: $((ever2 - ever))"
[ "$before" = 0 ] && [ "$after" = 0 ] && [ "$ever2" = "$ever" ] || wrong "pages were pinned"

step 5 "The same ib_write_bw on the distribution's own driver" \
	"The same program, $iterations writes of $size bytes; that driver pins (it has no" \
	"complete on-demand memory), cuts every message into packets and copies each of them twice."
if guest-setup --stock; then
	bandwidth ib_write_bw
	stock=$figure
	ratio=$(awk -v o="$ours" -v s="$stock" 'BEGIN { if (s > 0) printf "%.1f", o / s; else print "?" }')
	echo "     ours, on demand: $ours MiB/s    distribution's, pinned: $stock MiB/s    ratio: $ratio"
else
	wrong "the distribution's driver does not load"
fi

echo
if [ $status = 0 ]; then
	echo "All of it was as it should be."
else
	echo "Something was WRONG, see above."
fi
exit $status
