# Two commands for people: `make run` and `make test`. Each sets up what is missing.
# VERSIONS=oldest takes the oldest versions of libraries that are supported: give it a VENV of its own.
PYTHON ?= python3
VENV ?= .venv
VERSIONS ?= newest
BIN = $(VENV)/bin
# Python compiles what it imports, once. Not for a user who has set PYTHONDONTWRITEBYTECODE, as containers
# do: there every process would compile torch and Snakemake again, so that all is compiled here.
define INSTALL
@echo "Installing $(1) into $(VENV): once, some minutes"
@$(PIP) install --root-user-action ignore --no-compile --constraint envs/$(VERSIONS).txt --requirement $(1)
$(if $(PYTHONDONTWRITEBYTECODE),@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true)
endef
# Twice quiet: errors alone. Warnings of a machine's own indices are no matter of ours.
PIP = $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input
unexport PYTHONDONTWRITEBYTECODE
CORES ?= all
# Tests wait a third of their time, for processes that they have started.
WORKERS ?= $(shell expr $$(nproc) \* 3 / 2)

.PHONY: help run fast oldest test faults test-cluster check format docs pictures site benchmark coverage gpu clean

help:
	@echo "make run     the default study, to its figure"
	@echo "make fast    the tests that start no process: under a minute on one core"
	@echo "make oldest  the same with the oldest versions of libraries, and the default study's plan"
	@echo "make test    the tests"
	@echo "make faults  the tests that take too long for every day: kills, full disks, damage"
	@echo "make test-cluster  tests on a Slurm that they start on this host: root on Debian"
	@echo "make check   formatters, linters, types"
	@echo "make format  apply the formatters"
	@echo "make docs    config/README.md's reference, workflow/schemas, docs/metrics.md and docs/command-line.md"
	@echo "make pictures  the documents' figures anew, from the metrics in docs/pictures"
	@echo "make site    the documents as a site, in site/: warnings and broken links are errors"
	@echo "make benchmark  measure speed into results/benchmarks.txt: a quarter of an hour"
	@echo "make coverage  how often intervals hold and verdicts err, on simulated studies: a minute"
	@echo "make gpu     what is promised of a GPU, checked and measured into docs/gpu.md: ten minutes"
	@echo "make clean   remove the environment and caches; results stay"

run: $(VENV)/run.stamp
	@$(BIN)/snakemake --cores $(CORES)

fast: $(VENV)/dev.stamp
	$(BIN)/pytest tests/unit -m "not (process or fuzz or slow or long)"

oldest:
	$(MAKE) fast VENV=$(VENV)/oldest VERSIONS=oldest
	$(VENV)/oldest/bin/snakemake --dry-run --quiet

test: $(VENV)/dev.stamp
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

faults: $(VENV)/dev.stamp $(VENV)/slurm.stamp
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m long
	$(VENV)/slurm/bin/python -m pytest tests/cluster -m long

test-cluster: $(VENV)/dev.stamp $(VENV)/slurm.stamp
	$(VENV)/slurm/bin/python -m pytest tests/cluster

check: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow/Snakefile workflow/rules

docs: $(VENV)/run.stamp
	sed -i '/^## Reference$$/q' config/README.md
	echo >> config/README.md
	PYTHONPATH=workflow $(BIN)/python -m dsd2.config.reference workflow/schemas/config.schema.json >> config/README.md
	PYTHONPATH=workflow $(BIN)/python -m dsd2.files.metrics_reference > docs/metrics.md
	PYTHONPATH=workflow $(BIN)/python docs/command_line.py > docs/command-line.md

pictures: $(VENV)/run.stamp
	$(BIN)/python docs/draw_pictures.py

# Not --quiet: mkdocs would drop warnings before --strict counts them.
site: $(VENV)/docs.stamp
	NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --strict

benchmark: $(VENV)/run.stamp
	$(BIN)/python tests/benchmarks/run.py

coverage: $(VENV)/run.stamp
	$(BIN)/python tests/benchmarks/coverage.py

# Without a GPU, or with a torch that has no CUDA, in a reduced form that measures nothing.
gpu: $(VENV)/dev.stamp
	$(BIN)/python tests/benchmarks/gpu.py docs/gpu.md

clean:
	rm -rf $(VENV) site .pytest_cache .ruff_cache .mypy_cache .hypothesis

# A pip of today resolves three times as fast as the one that comes with Python 3.11.
$(BIN)/python:
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --root-user-action ignore --constraint envs/$(VERSIONS).txt --upgrade pip

$(VENV)/run.stamp: envs/requirements.txt envs/$(VERSIONS).txt | $(BIN)/python
	$(call INSTALL,envs/requirements.txt)
	@touch $@

$(VENV)/dev.stamp: envs/requirements.txt envs/requirements-dev.txt envs/$(VERSIONS).txt | $(BIN)/python
	$(call INSTALL,envs/requirements-dev.txt)
	@touch $@

# An environment on top of the other: every Snakemake imports all plugins that it finds, and the one for
# Slurm takes as long as Snakemake itself. So the tests that need no Slurm do not find it.
$(VENV)/slurm.stamp: envs/requirements-slurm.txt | $(VENV)/dev.stamp
	$(BIN)/python -m venv --without-pip $(VENV)/slurm
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
	  > "$$($(VENV)/slurm/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/below.pth"
	$(BIN)/pip --python $(VENV)/slurm/bin/python install --quiet --quiet --no-compile --constraint envs/$(VERSIONS).txt \
	  --requirement envs/requirements-slurm.txt
	touch $@

# In an environment of its own, so that it may be made while tests run.
$(VENV)/docs.stamp: envs/requirements-docs.txt envs/$(VERSIONS).txt | $(BIN)/python
	$(BIN)/python -m venv --without-pip $(VENV)/docs
	$(BIN)/pip --python $(VENV)/docs/bin/python install --quiet --quiet --no-compile --constraint envs/$(VERSIONS).txt \
	  --requirement envs/requirements-docs.txt
	touch $@
