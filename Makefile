# `make sweep` and `make test` are all that a fresh machine with Python >= 3.10 and make needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PINS := setup.cfg pyproject.toml constraints.txt
ARGS ?=

.PHONY: sweep test check docs format clean

sweep: $(VENV)/runner.installed
	$(BIN)/runner sweep sweeps/foundation.yaml $(ARGS)

test: $(VENV)/dev.installed
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/runner.installed
	$(BIN)/python docs/failures_page.py

format: $(VENV)/dev.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "runner needs Python 3.10 or newer; name one with: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The package is installed in place: what you edit is what runs.
$(VENV)/runner.installed: $(PINS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/dev.installed: $(PINS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,examples]'
	touch $@ $(VENV)/runner.installed

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
