# Everything below needs Go alone, but for `race` (a C compiler) and `interop` (Debian's packages, which it installs).
GO ?= go
FUZZTIME ?= 30s
SIM_YEARS ?= 1000000
SBIN = PATH=$$PATH:/usr/sbin:/sbin
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The tests in files of the tag interop, and their packages: all others are those of make test.
INTEROP_FILES = $(shell grep -rlE '^//go:build .*\binterop\b' --include='*_test.go' cmd plugin test)
INTEROP_TESTS = $(shell grep -hoE '^func (Test|Fuzz|Example)[A-Za-z0-9_]*' $(INTEROP_FILES) | cut -d' ' -f2 | sort -u | paste -sd '|')
INTEROP_PACKAGES = $(addprefix ./,$(sort $(dir $(INTEROP_FILES))))

.PHONY: help build test race interop interop-all lab lint bench bench-peers bench-signing bench-changes fuzz proof player mutants soak clean

build: ## bin/coredns and bin/multisigner
	@test -x bin/coredns || echo "The first build takes some minutes: it compiles CoreDNS and all that it uses."
	CGO_ENABLED=0 $(GO) build -o bin/ ./cmd/coredns ./cmd/multisigner

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

test: ## every test that needs Go alone, the end-to-end ones too; and signers that die at failpoints
	$(GO) test ./...
	$(GO) test -tags failpoints -run 'Crashes|ProcessDies|Disk|FrozenZone|LongBefore|WhileNothing|OthersAreAway' ./plugin/multisigner/engine
	$(GO) test -tags failpoints -run CrashesInAlgorithmRollovers ./test/player

# Long stories of groups whose goroutines shorter tests run, too: `test` has them.
LONG = ^(TestLostKeysAreTrustedAnew|TestLostKeysComeBack|TestLostState|TestRestoredBackup|TestTenThousandMembers)$$

race: ## the packages that share memory between goroutines, under the race detector
	$(GO) test -race -skip '$(LONG)' -timeout 30m ./plugin/... ./test/lab/...

interop: ## the tests against other people's validators and servers, which it installs first
	.ci/packages && $(SBIN) $(GO) test -tags interop -parallel 8 -timeout 45m -run '^($(INTEROP_TESTS))$$' $(INTEROP_PACKAGES)

interop-all: ## the same over every size, algorithm and denial
	.ci/packages && $(SBIN) INTEROP=all $(GO) test -tags interop -parallel 4 -timeout 3h -v ./test/...

lab: build ## a parent and two signers to play with, until Ctrl-C
	@bin/multisigner lab $(LAB)

lint: ## gofmt, vet, staticcheck; the bans of docs/ARCHITECTURE.md are tests
	@test -z "$$(gofmt -l cmd plugin test | tee /dev/stderr)"
	$(GO) vet ./... && $(GO) vet -tags interop,failpoints ./... && $(GO) run $(STATICCHECK) -tags interop,failpoints ./...

bench: ## figures, with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-peers: build ## our speed beside Knot's, NSD's, BIND's and CoreDNS's own, into docs/PERFORMANCE.md
	.ci/packages && $(SBIN) $(GO) run ./test/peers -document docs/PERFORMANCE.md $(PEERS)

bench-signing: build ## how fast we sign beside kzonesign and dnssec-signzone, and answer meanwhile beside Knot: printed
	.ci/packages && $(SBIN) $(GO) run ./test/peers -signing -zones hosting-100000,hosting-100000-nsec3,tld-100000 $(PEERS)
	$(SBIN) $(GO) run ./test/peers -meanwhile -zones hosting-100000,tld-100000 $(PEERS)

bench-changes: build ## changes of a signed zone, by UPDATE and from a primary, beside Knot's and BIND's, into docs/PERFORMANCE.md
	.ci/packages && $(SBIN) $(GO) run ./test/peers -changes -zones hosting-100000 -servers knot,bind,ours -rounds 3 -others 0.4 -document docs/PERFORMANCE.md $(PEERS)

fuzz: ## each fuzz target for FUZZTIME
	@$(GO) list ./plugin/... | while read -r p; do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
		$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p || exit 1; done; done

proof: ## thousands of simulated zone-years, every story, rollovers of real processes, and the figures in docs/PROOF.md
	PROOF=$(CURDIR)/docs/PROOF.md SIM_YEARS=$${SIM_YEARS:-5000} $(GO) test -count 1 -timeout 0 -v -run 'Worlds|Stories' ./test/simulation
	.ci/packages && $(SBIN) PROOF=$(CURDIR)/docs/PROOF.md $(GO) test -tags interop -parallel 4 -count 1 -timeout 1h ./test/e2e

player: ## whole engines in virtual time: PLAYER_SEEDS worlds (100), and a death at each passing of each failpoint
	PLAYER_SEEDS=$${PLAYER_SEEDS:-100} CRASHES=all $(GO) test -tags failpoints -count 1 -timeout 0 ./test/player

mutants: ## every rule broken by program, and what catches each: an hour or two, and the figures in docs/PROOF.md
	PROOF=$(CURDIR)/docs/PROOF.md SIM_MUTANTS=all SIM_MUTANT_WORLDS=$${SIM_MUTANT_WORLDS:-4000} SIM_MUTANT_TRIES=$${SIM_MUTANT_TRIES:-400} SIM_RECORD=1 $(GO) test -count 1 -timeout 0 -v -run 'TestMutants$$' ./test/simulation
	PROOF=$(CURDIR)/docs/PROOF.md SIM_SEAM=all SIM_RECORD=1 $(GO) test -count 1 -timeout 0 -v -run 'TestSeamMutants$$' ./test/simulation

soak: ## a million simulated zone-years, every mutation, and the figures in docs/PROOF.md; a death at every failpoint
	PROOF=$(CURDIR)/docs/PROOF.md SIM_YEARS=$(SIM_YEARS) SIM_MUTATIONS=all SIM_RECORD=1 $(GO) test -count 1 -timeout 0 -v ./test/simulation
	CRASHES=all $(GO) test -tags failpoints -timeout 0 -v -run Crashes ./plugin/multisigner/engine

clean: ## what the others made
	rm -rf bin lab
