# Every word runs on a fresh machine with Python 3.11, git and make.

PYTHON ?= python3.11
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test test-browser bench bench-scale check format lock clean

help: ## print these words
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

# Made anew, in place, whenever the locked requirements change.
.venv/installed: requirements-dev.txt
	@echo "Installing into .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch .venv/installed

run: .venv/installed ## start engines and server, make a demo on the first start; PORT=8000
	@$(BIN)/python -m insitechat.local

test: .venv/installed ## run all tests on engines of their own; ARGS="-k name" narrows
	@$(BIN)/python -m pytest --ignore tests/browser $(ARGS)

test-browser: .venv/installed ## run the browser tests; installs Chromium on Debian, as root
	@tests/browser/install
	@$(BIN)/python -m pytest tests/browser $(ARGS)

.venv/installed-bench: .venv/installed requirements-bench.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch .venv/installed-bench

bench: .venv/installed-bench ## measure the gate beside its peers; installs wrk on Debian, as root
	@benchmarks/install
	@$(BIN)/python -m benchmarks table $(ARGS)

bench-scale: .venv/installed-bench ## measure how the costs grow; ARGS="--only keys" for one curve
	@benchmarks/install
	@$(BIN)/python -m benchmarks scale $(ARGS)

check: .venv/installed ## lint, types, import direction, migrations, deployment settings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@SECRET_KEY=- DATABASE_URL=postgresql:///- REDIS_URL=redis://- $(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m insitechat.local.manage makemigrations --check --dry-run
	@$(BIN)/python -m insitechat.local.manage check --deploy --fail-level WARNING

format: .venv/installed ## put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## resolve the requirements anew, within pyproject.toml's bounds (needs uv)
	uv pip compile pyproject.toml --universal --upgrade --generate-hashes --no-header -q -o requirements.txt
	uv pip compile pyproject.toml --extra dev --universal --upgrade --generate-hashes --no-header -q -o requirements-dev.txt
	uv pip compile pyproject.toml --extra dev --extra bench --universal --upgrade --generate-hashes --no-header -q -o requirements-bench.txt

clean: ## remove the environment and all local data, databases included
	rm -rf .venv .data
