#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# kernels: 6.1 6.12 7.3 (too slow with every debugging option, and nothing of its own)
# ucx_perftest: tag, put, get and atomic over each transport of UCX that Soft-RoCE
# has.
#
# timeout: 120
. "$(dirname "$0")/../lib/ucx.sh"

for transport in rc_v ud_v; do
	perftest $transport tag_lat 8
	perftest $transport tag_bw 100000
	perftest $transport ucp_put_lat 4096
	perftest $transport ucp_get 100000
done
perftest rc_v ucp_fadd 8
done_testing
