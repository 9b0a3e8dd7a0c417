# `make demo` and `make test` run their own set-up; every target can be repeated.
# .cargo/config.toml sets the paths of the tools installed here.

CARGO ?= cargo
CHAOS_LOG := $(or $(CARGO_TARGET_DIR),target)/chaos.log
NODE_MODULES := tools/node_modules/.package-lock.json
DASHBOARD_MODULES := dashboard/node_modules/.package-lock.json
COMPAT_MODULES := compat/node_modules/.package-lock.json
PYTHON_TOOLS := tools/.venv/.installed
CARGO_PUBLIC_API := 0.52.0
# nextest runs the test binaries in parallel; plain `cargo test` runs the same tests.
NEXTEST := $(shell $(CARGO) nextest --version >/dev/null 2>&1 && echo yes)
# Three tests at a time on two processors: a third of the time, tests wait for processes and for limits.
TEST_THREADS := $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))

.PHONY: help setup demo test lint doc unit dashboard screenshots package api chaos radosgw compat cuda cuda-check schemathesis solc differences proofs aarch64 large bench fuzz clean

help: ## This list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST)

setup: requirements python packages $(NODE_MODULES) $(DASHBOARD_MODULES) $(COMPAT_MODULES) $(PYTHON_TOOLS) ## Install redis-server, promtool, chromium, curl and jq, circom, circomlib, snarkjs, solc, anvil, TypeScript, Node 18, SecantusDB and schemathesis under tools/, and the packages of dashboard/ and compat/

.PHONY: requirements python packages
requirements:
	@for tool in $(CARGO) node npm cc; do \
	  command -v $$tool >/dev/null || { echo "make: $$tool is missing: install Rust (rustup.rs), Node.js with npm, and a C compiler" >&2; exit 1; }; \
	done

python:
	@command -v python3 >/dev/null || { echo "make: python3 is missing: install Python 3.11 with venv" >&2; exit 1; }

# The tests start their own servers. RUNLEVEL=1 prevents Debian from starting any on installation. promtool is a part of
# Debian's package prometheus. The tests of the dashboard use Chromium, those of zkflow-cuda a C++ compiler, those of the pages' commands curl and jq.
packages:
	@{ command -v redis-server && command -v promtool && command -v chromium && command -v c++ && command -v curl && command -v jq; } >/dev/null || { \
	  echo "make: installing redis-server, prometheus, chromium, g++, curl and jq with apt-get" >&2; \
	  as_root=$$([ "$$(id -u)" = 0 ] || command -v sudo) || true; \
	  { $$as_root apt-get update -qq && $$as_root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server prometheus chromium g++ curl jq >&2; } || { \
	    echo "make: redis-server, promtool, chromium, c++, curl or jq is missing and could not be installed: as root, apt-get install redis-server prometheus chromium g++ curl jq" >&2; exit 1; }; \
	}

$(NODE_MODULES): tools/package-lock.json
	cd tools && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(DASHBOARD_MODULES): dashboard/package-lock.json
	cd dashboard && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# compat/.npmrc: no script of a package is run.
$(COMPAT_MODULES): compat/package-lock.json
	cd compat && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(PYTHON_TOOLS): tools/requirements.txt
	python3 -m venv --clear tools/.venv
	tools/.venv/bin/pip install --quiet --disable-pip-version-check --requirement tools/requirements.txt
	@touch $@

# Without Redis, MongoDB, S3, `zkflow setup` and `zkflow bench`, in a profile that builds fast.
DEMO := --locked --profile demo --package zkflow-cli --no-default-features --features server,evm
demo: requirements $(NODE_MODULES) ## A template to a verified proof through the real HTTP server
	@echo "make: the first build takes 10 to 15 minutes on 2 cores, later ones a few seconds"
	$(CARGO) build $(DEMO)
	$(CARGO) run $(DEMO) --quiet -- demo

test: setup lint doc unit ## Every check a change must pass

lint: python $(PYTHON_TOOLS)
	$(CARGO) fmt --all --check
	python3 tools/structure.py
	tools/.venv/bin/python deploy/policy.py
	tools/.venv/bin/python deploy/policy_test.py --quiet
	$(CARGO) clippy --locked --workspace --all-targets --features zkflow-cli/cuda --quiet -- -D warnings
	$(CARGO) clippy --locked -p zkflow-groth16 --no-default-features --quiet -- -D warnings
	$(CARGO) check --locked --package zkflow-core --no-default-features --quiet
	$(CARGO) check --locked --package zkflow-server --no-default-features --quiet
	$(CARGO) check --locked --package zkflow-cli --no-default-features --quiet

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --document-private-items --quiet

unit: setup
	$(CARGO) test --locked --workspace --doc --quiet
ifeq ($(NEXTEST),yes)
	$(CARGO) nextest run --locked --workspace --no-fail-fast --test-threads $(TEST_THREADS)
else
	$(CARGO) test --locked --workspace --all-targets --no-fail-fast
endif

dashboard: requirements $(DASHBOARD_MODULES) ## Build the files of the dashboard that the server embeds
	cd dashboard && npm run --silent build

screenshots: setup ## Write the pictures of docs/dashboard/ again
	$(CARGO) test --locked --workspace --test dashboard -- --ignored screenshots --nocapture

package: ## Build every crate from its package, as for publication
	$(CARGO) publish --locked --dry-run --workspace --exclude zkflow-testbed

api: ## Compare the public API of each crate with tools/api (UPDATE=--update accepts a change)
	@command -v cargo-public-api >/dev/null || $(CARGO) install --locked cargo-public-api@$(CARGO_PUBLIC_API)
	python3 tools/api.py $(UPDATE)

chaos: setup ## Kills, outages, maintenance and hostile clients at full length, with a table of the results
	@mkdir -p $(dir $(CHAOS_LOG))
	{ $(CARGO) test --locked --workspace --test chaos --test processes --test hostile -- --include-ignored --nocapture --test-threads 1; \
	  echo $$? > $(CHAOS_LOG).status; } 2>&1 | tee $(CHAOS_LOG)
	@echo; echo '| fault | result |'; echo '|---|---|'; grep -o '| .* |$$' $(CHAOS_LOG); \
	exit $$(cat $(CHAOS_LOG).status)

# `make test` uses s3s-fs instead.
radosgw: setup ## The tests of S3 on radosgw, Ceph's server, which is installed from Debian's packages (minutes)
	testbed/radosgw.sh sh -c '$(CARGO) test --locked --workspace --no-fail-fast --test conformance --test s3 --test outages --test backends -- --test-threads 2 \
	  && $(CARGO) test --locked --workspace --test chaos -- --test-threads 1'

schemathesis: setup ## Judges a running server by its description, with 40 times as many examples as `make test`
	ZKFLOW_SCHEMATHESIS_EXAMPLES=200 $(CARGO) test --locked --workspace --test clients -- judges --nocapture

solc: setup ## Compares generated contracts with the compiler's: every number of signals, thousands of keys (minutes)
	$(CARGO) test --locked --workspace --test code -- --include-ignored --nocapture

# `make test` runs the short rows of the table.
RELEASE := $(abspath $(or $(CARGO_TARGET_DIR),target))/release/zkflow
compat: setup ## The tests of circomlib, and a table of public circuits, with zkflow in place of circom and snarkjs (half an hour)
	$(CARGO) build --locked --release --package zkflow-cli --no-default-features --bin zkflow
	ZKFLOW=$(RELEASE) ZKFLOW_TOOLS=$(CURDIR)/tools compat/node_modules/.bin/mocha \
	  --timeout 900000 --require ./compat/circomlib/in_place.cjs 'compat/node_modules/circomlib/test/*.js'
	ZKFLOW=$(RELEASE) ZKFLOW_TOOLS=$(CURDIR)/tools python3 compat/circuits/table.py

SECONDS := 900
differences: setup ## Random circuits compiled by circom and zkflow, with witnesses by tape, module and snarkjs (SECONDS, default 900)
	$(CARGO) build --locked --release --package zkflow-cli --no-default-features --bin zkflow
	ZKFLOW=$(RELEASE) ZKFLOW_TOOLS=$(CURDIR)/tools python3 compat/differential/fuzz.py --seconds $(SECONDS)

# The same seed makes the same keys and inputs.
SEED := 1
proofs: setup ## 1000 proofs of random inputs over 10 circuits for each kernel with 1, 2 and 4 threads, verified here and by snarkjs (minutes; SEED, default 1)
	PROOFS_SEED=$(SEED) $(CARGO) test --locked --workspace --test native -- --ignored --nocapture

# The kernel `portable` on another processor: Debian's linker and C library, and QEMU for single programs.
ARM := aarch64-unknown-linux-gnu
aarch64: ## The tests of zkflow-bn254 for aarch64, in QEMU (minutes; needs rustup; installs Debian's packages)
	@command -v qemu-aarch64 >/dev/null && command -v aarch64-linux-gnu-gcc >/dev/null || { \
	  as_root=$$([ "$$(id -u)" = 0 ] || command -v sudo) || true; \
	  { $$as_root apt-get update -qq && $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user >&2; }; \
	}
	rustup target add $(ARM)
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
	  $(CARGO) test --locked --release --target $(ARM) --no-default-features --features prove --package zkflow-bn254

# nvcc comes from PyPI; compiling needs no GPU.
CUDA_TOOLS := tools/.cuda/.installed
CUDA_TARGETS := $(foreach arch,80 86 89 90 100 120,-gencode=arch=compute_$(arch),code=sm_$(arch)) -gencode=arch=compute_120,code=compute_120
NVCC := $(CURDIR)/tools/.cuda/lib/python3*/site-packages/nvidia/cu13/bin/nvcc -std=c++17 -O3 --threads 0 --compress-mode=size

$(CUDA_TOOLS): tools/cuda-requirements.txt
	python3 -m venv --clear tools/.cuda
	tools/.cuda/bin/pip install --quiet --disable-pip-version-check --requirement tools/cuda-requirements.txt
	@touch $@

cuda: python $(CUDA_TOOLS) ## Compile the kernels for GPUs that zkflow-cuda embeds (minutes); commit the result
	cd zkflow-cuda && $(NVCC) $(CUDA_TARGETS) -fatbin kernels/kernels.cu -o kernels.fatbin
	cd zkflow-cuda && sha256sum kernels.fatbin $$(ls kernels/*.cu kernels/*.h) > kernels.sha256

cuda-check: python $(CUDA_TOOLS) ## Compile the kernels for one GPU, to see that nvcc accepts them
	cd zkflow-cuda && $(NVCC) -gencode=arch=compute_90,code=sm_90 -fatbin kernels/kernels.cu -o /dev/null

bench: setup ## The Criterion benches, and the lists of a catalog with 100 000 proofs
	$(CARGO) build --locked --release --bin zkflow --features zkflow-cli/ark
	$(CARGO) bench --locked --workspace --bench kernels --bench stages --bench prover --bench witness --bench setup --bench queue --bench http
	$(CARGO) bench --locked --workspace --bench catalog

large: setup ## Imports a key of 1 GiB and proves with it: the memory of the server meanwhile (many minutes, 6 GB of disk)
	$(CARGO) test --locked --workspace --test large -- --include-ignored --nocapture

fuzz: setup ## Each fuzz target for a minute (needs cargo-fuzz)
	cd fuzz && for target in $$(RUSTC_BOOTSTRAP=1 $(CARGO) fuzz list); do \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=60 || exit 1; \
	done

clean: ## Remove all build output and installed tools
	$(CARGO) clean
	rm -rf tools/node_modules dashboard/node_modules compat/node_modules compat/build tools/.venv tools/.cuda
