#!/bin/bash
# The examples of libodp say what they should, for a user without rights too; the
# library exports what its header declares, and the header is C++.
set -u
n=0 failed=0
ok() { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; failed=1; fi; }
says() { grep -q "$1" <<<"$out"; ok $? "$2"; }

out=$(odp-example-best-means rxe0 2>&1)
ok $? "best-means runs"
says 'rxe0: registered 262144 bytes: explicit' "and registers on demand"
says 'after prefetch: 64 of 64 pages translated' "prefetches"
says 'after munmap of half: 32 of 64 pages translated' "and sees what is unmapped"

out=$(odp-example-reg-cache rxe0 2>&1)
ok $? "reg-cache runs"
says '100 times the same buffer: 99 hits, 1 misses' "and caches"
says 'new memory at its address: 1 dropped, 2 misses' "drops what is unmapped"
says 'its pages given back: 2 dropped, 3 misses' "and what is cleared"

chmod 666 /dev/infiniband/uverbs*
out=$(setpriv --reuid=65534 --regid=65534 --clear-groups odp-example-best-means rxe0 2>&1)
ok $? "best-means runs as nobody"
says 'after prefetch: 64 of 64 pages translated' "with the same result"

out=$(odp-example-region rxe0 2>&1)
ok $? "region, in C++, runs"
says 'on demand' "and registers on demand"
[ $n = 0 ] || echo "1..$n"
[ $failed = 0 ] || sed 's/^/# /' <<<"$out"
exit $failed
