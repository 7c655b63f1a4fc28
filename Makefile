# SPDX-License-Identifier: GPL-2.0-or-later
# Every command a person types; `make help` lists them.

VERSION := $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)

# The running kernel's headers, else the newest installed.
KERNEL_DIR ?= $(or $(wildcard /lib/modules/$(shell uname -r)/build),$\
	$(lastword $(shell ls -d /lib/modules/*/build /usr/src/linux-headers-*-*64 2>/dev/null | sort -V)))
RELEASE = $(shell sed 's/.*"\(.*\)"/\1/;q' $(KERNEL_DIR)/include/generated/utsrelease.h 2>/dev/null | tail -n 1)
BUILD = build/$(RELEASE)
XTLIBDIR = $(shell pkg-config --variable=xtlibdir xtables)

# ARCH and CROSS_COMPILE are the kernel's own words; each architecture has its Rust half.
RUST_HALF := build/$(addsuffix /,$(ARCH))xt_pktstat_rs.o
SHIM := $(wildcard c_shim/*.[ch])
HALF := Cargo.toml Cargo.lock build.rs $(shell find src -name '*.rs')
EXTENSION := $(HALF) $(shell find xt_ext -path xt_ext/target -prune -o -type f -print)

.PHONY: all module modules modules_install extension install clean help run test test-fresh test-host test-vm test-vm-all test-vm-others test-load test-conservation test-iptables lab lab-short lab-ready lab-clang lab-planted lab-kasan lab-kasan-arm64 lab-rt lab-kcsan lab-cfi lab-irqsoff lab-races lab-hostile lab-soak fuzz soak miri mutants bench bench-native lint shell deb test-deb test-matrix test-tools version
all: module extension ## the module for KERNEL_DIR and the extension
extension: build/libxt_pktstat.so

# One directory for each kernel; build/xt_pktstat.ko is the one that was asked for last.
modules: module ## the module alone
module: $(BUILD)/xt_pktstat.ko
	@ln -sfn $(RELEASE)/xt_pktstat.ko build/xt_pktstat.ko

# The source that packages install brings the object: cargo is called for RUST=rebuild only.
SHIPPED := $(if $(filter rebuild,$(RUST)),,$(wildcard xt_pktstat_rs.o_shipped))
ifneq ($(SHIPPED),)
$(RUST_HALF): $(SHIPPED)
	@install -D -m 644 $< $@
else
$(RUST_HALF): $(HALF) c_shim/shim.h scripts/rust_half scripts/gates scripts/toolchain
	@scripts/rust_half $@
endif

$(BUILD)/xt_pktstat.ko: $(RUST_HALF) Kbuild scripts/module scripts/kbuild $(SHIM)
	@RUST_HALF=$< scripts/module "$(KERNEL_DIR)" "$(RELEASE)" "$(VERSION)"

build/libxt_pktstat.so: $(EXTENSION)
	@scripts/extension $@

build/pkttop: $(HALF) $(shell find pkttop -type f)
	@scripts/tool $@

# What packaging/debian/control builds with, and what every Debian package does.
DEB_BUILD_NEEDS := build-essential dpkg-dev debhelper dh-dkms
deb: ## Debian packages, in build/
	@tests/setup $(DEB_BUILD_NEEDS)
	@$(MAKE) --no-print-directory $(RUST_HALF) build/libxt_pktstat.so build/pkttop
	@scripts/deb $(VERSION)

install: modules_install extension ## the module, the extension and the man page, below DESTDIR
	install -D -m 644 build/libxt_pktstat.so $(DESTDIR)$(XTLIBDIR)/libxt_pktstat.so
	install -D -m 644 iptables/xt_pktstat.8 $(DESTDIR)/usr/share/man/man8/xt_pktstat.8

# As the kernel's own: INSTALL_MOD_PATH is what DESTDIR is.
INSTALL_MOD_PATH ?= $(DESTDIR)
modules_install: module ## the module alone, below INSTALL_MOD_PATH
	install -D -m 644 $(BUILD)/xt_pktstat.ko $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/updates/xt_pktstat.ko
	$(if $(INSTALL_MOD_PATH),,depmod $(RELEASE))

run: ## set up, boot a VM with the module, do the main job on real traffic
	@tests/setup
	@$(MAKE) --no-print-directory vm-6.12
	@tests/demo

shell: ## a prompt in such a VM, with everything loaded
	@tests/setup
	@$(MAKE) --no-print-directory vm-6.12
	@tests/vm/run -k 6.12 -m build/$$(tests/vm/kernels release 6.12)/xt_pktstat.ko -i

# What `make test` runs is all that fits; the rest says why it does not.
test: ## set up and run the tests that fit 30 minutes on 2 cores
	@tests/setup $(TOOLS_NEED) $(DEB_NEEDS)
	@$(MAKE) --no-print-directory test-host lint test-vm build/pkttop
	@# None of them keeps two CPUs busy: terminals, guests, downloads and dpkg.
	@$(MAKE) --no-print-directory -j2 test-tools test-iptables test-deb SUITES=bookworm

test-fresh: ## what the README tells a newcomer to type, in new roots where nothing is installed
	@tests/fresh

test-host: ## the pure code and the extension, on this machine
	@tests/setup
	@tests/host
	@tests/gates

# What the VM of a row of tests/vm/kernels runs.
vm-%: extension
	@tests/vm/kernels get $*
	@$(MAKE) --no-print-directory module KERNEL_DIR=$$(tests/vm/kernels dir $*)

vm-6.12-arm64:
	@tests/setup gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-system-arm
	@tests/vm/arm64

test-vm: ## the scenarios on Debian's 6.12 and, in one variant each, on its 6.1; and what else boots
	@tests/setup
	@$(MAKE) --no-print-directory vm-6.12 vm-6.1
	@tests/configs
	@tests/vm/selftest
	@$(MAKE) --no-print-directory -k -j2 test-vm-all test-vm-others

test-vm-all:
	@tests/vm/run -k 6.12 all

test-vm-others:
	@tests/vm/run -k 6.1 each
	@tests/vm/run -k 6.12 -l servers servers
	@tests/vm/run -k 6.12 -l slewed slewed
	@# In the long boot it is on 4 CPUs.
	@tests/vm/run -k 6.12 -l clock_back-1 clock_back
	@tests/vm/run -k 6.12 -l clock_back-2 -c 2 clock_back
	@tests/vm/run -k 6.12 -l clock_back-8 -c 8 clock_back
	@$(call conservation,15)
	@tests/iptables_test
	@bench/gate
	@# Where `make lab` has left its kernel.
	@! tests/lab/kernel --cached kasan || $(MAKE) --no-print-directory lab-short

# Tasks that may be preempted anywhere, and ticks that no loaded machine makes the kernel distrust:
# then the fast path counts, and is moved in the middle of it.
conservation = tests/vm/run -k 6.12 -d tests/conservation -l conservation -t $(1) \
	-a "preempt=full tsc=reliable pktstat_seconds=$(1) pktstat_seed=$(SEED)" all

test-conservation: ## the loss contract under random traffic, 20 minutes (15 s are in `make test`): SECONDS=600 SEED=
	@tests/setup
	@$(MAKE) --no-print-directory vm-6.12
	@$(call conservation,$(or $(SECONDS),600))

test-load: ## kstat and update_stats under load on four CPUs (not in `make test`: as long as all of it)
	@tests/setup prometheus-node-exporter
	@$(MAKE) --no-print-directory vm-6.12
	@mkdir -p build/livepatch
	@ln -sf ../../tests/load/livepatch.c build/livepatch/
	@echo 'obj-m := livepatch.o' >build/livepatch/Kbuild
	@scripts/kbuild "$$(tests/vm/kernels dir 6.12)" build/livepatch
	@tests/vm/run -k 6.12 -d tests/load -l load -f /usr/bin/prometheus-node-exporter -f build/livepatch/livepatch.ko all

lab-short: extension
	@tests/setup gcc-12-multilib libc6-dev-i386
	@tests/lab/run -l lab rows:nft4 netns:nft4

# The first time its kernels are built: half an hour of one CPU each. Each part is a target too:
# what ended red is run alone, and there is no need to run all at once.
lab: ## planted bugs and scenarios on kernels with KASAN, lockdep, kmemleak (arm64 too), PREEMPT_RT, KCSAN, kCFI, which it builds (hours): SCENARIOS=all LONG=1
	@$(MAKE) --no-print-directory lab-planted
	@# Most of what they do is one CPU's work: two side by side, the longest first.
	@$(MAKE) --no-print-directory -k -j2 lab-rt lab-kasan-arm64 lab-kasan lab-races lab-hostile lab-kcsan lab-cfi lab-irqsoff
	@$(MAKE) --no-print-directory lab-soak fuzz soak miri

lab-ready:
	@tests/setup bc bison flex libelf-dev libssl-dev gcc-12-multilib libc6-dev-i386
	@$(MAKE) --no-print-directory extension

lab-clang:
	@tests/setup clang-19 lld-19 llvm-19

# Bugs that it must see.
lab-planted: lab-ready lab-clang vm-6.12-arm64
	@tests/lab/selftest

lab-kasan-arm64: lab-clang vm-6.12-arm64
lab-cfi lab-irqsoff: lab-clang
lab-kasan lab-kasan-arm64 lab-rt lab-kcsan lab-cfi: lab-%: lab-ready
	@LAB=$* tests/lab/run $(or $(SCENARIOS),each)

# For how long the module has interrupts off, by the kernel's own tracer too.
lab-irqsoff: lab-ready
	@LAB=cfi tests/lab/run -d bench/scenarios -l irqsoff interrupts

# What goes against the module: races, allocations that fail, 32-bit programs. All of it, but on
# this kernel xt_recent is no module.
lab-races: lab-ready
	@tests/lab/run $(if $(LONG),-t 900 -a pktstat_race_seconds=600) -d tests/lab/scenarios -l lab \
		$(patsubst deadlock,deadlock:pktstat,$(basename $(notdir $(wildcard tests/lab/scenarios/*.sh))))

# 50,000 hostile rules and 200,000 writes; the seed is in the log, and SEED= repeats it.
lab-hostile: lab-ready
	@tests/lab/run -t 3600 -l hostile \
		-a "pktstat_inputs=12500 pktstat_writes=200000 $(if $(SEED),pktstat_seed=$(SEED))" hostile noise

lab-soak:
	@tests/setup
	@$(MAKE) --no-print-directory vm-6.12
	@tests/vm/run -k 6.12 -d tests/lab/scenarios -l soak -a pktstat_soak_packets=10000000 deadlock soak

fuzz: ## the pure code under a fuzzer, against naive models (hours): RUNS=100000000
	@tests/setup g++
	@fuzz/run -n $(or $(RUNS),100000000)

soak: ## many packets through the accounting, and a slow reader, on this machine (long): PACKETS=10000000000
	@tests/setup
	@. scripts/toolchain && PKTSTAT_PACKETS=$(or $(PACKETS),10000000000) cargo test --quiet --release \
		-p xt_pktstat --test stat_soak --target-dir target -- --nocapture

miri: ## the pure code's unit tests under Miri, a few cases of each (downloads a nightly Rust)
	@tests/setup curl ca-certificates
	@tests/lab/miri

mutants: ## whether tests see each small change to the pure code (hours): FILES=src/rule.rs SHARD=1/4
	@tests/setup $(TOOLS_NEED)
	@scripts/mutants $(if $(SHARD),--shard $(SHARD)) $(FILES)

bench: ## what a packet costs in instructions, beside everything a user could pick
	@tests/setup valgrind
	@$(MAKE) --no-print-directory vm-6.12 vm-6.12-arm64
	@bench/all

bench-native: ## what counting costs in ns on this machine, on one CPU and on two
	@tests/setup
	@bench/native/run

# A person's terminal, who scrapes it, and letters for its pictures.
TOOLS_NEED := tmux prometheus tshark fonts-dejavu-core
test-tools: ## pkttop, on this machine and on counters of a real kernel
	@tests/setup $(TOOLS_NEED)
	@$(MAKE) --no-print-directory vm-6.12 build/pkttop
	@. scripts/toolchain && cargo test --quiet --profile tools -p pkttop --target-dir target
	@tests/vm/run -k 6.12 -d pkttop/tests/vm -l pkttop -f build/pkttop \
		-f "$$(ldd build/pkttop | sed -n 's/.*=> \(.*libgcc_s[^ ]*\).*/\1/p')" all

test-iptables: ## one extension in the iptables of each Debian suite, 1.8.7 to 1.8.13
	@tests/setup
	@$(MAKE) --no-print-directory vm-6.12
	@tests/iptables_versions

DEB_NEEDS := $(DEB_BUILD_NEEDS) debootstrap lintian
test-deb: ## the packages: install, boot, rebuild, purge, in roots of bookworm and trixie (trixie not in `make test`: ten minutes more)
	@tests/setup $(DEB_NEEDS)
	@$(MAKE) --no-print-directory deb vm-6.12
	@tests/deb $(SUITES)

test-matrix: ## every kernel of tests/vm/kernels: build, boot, scenarios (not in `make test`: an hour and 5 GB)
	@tests/setup
	@tests/matrix
	@tests/iptables_test -k 6.12-arm64 -l iptables_test-arm64
	@bench/gate arm64

lint: ## rustfmt, clippy, rustdoc, licences, shellcheck, checkpatch, sparse
	@tests/setup
	@$(MAKE) --no-print-directory vm-6.12
	@scripts/lint

version:
	@echo $(VERSION)

clean: ## what was built
	rm -rf build target

help: ## this list
	@sed -n 's/^\([a-z][a-z_-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 28
