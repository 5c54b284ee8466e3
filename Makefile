PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup sweep test check bench serve

setup: $(READY)

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $(READY)

sweep: setup
	$(BIN)/python -m harness.sweep sweeps/loss_weights.yaml

test: setup
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
