#!/bin/sh
# rdma-core's test_atomic on our driver.
# timeout: 120
exec "$(dirname "$0")/pyverbs.py" test_atomic
