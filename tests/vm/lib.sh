# Shared by the scripts of tests/vm. Contract: source it first, with `set -eu`
# already in force; it defines names and functions and does nothing else, but
# make the cache directory.
#
#   top     the source tree            vm     tests/vm
#   cache   ${ODP_CACHE:-/var/cache/odp-rdma}: roots, kernels, initramfs files
#   run     where running VMs keep their sockets and logs (build/vm/KERNEL)

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$vm/../.." && pwd)
cache=${ODP_CACHE:-/var/cache/odp-rdma}
run=$top/build/vm
mkdir -p "$cache" "$run"

# die TEXT...: one line to stderr, exit 2.
die() { echo "${0##*/}: $*" >&2; exit 2; }

# say TEXT...: progress, to stderr, as a TAP diagnostic (harmless anywhere).
say() { echo "# $*" >&2; }

# suite_of KERNEL: the Debian suite whose root boots that kernel.
suite_of()
{
	case $1 in
	6.1 | debug) echo bookworm ;;
	6.12 | 7.3) echo trixie ;;
	*) die "unknown kernel '$1' (6.1, 6.12, 7.3 or debug)" ;;
	esac
}

# root_key SUITE: what the root is made from, as a hash.
root_key()
{
	cat "$vm/mkroot" "$vm/packages.$1" "$vm/guest/init" | sha256sum | cut -c1-12
}

# root_of SUITE: directory with root/ (for chroots) and root.ext4 (for VMs).
root_of() { echo "$cache/$1-$(root_key "$1")"; }

# release_of KERNEL: the uname -r of a label, e.g. 6.1 -> 6.1.0-42-amd64.
# 7.3 stands for whatever trixie-backports carries beyond 6.12.
release_of()
{
	local dir found
	[ "$1" != debug ] || { echo "debug kernels have no release here" >&2; return 1; }
	dir=$(root_of "$(suite_of "$1")")/root/usr/src
	found=$(cd "$dir" && ls -d linux-headers-*-amd64 | sed 's/^linux-headers-//' | sort -V)
	case $1 in
	7.3) found=$(grep -v '^6\.' <<<"$found" || true) ;;
	*) found=$(grep "^${1//./\\.}[.+]" <<<"$found" || true) ;;
	esac
	[ -n "$found" ] || die "no kernel for '$1' in $dir"
	tail -n 1 <<<"$found"
}
