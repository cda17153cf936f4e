# All targets set up what they need first; setup/prepare says how.
.DEFAULT_GOAL := help
.PHONY: help run test lint format bench clean

PYTHON := .venv/bin/python
# Node may have been installed there, where the machine's own is missing or too old.
WITH_NODE := PATH="$(CURDIR)/.venv/bin:$$PATH"

# What touches the hot path, once more with Python's in place of the one in C.
PURE_TESTS = tests/unit/test_journal.py tests/unit/test_forked_account.py \
	tests/engine/test_tap.py tests/engine/test_watch.py tests/engine/test_forking.py \
	tests/engine/test_capture.py

JS_TESTS = $(shell find tests/js -name '*.test.js' 2>/dev/null)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## serve the panel at http://127.0.0.1:5080
	@setup/prepare panel
	@exec $(PYTHON) -m app

test: ## run all tests
	@setup/prepare tests
	$(if $(JS_TESTS),$(WITH_NODE) node --test $(JS_TESTS))
	$(WITH_NODE) SOCKETDECK_BROWSER="$$(cat .cache/browser)" $(PYTHON) -m pytest $(ARGS)
	$(if $(ARGS),,SOCKETDECK_PURE=1 $(PYTHON) -m pytest -q $(PURE_TESTS))

lint: ## check style and types: ruff, mypy, tsc
	@setup/prepare lint
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(WITH_NODE) node_modules/.bin/tsc --project tsconfig.json

format: ## let ruff lay out the code and mend what it can
	@setup/prepare lint
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

bench: ## measure against stock socketserver
	@setup/prepare bench
	$(PYTHON) -m benchmarks $(ARGS)

clean: ## remove what the set-up and the tests made; the panel's data stay
	rm -rf .venv .cache node_modules static/vendor
	rm -f src/socketdeck/hot/_native.*so
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
