# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# What tests with two machines share. Such a test has "peer: stock" or "peer: ours"
# among its first lines. It runs on the host, which tells the VMs what to do:
#
#	host:	 here SECONDS COMMAND		there SECONDS COMMAND
#		     |				     |
#		VM under test			peer, distribution's driver or ours
#		rxe2 - eth0 10.78.0.1 fd78::1 <=> 10.78.0.2 fd78::2 eth0 - rxe2
#
# Both kernel logs are watched. Source it.

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ask=$tests/vm/ask
. "$tests/lib/tap.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

here() { "$ask" "$KERNEL" "$1" -- "$2"; }
there() { "$ask" "$KERNEL.peer" "$1" -- "$2"; }

# ends SERVER CLIENT SECONDS LIST: each line of LIST is a two-sided program of the
# distribution; SERVER and CLIENT are here and there, in either order. One result
# a line, and one for the servers and the log of their kernel. With again=1 what fails
# has a second try, apart from the others.
ends()
{
	local server=$1 client=$2 seconds=$3 list=$4 word what pid bad=0 retry=
	local to=10.78.0.2
	[ "$server" = there ] || to=10.78.0.1
	mkfifo "$scratch/ready"
	"$server" "$seconds" "ends serve $((seconds - 10)) '$list'" >"$scratch/ready" 2>&1 &
	pid=$!
	exec 5<"$scratch/ready"
	while read -r -t "$seconds" word what <&5; do
		[ "$word" != ready ] || break
		echo "# $word $what"
	done
	cat <&5 >"$scratch/server" &
	while read -r word what; do
		case $word in
		pass) ok 0 "$client to $server: $what" ;;
		fail)
			if [ -n "${again-}" ]; then
				echo "# failed: $what"
				retry+=$what$'\n'
			else
				ok 1 "$client to $server: $what"
			fi ;;
		ended)
			[ "$what" != 1 ] || [ -z "$retry" ] || what=$bad
			ok "$what" "$client to $server: the clients, and their kernel"
			# a server whose client has failed may wait for ever
			[ "$what" = 0 ] || kill $pid 2>/dev/null ;;
		*)
			[[ $what != "kernel log:"* ]] || bad=1
			echo "# $word $what" ;;
		esac
	done < <("$client" "$seconds" "ends use $to '$list'" 2>&1; echo "ended $?")
	wait $pid
	bad=$?
	exec 5<&-
	rm "$scratch/ready"
	if [ $bad = 1 ] && [ -n "${again-}" ] && ! grep -q '^# kernel log:' "$scratch/server"; then
		bad=0
		while read -r what; do
			[[ $'\n'$retry == *$'\n'$what$'\n'* ]] || retry+=$what$'\n'
		done < <(sed -n 's/^status [0-9]*: //p' "$scratch/server")
	fi
	ok $bad "$client to $server: the servers, and their kernel"
	sed 's/^/# /' "$scratch/server"
	[ -z "$retry" ] || again='' ends "$server" "$client" "$seconds" "$retry"
}
