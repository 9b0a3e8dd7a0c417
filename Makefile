# `make demo` and `make test` do all the set-up they need; every target may be run again.

CARGO ?= cargo
NODE_MODULES := tools/node_modules/.package-lock.json
# nextest runs the test binaries side by side; plain `cargo test` does the same work.
NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)

.PHONY: help setup demo test lint doc unit bench fuzz clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

setup: requirements $(NODE_MODULES) ## Install circom, circomlib, snarkjs, solc and anvil under tools/

.PHONY: requirements
requirements:
	@for tool in $(CARGO) node npm cc; do \
	  command -v $$tool >/dev/null || { echo "make: $$tool is missing: install Rust (rustup.rs), Node.js with npm, and a C compiler" >&2; exit 1; }; \
	done

$(NODE_MODULES): tools/package-lock.json
	cd tools && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# With the feature that the tests need, both share one build of the core.
demo: setup ## A template to a verified proof through the real HTTP server
	$(CARGO) run --locked --quiet --features zkflow-core/conformance --bin zkflow -- demo

test: setup lint doc unit ## Everything that must hold before a change lands

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --quiet -- -D warnings
	$(CARGO) check --locked --package zkflow-core --no-default-features --quiet

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items --quiet

unit: setup
	$(CARGO) test --locked --workspace --doc --quiet
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --locked --workspace --no-fail-fast
else
	$(CARGO) test --locked --workspace --all-targets --no-fail-fast
endif

bench: setup ## The Criterion benches
	$(CARGO) build --locked --release --bin zkflow
	$(CARGO) bench --locked --workspace --bench kernels --bench stages --bench prover --bench witness --bench setup --bench http

fuzz: setup ## Each fuzz target for a minute (needs cargo-fuzz)
	cd fuzz && for target in $$(RUSTC_BOOTSTRAP=1 $(CARGO) fuzz list); do \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=60 || exit 1; \
	done

clean: ## Remove what was built and installed
	$(CARGO) clean
	rm -rf tools/node_modules
