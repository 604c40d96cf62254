#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The examples of rdma-core between our driver and the distribution's, in another
# machine, each end in both roles; rping meets through the connection manager.
#
# timeout: 120
# kernels: 6.1 6.12 7.3 (the debug kernel is no user's)
# peer: stock
. "$(dirname "$0")/../lib/cable.sh"

# Short messages: the time-out of these programs is 67 ms.
list="ibv_rc_pingpong -n 20 -s 8192 -c
ibv_uc_pingpong -n 20
ibv_ud_pingpong -n 20 -s 2000
ibv_srq_pingpong -n 20 -q 4 -s 2048
rping -V -S 4000 -C 10"
ends there here 90 "$list"
ends here there 90 "$list"
done_testing
