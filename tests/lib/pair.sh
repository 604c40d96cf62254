# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The distribution's two-sided RDMA programs, both sides in this machine. Source it.
#
#	pair ib_write_bw -s 65536		server, and client to it, on $dev
#	peer_dev=rxe1 pair ...			server on another device
#
# leaves the client's output in $pair_out and the most memory that either side
# had pinned while they ran (VmPin, KiB) in $pair_pinned; its status is 0 if both
# sides succeeded. No fixed waits: the client starts when the server listens.

dev=${VT_DEV:-rxe0}
pair_dir=$(mktemp -d)
trap 'rm -rf "$pair_dir"' EXIT
pair_out=$pair_dir/client
pair_port=20000
pair_pinned=0

# gid_index [DEVICE]: of the IPv4 address of DEVICE, or $dev.
gid_index()
{
	for _gid in /sys/class/infiniband/"${1:-$dev}"/ports/1/gids/*; do
		case $(cat "$_gid" 2>/dev/null) in
		0000:0000:0000:0000:0000:ffff:*) echo "${_gid##*/}"; return ;;
		esac
	done
	return 1
}

# _listens PORT
_listens()
{
	grep -q "$(printf ':%04X [0-9A-F]*:0000 0A' "$1")" /proc/net/tcp /proc/net/tcp6
}

# _watch_pins PID...: until the first is gone; the largest VmPin to a file.
_watch_pins()
{
	_max=0
	while kill -0 "$1" 2>/dev/null; do
		for _pid; do
			while read -r _name _kb _; do
				[ "$_name" = VmPin: ] || continue
				[ "$_kb" -le "$_max" ] || _max=$_kb
			done 2>/dev/null <"/proc/$_pid/status"
		done
		echo "$_max" >"$pair_dir/pinned"
		sleep 0.05
	done 2>/dev/null
}

# pair [--watch] PROGRAM [ARGUMENT...]
pair()
{
	_watch=
	[ "$1" != --watch ] || { _watch=1; shift; }
	pair_port=$((pair_port + 1))
	_peer=${peer_dev:-$dev}
	case $1 in
	ibv_*) _gid_option=-g ;;
	*) _gid_option=-x; set -- "$@" -F ;;
	esac
	set -- "$@" -p $pair_port
	timeout 120 "$@" -d "$_peer" $_gid_option "$(gid_index "$_peer")" >"$pair_dir/server" 2>&1 &
	_server=$!
	until _listens $pair_port; do
		kill -0 $_server 2>/dev/null || break
		sleep 0.02
	done
	set -- "$@" -d "$dev" $_gid_option "$(gid_index)"
	if [ -n "$_watch" ]; then
		echo 0 >"$pair_dir/pinned"
		"$@" 127.0.0.1 >"$pair_out" 2>&1 &
		_client=$!
		_watch_pins $_client $(cat /proc/$_server/task/$_server/children 2>/dev/null)
		wait $_client
		_status=$?
		pair_pinned=$(cat "$pair_dir/pinned")
	else
		timeout 120 "$@" 127.0.0.1 >"$pair_out" 2>&1
		_status=$?
	fi
	wait $_server || _status=$?
	[ $_status = 0 ] || cat "$pair_dir/server" "$pair_out" >&2
	return $_status
}

# perf_field SIZE N: the Nth field of perftest's result line for SIZE.
perf_field()
{
	awk -v size="$1" -v n="$2" '$1 == size && $2 ~ /^[0-9]+$/ { value = $n } END { print value }' "$pair_out"
}
