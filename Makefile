SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

FUZZTIME ?= 10s

# Versions of Go besides the one in PATH that guests are built with.
other_go := go1.24.9,go1.25.0,go1.27.0

# Go's ./... leaves out directories named testdata.
packages := ./... ./testdata/guest ./testdata/hostile

# The guests run on wasip1, the host on the others, and every package compiles on all.
foreign := wasip1/wasm darwin/arm64 windows/amd64

tree_state = { [ ! -e .git ] || { git status --porcelain && git diff; }; }

# A target with "## GROUP: text" is in the help. The minutes are those of two quiet cores, with
# empty caches of Go's and of code compiled ahead of time.
.PHONY: help
help: ## build: print this list
	@for group in build test check prove measure release; do \
		printf '\n%s\n' "$${group^}" && \
		sed -nE "s/^([a-z0-9-]+):.*## $$group: (.*)/\1\t\2/p" $(MAKEFILE_LIST) | \
		awk -F '\t' '{ printf "  make %-16s %s\n", $$1, $$2 }'; \
	done

.PHONY: wasm
wasm: ## build: compile the guests into build/; seconds
	@scripts/build-wasm.sh

# What runs inside wasm, and is tested there too.
guests := ./sockabi ./guest/...

# RACE=-race is for the race detector, which needs a C compiler. What the packages of alone do
# is done by one goroutine, by guests, or by other processes. What compiles modules is compiled without
# it, since it would take three times as long, and its goroutines are another project's. Who
# asks for all that has run make check, which vets.
alone := /(stdnet|guest/client|guest/server|internal/docscheck|internal/rewrite|internal/wasm|prove)(/|$$)
unraced := github.com/tetratelabs/wazero/... ./internal/rewrite ./internal/wasm
SHORT := -short
.PHONY: test
test: wasm ## test: run the tests natively and on wazero, without the slow ones; 5 minutes
ifdef RACE
	go test -vet=off $(SHORT) $(RACE) $(unraced:%=-gcflags=%=-race=false) -timeout 60m $$(go list $(packages) | grep -Ev '$(alone)') & racing=$$!; \
	go test -vet=off $(SHORT) -p 1 -timeout 60m $$(go list $(packages) | grep -E '$(alone)') && status=0 || status=$$?; \
	wait $$racing && exit $$status
else
	go test $(SHORT) -timeout 60m $(packages)
endif
	@$(MAKE) --no-print-directory test-guests

# The packages that run inside wasm, on wazero.
.PHONY: test-guests
test-guests:
	go build -buildvcs=false -o build/ ./cmd/go_wasip1_wasm_exec
	PATH=$(CURDIR)/build:$$PATH GOOS=wasip1 GOARCH=wasm go test $(guests)

# The versions of WasmEdge that are tested.
wasmedge_versions := $(shell scripts/get-wasmedge.sh --list)

# WasmEdge's programs are engines of the tests where the environment names them.
.PHONY: test-engines
test-engines: wasm ## test: run all tests, on the programs of WasmEdge too, which it fetches; 19 minutes
	@for version in $(wasmedge_versions); do \
		wasmedge=$$(scripts/get-wasmedge.sh $$version | tail -n1) && \
		export WASISOCK_WASMEDGE_$${version/./}=$$wasmedge || exit 1; \
	done && \
	WASISOCK_GO_VERSIONS=$(other_go) WASISOCK_ENGINES=required $(MAKE) --no-print-directory test SHORT= && \
	for version in $(wasmedge_versions); do \
		variable=WASISOCK_WASMEDGE_$${version/./} && WASMEDGE=$${!variable} GOOS=wasip1 GOARCH=wasm \
		go test -count=1 -p 1 -exec $(CURDIR)/scripts/wasmedge-exec.sh ./guest/socket ./guest/poll || exit 1; \
	done
	@$(MAKE) --no-print-directory test-wasmtime
	cd bench && go test ./...

.PHONY: test-wasmtime
test-wasmtime: ## test: test what embeds wasmtime, without the slow tests; 4 minutes
	go test -count=1 -short -timeout 30m -tags wasmtime ./host/wasmtime ./cmd/internal/engine ./cmd/wasisock/withwasmtime

# Both versions at once: compiling ahead of time takes one core each. CONFORMANCE=-args -all
# runs what an engine is slow at, too.
.PHONY: test-wasmedge
test-wasmedge: ## test: test what embeds WasmEdge, which it fetches; 12 minutes
	@$(MAKE) --no-print-directory -j2 --output-sync=target $(wasmedge_versions:%=test-wasmedge-%)

.PHONY: $(wasmedge_versions:%=test-wasmedge-%)
$(wasmedge_versions:%=test-wasmedge-%): test-wasmedge-%:
	@environment=$$(scripts/get-wasmedge.sh --cgo-env $*) && eval "$$environment" && \
	go vet -tags wasmedge ./host/... ./cmd/wasisock/... && \
	go test -count=1 -timeout 60m -tags wasmedge ./host/wasmedge $(CONFORMANCE) && \
	go test -count=1 -tags wasmedge ./cmd/wasisock/withwasmedge && \
	cd examples/embed-wasmedge && go vet -tags wasmedge ./... && go test -count=1 -tags wasmedge ./...

.PHONY: test-containers
test-containers: ## test: run images of guests with podman, crun, runc and containerd, as root; 6 minutes
	WASISOCK_CONTAINERS=1 go test -count=1 -timeout 30m ./deploy/container

# The API server, kubectl and kube-score are compiled if Go's cache does not have them.
.PHONY: test-kubernetes
test-kubernetes: ## test: check deploy/kubernetes on a real API server, with etcd in PATH; 6 minutes
	WASISOCK_KUBERNETES=api go test -count=1 -timeout 20m -v -run TestManifests ./deploy/cluster

.PHONY: test-all
test-all: ## test: run all tests on every engine, compiled and interpreted
	@$(MAKE) --no-print-directory test-engines
	@$(MAKE) --no-print-directory test-wasmedge CONFORMANCE='-args -all'

.PHONY: check
check: ## check: check format, words, vet, linters, tidiness and builds for every system; 3 minutes
	@mkdir -p build && $(tree_state) >build/tree-before
	@$(MAKE) --no-print-directory -j2 --output-sync=target check-format check-build check-tidy check-static check-style
	@$(tree_state) | diff build/tree-before - || { echo "make check: the steps above changed these files" >&2; exit 1; }

.PHONY: check-format
check-format:
	@unformatted=$$("$$(go env GOROOT)/bin/gofmt" -l .); \
	[ -z "$$unformatted" ] || { printf 'not formatted by gofmt:\n%s\n' "$$unformatted" >&2; exit 1; }

.PHONY: check-style
check-style:
	@echo "docs/style.md" && go test -count=1 -run 'TestStyle|TestBanned|TestNav' ./internal/docscheck

# Modules of their own.
modules := bench prove/libraries
.PHONY: check-build
check-build: check-build-native $(foreign:%=check-build-%) $(modules:%=check-module-%)

.PHONY: $(modules:%=check-module-%)
$(modules:%=check-module-%): check-module-%:
	@echo "vet and build $*" && cd $* && go vet ./... && go build -buildvcs=false -o /dev/null ./...

.PHONY: check-build-native
check-build-native:
	@echo "vet and build native" && go vet $(packages) && go build -buildvcs=false -o /dev/null $(packages)
	@echo "vet with wasmtime" && go vet -tags wasmtime ./host/... ./cmd/...

.PHONY: $(foreign:%=check-build-%)
$(foreign:%=check-build-%): check-build-%:
	@echo "vet and build $*" && export GOOS=$(*D) GOARCH=$(*F) && \
	go vet $(packages) && go build -buildvcs=false -o /dev/null $(packages)

# A tool that go.mod named would raise its go line.
staticcheck := honnef.co/go/tools/cmd/staticcheck@v0.8.2
actionlint := github.com/rhysd/actionlint/cmd/actionlint@v1.7.7
govulncheck := golang.org/x/vuln/cmd/govulncheck@v1.1.4
.PHONY: check-static
check-static:
	@echo "staticcheck" && go run $(staticcheck) $(packages)
	@type -P shellcheck >/dev/null || { echo "make check: no shellcheck in PATH; install Debian's package shellcheck" >&2; exit 1; }
	@echo "shellcheck" && shellcheck .ci/run bench/*.sh scripts/*.sh
	@echo "actionlint" && go run $(actionlint) .github/workflows/*.yml

.PHONY: vuln
vuln: ## check: look up known vulnerabilities at vuln.go.dev; a minute
	go run $(govulncheck) ./...

.PHONY: check-tidy
check-tidy:
	@for dir in . bench prove/libraries prove/xnet examples/embed-wasmedge testdata/foreign/stealthrocket; do (cd $$dir && go mod tidy -diff) || exit 1; done
	@scripts/third-party-licenses.sh | diff THIRD_PARTY_LICENSES - || { echo "THIRD_PARTY_LICENSES is not what scripts/third-party-licenses.sh prints; run it" >&2; exit 1; }

.PHONY: docs-check
docs-check: ## check: check links, commands, code and messages of the docs, and the README; 2 minutes
	go test -count=1 ./internal/docscheck

.PHONY: site
site: ## build: build the static site of docs/ into build/site, by mkdocs, and check its links; seconds
	@type -P mkdocs >/dev/null || { echo "make site: no mkdocs in PATH; install Debian's packages mkdocs and mkdocs-material" >&2; exit 1; }
	mkdocs build -q
	WASISOCK_SITE=$(CURDIR)/build/site go test -count=1 -run TestSite ./internal/docscheck
	@echo "open build/site/index.html, or serve it: mkdocs serve"

.PHONY: demo
demo: wasm ## build: show the server and the client at work; seconds
	@scripts/demo.sh

.PHONY: prove-random
SEEDS ?= 100
prove-random: ## prove: compare SEEDS (100) random Go programs with native code; 10 minutes
	go run ./prove/random -seeds $(SEEDS)

.PHONY: prove-rewrite
prove-rewrite: ## prove: compare rewritten modules with plain ones, on every suite; an hour
	WASISOCK_GO_VERSIONS=$(other_go) go test -count=1 ./internal/rewrite
	go run ./prove/random -seeds $(SEEDS) -rewrite -park 3
	go run ./prove -rewrite

.PHONY: prove-modules
FOR ?= 1m
prove-modules: ## prove: compare random modules between wazero's compiler and interpreter, for FOR (1m)
	go test -count=1 -timeout 0 -run TestRandomModules ./host/wazero/internal/workaround -args -random.for=$(FOR)

.PHONY: test-arm64
test-arm64: ## test: test what wazero compiles for arm64, and link wasmtime, by qemu-aarch64; 2 minutes
	@type -P qemu-aarch64 >/dev/null || { echo "make test-arm64: no qemu-aarch64 in PATH; install Debian's package qemu-user" >&2; exit 1; }
	@type -P aarch64-linux-gnu-gcc >/dev/null || { echo "make test-arm64: no aarch64-linux-gnu-gcc in PATH; install Debian's packages gcc-aarch64-linux-gnu and libc6-dev-arm64-cross" >&2; exit 1; }
	GOARCH=arm64 CGO_ENABLED=0 go test -count=1 -short -exec qemu-aarch64 ./host/wazero/internal/workaround
	GOARCH=arm64 CGO_ENABLED=1 CC=aarch64-linux-gnu-gcc go build -tags wasmtime -o build/wasisock-arm64 ./cmd/wasisock
	qemu-aarch64 -L /usr/aarch64-linux-gnu build/wasisock-arm64 version | grep -q 'wasmtime .*linux/arm64'

.PHONY: prove-cluster
prove-cluster: ## prove: serve on a real Kubernetes with two nodes, as root; 15 minutes
	WASISOCK_KUBERNETES=nodes go test -count=1 -timeout 60m -v -run TestCluster ./deploy/cluster

.PHONY: prove-hpa
prove-hpa: ## prove: scale to 8 replicas and back on a real Kubernetes, as root; 20 minutes
	WASISOCK_KUBERNETES=nodes go test -count=1 -timeout 60m -v -run TestAutoscaling ./deploy/cluster

# The branch prod/testsuite-base of github.com/WebAssembly/wasi-testsuite has the
# programs compiled. Nothing of it is kept here.
.PHONY: wasi-testsuite
wasi-testsuite: ## prove: run the preview 1 programs of a copy of wasi-testsuite: DIR=/path/to/it
	@[ -d "$(DIR)/tests" ] || { echo "make wasi-testsuite: DIR must be a copy of github.com/WebAssembly/wasi-testsuite, branch prod/testsuite-base" >&2; exit 1; }
	WASISOCK_WASI_TESTSUITE=$(abspath $(DIR)) go test -count=1 -v -tags wasmtime ./prove/testsuite

.PHONY: fuzz
fuzz: ## check: run every fuzz target for FUZZTIME (10s); 5 minutes
	@go list -f '{{range .TestGoFiles}}{{$$.Dir}}/{{.}} {{end}}{{range .XTestGoFiles}}{{$$.Dir}}/{{.}} {{end}}' $(packages) | \
	xargs grep -Eo '^func Fuzz\w+' | sed 's,/[^/]*:func , ,' | sort | \
	while read -r package target; do \
		echo "fuzz $${package#$(CURDIR)/} $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package </dev/null || exit 1; \
	done

.PHONY: bench
bench: ## measure: measure servers on every engine and peer, with tables and plots; 45 minutes
	@bench/run.sh
	@bench/run.sh --net-http

# Go's own tests, and those of golang.org/x/net: see prove/README.md.
comma := ,
space := $() $()
wasmedges := $(subst $(space),$(comma),$(wasmedge_versions:%=wasmedge-%))
wasisocks := $(subst $(space),$(comma),$(wasmedge_versions:%=wasisock-wasmedge-%))

.PHONY: prove
prove: ## prove: run Go's suites on every engine, and net with every Go; hours the first time
	go run ./prove -engine wazero,wasmtime,$(wasisocks),$(wasmedges) -aot
	go run ./prove -engine wazero,wasmtime,$(wasisocks),$(wasmedges) -aot -module prove/xnet
	go run ./prove -go $(other_go) net

.PHONY: prove-net
prove-net: ## prove: run the suite of net with every Go and on every engine
	go run ./prove -engine wazero,wasmtime,$(wasisocks),$(wasmedges) net
	go run ./prove -go $(other_go) net

.PHONY: prove-ci
prove-ci: ## prove: run every suite on wazero, and a part on wasmtime and WasmEdge; 10 minutes
	cd prove/xnet && go mod tidy -diff && go vet ./... && GOOS=wasip1 GOARCH=wasm go vet ./...
	go run ./prove -p 2
	go run ./prove -p 2 -engine wasmtime net net/http
	go run ./prove -p 2 -module prove/xnet
	go run ./prove -p 2 -go $(other_go) net
	@if (for version in $(wasmedge_versions); do scripts/get-wasmedge.sh $$version >/dev/null || exit 1; done) || [ "$${WASISOCK_ENGINES:-}" = required ]; then set -x; \
		go run ./prove -p 2 -engine $(wasmedges) -timeout 5m net/textproto net/rpc net/rpc/jsonrpc net/smtp; \
		go run ./prove -p 2 -engine $(wasisocks),$(wasmedges) -timeout 10m -short net; \
		go run ./prove -p 2 -engine $(wasmedges) -timeout 5m -module prove/xnet github.com/wasisock/wasisock/prove/xnet; \
	else echo "make prove-ci: nothing on WasmEdge, which cannot be fetched here; see scripts/get-wasmedge.sh -h" >&2; fi

# WasmEdge runs where WASISOCK_WASMEDGE_014 and _017 name it; PROVE_FLAGS=-short is for a few
# of the libraries there and half of them on wasmtime, and PROVE_FLAGS='-engine wazero' for one engine.
.PHONY: prove-libraries
prove-libraries: ## prove: run third-party libraries as guests, with real servers; 5 minutes
	cd prove/libraries && go test -count=1 -timeout 60m $(PROVE_FLAGS) -v .

# CGO_ENABLED=0 and every system that is named: see .goreleaser.yaml.
goreleaser := github.com/goreleaser/goreleaser/v2@v2.15.1
.PHONY: release
release: ## release: build the files of the tag that is checked out, and draft its release on GitHub
	go run $(goreleaser) release --clean

.PHONY: release-snapshot
release-snapshot: ## release: build the files of a release into dist/, and publish nothing; 10 minutes
	go run $(goreleaser) check
	go run $(goreleaser) release --snapshot --clean

# The module cache has no versions of this module, so SINCE is any commit of this clone.
apidiff := golang.org/x/exp/cmd/apidiff@v0.0.0-20261113113407-e3970619a1a4
.PHONY: api-diff
SINCE ?= $(shell git describe --tags --abbrev=0 2>/dev/null)
api-diff: ## release: list the changes of the public API since SINCE (the last tag); a minute
	@[ -n "$(SINCE)" ] || { echo "make api-diff: there is no tag; name a commit: make api-diff SINCE=COMMIT" >&2; exit 1; }
	@mkdir -p build && before=$$(mktemp -d) && trap 'git worktree remove --force "$$before"' EXIT && \
	git worktree add -q --detach "$$before" $(SINCE) && \
	(cd "$$before" && go run $(apidiff) -m -w $(CURDIR)/build/api-before github.com/wasisock/wasisock) 2>/dev/null && \
	go run $(apidiff) -m -w build/api-now github.com/wasisock/wasisock 2>/dev/null && \
	go run $(apidiff) -m build/api-before build/api-now 2>/dev/null

.PHONY: clean
clean: ## build: remove build/ and dist/
	rm -rf build dist
