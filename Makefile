# Everything goes into .venv; a target does again only what has changed since.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# A test keeps one or two cores busy, and takes up to 3 GB.
WORKERS ?= --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help install install-dev quickstart test check postgres lint format lock clean
.DEFAULT_GOAL := help

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed ## make .venv with parnet-zoo in it

install-dev: $(VENV)/.installed-dev ## the same with what tests and checks need

quickstart: install ## train a small ParNet on handwritten digits, end to end
	$(BIN)/parnet-zoo train recipes/quickstart.yaml

test: install-dev ## every test (aim: 20 minutes on 2 cores)
	$(BIN)/python -m pytest $(WORKERS)

check: install-dev ## the fast tests (under 3 minutes)
	$(BIN)/python -m pytest -m "not slow" $(WORKERS)

postgres: ## install PostgreSQL for the test that needs it (Debian, Ubuntu; as root)
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
	  { apt-get update && apt-get install --yes --no-install-recommends postgresql; }

lint: install-dev ## ruff, mypy strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install-dev ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Pinned versions with hashes, and no address: they install from whatever index pip is set up with.
lock: install-dev ## renew both locks from the ranges in pyproject.toml
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra build --extra dev $(LOCK) -o requirements-dev.lock
	$(BIN)/uv pip compile pyproject.toml --extra build -c requirements-dev.lock $(LOCK) -o requirements.lock
LOCK := --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --upgrade

clean: ## remove the environment and caches, not runs and data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "parnet-zoo needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV): about 3 GB, some minutes"
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV): about 3 GB, some minutes"
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.installed
