# Everything a person does here. It needs Python 3.11 or newer and make; the rest is fetched into .venv.

PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
ARGS ?=

BIN := .venv/bin
# pytest's exit status where ARGS leave one of its two rounds nothing to run.
NO_TESTS := 5
# They wait more than they compute; of many processors, a test run in a container may have but two.
PROCESSES = $(shell $(BIN)/python -c 'import os; print(min(os.cpu_count(), 8) + 1)')
# $(call tried,OPTIONS): those tests; on a machine that others use, what failed once more, alone and with everything it needs made anew.
tried = $(BIN)/pytest $(1) $(ARGS) || [ $$? -eq $(NO_TESTS) ] || $(BIN)/pytest $(1) $(ARGS) $(AGAIN)
AGAIN := --numprocesses 0 --last-failed --last-failed-no-failures none
INSTALLED := .venv/installed
PAGE_TOOLS := chassis/web/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help up test lint format demo bench soak page sync nix-check cluster-test clean

help:  ## Show this.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: $(INSTALLED)  ## Build the variants, start the host and its plugins, and say what to try. ARGS go to `qntx up`.
	@$(BIN)/qntx variant sync
	@echo "In another terminal, \`source $(BIN)/activate\` puts qntx on your PATH."
	@exec $(BIN)/qntx up $(ARGS)

# Tests keep to build/home: a person's own ~/.qntx is never touched.
test lint format demo bench soak sync cluster-test: export QNTX_HOME := $(CURDIR)/build/home

test: sync lint $(PAGE_TOOLS)  ## Everything that proves it; .ci/run runs exactly this. ARGS go to pytest.
	@$(call tried,--numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder -m 'not alone')
	@$(call tried,-m alone)

lint: $(INSTALLED)  ## ruff, mypy and the import rules.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED)  ## Let ruff format and fix.
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

demo: sync  ## The main job on real data, and what came of it.
	@$(BIN)/python -m tests.demo

bench: sync $(INSTALLED)-bench  ## Measure, beside what else there is. ARGS such as --only execute or --json.
	@$(BIN)/python -m tests.bench.run $(ARGS)

soak: $(INSTALLED)  ## An hour of mixed load while things are killed, and a table of what was left. ARGS such as --seconds 600.
	@$(BIN)/python -m tests.bench.soak $(ARGS)

cluster-test: sync  ## Hosts, replicas and PostgreSQL on machines that are network namespaces, with faults. ARGS such as --jobs 500.
	@$(BIN)/python -m tests.cluster $(ARGS)

sync: $(INSTALLED)
	@$(BIN)/qntx variant sync

page: $(PAGE_TOOLS)  ## Build the web page from chassis/web into the package; needs node.
	@cd chassis/web && npm run --silent build

nix-check:  ## Build the flake over a stand-in for nixpkgs, sandboxed and offline: tests/nix/README.md.
	@tests/nix/check.sh

clean:  ## Remove what was built here. ~/.qntx stays.
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f chassis/src/qntx/protocol/*_pb2.py chassis/src/qntx/protocol/*_pb2.pyi

$(INSTALLED): chassis/pyproject.toml chassis/hatch_build.py $(wildcard proto/*.proto)
	@test -n "$(PYTHON)" || { echo "This needs Python 3.11 or newer; say where it is with PYTHON=…" >&2; exit 1; }
	@echo "Installing the host, and the tools that prove it, into .venv: a minute or two, the first time."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
		--editable './chassis[host,frames,postgres]' --group chassis/pyproject.toml:dev
	@# Where Python is told to write none: without bytecode a host takes three times as long to start.
	@$(BIN)/python -m compileall -q chassis/src/qntx
	@touch $@

# Only who changes the page, and the tests of its sources, need these.
$(PAGE_TOOLS): chassis/web/package-lock.json
	@cd chassis/web && npm ci --silent --no-audit --no-fund && touch node_modules/.package-lock.json \
	  || echo "npm could not install the page's tools: the page stays as it was built, and its sources are not tested"

$(INSTALLED)-bench: $(INSTALLED)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --group chassis/pyproject.toml:bench
	@touch $@
