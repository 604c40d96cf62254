#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Unreliable connections and datagrams between our driver and the distribution's, in
# another machine, each end in both roles. Nothing brings a packet back that finds
# no room: what is in flight at once stays below what a receiver may queue.
#
# timeout: 200
# kernels: 6.1 7.3
# peer: stock
. "$(dirname "$0")/../lib/cable.sh"

list="ib_write_bw -c UC -s 65536 -n 50
ib_write_bw -c UC -s 4096 -q 16 -n 10
ib_send_lat -c UC -s 2 -n 40
ib_send_lat -c UC -s 65536 -n 50
ib_send_bw -c UC -s 8192 -n 40
ib_send_lat -c UD -s 2 -n 40
ib_send_lat -c UD -s 4096 -n 50
ib_send_bw -c UD -s 2048 -n 100
ib_send_bw -c UD -s 1024 -q 16 -n 8"
ends there here 150 "$list"
ends here there 150 "$list"
done_testing
