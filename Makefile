# Touchstone's commands. `make help` lists them. Each target does the set-up it needs, once: Node, packages, nats-server,
# generated code. Variables to pass: FILE=<path> runs one test file, TEST_ARGS='...' goes to vitest as it is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# ---- The machine: Node 24.9 or later, and nats-server. What is missing goes to .tools/, never into the system.

node_version := 24.21.0
path_with_tools := $(CURDIR)/.tools/bin:$(PATH):/usr/local/sbin:/usr/sbin

has_node := $(shell node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 24 || (+a === 24 && +b >= 9) ? 0 : 1)' 2>/dev/null && echo yes)
ifneq ($(has_node),yes)
node := .tools/node_modules/node/bin/node
path_with_tools := $(CURDIR)/.tools/node_modules/node/bin:$(path_with_tools)
endif

nats_server := $(or $(shell PATH='$(path_with_tools)' command -v nats-server),.tools/bin/nats-server)

export PATH := $(CURDIR)/node_modules/.bin:$(path_with_tools)

# Inside the repository, the two packages are used from their TypeScript sources: the export condition selects them.
export NODE_OPTIONS += --conditions=@touchstone/source

# ---- Set-up, each step a file that make compares by date.

packages := node_modules/.package-lock.json
generated := gen/.generated packages/rpc-server/gen/.generated packages/kit/examples/library/gen/.generated packages/kit/examples/weather/gen/.generated packages/kit/command-line/gen/.generated packages/kit/fault-proxy/control/gen/.generated
ready := $(packages) $(generated)

.tools/node_modules/node/bin/node:
	npm install --prefix .tools --no-save --no-package-lock --no-audit --no-fund node@$(node_version)
	@echo "using Node $$($@ --version) in .tools/"

$(packages): package-lock.json | $(node)
	npm ci --no-audit --no-fund
	@touch $@

.tools/bin/nats-server:
	local/nats/install-nats-server.sh $@

gen/.generated: buf.gen.yaml buf.yaml $(shell find proto -name '*.proto' -o -type d) $(packages)
	buf generate
	@touch $@

packages/rpc-server/gen/.generated: packages/rpc-server/buf.gen.yaml $(packages)
	cd packages/rpc-server && buf generate
	@touch $@

packages/kit/examples/library/gen/.generated: packages/kit/examples/library/buf.gen.yaml $(shell find packages/kit/examples/library/proto -name '*.proto') $(packages)
	cd packages/kit/examples/library && buf generate
	@touch $@

packages/kit/examples/weather/gen/.generated: packages/kit/examples/weather/buf.gen.yaml $(shell find packages/kit/examples/weather/proto -name '*.proto') $(packages)
	cd packages/kit/examples/weather && buf generate
	@touch $@

packages/kit/command-line/gen/.generated: packages/kit/command-line/buf.gen.yaml $(packages)
	cd packages/kit/command-line && buf generate
	@touch $@

packages/kit/fault-proxy/control/gen/.generated: packages/kit/fault-proxy/control/buf.gen.yaml $(shell find packages/kit/fault-proxy/control/proto -name '*.proto') $(packages)
	cd packages/kit/fault-proxy/control && buf generate
	@touch $@

# ---- Targets. A comment after `##` is the target's line in `make help`.

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(ready) $(nats_server) ## start the whole platform on this machine; Ctrl-C stops it
	@exec node local/stack/main.ts

.PHONY: order
order: $(ready) ## place a sample order on the running platform and watch it; ARGS='--help' tells how to vary it
	@node local/commands/order.ts $(ARGS)

.PHONY: verify
verify: $(ready) ## judge the running platform by every invariant: nothing lost, doubled or oversold
	@node test/support/verify.ts

.PHONY: dead-letters
dead-letters: $(ready) ## list the events that could not be applied; REPLAY=<id> or DISCARD=<id> deals with one
	@node local/commands/dead-letters.ts $${REPLAY:+--replay "$$REPLAY"} $${DISCARD:+--discard "$$DISCARD"} \
	  $${SERVICE:+--service "$$SERVICE"}

.PHONY: test
test: $(ready) $(nats_server) ## run the whole pyramid; FILE=... or TEST_ARGS='...' narrows it
	vitest run $(TEST_ARGS) $(FILE)

.PHONY: test-unit test-integration test-contract test-e2e
test-unit: $(ready) ## run the unit tests: no sockets, no files
	vitest run --project unit $(TEST_ARGS) $(FILE)

test-integration: $(ready) $(nats_server) ## run the integration tests: one service, its real Postgres and nats-server
	vitest run --project integration $(TEST_ARGS) $(FILE)

test-contract: $(ready) $(nats_server) ## run the contract tests, the breaking gate's own among them
	vitest run --project contract $(TEST_ARGS) $(FILE)

test-e2e: $(ready) $(nats_server) ## run the end-to-end tests: the whole stack as processes
	vitest run --project e2e $(TEST_ARGS) $(FILE)

.PHONY: check
check: lint typecheck imports unused breaking test ## everything CI runs

.PHONY: lint
lint: $(packages) ## check style and format, TypeScript and protobuf
	biome check --error-on-warnings .
	buf lint
	cd packages/kit/fault-proxy/control && buf lint
	buf format --diff --exit-code proto

.PHONY: format
format: $(packages) ## write the house format into every file
	biome check --write .
	buf format --write proto

.PHONY: typecheck
typecheck: $(ready) ## check the types of services, tests and generated code
	tsc --project tsconfig.json

.PHONY: imports
imports: $(packages) ## check who imports whom
	node test/support/import-rules/check.ts

.PHONY: unused
unused: $(ready) ## report unused files, exports and dependencies
	knip

AGAINST := proto/released.binpb

.PHONY: breaking
breaking: $(packages) ## refuse a contract that breaks the released one, or the one AGAINST=<buf input> names
	buf lint
	buf breaking --against '$(AGAINST)'

.PHONY: release-contract
release-contract: $(packages) ## make the present contract the released one, on purpose
	buf lint
	buf build --output proto/released.binpb

.PHONY: generate
generate: $(ready) ## generate code from proto/ where it is out of date

# ---- The kit's command line, and what it tells of this repository's contracts.

.PHONY: kit usage can-i-change
kit: $(ready) ## run the testing kit's command line: ARGS='stub --help'
	@node packages/kit/command-line/main.ts $(ARGS)

usage: $(ready) ## print which methods, fields and enum values each consumer reads
	@node packages/kit/command-line/main.ts usage test/contract/usage $(ARGS)

can-i-change: $(ready) ## tell whom a change of proto/ would break, by consumer and test; AGAINST=<buf input> compares otherwise
	@findings=$$(buf breaking --error-format=json --against '$(AGAINST)') || [ $$? = 100 ]; \
	printf '%s\n' "$$findings" | node packages/kit/command-line/main.ts can-i-change --usage test/contract/usage $(ARGS)

# ---- Proofs that take minutes: not part of `check`.

bench_packages := test/bench/node_modules/.package-lock.json

$(bench_packages): test/bench/package-lock.json | $(node)
	cd test/bench && npm ci --no-audit --no-fund
	@touch $@

.PHONY: bench-kit
bench-kit: $(ready) $(bench_packages) ## measure the kit beside Pact, WireMock and a TCP pipe; ARGS='--check' fails on a ratio that is not as wanted
	@node test/bench/kit/build-kit.ts
	@node test/bench/kit/main.ts $(ARGS)

.PHONY: bench overload
bench: $(ready) $(nats_server) ## measure what the policies round a call cost, with and without them in turns; ARGS='--check' fails at 10 %
	@node test/bench/policies/main.ts $(ARGS)

overload: $(ready) $(nats_server) ## ask for ten times the orders that can be sustained: latency, refusals, memory, invariants; SECONDS=30 ARGS='--help'
	@exec node test/bench/overload/main.ts $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

.PHONY: fault-matrix
fault-matrix: $(ready) $(nats_server) ## place an order under every fault of the fault proxy, on all it needs; ONLY='payment/latency' SEED=... ARGS='--help'
	@exec node test/chaos/fault-matrix/main.ts $(if $(ONLY),--only '$(ONLY)') $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: crash-matrix soak chaos mutants
crash-matrix: $(ready) $(nats_server) ## SIGKILL each service before and after everything it does; SERVICE=... ONLY='...' narrows it
	@exec node test/chaos/crash-matrix/main.ts $(ARGS)

soak: $(ready) $(nats_server) ## load and random SIGKILLs, then every invariant; MINUTES=10 SEED=... SOAK_ARGS='--mode nats-down'
	node test/chaos/soak/main.ts $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(SOAK_ARGS)

chaos: $(ready) $(nats_server) ## break one thing at a time and rule on each experiment; EXPERIMENT=... SEED=... CHAOS_ARGS='--list'
	@exec node test/chaos/experiments/main.ts $(EXPERIMENT) $(if $(SEED),--seed $(SEED)) $(CHAOS_ARGS)

mutants: $(ready) $(nats_server) ## break production code on purpose and want a named test to notice; MUTANT=<part of a name>
	node test/chaos/mutants/main.ts $(MUTANT)

.PHONY: clean
clean: ## remove generated code and local state; packages stay
	@pid=$$(cut -d ' ' -f 1 .data/stack.pid 2>/dev/null || true); \
	if [ -n "$$pid" ] && kill -0 "$$pid" 2>/dev/null; then \
	  echo "The platform is running from .data/ as process $$pid: stop it first." >&2; exit 1; \
	fi
	rm -rf .data gen packages/rpc-server/gen packages/rpc-server/dist packages/kit/dist packages/kit/examples/library/gen packages/kit/examples/weather/gen packages/kit/command-line/gen packages/kit/fault-proxy/control/gen
