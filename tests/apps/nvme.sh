#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# A disk over the network, target and host in one kernel: a file system on it
# takes files and gives back what was written, also by the other road, and is
# whole where the target keeps it. Kernel consumers register memory per request,
# invalidate it (by SEND too), and have their completions by soft interrupt.
#
# timeout: 120
. "$(dirname "$0")/../lib/disk.sh"

nqn=nqn.2014-08.org.odp:disk
target=/sys/kernel/config/nvmet

tidy()
{
	mountpoint -q "$mnt" && umount "$mnt"
	nvme disconnect -n $nqn >/dev/null 2>&1
	if [ -d $target/ports/1 ]; then
		rm -f $target/ports/1/subsystems/$nqn
		rmdir $target/ports/1
	fi
	if [ -d $target/subsystems/$nqn ]; then
		rmdir $target/subsystems/$nqn/namespaces/1 $target/subsystems/$nqn
	fi
	_stop_servers
	modprobe -r nvme_rdma nvmet_rdma nvmet 2>/dev/null
}

make_target()
{
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
	truncate -s 96M "$scratch/disk"
	mkdir $target/subsystems/$nqn
	echo 1 >$target/subsystems/$nqn/attr_allow_any_host
	mkdir $target/subsystems/$nqn/namespaces/1
	echo "$scratch/disk" >$target/subsystems/$nqn/namespaces/1/device_path
	echo 1 >$target/subsystems/$nqn/namespaces/1/buffered_io
	echo 1 >$target/subsystems/$nqn/namespaces/1/enable
	mkdir $target/ports/1
	echo rdma >$target/ports/1/addr_trtype
	echo ipv4 >$target/ports/1/addr_adrfam
	echo $v4 >$target/ports/1/addr_traddr
	echo 4420 >$target/ports/1/addr_trsvcid
	ln -s $target/subsystems/$nqn $target/ports/1/subsystems/
}

disk_name()
{
	for _dev in /sys/block/nvme*; do
		case ${_dev##*/} in *c*n*) continue ;; esac	# a path to it
		grep -qsx $nqn "$_dev/device/subsysnqn" && basename "$_dev" && return
	done
	return 1
}
has_disk() { disk=$(disk_name) && [ -b "/dev/$disk" ]; }

log_in() { nvme connect -t rdma -a $v4 -s 4420 -n $nqn -i 2 -Q 32 >"$scratch/out" 2>&1; }
log_out() { nvme disconnect -n $nqn >/dev/null; }

modprobe -q loop	# may be built in
for module in nvmet nvmet_rdma nvme_rdma; do
	modprobe $module || bail "no $module"
done
make_target
# Requests of many pages, more than the queue takes.
on_disk log_in log_out $([ -n "$VT_SLOW" ] && echo 5000001 || echo 20000001)
tidy
tidy() { :; }
[ ! -e /sys/module/nvmet_rdma ]
ok $? "nothing holds the modules"
done_testing
