# `make sweep` and `make test` are all that a fresh machine with Python >= 3.10 and make needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PINS := setup.cfg pyproject.toml constraints.txt
ARGS ?=

.PHONY: sweep test slurm-test check docs format clean

sweep: $(VENV)/runner.installed
	$(BIN)/runner sweep sweeps/foundation.yaml $(ARGS)

test: $(VENV)/dev.installed
	$(BIN)/python -m pytest $(ARGS)

# A real Slurm cluster on this machine, installed by apt-get as root, up and down again. Where none can be had, the tests
# say why they are skipped, and fail where RUNNER_SLURM=required or CI=true.
slurm-test: $(VENV)/dev.installed
	$(BIN)/python -m pytest tests/slurm -n0 $(ARGS)

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
