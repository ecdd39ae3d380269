# The commands of Touchstone; `make help` lists them. A target first does the set-up that it needs: Node, packages, nats-server,
# generated code. FILE=<path> runs one test file; TEST_ARGS='...' is passed to vitest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# ---- Tools: Node 24.17 or later, and nats-server. Missing ones are installed into .tools/, never into the system.

node_version := $(shell cat .nvmrc)
path_with_tools := $(CURDIR)/.tools/bin:$(PATH):/usr/local/sbin:/usr/sbin

has_node := $(shell node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 24 || (+a === 24 && +b >= 17) ? 0 : 1)' 2>/dev/null && echo yes)
ifneq ($(has_node),yes)
node := .tools/node_modules/node/bin/node
path_with_tools := $(CURDIR)/.tools/node_modules/node/bin:$(path_with_tools)
endif

nats_server := $(or $(shell PATH='$(path_with_tools)' command -v nats-server),.tools/bin/nats-server)

export PATH := $(CURDIR)/node_modules/.bin:$(path_with_tools)

# This export condition selects the TypeScript sources of the two packages; without it, Node looks for their built files.
export NODE_OPTIONS += --conditions=@touchstone/source

# Compiled modules are kept: Node starts in half the time.
export NODE_COMPILE_CACHE := $(CURDIR)/.tools/compile-cache

# ---- Set-up: each step has a file whose date tells make whether the step is due.

packages := node_modules/.package-lock.json
generated := gen/.generated gen/local/.generated packages/rpc-server/gen/.generated packages/kit/examples/library/gen/.generated packages/kit/examples/weather/gen/.generated packages/kit/command-line/gen/.generated packages/kit/fault-proxy/control/gen/.generated packages/kit/control/gen/.generated
ready := $(packages) $(generated)

.tools/node_modules/node/bin/node:
	npm install --prefix .tools --no-save --no-package-lock --no-audit --no-fund node@$(node_version)
	@echo "using Node $$($@ --version) in .tools/"

$(packages): package-lock.json | $(node)
	npm ci --no-audit --no-fund
	@touch $@

.tools/bin/nats-server:
	local/nats/install-nats-server.sh $@

.tools/nats-current/nats-server:
	local/nats/install-nats-server.sh $@ current

gen/.generated: buf.gen.yaml buf.yaml $(shell find proto third_party -name '*.proto' -o -type d) $(packages)
	buf generate
	@touch $@

# After the platform's contracts, whose generation empties the folder.
gen/local/.generated: local/control/buf.gen.yaml $(shell find local/control/proto -name '*.proto') gen/.generated
	cd local/control && buf generate
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

packages/kit/control/gen/.generated: packages/kit/control/buf.gen.yaml $(shell find packages/kit/control/proto -name '*.proto') $(packages)
	cd packages/kit/control && buf generate
	@touch $@

# ---- Targets. `make help` prints each `##@` line as a group and each `##` comment as the description of its target.

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Run

page := services/console/page/dist/.built

$(page): $(shell find services/console/page -type f -not -path '*/dist/*') $(ready)
	@vite build services/console/page --logLevel error
	@touch $@

.PHONY: run console-page order traffic verify dead-letters token provision clean
run: $(ready) $(nats_server) $(page) ## start the platform on this machine; Ctrl-C stops it; REPLICAS=2 starts two of each service
	@exec node --max-semi-space-size=2 local/stack/main.ts

console-page: $(page) ## build the console's page; `make run` does it when its sources have changed

order: $(ready) ## place a sample order on the running platform and watch it; options: ARGS='--help'
	@node local/commands/order.ts $(ARGS)

traffic: $(ready) ## send a steady load of mixed orders to the running platform: RATE=5 orders a second, RATE=0 ends it
	@node local/commands/traffic.ts $${RATE:+--rate "$$RATE"} $(ARGS)

verify: $(ready) ## check the invariants of the running platform: no order lost, none charged twice, no stock oversold
	@node test/support/verify.ts $(ARGS)

dead-letters: $(ready) ## list the events that a service failed to apply; REPLAY=<id> or DISCARD=<id> handles one
	@node local/commands/dead-letters.ts $${REPLAY:+--replay "$$REPLAY"} $${DISCARD:+--discard "$$DISCARD"} \
	  $${SERVICE:+--service "$$SERVICE"}

token: $(ready) ## print a token for calling the running platform: ROLE=operator, customer or monitor; SUBJECT=<name> HOURS=<1-24>
	@node local/commands/token.ts $${ROLE:+--role "$$ROLE"} $${SUBJECT:+--subject "$$SUBJECT"} $${HOURS:+--hours "$$HOURS"} $(ARGS)

provision: $(packages) ## create and update the streams and consumers of a broker that `make run` does not start; PROVISION_NATS_URL=...
	@node services/provisioning/main.ts

clean: ## remove generated code and the platform's data (.data/); keep installed packages
	@pid=$$(cut -d ' ' -f 1 .data/stack.pid 2>/dev/null || true); \
	if [ -n "$$pid" ] && kill -0 "$$pid" 2>/dev/null; then \
	  echo "The platform is running from .data/ as process $$pid: stop it first." >&2; exit 1; \
	fi
	rm -rf .data services/console/page/dist $(generated:/.generated=) packages/rpc-server/dist packages/kit/dist

##@ Test

.PHONY: test test-unit test-integration test-contract test-e2e test-slow test-repeat seed-map nats-current screenshots console-figures
test: $(ready) $(nats_server) ## run all tests; FILE=<path> runs one file, TEST_ARGS='...' is passed to vitest
	vitest run $(TEST_ARGS) $(FILE)

test-unit: $(ready) ## run the unit tests: no sockets, no file writes
	vitest run --project unit $(TEST_ARGS) $(FILE)

test-integration: $(ready) $(nats_server) ## run the integration tests: one service with a real Postgres and nats-server
	vitest run --project integration $(TEST_ARGS) $(FILE)

test-contract: $(ready) $(nats_server) ## run the contract tests between services
	vitest run --project contract $(TEST_ARGS) $(FILE)

test-e2e: $(ready) $(nats_server) ## run the end-to-end tests: the whole platform as processes
	vitest run --project e2e $(TEST_ARGS) $(FILE)

test-repeat: $(ready) $(nats_server) ## run tests N=20 times in random order, every second time beside a busy core; FILE, PROJECT, TEST_ARGS, SEED
	@exec node test/support/repeat/main.ts --runs='$(or $(N),20)' $(if $(SEED),--seed='$(SEED)') -- $(if $(PROJECT),--project $(PROJECT)) $(TEST_ARGS) $(FILE)

nats-current: .tools/nats-current/nats-server ## install a current nats-server for the tests of permissions, which run on it too; needs Go

test-slow: $(ready) $(nats_server) ## run the tests that take minutes or download packages: clusters, the image, the packed kit, its oldest and newest peers, bench-peers
	SLOW_TESTS=on vitest run --project e2e test/e2e/cluster test/e2e/kit-peers.test.ts test/e2e/kit-package.test.ts \
	  test/e2e/kit/foreign-domain.test.ts test/e2e/bench-peers.test.ts test/e2e/deploy $(TEST_ARGS)

seed-map: $(ready) $(nats_server) ## run the tests tagged with a section of the testing guide, and print which test proves which section
	@SEED_MAP=1 vitest run --tags-filter 'seed-*' $(TEST_ARGS) $(shell grep -rl "tags: 'seed-" test --include='*.test.ts')

screenshots: $(ready) ## keep a picture of each view of the running platform's console in docs/images; needs Chromium
	@node test/support/browser/screenshots.ts

console-figures: $(ready) ## measure the running platform's console: time to interactive, size, memory; needs Chromium
	@node test/support/browser/figures.ts

##@ Check

.PHONY: check lint format typecheck imports unused packages
check: lint typecheck imports unused packages breaking test ## run everything that CI runs

lint: $(ready) ## check style and format of TypeScript and protobuf, the vocabulary, and that each method declares its access
	biome check --error-on-warnings .
	node test/support/vocabulary/check.ts
	node test/support/identity/check-access.ts
	buf lint
	cd packages/kit/fault-proxy/control && buf lint
	cd packages/kit/control && buf lint
	cd local/control && buf lint
	buf format --diff --exit-code proto

format: $(packages) ## format every file
	biome check --write .
	buf format --write proto

typecheck: $(ready) ## check the types of services, packages, tests and generated code
	tsc --project tsconfig.json
	tsc --project services/console/page/tsconfig.json

imports: $(packages) ## check the import rules between areas, layers and folders
	node test/support/import-rules/check.ts

unused: $(ready) ## report unused files, exports and dependencies
	knip

packages: $(ready) ## check that both packages can be published, and their API is the one in api.txt; ARGS=--write writes it
	@node test/support/packages/check.ts $(ARGS)

##@ Contracts

AGAINST := proto/released.binpb

.PHONY: generate breaking release-contract usage can-i-change
generate: $(ready) ## generate code from proto/ where it is out of date

breaking: $(packages) ## fail when proto/ breaks the released contract, or the one at AGAINST=<buf input>
	buf lint
	buf breaking proto --against '$(AGAINST)'

release-contract: $(packages) ## make the current contract the released one
	buf lint
	buf build proto --output proto/released.binpb

usage: $(ready) ## print the methods, fields and enum values that each consumer uses
	@node packages/kit/command-line/main.ts usage test/contract/usage $(ARGS)

can-i-change: $(ready) ## list the consumers and tests that a change of proto/ breaks; AGAINST=<buf input> compares with another contract
	@findings=$$(buf breaking proto --error-format=json --against '$(AGAINST)') || [ $$? = 100 ]; \
	printf '%s\n' "$$findings" | node packages/kit/command-line/main.ts can-i-change --usage test/contract/usage $(ARGS)

##@ Kit

bench_packages := test/bench/node_modules/.package-lock.json

# No package needs its install script; one would report the install.
$(bench_packages): test/bench/package-lock.json | $(node)
	cd test/bench && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: kit bench-kit
kit: $(ready) ## run the testing kit's command line, for example ARGS='stub --help'
	@node packages/kit/command-line/main.ts $(ARGS)

bench-kit: $(ready) $(bench_packages) ## compare the kit's speed with Pact, WireMock and a TCP pipe; ARGS='--check' fails on a bad ratio
	@node test/bench/kit/build-kit.ts
	@node test/bench/kit/main.ts $(ARGS)

##@ Proofs (they take minutes; `make check` does not run them)

.PHONY: abuse fuzz bench bench-peers bench-growth bench-policies bench-rpc conformance overload fault-matrix crash-matrix soak chaos mutants mutation
abuse: $(ready) $(nats_server) ## attack the platform's order service and check that honest orders hardly notice; ONLY='stalled' ARGS='--help'
	@exec node test/abuse/main.ts $(if $(ONLY),--only '$(ONLY)') $(ARGS)

fuzz: $(ready) $(nats_server) ## run `kit fuzz` against each service of a platform of its own, and events against each consumer; ONLY='order' SEED=... ARGS='--help'
	@exec node test/fuzz/main.ts $(if $(ONLY),--only '$(ONLY)') $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: $(ready) $(nats_server) ## measure what an order costs; BASELINE=<checkout> compares with another commit; ARGS='--help'
	@exec node test/bench/orders/main.ts $(if $(BASELINE),--baseline '$(BASELINE)') $(ARGS)

# Where the peers cannot be installed, the command says so and ends with 2.
bench-peers: $(ready) $(nats_server) ## measure orders here and with Restate, DBOS and a plain loop, in turns, in 10 minutes; ARGS='--help'
	@$(MAKE) $(bench_packages) >&2 || true
	@exec node test/bench/peers/main.ts $(ARGS)

bench-growth: $(ready) $(nats_server) ## measure whether more stored orders make an order or the idle platform cost more; ARGS='--help'
	@exec node test/bench/growth/main.ts $(ARGS)

.PHONY: profile
profile: $(ready) $(nats_server) ## show where a process spends its time under load as a flame graph; SERVICE=order; ARGS='--help'
	@exec node test/bench/profile/main.ts $(if $(SERVICE),--service '$(SERVICE)') $(ARGS)

bench-policies: $(ready) $(nats_server) ## measure the cost of the call policies, with and without them; ARGS='--check' fails at 10 %
	@node test/bench/policies/main.ts $(ARGS)

bench-rpc: $(ready) ## measure what a call between services costs on the thin path and on Connect's; ARGS='--check' fails when it does not pay
	@exec node test/bench/rpc/main.ts $(ARGS)

conformance: $(ready) ## run Connect's conformance suite (Go) against rpc-server and the fault proxy; ONLY='Basic/**'
	@exec node test/conformance/main.ts $(if $(ONLY),--only '$(ONLY)') $(ARGS)

overload: $(ready) $(nats_server) ## send ten times the sustainable order rate, measure latency and check the invariants; SECONDS=30 ARGS='--help'
	@exec node test/bench/overload/main.ts $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

fault-matrix: $(ready) $(nats_server) ## place an order under every fault on every dependency; ONLY='payment/latency' SEED=... ARGS='--help'
	@exec node test/chaos/fault-matrix/main.ts $(if $(ONLY),--only '$(ONLY)') $(if $(SEED),--seed $(SEED)) $(ARGS)

crash-matrix: $(ready) $(nats_server) ## SIGKILL each service before and after each of its effects; SERVICE=... ONLY='...' selects
	@exec node test/chaos/crash-matrix/main.ts $(ARGS)

.PHONY: cluster-test
cluster-test: $(ready) $(nats_server) ## kill each broker, database server and replica of a cluster under load, then check the invariants; ARGS='--help'
	@exec node test/chaos/cluster/main.ts $(ARGS)

soak: $(ready) $(nats_server) ## run load with random SIGKILLs, then check the invariants; MINUTES=10 SEED=... SOAK_ARGS='--mode nats-down'
	node test/chaos/soak/main.ts $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(SOAK_ARGS)

chaos: $(ready) $(nats_server) ## run the chaos experiments, one fault at a time; EXPERIMENT=... SEED=... CHAOS_ARGS='--list'
	@exec node test/chaos/experiments/main.ts $(EXPERIMENT) $(if $(SEED),--seed $(SEED)) $(CHAOS_ARGS)

mutants: $(ready) $(nats_server) ## break production code on purpose and expect a named test to fail; MUTANT=<part of a name>
	node test/chaos/mutants/main.ts $(MUTANT)

mutation: $(ready) ## mutate every expression of the core logic and run its unit tests; GROUP=matcher ARGS='--force --concurrency 1'
	@node test/mutation/main.ts $(GROUP) $(ARGS)
