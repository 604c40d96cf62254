#!/bin/sh
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# D8: packets, states, parking, resuming, faults and retries can be traced, and a queue
# pair that resumes says how long it waited.
. "$(dirname "$0")/../lib/net.sh"

sysfs=/sys/class/infiniband/$dev/ports/1/hw_counters
tracing=/sys/kernel/tracing
[ -d $tracing/events ] || mount -t tracefs nodev $tracing || bail "no tracefs"
instance=$tracing/instances/odp
mkdir $instance || bail "no trace instance"
echo 4096 >$instance/buffer_size_kb
tidy()
{
	echo 0 >$instance/events/enable
	rmdir $instance
	tc qdisc del dev lo root 2>/dev/null
}
for event in rxe/rxe_qp_state rxe/rxe_park rxe/rxe_resume rxe/rxe_retry rxe/rxe_rnr_received rxe/rxe_rnr_parked \
	     umem/umem_fault umem/umem_zap; do
	echo 1 >$instance/events/$event/enable
	ok $? "event $event"
done

timeout 50 "$here/../net/traffic" local odp 1 >"$scratch/out" 2>&1
ok $? "traffic on demand"
timeout 50 "$here/d1-one-fault-batch-per-message" >"$scratch/out" 2>&1
ok $? "to and from memory that is not there"
grep -q "rxe_park: dev=$dev qpn=[0-9]* side=requester va=0x[0-9a-f]* len=[1-9]" $instance/trace
ok $? "a requester parks"
grep -q "rxe_resume: dev=$dev qpn=[0-9]* side=requester ns=[1-9][0-9]* ret=[1-9]" $instance/trace
ok $? "and resumes, with time and result"
grep -q "umem_fault: .*ns=[1-9][0-9]* ret=[1-9]" $instance/trace
ok $? "a fault says how long it took"
parks=$(grep -c rxe_park: $instance/trace)
is "$(grep -c rxe_resume: $instance/trace)" "$parks" "whoever parks resumes"
odp test "$dev" >"$scratch/out" 2>&1
grep -q "umem_zap: mm=.* pages=[1-9]" $instance/trace
ok $? "an invalidation"

seen()
{
	grep -q "rxe_$1: dev=$dev $2" $instance/trace
	ok $? "$3"
}
seen qp_state "qpn=[0-9]* from=RESET to=INIT" "a queue pair is initialised"
seen qp_state "qpn=[0-9]* from=INIT to=RTR" "it can receive"
seen qp_state "qpn=[0-9]* from=RTR to=RTS" "and send"
timeout 50 "$here/../verbs/query-qp" >"$scratch/out" 2>&1
ok $? "attributes are changed, with the state that is there already"
is "$(grep -c 'from=\([A-Z]*\) to=\1$' $instance/trace)" 0 "which is no change of it"

# Long messages, in bursts: what is traced is what is counted.
echo >$instance/trace
sent=$(cat "$sysfs/sent_pkts") received=$(cat "$sysfs/rcvd_pkts")
for event in packet_sent packet_received; do
	echo 1 >$instance/events/rxe/rxe_$event/enable
done
timeout 50 "$here/../net/bursts" >"$scratch/out" 2>&1
ok $? "long messages on the wire"
for event in packet_sent packet_received; do
	echo 0 >$instance/events/rxe/rxe_$event/enable
done
is "$(grep -c rxe_packet_sent: $instance/trace)" $(($(cat "$sysfs/sent_pkts") - sent)) \
	"every packet sent"
is "$(grep -c rxe_packet_received: $instance/trace)" \
	$(($(cat "$sysfs/rcvd_pkts") - received)) "every packet received"
seen packet_sent 'op="RC RDMA_WRITE_FIRST" qpn=[0-9]* psn=[0-9]* bytes=1056' "a first packet"
seen packet_received 'op="RC RDMA_WRITE_MIDDLE" qpn=[0-9]* psn=[0-9]* bytes=1040' "those of a burst"
seen packet_received 'op="RC ACKNOWLEDGE" qpn=[0-9]* psn=[0-9]* bytes=20' "an acknowledgement"
: >$instance/trace

modprobe -q sch_netem
tc qdisc replace dev lo root netem limit 10000 loss 5% || bail "no netem on this kernel"
timeout 50 "$here/../net/traffic" wire odp 2 >"$scratch/out" 2>&1
ok $? "traffic with loss"
grep -q "rxe_retry: dev=$dev qpn=[0-9]* psn=[0-9]* left=[0-7]" $instance/trace
ok $? "is sent again"
grep -q "rxe_park: dev=$dev qpn=[0-9]* side=responder" $instance/trace
ok $? "a responder parks"
done_testing
