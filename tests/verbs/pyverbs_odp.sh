#!/bin/sh
# rdma-core's test_odp on our driver; two of its tests want huge pages.
# timeout: 180
echo 64 >/proc/sys/vm/nr_hugepages
"$(dirname "$0")/rdma_core_suite.py" test_odp
status=$?
echo 0 >/proc/sys/vm/nr_hugepages
exit $status
