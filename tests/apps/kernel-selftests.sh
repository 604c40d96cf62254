#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The kernel's own selftests for Soft-RoCE, as Debian's linux-source has them.
#
# kernels: 7.3 (older sources have none)
# timeout: 300
. "$(dirname "$0")/../lib/net.sh"

tidy() { guest-setup >/dev/null 2>&1; }

for script in /opt/odp/tests/selftests/rdma/*.sh; do
	# They make links of their own, and take the module away when they end.
	guest-setup --remove >/dev/null 2>&1
	guest-setup --no-link >"$scratch/out" 2>&1 || bail "guest-setup failed"
	modprobe tun	# one relies on the device file, which loads it elsewhere
	(cd "${script%/*}" && timeout 100 bash "$script") >"$scratch/out" 2>&1
	_status=$?
	! grep -q '^not ok' "$scratch/out" || _status=1
	ok $_status "${script##*/}"
	[ $_status = 0 ] || sed 's/^/# /' "$scratch/out"
done
tidy
ok $? "everything can be set up again"
tidy() { :; }
done_testing
