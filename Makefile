# RDMA memory without pinning. See README.md.
#
#   make                    modules for the running kernel, and user space
#   make KDIR=/path         modules for another kernel's headers
#   make install            both, for that kernel, and manual pages (as root)
#   make uninstall          undoes it; PREFIX=/usr/local, DESTDIR= as usual
#   make check              every test, on real kernels in VMs (as root)
#   make check KERNEL=6.1 TEST=odp/     some of them
#   make demo, make bench   in the same VMs
#   make soak               everything at once for minutes, a million faults; KERNEL=, SOAK_SECONDS=
#   make clean; make distclean also drops the cached roots and kernels

KDIR ?= /lib/modules/$(shell uname -r)/build
OUT := build/native
PREFIX ?= /usr/local
DESTDIR ?=
vm := tests/vm
# Kernels of make check: 6.1 6.12 7.3 debug
KERNEL ?=
TEST ?=

all: modules user

modules:
	@[ -e $(KDIR)/Makefile ] || { echo "no kernel headers in $(KDIR): install linux-headers-$$(uname -r) or set KDIR="; exit 1; }
	@mkdir -p $(OUT)/src
	@cp -au --parents Kbuild include drivers tests/odp/kmod $(OUT)/src/
	$(MAKE) -C $(KDIR) M=$(CURDIR)/$(OUT)/src modules
	@mkdir -p $(OUT)/modules && find $(OUT)/src -name '*.ko' -exec cp -u -t $(OUT)/modules {} +

user:
	@echo '#include <infiniband/verbs.h>' | $(CC) -E - >/dev/null 2>&1 || { echo "no verbs headers: install libibverbs-dev"; exit 1; }
	$(MAKE) -C userspace OUT=$(CURDIR)/$(OUT)/bin

# The test module is not among them. In updates/, which is searched before the
# distribution's own: rdma_rxe exists there too.
release = $(shell $(MAKE) -s --no-print-directory -C $(KDIR) kernelrelease)
moddir = $(DESTDIR)/lib/modules/$(release)/updates/odp
depmod = [ -n "$(DESTDIR)" ] || depmod $(release)

install: modules user
	install -d $(moddir)
	install -m 644 $(OUT)/modules/umem_notifier.ko $(OUT)/modules/rdma_rxe.ko $(moddir)/
	$(depmod)
	$(MAKE) -C userspace install OUT=$(CURDIR)/$(OUT)/bin PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)
	[ -n "$(DESTDIR)" ] || ldconfig

uninstall:
	$(MAKE) -C userspace uninstall OUT=$(CURDIR)/$(OUT)/bin PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)
	rm -rf $(moddir)
	$(depmod)

check:
	@$(vm)/check $(KERNEL) $(if $(TEST),--test '$(TEST)')

demo:
	@tests/demo/run $(firstword $(KERNEL))

# SOAK_SECONDS=: how long on each kernel; SOAK_THREADS=8, SOAK_FAULTS=1000000
soak:
	@SOAK_SECONDS=$(SOAK_SECONDS) $(vm)/soak $(KERNEL)

# QUICK=1: fewer runs and sizes
bench:
	@QUICK=$(QUICK) bench/run $(KERNEL)

clean:
	@[ ! -d build/vm ] || for k in 6.1 6.12 7.3 debug; do $(vm)/down --now $$k; done
	rm -rf build

distclean: clean
	rm -rf --one-file-system $${ODP_CACHE:-/var/cache/odp-rdma}

.PHONY: all modules user install uninstall check soak demo bench clean distclean
