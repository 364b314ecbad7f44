# make            what there is
# Everything here needs Go; lint, race and fuzz also gcc; peers and faults say what else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Plain go test says nothing of what it skipped. In the test module nothing is taken from the cache: the go command does not see
# that a test there reads files of the other module.
# What go vet finds, make lint says; go test would look for some of it once more, in each way of compiling.
# Most tests wait for a server, a clock or a lease: four at a time, on two cores, need a third of the time that two need.
GOTEST := go test -vet=off -parallel 4
TESTS := bin/gotestsum --format pkgname -- -vet=off -parallel 4
PROGRAMS := ./services/ingest/cmd/ingest ./services/onec-adapter/cmd/onec-adapter ./services/callbus/cmd/callbus
PLATFORMS ?= linux/amd64 linux/arm64 windows/amd64
FUZZTIME ?= 40000x
FAULTS_SECONDS ?= 180
FAULTS_TOGETHER ?= 1
FAULTS_EXCEPT ?=
FAULTS_LONG ?= 3600s
FARM_SECONDS ?= 60

# Two modules, one workspace: "work" is every package of both. What ships is built and tested without the workspace (GOWORK=off),
# because test/ may raise the versions of what it shares with it.
SHIP := GOWORK=off

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## the office edition with a stand-in 1C, a store of its own and one call played through
	go run ./services/callbus/cmd/callbus up --demo

.PHONY: build
build: ## the three programs for this machine, into bin/
	$(SHIP) CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ $(PROGRAMS)

.PHONY: test
test: bin/gotestsum ## all tests that need only Go and gcc: what ships as it ships, then the test module
	$(SHIP) $(TESTS) ./...
	cd test && CALLBUS_PEERS=skip ../$(TESTS) -count=1 ./...

.PHONY: race
race: ## what ships with the race detector, in random order; and of the test module what has goroutines of its own
	$(GOTEST) -race -shuffle=on ./...
	cd test && $(GOTEST) -race -shuffle=on ./rig/... ./faults/... ./farm/load

.PHONY: peers
peers: ## tests against other people's software (PHP SOAP, xmllint, strace, curl, systemd, Node); what is missing fails
	cd test && CALLBUS_PEERS=require $(GOTEST) ./peers/...

.PHONY: faults
faults: ## kill, freeze, cut off and disturb the programs in every way for FAULTS_SECONDS (180) in all: what was lost?
	cd test && go run ./faults -scenario all -seconds $(FAULTS_SECONDS) -together $(FAULTS_TOGETHER) -except "$(FAULTS_EXCEPT)"

.PHONY: faults-long
faults-long: ## the same for FAULTS_LONG (an hour: 3600s), with new seeds each time; ends with the table of docs/reliability.md
	cd test && go run ./faults -scenario all -long $(FAULTS_LONG)

.PHONY: bench
bench: ## how fast, beside the limit and beside other software, in minutes: writes the tables of docs/performance.md (BENCH='-only ingest': one point)
	cd test && go run ./bench -doc ../docs/performance.md $(BENCH)

# What a hit and a call of 1C cost without network, store and 1C: the request's head, its dialect, numbers, repeats, the event's and the
# ending's encoding, the envelope and its answer. Of another machine only B/op and allocs/op say something.
BENCHED := ./internal/phone ./internal/stream ./services/ingest/internal/dialect ./services/ingest/internal/httpfront ./services/onec-adapter/internal/soap
BENCHES := ^Benchmark(Parse|ParseQuery|RepairHead|Front|Repeats|Encode|Decode|EncodeEnding|Envelope|ReadAnswer)$$
LANDED := test/bench/landed.txt

.PHONY: bench-compare
bench-compare: bin/benchstat ## time and allocations of the code of a hit and a call, against the last landed figures
	@fresh=$$(mktemp); trap 'rm -f "$$fresh"' EXIT; \
	$(SHIP) go test -run '^$$' -bench '$(BENCHES)' -benchmem -benchtime 0.3s -count 6 $(BENCHED) > "$$fresh" || { cat "$$fresh"; exit 1; }; \
	bin/benchstat landed=$(LANDED) now="$$fresh"

.PHONY: bench-land
bench-land: ## keep the figures of now as the landed ones: on the machine whose figures they were, and when it is quiet
	$(SHIP) go test -run '^$$' -bench '$(BENCHES)' -benchmem -benchtime 0.3s -count 6 $(BENCHED) > $(LANDED)

.PHONY: farm
farm: ## 200 simulated phones at 20 times the busy hour's rate for FARM_SECONDS (60): was a hit lost, does memory stay flat?
	cd test && go run ./farm/load -seconds $(FARM_SECONDS)

# A fuzz target runs alone. None found means that this search is broken. Each package is built once for all its targets, and what counts
# new paths is in our own code alone: with go test -fuzz each target is linked anew, and the standard library and a NATS server are
# compiled once more (nine tenths of the time). A number of inputs (a second of them, or five), not a time: at the end of a time a
# target may fail by itself with a bare "context deadline exceeded" (golang/go#75804, mended in Go 1.27).
.PHONY: fuzz
fuzz: ## every Fuzz target of both modules for FUZZTIME (40000x: about five seconds each)
	@targets=$$(grep -rnoE --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]+' internal proto services test | \
		sed -E 's|/[^/]+:[0-9]+:func | |' | sort -u); \
	test -n "$$targets" || { echo 'no Fuzz target found'; exit 1; }; \
	built=$$(mktemp -d); trap 'rm -rf "$$built"' EXIT; \
	go test -c -gcflags='github.com/callbus/callbus/...=-d=libfuzzer' -o "$$built/" $$(sed -E 's|^(.*) .*|./\1|' <<< "$$targets" | sort -u); \
	while read -r dir name; do \
		echo "-- $$dir $$name"; \
		(cd "$$dir" && "$$built/$${dir##*/}.test" -test.run '^$$' -test.fuzz "^$$name\$$" -test.fuzztime $(FUZZTIME) -test.fuzzminimizetime 10x \
			-test.fuzzcachedir "$$(go env GOCACHE)/fuzz/github.com/callbus/callbus/$$dir"); \
	done <<< "$$targets"

.PHONY: lint
lint: bin/staticcheck ## gofmt, go vet (for Windows too) and staticcheck
	@unformatted=$$(gofmt -l internal proto services test); test -z "$$unformatted" || { echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; }
	go vet work
	GOOS=windows go vet work
	bin/staticcheck ./...
	cd test && ../bin/staticcheck ./...

.PHONY: generate
generate: bin/buf ## the Go of proto/, after a change of a .proto
	cd proto && ../bin/buf lint && ../bin/buf generate

.PHONY: check-generated
check-generated: bin/buf ## does the committed Go of proto/ come from the committed .proto?
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	cd proto && ../bin/buf lint && ../bin/buf generate --output "$$fresh"; \
	(cd "$$fresh" && find . -name '*.go' | sort) > "$$fresh/list"; \
	test -s "$$fresh/list" || { echo 'nothing was generated'; exit 1; }; \
	while read -r f; do diff -u "$$f" "$$fresh/$$f"; done < "$$fresh/list"; \
	for f in $$(find . -name '*.pb.go'); do test -f "$$fresh/$$f" || { echo "$$f has no .proto"; exit 1; }; done
	@echo 'proto: generated Go is up to date'

# tools/ is left out: tidy wants what only the tests of the tools import, and not every proxy has that.
.PHONY: tidy-check
tidy-check: ## is each go.mod what go mod tidy would write?
	$(SHIP) go mod tidy -diff
	cd test && $(SHIP) go mod tidy -diff

# A service tested in the workspace with other versions than it ships with has not been tested.
.PHONY: versions-check
versions-check: ## do the services get the same module versions in the workspace as alone?
	@list() { go list -deps -f '{{with .Module}}{{.Path}} {{.Version}}{{end}}' ./services/... | sort -u; }; \
	diff <(GOWORK=off list) <(list) && echo 'versions: the same in the workspace as alone'

.PHONY: dist
dist: ## static binaries for PLATFORMS into dist/, with SHA256SUMS
	rm -rf dist && mkdir dist
	@for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/}; suffix=; [ "$$os" != windows ] || suffix=.exe; \
		for program in $(PROGRAMS); do \
			out=dist/$$(basename "$$program")-$$os-$$arch$$suffix; echo "$$out"; \
			$(SHIP) CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags '$(LDFLAGS)' -o "$$out" "$$program"; \
		done; \
	done
	@cd dist && sha256sum * > SHA256SUMS && cat SHA256SUMS

.PHONY: clean
clean: ## remove bin/ and dist/
	rm -rf bin dist

# Tools live in a module of their own, outside the workspace, so that their dependencies are nobody else's.
bin/staticcheck: tools/go.mod tools/go.sum
	$(SHIP) go build -C tools -o ../bin/staticcheck honnef.co/go/tools/cmd/staticcheck

bin/benchstat: tools/go.mod tools/go.sum
	$(SHIP) go build -C tools -o ../bin/benchstat golang.org/x/perf/cmd/benchstat

bin/gotestsum: tools/go.mod tools/go.sum
	$(SHIP) go build -C tools -o ../bin/gotestsum gotest.tools/gotestsum

bin/buf: tools/go.mod tools/go.sum
	$(SHIP) go build -C tools -o ../bin/buf github.com/bufbuild/buf/cmd/buf
