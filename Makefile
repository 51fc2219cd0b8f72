# Two commands on a fresh machine: `make demo` and `make test`. Everything lives in .venv.
.DEFAULT_GOAL := help
SHELL := /bin/sh
# The first Python 3.11 or later that is there; override with `make demo PYTHON=python3.12`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: help demo test lint format bench system clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/.ready  ## set up, then compose, separate, remix and bounce a song into ./demo
	$(BIN)/stemrack demo --output demo

test: .venv/.ready system  ## set up, then run the tests
	$(BIN)/pytest -n auto -m "not realtime"
	$(BIN)/pytest -m realtime

lint: .venv/.ready  ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.ready  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.ready  ## measure speed and memory (tables; half an hour and more)
	$(BIN)/pip install -q -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks

# Debian/Ubuntu packages that some tests use; where they cannot be installed those tests skip and say so.
system:
	@./.ci/apt-packages

clean:  ## remove what was set up and made here
	rm -rf .venv demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/.ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "stemrack needs Python 3.11 or later: install it, or name it with make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "this Python cannot make environments: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[media,midi,oscquery,plots,dev]'
	@touch $@
