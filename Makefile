# usher's daily work. `make` alone prints this list.
GO      ?= go
TAGS    := disable_grpc_modules
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help run demo build build-slim test soak bench lint vet verify vulncheck

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

test: ## run every test (under ten minutes once the build cache is warm)
	$(GO) test -tags $(TAGS) ./...

lint: vet ## vet, staticcheck, Temporal's workflowcheck, gofmt
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) tool staticcheck -tags $(TAGS) ./...
	$(GO) tool workflowcheck ./workflows

vet:
	$(GO) vet -tags $(TAGS) ./...
