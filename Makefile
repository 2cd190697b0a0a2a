# Each target makes and fills .venv by itself when it is missing. Needs only make and Python 3.11 to 3.13.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.filled

.PHONY: demo test soak fuzz check bench format clean
.DEFAULT_GOAL := demo

$(STAMP): pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11 to 3.13 with venv found: install one, or say make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test]"
	@touch $@

demo: $(STAMP)
	$(BIN)/renderapps demo --output demo_output

# two processes, each with as many threads as there are cores, would wait for each other
test: $(STAMP)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

soak: $(STAMP)
	$(BIN)/python -m pytest -m soak

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m benchmarks

fuzz: $(STAMP)
	RENDERWS_FUZZ=100 RENDERWS_FUZZ_FIELDS=all $(BIN)/python -m pytest -n 2 --dist loadfile tests/renderws/test_fuzz.py tests/renderws/test_field_fuzz.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo_output build *.egg-info
