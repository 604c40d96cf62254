#!/bin/sh
# rdma-core's test_rdmacm on our driver.
# timeout: 120
# kernels: 6.12 7.3
# (The suite of Debian 12 looks for the network device below a PCI device.)
exec "$(dirname "$0")/rdma_core_suite.py" test_rdmacm
