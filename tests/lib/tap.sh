# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# TAP for shell tests. Source it.

count=0 failures=0

# ok STATUS TEXT: one result, from an exit status.
ok()
{
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failures=$((failures + 1))
	fi
}

# is GOT WANT TEXT
is()
{
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		echo "#   got '$1', want '$2'"
	fi
}

# done_testing: the plan; the status of the whole.
done_testing()
{
	echo "1..$count"
	[ $failures = 0 ] && [ $count != 0 ]
}
