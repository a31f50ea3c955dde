.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3

help:           ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(VENV)/.ready: pyproject.toml scripts/setup
	PYTHON=$(PYTHON) scripts/setup $(VENV)
	@touch $@

setup: $(VENV)/.ready   ## Install everything into .venv (and Chromium, Redis and nghttp2, where missing)

demo: setup     ## Set up everything and run the main job on a simulated manager and real apps
	$(BIN)/wsproxy demo

test: setup     ## Set up and pass every test
	$(BIN)/pytest --cov --cov-report=term:skip-covered --cov-report=xml
	$(BIN)/python scripts/coverage_floor.py coverage.xml

test-fast: setup  ## Tests without services, asyncio debug on
	PYTHONASYNCIODEBUG=1 $(BIN)/python -X dev -m pytest -m "not browser and not jupyter and not redis and not nghttp and not slow"

check: setup    ## Everything short of tests: format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: setup      ## Format and apply safe fixes
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

docs: setup     ## Write the pages that are made from the code
	$(BIN)/python -m scripts.docs

compat: setup   ## Play every client with every address, and write the pages of what works
	$(BIN)/python -m scripts.compat

bench: setup    ## Measure the gateway against other proxies (BENCH="--quick": under three minutes)
	$(BIN)/python -m benchmarks.install
	$(BIN)/python -m benchmarks $(BENCH)

profile: setup  ## Where the time of a small request goes
	$(BIN)/python -m benchmarks.profile

shape:          ## Longest files, for review (aim: under 350 lines)
	@find wsproxy -name '*.py' | xargs wc -l | sort -rn | sed -n '2,11p'

news: setup     ## Preview the next changelog
	$(BIN)/towncrier build --draft --version next

.PHONY: help setup demo test test-fast check fmt docs compat bench profile shape news
