# Every verb of this repository. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV = $(BIN)/uv

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help setup demo test check format bench soak docs lock clean

# One stamp for each lock. pip checks every hash; the package itself is built with the locked build tools.
RUNTIME := $(VENV)/.installed-runtime
TEST := $(VENV)/.installed-test
BENCH := $(VENV)/.installed-bench
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL = $(PIP) install --quiet --require-hashes --only-binary :all: -r
INSTALL_SELF = $(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(TEST) ## Create .venv and install the locked packages for running, testing and checking

demo: $(RUNTIME) ## Install what is needed to run, then start the demo and print its address
	$(BIN)/livermore up --demo

# Every second file or so waits for a clock, so that three at a time keep two cores busy. The many programs that tests start
# find the code compiled, even where the environment says that nothing is to be written.
test: $(TEST) ## Run the whole test suite (without the soak tests), three files at a time
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(TEST) ## Check format, lint, types and import contracts (runs no tests)
	@failed=0; for step in "ruff format --check ." "ruff check ." "mypy" "lint-imports"; do \
		echo "--> $$step"; $(BIN)/$$step || failed=1; \
	done; exit $$failed

format: $(TEST) ## Rewrite the code in the house's format and fix what ruff can fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(BENCH) ## Run the benchmarks side by side with peers and print the table
	$(BIN)/python -m benchmarks $(ARGS)

soak: $(TEST) ## Run the long tests that make test leaves out
	$(BIN)/python -m pytest -m soak --timeout 0 $(ARGS)

docs: $(TEST) ## Write the generated part of docs/reference
	$(BIN)/python -m docs.generate $(ARGS)

# --no-config and the emptied variables keep this machine's indexes and folders out of the locks.
LOCK = env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_INDEX_URL -u UV_FIND_LINKS -u UV_INDEX -u UV_DEFAULT_INDEX \
	$(UV) --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" pyproject.toml --group build $(UPGRADE)

lock: ## Pin the dependencies again (UPGRADE=--upgrade takes the newest releases)
	test -x $(UV) || { test -d $(VENV) || $(PYTHON) -m venv $(VENV); $(PIP) install --quiet uv; }
	$(LOCK) --output-file locks/runtime.txt
	$(LOCK) --extra test --extra check --constraints locks/runtime.txt --output-file locks/test.txt
	$(LOCK) --extra bench --constraints locks/test.txt --output-file locks/bench.txt

clean: ## Remove .venv and everything that a verb has made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache benchmarks/results
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Livermore needs Python 3.11 or newer (make PYTHON=python3.12)")'
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUNTIME): locks/runtime.txt pyproject.toml | $(BIN)/python
	$(INSTALL) $<
	$(INSTALL_SELF)
	@touch $@

$(TEST): locks/test.txt pyproject.toml | $(BIN)/python
	$(INSTALL) $<
	$(INSTALL_SELF)
	@touch $@ $(RUNTIME)

$(BENCH): locks/bench.txt $(TEST)
	$(INSTALL) $<
	@touch $@
