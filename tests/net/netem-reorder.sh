#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Packets that overtake each other are put right.
#
# timeout: 120
. "$(dirname "$0")/../lib/net.sh"

disturbed "delay 2ms reorder 75% 50%"
