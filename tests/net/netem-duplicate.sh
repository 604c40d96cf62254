#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Duplicated packets on the wire are recognised, atomics included.
#
# timeout: 120
. "$(dirname "$0")/../lib/net.sh"

disturbed "duplicate 10%"
