#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Reliable connections between our driver and the distribution's, in another
# machine: perftest's writes, reads, sends and atomics, from 2 bytes to 8 MiB and
# with 16 queue pairs, each end in both roles.
#
# timeout: 200
# kernels: 6.1 7.3
# peer: stock
. "$(dirname "$0")/../lib/cable.sh"

# Emulated machines are slow: time-outs of a second (-u 18), not of the usual 67 ms.
list="ib_write_bw -u 18 -s 2 -n 100
ib_write_bw -u 18 -s 8388608 -n 5
ib_write_bw -u 18 -s 16384 -q 16 -n 10
ib_read_bw -u 18 -s 8388608 -n 5
ib_read_bw -u 18 -s 16384 -q 16 -n 10
ib_send_bw -u 18 -s 8388608 -n 5
ib_send_bw -u 18 -s 16384 -q 16 -n 10
ib_atomic_bw -u 18 -A FETCH_AND_ADD -n 100
ib_atomic_bw -u 18 -A CMP_AND_SWAP -q 16 -n 10
ib_write_lat -u 18 -s 2 -n 100
ib_read_lat -u 18 -s 4097 -n 50
ib_send_lat -u 18 -s 8191 -n 50"
ends there here 150 "$list"
ends here there 150 "$list"
done_testing
