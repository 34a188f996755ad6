# What can be done with a clone. Every target makes the environment (.venv) that it needs, once,
# and brings it up to date when the requirements change.

.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
UV := uv
ARGS :=

.PHONY: help run test check format tidy bench torture golden lock clean

help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  ARGS="..." is handed to what a target runs: make test ARGS="-k revision"'

run: $(VENV)/.run ## Start the server on SQLite with a demo workspace, data under ./data.
	@mkdir -p data
	@exec $(BIN)/hikidashi serve --demo $(ARGS)

test: $(VENV)/.test ## Run every test, on SQLite and PostgreSQL.
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/.test ## Check style, types, import contracts, spelling and tidiness.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/test_tidy.py

format: $(VENV)/.test ## Let ruff write what it can.
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

tidy: $(VENV)/.test ## Check only what tests/test_tidy.py checks.
	$(BIN)/python -m pytest -q tests/test_tidy.py

bench: $(VENV)/.bench ## Measure this server beside others, on this machine.
	$(BIN)/python -m bench $(ARGS)

torture: $(VENV)/.test ## Kill the server and its database again and again; nothing acknowledged may be lost.
	$(BIN)/python -m tests.torture $(ARGS)

golden: $(VENV)/.test ## Write the recorded wire exchanges anew; the diff is the review.
	$(BIN)/python -m pytest tests/wire --golden $(ARGS)

lock: ## Compile the requirements files from pyproject.toml (needs uv).
	$(LOCK) --output-file requirements.txt
	$(LOCK) --extra test --extra check --constraint requirements.txt --output-file requirements-test.txt
	$(LOCK) --extra bench --extra test --constraint requirements-test.txt --output-file requirements-bench.txt

clean: ## Remove the environment and whatever tools have left; ./data stays.
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

LOCK = $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate

# --- the environment --------------------------------------------------------------------------

# A name on the PATH may be a shim that runs nothing, so each candidate is asked for its version.
define make_venv
	@if ! $(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		python=; \
		for one in $(PYTHON) python3.13 python3.12 python3.11 python3 python3.14; do \
			if "$$one" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
				python=$$one; break; \
			fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "There is no Python 3.11 or later on the PATH. Install one, or name it: make PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
		echo "Making $(VENV) with $$python."; \
		rm -rf $(VENV); \
		if ! log=$$("$$python" -m venv $(VENV) 2>&1); then \
			rm -rf $(VENV); \
			echo "$$log" >&2; \
			echo "$$python can't make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; \
			exit 1; \
		fi; \
	fi
endef

define install
	@echo "Installing $(1)."
	@$(PIP) install --require-hashes -r $(1)
	@$(PIP) install --no-deps --editable .
	@touch $@
endef

$(VENV)/.run: requirements.txt pyproject.toml
	$(make_venv)
	$(call install,requirements.txt)

$(VENV)/.test: requirements-test.txt pyproject.toml
	$(make_venv)
	$(call install,requirements-test.txt)

$(VENV)/.bench: requirements-bench.txt pyproject.toml
	$(make_venv)
	$(call install,requirements-bench.txt)
