PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup sweep test check bench serve

setup: $(READY)

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	# The pip that Python 3.11 brings was still searching after ten minutes where a newer one needs about one.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $(READY)

sweep: setup
	$(BIN)/python -m harness.sweep sweeps/loss_weights.yaml

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m harness.bench metrics

# The last run's leaderboard at http://127.0.0.1:8000/, and a demo of its models at /demo
serve: setup
	$(BIN)/python -m harness.serve reports/runs/loss_weights
