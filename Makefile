# Two commands do everything: `make run` shows the system at work, `make test` passes every test.
# Both make .venv first, from the locked requirements; that is skipped as long as nothing has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help run test check bench bench-compare clean

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

run: $(READY) ## Set everything up and replay the sample through a fresh system
	@$(BIN)/partita demo

test: $(READY) ## Set everything up and run every test, three files at a time
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

check: $(READY) ## Format, lint, types, import rules, generated files, sizes: what needs no server
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/partita contracts --check
	@$(BIN)/python -m tests.house.sizes

# What a comparison runs: a bench, how often, and with how many commands (its own number if empty).
BENCH ?= pipeline
ROUNDS ?= 3
COMMANDS ?=

bench: $(READY) ## Measure the way from a command to its result, beside pgbench
	@$(BIN)/partita bench $(BENCH) $(COMMANDS:%=--commands %)

bench-compare: $(READY) ## Measure BENCH at the revision BASE and here, in turn
	@test -n '$(BASE)' || { echo 'Name a revision: make bench-compare BASE=HEAD~3 [BENCH=engine]' >&2; exit 2; }
	@$(BIN)/partita bench $(BENCH) --against '$(BASE)' --rounds $(ROUNDS) $(COMMANDS:%=--commands %)

clean: ## Remove what was made here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3' >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@echo 'Installing the locked requirements into $(VENV) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
