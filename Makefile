PREFIX = /usr/local
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share
COMPLETION = $(SHARE)/bash-completion/completions/swiftjail
UNIT = $(DESTDIR)$(PREFIX)/lib/systemd/system/swiftjaild.service
PROGRAM = .build/release/swiftjail
PROGRAMS = $(PROGRAM) $(PROGRAM)d
TESTS = .build/debug/swiftjailPackageTests.xctest

export SWIFTJAIL ?= $(CURDIR)/$(PROGRAM)

all: ## build the release programs
	for program in $(notdir $(PROGRAMS)); do swift build -c release --product $$program || exit; done

$(PROGRAMS):
	$(MAKE) all

install: $(PROGRAMS) ## install programs, man pages, bash completion and systemd unit (PREFIX=/usr/local DESTDIR=)
	for program in $(PROGRAMS); do install -D $$program $(BIN)/$${program##*/} || exit; done
	for page in $(wildcard man/*.[158]); do install -D -m 644 $$page $(SHARE)/man/man$${page##*.}/$${page##*/} || exit; done
	install -d $(dir $(COMPLETION))
	$(PROGRAM) completion bash >$(COMPLETION)
	install -d $(dir $(UNIT))
	sed 's|/usr/local|$(PREFIX)|' Examples/swiftjaild.service >$(UNIT)

uninstall: ## remove what install put there
	rm -f $(PROGRAMS:.build/release/%=$(BIN)/%) $(COMPLETION) $(UNIT)
	for page in $(wildcard man/*.[158]); do rm -f $(SHARE)/man/man$${page##*.}/$${page##*/}; done

lint: ## check the sources' format
	swift format lint --strict --recursive Package.swift Sources Tests

test: test-unit test-host test-vm ## run every test, the last under a kernel of their own (as root)

test-unit: ## run the tests that need no root
	swift test --skip IntegrationTests

test-host: all ## run the integration tests on this system (as root)
	Tests/install-packages test
	swift test --filter IntegrationTests

test-vm: all ## run those tests that need cgroup v2, systemd or an engine in the test kernel (as root)
	Tests/install-packages test
	swift build --build-tests
	Tests/vm/run --timeout 900 -- $(TESTS) --testing-library swift-testing --filter 'IntegrationTests\..*KernelTests\.swift:'
	Tests/vm/run --systemd --timeout 300 -- $(TESTS) --testing-library swift-testing --filter 'IntegrationTests\..*SystemdTests\.swift:'

bench: all ## compare with crun and runc, and with podman and containerd (as root)
	Tests/install-packages bench
	Tests/bench/run
	Tests/bench/partitions

faults: all ## kill the supervisor and fill its disk for ten minutes, and see what is lost (as root)
	Tests/install-packages faults
	Tests/faults/run

demo: all ## show a partition, its isolation and its limits (as root)
	Tests/install-packages demo
	Examples/demo

clean: ## remove what was built
	rm -rf .build

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 12

.PHONY: all install uninstall lint test test-unit test-host test-vm bench faults demo clean help
.NOTPARALLEL:
