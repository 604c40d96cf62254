# RDMA memory without pinning. See README.md.
#
#   make                    modules for the running kernel, and user space
#   make KDIR=/path         modules for another kernel's headers
#   make check              every test, on real kernels in VMs (as root)
#   make check KERNEL=6.1 TEST=odp/     some of them
#   make demo, make bench   in the same VMs
#   make clean; make distclean also drops the cached roots and kernels

KDIR ?= /lib/modules/$(shell uname -r)/build
OUT := build/native
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
	@[ ! -e userspace/Makefile ] || $(MAKE) -C userspace OUT=$(CURDIR)/$(OUT)/bin

check:
	@$(vm)/check $(KERNEL) $(if $(TEST),--test '$(TEST)')

demo:
	@tests/demo/run $(firstword $(KERNEL))

# QUICK=1: fewer runs and sizes
bench:
	@QUICK=$(QUICK) bench/run $(KERNEL)

clean:
	@[ ! -d build/vm ] || for k in 6.1 6.12 7.3 debug; do $(vm)/down --now $$k; done
	rm -rf build

distclean: clean
	rm -rf --one-file-system $${ODP_CACHE:-/var/cache/odp-rdma}

.PHONY: all modules user check demo bench clean distclean
