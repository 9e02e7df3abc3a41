# Every target sets up what it needs: a virtual environment with the tested versions of constraints.txt.
VENV ?= .venv
PYTHON ?= python3.11
BIN := $(VENV)/bin
WORKERS ?= 2
# Each worker computes on one thread: more would fight over the same cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check format wheel clean

help:  ## Show this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt "torch==$$(sed -n 's/^torch==//p' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

setup: $(STAMP)  ## Create the environment and install rmx with its tested versions

demo: $(STAMP)  ## Set up and run the main job on the embedded default (no network beyond the package index, no GPU)
	$(BIN)/python -m rmx.train

test: $(STAMP)  ## Set up, check the code and run the fast tests
	$(MAKE) check
	$(PYTEST) -m 'not slow'

test-all: $(STAMP)  ## All tests, the slow ones too
	$(MAKE) check
	$(PYTEST)

check: $(STAMP)  ## Lint, types, layers, YAML
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/yamllint -s conf sweeps
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## Format and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(STAMP)  ## Build the wheel
	$(BIN)/python -m build --wheel

clean:  ## Remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dist build
