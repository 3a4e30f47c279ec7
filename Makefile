# Every target works on a fresh machine: it installs the tools that it needs beyond Go, and says so.
.DEFAULT_GOAL := help

BUF_VERSION := 1.75.0
BUF         := .tools/node_modules/.bin/buf
GRPCURL     := .tools/bin/grpcurl
GRPCURL_VERSION := v1.9.3
TOOL        := go tool -modfile=tools/go.mod
# Version, revision and time of the sources, which the linker writes into the program: the record
# that the go command makes by itself depends on GOFLAGS.
STAMP        = $(shell packaging/stamp)
BUILDINFO   := github.com/torrentcache/torrentcache/internal/buildinfo
LDFLAGS      = -X $(BUILDINFO).version=$(word 1,$(STAMP)) -X $(BUILDINFO).revision=$(word 2,$(STAMP))
# Code that is tested without the race detector is compiled in one way, as the program is and as lint
# and end-to-end tests need it. So it is compiled once.
CGO_ENABLED ?= 0
GOFLAGS     ?= -trimpath
export CGO_ENABLED GOFLAGS
# The race detector slows tests and needs cgo; RACE= turns it off.
RACE        ?= -race
RACE_CGO     = $(if $(RACE),CGO_ENABLED=1)
PREFIX      ?= /usr/local
# go test, which after two minutes tells that a test hangs, with the stacks of all goroutines; of
# end-to-end tests after five, since on a new machine some compile a program first. The time-out of
# go test itself is for all tests of a package together.
HANG        := $(CURDIR)/.tools/bin/hang
UNIT_TEST   := $(HANG) -- -timeout 30m -vet=off
E2E_TEST    := $(HANG) -quiet 5m -- -timeout 30m -tags e2e -count=1

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the static binary bin/torrentcache
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/torrentcache ./cmd/torrentcache

.PHONY: resolver
resolver: ## build the static binary bin/torrentcache-resolver, of the module in resolver/
	cd resolver && CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o ../bin/torrentcache-resolver ./cmd/torrentcache-resolver

.PHONY: test
test: ## everything: install, lint, generated code, unit and end-to-end tests (11 to 16 minutes on two cores, twice that on a new machine)
	@test/install-prerequisites
	@$(MAKE) --no-print-directory lint generated unit e2e

# Half of the time tests wait: four packages at a time. lint has vetted them. build compiles the
# packages that the tests of cmd/torrentcache link.
.PHONY: unit
unit: $(HANG) build ## unit tests, with Go and a C compiler alone
	$(RACE_CGO) $(UNIT_TEST) -p 4 $(RACE) ./...
	@# Crashes and faults of one goroutine the race detector passes over: see store/diskstore/raced_test.go.
	test -z '$(RACE)' || $(UNIT_TEST) ./store/diskstore
	cd resolver && $(RACE_CGO) $(UNIT_TEST) $(RACE) ./...

# End-to-end tests mostly wait, for processes and for time-outs: four at a time.
.PHONY: e2e
e2e: build resolver $(GRPCURL) $(HANG) ## end-to-end tests: the real binary, real clients (run test/install-prerequisites first)
	@$(MAKE) --no-print-directory e2e-beside & beside=$$!; \
	  $(E2E_TEST) -parallel 4 -skip '^TestBucket$$' ./test; others=$$?; wait $$beside && exit $$others

# Tests that mostly wait, such as for outages of the bucket, and those of small modules run beside the
# others.
.PHONY: e2e-beside
e2e-beside: $(HANG)
	$(E2E_TEST) -run '^TestBucket$$' ./test
	$(E2E_TEST) -run PowerCut ./store/diskstore
	cd test/metainfodiff && $(E2E_TEST) ./...
	cd test/openapi && $(E2E_TEST) ./...
	cd test/histories && $(E2E_TEST) ./...

.PHONY: lint
lint: $(BUF) ## gofmt, go vet, staticcheck, unparam, deadcode, buf lint, buf breaking
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'gofmt would change:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet -tags e2e ./...
	$(TOOL) staticcheck ./...
	cd resolver && go vet ./... && go tool -modfile=../tools/go.mod staticcheck ./...
	cd tools && go vet ./... && go tool staticcheck ./...
	$(TOOL) unparam ./...
	@# An example without output is compiled and never run: to deadcode it is dead.
	@dead=$$($(TOOL) deadcode -test -tags e2e ./... | grep -v 'func: Example'); test -z "$$dead" || { echo "$$dead"; exit 1; }
	$(BUF) lint
	$(BUF) breaking --against proto/baseline.binpb

.PHONY: vuln
vuln: ## look up known vulnerabilities of what the program calls (govulncheck; needs the network)
	.ci/vuln

.PHONY: generate
generate: $(BUF) ## regenerate gen/ from proto/, the YAML of gateway/ and the WSDL
	$(BUF) generate
	go -C tools run ./openapi -in $(CURDIR)/.tools/openapi/torrentcache.swagger.json -overlay $(CURDIR)/gateway/openapi.yaml -out $(CURDIR)/gen/openapi/openapi.json
	$(TOOL) gowsdl -d gen/soap -p cachesoap -o cache.go soapcompat/cache.wsdl

.PHONY: generated
generated: ## fail if gen/ is not what generate makes
	@before=$$(mktemp -d) && cp -R gen "$$before/gen" && $(MAKE) --no-print-directory generate && \
	  { diff -r "$$before/gen" gen && rm -r "$$before" || { echo 'gen/ was stale: commit what make generate made'; rm -r "$$before"; exit 1; }; }

.PHONY: baseline
baseline: $(BUF) ## accept today's proto/ as what buf breaking compares with (on purpose only)
	$(BUF) build -o proto/baseline.binpb

.PHONY: bench
bench: ## measure against the peers, side by side; prints Markdown (half an hour; Debian: nginx-light, wrk, curl, and the packages of test/s3-engine)
	go run ./bench/metainfo
	go run ./bench/store
	go run ./bench/tier
	go run ./bench/s3
	go run ./bench/rpc
	go run ./bench/downloads
	go run ./bench/bulk
	go run ./bench/removals
	go run ./bench/deny
	go run ./bench/upstreams

.PHONY: check
check: unit ## the tests that need Go and a C compiler alone; for packagers

.PHONY: install
install: build ## install the program, manual pages and completions (DESTDIR=, PREFIX=/usr/local)
	@rm -rf bin/package-files
	GOOS= GOARCH= CGO_ENABLED=0 SOURCE_DATE_EPOCH=$(word 3,$(STAMP)) go run -trimpath -ldflags '$(LDFLAGS)' ./cmd/torrentcache package-files bin/package-files
	install -d $(DESTDIR)$(PREFIX)/bin $(addprefix $(DESTDIR)$(PREFIX)/share/,man/man1 bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	install -m 0755 bin/torrentcache $(DESTDIR)$(PREFIX)/bin/torrentcache
	install -m 0644 bin/package-files/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 0644 bin/package-files/completions/torrentcache.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/torrentcache
	install -m 0644 bin/package-files/completions/_torrentcache $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_torrentcache
	install -m 0644 bin/package-files/completions/torrentcache.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/torrentcache.fish

.PHONY: dist
dist: ## make a release in dist/: archives, Debian packages, images, sources, checksums (docs/releasing.md)
	go -C tools run ./dist -out $(CURDIR)/dist -stamp '$(STAMP)'

.PHONY: vendor-tarball
vendor-tarball: ## make the archive of the sources that builds without the network, in dist/
	go -C tools run ./dist -out $(CURDIR)/dist -kinds source -stamp '$(STAMP)'

# The npm package carries the prebuilt binary; from source buf takes minutes.
$(BUF):
	@echo 'installing buf $(BUF_VERSION) from npm into .tools/ (seconds)'
	npm install --silent --no-fund --no-audit --ignore-scripts --no-save --prefix .tools @bufbuild/buf@$(BUF_VERSION)

$(HANG): $(wildcard test/hang/*.go)
	@go build -o $@ ./test/hang

$(GRPCURL):
	@echo 'building grpcurl $(GRPCURL_VERSION) into .tools/ (half a minute)'
	GOBIN=$(CURDIR)/.tools/bin go install github.com/fullstorydev/grpcurl/cmd/grpcurl@$(GRPCURL_VERSION)
