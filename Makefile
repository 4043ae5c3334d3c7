# usher's daily work. `make` alone prints this list.
GO      ?= go
TAGS    := disable_grpc_modules
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
DATA    ?= usher-data
SEEDS   ?= 1000
FUZZ    ?= 200s
SLIM    := linux/amd64 linux/arm64 darwin/arm64
TIME    := $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
HOST    := $(shell $(GO) env GOARCH)
SHIP    := $(GO) run -C deploy/ship .

.DEFAULT_GOAL := help
.PHONY: help run demo demo-chaos build build-slim ship ship-binaries ship-test generate picture keycloak test race soak fuzz sim faults bench bench-long lint vet

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: build ## build and start everything, with the sample's users on new data
	@bin/usher up --data $(DATA) --sample samples/users.csv

demo: build ## show the whole way without hands: sample, decisions, messages, summary
	@bin/usher demo

demo-chaos: build ## show what becomes of messages when providers fail in every way
	@bin/usher demo --chaos

build: ## build bin/usher with the servers in it
	@test -x bin/usher || echo "Building usher. The first time this takes some minutes, because Temporal's server is in it."
	@$(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/usher ./cmd/usher

build-slim: ## vet and build bin/slim/ without the servers, for each platform
	@for p in $(SLIM); do \
		export CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/}; \
		echo "slim $$p"; \
		$(GO) vet -tags noembed,$(TAGS) ./cmd/... ./app ./table ./ingest ./bridge ./workflows ./notify ./console ./catcher ./streams ./report ./forget ./doctor ./metrics ./event && \
		$(GO) build -trimpath -tags noembed,$(TAGS) -ldflags '$(LDFLAGS)' -o bin/slim/usher-$$GOOS-$$GOARCH ./cmd/usher || exit 1; \
	done

ship: export CGO_ENABLED = 0
ship: build ship-binaries ## build usher for any machine, and from it dist/: the Debian package and the container images
	$(SHIP) deb -binary $(CURDIR)/bin/usher -arch $(HOST) -version $(VERSION) -time $(TIME) -to $(CURDIR)/dist
	for v in full slim; do \
		$(SHIP) image -variant $$v -amd64 $(CURDIR)/bin/ship/$$v-amd64 -arm64 $(CURDIR)/bin/ship/$$v-arm64 -version $(VERSION) -time $(TIME) -to $(CURDIR)/dist || exit 1; \
	done

ship-binaries: # for the images: with the servers and without, for each architecture
	@for a in amd64 arm64; do \
		export CGO_ENABLED=0 GOOS=linux GOARCH=$$a; \
		echo "usher for $$a"; \
		$(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/ship/full-$$a ./cmd/usher && \
		$(GO) build -trimpath -tags noembed,$(TAGS) -ldflags '$(LDFLAGS)' -o bin/ship/slim-$$a ./cmd/usher || exit 1; \
	done

ship-test: ship ## install the package in a bare Debian and run it under systemd, and the image under runc (needs root, and Debian's mmdebstrap, systemd-container, lintian, runc)
	USHER_BINARY=$(CURDIR)/bin/usher $(GO) test -C deploy/ship -tags heavy -count=1 -timeout 60m -v .

generate: ## write from the code: dashboards, alert rules, deploy/nats/usher.conf, and in docs/ metrics.md, architecture.md, settings.md, the example of usher.yaml and the tables of delivery.md, doctor.md and systems.md
	$(GO) run ./deploy/monitoring/generate
	$(GO) run ./docs/generate
	$(GO) run ./deploy/nats/generate

picture: ## take the README's picture of the console anew (needs Debian's chromium)
	USHER_PICTURE=$(CURDIR)/docs/console.png $(GO) test -count=1 -run TestThePictureOfTheREADME ./console

keycloak: ## sign on by a real Keycloak, as docs/sign-on.md sets it up (needs Debian's openjdk-17-jre-headless and maven, which fetches it once)
	$(GO) test -tags keycloak,noembed,$(TAGS) -count=1 -timeout 20m -v -run 'TestKeycloak$$' ./console

test: ## run every test (under ten minutes once the build cache is warm)
	$(GO) test -tags $(TAGS) -timeout 30m ./...

race: ## run every test but those with Temporal's server under the race detector
	$(GO) test -tags $(TAGS) -race -timeout 30m $$($(GO) list -tags $(TAGS) ./... | grep -v -e '/app/sim$$' -e /app/embedded -e /app/e2e -e /cmd/usher)

soak: ## for longer: kills five times over, chaos over 1,000 users, three NATS nodes in trouble, NATS frozen for two minutes, 100,000 pairs and 300,000 stories in any order, 10,000 seeds, fuzzing, Temporal's server under the race detector
	$(GO) test -tags $(TAGS) -count=5 -timeout 60m -run TestKilled ./app/e2e
	USHER_SOAK_CHAOS=1000 $(GO) test -tags $(TAGS) -timeout 60m -run TestChaos -v ./app/e2e
	USHER_SOAK_CLUSTER=1 $(GO) test -tags $(TAGS) -timeout 30m -run 'TestCluster$$' -v ./app/e2e
	USHER_SOAK_FILES=20000 USHER_SOAK_KILLED_FILES=20 $(GO) test -timeout 60m -run 'Burst|KilledAtRandomPoints' ./ingest
	USHER_SOAK_FREEZE=2m $(GO) test -timeout 60m -parallel 8 -run NATSIsFrozen ./notify
	USHER_SOAK_PAIRS=100000 USHER_SOAK_STORIES=300000 $(GO) test -timeout 60m -run TestAnyOrder ./bridge
	USHER_SOAK_ANYTHING=500 $(GO) test -timeout 60m -run TestAnythingFromOutside ./bridge
	$(MAKE) sim SEEDS=10000
	$(MAKE) fuzz
	$(GO) test -tags $(TAGS) -race -timeout 180m ./app/embedded ./app/e2e

fuzz: ## fuzz each target for FUZZ (200s)
	@for p in table ingest notify; do for f in $$(grep -ho '^func Fuzz[A-Za-z]*' $$p/*_test.go | cut -c6-); do \
		echo "$$p $$f"; $(GO) test -run xxx -fuzz "^$$f$$" -fuzztime $(FUZZ) -fuzzminimizetime 1s ./$$p || exit 1; \
	done; done

sim: ## live SEEDS seeds of the simulation (1000); interrupted, it goes on where it was
	USHER_SIM_SEEDS=$(SEEDS) USHER_SIM_STATE=$(CURDIR)/.sim-next $(GO) test -tags $(TAGS) -count=1 -timeout 12h -run 'TestSeeds$$' -v ./app/sim

faults: ## put each fault of app/sim/faults back: seeds of the simulation must find it
	@app/sim/faults/check.sh

bench: ## figures as ratios from one run
	$(GO) test -run xxx -bench Intake -benchtime 5x ./ingest
	$(GO) test -run xxx -bench PickUp -benchtime 25x ./ingest
	USHER_BACKLOG=1000000 $(GO) test -v -run 'TestBacklog$$' ./bridge
	$(GO) test -run xxx -bench SMTP -benchtime 5x ./notify
	$(GO) test -run xxx -bench Desk -benchtime 20x ./console
	$(GO) test -tags $(TAGS) -run xxx -bench Bridge -benchtime 5x ./app/e2e
	$(GO) test -tags $(TAGS) -run xxx -bench Whole -benchtime 1x ./app/e2e

bench-long: ## the same of the console with a million users
	USHER_BENCH_USERS=1000000 $(GO) test -run xxx -bench Desk -benchtime 20x -timeout 2h ./console

lint: vet ## gofmt, vet, staticcheck, Temporal's workflowcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) tool staticcheck -tags $(TAGS) ./...
	$(GO) tool workflowcheck ./workflows

vet:
	$(GO) vet -tags $(TAGS) ./...
	$(GO) vet -tags keycloak,noembed,$(TAGS) ./console
