#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# NFS over RDMA, server and client in one kernel: a tree copied to the mount
# reads back as it was.
#
# kernels: 6.1 6.12 7.3 (the debug kernel has no NFS)
# timeout: 120
. "$(dirname "$0")/../lib/cm.sh"

export=$scratch/export mnt=$scratch/mnt
tidy()
{
	mountpoint -q "$mnt" && umount -f "$mnt"
	rpc.nfsd 0 2>/dev/null
	exportfs -ua 2>/dev/null
	[ ! -r /run/mountd.pid ] || kill "$(cat /run/mountd.pid)" 2>/dev/null
	pkill -x rpc.mountd
	_stop_servers
	[ ! -d "$export" ] || umount "$export" 2>/dev/null
}

serve_nfs()
{
	modprobe -a nfsd rpcrdma || bail "no nfsd or rpcrdma"
	mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
	mkdir -p /run/rpc_pipefs /var/lib/nfs/v4recovery "$export" "$mnt"
	mount -t tmpfs tmpfs "$export"
	touch /var/lib/nfs/etab /var/lib/nfs/rmtab
	exportfs -o rw,fsid=0,no_root_squash,insecure,no_subtree_check "*:$export"
	rpc.nfsd -N 3 --no-udp --lease-time 10 --grace-time 10 --rdma=20049 4 >"$scratch/out" 2>&1
	ok $? "the server starts"
	sed 's/^/# /' "$scratch/out"
	rpc.mountd -N 3 --no-udp
	grep -q 'rdma 20049' /proc/fs/nfsd/portlist
	ok $? "it listens on RDMA"
	# Nobody has anything to reclaim. Refused if that is known already.
	echo Y 2>/dev/null >/proc/fs/nfsd/v4_end_grace
}

mounted()
{
	mount -t nfs4 -o rdma,port=20049,retry=0 "$v4:/" "$mnt" 2>"$scratch/out"
}

contents() { (cd "$1" && find . -type f | sort | xargs sha256sum | sha256sum); }

mkdir "$scratch/files"
head -c 10000001 /dev/urandom >"$scratch/files/large"
cp -r /usr/include/rdma /usr/include/infiniband /etc/services "$scratch/files"
want=$(contents "$scratch/files")

serve_nfs
for road in local wire; do
	[ ! -w $wire_only ] || case $road in
	local) echo N >$wire_only ;;
	wire) echo Y >$wire_only ;;
	esac
	mounted
	ok $? "$road: mount"
	sed 's/^/# /' "$scratch/out"
	grep -q "$mnt nfs4 .*proto=rdma" /proc/mounts
	ok $? "$road: it is RDMA"
	cp -r "$scratch/files" "$mnt/$road"
	ok $? "$road: copy a tree"
	is "$(contents "$export/$road")" "$want" "$road: the server has it"
	umount "$mnt"
	ok $? "$road: umount"
	mounted
	is "$(contents "$mnt/$road")" "$want" "$road: the client reads it back"
	rm -r "${mnt:?}/$road"
	ok $? "$road: and removes it"
	umount "$mnt"
done
tidy
tidy() { :; }
done_testing
