# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# What the tests of `odp run` over programs of others share. Source it.
. "$(dirname "$0")/../lib/net.sh"

limit="timeout ${VT_SECONDS:-100}"

counter() { cat "/sys/class/infiniband/$dev/ports/1/hw_counters/$1"; }

# unpinned FILE TEXT: FILE has the report of `odp run --verbose`: registrations were
# made, all on demand, and nothing is pinned.
unpinned()
{
	grep '^odp: ' "$1" | sed 's/^/# /'
	grep -q '^odp: .* [1-9][0-9]* made on demand' "$1" &&
		! grep -q '^odp: .*\(fell back\|failed\|cannot\)' "$1" &&
		! grep -q '^odp: .*pinned now: [1-9]' "$1"
	ok $? "$2: all of its memory is on demand"
}
