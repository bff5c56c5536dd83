# Two commands for people: `make run` and `make test`. Each sets up what is missing.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CORES ?= all

.PHONY: help run test faults test-cluster check format docs benchmark clean

help:
	@echo "make run     the default study, to its figure (CORES=$(CORES))"
	@echo "make test    the tests"
	@echo "make faults  the tests that take too long for every day: kills, full disks, damage"
	@echo "make test-cluster  tests on a Slurm that they start on this host: root on Debian"
	@echo "make check   formatters, linters, types"
	@echo "make format  apply the formatters"
	@echo "make docs    config/README.md's reference, workflow/schemas and docs/metrics.md"
	@echo "make benchmark  measure speed into results/benchmarks.txt: a quarter of an hour"
	@echo "make clean   remove the environment and caches; results stay"

run: $(VENV)/run.stamp
	$(BIN)/snakemake --cores $(CORES)

test: $(VENV)/dev.stamp
	$(BIN)/pytest -n auto

faults: $(VENV)/dev.stamp
	$(BIN)/pytest -n auto -m long

test-cluster: $(VENV)/dev.stamp $(VENV)/slurm.stamp
	$(BIN)/pytest tests/cluster

check: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow/rules

docs: $(VENV)/run.stamp
	sed -i '/^## Reference$$/q' config/README.md
	echo >> config/README.md
	PYTHONPATH=workflow $(BIN)/python -m dsd2.config.reference workflow/schemas/config.schema.json >> config/README.md
	PYTHONPATH=workflow $(BIN)/python -m dsd2.files.metrics_reference > docs/metrics.md

benchmark: $(VENV)/run.stamp
	$(BIN)/python tests/benchmarks/run.py

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(VENV)/run.stamp: envs/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement envs/requirements.txt
	touch $@

$(VENV)/dev.stamp: envs/requirements-dev.txt $(VENV)/run.stamp
	$(BIN)/pip install --quiet --requirement envs/requirements-dev.txt
	touch $@

$(VENV)/slurm.stamp: envs/requirements-slurm.txt $(VENV)/run.stamp
	$(BIN)/pip install --quiet --requirement envs/requirements-slurm.txt
	touch $@
