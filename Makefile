# Every target works on a fresh machine with Python 3.11 to 3.13, make and git, and does nothing twice.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TIDEGATE_HOME ?= .tidegate
export TIDEGATE_HOME
# Compiled modules are what keeps a start at 2 seconds instead of 6.
unexport PYTHONDONTWRITEBYTECODE

SITE ?= build/site

# The extras that the image of deploy/docker has.
IN_IMAGE := alerts celery clouds files kubernetes lineage metrics mysql postgres s3 sftp shell

# What running the demo needs; and all extras with what tests, lint and docs need, which has the other within it.
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools
SYSTEM_PACKAGES := chromium libfaketime mariadb-server-core prometheus prometheus-alertmanager redis-server

# Workers take whole files, in the order that tests/conftest.py gives them: one worker a core. Of what is slow, some waits
# for daemons and machines instead of working, and a third worker works meanwhile.
PYTEST := $(BIN)/pytest --dist loadfile --no-loadscope-reorder
ISSUE_FORMS := $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))

.PHONY: help setup setup-all run test test-all test-rest dev lint format types lock clean benchmark docs package

help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Install what running needs, from the lock, into .venv.

setup-all: $(TOOLS) ## Install all extras too, and what tests, lint and docs need.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Tidegate needs Python 3.11 to 3.13; choose one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): deploy/local/requirements.lock pyproject.toml | $(BIN)/python
	sh deploy/local/install.sh $(BIN) deploy/local/requirements.lock
	touch $@

$(TOOLS): requirements.lock pyproject.toml | $(BIN)/python
	sh deploy/local/install.sh $(BIN) requirements.lock
	touch $(INSTALLED) $@

run: setup ## Run the demo shop, from landing to published figures: ten weeks until yesterday, or FROM=DAY TO=DAY.
	$(BIN)/tidegate demo tour $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO))

dev: setup ## Open the Dagster UI on 127.0.0.1:3000, with its daemon.
	exec $(BIN)/tidegate dev --port $${PORT:-3000}

test: setup-all ## Run the tests that need no system package and end in minutes.
	$(PYTEST) -n 2 -m "not system and not slow"

test-all: setup-all test-rest test ## Run all tests; those of the UI need Debian packages.

# In one go, so that all workers have something to do until the end.
test-rest: setup-all
	@missing=""; for package in $(SYSTEM_PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then echo "make test-all needs Debian packages. Install them with:"; \
		echo "  apt-get update && apt-get install --no-install-recommends -y$$missing"; exit 1; fi
	$(PYTEST) -n 3 -m "slow or system"

lint: setup-all ## Check format, style, imports, dead code, SQL and the files that the forge reads.
	$(BIN)/ruff format --check platform tests benchmarks docs
	$(BIN)/ruff check platform tests benchmarks docs
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/codespell -D- -D .words platform docs dbt_project contracts benchmarks README.md CONTRIBUTING.md CHANGELOG.md
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests platform/tidegate
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(ISSUE_FORMS)

format: setup-all ## Format Python and SQL.
	$(BIN)/ruff format platform tests benchmarks docs
	$(BIN)/ruff check --fix platform tests benchmarks docs
	$(BIN)/sqlfluff fix --disable-progress-bar dbt_project/models dbt_project/tests platform/tidegate

types: setup-all ## Check the types.
	$(BIN)/mypy

lock: setup-all ## Resolve what pyproject.toml adds into requirements.lock; with UPGRADE=1, all of it anew.
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --group docs --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url $(if $(UPGRADE),--upgrade) --custom-compile-command "make lock" --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --constraint requirements.lock --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file deploy/local/requirements.lock
	$(BIN)/uv pip compile pyproject.toml $(addprefix --extra ,$(IN_IMAGE)) --constraint requirements.lock --quiet --universal --python-version 3.12 \
		--generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file deploy/docker/requirements.lock

docs: setup-all ## Build the site of all documentation: build/site/index.html.
	$(BIN)/python -m tidegate.explain $(SITE)-source
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet $(SITE)-source $(SITE)

package: setup-all ## Build the wheel and the sdist into dist/.
	rm -rf dist
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist .

benchmark: setup-all ## Compare speed side by side with what one would pick instead.
	$(BIN)/python -m benchmarks

clean: ## Remove the environment, caches and what was built. Homes, data and archives stay.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dbt_project/target dbt_project/logs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
