# Works with GNU make 3.81 and later. Everything runs in .venv, which is made from requirements.lock when needed.
PYTHON ?= python3
ARGS ?=
# dvc.yaml and our own scripts say `python`: inside a recipe that is .venv's.
IN_VENV = PATH="$(CURDIR)/.venv/bin:$$PATH"

.PHONY: help train repro-check retrain-check test test-long coverage faults planted mutants check figures lock upgrade image push-image base-image venv torch
.PHONY: crate clean demo example
.DEFAULT_GOAL := help

help:
	@echo "make demo         environment, then what a run is worth: train, change, replay, compare, report; a minute, no network"
	@echo "make train        environment, data, then a training run on this machine; make train ARGS=\"epochs=2\""
	@echo "make repro-check  replay the newest run: identical, equivalent or different; ARGS as src/replay.py takes them"
	@echo "make retrain-check  whether a model trained on new data beats the old one, on both test sets, with the uncertainty"
	@echo "make test         environment, then the tests, containers too; make test ARGS=\"tests/contract/test_plan.py\""
	@echo "make test-long    the tests that make test leaves out: whole trainings, sweeps and bursts of minutes together"
	@echo "make coverage     the same tests, and how much of src/ they execute, subprocesses included"
	@echo "make faults       200 kills and disturbances of runs, replays, sweeps, exports and syncs; none may do harm"
	@echo "make planted      a hundred secrets planted around a training; none may be in what is left"
	@echo "make mutants      break the code in one place at a time and see that a test fails; ARGS as tools/mutants.py takes them"
	@echo "make check        style, types, locks and import rules"
	@echo "make example      docs/example from a run of the demonstration on the code of the last commit"
	@echo "make figures      the tables and screenshots of README and docs; make figures ARGS=\"tune\" measures that one first"
	@echo "make venv         the environment alone; make venv PYTHON=python3.12"
	@echo "make image        the training image; make base-image its base, where none can be pulled"
	@echo "make push-image   the same with CUDA, into your AWS registry; KIND=cpu without; docs/cloud.md says what it needs"
	@echo "make lock         requirements*.txt into requirements*.lock, versions kept; make upgrade moves them"
	@echo "make torch        PyTorch, for program=script and the benchmarks; PIP_EXTRA_INDEX_URL names its CPU index"
	@echo "make crate        the validator of exported archives, in tests/.venv; make test makes it too"
	@echo "make clean        remove caches (never data/ or runs/)"

demo: .venv/installed
	@$(IN_VENV) python tools/demo.py $(ARGS)

train: .venv/installed
	@$(IN_VENV) python src/fetch.py
	@$(IN_VENV) python src/train.py mode=local $(ARGS)

repro-check: .venv/installed
	@$(IN_VENV) python src/replay.py last $(ARGS)

retrain-check: .venv/installed
	@$(IN_VENV) python src/retrain_check.py $(ARGS)

PYTEST = python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test: .venv/installed crate
	@$(IN_VENV) $(PYTEST) -m "not long" $(ARGS)

test-long: .venv/installed crate
	@$(IN_VENV) $(PYTEST) -m long $(ARGS)

# The table comes last, also after failed tests, whose exit status is kept.
coverage: .venv/installed crate
	@rm -rf .coverage_cache
	@$(IN_VENV) coverage run -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS); status=$$?; \
		$(IN_VENV) python tools/coverage_table.py && exit $$status

check: .venv/installed
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) mypy --strict src
	@$(IN_VENV) mypy --cache-dir .mypy_cache/scripts tests tools benchmarks
	@$(IN_VENV) python tools/lock.py --check
	@if grep -q '^\[tool.importlinter\]' pyproject.toml; then \
		$(IN_VENV) PYTHONPATH=src lint-imports --cache-dir .import_linter_cache; fi

faults: .venv/installed
	@$(IN_VENV) python tools/faults.py $(ARGS)

planted: .venv/installed
	@$(IN_VENV) python tools/planted.py $(ARGS)

mutants: .venv/installed crate
	@$(IN_VENV) python tools/mutants.py $(ARGS)

example: .venv/installed
	@$(IN_VENV) python tools/example.py

figures: .venv/installed
	@$(IN_VENV) python tools/figures.py $(ARGS)

venv: .venv/installed
	@echo "Environment: .venv is ready."

.venv/installed: requirements.lock
	@MAKECMDGOALS="$(MAKECMDGOALS)" sh tools/venv.sh "$(PYTHON)"

# The environment that program=script makes for itself; the benchmarks find it in benchmarks/.venv.
torch: .venv/installed
	@$(IN_VENV) python tools/environment.py script benchmarks/.venv

# It needs another version of rich than Comet does.
crate: tests/.venv/installed

tests/.venv/installed: tests/requirements-crate.lock .venv/installed
	@.venv/bin/python -m venv --clear tests/.venv
	@tests/.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

lock: .venv/installed
	@$(IN_VENV) python tools/lock.py

upgrade: .venv/installed
	@$(IN_VENV) python tools/lock.py --upgrade $(ARGS)

image:
	@sh tools/image.sh

push-image: .venv/installed
	@$(IN_VENV) python src/push_image.py $(KIND) $(ARGS)

base-image:
	@sh tools/base_image.sh

clean:
	rm -rf .coverage_cache .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . \( -name .git -o -name .dvc -o -path ./.venv -o -path ./data -o -path ./runs \) -prune \
		-o -name __pycache__ -type d -prune -exec rm -rf {} +
