# Every target that a person needs; `make help` lists them.
SHELL := /bin/bash
FUZZTIME ?= 10s
# ./... skips folders named testdata, so the test guest is named explicitly.
PACKAGES := ./... $(if $(wildcard testdata/guest/*.go),./testdata/guest)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

.PHONY: wasm
wasm: ## compile the guests into build/
	scripts/build-wasm.sh

.PHONY: test
test: ## run every test that needs nothing but Go
	go test $(PACKAGES)

.PHONY: test-engines
test-engines: ## fetch WasmEdge 0.14 and 0.17, and run the suites on them
	scripts/test-engines.sh

.PHONY: check
check: ## format, vet, build for every target, tidy, race tests, no diff
	scripts/check.sh $(PACKAGES)

.PHONY: demo
demo: ## server, curl and client, on the wazero host and on WasmEdge if it is here
	scripts/demo.sh

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (10s)
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: bench
bench: ## requests per second of server CPU, peers side by side
	bench/run.sh

.PHONY: clean
clean: ## remove build/
	rm -rf build
