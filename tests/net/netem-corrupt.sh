#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# A flipped bit never reaches memory: the UDP checksum or the ICRC sees it.
#
# timeout: 120
. "$(dirname "$0")/../lib/net.sh"

disturbed "corrupt 3%"
