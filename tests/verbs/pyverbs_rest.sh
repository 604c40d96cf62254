#!/bin/sh
# rdma-core's other generic modules on our driver: small ones, and those that
# Soft-RoCE can only skip (docs/verbs-suite.md). One wants huge pages.
# timeout: 180
echo 64 >/proc/sys/vm/nr_hugepages
"$(dirname "$0")/rdma_core_suite.py" rest
status=$?
echo 0 >/proc/sys/vm/nr_hugepages
exit $status
