# Every command that a person or the CI runs. `make` alone lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-cloud test test-fast check lint test-newest infra-check infra-check-plans infra-check-policies
.PHONY: audit bench chaos clean docs format fuzz golden licences lock
SHELL := /bin/bash

VENV := .venv
# The oldest supported Python that runs here; tests also run on the function's run time, where that is installed.
PYTHON := $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null && echo $$p && break; done)
NEWEST := $(shell for p in python3.13 $(wildcard $(HOME)/.pyenv/versions/3.13*/bin/python); do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null && echo $$p && break; done)
TERRAFORM ?= terraform
CHECKOV_VENV ?= .venv-checkov
CHECKOV = checkov==3.3.30
SECONDS ?= 60
PYTEST = $(VENV)/bin/python -m pytest
# Some tests wait for other processes, so there are more workers than cores.
PARALLEL = -n $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2) --dist worksteal

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# pip installs exactly the compiled lists and resolves nothing. A person's pip settings for the source (index, proxy,
# certificate) are used; those for the target (`user = yes`, PIP_TARGET, …) and other environments are ignored.
unexport PIP_CONSTRAINT PIP_REQUIREMENT PIP_ROOT PYTHONHOME PYTHONPATH
# Without byte code on disk every test process compiles the package, and pytest rewrites every test, again: 4 s of CPU each.
unexport PYTHONDONTWRITEBYTECODE
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check
PIP_INSTALL = $(PIP) install --no-user --target= --prefix="$$(cd $(VENV) && pwd)" --no-deps
INSTALL_LIST = set -o pipefail; $(PIP_INSTALL) --progress-bar off --require-hashes -r $< | while read -r line; do \
	case $$line in *.metadata*) ;; Downloading*|"Using cached"*|"Building wheel"*) echo "  $$line" ;; esac; done

$(VENV)/laptop: requirements-laptop.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12, 3.13 or 3.14 with its venv module is needed and was not found." \
	  "On Debian and Ubuntu: apt install python3-venv. One elsewhere: make $(MAKECMDGOALS) PYTHON=/path/to/python"; exit 1; }
	@echo "Making $(VENV) with $$("$(PYTHON)" --version) …"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@echo "Installing $$(grep -c == $<) packages that a laptop needs ($<) …"
	@$(INSTALL_LIST)
	@$(PIP_INSTALL) --quiet --no-build-isolation --editable .
	@$(PIP) check
	@touch $@

$(VENV)/installed: requirements-dev.txt $(VENV)/laptop
	@echo "Installing what the tests and checks need on top ($<) …"
	@$(INSTALL_LIST)
	@$(PIP) check
	@touch $@

demo: $(VENV)/laptop ## sandbox → DuckDB: what the product does, in a minute, without an account
	@$(VENV)/bin/python -m tests.standins.kustomer.demo

test: $(VENV)/installed ## all tests that a machine with Python, make and git can run
	@$(PYTEST) $(PARALLEL) $(LEFT_OUT)

test-fast: $(VENV)/installed ## the rules and the ports, without processes and long searches: for every save
	@$(PYTEST) $(PARALLEL) -q -m "not slow and not emulator" --hypothesis-profile=fast \
	  tests/unit tests/fuzz tests/contract/test_*.py

demo-cloud: $(VENV)/installed ## the function on one machine: message → logs, tables, run document (on Google's emulators if installed)
	@$(VENV)/bin/python -m tests.system.demo

check: lint test test-newest infra-check ## all that CI runs

lint: $(VENV)/installed ## format, lint, types, import contracts, spelling
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/mypy
	@PYTHONPATH=functions $(VENV)/bin/lint-imports --no-cache
	@$(VENV)/bin/codespell

# What cannot differ between versions of Python is left out: docs/testing.md says why.
test-newest: ## the tests on Python 3.13, the function's run time, where it is installed
	@if [ -n "$(NEWEST)" ]; then $(MAKE) --no-print-directory test VENV=.venv-3.13 PYTHON=$(NEWEST) \
	  LEFT_OUT="--ignore=tests/install --ignore=tests/infra/test_smoke_test.py"; \
	else echo "Python 3.13 is not installed here: the tests ran on $(PYTHON) only"; fi

infra-check: $(VENV)/installed ## main.tf and infra/: format, validity, the plan of every case, checkov; where terraform is installed
	@if command -v $(TERRAFORM) >/dev/null; then $(MAKE) --no-print-directory infra-check-plans infra-check-policies; \
	else echo "left out: terraform is not installed here, main.tf and infra/ were not checked"; fi

infra-check-plans: $(VENV)/installed
	@$(TERRAFORM) fmt -check -diff -recursive
	@$(TERRAFORM) init -backend=false -input=false -no-color -test-directory=tests/infra >/dev/null
	@$(TERRAFORM) validate -no-color
	@TERRAFORM="$(TERRAFORM)" $(PYTEST) -q tests/infra/check_plans.py

# checkov wants other versions of libraries than the function does: an environment of its own.
infra-check-policies:
	@if [ -x $(CHECKOV_VENV)/bin/checkov ] || { "$(PYTHON)" -m venv $(CHECKOV_VENV) && $(CHECKOV_VENV)/bin/python -m pip install \
	  --no-user --target= --prefix="$$(cd $(CHECKOV_VENV) && pwd)" --quiet --disable-pip-version-check $(CHECKOV); }; \
	then $(CHECKOV_VENV)/bin/python -m checkov.main --config-file .checkov.yaml; \
	elif [ -n "$$CI" ]; then echo "checkov could not be installed, and CI demands it"; exit 1; \
	else echo "left out: checkov could not be installed here, its policies were not checked"; fi

bench: $(VENV)/installed ## speed, memory and rate reached, as ratios to floors measured in the same run
	@$(VENV)/bin/python -m benchmarks.transform
	@$(VENV)/bin/python -m benchmarks.parts
	@$(VENV)/bin/python -m benchmarks.budget
	@$(VENV)/bin/python -m benchmarks.starts
	@$(VENV)/bin/python -m benchmarks.extraction
	@$(VENV)/bin/python -m benchmarks.function_memory
	@$(VENV)/bin/python -m benchmarks.search

chaos: $(VENV)/installed ## the state machine of tests/pipeline/test_chaos.py for SECONDS=60
	@CHAOS_SECONDS=$(SECONDS) $(PYTEST) tests/pipeline/test_chaos.py

fuzz: $(VENV)/installed ## 100,000 unexpected inputs for every parser of outside data
	@FUZZ_INPUTS=$${FUZZ_INPUTS:-100000} $(PYTEST) -n auto tests/fuzz

golden: $(VENV)/installed ## rewrite the expected rows and plans; review the difference
	@GOLDEN=rewrite $(PYTEST) --quiet tests/unit/test_golden.py tests/contract/test_queries.py
	@if command -v $(TERRAFORM) >/dev/null; then GOLDEN=write TERRAFORM="$(TERRAFORM)" $(PYTEST) -q tests/infra/check_plans.py; fi

docs: $(VENV)/installed ## rewrite the generated parts of the documentation
	@for generator in docs/generate*.py; do $(VENV)/bin/python $$generator; done

format: $(VENV)/installed ## format, and fix what ruff can fix
	@$(VENV)/bin/ruff format --quiet . && $(VENV)/bin/ruff check --fix --quiet .

lock: $(VENV)/installed ## compile requirements*.txt anew from pyproject.toml; newer releases: make lock UPGRADE=--upgrade
	@$(VENV)/bin/python tools/lock.py $(UPGRADE)

audit: ## look for known faults of the dependencies in the public database (needs a network)
	@$(PYTHON) -m venv .venv-audit && .venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	@.venv-audit/bin/pip-audit --require-hashes --disable-pip -r requirements.txt

licences: $(VENV)/installed ## list the licence of everything that is installed
	@$(VENV)/bin/python tools/licences.py

clean: ## remove what the other commands made
	rm -rf build dist .venv .venv-3.13 .venv-checkov infra/.build .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache demo.duckdb
