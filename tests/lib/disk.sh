# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# A disk over RDMA, target and initiator in one kernel, of whatever protocol. Source
# it, and define `disk_name` (prints the initiator's, if there is one) and `has_disk`
# ($disk is that, and can be used). The disk is the file $scratch/disk of the target.
. "$(dirname "$0")/../lib/cm.sh"

mnt=$scratch/mnt

no_disk() { ! disk_name >/dev/null; }

# contents DIRECTORY: one sum of all that is in it.
contents() { (cd "$1" && find . -type f | sort | xargs sha256sum | sha256sum); }

# make_files BYTES: of the largest one.
make_files()
{
	mkdir "$mnt" "$scratch/files"
	head -c "$1" /dev/urandom >"$scratch/files/large"
	cp /opt/odp/tests/lib/* /etc/services "$scratch/files"
	want=$(contents "$scratch/files")
}

# on_disk CONNECT DISCONNECT [BYTES]: by each road, the disk takes files and gives back what
# was written, also by the other road, and is whole where the target keeps it.
on_disk()
{
	make_files "${3:-3000001}"
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
