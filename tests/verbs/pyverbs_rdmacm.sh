#!/bin/sh
# rdma-core's test_rdmacm on our driver.
# timeout: 120
exec "$(dirname "$0")/rdma_core_suite.py" test_rdmacm
