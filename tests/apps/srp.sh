#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# A SCSI disk over RDMA (SRP), target and initiator in one kernel: a file system on
# it takes files and gives back what was written. The target writes and reads the
# memory of the initiator, which registers it per command; small writes come with
# the command.
#
# kernels: 6.1 6.12 7.3 (the debug kernel has no SCSI)
# timeout: 120
. "$(dirname "$0")/../lib/scsi.sh"

fabric=$config/srpt
hosts=/sys/class/srp_remote_ports
cm_port=17100
guid=$(cat "/sys/class/infiniband/$dev/node_guid")

tidy()
{
	mountpoint -q "$mnt" && umount "$mnt"
	log_out
	wait_until 20 no_disk
	if [ -d "$fabric/$guid" ]; then
		echo 0 >"$fabric/$guid/odp/enable"
		rm -f "$fabric/$guid/odp/acls/$v4/lun_0/odp"
		rmdir "$fabric/$guid/odp/acls/$v4/lun_0" "$fabric/$guid/odp/acls/$v4"
		rm -f "$fabric/$guid/odp/lun/lun_0/odp"
		rmdir "$fabric/$guid/odp/lun/lun_0" "$fabric/$guid/odp" "$fabric/$guid"
	fi
	[ ! -d $fabric ] || rmdir $fabric
	drop_store
	_stop_servers
	modprobe -r ib_srp ib_srpt 2>/dev/null
}

# Both ends go by the address: the port of the target is that of its device, the
# initiator is known by where it comes from.
make_target()
{
	make_store
	modprobe -a ib_srpt ib_srp || bail "no SRP here"
	mkdir -p $fabric "$fabric/$guid" "$fabric/$guid/odp"
	echo $cm_port >$fabric/discovery_auth/rdma_cm_port
	mkdir "$fabric/$guid/odp/lun/lun_0"
	ln -s $store "$fabric/$guid/odp/lun/lun_0/odp"
	mkdir "$fabric/$guid/odp/acls/$v4" "$fabric/$guid/odp/acls/$v4/lun_0"
	ln -s "$fabric/$guid/odp/lun/lun_0" "$fabric/$guid/odp/acls/$v4/lun_0/odp"
	echo 1 >"$fabric/$guid/odp/enable"
	wait_until 20 listening $cm_port
	ok $? "the target listens"
	service=$(sed 's/^0x//' /sys/module/ib_srpt/parameters/srpt_service_guid)
}

log_in()
{
	echo "id_ext=$service,ioc_guid=$service,dest=$v4:$cm_port" \
		2>"$scratch/out" >"/sys/class/infiniband_srp/srp-$dev-1/add_target"
}

log_out()
{
	for _port in "$hosts"/port-*; do
		[ ! -e "$_port/delete" ] || echo 1 >"$_port/delete"
	done
}

make_target
on_disk log_in log_out
tidy
tidy() { :; }
[ ! -e /sys/module/ib_srpt ] && [ ! -e /sys/module/ib_srp ]
ok $? "nothing holds the modules"
done_testing
