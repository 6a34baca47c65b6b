# make demo     a node with example projects, and one link that signs you in
# make test     the whole suite: Python, PostgreSQL, browser, TypeScript
# make sure     all that must hold before you push: format, lint, types, layers, pages
# make bench    the tables of speed and memory
# make attacks  cheating operators against the auditor, and honest ones; some minutes
# make web      build the pages again, if their sources changed
# make docs     write the pages that are made from the sources
# make fmt      put the sources into shape
#
# Needed: Python 3.11 or newer. The rest is installed into .venv; the browser tests also need Chromium.

PYTHON ?= python3
BIN := .venv/bin
WEB := $(BIN)/python hatch_build.py
TESTS ?=

.PHONY: demo test sure bench attacks web docs fmt

demo: web
	$(BIN)/evenhand demo

test: web
	$(WEB) test
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile $(TESTS)

sure: web
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n auto --maxprocesses 8 tests/core --cov=evenhand.core --cov-branch --cov-report=term:skip-covered --cov-fail-under=100
	$(WEB) check

bench: web
	$(BIN)/python -m bench

attacks: .venv/installed
	$(BIN)/python -m attacks

docs: .venv/installed
	$(BIN)/python tests/reference.py

fmt: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Builds where a source is newer than what was built; else it takes a tenth of a second.
web: .venv/installed
	@$(WEB)

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Evenhand needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@
