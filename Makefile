# Retention ML. `make` alone lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup lock demo demo-actions up down test coverage lint check benchmark benchmark-compare benchmark-quality chaos thorough model-elsewhere pages docs audit superset superset-test spark-test containers chart clean

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
OPENMP := $(CURDIR)/.venv/lib/openmp
UV_VERSION := 0.13.9

export OMP_WAIT_POLICY := PASSIVE
export GX_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
# Many processes are started; without it each would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE
# Empty unless this machine has no libgomp of its own (see setup).
ifneq ($(wildcard $(OPENMP)/libgomp.so.1),)
export LD_LIBRARY_PATH := $(OPENMP)$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))
endif

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from the lock; quick when nothing changed

$(STAMP): requirements-dev.txt pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
	    echo "$(PYTHON) is $$($(PYTHON) --version 2>&1 || true); Python 3.11, 3.12 or 3.13 is needed."; \
	    echo "Install one, then name it: make setup PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv || { rm -rf .venv; \
	    echo "$(PYTHON) cannot make virtual environments."; \
	    echo "On Debian or Ubuntu: apt-get install python3-venv (as root), then make setup again."; exit 1; }
	@test "$$($(BIN)/uv --version 2>/dev/null | cut -d' ' -f2)" = $(UV_VERSION) || \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --require-hashes -r requirements-dev.txt
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --no-deps -e .
	@# LightGBM needs libgomp.so.1. Where the machine has none, the one that comes with scikit-learn serves.
	@if $(BIN)/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; then rm -rf $(OPENMP); else \
	    mkdir -p $(OPENMP); \
	    ln -sf "$$(find $(CURDIR)/.venv/lib -path '*scikit_learn.libs/libgomp*' | head -n 1)" $(OPENMP)/libgomp.so.1; \
	    echo "This machine has no libgomp.so.1; the one of scikit-learn is used."; fi
	@touch $(STAMP)

LOCK := --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet
COMPILE := $(BIN)/uv pip compile pyproject.toml $(LOCK)
# What one extra adds, alone: beside requirements.txt, or in an environment of its own.
EXTRA := $(BIN)/python -c 'import sys, tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")'

lock: setup ## regenerate the lock after a change of dependencies; other pins stay
	$(COMPILE) --output-file requirements.txt
	$(COMPILE) --extra dev --extra mcp --extra aggregates --output-file requirements-dev.txt
	$(EXTRA) mcp | $(BIN)/uv pip compile - $(LOCK) --constraint requirements.txt --output-file requirements-mcp.txt
	$(EXTRA) aggregates | $(BIN)/uv pip compile - $(LOCK) --constraint requirements.txt --output-file requirements-aggregates.txt
	$(EXTRA) spark | $(BIN)/uv pip compile - $(LOCK) --constraint requirements.txt --output-file requirements-spark.txt
	$(EXTRA) docs | $(BIN)/uv pip compile - $(LOCK) --output-file requirements-docs.txt
	$(EXTRA) audit | $(BIN)/uv pip compile - $(LOCK) --output-file requirements-audit.txt
	$(BIN)/uv pip compile docker/superset/requirements.in $(LOCK) --output-file requirements-superset.txt

demo: setup ## the whole flow through Airflow on a real data set, in a few minutes
	@$(MAKE) --no-print-directory -s run COMMAND="demo"

demo-actions: setup ## mails, a CRM and a file for three days of the same shop, in a few minutes
	@$(MAKE) --no-print-directory -s run COMMAND="demo-actions"

up: setup ## start Postgres, MLflow and Airflow on this machine
	@$(MAKE) --no-print-directory -s run COMMAND="stack up"

down: ## stop everything that up or a demo started, also after a crash
	@test -x $(BIN)/retention || { echo "There is no .venv, so nothing of it runs."; exit 0; }
	@$(MAKE) --no-print-directory -s run COMMAND="stack down"

.PHONY: run
# A make of its own: only now is it known whether setup made $(OPENMP).
run:
	@$(BIN)/retention $(COMMAND)

# A file's tests stay together: they share what is costly to make. Each worker starts a Postgres of its own.
test: setup ## the tests and the examples in docstrings, in parallel; `thorough` has the rest
	@$(MAKE) --no-print-directory -s run-tests ARGUMENTS="--doctest-modules retention_ml"
	@$(MAKE) --no-print-directory -s run-tests \
	    ARGUMENTS="tests --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder"

.PHONY: run-tests
run-tests:
	@$(BIN)/pytest $(ARGUMENTS)

# A target of its own: measuring makes the tests a third slower.
coverage: setup ## the tests, with the share of lines that each module has run
	@$(MAKE) --no-print-directory -s run-tests \
	    ARGUMENTS="tests --numprocesses=auto --maxprocesses=4 --dist=loadfile --cov --cov-report=term"

lint: setup ## lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint ## lint, and the tests that read the tree: names, docs, DAGs
	@$(MAKE) --no-print-directory -s run-tests ARGUMENTS="tests/house"

benchmark: setup ## speed, side by side with the obvious alternatives; SIZE=100k: every stage at size
	$(BIN)/python -m benchmarks $(if $(SIZE),--size $(SIZE))

benchmark-compare: setup ## every stage at SIZE, here and at BASE=<ref>, in turn
	$(BIN)/python -m benchmarks.compare --base $(BASE) $(if $(SIZE),--size $(SIZE))

benchmark-quality: setup ## prediction quality against baselines on real data
	$(BIN)/python -m benchmarks.quality

# What docs/faults.md lists, each fault as often as it says there. What it came to is written down there.
CHAOS := tests/chaos tests/audit tests/flow tests/test_connections.py tests/test_keys.py tests/deliveries tests/curated \
    tests/features/test_point_in_time.py tests/features/test_against_the_oracle.py tests/features/cache \
    tests/models/training/test_leakage.py tests/models/training/test_candidates.py \
    tests/models/training/test_train.py tests/models/evaluation/test_gate.py tests/models/bundle/test_bundle.py \
    tests/models/promotion/test_promote.py tests/models/predictors/test_compiled_cache.py \
    tests/models/predictors/test_table_files.py tests/simulate/test_ingestion.py tests/scores/test_publish.py \
    tests/actions/outbox tests/outcomes/monitoring/test_watch.py tests/dags/test_approvals.py \
    tests/dags/test_inbox.py tests/dags/test_hostile_parameters.py tests/pages/test_export.py \
    tests/reports/test_views.py tests/schema/test_rights.py tests/people tests/stack/backups tests/maintenance/erasure
chaos: export RETENTION_CHAOS := 1
chaos: setup ## every fault of docs/faults.md; nothing lost, doubled or half-published
	@rm -f tests/chaos/last_run.json
	@$(MAKE) --no-print-directory -s run-tests \
	    ARGUMENTS="$(CHAOS) -m 'not thorough' --numprocesses=auto --maxprocesses=4 --dist=loadfile -p tests.chaos.last_run"
	@$(MAKE) --no-print-directory -s thorough RECORD="-p tests.chaos.last_run"

thorough: export RETENTION_CHAOS := 1
thorough: setup ## what takes too long for every change: kills of every step, worked examples, a backfill, a second demonstration
	@$(MAKE) --no-print-directory -s run-tests \
	    ARGUMENTS="tests -m thorough --numprocesses=auto --maxprocesses=4 --dist=loadfile $(RECORD)"

model-elsewhere: export RETENTION_MODEL_ELSEWHERE := 1
model-elsewhere: setup ## a registered model in a fresh environment of its requirements; needs a package index
	@$(MAKE) --no-print-directory -s run-tests ARGUMENTS="tests/models/registry/test_fresh_environment.py"

pages: setup ## regenerate docs/features.md, docs/tables.md, docs/rights.md, docs/faults.md and the dashboards of Grafana
	$(BIN)/python -m retention_ml.features.document
	$(BIN)/python -m tests.reports.write_tables_page
	$(BIN)/python -m tests.schema.write_rights_page
	$(BIN)/python -m tests.chaos.write_faults_page
	$(BIN)/python -m retention_ml.metrics.write_dashboards

SITE := .venv-docs
docs: export NO_MKDOCS_2_WARNING := 1
docs: pages $(SITE)/.installed ## the documents as a site in build/docs
	$(SITE)/bin/mkdocs build --strict --clean --quiet
	@echo "The site is in build/docs; with search: $(PYTHON) -m http.server --bind 127.0.0.1 --directory build/docs"

# An environment of its own: what builds the site need not fit what runs the platform.
$(SITE)/.installed: requirements-docs.txt | setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SITE)
	VIRTUAL_ENV=$(CURDIR)/$(SITE) $(BIN)/uv pip install --quiet --require-hashes -r requirements-docs.txt
	@touch $(SITE)/.installed

AUDIT := .venv-audit
audit: $(AUDIT)/.installed ## a bill of materials in build/sbom.json, and known advisories; asks a package index
	@$(BIN)/python -m tests.house.audit $(AUDIT)/bin

# An environment of its own, so that what audits is not part of what is audited.
$(AUDIT)/.installed: requirements-audit.txt | setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(AUDIT)
	VIRTUAL_ENV=$(CURDIR)/$(AUDIT) $(BIN)/uv pip install --quiet --require-hashes -r requirements-audit.txt
	@touch $(AUDIT)/.installed

SPARK := .venv-spark
spark-test: export RETENTION_SPARK := 1
spark-test: $(SPARK)/.installed ## features, labels and scores on Spark equal those of this process; needs Java, makes an environment of 450 MB
	$(SPARK)/bin/python -m pytest -q tests/features/spark

# PySpark, over the packages of .venv.
$(SPARK)/.installed: requirements-spark.txt | setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SPARK)
	VIRTUAL_ENV=$(CURDIR)/$(SPARK) $(BIN)/uv pip install --quiet --require-hashes -r requirements-spark.txt
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	    > "$$($(SPARK)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/platform.pth"
	@touch $@

SUPERSET := .venv-superset
superset: $(SUPERSET)/.installed ## Superset with three dashboards on the results; makes an environment of 650 MB
	@$(MAKE) --no-print-directory -s run COMMAND="stack superset"

superset-test: export RETENTION_SUPERSET := 1
superset-test: $(SUPERSET)/.installed ## the query of every chart of the dashboards, asked of Superset
	@$(MAKE) --no-print-directory -s run-tests ARGUMENTS="tests/stack/superset"

# An environment of its own: Superset needs SQLAlchemy 1.4, the platform 2.
$(SUPERSET)/.installed: requirements-superset.txt | setup
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SUPERSET)
	VIRTUAL_ENV=$(CURDIR)/$(SUPERSET) $(BIN)/uv pip install --quiet --require-hashes -r requirements-superset.txt
	@touch $(SUPERSET)/.installed

# Where it keeps what it fetched, the engine's images and volumes, and what it measured (measured.json).
CONTAINERS ?= $(CURDIR)/build/containers
containers: export RETENTION_CONTAINERS := $(CONTAINERS)
containers: setup ## build, start, kill and stop the containers with an engine of its own; needs root and Debian's archive
	@$(MAKE) --no-print-directory -s run-tests ARGUMENTS="tests/docker/test_running.py tests/docker/test_chart_played.py -x"
	@cat $(CONTAINERS)/measured.json

chart: export RETENTION_CONTAINERS := $(CONTAINERS)
chart: setup ## what Helm makes of docker/chart, against Kubernetes' schemas and compose; needs npm and package indexes
	@$(MAKE) --no-print-directory -s run-tests \
	    ARGUMENTS="tests/docker/test_chart.py tests/docker/test_chart_rendered.py"

clean: ## remove caches; data, models and .venv stay
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage build dist
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
