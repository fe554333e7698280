# Everything here needs Python 3.11 or newer with pip and venv, and make; `make test-system` also PostgreSQL's
# binaries, PgBouncer, tinyproxy and Chromium.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test test-long test-system chaos contract year fuzz check audit benchmark benchmark-page lock clean

help:  ## Show what there is.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements.lock pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("reconciler needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)  ## A broken week of bookings, found and repaired before your eyes.
	@$(BIN)/reconciler demo

test: $(READY)  ## The tests; those below are deselected, and counted.
	$(BIN)/pytest -n 3 --dist worksteal -m 'not system and not long'

test-long: $(READY)  ## Those at full size or with long waits; `make test` has a short version.
	$(BIN)/pytest -n 2 --dist worksteal -m 'long and not system'

test-system: $(READY)  ## Those that need packages of the operating system (.ci/run installs them).
	$(BIN)/pytest -n 2 -m 'system and not long'

SEEDS ?= 20
contract: $(READY)  ## Each preset over 2,000 random databases: the scan finds what a plain loop finds.
	DATABASES=$(or $(DATABASES),2000) $(BIN)/pytest -n 2 --dist worksteal -m 'not system' tests/property/test_mapping_contract.py

chaos: $(READY)  ## Kills, lost answers, lying lists, by seed: SEEDS=200 takes forty minutes; FIRST=7 SEEDS=1 replays one.
	$(BIN)/python -m tests.chaos --seeds $(SEEDS) $(if $(FIRST),--first $(FIRST)) $(if $(RECORD),--record $(RECORD))

SEED ?= 1
year: $(READY)  ## A year of normal life with silences, of three venues: half an hour; SEED=2 ONLY=small plays one.
	$(BIN)/python -m tests.year --seed $(SEED) $(if $(ONLY),--only '$(ONLY)')

INPUTS ?= 2000
fuzz: $(READY)  ## Damaged files, servers, sinks, requests, numbers and templates, by seed: INPUTS=10000 for more.
	$(BIN)/python -m tests.fuzz --inputs $(INPUTS)

check: $(READY)  ## Lint, formatting, types, import contracts.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

AUDIT := $(VENV)/audit
audit: $(READY)  ## Known advisories about what the image installs (asks the package index's advisory service).
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.lock
	$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-run.lock
	$(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-build.lock

BOOKINGS ?= 1000000
benchmark: $(READY)  ## Scans, passes, repairs and the start, beside rivals: BOOKINGS=10000000, ONLY=scan. Writes docs/benchmarks.md.
	$(BIN)/python -m tests.benchmarks --bookings $(BOOKINGS) $(if $(ONLY),--only $(ONLY))

benchmark-page: $(READY)  ## How long --help and the page take, also under attack; how many passes the healthy need beside those that always fail.
	$(BIN)/python -m tests.benchmarks.help_speed
	$(BIN)/python -m tests.benchmarks.page
	$(BIN)/python -m tests.benchmarks.page_under_attack
	$(BIN)/python -m tests.benchmarks.poison

PIN := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-index-url \
  --no-emit-find-links --no-emit-trusted-host

lock: $(READY)  ## Pin every version anew, with hashes: for development, the image, building its wheel, and the audit.
	$(PIN) --upgrade --extra dev --extra sandbox -o requirements.lock pyproject.toml
	$(PIN) --upgrade --constraint requirements.lock -o requirements-run.lock pyproject.toml
	$(PIN) --upgrade --constraint requirements.lock --only-build-deps --build-deps-for wheel \
	  -o requirements-build.lock pyproject.toml
	echo pip-audit | $(PIN) --upgrade -o requirements-audit.lock -

clean:  ## Remove what make made.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
