# Two commands for everyone: `make demo` and `make test`. Both build .venv from the hash-locked files first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AUDIT := .venv-audit
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test test-slow interop faults soak check format schemas bench bench-store bundle audit sbom lock clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.run
	@$(BIN)/keyapi-mcp demo

test: check
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow"

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m slow

# Needs Node.js. OWNER=… names who publishes it.
bundle: $(VENV)/.dev
	$(BIN)/python -m distribution.bundle $(if $(OWNER),--owner $(OWNER))

# In an environment of their own: what they need is nobody else's business.
audit: $(AUDIT)/.made
	@$(AUDIT)/bin/python -m distribution.audit

sbom: $(AUDIT)/.made
	@$(AUDIT)/bin/python -m distribution.sbom

# Compared with docs/quality.md; WRITE=1 writes it.
interop: $(VENV)/.dev
	$(BIN)/python -m quality.interop $(if $(WRITE),--write)

faults: $(VENV)/.dev
	$(BIN)/python -m quality.faults $(if $(WRITE),--write)

soak: $(VENV)/.dev
	$(BIN)/python -m quality.soak

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/keyapi-mcp schemas --check --readme README.md

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: $(VENV)/.dev
	$(BIN)/keyapi-mcp schemas --readme README.md

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

bench-store: $(VENV)/.dev
	$(BIN)/python -m benchmarks.scale

# Its pip comes last, so where there is one the environment is whole; one that is not is made anew.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "keyapi-mcp needs Python 3.11 or newer, which $(PYTHON) is not. Name another: make demo PYTHON=python3.12"; exit 1; }
	@echo "Building $(VENV) (once, about a minute)..."
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { echo "$(PYTHON) cannot make an environment; on Debian and Ubuntu: apt install python3-venv. Then try again."; exit 1; }

# --no-deps: the lock files are complete; --no-build-isolation: the build back end is in them too.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/pip
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(AUDIT)/.made: requirements/audit.txt
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/audit.txt
	@touch $@

# Universal: one file for Linux, macOS and Windows, Python 3.11 to 3.14; it names no index.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-annotate --custom-compile-command "make lock" $(UPGRADE)
lock: $(VENV)/.dev
	$(LOCK) pyproject.toml --group dev -o requirements/dev.txt
	$(LOCK) pyproject.toml requirements/build.in -c requirements/dev.txt -o requirements/run.txt
	$(LOCK) requirements/audit.in -o requirements/audit.txt
	$(LOCK) quality/interop/requirements/mcp-1.30.in -o quality/interop/requirements/mcp-1.30.txt
	$(LOCK) quality/interop/requirements/fastmcp.in -o quality/interop/requirements/fastmcp.txt
	cd quality/interop/node && npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved

clean:
	rm -rf $(VENV) $(AUDIT) .cache dist build
