# Every target does its own set-up: a fresh Debian machine with python3 >= 3.11 and make is enough.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PROJECT := pyproject.toml setup.py requirements.lock tools/install
SOURCES := sbc policies rtpengine tests tools setup.py
WORKERS ?= 2
# The tests of one file stay on one worker: they share a rig. Not by group: xdist 3.8 writes the group where pytest 9.2
# no longer reads it, and then deals them out one by one.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Where an editable install looks for the one compiled module that belongs to no package.
PLATLIB := $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))'

.PHONY: help run test test-long test-fast bench bench-record guard guard-record compiled pure test-compiled suites lint format types lock clean

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

run: .venv/ready-run ## the quickstart: calls from 127.0.0.1:5060 go to 127.0.0.1:5080 (ARGS='--config node.toml' for yours)
	@$(BIN)/python tools/foreground.py $(BIN)/sbc run $(ARGS)

test: .venv/ready-test ## everything CI runs; the last line is pytest's own summary
	@tools/peers
	@$(MAKE) lint
	@$(PYTEST) -m "not long"

test-long: .venv/ready-test ## the interop tests that `make test` leaves out, because shorter ones show the same for fewer pairs
	@tools/peers
	@$(PYTEST) -m long

test-fast: .venv/ready-test ## no peers, no interop, under a minute
	@$(MAKE) lint
	@$(PYTEST) -m "not interop"

bench: .venv/ready-test ## CPU per call beside the peers found on this machine; prints ratios
	@tools/peers bench
	@$(BIN)/python -m tests.bench

bench-record: .venv/ready-test ## the same, and writes docs/benchmarks.md
	@tools/peers bench
	@$(BIN)/python -m tests.bench --record

guard: .venv/ready-test ## instructions a call costs the engine (callgrind), against the recorded value; fails above +5 %
	@$(BIN)/python -m tests.bench.instructions

guard-record: .venv/ready-test ## the same, and keeps the value in tests/bench/instructions.json
	@$(BIN)/python -m tests.bench.instructions --record

compiled: .venv/ready-test ## compile the hot rooms in place (needs gcc; a minute); what is edited afterwards counts after the next one
	@$(MAKE) pure
	@SBC_COMPILE=1 $(BIN)/python setup.py --quiet build_ext --inplace 2>&1 | { grep -E "^sbc: |error" || true; }
	@mv sbc__mypyc.*.so "$$($(PLATLIB))"
	@{ $(BIN)/sbc doctor || true; } | grep -w codec

pure: ## take the compiled modules away: the sources run again
	@find sbc -name '*.so' -delete
	@rm -f sbc__mypyc.*.so "$$($(PLATLIB))"/sbc__mypyc.*.so

test-compiled: compiled ## the tests of the hot rooms on the compiled modules, then pure again
	@trap '$(MAKE) pure' EXIT; $(PYTEST) -m "not interop"

suites: .venv/ready-test ## SIPp scenario suites of other projects, as a table
	@tools/peers
	@$(BIN)/python -m tests.rig.suites

lint: .venv/ready-test ## formatting, lint and types, changing nothing
	@$(BIN)/ruff format --check --quiet $(SOURCES) || { echo "'make format' puts these right"; exit 1; }
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/mypy

format: .venv/ready-test ## put formatting and simple lint findings right
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --fix $(SOURCES)

lock: .venv/ready-test ## write requirements.lock anew from what pyproject.toml allows today
	@tools/lock

clean: ## what was built and cached, the virtual environment included; keeps .sbc/
	@rm -rf .venv build dist *.so *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	@find sbc policies rtpengine tests tools -name __pycache__ -prune -exec rm -rf {} +
	@find sbc policies rtpengine -name '*.so' -delete

.venv/ready-run: $(PROJECT)
	@tools/install run

.venv/ready-test: $(PROJECT)
	@tools/install test
