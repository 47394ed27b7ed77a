PREFIX = /usr/local
BIN = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share
COMPLETION = $(SHARE)/bash-completion/completions/swiftjail
UNIT = $(DESTDIR)$(PREFIX)/lib/systemd/system/swiftjaild.service
PROGRAM = .build/release/swiftjail
PROGRAMS = $(PROGRAM) $(PROGRAM)d

export SWIFTJAIL ?= $(CURDIR)/$(PROGRAM)
# A directory with the JSON schemas of the OCI specifications. Without one, Tests/run skips the check against them.
export OCI_SCHEMA ?= $(firstword $(wildcard $(CURDIR)/../*/oci-schema))

all: ## build the release programs
	swift build -c release

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
	Tests/run format

test: ## run the tests, each where it belongs: here, or in the test kernel (as root, ten minutes)
	Tests/run packages format release debug unit host fuzz vm vm-systemd vm-engines schema

test-all: ## run every test in both places (as root, about an hour)
	Tests/run packages format release debug unit host fuzz vm-all vm-systemd vm-engines schema

test-unit: ## run the tests that need no root
	Tests/run debug unit

test-host: ## run the integration tests on this system (as root)
	Tests/run packages release debug host

test-vm: ## run the tests that need cgroup v2, systemd or an engine, in the test kernel (as root)
	Tests/run packages release debug vm vm-systemd vm-engines

test-engines: ## have podman, Docker and containerd use swiftjail, and run it in them, in the test kernel (as root)
	Tests/run release vm-engines vm-runtime-all

bench: all ## compare with crun and runc, and with podman and containerd (as root)
	Tests/install-packages bench
	Tests/bench/run
	Tests/bench/partitions

fuzz: ## feed the parsers what they do not expect, for SECONDS=600 each
	Tests/fuzz/run $(or $(SECONDS),600)

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

.PHONY: all install uninstall lint test test-all test-unit test-host test-vm test-engines bench fuzz faults demo clean help
.NOTPARALLEL:
