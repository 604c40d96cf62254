#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Loss on the wire costs time, never data: go-back-N brings everything.
#
# timeout: 120
. "$(dirname "$0")/../lib/net.sh"

disturbed "loss 2%"
