# `make run`: the platform with a demo cooperative. `make test`: everything. Both prepare what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
ASSETS := api/static/vendor/.ready
DEV := node_modules/.dev-ready
DATA := scenario/data/.ready

.PHONY: help setup run test quick lint fix clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) $(ASSETS) $(DATA) ## Python environment, browser assets, demo data
	@$(BIN)/python -m scripts.doctor

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "FLEXCoop needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python can't make virtual environments; on Debian: apt install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(ASSETS): package.json package-lock.json scripts/vendor.py $(STAMP)
	@command -v npm >/dev/null || { echo "npm is needed for the charts' script (Node.js 20 or newer); on Debian: apt install npm" >&2; exit 1; }
	npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
	$(BIN)/python -m scripts.vendor
	@touch $@

# servers that the tests talk to; it lies in node_modules, as setting up anew takes them away
$(DEV): package.json package-lock.json $(ASSETS)
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(DATA): scenario/dataset.py $(STAMP)
	$(BIN)/python -m scenario.dataset
	@touch $@

run: setup ## the platform with its demo cooperative, on http://127.0.0.1:8080
	$(BIN)/flex serve --demo

test: setup $(DEV) ## everything (real servers where they can be had)
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not journey" --durations=20 $(PYTEST_ARGS)
	$(BIN)/python -m pytest -n auto --dist loadfile -m journey --durations=20 $(PYTEST_ARGS)

quick: setup $(DEV) ## the tests that take less than a minute or so
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not journey" --durations=20 $(PYTEST_ARGS)

lint: $(STAMP) ## ruff, mypy, the direction of imports, missing translations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m scripts.translations

fix: $(STAMP) ## format, and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## remove what was built; the data in var/ stays
	rm -rf $(VENV) node_modules api/static/vendor scenario/data .cache
