# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# A SCSI disk over RDMA, target and initiator in one kernel. Source it.
#
# The target is the kernel's own, told by hand through configfs what it has to do;
# the disk is a file of the target:
#
#	file system - sd - initiator  --RDMA-->  target - $scratch/disk
. "$(dirname "$0")/../lib/disk.sh"

config=/sys/kernel/config/target
store=$config/core/fileio_0/odp

make_store()
{
	modprobe -q loop	# may be built in
	modprobe -a target_core_mod target_core_file sd_mod || bail "no SCSI target here"
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
	truncate -s 64M "$scratch/disk"
	mkdir -p $store
	echo "fd_dev_name=$scratch/disk,fd_dev_size=$((64 << 20)),fd_buffered_io=1" >$store/control
	echo 1 >$store/enable
}

drop_store()
{
	[ ! -d $store ] || rmdir $store
	[ ! -d ${store%/*} ] || rmdir ${store%/*}
}

disk_name()
{
	for _dev in /sys/block/sd*; do
		grep -qs LIO-ORG "$_dev/device/vendor" && basename "$_dev" && return
	done
	return 1
}
has_disk() { disk=$(disk_name) && [ -b "/dev/$disk" ] && [ "$(cat "/sys/block/$disk/size")" != 0 ]; }
