# Two commands do everything: `make genb` runs the main job, `make test` passes the tests.
SCENES ?= 100
CONFIG ?= genb
SEED ?= 0
OUT ?= out/$(CONFIG)
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: genb test render-sample lint bench env body clean

genb: $(STAMP)
	$(BIN)/luigi --module tasks BuildGenB --scenes $(SCENES) --config $(CONFIG) --seed $(SEED) --out $(OUT)

test: $(STAMP)
	$(BIN)/python -m pytest

render-sample: $(STAMP)
	$(BIN)/genb sample --out out/sample

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: $(STAMP)
	$(BIN)/python benchmarks/chain.py

body: $(STAMP)
	$(BIN)/python -c "from pipeline.config import load_config; from pipeline.preflight import build_body; build_body(load_config('genb'))"

env: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf out build *.egg-info
