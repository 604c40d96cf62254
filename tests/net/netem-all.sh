#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Loss, duplication, reordering, delay and corruption together: the data is right.
#
# timeout: 120
. "$(dirname "$0")/../lib/net.sh"

disturbed "delay 1ms 1ms reorder 50% loss 1% duplicate 2% corrupt 1%"
