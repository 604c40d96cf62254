# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# A SCSI disk over RDMA, target and initiator in one kernel. Source it.
#
# The target is the kernel's own, told by hand through configfs what it has to do;
# the disk is a file of the target:
#
#	file system - sd - initiator  --RDMA-->  target - $scratch/disk
. "$(dirname "$0")/../lib/cm.sh"

config=/sys/kernel/config/target
store=$config/core/fileio_0/odp
mnt=$scratch/mnt

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
no_disk() { ! disk_name >/dev/null; }

# contents DIRECTORY: one sum of all that is in it.
contents() { (cd "$1" && find . -type f | sort | xargs sha256sum | sha256sum); }

make_files()
{
	mkdir "$mnt" "$scratch/files"
	head -c 3000001 /dev/urandom >"$scratch/files/large"
	cp /opt/odp/tests/lib/* /etc/services "$scratch/files"
	want=$(contents "$scratch/files")
}

# on_disk CONNECT DISCONNECT: by each road, the disk takes files and gives back what
# was written, also by the other road, and is whole where the target keeps it.
on_disk()
{
	make_files
	for road in local wire; do
		[ ! -w $wire_only ] || case $road in
		local) echo N >$wire_only ;;
		wire) echo Y >$wire_only ;;
		esac
		$1
		ok $? "$road: connect"
		sed 's/^/# /' "$scratch/out"
		wait_until 20 has_disk
		ok $? "$road: the disk appears"
		[ -n "$disk" ] || break
		if [ $road = local ]; then
			mke2fs -q -t ext4 -b 4096 "/dev/$disk" >"$scratch/out" 2>&1
			ok $? "$road: mkfs"
		fi
		before=$(counter sent_pkts)
		mount -t ext4 "/dev/$disk" "$mnt" || bail "no mount"
		if [ $road = wire ]; then
			is "$(contents "$mnt/local")" "$want" "$road: what the other road wrote is there"
		fi
		cp -r "$scratch/files" "$mnt/$road"
		ok $? "$road: copy files to it"
		umount "$mnt"
		ok $? "$road: umount"
		echo 3 >/proc/sys/vm/drop_caches
		e2fsck -fn "/dev/$disk" >"$scratch/fsck" 2>&1
		ok $? "$road: the file system is clean"
		sed 's/^/# /' "$scratch/fsck"
		mount -t ext4 -o ro "/dev/$disk" "$mnt"
		is "$(contents "$mnt/$road")" "$want" "$road: every file reads back"
		umount "$mnt"
		[ ! -w $wire_only ] || took_road "$before" "$road"
		$2
		ok $? "$road: disconnect"
		wait_until 20 no_disk
		ok $? "$road: the disk is gone"
		mount -t ext4 -o loop,ro "$scratch/disk" "$mnt"
		is "$(contents "$mnt/$road")" "$want" "$road: the target has every file"
		umount "$mnt"
		disk=
	done
}
