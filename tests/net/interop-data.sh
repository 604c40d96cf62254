#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Every byte right between our driver and the distribution's, in another machine:
# writes, reads, sends and atomics of odd sizes at odd places, on a sound cable and on
# one that loses, doubles and reorders, each end as client and as server. Our memory
# is on demand, theirs pinned.
#
# timeout: 150
# kernels: 6.1 7.3
# peer: stock
. "$(dirname "$0")/../lib/cable.sh"

exchange="/opt/odp/tests/net/exchange 3 odp"
disturb="modprobe -q sch_netem; tc qdisc replace dev eth0 root netem"
rule="limit 10000 delay 1ms loss 1% duplicate 1% reorder 5%"

ends there here 60 "$exchange"
# Their requester fails when it has to ask again for the rest of a read. Its patience here is
# 4 s, as the 67 ms that are usual are less than emulated machines may stand still.
ends here there 60 "env EXCHANGE_TIMEOUT=20 $exchange"
here 20 "$disturb $rule" && there 20 "$disturb $rule"
ok $? "both ends of the cable disturb: $rule"
ends there here 100 "$exchange
ib_write_bw -u 17 -s 65536 -n 40
ib_read_bw -u 17 -s 65536 -n 40
ib_send_bw -u 17 -s 65536 -n 40
ib_atomic_bw -u 17 -A FETCH_AND_ADD -n 100"
# Their requester completes a read without its data when it is answered late: after a
# NAK for what came behind it, which it takes for an acknowledgement of the read too.
ends here there 100 "env EXCHANGE_READS=0 $exchange"
here 20 "tc -s qdisc show dev eth0; cable 1" && there 20 "cable 2"
ok $? "sound again"
done_testing
