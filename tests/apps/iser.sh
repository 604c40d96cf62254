#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# A SCSI disk over RDMA (iSER), target and initiator in one kernel, with the programs
# of open-iscsi: a file system on it takes files and gives back what was written.
# Answers invalidate the memory that commands have registered.
#
# kernels: 6.1 6.12 7.3 (the debug kernel has no SCSI)
# timeout: 120
. "$(dirname "$0")/../lib/scsi.sh"

iqn=iqn.2014-08.org.odp:disk
fabric=$config/iscsi
group=$fabric/$iqn/tpgt_1

tidy()
{
	mountpoint -q "$mnt" && umount "$mnt"
	log_out >/dev/null 2>&1
	iscsiadm -m node -o delete -T $iqn >/dev/null 2>&1
	[ -z "$daemon" ] || { kill "$daemon"; wait "$daemon"; } 2>/dev/null
	daemon=
	if [ -d $group ]; then
		echo 0 >$group/enable
		rmdir "$group/np/$v4:3260"
		rm -f $group/lun/lun_0/odp
		rmdir $group/lun/lun_0 $group $fabric/$iqn
	fi
	[ ! -d $fabric ] || rmdir $fabric
	drop_store
	_stop_servers
	modprobe -r ib_iser ib_isert 2>/dev/null
}

make_target()
{
	make_store
	modprobe -a iscsi_target_mod ib_isert ib_iser || bail "no iSER here"
	mkdir -p $fabric $fabric/$iqn $group
	echo 0 >$group/attrib/authentication
	echo 1 >$group/attrib/generate_node_acls
	echo 0 >$group/attrib/demo_mode_write_protect
	mkdir $group/lun/lun_0
	ln -s $store $group/lun/lun_0/odp
	mkdir "$group/np/$v4:3260"
	echo 1 >"$group/np/$v4:3260/iser"
	ok $? "the target takes RDMA"
	echo 1 >$group/enable
	wait_until 20 listening 3260
	ok $? "and listens"
}

daemon_answers() { iscsiadm -m iface >/dev/null 2>&1 && iscsiadm -m session 2>&1 | grep -q 'No active'; }

start_initiator()
{
	mkdir -p /run/lock
	# It ends with all of its process group.
	setsid iscsid -f >"$scratch/iscsid" 2>&1 &
	daemon=$!
	wait_until 20 daemon_answers
	ok $? "the initiator's daemon answers"
	iscsiadm -m node -o new -T $iqn -p $v4:3260,1 -I iser >"$scratch/out" 2>&1
	ok $? "it is told of the target"
	sed 's/^/# /' "$scratch/out"
}

# The transport that a session has is not the one that was asked for if that failed.
log_in()
{
	iscsiadm -m node -T $iqn -p $v4:3260 -I iser --login >"$scratch/out" 2>&1 &&
		iscsiadm -m session -P 1 | grep -q 'Iface Transport: iser'
}

# A SCSI target that has nothing left to do goes to sleep; Linux 7.3 warns of itself
# (check_flush_dependency) when it is removed before it has got there, as the work that
# removes it, iscsi_ctrl's, may not wait for that which puts it to sleep.
stay_awake()
{
	for _control in /sys/bus/scsi/devices/target*/power/control; do
		[ ! -e "$_control" ] || echo on >"$_control"
	done
}

log_out()
{
	stay_awake
	iscsiadm -m node -T $iqn -p $v4:3260 -I iser --logout >"$scratch/out" 2>&1
}

daemon=
make_target
start_initiator
on_disk log_in log_out
tidy
tidy() { :; }
[ ! -e /sys/module/ib_isert ] && [ ! -e /sys/module/ib_iser ]
ok $? "nothing holds the modules"
done_testing
